"""What recordings and telemetry cost: the reconciler over a day of Azurite, and a span that nobody has asked for."""

import asyncio
import sys
import time
from contextlib import suppress
from dataclasses import replace

from bench.table import Figure, show
from dialtone import telemetry
from dialtone.errors import StorageUnavailable
from dialtone.storage import RECORDINGS_CONTAINER, Recording, Storage, open_storage
from dialtone.storage.keeper import Keeper
from tests.azurite import Azurite, find_azurite

RECORDINGS = 1000
DAY = "20231114"
LEFT = Recording("call", "1-0", "4:+15550100", 3.5, "wav", "completedStopToneDetected", 1_700_000_000.0)
SPANS = 200_000


def run() -> None:
    """Print both tables."""
    server = Azurite(find_azurite())
    server.start()
    try:
        matched, mended, worked = asyncio.run(_reconcile(server.connection_string(server.new_account())))
    finally:
        server.kill()
    rows = [
        ["reconcile, all in order", str(matched)],
        ["reconcile, one in ten without an entry", str(mended)],
        ["work: told and finished", str(worked)],
    ]
    note = f"{RECORDINGS:,} recordings of one day in Azurite. Aim: 1,000 a minute."
    show("Keeper", ["run", "recordings a minute"], rows, note)
    imported = sorted({name.partition(".")[0] for name in sys.modules} & {"opentelemetry"})
    rows = [["telemetry.span()", str(_span_ns()), ", ".join(imported) or "nothing of opentelemetry"]]
    show("Telemetry, switched off", ["call", "ns, median (range)", "imported"], rows, f"{SPANS:,} spans in 5 rounds.")


async def _reconcile(connection: str) -> tuple[Figure, Figure, Figure]:
    storage = open_storage(connection)
    gate = asyncio.Semaphore(4)

    async def leave(number: int) -> None:
        async with gate:
            with suppress(StorageUnavailable):
                await storage.recordings.save(replace(LEFT, call_id=f"call-{number}"), b"RIFF" * 250)
                return
            await storage.recordings.save(replace(LEFT, call_id=f"call-{number}"), b"RIFF" * 250)

    await asyncio.gather(*(leave(number) for number in range(RECORDINGS)))
    told: list[object] = []

    async def tell(event: object) -> None:
        told.append(event)

    keeper = Keeper(storage.backend.container(RECORDINGS_CONTAINER), storage.ledger, tell=tell)
    worked = await _rate(keeper.work(seconds=600))
    assert len(told) == RECORDINGS
    matched = await _rate(keeper.reconcile(DAY))
    await _lose_entries(storage)
    mended = await _rate(keeper.reconcile(DAY))
    await storage.close()
    return matched, mended, worked


async def _lose_entries(storage: Storage) -> None:
    from dialtone.storage.ledger import _keys

    for entry in (await storage.ledger.of_day(DAY))[::10]:
        keys = _keys(entry.path)
        await storage.backend.table("recordings").delete(keys.partition, keys.row)


async def _rate(work: object) -> Figure:
    began = time.perf_counter()
    report = await work  # type: ignore[misc]  # a coroutine of a report
    assert report.looked_at == RECORDINGS
    return Figure([RECORDINGS / (time.perf_counter() - began) * 60])


def _span_ns() -> Figure:
    rounds = []
    for _ in range(5):
        began = time.perf_counter_ns()
        for _ in range(SPANS):
            with telemetry.span("turn", call_id="call-7"):
                pass
        rounds.append((time.perf_counter_ns() - began) / SPANS)
    return Figure(rounds)
