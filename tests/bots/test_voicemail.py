"""The voicemail box: every way through it."""

import pytest

from bots.voicemail import LEAVE, MENU, bot
from dialtone.testing import Step, dial, fail, hang_up, press, silence, speak

WELCOME = "Nobody can take your call now."
SAVED = "Your message is saved. Goodbye."
MESSAGE = speak("Hello, this is Nora.", seconds=3)


@pytest.mark.parametrize("keep", [[press("3")], [silence()] * 3])
async def test_a_message_is_saved(keep: list[Step]) -> None:
    call = await dial(bot, MESSAGE, press("#"), *keep)
    assert (call.said[:3], call.said[-1]) == ([WELCOME, LEAVE.text, MENU.text], SAVED)
    ((path, _),) = call.recordings
    assert call.world.user_data() == {"message": path}


async def test_a_message_is_played() -> None:
    call = await dial(bot, MESSAGE, press("#"), press("1"), press("3"))
    ((path, _),) = call.recordings
    play, menu = call.workflows[2]["actions"]
    assert (play["prompts"], menu["action"]) == ([{"fileUri": f"recording:{path}"}], "recognize")


async def test_a_message_is_recorded_again_and_the_second_counts() -> None:
    call = await dial(bot, MESSAGE, press("#"), press("2"), speak("Nora again."), press("#"), press("3"))
    (first, _), (second, _) = call.recordings
    assert first != second
    assert call.world.user_data() == {"message": second}


async def test_a_message_is_recorded_again_and_then_it_is_not() -> None:
    call = await dial(bot, MESSAGE, press("#"), press("2"), silence(), silence(), silence())
    assert call.said[-1] == "There is no message. Goodbye."
    assert call.world.user_data() == {}


async def test_no_message() -> None:
    call = await dial(bot, silence(), silence(), silence())
    assert call.said[-1] == "There is no message. Goodbye."


async def test_a_message_that_is_too_long_to_be_played_is_described() -> None:
    call = await dial(bot, speak("A long story.", seconds=17), press("#"), press("1"))
    assert call.said[-2:] == ["Your message is too long to be played here. It has 17 seconds.", MENU.text]


async def test_the_platform_cannot_fetch_the_message() -> None:
    call = await dial(bot, MESSAGE, press("#"), press("1"), fail(), press("3"))
    assert call.said[-3:] == ["Your message cannot be played now.", MENU.text, SAVED]


async def test_a_caller_who_hangs_up() -> None:
    call = await dial(bot, MESSAGE, hang_up())
    assert (call.ended_by, len(call.recordings), call.world.user_data()) == ("caller", 1, {})
