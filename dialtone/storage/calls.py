"""The journal of calls, and the lists of calls.

Journal (table `calls`)
  1. A call is a partition; a turn is a row. Rows are inserted, never updated: whoever inserts turn n first has made it.
  2. Row keys are turned round, so that the latest turn is the first row.
  3. A text or a reply that is longer than one property may be goes on in `<name>_1`, `<name>_2` and so on. A row has
     1,000,000 bytes at most, where two bytes count for each UTF-16 unit of a text.
  4. What a turn changes of users' data is in its row, and saved after it; then the row `saved-` and its number is
     inserted, so that it is not saved again.
  5. A notification is a row of its call, `note-` and its Message-ID, inserted, never updated; the one row `roster` has
     who is in the call now; the one row `media` says what became of its media stream; a signal is a row, `signal-` and
     its id, inserted, never updated. The keys of all these are behind those of all turns.

Lists (table `callindex`)
  6. A call has a row among the calls of its day, the UTC day of its start, from its start for ever, and a row among
     the open calls from its start to its end. Both lists are spread over 8 partitions and sorted by start, the newest
     first. It has a row among the calls of its caller, too, and among those of its day that failed, or were lost, once
     it has ended so: whoever searches reads the partitions of what is searched for, and no others.
  7. Nothing makes both rows, or the journal and the lists, change as one. The end is written to the day before the row
     among the open calls is removed, so a crash in between leaves a call open that has ended, never the other way
     round. Whoever sweeps the open calls asks the journal what became of them and closes them again.

Source: Azure Table Storage, "Understanding the Table service data model" (limits of properties and rows).
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from dialtone.errors import BotError, StorageUnavailable
from dialtone.storage.backend import Entity, Table, together
from dialtone.storage.call_rows import (
    CallPage,
    CallRecord,
    MediaRow,
    NoteRow,
    SignalRow,
    TurnRow,
    entity_of_turn,
    note_of_entity,
    record_of_entity,
    turn_of_entity,
)
from dialtone.storage.keys import SHARDS, call_key, day_of, shard, time_key, turn_key
from dialtone.storage.rows import pack, text_of

CALLS_TABLE: Final = "calls"
INDEX_TABLE: Final = "callindex"
_MEDIA: Final = "media"
_NOTE: Final = "note-"
_ROSTER: Final = "roster"
_SIGNAL: Final = "signal-"
_SAVED: Final = "saved-"
_DAY: Final = re.compile(r"[0-9]{8}")
_PLACE: Final = re.compile(r"[0-9]{13}-[A-Za-z0-9_=~-]{1,200}")
_LISTED: Final = ("failed", "lost")
"""Outcomes that have a list of their own; most calls are completed, and are found among all of their day."""

OPEN: Final = "open"
LOOKS: Final = 10
"""Ranges that a search reads for one page, where rows are left out."""


class CallStore:
    """The journal and the lists. Every method raises StorageUnavailable."""

    def __init__(self, turns: Table, index: Table) -> None:
        self._turns = turns
        self._index = index

    async def insert(self, row: TurnRow) -> TurnRow | None:
        """Add a turn. None: it was added. Else the turn that was there already, and nothing was written.

        After a broken connection the turn that is there may be the very one that was given. So what counts is the turn
        that is there, not who wrote it. Raises BotError when the row is too large.
        """
        if await self._turns.insert(entity_of_turn(row)):
            return None
        there = await self.get(row.call_id, row.sequence)
        if there is None:
            raise StorageUnavailable(
                f"table {CALLS_TABLE} refuses a row that it does not have",
                fix="wait until the table that is being deleted is gone",
            )
        return there

    async def get(self, call_id: str, sequence: int) -> TurnRow | None:
        """One turn."""
        entity = await self._turns.get(call_key(call_id), turn_key(sequence))
        return None if entity is None else turn_of_entity(call_id, entity)

    async def latest(self, call_id: str) -> TurnRow | None:
        """The latest turn of a call; None when it has none."""
        rows = await self._turns.scan(call_key(call_id), limit=1)
        return turn_of_entity(call_id, rows[0]) if rows and _is_turn(rows[0]) else None

    async def history(self, call_id: str, upto: int) -> list[TurnRow]:
        """The turns that make the history at turn `upto`, oldest first: from the last one with `reset`, or from 0."""
        rows = await self._turns.scan(call_key(call_id), first=turn_key(upto), last=lambda row: row.get("reset", True))
        return [turn_of_entity(call_id, row) for row in reversed(rows) if _is_turn(row)]

    async def mark_saved(self, call_id: str, sequence: int) -> None:
        """Say that the changes of a turn are saved."""
        await self._turns.insert({"PartitionKey": call_key(call_id), "RowKey": f"{_SAVED}{sequence}"})

    async def is_saved(self, call_id: str, sequence: int) -> bool:
        """Whether `mark_saved` was said of a turn."""
        return await self._turns.get(call_key(call_id), f"{_SAVED}{sequence}") is not None

    async def turns(self, call_id: str, *, limit: int = 1000) -> list[TurnRow]:
        """The turns of a call, oldest first: the latest `limit` of them."""
        rows = await self._turns.scan(call_key(call_id), limit=limit, last=lambda row: not _is_turn(row))
        return [turn_of_entity(call_id, row) for row in reversed(rows) if _is_turn(row)]

    async def note(self, row: NoteRow) -> bool:
        """Add a notification; False, and nothing written, when its Message-ID is there already."""
        entity: dict[str, Any] = {
            "PartitionKey": call_key(row.call_id),
            "RowKey": _note_key(row.message_id),
            "at": row.at,
        }
        for name in ("message_id", "event", "body"):
            pack(entity, name, getattr(row, name))
        return await self._turns.insert(entity)

    async def noted(self, call_id: str, message_id: str) -> bool:
        """Whether a notification is there."""
        return await self._turns.get(call_key(call_id), _note_key(message_id)) is not None

    async def note_of(self, call_id: str, message_id: str) -> NoteRow | None:
        """One notification; None when it is not there."""
        row = await self._turns.get(call_key(call_id), _note_key(message_id))
        return None if row is None else note_of_entity(call_id, row)

    async def notes(self, call_id: str, starting: str = "") -> list[NoteRow]:
        """The notifications of a call whose Message-IDs start so, in the order that they came."""
        head = _note_key(starting) if starting else _NOTE
        rows = await self._turns.scan(
            call_key(call_id), first=head, last=lambda row: not str(row["RowKey"]).startswith(head)
        )
        notes = [note_of_entity(call_id, row) for row in rows if row["RowKey"].startswith(head)]
        return sorted(notes, key=lambda note: note.at)

    async def put_roster(self, call_id: str, identities: Sequence[str]) -> None:
        """Say who is in a call now."""
        entity: dict[str, Any] = {"PartitionKey": call_key(call_id), "RowKey": _ROSTER}
        pack(entity, "identities", json.dumps(identities))
        await self._turns.put(entity)

    async def roster(self, call_id: str) -> tuple[str, ...] | None:
        """Who is in a call now; None while nothing was said."""
        row = await self._turns.get(call_key(call_id), _ROSTER)
        return None if row is None else tuple(json.loads(text_of(row, "identities")))

    async def put_media(self, row: MediaRow) -> None:
        """Say what became of a call's media stream."""
        entity: dict[str, Any] = {"PartitionKey": call_key(row.call_id), "RowKey": _MEDIA, "at": row.at}
        entity |= {"number": row.number, "turn": row.turn}
        for name in ("handler", "channel", "state", "reason", "link"):
            pack(entity, name, getattr(row, name))
        await self._turns.put(entity)

    async def media(self, call_id: str) -> MediaRow | None:
        """The media stream of a call; None when it has none."""
        row = await self._turns.get(call_key(call_id), _MEDIA)
        if row is None:
            return None
        texts = {name: text_of(row, name) for name in ("handler", "channel", "state", "reason", "link")}
        number, turn = int(row.get("number", 1)), int(row.get("turn", 0))
        return MediaRow(call_id, at=float(row["at"]), number=number, turn=turn, **texts)

    async def signal(self, row: SignalRow) -> bool:
        """Add a signal; False, and nothing written, when its id is there already."""
        entity: dict[str, Any] = {
            "PartitionKey": call_key(row.call_id),
            "RowKey": f"{_SIGNAL}{call_key(row.id)}",
            "at": row.at,
        }
        for name in ("id", "name", "value"):
            pack(entity, name, getattr(row, name))
        return await self._turns.insert(entity)

    async def signals(self, call_id: str) -> list[SignalRow]:
        """The signals of a call, in the order that they came."""
        rows = await self._turns.scan(call_key(call_id), first=_SIGNAL)
        found = [
            SignalRow(call_id, text_of(row, "id"), text_of(row, "name"), text_of(row, "value"), float(row["at"]))
            for row in rows
            if row["RowKey"].startswith(_SIGNAL)
        ]
        return sorted(found, key=lambda signal: (signal.at, signal.id))

    async def open(self, record: CallRecord) -> None:
        """List a call that has started. Doing it twice is once; a call that has ended is not opened again."""
        rows = _Rows(record)
        is_new, *_ = await together(*(self._index.insert(row) for row in (rows.of_day, rows.open, *rows.of_caller)))
        if not is_new:
            listed = await self._index.get(rows.of_day["PartitionKey"], rows.of_day["RowKey"])
            if listed is not None and "ended" in listed:
                await self._index.delete(rows.open["PartitionKey"], rows.open["RowKey"])

    async def close(self, record: CallRecord) -> None:
        """List a call as ended, and no longer among the open ones. Raises ValueError when `ended` or `outcome` is not
        set.
        """
        if record.ended is None or not record.outcome:
            raise ValueError("a call is closed with the time that it ended and its outcome")
        rows = _Rows(record)
        await together(*(self._index.put(row) for row in (rows.of_day, *rows.of_caller, *rows.of_outcome)))
        await self._index.delete(rows.open["PartitionKey"], rows.open["RowKey"])

    async def open_calls(
        self, *, started_before: float, limit: int = 100, after: CallRecord | None = None
    ) -> list[CallRecord]:
        """The open calls that started before a time in Unix seconds, to the millisecond, newest first: `limit` of them
        at most, and with `after` those that follow that one in the list.
        """
        # The next key after all those of this millisecond: "~" is above the "-" that follows the time in them.
        first = max(f"{time_key(started_before)}~", _next_key(after))
        return await self._list((f"open-{number}" for number in range(SHARDS)), first, limit)

    async def calls_of_day(self, day: str, *, limit: int = 100, after: CallRecord | None = None) -> list[CallRecord]:
        """The calls that started on a UTC day, `yyyymmdd`, newest first: `limit` of them at most, and with `after`
        those that follow that one in the list. Raises BotError when the day is not written so.
        """
        if not _DAY.fullmatch(day):
            raise _no_day()
        return await self._list((f"day-{day}-{number}" for number in range(SHARDS)), _next_key(after), limit)

    async def search(
        self,
        *,
        day: str = "",
        caller: str = "",
        outcome: str = "",
        before: float | None = None,
        after: str = "",
        limit: int = 50,
    ) -> CallPage:
        """Calls, the newest first: `limit` of them at most, from where the page before ended (`after`).

        `caller` is a whole identity, `outcome` is `open`, `completed`, `failed` or `lost`, `before` a time in Unix
        seconds. Without a caller a `day`, `yyyymmdd`, is needed, but for open calls. One call reads LOOKS * 8 times
        `limit` rows at most; a page may have fewer calls than there are, or none, and go on. Raises BotError.
        """
        if after and not _PLACE.fullmatch(after):
            raise BotError(
                "this is no place in a list", field="after", fix="use what the page before gave", code="LIST_PLACE"
            )
        partitions = _partitions(day, caller, outcome)
        first = max(f"{time_key(before)}~" if before is not None else "", f"{after}!" if after else "")
        found: list[CallRecord] = []
        place = ""
        for _ in range(LOOKS):
            parts = await together(*(self._index.scan(part, first=first, limit=limit) for part in partitions))
            rows = sorted((row for part in parts for row in part), key=lambda row: str(row["RowKey"]))[:limit]
            for row in rows:
                place = str(row["RowKey"])
                record = record_of_entity(row)
                if _fits(record, day, outcome):
                    found.append(record)
                    if len(found) == limit:
                        return CallPage(found, place)
            if len(rows) < limit:
                return CallPage(found, "")
            first = f"{place}!"
        return CallPage(found, place)

    async def _list(self, partitions: Iterable[str], first: str, limit: int) -> list[CallRecord]:
        if limit < 1:
            return []
        found = await together(*(self._index.scan(part, first=first, limit=limit) for part in partitions))
        rows = sorted((row for part in found for row in part), key=lambda row: str(row["RowKey"]))
        return [record_of_entity(row) for row in rows[:limit]]


