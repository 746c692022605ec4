import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.functions.meta import Datum

from devhost.functions import Function, HostError
from devhost.timers import read_schedule, run_timer, timer_datum

START = datetime(2026, 11, 20, 10, 0, 30, tzinfo=UTC)


class Stop(Exception):
    """Ends a timer, which never ends by itself."""


class Clock:
    """A clock that only sleeping and running move."""

    def __init__(self, run_s: float = 0.0, early_s: float = 0.0, runs: int = 3) -> None:
        self.time = START
        self.slept: list[float] = []
        self.fired: list[str] = []
        self.info: list[dict[str, Any]] = []
        self._run_s, self._early_s, self._runs = run_s, early_s, runs

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=max(seconds - self._early_s, 0.001))

    async def fire(self, trigger: Datum) -> None:
        self.fired.append(self.time.strftime("%H:%M:%S"))
        self.info.append(json.loads(trigger.value))
        self.time += timedelta(seconds=self._run_s)
        if len(self.fired) == self._runs:
            raise Stop


def timer(schedule: str, **more: object) -> Function:
    return Function("sweep", ({"type": "timerTrigger", "name": "timer", "schedule": schedule, **more},))


async def run(clock: Clock, function: Function) -> Clock:
    fire: Callable[[Datum], Awaitable[None]] = clock.fire
    with pytest.raises(Stop):
        await run_timer(function, fire, clock.now, clock.sleep)
    return clock


async def test_a_timer_fires_at_each_moment_of_its_schedule() -> None:
    clock = await run(Clock(), timer("0 * * * * *"))
    assert clock.fired == ["10:01:00", "10:02:00", "10:03:00"]
    assert max(clock.slept) <= 30


async def test_a_moment_missed_during_a_run_is_skipped() -> None:
    assert (await run(Clock(run_s=90), timer("0 * * * * *"))).fired == ["10:01:00", "10:03:00", "10:05:00"]


async def test_a_sleep_that_ends_early_does_not_fire_twice() -> None:
    assert (await run(Clock(early_s=0.01), timer("0 * * * * *"))).fired == ["10:01:00", "10:02:00", "10:03:00"]


async def test_a_clock_that_is_set_back_does_not_fire_a_moment_again() -> None:
    assert (await run(Clock(run_s=-5), timer("0 * * * * *"))).fired == ["10:01:00", "10:02:00", "10:03:00"]


async def test_run_on_startup() -> None:
    clock = await run(Clock(run_s=10), timer("0 * * * * *", runOnStartup=True))
    assert clock.fired == ["10:00:30", "10:01:00", "10:02:00"]


async def test_the_function_is_told_the_last_and_the_next_moment() -> None:
    clock = await run(Clock(runs=2), timer("0 * * * * *"))
    first, second = (info["ScheduleStatus"] for info in clock.info)
    assert first["Last"].startswith("0001-01-01")
    assert (first["Next"], second["Last"]) == ("2026-11-20T10:02:00+00:00", "2026-11-20T10:01:00+00:00")
    assert clock.info[0]["IsPastDue"] is False


def test_a_run_outside_the_schedule_has_no_status() -> None:
    assert json.loads(timer_datum().value)["ScheduleStatus"] is None


def test_the_schedule_may_be_an_app_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVHOST_SCHEDULE", "0 0 * * * *")
    assert read_schedule(timer("%DEVHOST_SCHEDULE%")).next(START).hour == 11


def test_a_bad_schedule_names_the_function() -> None:
    with pytest.raises(HostError, match=r"function sweep: schedule '61 \* \* \* \* \*': second"):
        read_schedule(timer("61 * * * * *"))
