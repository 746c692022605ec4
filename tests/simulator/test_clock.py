import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.clock import Bell, Clock, RealClock, VirtualClock


def run_sleepers(programs: list[list[float]]) -> list[tuple[float, int, int]]:
    """Each program sleeps its times, one after the other; returns (time, sleeper, position) in order of waking."""
    seen: list[tuple[float, int, int]] = []

    async def sleeper(clock: Clock, number: int) -> None:
        for position, seconds in enumerate(programs[number]):
            await clock.sleep(seconds)
            seen.append((clock.now(), number, position))

    async def main() -> None:
        clock = VirtualClock()
        await asyncio.gather(*(clock.start(sleeper(clock, number)) for number in range(len(programs))))

    asyncio.run(main())
    return seen


@given(st.lists(st.lists(st.sampled_from([0.0, 0.2, 0.5, 1.0, 3.0]), max_size=5), min_size=1, max_size=5))
def test_participants_wake_in_the_order_of_their_deadlines(programs: list[list[float]]) -> None:
    seen = run_sleepers(programs)

    # What a discrete simulation gives: by deadline, and among equal ones by who asked first.
    expected: list[tuple[float, int, int]] = []
    asked = 0
    waiting: list[tuple[float, int, int, int]] = []

    def ask(now: float, number: int, position: int) -> None:
        nonlocal asked
        if position < len(programs[number]):
            waiting.append((now + programs[number][position], asked, number, position))
            asked += 1

    for number in range(len(programs)):
        ask(0.0, number, 0)
    while waiting:
        first = min(waiting)
        waiting.remove(first)
        now, _, number, position = first
        expected.append((now, number, position))
        ask(now, number, position + 1)
    assert seen == expected


async def test_virtual_time_takes_no_time() -> None:
    clock = VirtualClock()
    async with asyncio.timeout(5):
        await clock.start(clock.sleep(100_000))
    assert clock.now() == 100_000


async def test_time_stands_still_during_io_and_the_others_go_on() -> None:
    clock = VirtualClock()
    seen: list[tuple[str, float]] = []
    rung = Bell()

    async def outside() -> None:
        await clock.sleep(1)
        rung.ring()
        async with clock.io():
            await asyncio.sleep(0.02)
        seen.append(("outside", clock.now()))

    async def sleeper() -> None:
        await clock.wait(rung)
        seen.append(("woken", clock.now()))
        await clock.sleep(0.5)
        seen.append(("slept", clock.now()))

    await asyncio.gather(clock.start(outside()), clock.start(sleeper()))
    assert seen == [("woken", 1), ("outside", 1), ("slept", 1.5)]


async def test_one_participant_runs_at_a_time() -> None:
    clock = VirtualClock()
    bell = Bell()
    seen: list[str] = []

    async def rings() -> None:
        await clock.sleep(1)
        bell.ring()
        await asyncio.sleep(0.01)
        seen.append("rang")

    async def waits() -> None:
        await clock.wait(bell)
        seen.append("woken")

    await asyncio.gather(clock.start(rings()), clock.start(waits()))
    assert seen == ["rang", "woken"]


@pytest.mark.parametrize("make", [RealClock, VirtualClock])
async def test_a_bell_rings_or_the_time_is_up(make: Callable[[], Clock]) -> None:
    clock = make()
    bell = Bell()
    seen: list[bool] = []

    async def waits() -> None:
        seen.append(await clock.wait(bell, clock.now() + 60))
        seen.append(await clock.wait(bell, clock.now() + 0.01))
        seen.append(await clock.wait(bell, clock.now() - 1))

    async def rings() -> None:
        await clock.sleep(0.01)
        bell.ring()

    await asyncio.gather(clock.start(waits()), clock.start(rings()))
    assert seen == [True, False, False]
    assert 0.02 <= clock.now() < 5


async def test_ringing_is_not_remembered() -> None:
    clock = VirtualClock()
    bell = Bell()
    bell.ring()
    assert await clock.start(clock.wait(bell, 1)) is False


async def test_a_cancelled_participant_holds_nobody_up() -> None:
    clock = VirtualClock()
    bell = Bell()
    cleaned = False

    async def stays() -> None:
        nonlocal cleaned
        try:
            await clock.wait(bell)
        finally:
            await clock.sleep(1)
            cleaned = True

    async def cancels(other: "asyncio.Task[None]") -> None:
        await clock.sleep(5)
        other.cancel()
        await clock.sleep(5)

    never = clock.start(clock.sleep(1))
    never.cancel()
    other = clock.start(stays())
    await clock.start(cancels(other))
    with pytest.raises(asyncio.CancelledError):
        await other
    assert cleaned
    assert clock.now() >= 10


async def test_only_participants_wait_in_virtual_time() -> None:
    with pytest.raises(RuntimeError, match=r"Clock\.start"):
        await VirtualClock().sleep(1)


async def test_real_io_lets_time_pass() -> None:
    clock = RealClock()
    async with clock.io():
        await asyncio.sleep(0.02)
    assert clock.now() >= 0.02
