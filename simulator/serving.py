"""An ASGI application on a socket of this machine, inside a program that has its own signals."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    """Leaves the signals to whoever runs the program; once `done` is set, it is gone as soon as nobody is connected.

    uvicorn's own looks ten times a second whether it should exit, and then waits a tenth of a second more.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.done = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        ticking = asyncio.create_task(super().main_loop())
        await self.done.wait()
        ticking.cancel()
        await asyncio.wait([ticking])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for each in (*self.servers, *(sockets or ())):
            each.close()


def open_port(port: int = 0) -> socket.socket:
    """A socket of this machine to serve on. Raises OSError for a port in use."""
    listener = socket.create_server(("127.0.0.1", port))
    # asyncio does this for sockets of its own only. Without it a reply's body waits for the acknowledgement of its
    # head, which a client puts off by 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@asynccontextmanager
async def listening(app: Callable[..., Awaitable[None]], port: int = 0, **options: Any) -> AsyncIterator[int]:
    """Serve until the block is done; gives the port. `options` are uvicorn's. Raises OSError for a port in use."""
    with open_port(port) as open_socket:
        config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none", **options)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[open_socket]))
        try:
            yield open_socket.getsockname()[1]
        finally:
            server.done.set()
            await serving
