"""What comes for a handler, until it takes it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(AsyncIterator[T], Generic[T]):
    """An iterator that is fed. It keeps `limit` things at most and loses the oldest; `dropped` counts them.

    After `end` it gives what it has and then ends. One task at a time may wait for it.
    """

    __slots__ = ("_ended", "_items", "_limit", "_waiter", "dropped")

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._items: deque[T] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._ended = False

    def put(self, item: T) -> bool:
        """Add one; False if the oldest was lost for it."""
        items = self._items
        items.append(item)
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)
        if len(items) <= self._limit:
            return True
        items.popleft()
        self.dropped += 1
        return False

    def end(self) -> None:
        """Add no more."""
        self._ended = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def take_all(self) -> list[T]:
        """All that is kept."""
        items = list(self._items)
        self._items.clear()
        return items

    def __len__(self) -> int:
        return len(self._items)

    def __aiter__(self) -> "Feed[T]":
        return self

    async def __anext__(self) -> T:
        items = self._items
        while not items:
            if self._ended:
                raise StopAsyncIteration
            if self._waiter is not None and not self._waiter.done():
                raise RuntimeError("another task waits for this already; let one read and tell the others")
            waiter = self._waiter = asyncio.get_running_loop().create_future()
            await waiter
        return items.popleft()
