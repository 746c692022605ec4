"""What is true of every dialog, whatever it does and whatever comes of it.

A dialog is a random program of words; a call is a random row of events. After each turn:

  a  the same history and event give the same turn
  b  every workflow is legal
  c  a history that went through appState or the journal gives the same next turn
  d  operation ids are unique in the call
  e  no entry of the history is dropped or changed by a later turn, unless the dialog was replaced
  f  the call is answered once, first of all; again only when the platform said that it was not answered

b to e are checked by `Line`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from dialtone import ActionFailed, ActivityFailed, Call, CallEnded
from dialtone.dialogs import Event, History, Lost, StoredRecording, Turn, take_turn
from dialtone.errors import DialogError, ReplayMismatch, WorkflowError
from dialtone.protocol import Conversation, ConversationResult
from tests.dialogs.line import (
    CALL_ID,
    HUNG_UP,
    KEYS,
    LEFT,
    NO_SOUND,
    NOT_ANSWERED,
    NOT_TRANSFERRED,
    PLAYED,
    REFUSED,
    SILENCE,
    TRANSFERRED,
    Json,
    Line,
    bot_of,
    chose,
    conversation,
    dialled,
    recorded,
    result,
    unheard,
    unrecorded,
)

Step = tuple[Any, ...]
"""A word and its arguments; a block (`try`, `finally`, `if`) has programs as arguments."""

Program = list[Step]
NAMES = ["/", "first", "second"]
MAX_EVENTS = 7


async def world(value: Any) -> Any:
    if value == "raise":
        raise ValueError("the world is not there")
    return value


class Player:
    """Runs a program. What came of each word is said, so that another path is another workflow. `world` is what an
    activity runs.
    """

    def __init__(self, programs: list[Program], world: Callable[[Any], Awaitable[Any]] = world) -> None:
        self.programs = programs
        self.world = world

    def dialog(self, number: int) -> Callable[..., Awaitable[None]]:
        async def dialog(call: Call, seen: Any = None) -> None:
            call.play(f"https://bot.test/{number}-{seen}.wav") if seen else None
            await self.play(call, self.programs[number], number)

        return dialog

    async def play(self, call: Call, program: Program, number: int) -> None:
        for word, *args in program:
            came = await self.one(call, word, args, number)
            if came is not None:
                call.say(f"{word}: {came}")

    async def one(self, call: Call, word: str, args: list[Any], number: int) -> Any:
        match word:
            case "try":
                try:
                    await self.play(call, args[0], number)
                except (ActionFailed, ActivityFailed, WorkflowError, DialogError) as error:
                    return type(error).__name__
            case "finally":
                try:
                    await self.play(call, args[0], number)
                finally:
                    await self.play(call, args[1], number)
            case "cleanup":
                try:
                    await self.play(call, args[0], number)
                except CallEnded as end:
                    await call.run(self.world, end.reason)
                    await self.play(call, args[1], number)
                    raise
            case "if":
                await self.play(call, args[0] if await call.choose("Which?", KEYS, retries=1) else args[1], number)
            case "choose":
                return await call.choose(args[0], KEYS, retries=args[1])
            case "digits":
                return await call.digits("Number?", maximum=4, retries=args[0])
            case "record":
                return (await call.record("Speak.", retries=args[0])).path
            case "transfer":
                return await call.transfer(args[0])
            case "run":
                return await call.run(self.world, args[0])
            case "now":
                return call.now()
            case "random":
                return call.random()
            case "change":
                (await call.run(self.world, [1, 2])).pop()
            case "replace":
                if number + 1 < len(self.programs):
                    call.replace(NAMES[number + 1], seen=args[0])
            case "raise":
                raise ValueError("a bug")
            case "sleep":
                await asyncio.sleep(0)
            case "return":
                return None
            case _:
                getattr(call, word)(*args)
        return None


SIMPLE = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["Hello.", "Well.", ""])),
    st.tuples(st.just("play"), st.just("https://bot.test/a.wav")),
    st.tuples(st.just("choose"), st.sampled_from(["A?", "B?"]), st.integers(0, 2)),
    st.tuples(st.just("digits"), st.integers(0, 1)),
    st.tuples(st.just("record"), st.integers(0, 1)),
    st.tuples(st.just("transfer"), st.sampled_from(["8:desk", "4:+1"])),
    st.tuples(st.just("run"), st.sampled_from([1, "text", None, [1], "raise"])),
    st.tuples(st.sampled_from(["now", "random", "change", "answer", "reject", "hang_up", "raise", "sleep"])),
    st.tuples(st.just("replace"), st.sampled_from([None, "x", [1]])),
)
PROGRAMS = st.recursive(
    st.lists(SIMPLE, max_size=4),
    lambda inner: st.lists(
        st.one_of(
            SIMPLE,
            st.tuples(st.just("try"), inner),
            st.tuples(st.sampled_from(["finally", "cleanup", "if"]), inner, inner),
        ),
        max_size=5,
    ),
    max_leaves=12,
)
ANSWERS = [
    chose("yes"),
    chose("no"),
    chose("maybe"),
    SILENCE,
    unheard("incorrectDtmf"),
    unheard("callTerminated"),
    unheard("somethingNew"),
    dialled("12"),
    recorded(2),
    recorded(1, "callTerminated"),
    unrecorded(),
    TRANSFERRED,
    NOT_TRANSFERRED,
]
FAILURES = [PLAYED, HUNG_UP, REFUSED, NOT_ANSWERED, NO_SOUND]
FITTING = {
    "recognize": [chose("yes"), chose("no"), SILENCE, unheard("incorrectDtmf"), dialled("12")],
    "record": [recorded(2), unrecorded(), recorded(1, "callTerminated")],
    "transfer": [TRANSFERRED, NOT_TRANSFERRED, NOT_TRANSFERRED],
}
Message = ConversationResult | Lost


@st.composite
def messages(draw: st.DrawFn, turn: Turn) -> Message:
    """What may come after a turn: mostly something that fits."""
    asked = turn.actions[-1].action if turn.actions else ""
    kind = draw(st.sampled_from(["fitting"] * 12 + ["any", "failure", "left", "lost"]))
    if kind == "lost":
        return Lost()
    if kind == "left":
        return result(LEFT, "terminated")
    outcomes: list[Json] = {"any": ANSWERS, "failure": FAILURES}.get(kind) or FITTING.get(asked, ANSWERS)
    state = draw(st.sampled_from(["established"] * 9 + ["terminated"]))
    return result(draw(st.sampled_from(outcomes)), state)


def facts(turn: Turn) -> Any:
    """What of a turn can be compared."""
    activity = turn.activity.fingerprint if turn.activity else ""
    return turn.history, turn.actions, activity, repr(turn.error)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.lists(PROGRAMS, min_size=1, max_size=3))
def test_any_dialog(data: st.DataObject, programs: list[Program]) -> None:
    player = Player(programs)
    others = {name: player.dialog(number) for number, name in enumerate(NAMES[: len(programs)]) if number}
    line = Line(bot_of(player.dialog(0), **others))
    unanswered = 0
    message: Conversation | Message = conversation()
    for number in range(MAX_EVENTS):
        before = line.turns[-1].history if line.turns else None
        recording = StoredRecording(f"{number}.wav", number)
        taken = Event(message, 1_700_000_000.0 + number, seed=number, recording=recording)
        first, second = (take_turn(line.bot, before, taken) for _ in range(2))
        assert facts(first) == facts(second), "a"
        if before is not None:
            read = History.from_json(before.to_json(), call_id=CALL_ID, sequence=before.sequence)
            assert facts(take_turn(line.bot, read, taken)) == facts(first), "c"
        turn = line.take(message, recording)
        assert not isinstance(turn.error, ReplayMismatch), "a pure dialog is never found changed"
        if isinstance(message, ConversationResult):
            unanswered += message.operation_outcome.type in ("answerOutcome", "workflowValidationOutcome")
        assert line.answers <= 1 + unanswered, "f"
        if turn.actions and not any(earlier.actions for earlier in line.turns[:-1]):
            assert turn.actions[0].action in ("answer", "reject", "hangup"), "f"
        event(f"{type(turn.error).__name__}, {'done' if turn.history.done else 'asks'}")
        message = data.draw(messages(turn))
