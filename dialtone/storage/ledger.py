"""The ledger of recordings: what is known of each, written before its sound is, and never forgotten with it.

Table `recordings`:

| partition       | row                                   | what                                                       |
|-----------------|---------------------------------------|--------------------------------------------------------------|
| `day-<day>-<n>` | `<call>!<file>`                       | the entry of a recording; see `Entry`                      |
| `todo`          | `<day>!<call>!<file>`                 | it is not finished: stored, told, archived, or deleted     |
| `due`           | `<day of expiry>!<day>!<call>!<file>` | its retention ends on that day                             |
| `caller-<key>`  | `<day>!<call>!<file>`                 | whose it is, for requests to delete                        |
| `receipts`      | time, then a random part              | what was deleted for whom; see `Receipt`                   |
| `salt`          | `salt`                                | 32 random bytes that callers are hashed with; made once    |

1. The entry and its `todo` row are there before the first byte of sound, and `expected` is its state. Nothing that
   happens after can leave sound that nobody knows of.
2. An entry is changed by merging: whoever stores writes what was stored, whoever tells writes that it was told, and
   none of them undoes another. Doing any of it again changes nothing.
3. `todo` is removed last: whoever died before leaves it, and the next run of the keeper (dialtone.storage.keeper) goes
   on.
4. A path is `yyyy/mm/dd/<call>/<file>`. What does not look so is not a recording of ours.
"""

import json
import re
import secrets
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final

from dialtone.errors import StorageUnavailable
from dialtone.privacy import caller_key
from dialtone.storage.backend import Entity, Table, together
from dialtone.storage.keys import SHARDS, shard, time_key
from dialtone.storage.rows import pack, text_of

LEDGER_TABLE: Final = "recordings"
STANDARD: Final = "standard"
"""The class of a recording whose bot names none."""

NOT_FETCHED: Final = "notFetched"
"""The fault of a recording that the platform keeps for a while, and that could not be fetched so far."""

_TEXT_MAX: Final = 4000
_PATH: Final = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})/([^/!]{1,270})/([^/!]{1,280})")
_TODO: Final = "todo"
_DUE: Final = "due"
_RECEIPTS: Final = "receipts"
_SALT: Final = "salt"


