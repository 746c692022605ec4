"""Things that wait for somebody who takes them, the newest of them, until an end."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """At most `most` things. One takes at a time."""

    def __init__(self, most: int = 50) -> None:
        self.ended = asyncio.Event()
        self._things: deque[T] = deque(maxlen=most)
        self._news = asyncio.Event()

    def put(self, thing: T) -> None:
        """Add one; of too many the oldest is lost."""
        self._things.append(thing)
        self._news.set()

    def end(self) -> None:
        """No more will come."""
        self.ended.set()
        self._news.set()

    async def take(self) -> T | None:
        """The oldest, or None at the end."""
        while not self._things:
            if self.ended.is_set():
                return None
            self._news.clear()
            await self._news.wait()
        return self._things.popleft()
