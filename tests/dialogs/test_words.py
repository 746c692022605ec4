"""Words that are called and not awaited."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dialtone import Call
from dialtone.dialogs.words import Word
from dialtone.errors import DialogError
from tests.dialogs.line import APOLOGY, KEYS, SILENCE, Line, chose, hello, said

Dialog = Callable[[Call], Awaitable[Any]]


async def world() -> int:
    return 1


async def at_a_question(call: Call) -> None:
    call.say("Hello.")
    call.choose("Forgotten?", KEYS)  # forgotten
    await call.choose("Which?", KEYS)


async def at_an_activity(call: Call) -> None:
    call.say("Hello.")
    call.run(world)  # forgotten
    await call.run(world)


async def at_the_end(call: Call) -> None:
    call.say("Hello.")
    call.record("Speak.")  # forgotten


async def before_a_replacement(call: Call) -> None:
    call.say("Hello.")
    call.transfer("8:desk")  # forgotten
    call.replace("other")


async def in_a_helper(call: Call) -> None:
    call.say("Hello.")
    await helper(call)
    await call.choose("Which?", KEYS)


async def helper(call: Call) -> None:
    call.user_data()  # forgotten


async def taken_for_an_answer(call: Call) -> None:
    call.say("Hello.")
    if call.confirm("Sure?"):  # type: ignore[truthy-bool]  # forgotten
        await call.transfer("8:desk")


async def begun(call: Call) -> None:
    call.say("Hello.")
    call.begin("other")  # forgotten


@pytest.mark.parametrize(
    ("dialog", "word"),
    [
        (at_a_question, "choose"),
        (at_an_activity, "run"),
        (at_the_end, "record"),
        (before_a_replacement, "transfer"),
        (in_a_helper, "user_data"),
        (taken_for_an_answer, "confirm"),
        (begun, "begin"),
    ],
)
def test_a_forgotten_await_is_named_with_its_line(dialog: Dialog, word: str) -> None:
    turn = Line(dialog, other=hello).ring()
    assert said(turn) == ["Hello.", APOLOGY]
    assert isinstance(turn.error, DialogError)
    assert f"{word} was called and not awaited" in turn.error.message
    assert f"await call.{word}(...)" in turn.error.fix
    assert turn.error.field == word
    assert line_of(turn.error.message).rstrip().endswith("# forgotten")


def line_of(text: str) -> str:
    """The line of this file that a text names."""
    found = re.search(r"([^( ]*test_words\.py):(\d+)", text)
    assert found is not None, text
    return Path(found[1]).read_text().splitlines()[int(found[2]) - 1]


def test_a_forgotten_await_is_found_when_the_dialog_is_run_again() -> None:
    async def dialog(call: Call) -> None:
        if await call.choose("Which?", KEYS, retries=0) is None:
            call.choose("Forgotten?", KEYS)
        await call.choose("And?", KEYS)

    line = Line(dialog)
    line.ring()
    assert isinstance(line.send(SILENCE).error, DialogError)


def test_a_word_may_be_awaited_later() -> None:
    async def dialog(call: Call) -> None:
        question = call.choose("Which?", KEYS)
        call.say("Hello.")
        call.say(f"{await question}")

    line = Line(dialog)
    assert said(line.ring()) == ["Hello."]
    assert said(line.send(chose("yes"))) == ["yes"]


def test_a_word_is_awaited_once() -> None:
    async def dialog(call: Call) -> None:
        question = call.choose("Which?", KEYS)
        await question
        await question

    line = Line(dialog)
    line.ring()
    turn = line.send(chose("yes"))
    assert isinstance(turn.error, DialogError)
    assert "choose was awaited before" in turn.error.message
    assert "test_words.py:" in turn.error.message
    assert turn.error.fix


def test_a_word_does_nothing_until_it_is_awaited() -> None:
    ran: list[int] = []

    async def function() -> None:
        ran.append(1)

    async def dialog(call: Call) -> None:
        call.run(function)

    Line(dialog).ring()
    assert ran == []


def test_a_word_has_the_name_and_the_words_of_its_method() -> None:
    assert Call.choose.__name__ == "choose"
    assert "Ask for one of `choices`" in (Call.choose.__doc__ or "")


def test_a_word_knows_its_place() -> None:
    seen: list[Any] = []

    async def dialog(call: Call) -> None:
        word = call.choose("Which?", KEYS)
        seen.append(word)
        await word

    Line(dialog).ring()
    (word,) = seen
    assert isinstance(word, Word)
    assert (word.name, word.place.split(", ")[-1]) == ("choose", f"in {dialog.__qualname__}")
