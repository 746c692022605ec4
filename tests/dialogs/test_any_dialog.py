"""What is true of every dialog, whatever it does and whatever comes of it.

A dialog is a random program of words; a call is a random row of events. After each turn:

  a  the same history and event give the same turn, and what is run again comes to the same, word by word
  b  every workflow is legal
  c  a history that went through appState or the journal gives the same next turn
  d  operation ids are unique in the call
  e  no entry of the history is dropped or changed by a later turn, unless the dialog was replaced
  f  the call is answered once, first of all; again only when the platform said that it was not answered
  g  a turn that fails saves nothing that its dialog changed; private data is gone when the call is over
  h  a signal is taken once

b to e are checked by `Line`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from dialtone import (
    ActionFailed,
    ActivityFailed,
    Call,
    CallBot,
    CallEnded,
    DialogResult,
    ResumeReason,
    User,
    translations,
)
from dialtone.dialogs import Event, History, Lost, StoredRecording, Turn, take_turn
from dialtone.dialogs.requests import Answer, fingerprint
from dialtone.dialogs.tape import Tape
from dialtone.errors import Canceled, DialogError, ReplayMismatch, WorkflowError
from dialtone.protocol import Conversation, ConversationResult, Participant, RecognitionOption, Recognize
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
    START,
    TRANSFERRED,
    Json,
    Line,
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
LOCALIZE = translations({"de": {"Hello.": "Hallo.", "A?": "A, bitte?"}, "de-AT": {"Hello.": "Servus."}})


async def world(value: Any) -> Any:
    if value == "raise":
        raise ValueError("the world is not there")
    return value


class Player:
    """Runs a program. What came of each word is said, so that another path is another workflow. `world` is what an
    activity runs; `wrong` gets what came out differently when a dialog was run again.
    """

    def __init__(self, programs: list[Program], world: Callable[[Any], Awaitable[Any]] = world) -> None:
        self.programs = programs
        self.world = world
        self.wrong: list[str] = []
        self._key: Any = None
        self._tape: Tape | None = None
        self._trace: list[str] = []
        self._before: list[str] = []

    def begins(self, call: Call, key: Any) -> None:
        """An outermost dialog is run, for the first time or again."""
        tape = call._run._tape
        now, before = tape.entries, self._tape.entries if self._tape is not None else []
        shared = min(len(now), len(before))
        again = key == self._key and now[:shared] == before[:shared]
        self._before, self._trace = (self._trace if again else []), []
        self._key, self._tape = key, tape

    def note(self, call: Call, came: str) -> None:
        """What came of a word: the same as when the dialog was run before."""
        tape = call._run._tape
        if tape.suspended or tape is not self._tape:
            return
        if len(self._trace) < len(self._before) and self._before[len(self._trace)] != came:
            self.wrong.append(f"{self._before[len(self._trace)]} became {came}")
        self._trace.append(came)

    def bot(self, *, on_error: int | None = None) -> CallBot:
        """A bot of these programs: each a dialog, a dialog that may be begun, and a waterfall of its words.

        `on_error` is the number of the program that runs when another failed.
        """
        bot = CallBot(localize=LOCALIZE)
        for number, name in enumerate(NAMES[: len(self.programs)]):
            bot.dialog(name)(self.dialog(number))
            bot.dialog(f"inner {number}")(self.inner(number))
            bot.dialog(f"fall {number}", [self.step(number, index) for index in range(len(self.programs[number]))])
        if on_error is not None:
            bot.on_error(self.on_error(on_error % len(self.programs)))
        return bot

    def inner(self, number: int) -> Callable[..., Awaitable[Any]]:
        async def inner(call: Call, seen: Any = None) -> str:
            await self.play(call, self.programs[number], number)
            return f"came {seen}"

        return inner

    def step(self, number: int, index: int) -> Callable[[Call, DialogResult], Awaitable[Any]]:
        async def step(call: Call, result: DialogResult) -> Any:
            call.say(f"{index}: {result.resumed.name}, {result.response}")
            word, *args = self.programs[number][index]
            came = await self.one(call, word, args, number)
            self.note(call, f"{word}: {came}")
            return came

        return step

    def on_error(self, number: int) -> Callable[..., Awaitable[None]]:
        async def on_error(call: Call, error: str) -> None:
            self.begins(call, error)
            call.say(error[:20])
            await self.play(call, self.programs[number], number)

        return on_error

    def dialog(self, number: int) -> Callable[..., Awaitable[None]]:
        async def dialog(call: Call, seen: Any = None) -> None:
            self.begins(call, (number, seen))
            call.play(f"https://bot.test/{number}-{seen}.wav") if seen else None
            await self.play(call, self.programs[number], number)

        return dialog

    async def play(self, call: Call, program: Program, number: int) -> None:
        for word, *args in program:
            came = await self.one(call, word, args, number)
            self.note(call, f"{word}: {came}")
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
            case "cancel":
                return await call.choose("Or not?", KEYS, retries=args[0], cancel="9")
            case "uncancel":
                try:
                    await self.play(call, args[0], number)
                except Canceled:
                    return "canceled"
            case "signal":
                came = await call.signal(args[0], timeout=args[1])
                if came is not None and isinstance(came.data, list):
                    came.data.append(0)
                return came.data if came is not None else "none"
            case "set" | "remove" | "read":
                bag = await getattr(call, f"{args[0]}_data")()
                if word == "set":
                    bag[args[1]] = args[2]
                elif word == "remove":
                    bag.pop(args[1], None)
                return f"{args[0]} {bag}"
            case "count":
                bag = await call.user_data()
                bag["count"] = bag.get("count", 0) + 1
            case "language":
                call.language = args[0]
                return call.language
            case "begin" if number + 1 < len(self.programs):
                came_of = await call.begin(f"{args[0]} {number + 1}")
                return f"{came_of.resumed.name} {came_of.response} of {came_of.child_id}"
            case "begin":
                return None
            case "end":
                call.end(args[0], args[1])
            case "end_conversation":
                call.end_conversation("Goodbye.")
            case "perform":
                return (await call.perform(Recognize(operation_id="x", choices=OPTIONS))).outcome
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
            case "reset":
                if number + 1 < len(self.programs):
                    call.reset(NAMES[number + 1], seen=args[0])
            case "raise":
                raise ValueError("a bug")
            case "sleep":
                await asyncio.sleep(0)
            case "return":
                return None
            case _:
                getattr(call, word)(*args)
        return None


BAGS = st.sampled_from(["user", "private", "conversation"])
OPTIONS = [RecognitionOption(name=name, dtmf_variation=key) for name, key in (("yes", "1"), ("no", "2"))]
SIMPLE = st.one_of(
    st.tuples(st.just("say"), st.sampled_from(["Hello.", "Well.", ""])),
    st.tuples(st.just("play"), st.just("https://bot.test/a.wav")),
    st.tuples(st.just("choose"), st.sampled_from(["A?", "B?"]), st.integers(0, 2)),
    st.tuples(st.just("digits"), st.integers(0, 1)),
    st.tuples(st.just("record"), st.integers(0, 1)),
    st.tuples(st.just("transfer"), st.sampled_from(["8:desk", "28:bot"])),
    st.tuples(st.just("run"), st.sampled_from([1, "text", None, [1], "raise"])),
    st.tuples(st.sampled_from(["now", "random", "change", "answer", "reject", "hang_up", "raise", "sleep"])),
    st.tuples(st.sampled_from(["replace", "reset"]), st.sampled_from([None, "x", [1]])),
    st.tuples(st.just("cancel"), st.integers(0, 1)),
    st.tuples(st.just("signal"), st.sampled_from(["paid", "other"]), st.sampled_from([0, 2, 15, 600])),
    st.tuples(st.just("set"), BAGS, st.sampled_from("ab"), st.sampled_from([1, "two", [3], None, {1}])),
    st.tuples(st.just("remove"), BAGS, st.sampled_from("ab")),
    st.tuples(st.just("read"), BAGS),
    st.tuples(st.just("count")),
    st.tuples(st.just("language"), st.sampled_from(["de", "de-AT", "fr", ""])),
    st.tuples(st.just("begin"), st.sampled_from(["inner", "fall"])),
    st.tuples(st.just("end"), st.sampled_from([None, 1]), st.sampled_from([ResumeReason.COMPLETED, ResumeReason.BACK])),
    st.tuples(st.sampled_from(["next", "end_conversation", "perform"])),
)
PROGRAMS = st.recursive(
    st.lists(SIMPLE, max_size=4),
    lambda inner: st.lists(
        st.one_of(
            SIMPLE,
            st.tuples(st.sampled_from(["try", "uncancel"]), inner),
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
    "playPrompt": [PLAYED, PLAYED, PLAYED, NO_SOUND],
}
Message = ConversationResult | Lost
SIGNALS = {fingerprint("signal", name) for name in ("paid", "other")}


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


async def nobody(caller: Participant | None) -> User | None:
    """Knows nobody."""
    return None


async def somebody(caller: Participant | None) -> User | None:
    return User("customer-7", "Anna", "de")


@settings(max_examples=200, deadline=None)
@given(
    st.data(),
    st.lists(PROGRAMS, min_size=1, max_size=3),
    st.none() | st.integers(0, 2),
    st.sampled_from([None, None, nobody, somebody]),
)
def test_any_dialog(data: st.DataObject, programs: list[Program], on_error: int | None, lookup: Any) -> None:
    player = Player(programs)
    line = Line(player.bot(on_error=on_error))
    if lookup is not None:
        line.bot.lookup_user(lookup)
    unanswered = 0
    message: Conversation | Message = conversation()
    for number in range(MAX_EVENTS):
        before = line.turns[-1].history if line.turns else None
        recording = StoredRecording(f"{number}.wav", number)
        taken = Event(message, START + 10 * number, seed=number, recording=recording)
        first, second = (take_turn(line.bot, before, taken) for _ in range(2))
        assert facts(first) == facts(second), "a"
        if before is not None:
            read = History.from_json(before.to_json(), call_id=CALL_ID, sequence=before.sequence)
            assert facts(take_turn(line.bot, read, taken)) == facts(first), "c"
        turn = line.take(message, recording)
        assert not player.wrong, "a"
        assert not isinstance(turn.error, ReplayMismatch), "a pure dialog is never found changed"
        if isinstance(message, ConversationResult):
            unanswered += message.operation_outcome.type in ("answerOutcome", "workflowValidationOutcome")
        assert line.answers <= 1 + unanswered, "f"
        if turn.actions and not any(earlier.actions for earlier in line.turns[:-1]):
            assert turn.actions[0].action in ("answer", "reject", "hangup"), "f"
        check_data(line, turn, on_error=on_error is not None)
        check_signals(turn.history)
        event(f"{type(turn.error).__name__}, {'done' if turn.history.done else 'asks'}")
        if data.draw(st.booleans()):
            post(line, data.draw(st.sampled_from(["paid", "paid", "other"])))
        message = data.draw(messages(turn))


def post(line: Line, name: str) -> None:
    sent = line.world.signals.setdefault(CALL_ID, [])
    sent.append((f"s{len(sent)}", name, [len(sent)]))


def check_data(line: Line, turn: Turn, *, on_error: bool) -> None:
    """Rule g."""
    if turn.error is not None and not on_error:
        assert all(change.emptied for change in turn.changes), "g"
    if turn.history.done:
        assert not any(key.bag == "private" for key in line.world.data), "g"


def check_signals(history: History) -> None:
    """Rule h."""
    values = [Answer.of(entry).value for entry in history.entries if entry[0] in SIGNALS]
    taken = [*history.heard, *(value[0] for value in values if isinstance(value, list))]
    assert len(taken) == len(set(taken)), "h"
