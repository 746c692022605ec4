"""An hour of traffic, its time compressed by many calls at once: `python -m bench soak`.

Callers of the simulator call a media worker over real sockets, speak, hear themselves and hang up, and others take
their place. What is counted must come out even: each frame of sound that a platform sent was received, each that was
received was given to the handler or counted as dropped, each that the handler sent went out or was counted. At the end
no task is left over, and memory has not grown.
"""

import asyncio
import gc
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from bench.table import show
from dialtone.media.stream import Stream
from media_worker.metrics import Metrics
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from simulator import audio
from simulator.media.options import MediaFaults, StreamOptions
from simulator.media.stream import MediaStream

CALLS: Final = 30
SECONDS: Final = 120.0
CALL_S: Final = 5.0
SAMPLE_S: Final = 2.0


@dataclass
class Soaked:
    """What came of a soak. `call_seconds` is the traffic; the rest are frames, but for `left` (tasks) and memory."""

    calls: int = 0
    call_seconds: float = 0.0
    sent: int = 0
    received: int = 0
    dropped_in: int = 0
    handled: int = 0
    answered: int = 0
    out: int = 0
    dropped_out: int = 0
    unsent: int = 0
    heard: int = 0
    left: int = 0
    problems: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Seconds, and MiB of this process, which is worker and callers, without garbage."""

    @property
    def uncounted(self) -> dict[str, int]:
        """Frames that were lost between two stations and counted by none."""
        return {
            "on the way in": self.sent - self.received,
            "to the handler": self.received - self.dropped_in - self.handled,
            "on the way out": self.answered - self.dropped_out - self.unsent - self.out,
        }

    @property
    def slope(self) -> float:
        """How memory grew in the second half, in KiB a minute."""
        half = [each for each in self.memory if each[0] >= self.memory[-1][0] / 2]
        if len(half) < 3:
            return 0.0
        seconds, sizes = np.array(half).T
        return float(np.polyfit(seconds, sizes, 1)[0]) * 60 * 1024


async def soak(calls: int = CALLS, seconds: float = SECONDS, call_s: float = CALL_S) -> Soaked:
    """Keep `calls` callers busy for so many seconds, each call lasting about `call_s`."""
    found = Soaked()
    before = len(asyncio.all_tasks())

    async def echo(stream: Stream) -> None:
        async for frame in stream.audio:
            found.handled += 1
            found.answered += 1
            stream.send(frame)

    voice = audio.tone(1.0, 440.0)
    began = time.monotonic()
    async with MediaWorker(Settings(port=0, max_sessions=2 * calls), {"echo": echo}) as worker:
        sampler = asyncio.create_task(_watch(found, began))
        until = began + seconds
        await asyncio.gather(*(_caller(found, worker, number, until, call_s, voice) for number in range(calls)))
        while len(worker.sessions):
            await asyncio.sleep(0.05)
        sampler.cancel()
        await asyncio.gather(sampler, return_exceptions=True)
        _count(found, worker.metrics)
    for _ in range(40):
        if len(asyncio.all_tasks()) <= before:
            break
        await asyncio.sleep(0.05)
    found.left = len(asyncio.all_tasks()) - before
    return found


async def _caller(found: Soaked, worker: MediaWorker, number: int, until: float, call_s: float, voice: bytes) -> None:
    """Call again and again. The first calls are shorter, so that not all end at once."""
    url = worker.url.replace("http", "ws", 1)
    lasts = call_s * (0.5 + (number % 10) / 10)
    for again in range(1_000_000):
        left = until - time.monotonic()
        if left <= 0.2:
            return
        call_id = f"call-{number}-{again}"
        options = StreamOptions(f"{url}/media/{call_id}?handler=echo", mixed=number % 2 == 0)
        stream = MediaStream(options, call_id=call_id, faults=MediaFaults(jitter=0.02, seed=number))
        running = asyncio.create_task(stream.run())
        began = time.monotonic()
        if await stream.opened():
            stream.say(voice)
            await asyncio.sleep(min(lasts, left))
        await stream.close()
        await running
        found.calls += 1
        found.call_seconds += time.monotonic() - began
        found.sent += stream.sent
        found.heard += stream.playout.played
        found.problems += stream.problems
        if stream.reason != "closed":
            found.problems.append(f"{stream.reason} {stream.code}: {stream.detail}")


def _count(found: Soaked, metrics: Metrics) -> None:
    found.received, found.dropped_in = metrics.frames_in, metrics.dropped_in
    found.out, found.dropped_out, found.unsent = metrics.frames_out, metrics.dropped_out, metrics.unsent


async def _watch(found: Soaked, began: float) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        # Streams hold each other in circles: what is held, not what nobody has picked up yet, is to be flat.
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        found.memory.append((time.monotonic() - began, pages * page / 2**20))
        await asyncio.sleep(SAMPLE_S)


def rows(found: Soaked) -> list[Sequence[str]]:
    """The table."""
    return [
        ["traffic", f"{found.calls} calls, {found.call_seconds / 60:.1f} minutes"],
        ["frames sent, received, handled", f"{found.sent:,}, {found.received:,}, {found.handled:,}"],
        ["frames answered, out, heard", f"{found.answered:,}, {found.out:,}, {found.heard:,}"],
        ["dropped and counted, in and out", f"{found.dropped_in:,}, {found.dropped_out:,}"],
        ["not sent when a call ended", f"{found.unsent:,}"],
        ["lost and not counted", ", ".join(f"{count} {where}" for where, count in found.uncounted.items())],
        ["memory", f"{found.memory[-1][1]:.0f} MiB, {found.slope:+.0f} KiB a minute in the second half"],
        ["tasks left over, problems", f"{found.left}, {len(found.problems)}"],
    ]


def run() -> None:
    """Print the table. Raises AssertionError when something does not come out even."""
    found = asyncio.run(soak())
    note = (
        "Worker and callers are one process: its memory has both. Of what went out, the last of each call is not heard."
    )
    show(f"Media: a soak of {CALLS} callers for {SECONDS:g} s", ["", ""], rows(found), note)
    assert not any(found.uncounted.values()), found.uncounted
    assert not found.left
    assert not found.problems, found.problems[:5]
