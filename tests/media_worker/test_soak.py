"""The soak of `python -m bench soak`, a short one: what is counted comes out even, and nothing is left over."""

import asyncio

import pytest

from bench.soak import MOST, Growth, Soaked, soak
from bench.soak_worker import State


async def test_what_is_counted_comes_out_even_and_a_leak_is_seen() -> None:
    found, leaking = await asyncio.gather(
        soak(callers=9, rounds=2, round_s=1.2, call_s=0.5),
        soak(callers=4, rounds=6, round_s=0.35, call_s=0.4, handlers=["leak"]),
    )
    assert found.problems == leaking.problems == []
    assert set(found.uncounted.values()) == set(leaking.uncounted.values()) == {0}
    # Some 40 on a machine that has nothing else to do; how many get through is not what is shown here.
    assert found.end.streams == found.calls >= 18
    assert found.heard > 10 * found.calls
    assert found.left == leaking.left == 0
    assert found.garbage == 0
    # Of each frame, its tuple and its time are Python's and its sound is malloc's.
    assert leaking.growth("blocks").least > 10
    assert leaking.growth("held").least > 3
    assert any("blocks grows" in each for each in leaking.faults)


def soaked(**last: float) -> Soaked:
    """Of six rounds of ten calls, each of which took a second."""
    after = [State(streams=10 * number, tasks=2, kib=50_000, blocks=200_000) for number in range(1, 7)]
    for name, value in last.items():
        setattr(after[-1], name, value)
    return Soaked(calls=60, seconds=6, before=State(tasks=2), after=after)


def test_what_does_not_come_out_even_is_seen() -> None:
    assert soaked().faults == []
    found = soaked(frames_in=9, dropped_in=1, handled=7, answered=7, frames_out=5, dropped_out=1, garbage=31, tasks=4)
    found.sent, found.heard = 10, 4
    found.problems = ["refused 503: full"]
    assert found.uncounted == {"on the way in": 1, "to the handler": 1, "on the way out": 1, "to the caller": 1}
    assert found.faults == [
        "1 frames lost on the way in",
        "1 frames lost to the handler",
        "1 frames lost on the way out",
        "1 frames lost to the caller",
        "2 tasks left over",
        "31 objects waited for the garbage collector",
        "refused 503: full",
    ]


@pytest.mark.parametrize("what", MOST)
def test_memory_that_grows_is_seen(what: str) -> None:
    found = soaked()
    for number, state in enumerate(found.after):
        setattr(state, what, 50_000 + 20 * number + number % 2)
    assert found.faults == [f"{what} grows by {found.growth(what)} with each call"]
    assert 1.8 < found.growth(what).median < 2.2


def test_neither_warming_up_nor_a_busy_moment_is_a_leak() -> None:
    found = soaked()
    for number, state in enumerate(found.after):
        state.kib = 40_000 + 3000 * min(number, 2) + 10_000 * (number >= 4)
    assert found.faults == []


def test_the_interval_of_a_growth() -> None:
    assert str(Growth.of([3, 1, 2])) == "+2.00 (+1.00 to +3.00)"
    # One of the extremes is the true median's other side with 2/64, two of each with 14/64.
    assert str(Growth.of([6, 5, 4, 3, 2, 1])) == "+3.50 (+1.00 to +6.00)"
    # 2/512 + 18/512 = 3.9 %; the next would be 17.9 %.
    assert str(Growth.of(range(9))) == "+4.00 (+1.00 to +7.00)"
