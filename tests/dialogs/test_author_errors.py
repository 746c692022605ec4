"""What an author gets wrong: each error names the line of the bot, and the fix."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dialtone import Call, Prompt
from dialtone.errors import DialogError, DialtoneError
from tests.dialogs.line import KEYS, Line, bot_of, chose, hello

Dialog = Callable[..., Awaitable[Any]]
HERE = Path(__file__)


async def world() -> int:
    return 1


async def sleeps(call: Call) -> None:
    await asyncio.sleep(0)  # here


async def awaits_a_future(call: Call) -> None:
    await asyncio.get_running_loop().create_future()  # here


async def awaits_in_a_helper(call: Call) -> None:
    await sleeps(call)  # here too


async def forgets(call: Call) -> None:
    call.choose("Which?", KEYS)  # here
    await call.run(world)


async def begins_what_is_not_there(call: Call) -> None:
    await call.begin("nowhere")  # here


async def replaces_by_what_is_not_there(call: Call) -> None:
    call.replace("nowhere")  # here


async def same_key_twice(call: Call) -> None:
    await call.choose("Which?", {"sales": "1", "service": "1"})  # here


async def choices_in_a_text(call: Call) -> None:
    await call.choose("Which?", "12")  # type: ignore[arg-type]  # here


async def choices_in_a_list(call: Call) -> None:
    await call.recognize("Which?", choices=["yes", "no"])  # type: ignore[arg-type]  # here


async def a_number_for_a_key(call: Call) -> None:
    await call.choose("Which?", {"a": 1})  # type: ignore[dict-item]  # here


async def two_digits_for_a_key(call: Call) -> None:
    await call.choose("Which?", {"a": "12"})  # here


async def asks_less_than_once(call: Call) -> None:
    await call.confirm("Sure?", retries=-1)  # here


async def runs_a_coroutine(call: Call) -> None:
    await call.run(nothing())  # type: ignore[arg-type]  # here


async def places_to_nobody(call: Call) -> None:
    await call.place("nora")  # here


async def asks_in_a_condition(call: Call) -> None:
    if call.confirm("Sure?"):  # type: ignore[truthy-bool]  # here
        call.say("Sure.")


async def takes_data_at_once(call: Call) -> None:
    call.user_data()["visits"] = 1  # type: ignore[index]  # here


async def a_text_for_a_name(call: Call) -> None:
    call.say(Prompt("Welcome to the bakery."))  # here


async def nothing() -> None:
    """What a dialog may run."""


async def two_keys(call: Call) -> None:
    await call.choose("Which?", {"sales": ["1", "2"]})  # here


async def awaits_what_is_queued(call: Call) -> None:
    await call.say("Hello.")  # type: ignore[func-returns-value, misc]  # here


async def awaits_a_hang_up(call: Call) -> None:
    await call.hang_up()  # type: ignore[func-returns-value, misc]  # here


async def passes_an_object(call: Call) -> None:
    await call.run(len, object())  # type: ignore[arg-type]  # here


async def says_nothing(call: Call) -> None:
    call.say("")  # here


async def goes_next(call: Call) -> None:
    call.next()  # here


async def fails(call: Call) -> None:
    raise LookupError("a bug")  # here


def told(error: Exception | None) -> str:
    """All that an error says: its text, its notes and the fix."""
    assert error is not None
    parts = [str(error), *getattr(error, "__notes__", ()), getattr(error, "fix", "")]
    return "\n".join(parts)


@pytest.mark.parametrize(
    ("dialog", "what", "fix"),
    [
        (sleeps, "can await only its call's questions, not NoneType", "await call.run(function, ...)"),
        (awaits_a_future, "can await only its call's questions, not Future", "await call.run(function, ...)"),
        (awaits_in_a_helper, "can await only its call's questions", "await call.run(function, ...)"),
        (forgets, "choose was called and not awaited", "await call.choose(...)"),
        (begins_what_is_not_there, "no dialog named 'nowhere'", "known are '/', 'hello'"),
        (replaces_by_what_is_not_there, "no dialog named 'nowhere'", "known are '/', 'hello'"),
        (same_key_twice, "the key '1' selects 'sales' and 'service'", "a key of its own"),
        (choices_in_a_text, "choices are not names", '"sales": ("1", "sales")'),
        (choices_in_a_list, "choices are not names", '"sales": ("1", "sales")'),
        (a_number_for_a_key, "'a' is no key and no word", '"sales": ("1", "sales")'),
        (two_digits_for_a_key, "'12' of the choice 'a' is more than one key", "call.digits"),
        (asks_less_than_once, "-1 retries", "0 to ask once"),
        (runs_a_coroutine, "given coroutine and not a function", "without calling it"),
        (places_to_nobody, "'nora' is nobody's identity", "8:name"),
        (asks_in_a_condition, "confirm was called and not awaited", "await call.confirm"),
        (takes_data_at_once, "user_data was called and not awaited", "await call.user_data"),
        (a_text_for_a_name, "a prompt has a text", 'Prompt("name", "text")'),
        (two_keys, "has 2 keys", "make it a choice for each key"),
        (awaits_what_is_queued, "await", "write them without await"),
        (awaits_a_hang_up, "await", "write them without await"),
        (passes_an_object, "is not JSON", "text, numbers, lists or dicts"),
        (says_nothing, "playPrompt", ""),
        (goes_next, "steps of a waterfall", "return from the dialog"),
        (fails, "a bug", ""),
    ],
)
async def test_an_error_names_the_line_and_the_fix(dialog: Dialog, what: str, fix: str) -> None:
    error = Line(bot_of(dialog, hello=hello)).ring().error
    text = told(error)
    assert what in text
    assert fix in text
    assert isinstance(error, DialtoneError | TypeError | LookupError)
    lines = HERE.read_text().splitlines()
    named = [lines[int(number) - 1] for number in re.findall(r"test_author_errors\.py:(\d+)", text)]
    assert any(re.search("# here( too)?$", line) for line in named), text


async def test_every_line_on_the_way_to_a_foreign_await_is_named() -> None:
    text = told(Line(awaits_in_a_helper).ring().error)
    lines = HERE.read_text().splitlines()
    (way,) = re.findall(r"\((\S+ > .*?)\)", text)
    named = [lines[int(number) - 1] for number in re.findall(r"test_author_errors\.py:(\d+)", way)]
    assert [line.rpartition("# ")[2] for line in named] == ["here too", "here"]
    assert "in sleeps" in text.splitlines()[1], "the note names the bot's line, not asyncio's"


async def keeps(call: Call, seen: list[str] = []) -> None:  # noqa: B006 - it is to be refused
    """Has a list for all calls."""


def test_a_default_that_can_be_changed() -> None:
    with pytest.raises(DialogError) as caught:
        bot_of(keeps)
    lines = HERE.read_text().splitlines()
    (number,) = re.findall(r"test_author_errors\.py:(\d+)", caught.value.message)
    assert lines[int(number) - 1].startswith("async def keeps(")
    assert caught.value.fix == "write seen=None and make a new one in the dialog"


def test_an_error_in_a_later_turn_names_its_line() -> None:
    async def dialog(call: Call) -> None:
        await call.choose("Which?", KEYS)
        await call.begin("nowhere")  # here

    line = Line(dialog)
    line.ring()
    text = told(line.send(chose("yes")).error)
    numbers = re.findall(r"test_author_errors\.py:(\d+)", text)
    assert HERE.read_text().splitlines()[int(numbers[-1]) - 1].endswith("# here")
