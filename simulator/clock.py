"""The simulator's clock: real time, or virtual time that passes only when everybody waits.

1. Everything that waits for time or for another side of the call waits here, in a task begun with `start`:
   a participant.
2. In virtual time one participant runs at a time. When it waits, the one that was woken first goes on.
3. When every participant waits and no `io` is going on, time jumps to the earliest deadline. Equal deadlines are
   kept in the order in which they were asked for. So a call's events have one order, whatever the machine's load.
4. While a participant is inside `io`, virtual time stands still.

Any number of calls may share one clock.
"""

import asyncio
import heapq
import itertools
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from math import inf
from typing import Any, ClassVar, TypeVar

T = TypeVar("T")


class Bell:
    """Something that participants wait for. Ringing it wakes those who wait now; it is not remembered."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def ring(self) -> None:
        """Wake everyone who waits, in the order in which they came."""
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def add(self, wake: Callable[[], None]) -> None:
        """Have `wake` called once, at the next ring."""
        self._waiting.append(wake)

    def discard(self, wake: Callable[[], None]) -> None:
        """Forget `wake`; nothing happens when it is not waiting."""
        if wake in self._waiting:
            self._waiting.remove(wake)


class Clock(ABC):
    """Time in seconds, from 0 at the clock's beginning."""

    virtual: ClassVar[bool]
    """Whether time passes only when everybody waits, so that the same call takes the same time again."""

    @abstractmethod
    def now(self) -> float:
        """The time."""

    @abstractmethod
    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a participant. Participants begin in the order of these calls."""

    @abstractmethod
    async def wait(self, bell: Bell | None, until: float = inf) -> bool:
        """Wait until `bell` rings, or `until` that time: whether it rang."""

    @abstractmethod
    def io(self) -> AbstractAsyncContextManager[None]:
        """Surrounds work outside the simulator, such as an HTTP request."""

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds`; nothing at all below 0."""
        await self.wait(None, self.now() + max(0.0, seconds))


class RealClock(Clock):
    """The time of the machine."""

    virtual = False

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> float:
        """The time."""
        return self._loop.time() - self._began

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a participant."""
        return asyncio.create_task(coroutine)

    async def wait(self, bell: Bell | None, until: float = inf) -> bool:
        """Wait for the bell, or until that time."""
        rung = asyncio.Event()
        if bell is not None:
            bell.add(rung.set)
        try:
            async with asyncio.timeout(None if until == inf else until - self.now()):
                await rung.wait()
        except TimeoutError:
            return False
        finally:
            if bell is not None:
                bell.discard(rung.set)
        return True

    def io(self) -> AbstractAsyncContextManager[None]:
        """Nothing to do: time passes by itself."""
        return nullcontext()


class _Turn:
    """A participant's claim to run again. `rung` tells why it was woken; it is woken once."""

    def __init__(self) -> None:
        self.go: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.woken = False
        self.rung = False

    @property
    def dead(self) -> bool:
        """Whether nobody waits for it any more: its task was cancelled."""
        return self.go.done() or self.task is None or self.task.done()


class VirtualClock(Clock):
    """Time that passes only when every participant waits."""

    virtual = True

    def __init__(self) -> None:
        self._now = 0.0
        self._participants: set[asyncio.Task[Any]] = set()
        self._running: asyncio.Task[Any] | None = None
        self._ready: deque[_Turn] = deque()
        self._deadlines: list[tuple[float, int, _Turn]] = []
        self._order = itertools.count()
        self._io = 0

    def now(self) -> float:
        """The time."""
        return self._now

    def start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begin a participant."""
        turn = _Turn()

        async def participate() -> T:
            await turn.go
            return await coroutine

        def left(task: asyncio.Task[T]) -> None:
            coroutine.close()
            self._participants.discard(task)
            if self._running is task:
                self._pass_on()

        task = asyncio.create_task(participate())
        turn.task = task
        self._participants.add(task)
        task.add_done_callback(left)
        self._wake(turn)
        return task

    async def wait(self, bell: Bell | None, until: float = inf) -> bool:
        """Wait for the bell, or until that time."""
        turn = self._own_turn()

        def wake() -> None:
            turn.rung = True
            self._wake(turn)

        if bell is not None:
            bell.add(wake)
        if until < inf:
            heapq.heappush(self._deadlines, (max(until, self._now), next(self._order), turn))
        try:
            self._leave(turn)
            await turn.go
        finally:
            if bell is not None:
                bell.discard(wake)
        return turn.rung

    def io(self) -> AbstractAsyncContextManager[None]:
        """Stop the clock."""
        return _Stopped(self)

    def _own_turn(self) -> _Turn:
        turn = _Turn()
        if turn.task not in self._participants:
            raise RuntimeError("only a task begun with Clock.start may wait in the clock")
        return turn

    def _leave(self, turn: _Turn) -> None:
        # A cancelled participant cleans up without being the one that runs.
        if self._running is turn.task:
            self._pass_on()

    def _wake(self, turn: _Turn) -> None:
        turn.woken = True
        self._ready.append(turn)
        if self._running is None:
            self._pass_on()

    def _pass_on(self) -> None:
        turn = self._next()
        self._running = None if turn is None else turn.task
        if turn is not None:
            turn.go.set_result(None)

    def _next(self) -> _Turn | None:
        while self._ready:
            turn = self._ready.popleft()
            if not turn.dead:
                return turn
        while self._deadlines and not self._io:
            deadline, _, turn = heapq.heappop(self._deadlines)
            if not turn.woken and not turn.dead:
                turn.woken = True
                self._now = deadline
                return turn
        return None


class _Stopped(AbstractAsyncContextManager[None]):
    """A virtual clock that stands still; written out, for each message goes through it."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock

    async def __aenter__(self) -> None:
        self._clock._io += 1
        self._clock._leave(self._clock._own_turn())

    async def __aexit__(self, *_: object) -> None:
        clock = self._clock
        clock._io -= 1
        turn = clock._own_turn()
        clock._wake(turn)
        await turn.go
