"""The language of a call, and the texts in it."""

from typing import Any

import pytest

from dialtone import Call, CallBot, Defaults, Prompt, translations
from dialtone.protocol import Recognize, Record
from tests.dialogs.line import KEYS, SILENCE, Line, chose, kinds, said, unrecorded

CATALOG = {
    "de": {
        "Hello.": "Hallo.",
        "Which?": "Was?",
        "yes": "ja",
        "That's an invalid option.": "Falsche Taste.",
        "I couldn't hear anything.": "Ich habe nichts gehört.",
        "I'm sorry. Something went wrong. Please call again later.": "Leider ging etwas schief.",
    },
    "de-AT": {"Hello.": "Servus."},
    "FR": {"Hello.": "Bonjour."},
}
LOCALIZE = translations(CATALOG)


@pytest.mark.parametrize(
    ("language", "text", "found"),
    [
        ("de", "Hello.", "Hallo."),
        ("DE", "Hello.", "Hallo."),
        ("de-AT", "Hello.", "Servus."),
        ("de-at", "Which?", "Was?"),
        ("de-CH", "Hello.", "Hallo."),
        ("de-Latn-CH", "Hello.", "Hallo."),
        ("fr", "Hello.", "Bonjour."),
        ("fr", "Which?", None),
        ("en", "Hello.", None),
        ("", "Hello.", None),
        ("deutsch", "Hello.", None),
        ("-", "Hello.", None),
    ],
)
def test_translations(language: str, text: str, found: str | None) -> None:
    assert LOCALIZE(language, text) == found


def test_a_catalog_may_change_afterwards() -> None:
    catalog = {"de": {"Hello.": "Hallo."}}
    localize = translations(catalog)
    catalog["de"]["Hello."] = "Tag."
    assert localize("de", "Hello.") == "Hallo."


def line_of(dialog: Any, **options: Any) -> Line:
    bot = CallBot(localize=LOCALIZE, **options)
    bot.incoming(dialog)
    return Line(bot)


def speaking(language: str | None) -> dict[str, Any]:
    """A call of somebody who speaks a language."""
    caller = {"identity": "8:nora", "originator": True}
    members = [caller | ({"languageId": language} if language else {}), {"identity": "28:bot", "originator": False}]
    return {"participants": members}


async def greets(call: Call) -> None:
    call.say("Hello.", Prompt("name", "Hello."))
    await call.choose("Which?", {"yes": ["1", "yes"], "no": ["2", "no thanks"]})


@pytest.mark.parametrize(
    ("language", "hello"), [("de", "Hallo."), ("de-AT", "Servus."), ("en-US", "Hello."), (None, "Hello.")]
)
def test_the_callers_language(language: str | None, hello: str) -> None:
    turn = line_of(greets).ring(**speaking(language))
    assert said(turn) == [hello, hello]
    question = turn.actions[-1]
    assert isinstance(question, Recognize)
    assert question.play_prompt is not None
    assert question.play_prompt.prompts[0].blob_culture == language
    assert question.choices is not None
    german = (language or "").startswith("de")
    assert [option.speech_variation for option in question.choices] == [["ja" if german else "yes"], ["no thanks"]]
    assert [option.name for option in question.choices] == ["yes", "no"], "names are the program's"


async def switches(call: Call) -> None:
    call.say("Hello.")
    call.language = "de"
    call.say("Hello.")
    choice = await call.choose("Which?", KEYS)
    call.say(f"{call.language}")
    call.language = "fr" if choice == "yes" else ""
    call.say("Hello.", f"{call.language}")
    await call.choose("Which?", KEYS)
    call.say("Hello.")


@pytest.mark.parametrize(("choice", "after"), [("yes", ["Bonjour.", "fr"]), ("no", ["Hello.", "en-US"])])
def test_a_dialog_chooses_another(choice: str, after: list[str]) -> None:
    line = line_of(switches)
    assert said(line.ring()) == ["Hello.", "Hallo."]
    assert said(line.send(chose(choice))) == ["de", *after]
    assert said(line.send(chose("yes"))) == after[:1]


def test_it_stays_when_the_dialog_is_replaced() -> None:
    bot = CallBot(localize=LOCALIZE)

    @bot.incoming
    async def dialog(call: Call, number: int = 0) -> None:
        if number == 0:
            call.language = "de"
        call.say("Hello.")
        await call.choose("Which?", KEYS)
        call.replace("/", number=number + 1)

    line = Line(bot)
    for turn in (line.ring(), line.send(chose("yes")), line.send(chose("yes"))):
        assert said(turn) == ["Hallo."]


def test_notices_and_the_apology_are_in_it() -> None:
    async def dialog(call: Call) -> None:
        call.language = "de"
        await call.choose("Which?", KEYS, retries=1)
        raise ValueError

    line = line_of(dialog)
    line.ring()
    assert said(line.send(SILENCE)) == ["Ich habe nichts gehört."]
    assert said(line.send(SILENCE)) == ["Leider ging etwas schief."]


def test_a_question_is_asked_again_in_the_language_that_it_was_asked_in() -> None:
    async def dialog(call: Call) -> None:
        call.language = "de"
        await call.record("Hello.", retries=1)

    line = line_of(dialog)
    for turn in (line.ring(), line.send(unrecorded())):
        action = turn.actions[-1]
        assert isinstance(action, Record)
        assert action.play_prompt is not None
        assert action.play_prompt.prompts[0].value == "Hallo."


def test_the_language_of_a_call_may_be_unknown() -> None:
    seen: list[str | None] = []

    async def dialog(call: Call) -> None:
        seen.append(call.language)

    line_of(dialog).ring(**speaking(None))
    assert seen == [None]


def test_a_translation_that_cannot_be_spoken_is_refused_at_its_word() -> None:
    bot = CallBot(localize=lambda language, text: "x" * 5000 if text == "Hello." else None)
    seen: list[str] = []

    @bot.incoming
    async def dialog(call: Call) -> None:
        try:
            call.say("Hello.")
        except Exception as error:
            seen.append(type(error).__name__)

    assert kinds(Line(bot).ring()) == ["reject"]
    assert seen == ["WorkflowError"]


def test_a_voice_of_the_bot_is_that_of_translated_prompts_too() -> None:
    turn = line_of(greets, defaults=Defaults(voice="female")).ring(**speaking("de"))  # type: ignore[arg-type]
    assert {prompt["voice"] for prompt in turn.actions[1].to_wire()["prompts"]} == {"female"}