class State(StrEnum):
    """Where a recording is."""

    EXPECTED = "expected"
    """Its sound is on its way, or was lost with whoever carried it."""
    STORED = "stored"
    EMPTY = "empty"
    """It is stored and has no bytes."""
    MISSING = "missing"
    """Its sound did not come, or is gone, and nobody here deleted it."""
    DELETING = "deleting"
    """It was decided to delete it."""
    DELETED = "deleted"
    EXPIRED = "expired"
    """Its retention ended, and it was deleted."""

    @property
    def is_there(self) -> bool:
        """Whether there is a blob."""
        return self in (State.STORED, State.EMPTY)

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it."""
        return self in (State.DELETING, State.DELETED, State.EXPIRED)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger has of a recording. Times are Unix seconds, 0 where it has not happened.

    `caller` is written as DIALTONE_CALLERS says, `caller_key` is the caller's hash. `consent` is `given`, `refused`, or
    empty where nobody asked. `keep` is its class of retention, `expires` the end of it (0: never). `hold` is the reason
    of a legal hold, empty without one. `archived` is where its copy is, `sha256` is hexadecimal, `size` in bytes.
    """

    path: str
    state: State
    call_id: str = ""
    operation_id: str = ""
    caller: str = ""
    caller_key: str = ""
    seconds: float = 0.0
    format: str = ""
    reason: str = ""
    started: float = 0.0
    fault: str = ""
    consent: str = ""
    keep: str = STANDARD
    size: int = 0
    sha256: str = ""
    expected_at: float = 0.0
    stored_at: float = 0.0
    told_at: float = 0.0
    archived_at: float = 0.0
    archived: str = ""
    expires: float = 0.0
    hold: str = ""
    deleted_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a request to delete the recordings of a caller.

    `deleted` has path, size and sha256 of what is gone; `held` the paths that a legal hold keeps; `archived` where
    copies in the archive are that could not be deleted, with the reason. `complete` says that nothing is left to do.
    """

    id: str
    at: float
    caller_key: str
    by: str
    deleted: list[dict[str, Any]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    archived: list[dict[str, str]] = field(default_factory=list)
    complete: bool = False


def is_path(path: str) -> bool:
    """Whether a path is one of a recording (rule 4)."""
    return _PATH.fullmatch(path) is not None


class Ledger:
    """The ledger. Every method raises StorageUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._salt: bytes | None = None

    async def caller_key(self, identity: str) -> str:
        """The hash that a caller is known by here; empty for nobody."""
        return caller_key(identity, await self._the_salt()) if identity else ""

    async def expect(self, entry: Entry) -> Entry | None:
        """Rule 1. None when it was added, else the entry that was there already."""
        keys = _keys(entry.path)
        rows = [self._table.insert(_row(entry)), self._table.put({"PartitionKey": _TODO, "RowKey": keys.reference})]
        if entry.caller_key:
            rows.append(self._index_caller(entry.caller_key, keys))
        is_new, *_ = await together(*rows)
        if is_new:
            return None
        there = await self.get(entry.path)
        if there is None:
            raise StorageUnavailable(
                f"table {LEDGER_TABLE} refuses a row that it does not have",
                fix="wait until the table that is being deleted is gone",
            )
        return there

    async def get(self, path: str) -> Entry | None:
        """One entry."""
        keys = _keys(path)
        row = await self._table.get(keys.partition, keys.row)
        return None if row is None else _entry(row)

    async def change(self, path: str, **values: Any) -> bool:
        """Rule 2: set members of an entry; False when there is no such entry."""
        keys = _keys(path)
        row: dict[str, Any] = {"PartitionKey": keys.partition, "RowKey": keys.row}
        for name, value in values.items():
            _put(row, name, value)
        return await self._table.merge(row)

    async def name_caller(self, path: str, caller: str, key: str) -> None:
        """Say whose a recording is whose caller was not known when it was made."""
        await self._index_caller(key, _keys(path))
        await self.change(path, caller=caller, caller_key=key)

    async def of_day(self, day: str, *, limit: int | None = None, after: str = "") -> list[Entry]:
        """The entries of a day, `yyyymmdd`, in the order of their paths: `limit` of them at most, after this path."""
        first = f"{_keys(after).row}!" if after else ""
        parts = (f"day-{day}-{number}" for number in range(SHARDS))
        found = await together(*(self._table.scan(part, first=first, limit=limit) for part in parts))
        rows = sorted((row for part in found for row in part), key=lambda row: str(row["RowKey"]))
        return [_entry(row) for row in rows[:limit]]

    async def of_call(self, day: str, key: str) -> list[Entry]:
        """The entries of a call, by the day in its paths and its key (`dialtone.storage.call_key`)."""
        first = f"{key}!"
        rows = await self._table.scan(
            f"day-{day}-{shard(key)}", first=first, last=lambda row: not row["RowKey"].startswith(first)
        )
        return [_entry(row) for row in rows if row["RowKey"].startswith(first)]

    async def of_caller(self, key: str, *, limit: int | None = None) -> list[str]:
        """The paths of a caller's recordings that are not deleted, or have a copy left in an archive; oldest first."""
        return [_path(row["RowKey"]) for row in await self._table.scan(f"caller-{key}", limit=limit)]

    async def todo(self, *, limit: int = 100, after: str = "") -> list[str]:
        """The paths of recordings that are not finished, oldest day first: `limit` at most, after this path."""
        first = f"{_keys(after).reference}!" if after else ""
        return [_path(row["RowKey"]) for row in await self._table.scan(_TODO, first=first, limit=limit)]

    async def again(self, path: str) -> None:
        """Have the keeper look at a recording again."""
        await self._table.put({"PartitionKey": _TODO, "RowKey": _keys(path).reference})

    async def finished(self, path: str) -> None:
        """Rule 3."""
        await self._table.delete(_TODO, _keys(path).reference)

    async def due(self, day: str, *, limit: int = 100) -> list[tuple[str, str]]:
        """Of recordings whose retention ends before or on a day, oldest first: the row and the path."""
        rows = await self._table.scan(_DUE, limit=limit, last=lambda row: row["RowKey"][:8] > day)
        keys = [str(row["RowKey"]) for row in rows]
        return [(key, _path(key.partition("!")[2])) for key in keys if key[:8] <= day]

    async def fall_due(self, path: str, day: str) -> None:
        """Have a recording looked at on a day, whether it is to be deleted."""
        await self._table.put({"PartitionKey": _DUE, "RowKey": f"{day}!{_keys(path).reference}"})

    async def was_due(self, row: str) -> None:
        """That was done."""
        await self._table.delete(_DUE, row)

    async def forget_caller(self, path: str, key: str) -> None:
        """Blank who the caller of a deleted recording was."""
        # In this order: the key of the entry is what leads to the row.
        await self._table.delete(f"caller-{key}", _keys(path).reference)
        await self.change(path, caller="", caller_key="")

    async def put_receipt(self, receipt: Receipt) -> None:
        """Keep a receipt; the same id replaces it."""
        row: dict[str, Any] = {"PartitionKey": _RECEIPTS, "RowKey": receipt.id, "at": receipt.at}
        body = {each.name: getattr(receipt, each.name) for each in fields(receipt)}
        pack(row, "body", json.dumps(body, ensure_ascii=False))
        await self._table.put(row)

    async def receipt(self, receipt_id: str) -> Receipt | None:
        """One receipt."""
        row = await self._table.get(_RECEIPTS, receipt_id)
        return None if row is None else Receipt(**json.loads(text_of(row, "body")))

    async def receipts(self, *, limit: int = 100) -> list[Receipt]:
        """The receipts, the latest first."""
        rows = await self._table.scan(_RECEIPTS, limit=limit)
        return [Receipt(**json.loads(text_of(row, "body"))) for row in rows]

    async def _index_caller(self, key: str, keys: "_Keys") -> None:
        await self._table.put({"PartitionKey": f"caller-{key}", "RowKey": keys.reference})

    async def _the_salt(self) -> bytes:
        if self._salt is None:
            row: Entity = {"PartitionKey": _SALT, "RowKey": _SALT, "salt": secrets.token_hex(32)}
            found = await self._table.get(_SALT, _SALT)
            if found is None and not await self._table.insert(row):
                found = await self._table.get(_SALT, _SALT)
            self._salt = bytes.fromhex(str((found or row)["salt"]))
        return self._salt


