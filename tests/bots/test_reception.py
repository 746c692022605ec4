"""The reception: every way through it."""

import pytest

from bots.reception import MENU, bot
from dialtone import ActionFailed
from dialtone.testing import Step, connect, decline, dial, fail, hang_up, press, silence, speak

WELCOME = ["Welcome to Contoso.", MENU.text]
RECORD = "Please speak after the tone, then press the hash key."


@pytest.mark.parametrize("step", [press("2"), speak("I want to leave a message")])
async def test_a_message(step: Step) -> None:
    call = await dial(bot, step, speak("Hello, this is Nora.", seconds=3.5), press("#"))
    assert call.said == [*WELCOME, RECORD, "Thank you. 4 seconds saved.", "Goodbye."]
    assert [seconds for _, seconds in call.recordings] == [3.5]
    assert call.ended_by == "bot"
    record = call.workflows[1]["actions"][-1]
    assert (record["action"], record["stopTones"], record["maxDurationInSeconds"]) == ("record", ["#"], 120)


@pytest.mark.parametrize("step", [press("1"), speak("sales, please")])
async def test_a_transfer(step: Step) -> None:
    call = await dial(bot, step, connect())
    assert call.said == [*WELCOME, "One moment, please."]
    assert call.workflows[1]["actions"][-1]["target"]["identity"] == "8:sales.contoso"
    assert call.ended_by == "transfer"


async def test_a_transfer_that_fails_ends_in_the_voicemail_box() -> None:
    call = await dial(bot, press("1"), decline(), speak("Hello."), press("#"))
    assert call.said[2:] == [
        "One moment, please.",
        "Nobody in sales can take your call now.",
        RECORD,
        "Thank you. 1 seconds saved.",
        "Goodbye.",
    ]


async def test_a_caller_who_says_nothing() -> None:
    call = await dial(bot, silence(), press("7"), silence())
    notices = ["I couldn't hear anything.", MENU.text, "That's an invalid option.", MENU.text]
    assert call.said == [*WELCOME, *notices, "Goodbye."]


async def test_a_message_that_is_empty() -> None:
    call = await dial(bot, press("2"), silence(), silence(), silence())
    assert call.said.count(RECORD) == 3
    assert (call.said[-1], call.recordings) == ("Goodbye.", [])


@pytest.mark.parametrize("steps", [[], [press("1")], [press("1"), decline()], [press("2")]])
async def test_a_caller_who_hangs_up(steps: list[Step]) -> None:
    call = await dial(bot, *steps, hang_up())
    assert call.ended_by == "caller"
    assert len(call.workflows) == len(steps) + 1


async def test_a_caller_who_hangs_up_instead_of_pressing_the_hash_key() -> None:
    call = await dial(bot, press("2"), speak("Hello, this is Nora."), hang_up())
    assert (len(call.recordings), call.ended_by) == (1, "caller")


async def test_a_prompt_that_cannot_be_played() -> None:
    with pytest.raises(ActionFailed, match="no such file"):
        await dial(bot, fail("no such file"))
