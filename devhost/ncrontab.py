"""NCRONTAB schedules, the format of Azure Functions timer triggers.

Rules (NCrontab project, Azure Functions "Timer trigger"):
1. Six fields: second, minute, hour, day of month, month, day of week (0 = Sunday). Five fields: second is 0.
2. A field is a comma list of ``*``, ``a``, ``a-b``, each with an optional step ``/n``; ``a/n`` runs to the maximum.
3. Months and weekdays may be English names, whole or their first three letters or more.
4. A day must satisfy both the day of month and the day of week. All times are UTC.
A range that runs backwards, which NCrontab silently swaps, is refused.
"""

import calendar
from datetime import UTC, date, datetime, time, timedelta

_FIELDS: tuple[tuple[str, int, int, list[str]], ...] = (
    ("second", 0, 59, []),
    ("minute", 0, 59, []),
    ("hour", 0, 23, []),
    ("day of month", 1, 31, []),
    ("month", 1, 12, calendar.month_name[1:]),
    ("day of week", 0, 6, [*calendar.day_name[6:], *calendar.day_name[:6]]),
)
# 29 February on a given weekday comes back within 40 years, even across a century without a leap day.
_DAYS_AHEAD = 41 * 366


class Schedule:
    """The moments named by one NCRONTAB expression.

    Raises ValueError naming the field that is wrong, or when no date can ever match.
    """

    def __init__(self, expression: str) -> None:
        parts = expression.split()
        if len(parts) == 5:
            parts.insert(0, "0")
        if len(parts) != 6:
            raise ValueError(f"{expression!r} has {len(parts)} fields, not the 6 of NCRONTAB")
        fields = [_parse(part, *field) for part, field in zip(parts, _FIELDS, strict=True)]
        self._seconds, self._minutes, self._hours = (sorted(field) for field in fields[:3])
        self._days, self._months, self._weekdays = fields[3:]
        self.next(datetime(2000, 1, 1, tzinfo=UTC))

    def next(self, after: datetime) -> datetime:
        """Return the first moment later than ``after``, in its time zone."""
        first = after.replace(microsecond=0) + timedelta(seconds=1)
        for ahead in range(_DAYS_AHEAD):
            day = first.date() + timedelta(days=ahead)
            if self._matches(day):
                found = self._time(first.time() if ahead == 0 else time.min)
                if found is not None:
                    return datetime.combine(day, found, after.tzinfo)
        raise ValueError("no date ever matches the day, month and weekday together")

    def _matches(self, day: date) -> bool:
        return day.month in self._months and day.day in self._days and day.isoweekday() % 7 in self._weekdays

    def _time(self, start: time) -> time | None:
        for hour in self._hours:
            for minute in self._minutes:
                if time(hour, minute, 59) >= start:
                    for second in self._seconds:
                        if time(hour, minute, second) >= start:
                            return time(hour, minute, second)
        return None


def _parse(text: str, field: str, low: int, high: int, names: list[str]) -> frozenset[int]:
    def number(value: str) -> int:
        if len(value) >= 3 and value.isalpha():
            for index, name in enumerate(names):
                if name.lower().startswith(value.lower()):
                    return low + index
        if not (value.isascii() and value.isdigit()) or not low <= int(value) <= high:
            raise ValueError(f"{field} {text!r}: {value!r} is not within {low}-{high}")
        return int(value)

    values: set[int] = set()
    for item in text.split(","):
        span, slash, step_text = item.partition("/")
        step = int(step_text) if step_text.isascii() and step_text.isdigit() else 0
        if slash and not step:
            raise ValueError(f"{field} {text!r}: the step {step_text!r} is not a number above 0")
        start_text, dash, end_text = span.partition("-")
        start = low if span == "*" else number(start_text)
        end = number(end_text) if dash else high if slash or span == "*" else start
        if end < start:
            raise ValueError(f"{field} {text!r}: {span} runs backwards")
        values.update(range(start, end + 1, step or 1))
    return frozenset(values)
