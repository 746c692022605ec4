"""What a simulated call that is told of by events has to say: queued in order, posted all at once, awaited at its end.

1. What is queued is posted as often and in the order that the settings want; nothing waits for the post before it.
2. What a post raises is raised when all is settled.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from math import inf
from random import Random
from typing import Protocol

from simulator.clock import Bell
from simulator.delivery import Delivery
from simulator.line import Line
from simulator.platforms.rest import Json


class Disorder(Protocol):
    """How posts go wrong."""

    @property
    def duplicate(self) -> float:
        """Share of the posts that are made twice."""

    @property
    def reorder(self) -> float:
        """Share of the items that are overtaken by the next one."""

    @property
    def batch(self) -> bool:
        """Whether items for one address are posted together."""


class News:
    """Something that is new: remembered until it was waited for, on the line's clock."""

    def __init__(self, line: Line) -> None:
        self._line, self._bell, self._up = line, Bell(), False

    def set(self) -> None:
        """Say that there is something."""
        self._up = True
        self._bell.ring()

    async def wait(self, until: float = inf) -> None:
        """Wait until there is something, `until` that time, and forget it."""
        if not self._up:
            await self._line.clock.wait(self._bell, until)
        self._up = False


class Postbox:
    """The items of one call. `post` posts some of them to an address.

    `unknown`, where it is given, makes an item of a type that nobody knows, which is posted before each post.
    """

    def __init__(
        self,
        line: Line,
        delivery: Delivery,
        disorder: Disorder,
        random: Random,
        post: Callable[[str, list[Json]], Awaitable[None]],
        unknown: Callable[[Json], Json] | None = None,
    ) -> None:
        self._line, self._delivery, self._disorder, self._random = line, delivery, disorder, random
        self._post, self._unknown = post, unknown
        self._queue: deque[tuple[str, Json]] = deque()
        self._under_way = 0
        self._arrived = Bell()
        self._failure: Exception | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, url: str, item: Json) -> None:
        """Queue an item for an address."""
        self._queue.append((url, item))

    def post_all(self) -> None:
        """Post what is queued. Rule 1."""
        while self._queue:
            url, item = self._queue.popleft()
            if self._queue and self._random.random() < self._disorder.reorder:
                later = self._queue.popleft()
                self._queue.appendleft((url, item))
                url, item = later
            items = [item]
            while self._disorder.batch and self._queue and self._queue[0][0] == url:
                items.append(self._queue.popleft()[1])
            if self._unknown is not None:
                self.start(self._post(url, [self._unknown(item)]))
            for _ in range(2 if self._random.random() < self._disorder.duplicate else 1):
                self.start(self._post(url, items))

    def start(self, posting: Awaitable[None]) -> None:
        """Post something that is not queued, without waiting for it."""

        async def post() -> None:
            try:
                await posting
            except Exception as error:
                self._failure = error
            finally:
                self._under_way -= 1
                self._arrived.ring()

        self._under_way += 1
        self._tasks.add(self._line.clock.start(post()))

    async def settle(self) -> None:
        """Wait until all that was told has arrived, or cannot arrive. Rule 2."""
        self.post_all()
        while self._under_way:
            await self._line.clock.wait(self._arrived)
        if self._failure is not None:
            raise self._failure
        await self._delivery.finish()

    def cancel(self) -> None:
        """Break off what is under way."""
        for task in self._tasks:
            task.cancel()
