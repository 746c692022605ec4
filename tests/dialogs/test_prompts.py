"""Prompts: what an author writes, and what is sent."""

from dataclasses import fields

import pytest

from dialtone import Call, Notices, Prompt
from dialtone.dialogs import prompts
from dialtone.dialogs.prompts import as_prompt
from dialtone.errors import WorkflowError
from dialtone.protocol import SayAs, VoiceGender, rules
from tests.dialogs.line import Line, said


def test_everything_is_sent_but_the_name_and_whether_it_is_secret() -> None:
    prompt = Prompt("welcome", "Hello.", VoiceGender.FEMALE, 500, SayAs.CARDINAL, True, secret=True)
    sent = prompt.to_protocol()
    assert sent.blob_name == "welcome"
    assert sent.to_wire() == {
        "value": "Hello.",
        "voice": "female",
        "silenceLengthInMilliseconds": 500,
        "sayAs": "cardinal",
        "emphasize": True,
    }
    assert len(fields(Prompt)) == 7


def test_what_is_empty_is_left_out() -> None:
    assert Prompt(silence_ms=10).to_protocol().to_wire() == {"silenceLengthInMilliseconds": 10}
    assert Prompt(text="Hello.").to_protocol().blob_name is None


def test_a_text_is_a_prompt_without_a_name() -> None:
    prompt = Prompt("a", "A.")
    assert as_prompt(prompt) is prompt
    assert as_prompt("Hello.") == Prompt(text="Hello.")


@pytest.mark.parametrize(
    ("prompt", "identity"), [(Prompt("a", "A."), "a"), (Prompt("a", "Other."), "a"), (Prompt(text="A."), "A.")]
)
def test_the_name_tells_prompts_apart(prompt: Prompt, identity: str) -> None:
    assert prompt.identity == identity


def test_what_the_kit_says_by_itself_can_be_said_and_replaced() -> None:
    own = {prompts.APOLOGY, *(prompt for _, prompt in Notices().all())}
    assert len(own) == 6, "silence at a question and in a recording are told by the same notice"
    for prompt in own:
        rules.check_prompt(prompt.to_protocol())
    assert len({prompt.name for prompt in own} - {""}) == 6


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        (Prompt(), "PROMPT_EMPTY"),
        (Prompt("only-a-name"), "PROMPT_EMPTY"),
        ("x" * 2049, "PROMPT_TEXT_TOO_LONG"),
        (Prompt(text="A.", silence_ms=60_001), "PROMPT_SILENCE_RANGE"),
    ],
)
def test_a_prompt_that_cannot_be_said_is_refused_where_it_is_said(prompt: Prompt | str, code: str) -> None:
    refused: list[WorkflowError] = []

    async def dialog(call: Call) -> None:
        try:
            call.say("First.", prompt)
        except WorkflowError as error:
            refused.append(error)
            call.say("Second.")

    assert said(Line(dialog).ring()) == ["Second."]
    assert (refused[0].code, refused[0].field[:21]) == (code, "playPrompt.prompts.1.")


def test_say_without_anything_is_refused() -> None:
    async def dialog(call: Call) -> None:
        call.say()

    error = Line(dialog).ring().error
    assert isinstance(error, WorkflowError)
    assert error.code == "PROMPTS_EMPTY"