class _Rows:
    """The rows of a call in the lists."""

    def __init__(self, record: CallRecord) -> None:
        key = call_key(record.call_id)
        number = shard(key)
        row: dict[str, Any] = {"RowKey": _row_key(record), "started": record.started}
        pack(row, "call_id", record.call_id)
        pack(row, "channel", record.channel)
        pack(row, "caller", record.caller)
        self.open: Entity = row | {"PartitionKey": f"open-{number}"}
        if record.ended is not None:
            row["ended"] = record.ended
            row["outcome"] = record.outcome
        day = day_of(record.started)
        self.of_day: Entity = row | {"PartitionKey": f"day-{day}-{number}"}
        caller = f"caller-{call_key(record.caller)}"
        self.of_caller: list[Entity] = [row | {"PartitionKey": caller}] if record.caller else []
        listed = record.outcome in _LISTED
        self.of_outcome: list[Entity] = [row | {"PartitionKey": f"{record.outcome}-{day}-{number}"}] if listed else []


def _partitions(day: str, caller: str, outcome: str) -> list[str]:
    """The partitions that hold what is searched for. Raises BotError."""
    if caller:
        return [f"caller-{call_key(caller)}"]
    if outcome == OPEN:
        return [f"open-{number}" for number in range(SHARDS)]
    if not _DAY.fullmatch(day):
        raise _no_day()
    list_name = outcome if outcome in _LISTED else "day"
    return [f"{list_name}-{day}-{number}" for number in range(SHARDS)]


def _fits(record: CallRecord, day: str, outcome: str) -> bool:
    """Whether a call is what is searched for, where its partition does not say so."""
    return (not day or day_of(record.started) == day) and (not outcome or (record.outcome or OPEN) == outcome)


def _no_day() -> BotError:
    return BotError(
        "a day is eight digits", field="day", fix="write it as yyyymmdd, such as 20270131", code="DAY_FORMAT"
    )


def _is_turn(entity: Entity) -> bool:
    return str(entity["RowKey"]).isdecimal()


def _note_key(message_id: str) -> str:
    return f"{_NOTE}{call_key(message_id)}"


def _row_key(record: CallRecord) -> str:
    return f"{time_key(record.started)}-{call_key(record.call_id)}"


def _next_key(record: CallRecord | None) -> str:
    # "!" is below every character of a key, so nothing is between a key and itself with "!" behind it.
    return f"{_row_key(record)}!" if record is not None else ""
