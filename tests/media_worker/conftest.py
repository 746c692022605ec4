import time
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import websockets

from media_worker.handlers import HANDLERS, Handler
from media_worker.server import MediaWorker
from media_worker.settings import Settings


class Workplace:
    """Starts workers and connects to them; everything is closed when the test ends."""

    def __init__(self, *, fast: bool = True) -> None:
        self.fast = fast
        self._open: list[websockets.ClientConnection] = []
        self._workers: list[MediaWorker] = []

    async def worker(
        self,
        settings: Settings | None = None,
        handlers: Mapping[str, Handler] = HANDLERS,
        now: float | Callable[[], float] = 0.0,
        clock: Callable[[], float] = time.monotonic,
        *,
        requires_consent: bool = False,
    ) -> MediaWorker:
        said = now if callable(now) else lambda: now
        chosen = settings or Settings(port=0)
        worker = MediaWorker(chosen, handlers, said, clock, fast=self.fast, requires_consent=requires_consent)
        await worker.__aenter__()
        self._workers.append(worker)
        return worker

    async def stream(
        self, worker: MediaWorker, target: str = "/media/call-1?handler=echo"
    ) -> websockets.ClientConnection:
        uri = worker.url.replace("http", "ws", 1) + target
        connection = await websockets.connect(uri, compression=None, max_size=None, close_timeout=2)
        self._open.append(connection)
        return connection

    async def close(self) -> None:
        while self._open:
            await self._open.pop().close()
        while self._workers:
            await self._workers.pop().__aexit__(None, None, None)


@pytest.fixture(params=["fast", "plain"])
async def workplace(request: pytest.FixtureRequest) -> AsyncIterator[Workplace]:
    """Everything that a stream does, it does on both kinds of links."""
    place = Workplace(fast=request.param == "fast")
    yield place
    await place.close()
