"""The rows of a call: what each has, and how it is written as an entity of a table.

`dialtone.storage.calls` says where they are kept.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from dialtone.errors import BotError
from dialtone.storage.backend import Entity
from dialtone.storage.keys import TURN_MAX, call_key, turn_key
from dialtone.storage.rows import pack, pieces, text_of, utf16_bytes

ROW_MAX_BYTES: Final = 1_000_000
_TEXTS: Final = ("message_id", "event", "entries", "content_type", "failed")


@dataclass(frozen=True, slots=True)
class TurnRow:
    """One turn of a call.

    `sequence` counts from 0 to 999999. `message_id` names the callback that caused the turn, `event` says what it was.
    `entries` is JSON: what the turn adds to the history. `reset` says that the history starts anew with this row.
    `reply`, `content_type` and `status` are what was answered. `at` is in Unix seconds. `done` says that the call is
    over; `failed` is empty or says in one line why it failed. `changes` is JSON: what the turn changes of users' data.
    `took` is how many seconds the caller waited for it.
    """

    call_id: str
    sequence: int
    message_id: str
    event: str
    entries: str
    reset: bool
    reply: bytes
    content_type: str
    status: int
    at: float
    done: bool
    failed: str
    changes: str = ""
    took: float = 0.0


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One notification of a call: the callback that brought it, its type, its body, and when it came (Unix seconds)."""

    call_id: str
    message_id: str
    event: str
    body: bytes
    at: float


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal for a call: its id, the name that a dialog waits for, its value as JSON, the time in Unix seconds."""

    call_id: str
    id: str
    name: str
    value: str
    at: float

    @property
    def data(self) -> Any:
        """The value, read."""
        return json.loads(self.value)


@dataclass(frozen=True, slots=True)
class MediaRow:
    """The media stream of a call: the handler, the channel, and its `state`.

    `asked`: the platform was told to open it; `open`: it says that it has; `ended`: the stream is over, `reason` says
    why; `closed`: so is the call, and the platform was told. `link` is what the platform gave to command the call by.
    A call may have one stream after the other: `number` counts them, from 1, and `turn` is the one that asked for it.
    """

    call_id: str
    handler: str
    channel: str
    state: str
    at: float
    reason: str = ""
    link: str = ""
    number: int = 1
    turn: int = 0

    @property
    def is_wanted(self) -> bool:
        """Whether the stream is to be there."""
        return self.state in ("asked", "open")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call in a list. `started` and `ended` are in Unix seconds; `started` must be the same whenever the call is
    opened or closed. `outcome` is empty while the call is open, then `completed`, `failed` or `lost`.
    """

    call_id: str
    channel: str
    caller: str
    started: float
    ended: float | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class CallPage:
    """A part of a list of calls. `next` says where it goes on, empty when there is no more."""

    records: list[CallRecord]
    next: str


def note_of_entity(call_id: str, entity: Entity) -> NoteRow:
    """Read the row of a notification."""
    return NoteRow(
        call_id=call_id,
        message_id=text_of(entity, "message_id"),
        event=text_of(entity, "event"),
        body=b"".join(pieces(entity, "body")),
        at=float(entity["at"]),
    )


def record_of_entity(entity: Entity) -> CallRecord:
    """Read a row of a list."""
    ended = entity.get("ended")
    return CallRecord(
        call_id=text_of(entity, "call_id"),
        channel=text_of(entity, "channel"),
        caller=text_of(entity, "caller"),
        started=float(entity["started"]),
        ended=None if ended is None else float(ended),
        outcome=entity.get("outcome", ""),
    )


def entity_of_turn(row: TurnRow) -> Entity:
    """Write the row of a turn. Raises `BotError` for more than ROW_MAX_BYTES."""
    texts = {name: getattr(row, name) for name in _TEXTS}
    if row.changes:
        texts["changes"] = row.changes
    size = len(row.reply) + sum(utf16_bytes(text) for text in texts.values())
    if size > ROW_MAX_BYTES:
        raise BotError(
            f"turn {row.sequence} has {size} bytes, a row holds {ROW_MAX_BYTES}",
            field="entries" if len(row.entries) > len(row.reply) else "reply",
            fix="keep results of call.run() small, such as an id instead of a document",
            code="TURN_TOO_LARGE",
        )
    entity: dict[str, Any] = {
        "PartitionKey": call_key(row.call_id),
        "RowKey": turn_key(row.sequence),
        "reset": row.reset,
        "status": row.status,
        "at": row.at,
        "took": row.took,
        "done": row.done,
    }
    for name, text in texts.items():
        pack(entity, name, text)
    pack(entity, "reply", row.reply)
    return entity


def turn_of_entity(call_id: str, entity: Entity) -> TurnRow:
    """Read the row of a turn."""
    return TurnRow(
        call_id=call_id,
        sequence=TURN_MAX - int(entity["RowKey"]),
        message_id=text_of(entity, "message_id"),
        event=text_of(entity, "event"),
        entries=text_of(entity, "entries"),
        reset=entity["reset"],
        reply=b"".join(pieces(entity, "reply")),
        content_type=text_of(entity, "content_type"),
        status=entity["status"],
        at=float(entity["at"]),
        done=entity["done"],
        failed=text_of(entity, "failed"),
        changes=text_of(entity, "changes") if "changes" in entity else "",
        took=float(entity.get("took", 0.0)),
    )
