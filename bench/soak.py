"""An hour of traffic, its time compressed by many calls at once: `python -m bench soak`, or with other numbers
`python -m bench.soak --callers 30 --rounds 16 --round 7.5 --call 2.5`.

Callers of the simulator call a media worker over real sockets, speak, hear themselves and hang up, and others take
their place. The worker is a process of its own. Traffic comes in equal rounds, with nobody on the line between two:

1. What is counted comes out even. Each frame of sound that a platform sent was received, each that was received was
   given to the handler or counted as dropped, each that the handler sent went out or was counted, each that went out
   was received by the platform.
2. After each round the worker has the tasks that it began with.
3. After each round it holds what it held after the one before. The first rounds warm it up: modules, the free lists of
   Python, the arenas of malloc. Of the others, the growth from round to round is taken for each call: its median,
   since a moment in which the machine is busy makes queues long and memory larger once and for good, where a leak
   grows in each round. The interval is that of the sign test, 95 % or more; all of it over a limit is a leak.
"""

import argparse
import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import comb
from pathlib import Path
from statistics import median
from typing import Final

import uvloop

from bench.soak_worker import State
from bench.table import show
from simulator import audio
from simulator.media.options import MediaFaults, StreamOptions
from simulator.media.stream import MediaStream

ROOT: Final = Path(__file__).parents[1]

CALLERS: Final = 30
ROUNDS: Final = 16
ROUND_S: Final = 7.5
CALL_S: Final = 2.5
HANDLERS: Final = ("echo", "ears", "callback")

MOST: Final = {"kib": 1.0, "held": 0.1, "blocks": 0.5}
"""Growth for each call that is no leak yet: 8 bytes of resident memory for each of its frames, 100 bytes that malloc
gave, an object that every other call leaves over."""


