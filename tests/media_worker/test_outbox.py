"""The pace of what is sent, on a clock that the tests turn."""

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone.media.stream import StreamClosed
from media_worker.metrics import Metrics
from media_worker.outbox import BURST, ENOUGH, LIMIT, Outbox
from media_worker.wheel import TICK_S, Wheel

SIZE = 640


class Line:
    """An outbox, its wheel, and when each frame left, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0
        self.metrics = Metrics()
        self.left: list[tuple[float, bytes]] = []
        self.wheel = Wheel(asyncio.get_running_loop(), lambda: self.now)
        self.outbox = Outbox(self.wheel, SIZE, lambda pcm: self.left.append((round(self.now, 3), pcm)), self.metrics)

    def wait(self, seconds: float, step: float = TICK_S) -> None:
        """Let time pass, and the wheel turn as often as `step` says: more rarely is a stall."""
        until = self.now + seconds
        while self.now < until - 1e-9:
            self.now = round(self.now + step, 6) + 1e-7
            self.wheel.run()

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.left]

    def close(self) -> None:
        self.outbox.close()


def sound(frames: int) -> bytes:
    return b"".join(number.to_bytes(2, "big") * (SIZE // 2) for number in range(frames))


async def test_a_frame_goes_at_once_when_nothing_is_queued() -> None:
    line = Line()
    for _ in range(10):
        line.outbox.send(bytes(SIZE))
        line.wait(0.02)
    assert line.times == [round(number * 0.02, 3) for number in range(10)]
    assert len(line.wheel) == 0  # nobody has to be woken


async def test_an_utterance_begins_with_60_ms_and_goes_on_with_a_frame_every_20() -> None:
    line = Line()
    line.outbox.send(sound(20))
    line.wait(1)
    assert b"".join(pcm for _, pcm in line.left) == sound(20)
    first, rest = line.times[:3], line.times[3:]
    assert len(set(first)) == 1
    assert [round(later - sooner, 3) for sooner, later in itertools.pairwise(rest)] == [0.02] * 16
    assert len(line.wheel) == 0
    line.close()


async def test_it_does_not_drift() -> None:
    line = Line()
    for _ in range(50):
        line.outbox.send(sound(500))
        line.wait(10)
    assert len(line.left) == 50 * 500
    # 500 seconds of sound: each third frame of an utterance is 60 ms ahead of its moment, never more.
    for number, at in enumerate(line.times):
        assert -0.061 <= at - number * 0.02 <= 0.026


async def test_after_a_stall_it_is_skipped_not_burst() -> None:
    line = Line()
    line.outbox.send(sound(40))
    line.wait(0.1)
    before = len(line.left)
    line.now += 0.4
    line.wheel.run()
    assert len(line.left) - before == 3  # the lead again, and not the 20 frames that were missed
    line.wait(0.1)
    assert len(line.left) - before <= 3 + 6
    line.wait(1)
    assert len(line.left) == 40
    assert line.wheel.late > 70
    line.close()


async def test_who_sends_faster_than_is_played_is_queued() -> None:
    line = Line()
    for _ in range(60):
        line.outbox.send(bytes(SIZE))
    assert len(line.left) == BURST
    line.wait(0.19)
    assert len(line.left) == BURST  # what went ahead is being played
    line.wait(0.5)
    assert BURST + 10 < len(line.left) < BURST + 25
    line.wait(1)
    assert len(line.left) == 60
    line.close()


async def test_a_clock_that_is_ahead_is_echoed_without_growing_delay() -> None:
    """The platform sends one frame in 19.9 ms, for 10 minutes."""
    line = Line()
    for number in range(30_000):
        line.now = number * 0.0199
        line.outbox.send(bytes(SIZE))
        assert len(line.left) == number + 1


async def test_a_stranger_frame_waits_for_more_until_the_platform_runs_dry() -> None:
    line = Line()
    line.outbox.send(sound(1) + b"\1\2")
    line.wait(0.01)
    line.outbox.send(b"\3\4")
    line.wait(0.1)
    assert [pcm for _, pcm in line.left] == [sound(1), b"\1\2\3\4" + bytes(SIZE - 4)]
    assert line.times[1] - line.times[0] <= 0.025
    line.close()


async def test_clear_forgets_everything() -> None:
    line = Line()
    waiting = line.outbox.send(sound(100))
    line.wait(0.1)
    gone = len(line.left)
    assert line.outbox.clear() == 100 - gone
    await asyncio.wait_for(waiting, 1)
    line.wait(1)
    assert len(line.left) == gone
    line.outbox.send(sound(3))  # a new utterance has its lead at once
    line.wait(0.02)
    assert len(line.left) == gone + 3
    line.close()


async def test_while_the_peer_does_not_read_what_is_due_is_dropped() -> None:
    line = Line()
    line.outbox.send(sound(20))
    line.outbox.congested = True
    line.wait(0.2)
    assert line.left == []
    dropped = line.outbox.dropped
    line.outbox.congested = False
    line.wait(1)
    assert 10 <= dropped == line.metrics.dropped_out
    assert [pcm for _, pcm in line.left] == [sound(20)[at : at + SIZE] for at in range(dropped * SIZE, 20 * SIZE, SIZE)]
    line.outbox.congested = True
    line.outbox.send(bytes(SIZE))
    assert line.outbox.dropped == dropped + 1
    line.close()


async def test_of_too_much_the_oldest_is_dropped() -> None:
    line = Line()
    line.outbox.send(sound(LIMIT + 10))
    assert (len(line.outbox), line.outbox.dropped) == (LIMIT, 10)
    line.wait(0.02)
    assert line.left[0][1] == sound(11)[10 * SIZE :]
    line.close()


async def test_who_awaits_goes_on_when_half_a_second_is_left() -> None:
    line = Line()
    await line.outbox.send(sound(ENOUGH))
    task = asyncio.ensure_future(line.outbox.send(sound(30)))
    await asyncio.sleep(0)
    assert not task.done()
    line.wait(0.7)
    await asyncio.wait_for(task, 1)
    assert len(line.outbox) <= ENOUGH
    line.close()


async def test_who_awaits_hears_of_the_end() -> None:
    line = Line()
    waiting = line.outbox.send(sound(100))
    line.close()
    with pytest.raises(StreamClosed):
        await waiting
    with pytest.raises(StreamClosed):
        line.outbox.send(bytes(SIZE))
    with pytest.raises(StreamClosed):
        await line.outbox.below(0)
    assert len(line.wheel) == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5 * SIZE), st.integers(0, 60)), max_size=30))
def test_all_of_it_is_sent_in_order_and_never_too_far_ahead(steps: list[tuple[int, int]]) -> None:
    async def run() -> None:
        line = Line()
        given = b""
        for size, milliseconds in steps:
            pcm = bytes((len(given) + at) % 251 for at in range(size))
            given += pcm
            line.outbox.send(pcm)
            line.wait(milliseconds / 1000)
        line.wait(5)
        sent = b"".join(pcm for _, pcm in line.left)
        assert all(len(pcm) == SIZE for _, pcm in line.left)
        assert sent.replace(b"\0", b"") == given.replace(b"\0", b"")  # besides silence that fills a frame
        for index, at in enumerate(line.times):
            # In any window: what is played in it, the lead, and a frame that was sent at once for half its length.
            within = [other for other in line.times[index:] if other - at <= 0.2]
            assert len(within) <= 0.2 / 0.02 * 2 + BURST + 3
        line.close()

    asyncio.run(run())
