"""How far a dialog may go in a turn, what it may await, and what it is while it waits."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from dialtone import Call, CallEnded
from dialtone.dialogs import tape
from dialtone.errors import DialogError
from tests.dialogs.line import APOLOGY, KEYS, Line, bot_of, chose, hello, kinds, said

Dialog = Callable[[Call], Awaitable[Any]]
AT = 1_700_000_100.0


async def world(value: Any = 1) -> Any:
    return value


async def asks(call: Call) -> None:
    await call.choose("Which?", KEYS)


async def says(call: Call) -> None:
    while True:
        call.say("Hello.")


async def says_and_swallows(call: Call) -> None:
    while True:
        try:
            call.say("Hello.")
        except Exception:
            call.say("Again.")


async def asks_what_is_illegal(call: Call) -> None:
    while True:
        try:
            await call.choose("Which?", {})
        except Exception:
            call.say("Again.")


async def waits_for_the_clock(call: Call) -> None:
    while call.now().year < 3000:
        pass


async def draws(call: Call) -> None:
    while call.random() < 1:
        pass


async def runs(call: Call) -> None:
    while await call.run(world):
        pass


async def replaces_itself(call: Call) -> None:
    call.replace("/")


async def replaces_itself_after_an_activity(call: Call) -> None:
    await call.run(world)
    call.replace("/")


async def awaits_the_loop(call: Call) -> None:
    while True:
        try:
            await asyncio.sleep(0)
        except Exception:
            call.say("Again.")


async def asks_after_the_end(call: Call) -> None:
    while True:
        with suppress(CallEnded):
            await call.choose("Which?", KEYS)


LOOPS = [
    says,
    says_and_swallows,
    asks_what_is_illegal,
    waits_for_the_clock,
    draws,
    runs,
    replaces_itself,
    replaces_itself_after_an_activity,
    awaits_the_loop,
]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_loop_without_a_question_is_cut_off(loop: Dialog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "STEPS", 100)
    turn = Line(loop).ring()
    assert isinstance(turn.error, DialogError)
    assert "more than 100 things" in turn.error.message
    assert said(turn) == [APOLOGY]
    assert turn.history.entries == () or loop in (runs, replaces_itself_after_an_activity)


def test_a_loop_after_the_end_is_cut_off() -> None:
    line = Line(asks_after_the_end)
    line.ring()
    turn = line.hang_up()
    assert (turn.actions, type(turn.error), turn.history.done) == ([], DialogError, True)


def test_a_loop_in_code_that_was_changed_is_cut_off_while_it_is_replayed() -> None:
    line = Line(asks)
    line.ring()
    line.bot = bot_of(says)
    assert isinstance(line.send(chose("yes")).error, DialogError)


def test_a_long_call_is_not_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "STEPS", 12)

    async def patient(call: Call) -> None:
        for number in range(30):
            call.say("One.", "Two.")
            call.say("Three.")
            call.now()
            await call.choose(f"Question {number}?", KEYS)

    line = Line(patient)
    line.ring()
    for _ in range(30):
        line.send(chose("yes"))
    assert [turn.error for turn in line.turns] == [None] * 31
    assert [kinds(turn)[-1] for turn in line.turns] == ["recognize"] * 30 + ["hangup"]


@pytest.mark.parametrize(("things", "error"), [(4, type(None)), (5, DialogError)])
def test_the_limit_holds_for_each_turn(things: int, error: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "STEPS", 5)

    async def first(call: Call) -> None:
        for _ in range(things):
            call.say("Hello.")
        await call.choose("Which?", KEYS)

    async def second(call: Call) -> None:
        await call.choose("Which?", KEYS)
        for _ in range(things):
            call.now()
        await call.choose("And now?", KEYS)

    assert type(Line(first).ring().error) is error
    line = Line(second)
    line.ring()
    assert type(line.send(chose("yes")).error) is error


async def foreign_sleep(call: Call) -> None:
    await asyncio.sleep(0)


async def foreign_timer(call: Call) -> None:
    await asyncio.sleep(60)


async def foreign_future(call: Call) -> None:
    await asyncio.get_running_loop().create_future()


async def foreign_in_a_helper(call: Call) -> None:
    await foreign_sleep(call)


@pytest.mark.parametrize("dialog", [foreign_sleep, foreign_timer, foreign_future, foreign_in_a_helper])
async def test_awaiting_anything_else_is_an_error_that_names_the_line(dialog: Dialog) -> None:
    turn = Line(dialog).ring()
    assert isinstance(turn.error, DialogError)
    line = dialog.__code__.co_firstlineno + 1
    assert f"{__file__}:{line}" in turn.error.message
    assert "call.run" in turn.error.fix
    assert said(turn) == [APOLOGY]
    assert len(asyncio.all_tasks()) == 1


def test_a_foreign_await_that_is_caught_does_no_harm() -> None:
    async def dialog(call: Call) -> None:
        try:
            await asyncio.sleep(0)
        except DialogError:
            call.say(str(await call.choose("Which?", KEYS)))

    line = Line(dialog)
    line.ring()
    assert said(line.send(chose("no"))) == ["no"]


async def finally_says(call: Call) -> None:
    call.say("Never said while the dialog waits.")


async def finally_runs(call: Call) -> None:
    await call.run(must_not_run)


async def must_not_run() -> None:
    raise AssertionError("the dialog only waits")


async def finally_asks(call: Call) -> None:
    await call.choose("Which?", KEYS)
    await call.record()


async def finally_replaces(call: Call) -> None:
    call.replace("other")


async def finally_looks_at_the_clock(call: Call) -> None:
    call.now()
    call.random()


async def finally_raises(call: Call) -> None:
    raise ValueError("it has no result yet")


async def finally_awaits_something_else(call: Call) -> None:
    await asyncio.sleep(0)


async def finally_says_for_ever(call: Call) -> None:
    while True:
        call.say("Never said.")


FINALLY = [
    finally_says,
    finally_runs,
    finally_asks,
    finally_replaces,
    finally_looks_at_the_clock,
    finally_raises,
    finally_awaits_something_else,
    finally_says_for_ever,
]


@pytest.mark.parametrize("cleanup", FINALLY)
def test_a_dialog_that_waits_does_nothing_in_its_finally_blocks(cleanup: Dialog) -> None:
    async def dialog(call: Call) -> None:
        try:
            call.say("Hello.")
            await call.choose("Which?", KEYS)
        finally:
            await cleanup(call)

    line = Line(dialog, other=hello)
    turn = line.ring()
    assert (kinds(turn), said(turn), turn.error) == (["answer", "playPrompt", "recognize"], ["Hello."], None)
    assert turn.history.entries == ()
    assert turn.history.pending


def test_a_dialog_waits_for_an_activity_in_the_same_way() -> None:
    async def dialog(call: Call) -> None:
        try:
            await call.run(world)
        finally:
            call.say("Once.")

    turn = Line(dialog).ring()
    assert (said(turn), turn.error) == (["Once."], None)


def test_a_dialog_that_cannot_be_put_aside_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare `except` in a loop catches even what closes the dialog; it must not hold the process."""

    async def stubborn(call: Call) -> None:
        while True:
            try:
                await call.choose("Which?", KEYS)
            except:  # noqa: E722 - what is tested
                call.say("Again.")

    turn = Line(stubborn).ring()
    assert isinstance(turn.error, DialogError)
    assert "except Exception" in turn.error.fix
    assert said(turn) == [APOLOGY]
    # Python complains of such a coroutine when it is freed.
    complaints: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda complaint: complaints.append(str(complaint.exc_value)))
    del turn
    gc.collect()
    assert set(complaints) == {"coroutine ignored GeneratorExit"}
