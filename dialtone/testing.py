"""Calls of a bot in a unit test: no network, no cloud account, milliseconds.

    result = await dial(bot, press("2"), speak("Hello, this is Nora."), hang_up())
    assert result.said[-1] == "Thank you. 4 seconds saved."
    assert result.ended_by == "bot"

1. `dial` rings the bot and plays the caller: each step is what the caller does at the next question. What needs no
   caller (a prompt that is played out, a hang-up, a wait for a signal) goes on by itself.
2. When the steps are used up and the bot still asks, the call is left open, and `result.asking` says what it asks. A
   step that the call does not wait for is a `WrongStep`, an AssertionError.
3. Between two turns the call is only its history, written and read as the platform carries it, and each workflow is
   checked against the rules of the contract.
4. The clock is virtual: it goes on by what is said, silences and `wait`.
5. What a dialog failed with is raised, unless the dialog `on_error` takes over: then it is `result.error`. What a
   function of `CallBot.receive` or `on_notification` raises, which in the cloud is only logged, is raised too.
6. A function that the dialog gives to `call.run` is run, unless `World.fakes` has something for it. Data, signals and
   placed calls live in the `World`; give several calls the same one to let them meet.
"""

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dialtone.dialogs import (
    CallBot,
    Event,
    History,
    Lost,
    Place,
    Placed,
    RosterUpdate,
    StoredRecording,
    Turn,
    take_turn,
)
from dialtone.dialogs.bot import ON_ERROR
from dialtone.dialogs.data import Bag, BagKey
from dialtone.dialogs.outside import Outside, complete, signals_at
from dialtone.dialogs.requests import Invoke
from dialtone.protocol import (
    Action,
    Conversation,
    ConversationResult,
    Hangup,
    PlayPrompt,
    Prompt,
    Recognize,
    Record,
    Reject,
    Transfer,
    rules,
)

__all__ = [
    "CallResult",
    "NotTheSame",
    "Step",
    "World",
    "WrongStep",
    "connect",
    "decline",
    "dial",
    "drop",
    "fail",
    "hang_up",
    "outcome",
    "press",
    "repeat",
    "roster",
    "send_signal",
    "silence",
    "speak",
    "wait",
]

Json = dict[str, Any]
EndedBy = Literal["", "bot", "caller", "transfer", "lost"]

START: Final = 1_700_000_000.0
_SECONDS_A_CHARACTER: Final = 0.06
_SECONDS_A_KEY: Final = 0.3
_BYTES_A_SECOND: Final = {"wav": 32_000, "wma": 8_000, "mp3": 8_000}
_BETWEEN: Final = frozenset({"wait", "send_signal", "roster", "repeat"})
"""Steps that are no answer to a question."""


class WrongStep(AssertionError):
    """The caller was to do something that the call does not wait for."""


class NotTheSame(AssertionError):
    """The same callback, delivered again, got another answer: the dialog depends on more than its history."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a caller, or a fault, does at one question; made by the functions below."""

    kind: str
    value: Any = None
    seconds: float | None = None

    def __str__(self) -> str:
        if isinstance(self.value, tuple):
            values = [value for value in self.value if value is not None]
        else:
            values = [self.value] if self.value is not None else []
        return f"{self.kind}({', '.join(map(repr, values))})"


def press(keys: str) -> Step:
    """Press keys (`0` to `9`, `*`, `#`, `A` to `D`): one for a choice, more for digits, a stop tone of a recording.

    Digits end with the stop tone or with as many as are asked for; keys after that are for the next question. Raises
    `ValueError` for what is not on the keypad.
    """
    if not keys or not set(keys) <= rules.DTMF:
        raise ValueError(f"{keys!r} cannot be pressed; keys are 0 to 9, *, # and A to D")
    return Step("press", keys)


def speak(text: str, *, seconds: float | None = None) -> Step:
    """Say something: words of a choice, or a message, as long as the text takes if `seconds` does not say it."""
    return Step("speak", text, seconds)


def silence() -> Step:
    """Say and press nothing until the question times out."""
    return Step("silence")


