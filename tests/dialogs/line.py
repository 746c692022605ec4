"""A bot at the end of a line: its turns one after the other, each checked for what is true of every turn."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from jsonschema import Draft202012Validator

from dialtone import ActionFailed, ActivityFailed
from dialtone.dialogs import Call, CallBot, Event, History, Lost, Placed, StoredRecording, Turn, outside, take_turn
from dialtone.errors import DialogError, WorkflowError
from dialtone.protocol import Action, CallStateChange, Conversation, ConversationResult, PlayPrompt, rules
from dialtone.protocol.schema import contract_schema
from dialtone.testing import World

Json = dict[str, Any]
T = TypeVar("T")
KEYS = {"yes": "1", "no": ("2", "no thanks")}
APOLOGY = "I'm sorry. Something went wrong. Please call again later."
CALL_ID = "call-7"
START = 1_700_000_000.0
WORKFLOW = Draft202012Validator(contract_schema() | {"anyOf": [{"$ref": "#/$defs/Workflow"}]})

PLAYED: Json = {"type": "playPromptOutcome", "outcome": "success"}
HUNG_UP: Json = {"type": "hangupOutcome", "outcome": "success"}
REFUSED: Json = {"type": "workflowValidationOutcome", "outcome": "failure", "failureReason": "why"}
NOT_ANSWERED: Json = {"type": "answerOutcome", "outcome": "failure", "failureReason": "busy"}
TRANSFERRED: Json = {"type": "transferOutcome", "outcome": "success"}
NOT_TRANSFERRED: Json = {"type": "transferOutcome", "outcome": "failure", "failureReason": "nobody"}
NO_SOUND: Json = {"type": "playPromptOutcome", "outcome": "failure", "failureReason": "no such file"}


def chose(name: str, reason: str = "dtmfOptionMatched") -> Json:
    part = {"completionReason": reason, "choiceName": name}
    return {"type": "recognizeOutcome", "outcome": "success", "choiceOutcome": part}


def dialled(digits: str, reason: str = "completedStopToneDetected") -> Json:
    part = {"completionReason": reason, "digits": digits}
    return {"type": "recognizeOutcome", "outcome": "success", "collectDigitsOutcome": part}


def unheard(reason: str, part: str = "choiceOutcome") -> Json:
    return {"type": "recognizeOutcome", "outcome": "failure", part: {"completionReason": reason}}


def recorded(seconds: float = 3.5, reason: str = "completedStopToneDetected", **members: Any) -> Json:
    outcome = {"type": "recordOutcome", "outcome": "success", "completionReason": reason}
    return outcome | {"lengthOfRecordingInSecs": seconds, "format": "wav"} | members


def unrecorded(reason: str = "initialSilenceTimeout") -> Json:
    return recorded(0, reason, outcome="failure")


SILENCE = unheard("initialSilenceTimeout")
LEFT: Json = {"type": "recognizeOutcome", "outcome": "failure"}
"""With state `terminated`."""


def conversation(**changes: Any) -> Conversation:
    data: Json = {
        "id": CALL_ID,
        "participants": [
            {"identity": "8:nora", "originator": True, "displayName": "Nora", "languageId": "en-US"},
            {"identity": "28:bot", "originator": False},
        ],
        "presentedModalityTypes": ["audio"],
        "callState": "incoming",
    }
    message = Conversation.from_wire(data | changes)
    rules.check_conversation(message)
    return message


def result(outcome: Json, state: str = "established") -> ConversationResult:
    data = {"id": CALL_ID, "callState": state, "operationOutcome": {"id": "op"} | outcome}
    message = ConversationResult.from_wire(data)
    rules.check_result(message)
    return message


def bot_of(dialog: Callable[..., Awaitable[Any]], **others: Callable[..., Awaitable[Any]]) -> CallBot:
    bot = CallBot()
    bot.incoming(dialog)
    for name, other in others.items():
        bot.dialog(name)(other)
    return bot


def complete(awaitable: Awaitable[T]) -> T:
    """What an awaitable that never waits returns."""
    steps = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("it waits")


class Line:
    """One call of a bot. Every turn begins with what the wire would bring, and is checked (`_check`)."""

    def __init__(
        self, dialog: Callable[..., Awaitable[Any]] | CallBot, **others: Callable[..., Awaitable[Any]]
    ) -> None:
        self.bot = dialog if isinstance(dialog, CallBot) else bot_of(dialog, **others)
        self.turns: list[Turn] = []
        self.world = World()
        self.seed = 0
        self._rows: list[str] = []
        self._operations: set[str] = set()

    def ring(self, **changes: Any) -> Turn:
        """The call begins."""
        return self.take(conversation(**changes))

    def send(
        self,
        outcome: Json,
        state: str = "established",
        recording: StoredRecording | None = None,
        roster: tuple[str, ...] | None = None,
    ) -> Turn:
        """The platform reports an outcome; `roster` is what it has told of who is there."""
        return self.take(result(outcome, state), recording, roster)

    def hang_up(self) -> Turn:
        """The caller hangs up while a question is asked."""
        return self.take(result(LEFT, "terminated"))

    def lose(self) -> Turn:
        """The callback does not come."""
        return self.take(Lost())

    def end(self) -> Turn:
        """The platform notifies that the call is terminated, before any outcome."""
        change = {"id": CALL_ID, "type": "callStateChange", "currentState": "terminated", "stateChangeCode": "0"}
        return self.take(CallStateChange.from_wire(change))

    def take(
        self,
        message: Conversation | Placed | ConversationResult | CallStateChange | Lost,
        recording: StoredRecording | None = None,
        roster: tuple[str, ...] | None = None,
    ) -> Turn:
        """A turn, its activities run."""
        before = self.turns[-1].history if self.turns else None
        number = len(self.turns)
        event = Event(message, START + 10 * number, seed=self.seed + number, recording=recording, roster=roster)
        if before is not None:
            read = History.from_json(before.to_json(), call_id=CALL_ID, sequence=before.sequence)
            assert read == before, "what appState carries is the history"
            before = read
        turn = take_turn(self.bot, before, event)
        assert turn.activity is None or not turn.actions
        turn = complete(outside.complete(self.bot, turn, event, self.world.of(CALL_ID)))
        self.world.save(turn)
        self._check(before, turn)
        self.turns.append(turn)
        return turn

    def _check(self, before: History | None, turn: Turn) -> None:
        history = turn.history
        assert history.sequence == len(self.turns)
        assert history.done == (not history.pending)
        if turn.actions:
            rules.check_actions(turn.actions)
            assert WORKFLOW.is_valid({"actions": [action.to_wire() for action in turn.actions]})
        for operation in (identifier for action in turn.actions for identifier in operations(action)):
            assert operation not in self._operations, "operation ids are unique in a call"
            self._operations.add(operation)
        if before is not None and not history.restarted(before):
            assert history.entries[: len(before.entries)] == before.entries, "what happened stays"
        row, whole = history.row_json(before, history.to_json())
        self._rows = [row] if whole else [*self._rows, row]
        journal = History.from_rows(self._rows, call_id=CALL_ID, sequence=history.sequence)
        assert journal == history, "the journal is the history"

    @property
    def answers(self) -> int:
        """How many times the bot answered."""
        return sum(action.action == "answer" for turn in self.turns for action in turn.actions)


class Asked:
    """A call whose dialog does one thing and says what came of it."""

    def __init__(self, word: Callable[[Call], Awaitable[Any]]) -> None:
        self.came: list[Any] = []

        async def dialog(call: Call) -> None:
            self.came.clear()
            try:
                self.came.append(await word(call))
            except (ActionFailed, ActivityFailed, WorkflowError, DialogError) as error:
                self.came.append(error)

        self.line = Line(dialog)
        self.first = self.line.ring()

    def after(self, *outcomes: Json, **more: Any) -> Any:
        for outcome in outcomes:
            self.line.send(outcome, **more)
        assert self.line.turns[-1].error is None
        (came,) = self.came
        return came


def operations(action: Action) -> list[str]:
    nested = getattr(action, "play_prompt", None)
    return [action.operation_id, *([nested.operation_id] if nested is not None else [])]


def kinds(turn: Turn) -> list[str]:
    """The names of a turn's actions."""
    return [action.action for action in turn.actions]


def said(turn: Turn) -> list[str | None]:
    """The texts that a turn says before its question."""
    played = [action for action in turn.actions if isinstance(action, PlayPrompt)]
    return [prompt.value for action in played for prompt in action.prompts]


def asked(turn: Turn) -> Json:
    """The question of a turn, as it is on the wire."""
    (question,) = [a for a in turn.actions if a.action in ("recognize", "record", "transfer")]
    return question.to_wire()


async def hello(call: Call) -> None:
    """Says one thing."""
    call.say("Hello.")
