"""Whether a stream is over: `dialtone.media.stream.Closed`."""

import asyncio
from collections.abc import Generator
from typing import Any


class Closed:
    """See `dialtone.media.stream.Closed`."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def __bool__(self) -> bool:
        return self._future.done()

    def __await__(self) -> Generator[Any, Any, str]:
        # Who waits may be cancelled; the others go on waiting.
        return asyncio.shield(self._future).__await__()

    def set(self, reason: str) -> None:
        """Say that it is over, once."""
        if not self._future.done():
            self._future.set_result(reason)
