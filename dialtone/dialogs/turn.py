"""What goes into a turn and what comes out of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dialtone import protocol
from dialtone.dialogs.history import History
from dialtone.dialogs.requests import StoredRecording
from dialtone.protocol import CallStateChange, Conversation, ConversationResult

Build = Callable[[str], protocol.Action]
"""Makes an action, given its operationId."""


class Queued(NamedTuple):
    """An action that waits to be sent; it is built only if it will be."""

    kind: str
    build: Build
    built: protocol.Action | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """An event of our own: the callback that was expected did not come in time."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: the platform's message, and what the engine may not find out by itself.

    A `CallStateChange` is one that ended the call. `at` is the time in seconds since 1970, UTC; `seed` feeds
    `call.random`; `recording` says where the sound that came with a record outcome was stored; `roster` has the
    identities of those who are in the call now, as far as the platform has told, None if it has not.
    """

    message: Conversation | ConversationResult | CallStateChange | Lost
    at: float
    seed: int = 0
    recording: StoredRecording | None = None
    roster: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """A function that the dialog wants to be run: `await run()`.

    The rest is the engine's own: what the dialog that was replaced in this turn had queued, whether the call ended
    there, and the things that were done in this turn.
    """

    fingerprint: str
    run: Callable[[], Awaitable[Any]]
    carried: tuple[Queued, ...] = ()
    ended: str = ""
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of an event: the history with it, and the actions to send (none: nothing more to say).

    While `activity` is set the turn is not complete: run it and call `finish_activity`. `error` is what the dialog
    failed with, for the log; the caller has been told by then.
    """

    history: History
    actions: list[protocol.Action] = field(default_factory=list)
    activity: Activity | None = None
    error: Exception | None = None
