"""A call under test: what the platform and the caller do, turn by turn."""

from collections.abc import Sequence
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
    Signalled,
    StoredRecording,
    Turn,
    take_turn,
)
from dialtone.dialogs.bot import ON_ERROR
from dialtone.dialogs.outside import Outside, complete
from dialtone.dialogs.participants import ParticipantChange
from dialtone.dialogs.secret import Veil
from dialtone.dialogs.streaming import handler_of
from dialtone.protocol import (
    CALL_STATE_CHANGE,
    Action,
    AddParticipant,
    AnswerAppHostedMedia,
    CallStateChange,
    Conversation,
    ConversationResult,
    Hold,
    PlayPrompt,
    Prompt,
    Recognize,
    Record,
    Redirect,
    RemoveParticipant,
    StartRecording,
    Transfer,
    rules,
)
from dialtone.testing.outcomes import (
    SECONDS_A_CHARACTER,
    SECONDS_A_KEY,
    Elsewhere,
    Json,
    abandoned,
    collected,
    doing,
    played_out,
    recognized,
    spoken_seconds,
    unrecorded,
    waiting,
)
from dialtone.testing.steps import NotTheSame, Step, WrongStep, press
from dialtone.testing.world import TakenAgain, World

Message = Conversation | Placed | ConversationResult | CallStateChange | Lost | Signalled
EndedBy = Literal["", "bot", "caller", "transfer", "redirect", "lost"]

