"""The media worker of a soak, in a process of its own: `python -m bench.soak_worker`.

Prints its address. For each line that it reads it prints a line of JSON (`State`), and it stops when there are no more.
"""

import asyncio
import ctypes
import gc
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from resource import getpagesize
from typing import Any

import uvloop

from dialtone.media.messages import AudioFrame
from dialtone.media.stream import Stream
from media_worker.metrics import Metrics
from media_worker.server import MediaWorker, freeze
from media_worker.settings import Settings


@dataclass
class State:
    """What a worker has counted and holds now. Frames, but for `streams` and what follows `unsent`."""

    streams: int = 0
    frames_in: int = 0
    dropped_in: int = 0
    handled: int = 0
    answered: int = 0
    frames_out: int = 0
    dropped_out: int = 0
    unsent: int = 0
    sessions: int = 0
    tasks: int = 0
    kib: float = 0.0
    """Resident memory."""
    held: float = 0.0
    """KiB that malloc has given out: whatever is over 512 bytes, and what is not Python's. 0 where it cannot say."""
    blocks: int = 0
    """Blocks that Python's allocator has given out: an object, or a part of one, that is not larger."""
    garbage: int = 0
    """Objects that nothing held and only the garbage collector freed, since the last time."""


class Handlers:
    """Each answers every frame that it gets, and counts. `leak` forgets nothing."""

    def __init__(self) -> None:
        self.handled = self.answered = 0
        self._kept: list[AudioFrame] = []

    def _answer(self, stream: Stream, frame: AudioFrame) -> None:
        self.handled += 1
        self.answered += 1
        stream.send(frame)

    async def echo(self, stream: Stream) -> None:
        async for frame in stream.audio:
            self._answer(stream, frame)

    async def ears(self, stream: Stream) -> None:
        stream.hear_keys()
        speech = stream.voice
        async for frame in stream.audio:
            self._answer(stream, frame)
        async for _ in speech:
            pass

    async def callback(self, stream: Stream) -> None:
        stream.on_audio(lambda frame: self._answer(stream, frame))
        await stream.closed

    async def leak(self, stream: Stream) -> None:
        async for frame in stream.audio:
            self._answer(stream, frame)
            self._kept.append(frame)


class _Mallinfo(ctypes.Structure):
    """See mallinfo2(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ord", "sm", "hblk", "hblkhd", "usm", "fsm", "uordblks", "ford", "keep")
    ]


_mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
if _mallinfo is not None:
    _mallinfo.restype = _Mallinfo


def held_by_malloc() -> float:
    """KiB; 0 with a C library that has no mallinfo2."""
    if _mallinfo is None:
        return 0.0
    found = _mallinfo()
    return float(found.uordblks + found.hblkhd) / 1024


def state_of(metrics: Metrics, handlers: Handlers, sessions: int) -> State:
    """What there is. Collects garbage, so that only what is held is counted."""
    kib = int(Path("/proc/self/statm").read_text().split()[1]) * getpagesize() / 1024
    garbage = gc.collect()
    return State(
        streams=metrics.streams,
        frames_in=metrics.frames_in,
        dropped_in=metrics.dropped_in,
        handled=handlers.handled,
        answered=handlers.answered,
        frames_out=metrics.frames_out,
        dropped_out=metrics.dropped_out,
        unsent=metrics.unsent,
        sessions=sessions,
        tasks=len(asyncio.all_tasks()),
        kib=kib,
        held=held_by_malloc(),
        blocks=sys.getallocatedblocks(),
        garbage=garbage,
    )


async def serve() -> None:
    """Be the worker until the input ends."""
    handlers = Handlers()
    named: dict[str, Any] = {name: getattr(handlers, name) for name in ("echo", "ears", "callback", "leak")}
    async with MediaWorker(Settings(port=0, max_sessions=1000), named) as worker:
        freeze()
        print(worker.url, flush=True)
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while await lines.readline():
            print(json.dumps(asdict(state_of(worker.metrics, handlers, len(worker.sessions)))), flush=True)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