@dataclass(frozen=True)
class Growth:
    """A median, and where the true one is."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Growth":
        """Of these. The interval is between the k-th smallest and the k-th largest, for the largest k that leaves out
        the true median with 5 % at most; fewer than six values leave it out more often.
        """
        ordered, count = sorted(values), len(values)
        outside, k = 2 / 2**count, 0
        while (outside := outside + 2 * comb(count, k + 1) / 2**count) <= 0.05:
            k += 1
        return cls(median(ordered), ordered[k], ordered[-1 - k])

    def times(self, factor: float) -> "Growth":
        """In another unit."""
        return Growth(self.median * factor, self.least * factor, self.most * factor)

    def __str__(self) -> str:
        return f"{self.median:+.2f} ({self.least:+.2f} to {self.most:+.2f})"


@dataclass
class Soaked:
    """What came of a soak. `call_seconds` is the traffic; `sent`, `heard` and `lost` are frames of the callers."""

    calls: int = 0
    call_seconds: float = 0.0
    seconds: float = 0.0
    sent: int = 0
    heard: int = 0
    lost: int = 0
    problems: list[str] = field(default_factory=list)
    before: State = field(default_factory=State)
    after: list[State] = field(default_factory=list)
    """The worker after each round."""

    @property
    def end(self) -> State:
        return self.after[-1]

    @property
    def uncounted(self) -> dict[str, int]:
        """Frames that were lost between two stations and counted by none."""
        end = self.end
        return {
            "on the way in": self.sent - end.frames_in,
            "to the handler": end.frames_in - end.dropped_in - end.handled,
            "on the way out": end.answered - end.dropped_out - end.unsent - end.frames_out,
            "to the caller": end.frames_out - self.heard,
        }

    @property
    def left(self) -> int:
        """Tasks that a round left, and its streams."""
        return max(each.tasks - self.before.tasks + each.sessions for each in self.after)

    @property
    def garbage(self) -> int:
        """Objects that only the garbage collector freed; what the first round leaves is of the start."""
        return sum(each.garbage for each in self.after[1:])

    @property
    def warm(self) -> list[State]:
        """The last two thirds of the rounds."""
        return self.after[len(self.after) // 3 :]

    def growth(self, what: str) -> Growth:
        """Of a figure of State, for each call, from round to round."""
        return Growth.of(
            [
                (getattr(each, what) - getattr(last, what)) / (each.streams - last.streams)
                for last, each in pairwise(self.warm)
            ]
        )

    @property
    def faults(self) -> list[str]:
        """What is wrong; nothing, if all came out even."""
        found = [f"{count} frames lost {where}" for where, count in self.uncounted.items() if count]
        if self.left:
            found.append(f"{self.left} tasks left over")
        for what, most in MOST.items():
            if (growth := self.growth(what)).least > most:
                found.append(f"{what} grows by {growth} with each call")
        if self.garbage:
            found.append(f"{self.garbage} objects waited for the garbage collector")
        return found + self.problems[:5]


class Worker:
    """The worker's process, from `async with` to its end."""

    async def __aenter__(self) -> "Worker":
        self._process: Process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.soak_worker", cwd=ROOT, stdin=PIPE, stdout=PIPE
        )
        self.url = await self._line()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def state(self) -> State:
        """What it counts and holds."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        return State(**json.loads(await self._line()))

    async def idle(self, tasks: int) -> State:
        """The same, once its streams and all but so many tasks have ended, or after ten seconds."""
        for _ in range(200):
            state = await self.state()
            if not state.sessions and state.tasks <= tasks:
                break
            await asyncio.sleep(0.05)
        return state

    async def _line(self) -> str:
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()


async def soak(
    callers: int = CALLERS,
    rounds: int = ROUNDS,
    round_s: float = ROUND_S,
    call_s: float = CALL_S,
    handlers: Sequence[str] = HANDLERS,
) -> Soaked:
    """Keep so many callers busy for each round, each call lasting about `call_s` seconds."""
    found = Soaked()
    voice = audio.tone(1.0, 440.0)
    began = time.monotonic()
    async with Worker() as worker:
        found.before = await worker.state()
        for _ in range(rounds):
            until = time.monotonic() + round_s
            await asyncio.gather(
                *(
                    _caller(found, worker.url, number, handlers[number % len(handlers)], until, call_s, voice)
                    for number in range(callers)
                )
            )
            found.after.append(await worker.idle(found.before.tasks))
    found.seconds = time.monotonic() - began
    return found


async def _caller(
    found: Soaked, url: str, number: int, handler: str, until: float, call_s: float, voice: bytes
) -> None:
    """Call again and again. Some calls are shorter, so that not all end at once."""
    address = url.replace("http", "ws", 1)
    lasts = call_s * (0.5 + (number % 10) / 10)
    while (left := until - time.monotonic()) > 0.2:
        call_id = f"call-{number}-{found.calls}"
        options = StreamOptions(f"{address}/media/{call_id}?handler={handler}", mixed=number % 2 == 0)
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
        found.lost += stream.lost + stream.left
        found.heard += stream.playout.played + len(stream.playout) + stream.playout.lost + stream.playout.cleared
        found.problems += stream.problems
        if stream.reason != "closed":
            found.problems.append(f"{stream.reason} {stream.code}: {stream.detail}")


def rows(found: Soaked) -> list[Sequence[str]]:
    """The table."""
    end, resident = found.end, found.growth("kib")
    rate = found.calls / found.seconds * 60
    memory = ", ".join(f"{each.kib / 1024:.1f}" for each in found.after)
    return [
        ["traffic", f"{found.calls} calls, {found.call_seconds / 60:.1f} minutes, in {found.seconds:.0f} s"],
        ["frames sent, received, handled", f"{found.sent:,}, {end.frames_in:,}, {end.handled:,}"],
        ["frames answered, out, heard", f"{end.answered:,}, {end.frames_out:,}, {found.heard:,}"],
        ["dropped and counted, in and out", f"{end.dropped_in:,}, {end.dropped_out:,}"],
        ["not sent when a call ended; by the callers", f"{end.unsent:,}; {found.lost:,}"],
        ["lost and not counted", ", ".join(f"{count} {where}" for where, count in found.uncounted.items())],
        ["MiB of the worker after each round", memory],
        [f"growth of the last {len(found.warm)}, KiB a minute", str(resident.times(rate))],
        ["bytes a call", str(resident.times(1024))],
        ["bytes held from malloc, a call", str(found.growth("held").times(1024))],
        ["Python's blocks held, a call", str(found.growth("blocks"))],
        ["objects that only the collector freed", str(found.garbage)],
        ["tasks left over, problems", f"{found.left}, {len(found.problems)}"],
    ]


def report(callers: int = CALLERS, rounds: int = ROUNDS, round_s: float = ROUND_S, call_s: float = CALL_S) -> None:
    """Soak and print the table. Raises AssertionError when something does not come out even."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(soak(callers, rounds, round_s, call_s))
    note = (
        "Growth: the median from round to round and its 95 % interval. The worker is a process of its own, its memory "
        "measured with nobody on the line."
    )
    show(f"Media: a soak of {callers} callers, {rounds} rounds of {round_s:g} s", ["", ""], rows(found), note)
    assert not found.faults, "; ".join(found.faults)


def run() -> None:
    """The hour."""
    report()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--callers", type=int, default=CALLERS, help="at the same time (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="(default: %(default)s)")
    parser.add_argument("--round", type=float, default=ROUND_S, dest="round_s", help="seconds (default: %(default)g)")
    parser.add_argument("--call", type=float, default=CALL_S, dest="call_s", help="seconds (default: %(default)g)")
    report(**vars(parser.parse_args()))
