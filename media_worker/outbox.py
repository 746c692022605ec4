"""What a stream sends: frames of sound, at the pace at which the platform plays them.

1. `due` is the tick until which the platform has sound to play. It is never behind the present: what was not sent in
   time is silence that has passed, and nothing is sent faster to make up for it.
2. While nothing is queued, a frame goes out at once, and counts half its length only, so that a platform whose clock
   is ahead of ours is echoed without growing delay, and what was held up on the way does not wait here again. After
   BURST of them with no time between, frames are queued.
3. What is queued goes out on the wheel, as long as the platform has less than LEAD to play. So an utterance begins
   with three frames (a prefill of 60 ms), goes on with one every 20 ms, and after a stall with three again: skipped,
   not burst.
4. While the peer does not read, what is due is dropped and counted. Over LIMIT frames, the oldest are.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from typing import Any, Final

from dialtone.media.stream import StreamClosed
from media_worker.metrics import Metrics
from media_worker.wheel import FRAME_TICKS, Wheel

LEAD: Final = 2 * FRAME_TICKS
"""Ticks of sound that the platform may have unplayed when a frame of the queue is sent: 40 ms, 60 with it."""

BURST: Final = 25
"""Frames that may go out at once: half a second."""

BURST_TICKS: Final = BURST * FRAME_TICKS // 2

LIMIT: Final = 1500
"""Frames that are queued: 30 seconds."""

ENOUGH: Final = 25
"""Frames over which `send` is to be waited for: half a second."""


class _Done(Awaitable[None]):
    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


DONE: Final = _Done()


class Outbox:
    """The sound that one stream is to send. `write` sends a frame; it is called only while not congested."""

    __slots__ = (
        "_closed",
        "_due",
        "_frames",
        "_metrics",
        "_partial",
        "_size",
        "_waiters",
        "_wheel",
        "_write",
        "congested",
        "dropped",
        "generation",
    )

    def __init__(self, wheel: Wheel, frame_bytes: int, write: Callable[[bytes], None], metrics: Metrics) -> None:
        self.dropped = 0
        self.congested = False
        self.generation = 0
        """How many times it was cleared."""
        self._wheel = wheel
        self._size = frame_bytes
        self._write = write
        self._metrics = metrics
        self._frames: deque[bytes] = deque()
        self._partial = b""
        self._due = 0
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._frames) + bool(self._partial)

    def send(self, pcm: bytes) -> Awaitable[None]:
        """See `Stream.send`."""
        if self._closed:
            raise StreamClosed("the stream is over")
        if not self._frames and len(pcm) == self._size and not self._partial:
            now = self._wheel.tick()
            due = self._due if self._due > now else now
            if due - now < BURST_TICKS:
                self._due = due + FRAME_TICKS // 2
                if self.congested:
                    self.drop()
                else:
                    self._write(pcm)
                return DONE
        return self._queue(pcm)

    def _queue(self, pcm: bytes) -> Awaitable[None]:
        pcm = self._partial + pcm
        whole = len(pcm) - len(pcm) % self._size
        self._partial = pcm[whole:]
        self._frames.extend(pcm[at : at + self._size] for at in range(0, whole, self._size))
        while len(self._frames) > LIMIT:
            self._frames.popleft()
            self.drop()
        if len(self):
            self._wheel.join(self)
        return DONE if len(self._frames) <= ENOUGH else self.below(ENOUGH)

    def below(self, frames: int) -> Awaitable[None]:
        """Wait until this many are queued, or fewer. Raises StreamClosed when the stream ends before."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_exception(StreamClosed("the stream is over"))
        elif len(self) <= frames:
            future.set_result(None)
        else:
            self._waiters.append((frames, future))
        return future

    def clear(self) -> int:
        """Forget what is queued, and that the platform has anything to play; how many frames that was."""
        count = len(self)
        self.generation += 1
        self._frames.clear()
        self._partial = b""
        self._due = 0
        self._wheel.leave(self)
        self._tell()
        return count

    def turn(self, tick: int) -> None:
        """See `Member`: send what is due (rule 3)."""
        due = max(self._due, tick)
        while due - tick <= LEAD:
            if self._frames:
                frame = self._frames.popleft()
            elif self._partial and due <= tick:  # the platform runs dry, so nothing followed
                frame, self._partial = self._partial.ljust(self._size, b"\0"), b""
            else:
                break
            due += FRAME_TICKS
            if self.congested:
                self.drop()
            else:
                self._write(frame)
        self._due = due
        if self._waiters:
            self._tell()
        if not self._frames and not self._partial:
            self._wheel.leave(self)

    def close(self) -> None:
        """Take no more; who waits gets StreamClosed."""
        self._closed = True
        self._write = _nowhere  # it is its owner's, which is to be freed without the garbage collector
        self._metrics.unsent += len(self)
        self._frames.clear()
        self._partial = b""
        self._wheel.leave(self)
        for _, waiter in self._waiters:
            if not waiter.done():
                waiter.set_exception(StreamClosed("the stream is over"))
                waiter.exception()  # nobody may wait any more
        self._waiters.clear()

    def drop(self) -> None:
        """Count a frame that is lost."""
        self.dropped += 1
        self._metrics.dropped_out += 1

    def _tell(self) -> None:
        waiting, self._waiters = self._waiters, []
        for frames, waiter in waiting:
            if len(self) > frames:
                self._waiters.append((frames, waiter))
            elif not waiter.done():
                waiter.set_result(None)


def _nowhere(pcm: bytes) -> None:
    raise AssertionError("nothing is due when it is closed")
