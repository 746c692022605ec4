"""What bots keep of users and conversations beyond a call: the bags of `call.user_data()` and its like.

Table `calldata`: a bag is a partition, its kind and owner; a value is a row under its own name, so that two calls that
change different names do not undo each other. Writing the same again changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from dialtone.storage.backend import Entity, Table, together
from dialtone.storage.keys import call_key
from dialtone.storage.rows import pack, text_of

DATA_TABLE: Final = "calldata"


class DataStore:
    """The bags. Every method raises StorageUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def load(self, bag: str, owner: str) -> dict[str, Any]:
        """All values of a bag by their names; empty when there is none."""
        rows = await self._table.scan(_partition(bag, owner))
        return {text_of(row, "name"): json.loads(text_of(row, "value")) for row in rows if "value" in row}

    async def save(
        self, bag: str, owner: str, values: Mapping[str, Any], removed: Sequence[str] = (), *, emptied: bool = False
    ) -> None:
        """Set values, each something that JSON can say, and remove names; `emptied` removes all others first."""
        partition = _partition(bag, owner)
        rows = [_row(partition, name, value) for name, value in values.items()]
        gone = [call_key(name) for name in removed]
        if emptied:
            kept = {row["RowKey"] for row in rows}
            gone = [row["RowKey"] for row in await self._table.scan(partition) if row["RowKey"] not in kept]
        await together(*(self._table.put(row) for row in rows), *(self._table.delete(partition, key) for key in gone))


def _partition(bag: str, owner: str) -> str:
    return f"{bag}-{call_key(owner)}"


def _row(partition: str, name: str, value: Any) -> Entity:
    row: dict[str, Any] = {"PartitionKey": partition, "RowKey": call_key(name)}
    pack(row, "name", name)
    pack(row, "value", json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return row
