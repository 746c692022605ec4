"""An ASGI application on a socket of this machine, inside a program that has its own signals."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    """Leaves the signals to whoever runs the program."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def listening(app: Callable[..., Awaitable[None]], port: int = 0, **options: Any) -> AsyncIterator[int]:
    """Serve until the block is done; gives the port. `options` are uvicorn's. Raises OSError for a port in use."""
    with socket.create_server(("127.0.0.1", port)) as open_socket:
        config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off", ws="none", **options)
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[open_socket]))
        try:
            yield open_socket.getsockname()[1]
        finally:
            server.should_exit = True
            await serving
