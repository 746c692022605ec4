"""What a dialog asks of the outside world: `run`, `now`, `random`, and what a call says of itself."""

from datetime import UTC, datetime
from typing import Any

import pytest

from dialtone import ActivityFailed, Call
from dialtone.dialogs.engine import RESULT_MAX
from dialtone.errors import DialogError
from dialtone.protocol import RecordingFormat
from tests.dialogs.line import (
    KEYS,
    Asked,
    Line,
    chose,
    kinds,
    said,
)


class World:
    """The outside world; it counts how often it is asked."""

    def __init__(self, *results: Any) -> None:
        self.asked: list[Any] = []
        self.results = list(results)

    async def look_up(self, *args: Any, **kwargs: Any) -> Any:
        self.asked.append((args, kwargs))
        result = self.results[len(self.asked) - 1]
        if isinstance(result, Exception):
            raise result
        return result


def test_run_is_run_once_and_nothing_that_is_queued_round_it_is_lost() -> None:
    world = World({"name": "Nora"}, 2)

    async def dialog(call: Call) -> None:
        call.say("Before.")
        found = await call.run(world.look_up, call.id, deep=True)
        call.say(f"Hello, {found['name']}.")
        await call.run(world.look_up)
        call.say("After.")
        await call.choose("Which?", KEYS)
        call.say("End.")

    line = Line(dialog)
    first = line.ring()
    assert kinds(first) == ["answer", "playPrompt", "playPrompt", "playPrompt", "recognize"]
    assert said(first) == ["Before.", "Hello, Nora.", "After."]
    assert said(line.send(chose("yes"))) == ["End."]
    assert world.asked == [(("call-7",), {"deep": True}), ((), {})]


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}, 1.5, "ü", [1, {"a": [None]}], 10**30])
def test_the_result_of_run_is_what_json_says(value: Any) -> None:
    world = World(value)
    came = Asked(lambda call: call.run(world.look_up)).after()
    assert came == value
    assert type(came) is type(value)


@pytest.mark.parametrize(
    ("value", "kept"), [((1, (2,)), [1, [2]]), ({1: "a"}, {"1": "a"}), (RecordingFormat.WAV, "wav")]
)
def test_the_result_of_run_is_the_same_at_once_as_it_is_later(value: Any, kept: Any) -> None:
    world = World(value)

    async def dialog(call: Call) -> None:
        call.say(repr(await call.run(world.look_up)))
        await call.choose(repr(await call.run(World(value).look_up)), KEYS)

    line = Line(dialog)
    assert said(line.ring()) == [repr(kept)]
    assert line.send(chose("yes")).error is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ValueError("no such customer"), "ValueError: no such customer"),
        (KeyError(), "KeyError: "),
        (OSError("x\ud800y"), "OSError: x?y"),
        (OSError("x" * 3 * RESULT_MAX), "OSError: x"),
        (object(), "its result cannot be kept as JSON: Object of type object is not JSON serializable"),
        (float("nan"), "its result cannot be kept as JSON: "),
        ("\ud800", "its result cannot be kept as JSON: "),
        ("x" * RESULT_MAX, "its result cannot be kept as JSON: it has 32770 characters, 32768 are kept"),
    ],
)
def test_a_failure_of_run_is_raised_in_the_dialog(value: Any, reason: str) -> None:
    world = World(value)
    failure = Asked(lambda call: call.run(world.look_up)).after()
    assert isinstance(failure, ActivityFailed)
    assert failure.function == "World.look_up"
    assert failure.reason.startswith(reason)
    assert len(failure.reason) <= RESULT_MAX


def test_the_longest_result_is_kept() -> None:
    assert Asked(lambda call: call.run(World("x" * (RESULT_MAX - 2)).look_up)).after() == "x" * (RESULT_MAX - 2)


def test_a_result_that_is_nested_too_deeply_is_a_failure() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    failure = Asked(lambda call: call.run(World(deep).look_up)).after()
    assert failure.reason == "its result cannot be kept as JSON: it is nested too deeply"
    while deep:
        deep = deep[0]


@pytest.mark.parametrize("argument", [object(), float("inf"), {1, 2}, "\ud800"])
def test_an_argument_of_run_that_is_not_json(argument: Any) -> None:
    world = World(1)
    error = Asked(lambda call: call.run(world.look_up, argument)).after()
    assert isinstance(error, DialogError)
    assert "an argument of World.look_up is not JSON" in error.message
    assert world.asked == []


def test_now_is_the_time_of_the_turn_that_asked_first() -> None:
    seen: list[datetime] = []

    async def dialog(call: Call) -> None:
        seen.append(call.now())
        await call.choose("Which?", KEYS)
        seen.append(call.now())

    line = Line(dialog)
    line.ring()
    line.send(chose("yes"))
    first, first_again, second = seen
    assert first == first_again == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert (second - first).total_seconds() == 10


def test_random_is_kept_and_differs_wherever_it_is_drawn() -> None:
    drawn: list[list[float]] = []
    world = World(*range(8))

    async def dialog(call: Call) -> None:
        drawn.append([call.random(), call.random()])
        await call.run(world.look_up)
        drawn[-1].append(call.random())
        await call.choose("Which?", KEYS)
        drawn[-1].append(call.random())
        call.replace("other")

    async def other(call: Call) -> None:
        drawn[-1].append(call.random())

    line = Line(dialog, other=other)
    line.ring()
    line.send(chose("yes"))
    assert drawn[0] == drawn[1][:2] == drawn[2][:2]
    assert drawn[1][2] == drawn[2][2]
    assert len(set(drawn[2])) == 5
    assert all(0 <= number < 1 for number in drawn[2])


def test_random_comes_from_the_seed_of_the_event() -> None:
    def first(seed: int) -> list[str | None]:
        async def dialog(call: Call) -> None:
            call.say(str(call.random()))

        line = Line(dialog)
        line.seed = seed
        return said(line.ring())

    assert first(1) == first(1) != first(2)


def test_what_a_call_says_of_itself() -> None:
    seen: list[Any] = []

    async def dialog(call: Call) -> None:
        caller = call.caller.display_name if call.caller else None
        seen.append([call.id, caller, call.language, call.subject, call.is_multiparty, len(call.participants)])
        await call.choose("Which?", KEYS)
        seen.append(call.started)

    line = Line(dialog)
    line.ring(isMultiparty=True, threadId="19:t", subject="")
    line.send(chose("yes"))
    assert seen[0] == seen[1] == ["call-7", "Nora", "en-US", None, True, 2]
    assert seen[2] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_group_call_without_an_originator_has_no_caller() -> None:
    async def dialog(call: Call) -> None:
        call.say(f"{call.caller} {call.language}")

    people = [{"identity": "8:a", "originator": False}]
    assert said(Line(dialog).ring(isMultiparty=True, threadId="19:t", participants=people)) == ["None None"]
