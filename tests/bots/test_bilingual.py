"""The museum: in the caller's language, and in the other one."""

import pytest

from bots.bilingual import GERMAN, GOODBYE, HOURS, MENU, WELCOME, bot
from dialtone.dialogs.options import NOTICES
from dialtone.dialogs.prompts import APOLOGY
from dialtone.testing import Step, dial, press, silence, speak
from tests.functions.rig import Rig, chose, conversation, result, said

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


async def test_what_operators_upload_for_a_language_is_heard_in_it() -> None:
    rig = Rig(bot)
    await rig.storage.prompts.put("hours.de.txt", b"Heute geschlossen.")
    await rig.storage.prompts.put("goodbye.txt", "Tschüss.".encode())
    rig.now += 1
    for language, heard in [("de-AT", ["Heute geschlossen.", "Tschüss."]), ("en", [HOURS.text, "Tschüss."])]:
        members = [{"identity": "8:nora", "languageId": language, "originator": True}]
        call = f"call-{language}"
        asked = await rig.post(conversation(call, participants=members), message_id=f"{call}-0")
        answered = await rig.post(result(asked, chose("hours"), call=call), message_id=f"{call}-1")
        assert said(answered) == heard


async def test_a_caller_who_says_nothing_is_told_so_in_german() -> None:
    call = await dial(bot, silence(), press("5"), speak("Tickets"), language="de-DE")
    assert call.said[2::2] == ["Ich habe nichts gehört.", "Diese Taste ist nicht belegt.", GERMAN[GOODBYE.text]]


def test_all_that_the_kit_says_by_itself_is_translated() -> None:
    asked = [NOTICES.recognize_silence, NOTICES.invalid_dtmf, NOTICES.invalid_recognize, APOLOGY]
    assert all(prompt.text in GERMAN for prompt in asked)
