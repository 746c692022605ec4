"""A crowd: many callers of one script in real time, who come as a seed has it.

| arrivals | when the callers come                                                     |
|----------|---------------------------------------------------------------------------|
| steady   | one after the other, with the same time between                           |
| poisson  | at times that have nothing to do with each other, as callers really do    |
| burst    | all at the beginning                                                      |

1. So many callers come within `over_s` seconds; then those who are on the line finish their calls.
2. The caller who comes as number i (from 0) has the seed `seed + i`; when each comes is the seed's too.
3. Only a bot on this machine is rung, unless whoever asks says otherwise: a crowd at somebody else's is an attack.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from dialtone.protocol.rules import LOOPBACK
from simulator.call import CallReport
from simulator.lab import Bot, percentile
from simulator.script import Script, ScriptError

Arrivals = Literal["steady", "poisson", "burst"]
PROGRESS_S: Final = 1.0
_REASONS: Final = 10
_PERCENTILES: Final = (50, 95, 99)


@dataclass(frozen=True)
class Crowd:
    """So many callers, how they come, and within how many seconds."""

    callers: int
    arrivals: Arrivals
    over_s: float
    seed: int

    def times(self) -> list[float]:
        """When each caller comes, in seconds from the beginning; in order."""
        if self.arrivals == "burst":
            return [0.0] * self.callers
        if self.arrivals == "steady":
            return [self.over_s * number / self.callers for number in range(self.callers)]
        # The arrivals of a Poisson process, given their number, are as if thrown at random into the time.
        random = Random(f"{self.seed} arrivals")  # noqa: S311
        return sorted(random.uniform(0, self.over_s) for _ in range(self.callers))


@dataclass
class _Watch:
    """What happened so far."""

    on_the_line: int = 0
    most_on_the_line: int = 0
    over: int = 0
    ok: int = 0
    requests: int = 0
    replied_in: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    call_s: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: list[dict[str, Any]] = field(default_factory=list)

    def came(self) -> None:
        self.on_the_line += 1
        self.most_on_the_line = max(self.most_on_the_line, self.on_the_line)

    def went(self, report: CallReport) -> None:
        self.on_the_line -= 1
        self.over += 1
        self.ok += report.ok
        self.requests += report.requests
        self.replied_in += report.replied_in
        self.waited.append(max(report.waited, default=0.0))
        ended = next(event for event in report.events if event["kind"] == "call.ended")
        self.call_s += ended["seconds"]
        self.reasons.update(report.reasons)


def check_target(url: str, *, remote: bool) -> None:
    """Rule 3. Raises `ScriptError` for a bot that is not on this machine."""
    if not remote and urlsplit(url).hostname not in LOOPBACK:
        raise ScriptError(f"{url} is not on this machine; say --remote if the bot there is yours, and may be loaded")


async def load(
    script: Script, bot: Bot, crowd: Crowd, tell: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Let the crowd call: what came of it, as JSON has it. `tell` gets how it stands, each second.

    Raises what `place_call` raises.
    """
    watch = _Watch()
    began, cpu = time.perf_counter(), time.process_time()

    async def caller(number: int, at: float) -> None:
        await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
        watch.came()
        watch.went(await bot.ring(script, crowd.seed + number, virtual=False))

    async def report() -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            stands = _stands(watch, time.perf_counter() - began)
            watch.seconds.append(stands)
            tell(stands)

    progress = asyncio.create_task(report())
    callers = [asyncio.create_task(caller(number, at)) for number, at in enumerate(crowd.times())]
    try:
        await asyncio.gather(*callers)
    finally:
        for task in (progress, *callers):
            task.cancel()
        await asyncio.gather(progress, *callers, return_exceptions=True)
    took, spent = time.perf_counter() - began, time.process_time() - cpu
    return {
        "kind": "load",
        "script": script.name,
        "arrivals": crowd.arrivals,
        "over_s": crowd.over_s,
        "seed": crowd.seed,
        "calls": watch.over,
        "ok": watch.ok,
        "took_s": round(took, 3),
        "most_at_once": watch.most_on_the_line,
        "call_seconds": round(watch.call_s, 1),
        "callbacks": watch.requests,
        "callbacks_per_s": round(watch.requests / took, 1),
        **{f"reply_ms_p{q}": _ms(percentile(watch.replied_in, q)) for q in _PERCENTILES},
        **{f"dead_air_ms_p{q}": _ms(percentile(watch.waited, q)) for q in _PERCENTILES},
        "reasons": dict(watch.reasons.most_common(_REASONS)),
        "simulator_cpu_s": round(spent, 3),
        "seconds": watch.seconds,
    }


def _stands(watch: _Watch, at: float) -> dict[str, Any]:
    recent = watch.replied_in[-200:]
    return {
        "kind": "load.progress",
        "at_s": round(at, 1),
        "on_the_line": watch.on_the_line,
        "over": watch.over,
        "ok": watch.ok,
        "callbacks": watch.requests,
        "reply_ms_p95": _ms(percentile(recent, 95)),
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 2)