def hang_up() -> Step:
    """Hang up; what was being said when a recording was under way is kept."""
    return Step("hang_up")


def connect() -> Step:
    """The transfer comes about."""
    return Step("connect")


def decline(reason: str = "declined") -> Step:
    """The transfer does not come about."""
    return Step("decline", reason)


def wait(seconds: float) -> Step:
    """Let time pass before the next step: less than a question's initial silence, or any time while a signal is
    awaited, which plays what fills the waiting.
    """
    return Step("wait", seconds)


def send_signal(name: str, data: Any = None) -> Step:
    """Somebody posts a signal to the call."""
    return Step("send_signal", (name, data))


def roster(*identities: str) -> Step:
    """The platform tells a bot with `on_notification` who is in the group call now: those of `others`, for instance."""
    return Step("roster", identities)


def fail(reason: str = "failed") -> Step:
    """A fault: the platform could not play a prompt of the workflow, so none of its other actions was run."""
    return Step("fail", reason)


def drop() -> Step:
    """A fault: the callback never comes; the call is taken for lost."""
    return Step("drop")


def repeat() -> Step:
    """A fault: the last callback comes once more. Raises `NotTheSame` if it gets another answer.

    The functions that its turn gave to `call.run` are not run again, nor is data loaded again.
    """
    return Step("repeat")


def outcome(**members: Any) -> Step:
    """Whatever the platform may report, as it is on the wire: `outcome(type="recognizeOutcome", outcome="failure")`."""
    return Step("outcome", members)


@dataclass
class World:
    """What is outside of a call and outlives it.

    `fakes` maps a function that a dialog gives to `call.run`, or `CallBot.lookup_user`'s, to another one that is called
    instead, `async` or not, or to the value that is its result; an exception as the value is raised. `ran` lists the
    calls of such functions, as (name, arguments); `placed` the calls that were placed.
    """

    fakes: Mapping[Callable[..., Any], Any] = field(default_factory=dict)
    data: dict[BagKey, Bag] = field(default_factory=dict)
    ran: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    placed: list[Place] = field(default_factory=list)
    signals: dict[str, list[tuple[str, str, Any]]] = field(default_factory=dict)
    calls: int = 0

    def user_data(self, identity: str = "8:nora") -> Bag:
        """What the bot keeps of a user."""
        return self.data.get(BagKey("user", identity), {})

    def conversation_data(self, conversation: str) -> Bag:
        """What the bot keeps of a conversation."""
        return self.data.get(BagKey("conversation", conversation), {})

    def of(self, call_id: str) -> "_Outside":
        """The world as one call finds it."""
        return _Outside(self, call_id)

    def save(self, turn: Turn) -> None:
        """Keep what a turn changed."""
        for change in turn.changes:
            bag = {} if change.emptied else dict(self.data.get(change.key, {}))
            bag |= change.values
            kept = {name: value for name, value in bag.items() if name not in change.removed}
            if kept:
                self.data[change.key] = kept
            else:
                self.data.pop(change.key, None)


@dataclass(frozen=True, slots=True)
class _Outside:
    """See `dialtone.dialogs.outside.Outside`."""

    world: World
    call_id: str

    async def load(self, key: BagKey) -> Bag:
        return self.world.data.get(key, {})

    async def signal(self, name: str, heard: frozenset[str]) -> tuple[str, Any] | None:
        sent = self.world.signals.get(self.call_id, [])
        return next(((number, data) for number, known, data in sent if known == name and number not in heard), None)

    async def place(self, place: Place) -> str:
        self.world.placed.append(place)
        return f"placed-{len(self.world.placed)}"

    async def invoke(self, invoke: Invoke) -> Any:
        function, args = invoke.function, tuple(invoke.args)
        self.world.ran.append((getattr(function, "__name__", repr(function)), args))
        with signals_at(lambda name: f"https://bot.test/api/calls/{self.call_id}/signals/{name}?key=test"):
            if function not in self.world.fakes:
                return await invoke()
            fake = self.world.fakes[function]
            if isinstance(fake, BaseException):
                raise fake
            result = fake(*args, **invoke.kwargs) if callable(fake) else fake
            return await result if inspect.isawaitable(result) else result


