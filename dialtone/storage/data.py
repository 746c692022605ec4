"""What bots keep of users and conversations beyond a call: the bags of `call.user_data()` and its like.

Table `calldata`: a bag is a partition, its kind and owner; a value is a row under its own name, so that two calls that
change different names do not undo each other. Writing the same again changes nothing.

A row says who wrote it last (`by`: a turn of a call) and what was there before, so that a turn which is taken again
finds what it found. A name that such a turn removed keeps its row, without a value.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dialtone.storage.backend import Entity, Table, together
from dialtone.storage.keys import call_key
from dialtone.storage.rows import pack, text_of

DATA_TABLE: Final = "calldata"
_NONE: Final[Mapping[str, Any]] = {}


class DataStore:
    """The bags. Every method raises StorageUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def load(self, bag: str, owner: str, *, by: str = "") -> dict[str, Any]:
        """All values of a bag by their names, as they were before `by` saved any; empty when there is none."""
        found = {}
        for row in await self._table.scan(_partition(bag, owner)):
            mine = by != "" and "by" in row and text_of(row, "by") == by
            kept = "before" if mine else "value"
            if kept in row:
                found[text_of(row, "name")] = json.loads(text_of(row, kept))
        return found

    async def save(
        self,
        bag: str,
        owner: str,
        values: Mapping[str, Any],
        removed: Sequence[str] = (),
        *,
        emptied: bool = False,
        by: str = "",
        before: Mapping[str, Any] = _NONE,
    ) -> None:
        """Set values, each something that JSON can say, and remove names; `emptied` removes all others first.

        `by` says who does, and `before` what these names had: see `load`.
        """
        partition = _partition(bag, owner)
        rows = [_row(partition, name, by, before, value=value) for name, value in values.items()]
        gone = [] if by else [call_key(name) for name in removed]
        if by:
            rows += [_row(partition, name, by, before) for name in removed]
        if emptied:
            kept = {row["RowKey"] for row in rows}
            gone = [row["RowKey"] for row in await self._table.scan(partition) if row["RowKey"] not in kept]
        await together(*(self._table.put(row) for row in rows), *(self._table.delete(partition, key) for key in gone))


def _partition(bag: str, owner: str) -> str:
    return f"{bag}-{call_key(owner)}"


def _row(partition: str, name: str, by: str, before: Mapping[str, Any], **kept: Any) -> Entity:
    row: dict[str, Any] = {"PartitionKey": partition, "RowKey": call_key(name)}
    pack(row, "name", name)
    if by:
        pack(row, "by", by)
        if name in before:
            kept["before"] = before[name]
    for part, value in kept.items():
        pack(row, part, json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return row
