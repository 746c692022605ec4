"""What the console's list of calls costs where 100,000 calls are stored: its requests, its rows, its time.

In memory a request costs what finding the rows in a sorted table costs; to that comes what the account takes for so
many requests at once, which do not grow with the table: each reads a range of a partition from a key on.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from time import perf_counter

from bench.table import Figure, show
from dialtone.storage.backend import Entity
from dialtone.storage.call_rows import CallRecord
from dialtone.storage.calls import CallStore
from dialtone.storage.keys import day_of
from dialtone.storage.memory import MemoryTable

CALLS = 100_000
DAYS = 10
CALLERS = 5_000
ROUNDS = 15
BEGAN = 1_790_000_000.0


class Sorted(MemoryTable):
    """A table whose partitions are kept sorted, as Table Storage has them; counts what is asked and read."""

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, list[str]] = {}
        self.requests = self.read = 0

    async def scan(
        self,
        partition: str,
        *,
        first: str = "",
        limit: int | None = None,
        last: Callable[[Entity], bool] | None = None,
    ) -> list[Entity]:
        rows = self._partitions.get(partition, {})
        keys = self._keys.get(partition)
        if keys is None or len(keys) != len(rows):
            keys = self._keys[partition] = sorted(rows)
        start = bisect_left(keys, first)
        found = [rows[key] for key in keys[start : start + limit if limit is not None else None]]
        self.requests += 1
        self.read += len(found)
        return found


async def _fill(store: CallStore) -> None:
    step = DAYS * 86_400 / CALLS
    for number in range(CALLS):
        began = BEGAN + number * step
        outcome = "lost" if number % 997 == 0 else "failed" if number % 199 == 0 else "completed"
        caller = f"4:+1555{number % CALLERS:07d}"
        await store.close(CallRecord(f"call-{number:06d}", "acs", caller, began, began + 90, outcome))


async def _measure() -> list[list[str]]:
    index = Sorted()
    store = CallStore(Sorted(), index)
    await _fill(store)
    day = day_of(BEGAN + 5 * 86_400)
    middle = (await store.search(day=day, limit=5_000)).next
    searches = {
        "a day, the newest": {"day": day},
        "a day, after 5,000 others": {"day": day, "after": middle},
        "calls of one caller": {"caller": "4:+15550000042"},
        "lost calls of a day": {"day": day, "outcome": "lost"},
        "failed calls of one caller": {"caller": "4:+15550000042", "outcome": "failed"},
    }
    rows = []
    for title, search in searches.items():
        rounds = []
        await store.search(**search, limit=50)  # type: ignore[arg-type]  # names of texts
        for _ in range(ROUNDS):
            index.requests = index.read = 0
            began = perf_counter()
            page = await store.search(**search, limit=50)  # type: ignore[arg-type]
            rounds.append((perf_counter() - began) * 1e3)
        figure = f"{Figure(rounds).median:.1f} ({min(rounds):.1f}-{max(rounds):.1f})"
        rows.append([title, str(len(page.records)), str(index.requests), f"{index.read:,}", figure])
    return rows


def run() -> None:
    """Print the table."""
    rows = asyncio.run(_measure())
    note = f"{CALLS:,} calls of {DAYS} days in the table, a page of 50; storage in memory. Aim: 200 ms."
    show("The console's list of calls", ["search", "calls", "requests", "rows read", "ms, median (range)"], rows, note)
