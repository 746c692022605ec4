"""Fires timer triggers: UTC, never two runs of one timer at once, a run missed during another is skipped."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from azure.functions.meta import Datum

from .functions import Function, HostError
from .ncrontab import Schedule
from .settings import resolve

# A sleep is cut into pieces so that a changed clock or a suspended machine is noticed.
_LONGEST_SLEEP_S = 30.0


def read_schedule(function: Function) -> Schedule:
    """Return a timer function's schedule, %SETTING% resolved; raises HostError naming the function."""
    expression = resolve(function.trigger["schedule"])
    try:
        return Schedule(expression)
    except ValueError as error:
        raise HostError(f"function {function.name}: schedule {expression!r}: {error}") from error


def timer_datum(last: datetime | None = None, next_run: datetime | None = None) -> Datum:
    """The datum that becomes ``azure.functions.TimerRequest``, as the Functions host sends it."""
    info: dict[str, Any] = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
    if next_run is not None:
        previous = (last or datetime.min.replace(tzinfo=UTC)).isoformat()
        info["ScheduleStatus"] = {"Last": previous, "LastUpdated": previous, "Next": next_run.isoformat()}
    return Datum(json.dumps(info), "json")


async def run_timer(
    function: Function,
    fire: Callable[[Datum], Awaitable[None]],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Call ``fire`` at each moment of the function's schedule, and at once if it says run_on_startup; never ends."""
    schedule, last, after = read_schedule(function), None, now()
    if function.trigger.get("runOnStartup"):
        await fire(timer_datum(None, schedule.next(after)))
        last = after
    while True:
        due = schedule.next(max(now(), after))
        await _sleep_until(due, now, sleep)
        await fire(timer_datum(last, schedule.next(due)))
        last = after = due


async def _sleep_until(due: datetime, now: Callable[[], datetime], sleep: Callable[[float], Awaitable[None]]) -> None:
    wait = (due - now()).total_seconds()
    while wait > 0:
        await sleep(min(wait, _LONGEST_SLEEP_S))
        wait = (due - now()).total_seconds()