START: Final = 1_700_000_000.0
"""When a call begins that does not say it, in seconds since 1970, UTC."""
_BYTES_A_SECOND: Final = {"wav": 32_000, "wma": 8_000, "mp3": 8_000}
_BETWEEN: Final = frozenset({"wait", "send_signal", "roster", "repeat"})
"""Steps that are no answer to a question."""


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
    answered; where that is the link of a meeting, those who are in it are the `others`. `at` is when it begins, in
    seconds since 1970, UTC; `seed` feeds `call.random`.

    Raises what the dialog failed with, `WrongStep` and `NotTheSame`.
    """
    world = World() if world is None else world
    world.calls += 1
    call_id = f"call-{world.calls}"
    members = [{"identity": caller, "displayName": name, "languageId": language, "originator": True}]
    members += [{"identity": other, "originator": False} for other in (*others, "28:bot")]
    if placed is not None:
        target = {"identity": placed.target, "displayName": name, "languageId": language, "originator": False}
        met: list[Json] = [{"identity": other, "originator": False} for other in others]
        members = [{"identity": "28:bot", "originator": True}, *(met if placed.is_meeting else [target])]
    is_group = bool(others) or (placed is not None and placed.is_meeting)
    conversation = Conversation.from_wire(
        {
            "id": call_id,
            "participants": [{key: value for key, value in member.items() if value is not None} for member in members],
            "isMultiparty": is_group,
            "threadId": thread_id or (f"19:{call_id}@thread.test" if is_group else None),
            "subject": subject,
            "presentedModalityTypes": ["audio"],
            "callState": "incoming" if placed is None else "established",
        }
    )
    rules.check_conversation(conversation)
    line = Line(bot, CallResult(call_id, world), list(steps), at, seed)
    await line.play(conversation if placed is None else Placed(conversation, placed.args, handler_of(placed.stream)))
    return line.result


class Line:
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
        """Make the call, to its end or to the last step."""
        turn = await self._turn(begin)
        while not turn.history.done:
            message = await self._next(turn)
            if message is None:
                self.result.asking = turn.actions[-1] if turn.actions else None
                break
            turn = await self._turn(*message)
        self.result.seconds = round(self._now - self._began, 3)
        if turn.history.done and not self.result.ended_by:
            self.result.ended_by = "bot"
        if self._steps:
            over = f"the call is over, ended by {self.result.ended_by or 'nobody'}"
            raise WrongStep(f"nothing waits for {self._steps[0]}: {over}\n{self.result}")

    async def _turn(self, message: Message, recording: StoredRecording | None = None) -> Turn:
        number = len(self.result.turns)
        if number:
            history = self.result.turns[-1].history
            call_id = history.facts.call_id
            self._before = History.from_json(history.to_json(), call_id=call_id, sequence=history.sequence)
        self._event = Event(
            message, self._now, self._seed + number, recording, self._roster if number else None, Veil()
        )
        self._outcomes = []
        outside = self.result.world.of(self.result.call_id)
        turn = await self._taken(TakenAgain(outside, self._outcomes))
        if turn.error is not None:
            if not self._is_taken_over(turn):
                raise turn.error
            self.result.error = turn.error
        self.result.world.save(turn)
        self.result.turns.append(turn)
        actions = await self._bot.sent(self.result.call_id, turn.actions)
        if actions:
            _check(actions)
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
        elif isinstance(action, Hold) and action.play_prompt is not None:
            self._note("bot", doing(action))
            self._hear(action.play_prompt)
        elif done := doing(action):
            self._note("bot", done)

    def _hear_prompt(self, prompt: Prompt) -> None:
        silent = (prompt.silence_length_in_milliseconds or 0) / 1000
        if prompt.value:
            self._note("bot", f'"{prompt.value}"')
            self.result.said.append(prompt.value)
        elif prompt.file_uri:
            self._note("bot", f"plays {prompt.file_uri}")
        self._now += silent + SECONDS_A_CHARACTER * len(prompt.value or "")

    def _note(self, who: str, what: str) -> None:
        self.result.transcript.append(f"{self._now - self._began:6.1f}  {who:<8}  {what}")

    # What the caller does, and how the platform reports it.

    async def _next(self, turn: Turn) -> tuple[Message, StoredRecording | None] | None:
        """What is reported of a workflow; None when the caller has nothing more to do."""
        if not turn.actions:
            return await self._next_signal(turn)
        action = turn.actions[-1]
        await self._between(turn)
        step = self._steps[0] if self._steps else None
        if step is None or self._due is not None or not self._is_for(step, action):
            played = played_out(action)
            if played is not None:
                return self._played(action, played)
            if step is None:
                return None
            raise WrongStep(f"the bot waits for {waiting(action)}, and nothing waits for {step}\n{self.result}")
        self._steps.pop(0)
        if step.kind == "drop":
            self._note("platform", "the callback is lost")
            self.result.ended_by = "lost"
            return Lost(), None
        if isinstance(action, Record) and step.kind in ("press", "speak", "hang_up"):
            return self._recorded(action, step)
        return self._answered(action, step), None

    def _played(self, action: Action, played: Json) -> tuple[ConversationResult, StoredRecording | None]:
        stored = None
        if isinstance(action, StartRecording):
            path = f"recordings/{self.result.call_id}/{action.operation_id}.{action.recording_format}"
            stored = StoredRecording(path, 0)
        elif isinstance(action, RemoveParticipant):
            self._roster = tuple(each for each in self._there() if each != action.target.identity)
        return self._result(action, played), stored

    def _there(self) -> tuple[str, ...]:
        """Who is in the call."""
        began = (member.identity for member in self.result.turns[0].history.facts.participants)
        return self._roster if self._roster is not None else tuple(began)

    async def _next_signal(self, turn: Turn) -> tuple[Message, None] | None:
        """What comes next in a call that waits for signals, and for nothing of the platform's."""
        while self._steps:
            step = self._steps[0]
            if step.kind == "hang_up":
                self._steps.pop(0)
                self._note("caller", "hangs up")
                self.result.ended_by = "caller"
                change = {"id": self.result.call_id, "type": CALL_STATE_CHANGE, "currentState": "terminated"}
                return CallStateChange.from_wire(change), None
            if step.kind == "drop":
                self._steps.pop(0)
                self._note("platform", "the callback is lost")
                self.result.ended_by = "lost"
                return Lost(), None
            if step.kind == "wait":
                self._steps.pop(0)
                self._now += step.value
                continue
            if step.kind not in _BETWEEN:
                raise WrongStep(f"the bot waits for a signal, and nothing waits for {step}\n{self.result}")
            self._steps, rest = [step], self._steps[1:]
            await self._between(turn)
            self._steps = rest
            if step.kind == "send_signal":
                return Signalled(), None
        return None

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
        if played_out(action) is None:
            self._now += seconds
            return True
        if self._due is None:
            self._due = self._sent + seconds
        return self._now >= self._due

    async def _tell_roster(self, history: History, identities: tuple[str, ...]) -> None:
        if not history.facts.is_multiparty and self._roster is None:
            raise WrongStep("only a group call has a roster: give dial() others")
        if not self._bot.follows_roster and self._roster is None:
            raise WrongStep("the roster is told only to a bot with @bot.on_participant or @bot.on_notification")
        members = [
            {"identity": identity, "mediaType": "audio", "mediaStreamDirection": "sendReceive"}
            for identity in identities
        ]
        update = RosterUpdate.from_wire({"id": self.result.call_id, "type": "rosterUpdate", "participants": members})
        rules.check_notification(update)
        self._note("platform", f"tells who is there: {', '.join(identities) or 'nobody'}")
        if self._bot.notified is not None:
            await self._bot.notified(update)
        change = ParticipantChange.between(update.id, self._there(), update.identities)
        if self._bot.came_and_went is not None and change:
            await self._bot.came_and_went(change)
        self._roster = update.identities

    async def _repeat(self, turn: Turn) -> None:
        outside = self.result.world.of(self.result.call_id)
        again = await self._taken(TakenAgain(outside, list(self._outcomes), again=True))
        if (again.history, again.actions, again.changes) != (turn.history, turn.actions, turn.changes):
            raise NotTheSame(
                f"turn {turn.history.sequence} came out differently when it was repeated: {_difference(turn, again)}"
            )

    @staticmethod
    def _is_for(step: Step, action: Action) -> bool:
        if step.kind in ("hang_up", "drop", "fail", "outcome"):
            return True
        if step.kind == "refuse":
            return bool(step.value[0] == action.action)
        if isinstance(action, Elsewhere):
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
            return self._result(action, abandoned(action), state="terminated")
        if step.kind in ("connect", "decline", "refuse"):
            return self._connected(action, step)
        self._do(step, action)
        if isinstance(action, Record):
            return self._result(action, unrecorded("initialSilenceTimeout"))
        assert isinstance(action, Recognize)
        if action.choices is not None:
            return self._result(action, recognized(action, step))
        reported, left = collected(action, step)
        if left:
            self._steps.insert(0, press(left))
        return self._result(action, reported)

    def _connected(self, action: Action, step: Step) -> ConversationResult:
        """What somebody else than the caller, or the platform, has answered."""
        reported: Json = {"type": f"{action.action}Outcome", "outcome": "success"}
        if step.kind != "connect":
            reason = step.value[1] if step.kind == "refuse" else step.value
            self._note("platform", f"cannot {action.action}: {reason}")
            rings = isinstance(action, Redirect)
            failed = reported | {"outcome": "failure", "failureReason": reason}
            return self._result(action, failed, state="incoming" if rings else "established")
        self._note("platform", "connects")
        if isinstance(action, AddParticipant):
            self._roster = (*self._there(), action.target.identity)
            return self._result(action, reported)
        self.result.ended_by = "transfer" if isinstance(action, Transfer) else "redirect"
        return self._result(action, reported, state="terminated")

    def _do(self, step: Step, action: Action) -> None:
        if step.kind == "silence":
            timeout = getattr(action, "initial_silence_timeout_in_seconds", None)
            self._now += float(timeout or rules.INITIAL_SILENCE_DEFAULT_S)
            self._note("caller", "says nothing")
        elif step.kind == "press":
            self._note("caller", f"presses {step.value}")
            self._now += SECONDS_A_KEY * len(step.value)
        else:
            self._note("caller", f'"{step.value}"')
            self._now += spoken_seconds(step)

    def _recorded(self, action: Record, step: Step) -> tuple[ConversationResult, StoredRecording | None]:
        if step.kind == "hang_up":
            self._note("caller", "hangs up")
            self.result.ended_by = "caller"
            return self._result(action, unrecorded("callTerminated"), state="terminated"), None
        self._do(step, action)
        limit = float(action.max_duration_in_seconds or rules.RECORD_DURATION_DEFAULT_S)
        seconds, reason, state = min(spoken_seconds(step), limit), "completedSilenceDetected", "established"
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


def _check(actions: list[Action]) -> None:
    """Raise `ContractViolation` for a workflow that is illegal."""
    if isinstance(actions[0], AnswerAppHostedMedia):
        # What may follow it differs by channel.
        rules.check_action(actions[0])
        actions = actions[1:]
    if actions:
        rules.check_actions(actions)


def _difference(turn: Turn, again: Turn) -> str:
    """The first thing in which two turns differ."""
    for name, one, other in (
        ("the history", turn.history.to_json(), again.history.to_json()),
        ("the workflow", [a.to_wire() for a in turn.actions], [a.to_wire() for a in again.actions]),
    ):
        if one != other:
            return f"{name} was {one}, and now is {other}"
    return f"what it saves was {turn.changes}, and now is {again.changes}"
