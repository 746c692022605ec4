"""Requests of a dialog, and the outcomes that answer them.

A dialog awaits `Request` objects and nothing else. Each has a fingerprint of what gives its outcome a meaning: the
kind, the prompt's identity, the names of the choices, the function that is run. Texts that an operator may change are
not part of it.

A platform's outcome becomes an `Entry` of the history by `entry_of`:
  1. The outcome answers the request when its type is the one that the request waits for.
  2. It succeeded when the platform says `success` and the value is one that was asked for; an outcome, a reason or a
     choice that is not understood is never a success.
  3. An outcome of another action (an answer or a prompt that failed, a refused workflow) is a failure of the workflow.
  4. The call is over when its state is terminated or the reason is callTerminated.
  5. A request for the raw outcome of an action is answered by it, failed or not; but an answer that failed is a failure
     of the workflow.
"""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, NamedTuple
from zlib import crc32

from dialtone import protocol
from dialtone.dialogs.data import BagKey
from dialtone.dialogs.history import Entry, RecordingMarks
from dialtone.dialogs.secret import NoVault
from dialtone.protocol import ConversationResult, RecordingCompletionReason
from dialtone.protocol.states import OVER

HUNG_UP: Final = "callerHungUp"
LOST: Final = "lost"
TRANSFERRED: Final = "transferred"
REDIRECTED: Final = "redirected"

_NO_VAULT: Final = NoVault()
_DEFAULTS: Final[list[Any]] = [None, "", None, "", None]
"""Of an entry's parts after the fingerprint; the code is never left out."""


class Code(IntEnum):
    """How a request ended."""

    UNANSWERED = 0
    ANSWERED = 1
    FAILED = 2
    """The workflow failed: the value is [type of outcome, the platform's reason]."""
    REFUSED = 3
    """The action was illegal and never sent: the value is [its number in the dialog, message, field, fix]."""


class Answer(NamedTuple):
    """An entry of the history, read."""

    code: Code
    reason: str
    value: Any
    ended: str
    roster: list[str] | None = None
    """Who was in the call when the outcome came, if that had changed."""

    @property
    def ok(self) -> bool:
        """Whether the request was answered."""
        return self.code is Code.ANSWERED

    @classmethod
    def of(cls, entry: Entry) -> "Answer":
        """Read an entry."""
        code, reason, value, ended, roster = entry[1:] + _DEFAULTS[len(entry) - 1 :]
        return cls(Code(code), reason, value, ended, roster)


@dataclass(frozen=True, slots=True)
class Load:
    """Work: read a bag of data."""

    key: BagKey


