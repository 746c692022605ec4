"""`call.signal`: a wait for what somebody posts to the call."""

from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallEnded, Prompt
from dialtone.dialogs import Event, History, Look, Turn, take_turn
from dialtone.errors import DialogError
from dialtone.protocol import PlayPrompt
from tests.dialogs.line import (
    CALL_ID,
    KEYS,
    NO_SOUND,
    PLAYED,
    REFUSED,
    Line,
    bot_of,
    chose,
    conversation,
    kinds,
    result,
    said,
)


def post(line: Line, name: str, data: Any = None) -> None:
    sent = line.world.signals.setdefault(CALL_ID, [])
    sent.append((f"s{len(sent)}", name, data))


def waiting(turn: Turn) -> bool:
    """Whether the turn waits for a signal by a silence."""
    return kinds(turn)[-1] == "playPrompt"


async def waits(call: Call) -> None:
    call.say("Hold on.")
    came = await call.signal("paid", timeout=25)
    call.say(f"{came.data if came else came}")
    await call.choose("Which?", KEYS)
    call.say("End.")


def test_one_that_is_there_is_found_at_once_and_nothing_is_played() -> None:
    line = Line(waits)
    post(line, "other", "not this one")
    post(line, "paid", 7)
    turn = line.ring()
    assert (kinds(turn), said(turn)) == (["answer", "playPrompt", "playPrompt", "recognize"], ["Hold on.", "7"])
    assert said(line.send(chose("yes"))) == ["End."]


def test_one_that_comes_while_the_call_waits_is_found_after_the_silence() -> None:
    line = Line(waits)
    first = line.ring()
    assert (kinds(first), said(first)) == (["answer", "playPrompt", "playPrompt"], ["Hold on.", None])
    assert first.actions[-1].to_wire()["prompts"] == [{"silenceLengthInMilliseconds": 2000}]
    second = line.send(PLAYED)
    assert (kinds(second), said(second)) == (["playPrompt"], [None]), "what was said before is said once"
    post(line, "paid", {"sum": 5})
    assert said(line.send(PLAYED)) == ["{'sum': 5}"]
    assert said(line.send(chose("yes"))) == ["End."]


def test_the_history_does_not_grow_while_the_call_waits() -> None:
    async def dialog(call: Call) -> None:
        await call.signal("paid", timeout=600)

    line = Line(dialog)
    first = line.ring()
    for _ in range(50):
        turn = line.send(PLAYED)
        assert turn.history.entries == first.history.entries
        assert waiting(turn)
    assert len(turn.history.to_json()) <= len(first.history.to_json()) + len('"w":50')


def test_the_time_is_up() -> None:
    line = Line(waits)
    assert waiting(line.ring())
    assert waiting(line.send(PLAYED))
    assert waiting(line.send(PLAYED))
    assert said(line.send(PLAYED)) == ["None"], "30 seconds after the question"
    assert said(line.send(chose("yes"))) == ["End."]


def test_a_signal_that_comes_in_the_last_silence_is_taken() -> None:
    line = Line(waits)
    for turn in [line.ring(), line.send(PLAYED), line.send(PLAYED)]:
        assert waiting(turn)
    post(line, "paid", "late")
    assert said(line.send(PLAYED)) == ["late"]


def test_a_clock_that_stands_still_does_not_make_it_wait_for_ever() -> None:
    async def dialog(call: Call) -> None:
        call.say(f"{await call.signal('paid', timeout=600, poll=60)}")

    line = Line(dialog)
    assert waiting(line.ring())
    for number in range(10):
        turn = line.send(PLAYED)
        assert waiting(turn) == (number < 9), number
    assert said(turn) == ["None"]


def test_no_time_only_looks() -> None:
    async def dialog(call: Call) -> None:
        for _ in range(3):
            came = await call.signal("paid", timeout=0)
            call.say(f"{came.data if came else came}")

    line = Line(dialog)
    post(line, "paid", 1)
    post(line, "paid", 2)
    turn = line.ring()
    assert (kinds(turn)[-1], said(turn)) == ("hangup", ["1", "2", "None"])


def test_two_of_one_name_come_in_their_order_and_each_once() -> None:
    async def dialog(call: Call) -> None:
        for _ in range(3):
            came = await call.signal("paid", timeout=25)
            call.say(f"{came and came.data}")
        await call.choose("Which?", KEYS)

    line = Line(dialog)
    line.ring()
    post(line, "paid", 1)
    post(line, "paid", 2)
    turn = line.send(PLAYED)
    assert (said(turn), waiting(turn)) == (["1", "2", None], True)
    post(line, "paid", 3)
    assert said(line.send(PLAYED)) == ["3"]


def test_none_is_taken_twice_after_the_dialog_was_replaced() -> None:
    async def dialog(call: Call, taken: int = 0) -> None:
        came = await call.signal("paid", timeout=25)
        call.say(f"{came and came.data} after {taken}")
        await call.choose("Which?", KEYS)
        call.replace("/", taken=taken + 1)

    line = Line(dialog)
    for data in "ab":
        post(line, "paid", data)
    assert said(line.ring()) == ["a after 0"]
    assert said(line.send(chose("yes"))) == ["b after 1"]
    assert waiting(line.send(chose("yes")))


