"""The museum: in the caller's language, and in the other one."""

import pytest

from bots.bilingual import GERMAN, GOODBYE, HOURS, MENU, WELCOME, bot
from dialtone.dialogs.options import NOTICES
from dialtone.dialogs.prompts import APOLOGY
from dialtone.testing import Step, dial, press, silence, speak

GERMAN_CALLERS = ["de", "de-AT", "DE-ch"]
OTHERS = ["en-US", "fr", None]


@pytest.mark.parametrize("language", GERMAN_CALLERS)
@pytest.mark.parametrize("step", [press("1"), speak("Zeiten, bitte")])
async def test_in_german(language: str, step: Step) -> None:
    call = await dial(bot, step, language=language)
    assert call.said == [GERMAN[text] for text in (WELCOME.text, MENU.text, HOURS.text, GOODBYE.text)]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("step", [press("1"), speak("opening hours")])
async def test_in_english(language: str | None, step: Step) -> None:
    call = await dial(bot, step, language=language)
    assert call.said == [WELCOME.text, MENU.text, HOURS.text, GOODBYE.text]


async def test_there_and_back() -> None:
    call = await dial(bot, press("9"), press("9"), press("9"), press("1"))
    menus = [MENU.text, GERMAN[MENU.text]] * 2
    assert call.said == [WELCOME.text, *menus, GERMAN[HOURS.text], GERMAN[GOODBYE.text]]


async def test_operators_prompts_are_looked_up_in_the_language_of_the_moment() -> None:
    call = await dial(bot, press("9"), press("1"), language="en-US")
    cultures = [
        (prompt.blob_name, prompt.blob_culture)
        for turn in call.turns
        for action in turn.actions
        for prompt in getattr(getattr(action, "play_prompt", action), "prompts", ())
    ]
    assert cultures == [("welcome", "en"), ("menu", "en"), ("menu", "de"), ("hours", "de"), ("goodbye", "de")]


async def test_a_caller_who_says_nothing_is_told_so_in_german() -> None:
    call = await dial(bot, silence(), press("5"), speak("Tickets"), language="de-DE")
    assert call.said[2::2] == ["Ich habe nichts gehört.", "Diese Taste ist nicht belegt.", GERMAN[GOODBYE.text]]


def test_all_that_the_kit_says_by_itself_is_translated() -> None:
    asked = [NOTICES.recognize_silence, NOTICES.invalid_dtmf, NOTICES.invalid_recognize, APOLOGY]
    assert all(prompt.text in GERMAN for prompt in asked)
