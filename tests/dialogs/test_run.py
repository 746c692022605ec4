"""A dialog that is run again under code that has changed, or that is not pure."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import Call
from dialtone.dialogs import Event, finish_activity, take_turn
from dialtone.errors import ReplayMismatch
from tests.dialogs.line import APOLOGY, KEYS, REFUSED, Line, bot_of, chose, kinds, recorded, result, said

Dialog = Callable[[Call], Awaitable[Any]]
AT = 1_700_000_100.0


async def world(value: Any = 1) -> Any:
    return value


async def before_it_changed(call: Call) -> None:
    await call.choose("First?", KEYS)
    call.now()
    await call.run(world)
    await call.choose("Second?", KEYS)


async def asks_another_first(call: Call) -> None:
    await call.choose("Another?", KEYS)
    await call.choose("Second?", KEYS)


async def other_choices(call: Call) -> None:
    await call.choose("First?", KEYS | {"more": "3"})


async def other_kind(call: Call) -> None:
    await call.digits("First?", maximum=1)


async def other_order(call: Call) -> None:
    await call.choose("Second?", KEYS)
    await call.choose("First?", KEYS)


async def ends_early(call: Call) -> None:
    await call.choose("First?", KEYS)


async def ends_at_once(call: Call) -> None:
    call.say("Goodbye.")


async def other_second(call: Call) -> None:
    await call.choose("First?", KEYS)
    call.now()
    await call.run(world)
    await call.choose("Third?", KEYS)


async def no_clock(call: Call) -> None:
    await call.choose("First?", KEYS)
    await call.run(world)
    await call.choose("Second?", KEYS)


async def chance_for_clock(call: Call) -> None:
    await call.choose("First?", KEYS)
    call.random()
    await call.run(world)
    await call.choose("Second?", KEYS)


async def other_arguments(call: Call) -> None:
    await call.choose("First?", KEYS)
    call.now()
    await call.run(world, 2)
    await call.choose("Second?", KEYS)


async def one_more_activity(call: Call) -> None:
    await call.choose("First?", KEYS)
    call.now()
    await call.run(world)
    await call.run(world, "before the question that waits")
    await call.choose("Second?", KEYS)


async def one_more_look_at_the_clock(call: Call) -> None:
    await call.choose("First?", KEYS)
    call.now()
    await call.run(world)
    call.now()
    await call.choose("Second?", KEYS)


async def replaced_early(call: Call) -> None:
    call.replace("other")


async def swallows(call: Call) -> None:
    for _ in range(5):
        try:
            call.random()
        except Exception:
            call.say("Never mind.")
        try:
            await call.choose("Another?", KEYS)
        except Exception:
            call.say("Never mind.")


async def swallows_and_is_replaced(call: Call) -> None:
    try:
        call.random()
    except Exception:
        call.replace("other")


async def swallows_and_returns(call: Call) -> None:
    try:
        call.now()
    except Exception:
        call.say("Never mind.")


CHANGED = [
    asks_another_first,
    other_choices,
    other_kind,
    other_order,
    ends_early,
    ends_at_once,
    other_second,
    no_clock,
    chance_for_clock,
    other_arguments,
    one_more_activity,
    one_more_look_at_the_clock,
    replaced_early,
    swallows,
    swallows_and_is_replaced,
    swallows_and_returns,
]


@pytest.mark.parametrize("changed", CHANGED)
@pytest.mark.parametrize("end", ["answered", "refused", "left"])
def test_a_dialog_that_was_changed_in_mid_call_is_ended(changed: Dialog, end: str) -> None:
    line = Line(before_it_changed)
    line.ring()
    line.send(chose("yes"))
    line.bot = bot_of(changed, other=ends_at_once)
    if end == "left":
        turn = line.hang_up()
        assert turn.actions == []
    else:
        turn = line.send(chose("no") if end == "answered" else REFUSED)
        assert said(turn) == [APOLOGY]
        assert kinds(turn)[-2:] == ["playPrompt", "hangup"]
        assert end == "refused" or "answer" not in kinds(turn)
    assert isinstance(turn.error, ReplayMismatch)
    assert turn.history.done
    assert turn.error.fix


def test_a_changed_dialog_is_found_out_when_the_callback_is_lost_too() -> None:
    line = Line(before_it_changed)
    line.ring()
    line.bot = bot_of(other_kind)
    turn = line.lose()
    assert (turn.actions, type(turn.error)) == ([], ReplayMismatch)


def test_what_is_said_may_change() -> None:
    async def wordy(call: Call) -> None:
        call.say("This is new.")
        await before_it_changed(call)
        call.say("Goodbye.")

    line = Line(before_it_changed)
    line.ring()
    line.bot = bot_of(wordy)
    line.send(chose("yes"))
    assert said(line.send(chose("yes"))) == ["Goodbye."]


def test_a_dialog_that_is_not_pure_within_a_turn_is_ended() -> None:
    runs: list[int] = []

    async def impure(call: Call) -> None:
        runs.append(1)
        if len(runs) == 2:
            call.replace("other")
        await call.run(world)

    turn = Line(impure, other=ends_at_once).ring()
    assert (said(turn), type(turn.error)) == ([APOLOGY], ReplayMismatch)


def test_a_dialog_that_is_not_pure_within_a_turn_fails_without_what_became_illegal() -> None:
    texts = iter(["Legal.", ""])

    async def impure(call: Call) -> None:
        call.say(next(texts))
        await call.run(world)
        raise ValueError

    turn = Line(impure).ring()
    assert (said(turn), type(turn.error)) == ([APOLOGY], ValueError)


def test_the_engine_keeps_no_reference_to_what_a_dialog_was_given() -> None:
    """A dialog may change a list that it got; the history may not change with it."""

    async def dialog(call: Call) -> None:
        found = await call.run(world, [3, 1, 2])
        found.sort()
        found.pop()
        await call.choose(f"One of {found}?", KEYS)
        call.replace("other", names=["b", "a"])

    async def other(call: Call, names: list[str]) -> None:
        names.sort()
        await call.choose(f"{names.pop()}?", KEYS)
        call.say(f"{names}")

    line = Line(dialog, other=other)
    line.ring()
    line.send(chose("yes"))
    assert said(line.send(chose("yes"))) == ["['a']"]
    assert line.turns[1].history.args == {"names": ["b", "a"]}


def test_two_runs_of_a_turn_are_equal_and_leave_the_history_alone() -> None:
    line = Line(before_it_changed)
    line.ring()
    before = line.turns[-1].history
    copy = before.to_json()
    first, second = (take_turn(line.bot, before, Event(result(chose("yes")), AT)) for _ in range(2))
    assert (first.history, first.actions) == (second.history, second.actions)
    assert before.to_json() == copy


def test_an_activity_belongs_to_a_turn_that_waits_for_one() -> None:
    line = Line(ends_at_once)
    with pytest.raises(AssertionError, match="waits for no activity"):
        finish_activity(line.bot, line.ring(), Event(result(recorded()), AT))
