import asyncio

from media_worker.wheel import TICK_S, Wheel


class Member:
    def __init__(self) -> None:
        self.ticks: list[int] = []

    def turn(self, tick: int) -> None:
        self.ticks.append(tick)


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def to(self, tick: float) -> None:
        self.now = tick * TICK_S + 1e-7


def wheel() -> tuple[Wheel, Hand]:
    hand = Hand()
    return Wheel(asyncio.get_running_loop(), hand), hand


async def test_streams_are_spread_over_the_slots() -> None:
    turning, hand = wheel()
    members = [Member() for _ in range(10)]
    for member in members:
        turning.join(member)
        turning.join(member)
    for tick in range(1, 5):
        hand.to(tick)
        before = sum(len(member.ticks) for member in members)
        turning.run()
        assert sum(len(member.ticks) for member in members) - before in (2, 3)
    assert all(len(member.ticks) == 1 for member in members)
    for member in members:
        turning.leave(member)
        turning.leave(member)
    assert len(turning) == 0


async def test_each_is_served_every_20_ms() -> None:
    turning, hand = wheel()
    member = Member()
    turning.join(member)
    for tick in range(1, 401):
        hand.to(tick)
        turning.run()
    assert [later - sooner for sooner, later in zip(member.ticks, member.ticks[1:], strict=False)] == [4] * 99
    assert turning.late == 0
    turning.leave(member)


async def test_after_a_stall_each_is_served_once() -> None:
    turning, hand = wheel()
    members = [Member() for _ in range(8)]
    for member in members:
        turning.join(member)
    hand.to(1000)
    turning.run()
    assert [member.ticks for member in members] == [[1000]] * 8
    assert turning.late == 999
    for member in members:
        turning.leave(member)


async def test_a_member_may_leave_when_it_is_served() -> None:
    turning, hand = wheel()

    class Leaver(Member):
        def turn(self, tick: int) -> None:
            super().turn(tick)
            turning.leave(self)

    members = [Leaver() for _ in range(8)]
    for member in members:
        turning.join(member)
    for tick in range(1, 20):
        hand.to(tick)
        turning.run()
    assert all(len(member.ticks) == 1 for member in members)
    assert len(turning) == 0


async def test_the_timer_runs_while_somebody_is_on_it() -> None:
    turning = Wheel(asyncio.get_running_loop())
    member = Member()
    turning.join(member)
    async with asyncio.timeout(10):
        while len(member.ticks) < 5:
            await asyncio.sleep(0.01)
    turning.leave(member)
    count = len(member.ticks)
    await asyncio.sleep(0.05)
    assert len(member.ticks) == count
