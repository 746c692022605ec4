"""The clock of everything that is sent at a pace.

1. Time is counted in ticks of 5 ms from the start of the wheel. A frame of sound is 4 of them, so each stream has one
   of four slots, and a new one gets the emptiest: a fourth of the streams is served at a time, all in one wake-up.
2. The moment of a tick is computed from its number, never from the one before it, so the wheel does not drift.
3. After a stall each slot is served once, not once for each turn that was missed: how much a stream then sends is its
   own rule (media_worker/outbox.py), which knows how far ahead of the platform it is.
4. The timer runs only while somebody is on the wheel.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

TICK_S: Final = 0.005
FRAME_TICKS: Final = 4
"""Ticks in 20 ms, and slots of the wheel."""


class Member(Protocol):
    """Who is served."""

    def turn(self, tick: int) -> None:
        """It is this tick now. It may leave the wheel."""


class Wheel:
    """The wheel of a process. `time` is the loop's clock, in seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, time: Callable[[], float] | None = None) -> None:
        self.late = 0
        """Ticks that came later than the next one was due, since the start."""
        self._loop = loop
        self._time = time or loop.time
        self._start = self._time()
        self._slots: tuple[set[Member], ...] = tuple(set() for _ in range(FRAME_TICKS))
        self._of: dict[Member, int] = {}
        self._served = 0
        self._timer: asyncio.TimerHandle | None = None

    def tick(self) -> int:
        """The number of the tick that it is."""
        return int((self._time() - self._start) / TICK_S)

    def __len__(self) -> int:
        return len(self._of)

    def join(self, member: Member) -> None:
        """Serve it every 20 ms from now on, until `leave`."""
        if member in self._of:
            return
        if self._timer is None:
            self._served = self.tick()
            self._arm()
        # The slots in the order of their turns, so that of two that are as empty the sooner one is taken.
        order = [(self._served + ahead) % FRAME_TICKS for ahead in range(1, FRAME_TICKS + 1)]
        slot = min(order, key=lambda number: len(self._slots[number]))
        self._of[member] = slot
        self._slots[slot].add(member)

    def leave(self, member: Member) -> None:
        """Serve it no more, if it was."""
        slot = self._of.pop(member, None)
        if slot is not None:
            self._slots[slot].discard(member)
            if not self._of and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _arm(self) -> None:
        # A moment later than the tick begins, because a timer may be a moment early.
        at = self._start + (self._served + 1) * TICK_S + 0.0001
        self._timer = self._loop.call_at(at, self.run)

    def run(self) -> None:
        """Serve the slots whose turn has come. The timer calls it."""
        now = self.tick()
        missed = now - self._served
        if missed > 1:
            self.late += missed - 1
        for tick in range(max(self._served + 1, now - FRAME_TICKS + 1), now + 1):
            for member in tuple(self._slots[tick % FRAME_TICKS]):
                member.turn(now)
        self._served = max(self._served, now)
        if self._of:
            self._arm()
        else:
            self._timer = None