def receipt_id(at: float) -> str:
    """A new name for a receipt; the latest comes first."""
    return f"{time_key(at)}-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class _Keys:
    """Where a path is: the entry's partition and row, and what other rows call it by."""

    partition: str
    row: str
    reference: str


def _keys(path: str) -> _Keys:
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"{path!r} is not the path of a recording")
    year, month, day, call, file = found.groups()
    date = f"{year}{month}{day}"
    return _Keys(f"day-{date}-{shard(call)}", f"{call}!{file}", f"{date}!{call}!{file}")


def _path(reference: str) -> str:
    day, call, file = reference.split("!")
    return f"{day[:4]}/{day[4:6]}/{day[6:]}/{call}/{file}"


_TEXTS: Final = frozenset(
    {"call_id", "operation_id", "caller", "caller_key", "format", "reason", "fault", "consent", "keep", "sha256"}
    | {"archived", "hold", "path", "state"}
)


def _put(row: dict[str, Any], name: str, value: Any) -> None:
    if name in _TEXTS:
        row[name] = str(value)[:_TEXT_MAX]
    else:
        # As a float: a size may be more than 32 bits hold.
        row[name] = float(value)


def _row(entry: Entry) -> Entity:
    keys = _keys(entry.path)
    row: dict[str, Any] = {"PartitionKey": keys.partition, "RowKey": keys.row}
    for each in fields(entry):
        _put(row, each.name, getattr(entry, each.name))
    return row


def _entry(row: Entity) -> Entry:
    values: dict[str, Any] = {}
    for each in fields(Entry):
        if each.name in row:
            values[each.name] = str(row[each.name]) if each.name in _TEXTS else float(row[each.name])
    values["state"] = State(values["state"])
    values["size"] = int(values.get("size", 0))
    return Entry(**values)