@dataclass(frozen=True, slots=True)
class _Kept:
    """The outside world of a turn that is taken for the first time (`outcomes` is filled) or again (it is emptied)."""

    outside: _Outside
    outcomes: list[Any]
    again: bool = False

    async def load(self, key: BagKey) -> Bag:
        loaded: Bag = await self._once(self.outside.load(key))
        return loaded

    async def signal(self, name: str, heard: frozenset[str]) -> tuple[str, Any] | None:
        found: tuple[str, Any] | None = await self._once(self.outside.signal(name, heard))
        return found

    async def place(self, place: Place) -> str:
        return str(await self._once(self.outside.place(place)))

    async def invoke(self, invoke: Invoke) -> Any:
        return await self._once(self.outside.invoke(invoke))

    async def _once(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self.again:
            work.close()
            if not self.outcomes:
                raise NotTheSame("a turn wanted more of the outside world when it was repeated")
            outcome = self.outcomes.pop(0)
        else:
            try:
                outcome = await work
            except Exception as error:
                outcome = error
            self.outcomes.append(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class CallResult:
    """What came of a call.

    `turns` are the engine's, `workflows` what was sent, as it is on the wire. `said` has the texts that the bot spoke,
    in their order; `transcript` all that happened, a line each. `asking` is the action that the bot waits for when the
    steps are used up, None when the call is over; `ended_by` then says who ended it. `recordings` has the paths and
    seconds of what was recorded; `seconds` is how long the call took; `error` is what the dialog `on_error` began with.
    """

    call_id: str
    world: World
    turns: list[Turn] = field(default_factory=list)
    workflows: list[Json] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    transcript: list[str] = field(default_factory=list)
    recordings: list[tuple[str, float]] = field(default_factory=list)
    asking: Action | None = None
    ended_by: EndedBy = ""
    seconds: float = 0.0
    error: Exception | None = None

    @property
    def actions(self) -> list[list[str]]:
        """The names of the actions of each workflow."""
        return [[action["action"] for action in workflow["actions"]] for workflow in self.workflows]

    def __str__(self) -> str:
        return "\n".join(self.transcript)


async def dial(
    bot: CallBot,
    *steps: Step,
    world: World | None = None,
    caller: str = "8:nora",
    name: str = "Nora",
    language: str | None = "en-US",
    others: Sequence[str] = (),
    thread_id: str | None = None,
    subject: str | None = None,
    placed: Place | None = None,
    at: float = START,
    seed: int = 0,
) -> CallResult:
    """Ring a bot and play its caller.

    `caller` rings, under `name`, speaking `language`. With `others` (identities) it is a group call, of the thread
    `thread_id`. With `placed` (one of `World.placed`) it is instead the call that the bot placed, whose target has just
    answered. `at` is when it begins, in seconds since 1970, UTC; `seed` feeds `call.random`.

    Raises what the dialog failed with, `WrongStep` and `NotTheSame`.
    """
    world = World() if world is None else world
    world.calls += 1
    call_id = f"call-{world.calls}"
    members = [{"identity": caller, "displayName": name, "languageId": language, "originator": True}]
    members += [{"identity": other, "originator": False} for other in (*others, "28:bot")]
    if placed is not None:
        members = [
            {"identity": "28:bot", "originator": True},
            {"identity": placed.target, "displayName": name, "languageId": language, "originator": False},
        ]
    conversation = Conversation.from_wire(
        {
            "id": call_id,
            "participants": [{key: value for key, value in member.items() if value is not None} for member in members],
            "isMultiparty": bool(others),
            "threadId": thread_id or (f"19:{call_id}@thread.test" if others else None),
            "subject": subject,
            "presentedModalityTypes": ["audio"],
            "callState": "incoming" if placed is None else "established",
        }
    )
    rules.check_conversation(conversation)
    line = _Line(bot, CallResult(call_id, world), list(steps), at, seed)
    await line.play(conversation if placed is None else Placed(conversation, placed.args))
    return line.result


class _Line:
    """A call: what the platform and the caller do, turn by turn."""

    def __init__(self, bot: CallBot, result: CallResult, steps: list[Step], at: float, seed: int) -> None:
        self.result = result
        self._bot = bot
        self._steps = steps
        self._began = self._now = at
        self._seed = seed
        self._before: History | None = None
        self._event: Event | None = None
        self._outcomes: list[Any] = []
        self._roster: tuple[str, ...] | None = None
        self._sent = at
        """When the last workflow was sent."""
        self._due: float | None = None
        """When the step `wait` is over that goes on."""

    async def play(self, begin: Conversation | Placed) -> None:
        turn = await self._turn(begin)
        while not turn.history.done:
            message = await self._next(turn)
            if message is None:
                self.result.asking = turn.actions[-1]
                break
            turn = await self._turn(*message)
        self.result.seconds = round(self._now - self._began, 3)
        if turn.history.done and not self.result.ended_by:
            self.result.ended_by = "bot"
        if self._steps:
            over = f"the call is over, ended by {self.result.ended_by or 'nobody'}"
            raise WrongStep(f"nothing waits for {self._steps[0]}: {over}\n{self.result}")

    async def _turn(
        self, message: Conversation | Placed | ConversationResult | Lost, recording: StoredRecording | None = None
    ) -> Turn:
        number = len(self.result.turns)
        if number:
            history = self.result.turns[-1].history
            call_id = history.facts.call_id
            self._before = History.from_json(history.to_json(), call_id=call_id, sequence=history.sequence)
        self._event = Event(message, self._now, self._seed + number, recording, self._roster if number else None)
        self._outcomes = []
        outside = self.result.world.of(self.result.call_id)
        turn = await self._taken(_Kept(outside, self._outcomes))
        if turn.error is not None:
            if not self._is_taken_over(turn):
                raise turn.error
            self.result.error = turn.error
        self.result.world.save(turn)
        self.result.turns.append(turn)
        actions = await self._bot.sent(self.result.call_id, turn.actions)
        if actions:
            rules.check_actions(actions)
            self.result.workflows.append({"actions": [action.to_wire() for action in actions]})
        self._sent = self._now
        for action in actions:
            self._hear(action)
        return turn

    def _is_taken_over(self, turn: Turn) -> bool:
        """Whether the dialog `on_error` helped: it has not failed itself, in this turn or after an earlier one."""
        if self._bot.error_dialog is None or (self._before is not None and self._before.dialog == ON_ERROR):
            return False
        apology = self._bot.apology
        spoken = [prompt for action in turn.actions if isinstance(action, PlayPrompt) for prompt in action.prompts]
        if turn.history.done and any((p.blob_name or p.value) == apology.identity for p in spoken[-1:]):
            assert turn.error is not None
            turn.error.add_note("the dialog on_error failed too")
            return False
        return True

    async def _taken(self, outside: Outside) -> Turn:
        event = self._event
        assert event is not None
        for receiver in self._bot.receivers:
            await receiver(event)
        turn = take_turn(self._bot, self._before, event)
        return await complete(self._bot, turn, event, outside)

    def _hear(self, action: Action) -> None:
        if isinstance(action, PlayPrompt):
            for prompt in action.prompts:
                self._hear_prompt(prompt)
        elif isinstance(action, Recognize | Record) and action.play_prompt is not None:
            self._hear(action.play_prompt)
        elif isinstance(action, Hangup | Reject | Transfer):
            target = f" to {action.target.identity}" if isinstance(action, Transfer) else ""
            self._note("bot", f"{'hangs up' if isinstance(action, Hangup) else action.action + 's'}{target}")

    def _hear_prompt(self, prompt: Prompt) -> None:
        silent = (prompt.silence_length_in_milliseconds or 0) / 1000
        if prompt.value:
            self._note("bot", f'"{prompt.value}"')
            self.result.said.append(prompt.value)
        elif prompt.file_uri:
            self._note("bot", f"plays {prompt.file_uri}")
        self._now += silent + _SECONDS_A_CHARACTER * len(prompt.value or "")

    def _note(self, who: str, what: str) -> None:
        self.result.transcript.append(f"{self._now - self._began:6.1f}  {who:<8}  {what}")

    # What the caller does, and how the platform reports it.

    async def _next(self, turn: Turn) -> tuple[ConversationResult | Lost, StoredRecording | None] | None:
        """What is reported of a workflow; None when the caller has nothing more to do."""
        action = turn.actions[-1]
        await self._between(turn)
        step = self._steps[0] if self._steps else None
        if step is None or self._due is not None or not self._is_for(step, action):
            played = _played_out(action)
            if played is not None:
                return self._result(action, played), None
            if step is None:
                return None
            raise WrongStep(f"the bot waits for {_waiting(action)}, and nothing waits for {step}\n{self.result}")
        self._steps.pop(0)
        if step.kind == "drop":
            self._note("platform", "the callback is lost")
            self.result.ended_by = "lost"
            return Lost(), None
        if isinstance(action, Record) and step.kind in ("press", "speak", "hang_up"):
            return self._recorded(action, step)
        return self._answered(action, step), None

    async def _between(self, turn: Turn) -> None:
        """Take the steps that are no answer to a question."""
        while self._steps and self._steps[0].kind in _BETWEEN:
            step = self._steps[0]
            if step.kind == "wait" and not self._has_waited(step.value, turn.actions[-1]):
                return
            self._steps.pop(0)
            if step.kind == "wait":
                self._due = None
            elif step.kind == "send_signal":
                sent = self.result.world.signals.setdefault(self.result.call_id, [])
                sent.append((f"s{len(sent)}", *step.value))
                self._note("signal", step.value[0])
            elif step.kind == "roster":
                await self._tell_roster(turn.history, step.value)
            else:
                await self._repeat(turn)

    def _has_waited(self, seconds: float, action: Action) -> bool:
        """Whether a `wait` is over: at a question at once, else when as much has been played."""
        if isinstance(action, Recognize | Record):
            limit = action.initial_silence_timeout_in_seconds or rules.INITIAL_SILENCE_DEFAULT_S
            if seconds >= limit:
                raise WrongStep(
                    f"wait({seconds:g}) is too long: the question times out after {limit:g} s, which is silence()"
                )
        if _played_out(action) is None:
            self._now += seconds
            return True
        if self._due is None:
            self._due = self._sent + seconds
        return self._now >= self._due

    async def _tell_roster(self, history: History, identities: tuple[str, ...]) -> None:
        if not history.facts.is_multiparty:
            raise WrongStep("only a group call has a roster: give dial() others")
        if self._bot.notified is None:
            raise WrongStep("the platform tells the roster only to a bot with @bot.on_notification")
        members = [
            {"identity": identity, "mediaType": "audio", "mediaStreamDirection": "sendReceive"}
            for identity in identities
        ]
        update = RosterUpdate.from_wire({"id": self.result.call_id, "type": "rosterUpdate", "participants": members})
        rules.check_notification(update)
        self._note("platform", f"tells who is there: {', '.join(identities) or 'nobody'}")
        await self._bot.notified(update)
        self._roster = update.identities

    async def _repeat(self, turn: Turn) -> None:
        outside = self.result.world.of(self.result.call_id)
        again = await self._taken(_Kept(outside, list(self._outcomes), again=True))
        if (again.history, again.actions, again.changes) != (turn.history, turn.actions, turn.changes):
            raise NotTheSame(
                f"turn {turn.history.sequence} came out differently when it was repeated: {_difference(turn, again)}"
            )

    @staticmethod
    def _is_for(step: Step, action: Action) -> bool:
        if step.kind in ("hang_up", "drop", "fail", "outcome"):
            return True
        if isinstance(action, Transfer):
            return step.kind in ("connect", "decline")
        if isinstance(action, Record):
            tones = action.stop_tones or ()
            return step.kind in ("speak", "silence") or (step.kind == "press" and step.value in tones)
        if not isinstance(action, Recognize) or step.kind not in ("press", "speak", "silence"):
            return False
        return action.choices is None or step.kind != "press" or len(step.value) == 1

    def _answered(self, action: Action, step: Step) -> ConversationResult:
        if step.kind == "outcome":
            return self._result(action, step.value)
        if step.kind == "fail":
            self._note("platform", f"cannot play a prompt: {step.value}")
            failed = {"type": "playPromptOutcome", "outcome": "failure", "failureReason": step.value}
            return self._result(action, failed)
        if step.kind == "hang_up":
            self._note("caller", "hangs up")
            self.result.ended_by = "caller"
            return self._result(action, _left(action), state="terminated")
        if isinstance(action, Transfer):
            connected = step.kind == "connect"
            self._note("platform", "connects" if connected else f"cannot transfer: {step.value}")
            self.result.ended_by = "transfer" if connected else ""
            reason = {} if connected else {"failureReason": step.value}
            transferred = {"type": "transferOutcome", "outcome": "success" if connected else "failure"}
            return self._result(action, transferred | reason, state="terminated" if connected else "established")
        self._do(step, action)
        if isinstance(action, Record):
            return self._result(action, _unrecorded("initialSilenceTimeout"))
        assert isinstance(action, Recognize)
        if action.choices is not None:
            return self._result(action, _recognized(action, step))
        reported, left = _digits(action, step)
        if left:
            self._steps.insert(0, press(left))
        return self._result(action, reported)

    def _do(self, step: Step, action: Action) -> None:
        if step.kind == "silence":
            timeout = getattr(action, "initial_silence_timeout_in_seconds", None)
            self._now += float(timeout or rules.INITIAL_SILENCE_DEFAULT_S)
            self._note("caller", "says nothing")
        elif step.kind == "press":
            self._note("caller", f"presses {step.value}")
            self._now += _SECONDS_A_KEY * len(step.value)
        else:
            self._note("caller", f'"{step.value}"')
            self._now += _spoken_seconds(step)

    def _recorded(self, action: Record, step: Step) -> tuple[ConversationResult, StoredRecording | None]:
        if step.kind == "hang_up":
            self._note("caller", "hangs up")
            self.result.ended_by = "caller"
            return self._result(action, _unrecorded("callTerminated"), state="terminated"), None
        self._do(step, action)
        limit = float(action.max_duration_in_seconds or rules.RECORD_DURATION_DEFAULT_S)
        seconds, reason, state = min(_spoken_seconds(step), limit), "completedSilenceDetected", "established"
        after = self._steps[0] if self._steps else None
        if step.kind == "press":
            reason = "completedStopToneDetected"
        elif seconds == limit:
            reason = "maxRecordingTimeout"
        elif after is not None and after.kind == "press" and after.value in (action.stop_tones or ()):
            self._do(self._steps.pop(0), action)
            reason = "completedStopToneDetected"
        elif after is not None and after.kind == "hang_up":
            self._steps.pop(0)
            self._note("caller", "hangs up")
            self.result.ended_by = "caller"
            reason, state = "callTerminated", "terminated"
        form = str(action.recording_format or "wma")
        path = f"recordings/{self.result.call_id}/{action.operation_id}.{form}"
        self.result.recordings.append((path, seconds))
        recorded: Json = {"type": "recordOutcome", "outcome": "success", "completionReason": reason}
        recorded |= {"lengthOfRecordingInSecs": seconds, "format": form}
        size = round(seconds * _BYTES_A_SECOND.get(form, _BYTES_A_SECOND["wma"]))
        return self._result(action, recorded, state=state), StoredRecording(path, size)

    def _result(self, action: Action, reported: Json, state: str = "established") -> ConversationResult:
        body = {
            "id": self.result.call_id,
            "callState": state,
            "operationOutcome": {"id": action.operation_id} | reported,
        }
        result = ConversationResult.from_wire(body)
        rules.check_result(result)
        return result


def _waiting(action: Action) -> str:
    """What a bot waits for, and what answers it."""
    if isinstance(action, Recognize) and action.choices is not None:
        return "a choice (press one key, speak, silence)"
    if isinstance(action, Recognize):
        return "digits (press, silence)"
    if isinstance(action, Record):
        tones = f", press {' or '.join(action.stop_tones)}" if action.stop_tones else ""
        return f"a recording (speak, silence{tones})"
    return "a transfer (connect, decline)" if isinstance(action, Transfer) else action.action


def _difference(turn: Turn, again: Turn) -> str:
    """The first thing in which two turns differ."""
    for name, one, other in (
        ("the history", turn.history.to_json(), again.history.to_json()),
        ("the workflow", [a.to_wire() for a in turn.actions], [a.to_wire() for a in again.actions]),
    ):
        if one != other:
            return f"{name} was {one}, and now is {other}"
    return f"what it saves was {turn.changes}, and now is {again.changes}"


def _spoken_seconds(step: Step) -> float:
    if step.kind == "press":
        return _SECONDS_A_KEY
    return step.seconds if step.seconds is not None else max(1.0, round(len(step.value) * _SECONDS_A_CHARACTER, 1))


def _played_out(action: Action) -> Json | None:
    """The outcome of an action that needs nobody's doing; None for a question."""
    if isinstance(action, Recognize | Record | Transfer):
        return None
    return {"type": f"{action.action}Outcome", "outcome": "success"}


def _left(action: Action) -> Json:
    """The outcome of an action while which the caller hung up."""
    if isinstance(action, Recognize):
        part = "choiceOutcome" if action.choices is not None else "collectDigitsOutcome"
        return {"type": "recognizeOutcome", "outcome": "failure", part: {"completionReason": "callTerminated"}}
    return {"type": f"{action.action}Outcome", "outcome": "failure", "failureReason": "callTerminated"}


def _unrecorded(reason: str) -> Json:
    outcome = {"type": "recordOutcome", "outcome": "failure", "completionReason": reason}
    return outcome | {"lengthOfRecordingInSecs": 0.0}


def _recognized(action: Recognize, step: Step) -> Json:
    assert action.choices is not None
    failed = {"type": "recognizeOutcome", "outcome": "failure"}
    if step.kind == "silence":
        return failed | {"choiceOutcome": {"completionReason": "initialSilenceTimeout"}}
    if step.kind == "press":
        chosen = next((choice for choice in action.choices if choice.dtmf_variation == step.value), None)
        reason, otherwise = "dtmfOptionMatched", "incorrectDtmf"
    else:
        spoken = step.value.casefold()
        heard = [
            (len(word), choice)
            for choice in action.choices
            for word in choice.speech_variation or ()
            if word.casefold() in spoken
        ]
        # The longest match wins, as in the simulator.
        chosen = max(heard, key=lambda pair: pair[0])[1] if heard else None
        reason, otherwise = "speechOptionMatched", "unknown"
    if chosen is None:
        return failed | {"choiceOutcome": {"completionReason": otherwise}}
    part = {"completionReason": reason, "choiceName": chosen.name}
    return {"type": "recognizeOutcome", "outcome": "success", "choiceOutcome": part}


def _digits(action: Recognize, step: Step) -> tuple[Json, str]:
    """The outcome of a question for digits, and the keys that came too late for it."""
    collect = action.collect_digits
    assert collect is not None
    keys = step.value if step.kind == "press" else ""
    reason = "interdigitTimeout"
    longest = collect.max_number_of_dtmfs or len(keys)
    end = next((index for index, key in enumerate(keys[:longest]) if key in (collect.stop_tones or ())), None)
    digits, late = keys[:longest], keys[longest:]
    if end is not None:
        digits, late, reason = keys[:end], keys[end + 1 :], "completedStopToneDetected"
    if not digits:
        silent = {"completionReason": "initialSilenceTimeout"}
        return {"type": "recognizeOutcome", "outcome": "failure", "collectDigitsOutcome": silent}, late
    part = {"completionReason": reason, "digits": digits}
    return {"type": "recognizeOutcome", "outcome": "success", "collectDigitsOutcome": part}, late
