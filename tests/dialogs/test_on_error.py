"""The dialog `on_error`: what a call goes on with when its dialog has failed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import Call, CallBot, CallEnded
from dialtone.dialogs.bot import ON_ERROR
from dialtone.errors import ActionFailed, ReplayMismatch
from tests.dialogs.line import (
    APOLOGY,
    KEYS,
    NOT_ANSWERED,
    PLAYED,
    REFUSED,
    Line,
    bot_of,
    chose,
    hello,
    kinds,
    said,
)

Dialog = Callable[..., Awaitable[Any]]


async def world(value: Any = 1) -> Any:
    if isinstance(value, str):
        raise ValueError(value)
    return value


async def sorry(call: Call, error: str) -> None:
    call.say(f"Sorry: {error}")
    if await call.confirm("Shall we go on?"):
        call.replace("/")
    call.say("Goodbye.")


def line_of(dialog: Dialog, on_error: Dialog = sorry, **others: Dialog) -> Line:
    bot = bot_of(dialog, **others)
    bot.on_error(on_error)
    return Line(bot)


async def fails(call: Call) -> None:
    call.say("Hello.")
    raise LookupError("no such thing")


def test_what_was_said_is_said_and_the_call_goes_on() -> None:
    line = line_of(fails)
    turn = line.ring()
    assert kinds(turn) == ["answer", "playPrompt", "playPrompt", "recognize"]
    assert said(turn) == ["Hello.", "Sorry: LookupError: no such thing"]
    assert isinstance(turn.error, LookupError)
    assert turn.history.dialog == ON_ERROR
    turn = line.send(chose("no"))
    assert (said(turn), kinds(turn)[-1], turn.error) == (["Goodbye."], "hangup", None)


def test_it_may_begin_again_and_fail_again() -> None:
    line = line_of(fails)
    line.ring()
    turn = line.send(chose("yes"))
    assert said(turn) == ["Hello.", "Sorry: LookupError: no such thing"]
    assert isinstance(turn.error, LookupError)


@pytest.mark.parametrize("later", [False, True])
def test_one_that_fails_itself_ends_with_the_apology(later: bool) -> None:
    async def worse(call: Call, error: str) -> None:
        if later:
            await call.choose("Which?", KEYS)
        raise OSError("worse")

    line = line_of(fails, worse)
    turn = line.ring()
    assert isinstance(turn.error, LookupError), "the log has the first one"
    if later:
        turn = line.send(chose("yes"))
        assert isinstance(turn.error, OSError)
        assert said(turn) == [APOLOGY]
    else:
        assert said(turn) == ["Hello.", APOLOGY]
    assert turn.history.done


def test_a_changed_dialog_is_one_that_failed_and_what_it_queued_is_dropped() -> None:
    async def before(call: Call) -> None:
        call.say("Welcome.")
        await call.choose("Which?", KEYS)

    async def after(call: Call) -> None:
        call.say("Welcome, again.")
        await call.digits("Number?")

    line = line_of(before)
    line.ring()
    line.bot = line_of(after).bot
    turn = line.send(chose("yes"))
    assert isinstance(turn.error, ReplayMismatch)
    assert len(said(turn)) == 1
    assert str(said(turn)[0]).startswith("Sorry: ReplayMismatch: ")
    assert kinds(turn) == ["playPrompt", "recognize"]
    assert said(line.send(chose("no"))) == ["Goodbye."]


def test_a_dialog_that_fails_before_it_asks_what_was_asked_says_nothing_again() -> None:
    async def before(call: Call) -> None:
        call.say("Welcome.")
        await call.choose("Which?", KEYS)

    async def after(call: Call) -> None:
        call.say("Welcome.")
        raise LookupError

    for line, expected in [(line_of(before), "Sorry: LookupError: "), (Line(before), APOLOGY)]:
        line.ring()
        new = bot_of(after)
        if line.bot.error_dialog:
            new.on_error(sorry)
        line.bot = new
        assert said(line.send(chose("yes"))) == [expected]


def test_a_dialog_that_is_cut_off() -> None:
    async def endless(call: Call) -> None:
        while True:
            call.say("Hello.")

    turn = line_of(endless).ring()
    assert len(said(turn)) == 1
    assert "more than 1000 things" in str(said(turn)[0])
    assert kinds(turn) == ["answer", "playPrompt", "recognize"]


def test_during_an_activity() -> None:
    async def dialog(call: Call) -> None:
        await call.run(world)
        call.say("Hello.")
        await call.run(world, "broken")

    async def looks(call: Call, error: str) -> None:
        call.say(f"{await call.run(world, 7)}, {error}")

    line = line_of(dialog, looks)
    turn = line.ring()
    assert said(turn) == [
        "Hello.",
        "7, ActivityFailed: ACTIVITY_FAILED [world]: world raised ValueError: broken. "
        "Fix: catch ActivityFailed where the dialog can go on.",
    ]
    assert type(turn.error).__name__ == "ActivityFailed"
    assert [args for _, args in line.world.ran] == [(), ("broken",), (7,)]


def test_what_was_queued_is_said_once_when_it_runs_activities() -> None:
    async def looks(call: Call, error: str) -> None:
        for number in range(3):
            call.say(f"{await call.run(world, number)}")
        await call.choose("Which?", KEYS)

    line = line_of(fails, looks)
    turn = line.ring()
    assert said(turn) == ["Hello.", "0", "1", "2"]
    assert isinstance(turn.error, LookupError)
    assert line.send(chose("yes")).error is None


def test_the_caller_is_gone() -> None:
    seen: list[Any] = []

    async def dialog(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        finally:
            raise LookupError

    async def looks(call: Call, error: str) -> None:
        seen.append(await call.run(world, 7))
        call.say("Nobody hears this.")
        try:
            await call.choose("Anyone?", KEYS)
        except CallEnded as end:
            seen.append(end.reason)
            raise

    for end in (Line.hang_up, Line.lose, Line.end):
        seen.clear()
        line = line_of(dialog, looks)
        line.ring()
        turn = end(line)
        assert (turn.actions, turn.history.done) == ([], True)
        assert isinstance(turn.error, LookupError)
        assert set(seen) == {7, "lost" if end is Line.lose else "callerHungUp"}


def test_a_workflow_that_the_platform_could_not_run() -> None:
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        await call.choose("Which?", KEYS)

    for outcome, answers in [(REFUSED, ["answer"]), (NOT_ANSWERED, ["answer"]), (PLAYED, [])]:
        line = line_of(dialog)
        line.ring()
        turn = line.send(outcome)
        assert isinstance(turn.error, ActionFailed)
        assert kinds(turn) == [*answers, "playPrompt", "recognize"], outcome
        assert said(line.send(chose("no"))) == ["Goodbye."]


@pytest.mark.parametrize("queued", ["hang_up", "reject"])
def test_what_ends_the_call_is_not_kept(queued: str) -> None:
    async def dialog(call: Call) -> None:
        getattr(call, queued)()
        raise LookupError

    assert kinds(line_of(dialog).ring()) == ["answer", "playPrompt", "recognize"]


def test_it_is_a_dialog_of_the_bot_with_what_is_around_it() -> None:
    line = line_of(fails)

    @line.bot.around
    async def around(call: Call, proceed: Callable[[], Awaitable[None]]) -> None:
        call.say("Around.")
        await proceed()

    assert said(line.ring())[:3] == ["Around.", "Hello.", "Around."]


def test_a_long_error_is_cut_and_what_is_no_text_replaced() -> None:
    async def dialog(call: Call) -> None:
        raise ValueError("\ud800" + "x" * 1000)

    turn = line_of(dialog).ring()
    error = turn.history.args["error"]
    assert error.startswith("ValueError: ?xxx")
    assert len(error) == 300


def test_in_a_dialog_inside_others() -> None:
    async def dialog(call: Call) -> None:
        call.say("Outer.")
        await call.begin("child")

    assert said(line_of(dialog, child=fails).ring()) == ["Outer.", "Hello.", "Sorry: LookupError: no such thing"]


def test_there_is_one() -> None:
    bot = CallBot()
    bot.on_error(sorry)
    with pytest.raises(Exception, match="two dialogs named '/error'"):
        bot.on_error(sorry)
    assert bot.error_dialog is sorry
    assert CallBot().error_dialog is None


def test_begun_for_ever_it_ends() -> None:
    async def again(call: Call, error: str) -> None:
        call.replace("/")

    async def dialog(call: Call) -> None:
        raise LookupError

    turn = line_of(dialog, again).ring()
    assert said(turn) == [APOLOGY]
    assert turn.error is not None
    assert turn.history.done


def test_a_dialog_that_goes_well_is_left_alone() -> None:
    assert said(line_of(hello).ring()) == ["Hello."]