class Ends:
    """A dialog that waits for a signal and notes how that ends."""

    def __init__(self) -> None:
        self.came: list[Any] = []
        self.line = Line(self.dialog)

    async def dialog(self, call: Call) -> None:
        self.came.clear()
        call.say("Hold on.")
        try:
            self.came.append(await call.signal("paid"))
        except (CallEnded, ActionFailed) as error:
            self.came.append(error)
            if isinstance(error, CallEnded):
                await call.run(self.clean_up, error.reason)
                raise
        call.say("After.")
        await call.choose("Which?", KEYS)

    async def clean_up(self, reason: str) -> str:
        return reason


@pytest.mark.parametrize("polls", [0, 1, 3])
@pytest.mark.parametrize("played", [True, False])
def test_the_caller_hangs_up_while_the_call_waits(polls: int, played: bool) -> None:
    ends = Ends()
    ends.line.ring()
    for _ in range(polls):
        ends.line.send(PLAYED)
    # The silence may still count as played, and a signal may have come that nobody hears of any more.
    post(ends.line, "paid", 1)
    turn = ends.line.take(result(PLAYED, "terminated")) if played else ends.line.hang_up()
    (ended,) = ends.came
    assert isinstance(ended, CallEnded)
    assert ended.reason == "callerHungUp"
    assert (turn.actions, turn.error, turn.history.done) == ([], None, True)
    assert [name for name, _ in ends.line.world.ran] == ["clean_up"]


def test_the_callback_is_lost_while_the_call_waits() -> None:
    ends = Ends()
    ends.line.ring()
    turn = ends.line.lose()
    assert isinstance(ends.came[0], CallEnded)
    assert (ends.came[0].reason, turn.actions, turn.error) == ("lost", [], None)


def test_the_platform_notifies_the_end_while_the_call_waits() -> None:
    ends = Ends()
    ends.line.ring()
    turn = ends.line.end()
    assert isinstance(ends.came[0], CallEnded)
    assert (turn.actions, turn.error) == ([], None)


@pytest.mark.parametrize(("outcome", "action"), [(NO_SOUND, "playPromptOutcome"), (chose("yes"), "recognizeOutcome")])
@pytest.mark.parametrize("polls", [0, 2])
def test_what_fills_the_waiting_fails(outcome: Any, action: str, polls: int) -> None:
    ends = Ends()
    ends.line.ring()
    for _ in range(polls):
        ends.line.send(PLAYED)
    turn = ends.line.send(outcome)
    (failed,) = ends.came
    assert isinstance(failed, ActionFailed)
    assert failed.action == action
    assert said(turn) == ["After."], "Hold on. went with the waiting"
    assert said(ends.line.send(chose("yes"))) == []


def test_the_workflow_is_refused_and_the_call_is_answered_again() -> None:
    ends = Ends()
    ends.line.ring()
    assert kinds(ends.line.send(REFUSED)) == ["answer", "playPrompt", "recognize"]


def test_a_prompt_fills_the_waiting_in_the_language_of_the_call() -> None:
    async def dialog(call: Call) -> None:
        call.language = "de"
        await call.signal("paid", timeout=60, hold=Prompt("music", "La la."))

    line = Line(dialog)
    for turn in [line.ring(), line.send(PLAYED)]:
        (prompt,) = turn.actions[-1].to_wire()["prompts"]
        assert prompt["value"] == "La la."
        action = turn.actions[-1]
        assert isinstance(action, PlayPrompt)
        (part,) = action.prompts
        assert (part.blob_name, part.blob_culture) == ("music", "de")


@pytest.mark.parametrize("data", [[1, 2], {"a": [1]}])
def test_a_dialog_may_change_what_it_got(data: Any) -> None:
    async def dialog(call: Call) -> None:
        came = await call.signal("paid")
        assert came is not None
        came.data.clear()
        await call.choose(f"{came.data}?", KEYS)
        again = await call.signal("paid", timeout=0)
        call.say(f"{again}")

    line = Line(dialog)
    post(line, "paid", data)
    turn = line.ring()
    assert turn.history.entries[-1][-1][1] == data, "the history keeps what was posted"
    assert turn.history.entries[-1][-1][1], "and that is something"
    assert said(line.send(chose("yes"))) == ["None"]


@pytest.mark.parametrize("options", [{"timeout": -1}, {"timeout": 601}, {"poll": 0.4}, {"poll": 61}])
def test_a_wait_that_is_too_long_or_looks_too_often(options: dict[str, Any]) -> None:
    async def dialog(call: Call) -> None:
        await call.signal("paid", **options)

    error = Line(dialog).ring().error
    assert isinstance(error, DialogError)
    assert "600 seconds at most" in error.message
    assert error.fix


def test_a_hold_that_cannot_be_spoken_is_refused_like_any_prompt() -> None:
    seen: list[str] = []

    async def dialog(call: Call) -> None:
        seen.clear()
        try:
            await call.signal("paid", hold=" ")
        except DialogError as error:
            seen.append(error.message)
        except Exception as error:
            seen.append(type(error).__name__)
        await call.choose("Which?", KEYS)
        call.say("End.")

    line = Line(dialog)
    assert kinds(line.ring()) == ["answer", "recognize"]
    assert said(line.send(chose("yes"))) == ["End."]
    assert seen == ["WorkflowError"]


def test_it_is_looked_for_under_its_name_without_those_that_were_heard() -> None:
    async def dialog(call: Call) -> None:
        await call.signal("paid")

    turn = take_turn(bot_of(dialog), None, Event(conversation(), 1.0))
    assert turn.activity is not None
    assert turn.activity.work == Look("paid", frozenset())
    history = turn.history._replace(heard=("s0",), pending="")
    assert History.from_json(history.to_json(), call_id=CALL_ID, sequence=0) == history
