"""Many calls of one script: one after the other or several at once, each with a seed of its own.

1. Call number i (from 0) has the seed `seed + i`: any of them can be made again alone.
2. In virtual time each call has a clock of its own, so that none waits for another; each ledger is the same as if the
   call were alone. In real time they share the machine's.
3. Calls whose faults need the house are made one after the other: a host that is killed is killed for all.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

from simulator.call import CallReport, check_faults, place_call
from simulator.clock import RealClock, VirtualClock
from simulator.faults import NEEDS_HOUSE
from simulator.house import House
from simulator.ledger import Event
from simulator.platform import Platform
from simulator.platforms.skype import Skype
from simulator.script import Script
from simulator.wire import Wire

JOBS: Final = 8
"""How many calls are made at once when nobody says."""


@dataclass(frozen=True)
class Bot:
    """The bot that is rung, and how: over which wire, by which platform, with whose help."""

    url: str
    wire: Wire
    platform: Platform = field(default_factory=Skype)
    house: House | None = None

    async def ring(
        self, script: Script, seed: int | None, *, virtual: bool = True, sink: Callable[[Event], None] | None = None
    ) -> CallReport:
        """One call, with a clock of its own. `sink` gets each event. Raises what `place_call` raises."""
        return await place_call(
            script,
            self.url,
            clock=VirtualClock() if virtual else RealClock(),
            wire=self.wire,
            platform=self.platform,
            seed=seed,
            house=self.house,
            sink=sink,
        )


@dataclass(frozen=True)
class Placed:
    """One of many calls."""

    number: int
    seed: int
    report: CallReport

    def document(self) -> dict[str, Any]:
        """It as JSON has it, without its ledger."""
        ended = next(event for event in self.report.events if event["kind"] == "call.ended")
        return {
            "kind": "call",
            "number": self.number,
            "seed": self.seed,
            "ok": self.report.ok,
            "reasons": self.report.reasons,
            "seconds": ended["seconds"],
            "turns": ended.get("turns"),
        }


@dataclass(frozen=True)
class Summary:
    """Many calls together. `took_s` and `cpu_s` are the simulator's, in real time."""

    calls: int
    ok: int
    took_s: float
    cpu_s: float
    requests: int
    replied_in: Sequence[float]

    def document(self) -> dict[str, Any]:
        """It as JSON has it; times in milliseconds where the name says so."""
        return {
            "kind": "calls",
            "calls": self.calls,
            "ok": self.ok,
            "took_s": round(self.took_s, 3),
            "calls_per_s": round(self.calls / self.took_s, 1) if self.took_s else None,
            "requests": self.requests,
            "simulator_cpu_ms_per_call": round(1000 * self.cpu_s / self.calls, 2) if self.calls else None,
            **{f"reply_ms_p{q}": _ms(percentile(self.replied_in, q)) for q in (50, 95, 99)},
        }


async def place_calls(
    script: Script,
    bot: Bot,
    *,
    times: int,
    seed: int,
    jobs: int = JOBS,
    virtual: bool = True,
    done: Callable[[Placed], None] = lambda _: None,
) -> Summary:
    """Make `times` calls, at most `jobs` at once; `done` gets each when it is over. Raises what `place_call` raises."""
    check_faults(script, tokens=bot.platform.tokens, house=bot.house)
    if any(fault.verb in NEEDS_HOUSE for fault in script.faults):
        jobs = 1
    began, cpu = time.perf_counter(), time.process_time()
    replied_in: list[float] = []
    ok = requests = 0
    numbers: Iterator[int] = iter(range(times))

    async def work() -> None:
        nonlocal ok, requests
        for number in numbers:
            report = await bot.ring(script, seed + number, virtual=virtual)
            ok += report.ok
            requests += report.requests
            replied_in.extend(report.replied_in)
            done(Placed(number, seed + number, report))

    workers = [asyncio.create_task(work()) for _ in range(min(jobs, times))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return Summary(times, ok, time.perf_counter() - began, time.process_time() - cpu, requests, replied_in)


def percentile(values: Sequence[float], per_cent: float) -> float | None:
    """The smallest of the values that is not below so many per cent of them; None when there are none."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(len(values) * per_cent / 100) - 1)]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)
