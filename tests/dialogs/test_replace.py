"""`call.replace`: a fresh history for a call that goes on."""

from typing import Any

import pytest

from dialtone import Call, CallEnded
from dialtone.errors import DialogError
from tests.dialogs.line import APOLOGY, KEYS, Line, chose, kinds, said


async def world() -> str:
    return "found"


async def menu(call: Call, number: int = 0) -> None:
    call.say(f"Round {number}.")
    await call.choose("Which?", KEYS)
    call.say("And again.")
    call.replace("/", number=number + 1)


def test_the_history_begins_anew_and_what_was_queued_is_said() -> None:
    line = Line(menu)
    first = line.ring()
    for number in range(1, 30):
        turn = line.send(chose("yes"))
        assert said(turn) == ["And again.", f"Round {number}."]
        assert kinds(turn) == ["playPrompt", "playPrompt", "recognize"]
    assert len(turn.history.to_json()) < len(first.history.to_json()) + 40
    assert turn.history.args == {"number": 29}
    assert line.answers == 1


@pytest.mark.parametrize("answer", [True, False])
def test_a_dialog_that_is_replaced_at_once_is_answered_once(answer: bool) -> None:
    async def first(call: Call) -> None:
        if answer:
            call.answer()
        call.say("Hello.")
        call.replace("other")

    async def other(call: Call) -> None:
        call.say("Other.")
        await call.choose("Which?", KEYS)
        call.say("End.")

    line = Line(first, other=other)
    assert kinds(turn := line.ring()) == ["answer", "playPrompt", "playPrompt", "recognize"]
    assert said(turn) == ["Hello.", "Other."]
    assert said(line.send(chose("yes"))) == ["End."]
    assert line.answers == 1


def test_an_activity_after_it_loses_nothing_and_repeats_nothing() -> None:
    async def first(call: Call) -> None:
        call.say("Before.")
        await call.run(world)
        call.say("Hello.")
        call.replace("other")

    async def other(call: Call) -> None:
        call.say(await call.run(world))
        await call.run(world)
        await call.choose("Which?", KEYS)
        call.say("End.")

    line = Line(first, other=other)
    turn = line.ring()
    assert (kinds(turn)[0], said(turn)) == ("answer", ["Before.", "Hello.", "found"])
    assert [entry[1:] for entry in turn.history.entries] == [[1, "", "found"], [1, "", "found"]]
    assert said(line.send(chose("yes"))) == ["End."]


def test_a_call_that_ended_stays_ended_in_the_dialog_that_replaces() -> None:
    seen: list[Any] = []

    async def first(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        except CallEnded:
            call.replace("cleanup")

    async def cleanup(call: Call) -> None:
        seen.append(await call.run(world))
        call.say("Nobody hears this.")
        try:
            await call.choose("Anyone?", KEYS)
        except CallEnded as end:
            seen.append(end.reason)
        await call.run(world)

    line = Line(first, cleanup=cleanup)
    line.ring()
    turn = line.hang_up()
    assert (turn.actions, turn.error, turn.history.done) == ([], None, True)
    assert set(seen) == {"found", "callerHungUp"}


def test_it_does_not_return_and_finally_blocks_run() -> None:
    async def first(call: Call) -> None:
        try:
            call.replace("other")
        finally:
            call.say("Last words.")

    async def other(call: Call) -> None:
        call.say("Other.")

    assert said(Line(first, other=other).ring()) == ["Last words.", "Other."]


def test_except_exception_does_not_swallow_it() -> None:
    async def first(call: Call) -> None:
        try:
            call.replace("other")
        except Exception:
            call.say("Swallowed.")

    async def other(call: Call) -> None:
        call.say("Other.")

    assert said(Line(first, other=other).ring()) == ["Other."]


@pytest.mark.parametrize(
    ("given", "kept"), [((1, (2,)), [1, [2]]), ({1: None}, {"1": None}), ("text", "text"), (None, None)]
)
def test_arguments_are_the_same_at_once_as_they_are_later(given: Any, kept: Any) -> None:
    async def first(call: Call) -> None:
        call.replace("other", value=given)

    async def other(call: Call, value: Any) -> None:
        await call.choose(f"{value!r}?", KEYS)
        call.say(f"{value!r}")

    line = Line(first, other=other)
    line.ring()
    assert said(line.send(chose("yes"))) == [f"{kept!r}"]


@pytest.mark.parametrize("argument", [object(), float("nan"), {1}, "\ud800"])
def test_an_argument_that_is_not_json(argument: Any) -> None:
    seen: list[DialogError] = []

    async def first(call: Call) -> None:
        try:
            call.replace("other", value=argument)
        except DialogError as error:
            seen.append(error)

    Line(first).ring()
    assert "an argument for 'other' is not JSON" in seen[0].message


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [("nowhere", {}, "no dialog named 'nowhere'"), ("/", {"colour": "red"}, "unexpected keyword argument 'colour'")],
)
def test_a_dialog_that_cannot_begin(name: str, args: dict[str, Any], message: str) -> None:
    async def first(call: Call) -> None:
        call.say("Hello.")
        call.replace(name, **args)

    turn = Line(first).ring()
    assert said(turn) == ["Hello.", APOLOGY]
    assert message in str(turn.error)


def test_reset_leaves_all_dialogs_and_begins_a_fresh_history() -> None:
    async def root(call: Call, number: int = 0) -> None:
        call.say(f"Round {number}.")
        await call.begin("outer")
        call.say("Never said.")

    async def outer(call: Call) -> None:
        await call.begin("inner")
        call.say("Never said.")

    async def inner(call: Call) -> None:
        await call.choose("Which?", KEYS)
        call.reset(number=len(said(line.turns[-1])))

    line = Line(root, outer=outer, inner=inner)
    first = line.ring()
    turn = line.send(chose("yes"))
    assert (said(turn), turn.history.dialog, turn.history.args) == (["Round 1."], "/", {"number": 1})
    assert len(turn.history.entries) == len(first.history.entries) == 0


def test_replace_from_inside_leaves_only_the_dialog_that_runs() -> None:
    async def root(call: Call) -> None:
        result = await call.begin("inner")
        call.say(f"Back with {result.response}.")

    async def inner(call: Call) -> None:
        await call.choose("Which?", KEYS)
        call.replace("other")

    async def other(call: Call) -> str:
        return "bread"

    line = Line(root, inner=inner, other=other)
    line.ring()
    assert said(line.send(chose("yes"))) == ["Back with bread."]
