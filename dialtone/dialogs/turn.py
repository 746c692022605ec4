"""What goes into a turn and what comes out of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dialtone import protocol
from dialtone.dialogs.data import BagChange, Unsaved
from dialtone.dialogs.history import History
from dialtone.dialogs.requests import Load, Look, Place, StoredRecording, Work
from dialtone.dialogs.secret import NoVault, Vault
from dialtone.protocol import CallStateChange, Conversation, ConversationResult

__all__ = [
    "Activity",
    "Build",
    "Event",
    "Load",
    "Look",
    "Lost",
    "Place",
    "Placed",
    "Queued",
    "Signalled",
    "Turn",
    "Work",
]

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
class Signalled:
    """An event of our own: a signal came to a call for which the platform has nothing to tell."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An event of our own: a call that the bot placed was answered.

    `conversation` is what the platform would say of an incoming call, with the bot as its originator; `args` are those
    that `call.place` was given.
    """

    conversation: Conversation
    args: Mapping[str, Any] = field(default_factory=dict)
    media: str = ""
    """The media handler that its sound goes to; empty for none."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: the platform's message, and what the engine may not find out by itself.

    A `CallStateChange` is one that ended the call. `at` is the time in seconds since 1970, UTC; `seed` feeds
    `call.random`; `recording` says where the sound that came with a record outcome was stored; `roster` has the
    identities of those who are in the call now, as far as the platform has told, None if it has not; `vault` seals what
    the caller types in secret.
    """

    message: Conversation | Placed | ConversationResult | CallStateChange | Lost | Signalled
    at: float
    seed: int = 0
    recording: StoredRecording | None = None
    roster: tuple[str, ...] | None = None
    vault: Vault = field(default_factory=NoVault, compare=False, repr=False)

    @property
    def begins(self) -> bool:
        """Whether a call begins with it."""
        return isinstance(self.message, Conversation | Placed)


@dataclass(frozen=True, slots=True)
class Activity:
    """Something that the dialog wants of the outside world: `work`.

    The rest is the engine's own: what the dialog that was replaced in this turn had queued, whether the call ended
    there, the things that were done in this turn, where the outcomes of this turn begin in the history (-1: the dialog
    began in this turn), what that dialog left changed of its data, whether the event was a wait for a signal, what
    a dialog of this turn failed with, and whether the signal that was looked for was there.
    """

    fingerprint: str
    work: Work
    carried: tuple[Queued, ...] = ()
    ended: str = ""
    steps: int = 0
    began: int = -1
    unsaved: Unsaved = field(default_factory=dict)
    waited: bool = False
    failure: Exception | None = None
    found: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of an event: the history with it, and the actions to send (none: nothing more to say).

    `changes` are to be stored with the turn, and saved then. While `activity` is set the turn is not complete: have it
    done and call `finish_activity`. `error` is what the dialog failed with, for the log; the caller has been told by
    then.
    """

    history: History
    actions: list[protocol.Action] = field(default_factory=list)
    activity: Activity | None = None
    error: Exception | None = None
    changes: list[BagChange] = field(default_factory=list)
