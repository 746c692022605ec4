from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devhost.ncrontab import Schedule

CASES = """
* * * * * *          | 2026-11-20 23:59:58 | 2026-11-20 23:59:59, 2026-11-21 00:00:00, 2026-11-21 00:00:01
0 */5 * * * *        | 2026-11-20 10:02:00 | 2026-11-20 10:05:00, 2026-11-20 10:10:00, 2026-11-20 10:15:00
0 0 */6 * * *        | 2026-11-20 18:00:00 | 2026-11-21 00:00:00, 2026-11-21 06:00:00, 2026-11-21 12:00:00
30 10/20 8-9 * * *   | 2026-11-20 08:40:00 | 2026-11-20 08:50:30, 2026-11-20 09:10:30, 2026-11-20 09:30:30
0 30 9 * * 1-5       | 2026-11-20 09:30:00 | 2026-11-23 09:30:00, 2026-11-24 09:30:00, 2026-11-25 09:30:00
0 0 0 1 Jan,July *   | 2026-11-20 00:00:00 | 2027-01-01 00:00:00, 2027-07-01 00:00:00, 2028-01-01 00:00:00
0 0 0 * * satur,Sun  | 2026-11-20 00:00:00 | 2026-11-21 00:00:00, 2026-11-22 00:00:00, 2026-11-28 00:00:00
0 0 0 13 * fri       | 2026-11-20 00:00:00 | 2027-08-13 00:00:00, 2028-10-13 00:00:00, 2029-04-13 00:00:00
0 0 0 29 2 *         | 2096-03-01 00:00:00 | 2104-02-29 00:00:00, 2108-02-29 00:00:00, 2112-02-29 00:00:00
0 0 0 29 2 0         | 2088-03-01 00:00:00 | 2128-02-29 00:00:00, 2156-02-29 00:00:00, 2184-02-29 00:00:00
15 10 * * *          | 2026-11-20 10:15:00 | 2026-11-21 10:15:00, 2026-11-22 10:15:00, 2026-11-23 10:15:00
1,3-4 0 0 * * *      | 2026-11-20 00:00:00 | 2026-11-20 00:00:01, 2026-11-20 00:00:03, 2026-11-20 00:00:04
"""


@pytest.mark.parametrize("case", CASES.strip().splitlines())
def test_next(case: str) -> None:
    expression, after, expected = (part.strip() for part in case.split("|"))
    schedule, moment, found = Schedule(expression), datetime.fromisoformat(after).replace(tzinfo=UTC), []
    for _ in range(3):
        moment = schedule.next(moment)
        found.append(moment.strftime("%Y-%m-%d %H:%M:%S"))
    assert ", ".join(found) == expected


def test_next_is_never_within_the_same_second() -> None:
    half_past = datetime(2026, 11, 20, 10, 0, 0, 500_000, tzinfo=UTC)
    assert Schedule("* * * * * *").next(half_past) == datetime(2026, 11, 20, 10, 0, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("00:05:00", "1 fields"),
        ("60 * * * * *", "second '60'"),
        ("* x * * * *", "minute 'x'"),
        ("* * 24 * * *", "hour '24'"),
        ("* * * 0 * *", "day of month '0'"),
        ("* * * * 13 *", "month '13'"),
        ("* * * * * 7", "day of week '7'"),
        ("* * * * * mo", "day of week 'mo'"),
        ("* * * * * ?", "day of week"),
        ("*/0 * * * * *", "the step '0'"),
        ("*/ * * * * *", "the step ''"),
        ("9-5 * * * * *", "9-5 runs backwards"),
        ("1,,2 * * * * *", "second '1,,2'"),
        ("٣ * * * * *", "second"),
        ("0 0 0 30 2 *", "no date ever matches"),
    ],
)
def test_what_is_wrong_is_named(expression: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Schedule(expression)


@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=3),
    st.lists(st.integers(0, 59), min_size=1, max_size=3),
    st.lists(st.integers(0, 23), min_size=1, max_size=3),
    st.floats(0, 4e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
def test_next_is_the_earliest_match_after(
    seconds: list[int], minutes: list[int], hours: list[int], after: datetime
) -> None:
    text = " ".join(",".join(map(str, values)) for values in (seconds, minutes, hours))
    found = Schedule(f"{text} * * *").next(after)
    today = after.replace(hour=0, minute=0, second=0, microsecond=0)
    every = [
        today + timedelta(days=day, hours=hour, minutes=minute, seconds=second)
        for day in (0, 1)
        for hour in hours
        for minute in minutes
        for second in seconds
    ]
    assert found == min(moment for moment in every if moment > after)
