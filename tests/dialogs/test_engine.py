"""How a turn is made: what is sent together, what answers and ends a call, replay, failure."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallEnded
from dialtone.dialogs import Event, Lost, take_turn
from dialtone.errors import WorkflowError
from dialtone.protocol import Answer, ModalityType
from tests.dialogs.line import (
    APOLOGY,
    HUNG_UP,
    KEYS,
    NO_SOUND,
    NOT_ANSWERED,
    PLAYED,
    REFUSED,
    START,
    TRANSFERRED,
    Json,
    Line,
    asked,
    bot_of,
    chose,
    conversation,
    hello,
    kinds,
    recorded,
    said,
    unheard,
)

Dialog = Callable[[Call], Awaitable[Any]]


async def question(call: Call) -> None:
    call.say("Hello.", "Again.")
    call.play("https://bot.test/a.wav")
    choice = await call.choose("Which?", KEYS, retries=0)
    call.say(f"You chose {choice}.")


def test_what_is_queued_goes_with_the_next_question_and_the_call_is_answered_first() -> None:
    line = Line(question)
    assert kinds(first := line.ring()) == ["answer", "playPrompt", "playPrompt", "recognize"]
    assert isinstance(first.actions[0], Answer)
    assert first.actions[0].accept_modality_types == [ModalityType.AUDIO]
    assert said(first) == ["Hello.", "Again.", None]
    assert asked(first)["playPrompt"]["prompts"] == [{"value": "Which?"}]
    last = line.send(chose("yes"))
    assert (kinds(last), said(last), last.history.done) == (["playPrompt", "hangup"], ["You chose yes."], True)


async def silent(call: Call) -> None:
    """Does nothing."""


async def only_hang_up(call: Call) -> None:
    call.hang_up()


async def only_answer(call: Call) -> None:
    call.answer(["video"])


async def only_reject(call: Call) -> None:
    call.reject()


async def answer_then_hang_up(call: Call) -> None:
    call.answer()
    call.hang_up()


@pytest.mark.parametrize(
    ("dialog", "expected"),
    [
        (silent, ["reject"]),
        (hello, ["answer", "playPrompt", "hangup"]),
        (only_hang_up, ["hangup"]),
        (only_answer, ["answer", "hangup"]),
        (only_reject, ["reject"]),
        (answer_then_hang_up, ["answer", "hangup"]),
    ],
)
def test_how_a_call_ends_that_asks_nothing(dialog: Dialog, expected: list[str]) -> None:
    turn = Line(dialog).ring()
    assert (kinds(turn), turn.error, turn.history.done) == (expected, None, True)


def test_a_call_that_is_over_before_it_began() -> None:
    turn = Line(hello).ring(callState="terminated")
    assert (turn.actions, turn.history.done, turn.error) == ([], True, None)


ILLEGAL_ORDERS: list[list[str]] = [
    ["say", "answer"],
    ["say", "reject"],
    ["answer", "answer"],
    ["answer", "reject"],
    ["reject", "say"],
    ["reject", "answer"],
    ["reject", "reject"],
    ["reject", "hang_up"],
    ["hang_up", "say"],
    ["hang_up", "hang_up"],
    ["hang_up", "answer"],
    ["hang_up", "choose"],
    ["reject", "choose"],
    ["choose", "answer"],
    ["choose", "reject"],
]


@pytest.mark.parametrize("words", ILLEGAL_ORDERS, ids="-".join)
def test_an_illegal_order_is_refused_where_it_is_asked(words: list[str]) -> None:
    refused: list[WorkflowError] = []

    async def dialog(call: Call) -> None:
        for number, word in enumerate(words):
            try:
                if word == "choose":
                    await call.choose("Which?", KEYS)
                else:
                    getattr(call, word)(*(["Hello."] if word == "say" else []))
            except WorkflowError as error:
                assert number == len(words) - 1
                refused.append(error)
                raise

    line = Line(dialog)
    turn = line.ring()
    if words[0] == "choose":
        turn = line.send(chose("yes"))
    assert turn.error is refused[-1]
    assert refused[-1].code == "ACTION_ORDER"
    assert refused[-1].fix
    assert said(turn)[-1] == APOLOGY
    assert kinds(turn)[-1] == "hangup"


def test_a_refusal_that_is_caught_is_the_same_again_on_replay() -> None:
    """Without an entry of its own the question after it would be taken for the one that was refused."""

    async def dialog(call: Call) -> None:
        for text in ("", "Hello."):
            try:
                call.say(text)
            except WorkflowError as error:
                call.say(f"{error.code} {error.field} {error.fix}")
        try:
            await call.transfer("28:bot")
        except WorkflowError as error:
            call.say(error.message)
        await call.run(answer_of_the_world)
        call.say(str(await call.choose("Which?", KEYS)))
        try:
            call.answer()
        except WorkflowError:
            await call.choose("And now?", KEYS)
        await call.choose("And then?", KEYS)

    line = Line(dialog)
    first = line.ring()
    assert said(first) == [
        'PROMPT_EMPTY playPrompt.prompts.0.value give it a text: Prompt("name", "text"), or just "text"',
        "Hello.",
        "a call is transferred to a Skype user",
    ]
    assert said(line.send(chose("yes"))) == ["yes"]
    assert asked(line.send(chose("no")))["playPrompt"]["prompts"][0]["value"] == "And then?"
    assert kinds(line.send(chose("no"))) == ["hangup"]
    assert all(turn.error is None for turn in line.turns)


async def answer_of_the_world() -> int:
    return 42


def test_a_value_of_the_wrong_type_is_refused_with_its_name() -> None:
    async def dialog(call: Call) -> None:
        await call.record("Speak.", max_seconds="long")  # type: ignore[arg-type]  # what an author may write

    turn = Line(dialog).ring()
    assert isinstance(turn.error, WorkflowError)
    assert (turn.error.code, turn.error.field) == ("WRONG_TYPE", "record.maxDurationInSeconds")


def test_whoever_hangs_up_ends_the_dialog_at_its_await() -> None:
    seen: list[str] = []

    async def dialog(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        except CallEnded as end:
            seen.append(end.reason)
            raise
        finally:
            call.say("Nobody hears this.")
            await call.run(note)

    async def note() -> None:
        seen.append("noted")

    line = Line(dialog)
    assert kinds(line.ring()) == ["answer", "recognize"]
    assert seen == []
    turn = line.hang_up()
    assert (turn.actions, turn.error, turn.history.done) == ([], None, True)
    assert seen == ["callerHungUp", "noted", "callerHungUp"]


def test_a_dialog_that_goes_on_after_the_end_asks_nobody() -> None:
    reasons: list[str] = []

    async def dialog(call: Call) -> None:
        for _ in range(3):
            try:
                await call.choose("Which?", KEYS)
            except CallEnded as end:
                reasons.append(end.reason)

    line = Line(dialog)
    line.ring()
    assert line.hang_up().actions == []
    assert reasons == ["callerHungUp"] * 3


def test_the_reason_alone_tells_that_the_caller_left() -> None:
    line = Line(question)
    line.ring()
    turn = line.send(unheard("callTerminated"))
    assert (turn.actions, turn.error) == ([], None)


def test_a_lost_callback_ends_the_dialog() -> None:
    seen: list[str] = []

    async def dialog(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        except CallEnded as end:
            seen.append(end.reason)
            await call.run(answer_of_the_world)
            raise ValueError("after the end") from None

    line = Line(dialog)
    line.ring()
    turn = line.lose()
    assert (turn.actions, turn.history.done) == ([], True)
    assert isinstance(turn.error, ValueError)
    assert set(seen) == {"lost"}


async def careless(call: Call) -> None:
    call.say("Welcome.")
    await call.choose("Which?", KEYS)
    call.say("Well.")
    raise ValueError("a bug")


async def careful(call: Call) -> None:
    call.say("Welcome.")
    try:
        await call.choose("Which?", KEYS)
    except ActionFailed as failure:
        call.say(f"{failure.action}: {failure.reason}")


@pytest.mark.parametrize(
    ("outcome", "answered"),
    [(NO_SOUND, True), (PLAYED, True), (NOT_ANSWERED, False), (REFUSED, False), (HUNG_UP, True), (recorded(), True)],
)
def test_the_outcome_of_another_action_is_a_failure_of_the_workflow(outcome: Json, answered: bool) -> None:
    line = Line(careful)
    line.ring()
    turn = line.send(outcome)
    assert kinds(turn) == (["playPrompt", "hangup"] if answered else ["answer", "playPrompt", "hangup"])
    assert said(turn) == [f"{outcome['type']}: {outcome.get('failureReason', '')}"]
    assert turn.error is None


def test_a_refused_first_workflow_that_nobody_catches_is_answered_before_the_apology() -> None:
    line = Line(question)
    line.ring()
    turn = line.send(REFUSED)
    assert (kinds(turn), said(turn)) == (["answer", "playPrompt", "hangup"], [APOLOGY])
    assert isinstance(turn.error, ActionFailed)


def test_a_dialog_that_raises_says_what_was_queued_and_the_apology() -> None:
    line = Line(careless)
    line.ring()
    turn = line.send(chose("yes"))
    assert (kinds(turn), said(turn)) == (["playPrompt", "playPrompt", "hangup"], ["Well.", APOLOGY])
    assert str(turn.error) == "a bug"
    assert turn.history.done


@pytest.mark.parametrize("word", ["reject", "hang_up"])
def test_a_dialog_that_raises_after_its_last_action_is_still_sorry(word: str) -> None:
    async def dialog(call: Call) -> None:
        getattr(call, word)()
        raise ValueError

    assert kinds(Line(dialog).ring()) == ["answer", "playPrompt", "hangup"]


def test_a_dialog_that_raises_when_the_call_is_over_says_nothing() -> None:
    line = Line(careless)
    line.ring()
    turn = line.send(chose("yes"), "terminated")
    assert turn.actions == []
    assert isinstance(turn.error, ValueError)


@pytest.mark.parametrize(
    ("outcome", "state", "expected"),
    [
        (HUNG_UP, "established", []),
        (HUNG_UP, "terminated", []),
        (TRANSFERRED, "established", []),
        (PLAYED, "terminating", []),
        (PLAYED, "established", ["hangup"]),
        (REFUSED, "established", ["hangup"]),
        (HUNG_UP | {"outcome": "failure"}, "established", ["hangup"]),
    ],
)
def test_events_after_the_end(outcome: Json, state: str, expected: list[str]) -> None:
    line = Line(hello)
    line.ring()
    turn = line.send(outcome, state)
    assert (kinds(turn), turn.history.done, turn.error) == (expected, True, None)
    assert line.lose().actions == []


def test_the_first_event_is_a_conversation() -> None:
    with pytest.raises(AssertionError, match="only a Conversation begins a call"):
        take_turn(bot_of(hello), None, Event(Lost(), 0))


def test_a_conversation_begins_anew_whatever_was_before() -> None:
    line = Line(hello)
    turn = line.ring()
    again = take_turn(line.bot, turn.history, Event(conversation(id="call-8"), START))
    assert (again.history.facts.call_id, again.history.sequence) == ("call-8", 0)