@dataclass(frozen=True, slots=True)
class Look:
    """Work: look for the oldest signal of this name whose id is not one of `heard`.

    Where there is one named `unless` instead, no more will come, and the looking is over.
    """

    name: str
    heard: frozenset[str]
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Work: have the platform ring `target`, or join the meeting of that link.

    Who answers gets the outgoing dialog with these arguments.
    """

    target: str
    args: Mapping[str, Any] = field(default_factory=dict)
    stream: Mapping[str, Any] | None = None
    """What is asked of the media stream of that call (`dialtone.dialogs.streaming.stream_of`); None for none."""

    @property
    def is_meeting(self) -> bool:
        """Whether a meeting is joined."""
        return self.target.startswith("https://")


@dataclass(frozen=True, slots=True)
class AskMeeting:
    """Work: ask the platform for the meeting that the call is of."""


@dataclass(frozen=True, slots=True)
class Invoke:
    """Work: call a function of the bot with these arguments."""

    function: Callable[..., Awaitable[Any]]
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    async def __call__(self) -> Any:
        """Call it. Raises TypeError for a function that is not async."""
        result = self.function(*self.args, **self.kwargs)
        if not isinstance(result, Awaitable):
            name = getattr(self.function, "__qualname__", repr(self.function))
            raise TypeError(f"{name} returned {type(result).__name__} and not an awaitable: make it an async function")
        return await result


Work = Invoke | Load | Look | Place | AskMeeting
"""What a dialog wants of the outside world."""


@dataclass(slots=True)
class Request:
    """What a dialog asks: an action of the platform (`build`), something of the outside world (`work`), or a signal,
    which is looked for by `work` and, until `deadline` (seconds since 1970), awaited by up to `polls` of `build`;
    without `build` the platform is told nothing meanwhile. `raw` wants the outcome itself; `recording` goes with what
    is recorded; what answers a `secret` one is sealed.
    """

    kind: str
    identity: str
    outcome: type[protocol.Outcome] | None = None
    build: Callable[[str], protocol.Action] | None = None
    work: Work | None = None
    choices: frozenset[str] = frozenset()
    deadline: float = 0.0
    polls: int = 0
    raw: bool = False
    recording: RecordingMarks | None = None
    secret: bool = False

    def __await__(self) -> Generator["Request", Answer, Answer]:
        answer = yield self
        return answer

    @property
    def fingerprint(self) -> str:
        """Four characters that tell this request from another."""
        return fingerprint(self.kind, self.identity)


@lru_cache(maxsize=1024)
def fingerprint(kind: str, identity: str) -> str:
    """24 bits of a checksum: it guards against changed code, not against an attacker (the appState is signed)."""
    return urlsafe_b64encode(crc32(f"{kind}\0{identity}".encode()).to_bytes(4)[:3]).decode()


def entry(mark: str, code: Code, reason: str = "", value: Any = None, ended: str = "") -> Entry:
    """An entry of the history, without its falsy tail."""
    parts: Entry = [mark, int(code), reason, value, ended]
    while parts[-1] is _DEFAULTS[len(parts) - 2] or parts[-1] == "" == _DEFAULTS[len(parts) - 2]:
        parts.pop()
    return parts


def with_roster(parts: Entry, roster: Sequence[str]) -> Entry:
    """An entry that also says who was in the call when the outcome came."""
    return [*parts, *_DEFAULTS[len(parts) - 1 : -1], list(roster)]


def entry_of(
    request: Request,
    result: ConversationResult,
    recording: "StoredRecording | None",
    seal: Callable[[str], str] = _NO_VAULT.seal,
) -> Entry:
    """The outcome of a request. Rules 1 to 4."""
    outcome = result.operation_outcome
    mark = request.fingerprint
    over = HUNG_UP if result.call_state in OVER else ""
    if request.outcome is None or not isinstance(outcome, request.outcome):
        return entry(mark, Code.FAILED, "", [outcome.type, outcome.failure_reason or ""], over)
    if request.raw:
        if isinstance(outcome, protocol.AnswerOutcome) and not outcome.succeeded:
            return entry(mark, Code.FAILED, "", [outcome.type, outcome.failure_reason or ""], over)
        return entry(mark, Code.ANSWERED, "", outcome.to_wire(), over)
    if isinstance(outcome, protocol.RecognizeOutcome):
        return _recognized(request, outcome, over, seal)
    if isinstance(outcome, protocol.RecordOutcome):
        return _recorded(mark, outcome, over, recording)
    if isinstance(outcome, protocol.PlayPromptOutcome):
        # It filled a wait for a signal: it failed, or the call is over.
        if outcome.succeeded:
            return entry(mark, Code.UNANSWERED, ended=over)
        return entry(mark, Code.FAILED, "", [outcome.type, outcome.failure_reason or ""], over)
    if isinstance(outcome, protocol.CommandOutcome):
        return _commanded(request, outcome, over, recording)
    # What is left is a transfer.
    code = Code.ANSWERED if outcome.succeeded else Code.UNANSWERED
    return entry(mark, code, outcome.failure_reason or "", ended=TRANSFERRED if outcome.succeeded else over)


def _recognized(request: Request, outcome: protocol.RecognizeOutcome, over: str, seal: Callable[[str], str]) -> Entry:
    part = outcome.choice_outcome or outcome.collect_digits_outcome
    reason = str(part.completion_reason) if part else outcome.failure_reason or ""
    value: str | None = None
    if outcome.succeeded and outcome.choice_outcome and outcome.choice_outcome.choice_name in request.choices:
        value = outcome.choice_outcome.choice_name
    elif outcome.succeeded and outcome.collect_digits_outcome and not request.choices:
        value = outcome.collect_digits_outcome.digits
        if value and request.secret:
            value = seal(value)
    if reason == RecordingCompletionReason.CALL_TERMINATED:
        over = HUNG_UP
    return entry(request.fingerprint, Code.ANSWERED if value else Code.UNANSWERED, reason, value, over)


def _recorded(mark: str, outcome: protocol.RecordOutcome, over: str, recording: "StoredRecording | None") -> Entry:
    reason = outcome.completion_reason
    if reason is RecordingCompletionReason.CALL_TERMINATED:
        over = HUNG_UP
    if not outcome.succeeded:
        return entry(mark, Code.UNANSWERED, str(reason), None, over)
    stored: list[Any] = [recording.path, recording.size] if recording else ["", 0]
    if recording and recording.fault:
        stored.append(recording.fault)
    value = [outcome.length_of_recording_in_secs, str(outcome.format or ""), *stored]
    return entry(mark, Code.ANSWERED, str(reason), value, over)


def _commanded(
    request: Request, outcome: protocol.CommandOutcome, over: str, recording: "StoredRecording | None"
) -> Entry:
    if not outcome.succeeded:
        told = [outcome.code or 0, outcome.sub_code or 0, outcome.cause or "", outcome.check or ""]
        return entry(
            request.fingerprint, Code.UNANSWERED, outcome.failure_reason or "", told if any(told) else None, over
        )
    if request.kind == "redirect":
        over = REDIRECTED
    value = None
    if isinstance(outcome, protocol.StartRecordingOutcome):
        value = [outcome.recording_id or "", recording.path if recording else ""]
    return entry(request.fingerprint, Code.ANSWERED, "", value, over)


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """Where the sound of a record outcome was stored: a path in the recordings container, and its size in bytes.

    `fault` says what is wrong with it, empty if nothing is known to be.
    """

    path: str
    size: int
    fault: str = ""
