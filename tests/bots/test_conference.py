"""The greeter of a group call."""

import logging

import pytest

from bots.conference import MENU, bot
from dialtone.testing import Step, dial, drop, hang_up, press, roster, silence

OTHERS = ("8:lars", "8:ines")


async def test_it_counts_those_who_are_there() -> None:
    call = await dial(bot, press("1"), press("2"), others=OTHERS, subject="Lunch")
    three = "There are 3 of you."
    assert call.said == ["Welcome to Lunch.", three, MENU.text, three, MENU.text, "Goodbye."]


async def test_it_follows_who_joins_and_who_leaves(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bots.conference")
    steps = [roster("8:nora", "28:bot"), press("1"), roster("8:nora", "8:omar", *OTHERS, "28:bot"), press("1")]
    call = await dial(bot, *steps, press("2"), others=OTHERS)
    assert call.said[0] == "Welcome to this conference."
    assert [text for text in call.said if text.endswith(("you.", "alone."))] == [
        "There are 3 of you.",
        "You are alone.",
        "There are 4 of you.",
    ]
    assert caplog.messages == ["2 are in the conference", "5 are in the conference"]


async def test_silence_is_no_reason_to_leave() -> None:
    call = await dial(bot, *[silence()] * 10, others=OTHERS)
    assert call.asking is not None
    assert call.seconds > 300


@pytest.mark.parametrize(("step", "ended_by"), [(hang_up(), "caller"), (drop(), "lost")])
async def test_the_conference_ends(step: Step, ended_by: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bots.conference")
    assert (await dial(bot, step, others=OTHERS)).ended_by == ended_by
    assert "the conference is over" in caplog.messages


async def test_a_call_of_two_is_no_conference() -> None:
    assert (await dial(bot)).said == ["Please add me to a group call."]
