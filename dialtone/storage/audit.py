"""Who did what, and when: rows that are added and never changed.

Table `audit`: a UTC day is a partition, `<yyyymmdd>`; a deed is a row, the latest first. Nothing here can change or
remove one; whoever must be unable to do so at all takes the right to update and delete from the role of the identity,
or exports the table to a store that is written once.

What was done is written before it is done: a deed that is not there was not done.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from dialtone.storage.backend import Entity, Table
from dialtone.storage.keys import day_of, time_key
from dialtone.storage.rows import pack, text_of

AUDIT_TABLE: Final = "audit"
DETAIL_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that somebody did.

    `who` is the signed-in user, or whoever ran a command; `what` is a name such as `recording.download`; `target` is
    what it was done to: a path, a call id, the hash of a caller. `detail` is what else JSON can say, never anything
    that a caller said or typed. `at` is in Unix seconds.
    """

    who: str
    what: str
    target: str
    at: float
    id: str
    detail: Mapping[str, Any] = field(default_factory=dict)


class AuditLog:
    """The audit. Every method raises StorageUnavailable."""

    def __init__(self, table: Table, clock: Callable[[], float] = time.time) -> None:
        self._table = table
        self._clock = clock

    async def write(self, who: str, what: str, target: str = "", **detail: Any) -> Deed:
        """Add a deed, and return it once it is stored: then do it.

        Raises ValueError without a name or a deed, or for a detail that JSON cannot say or that is too long.
        """
        if not who or not what:
            raise ValueError("a deed has somebody who did it, and a name")
        text = json.dumps(detail, ensure_ascii=False)
        if len(text) > DETAIL_MAX:
            raise ValueError(f"the detail has {len(text)} characters, {DETAIL_MAX} are kept")
        at = round(self._clock(), 3)
        deed = Deed(who, what, target, at, f"{time_key(at)}-{secrets.token_hex(8)}", detail)
        row: dict[str, Any] = {"PartitionKey": day_of(at), "RowKey": deed.id, "at": at}
        for name, value in (("who", who), ("what", what), ("target", target), ("detail", text)):
            pack(row, name, value)
        # Its name is random: one that is there already is this one, written by a request whose answer was lost.
        await self._table.insert(row)
        return deed

    async def of_day(self, day: str, *, limit: int = 100, after: str = "") -> list[Deed]:
        """The deeds of a UTC day, `yyyymmdd`, the latest first: `limit` at most, and those after the one of this id."""
        rows = await self._table.scan(day, first=f"{after}!" if after else "", limit=limit)
        return [_deed(row) for row in rows]


def _deed(row: Entity) -> Deed:
    return Deed(
        who=text_of(row, "who"),
        what=text_of(row, "what"),
        target=text_of(row, "target"),
        at=float(row["at"]),
        id=str(row["RowKey"]),
        detail=json.loads(text_of(row, "detail")),
    )
