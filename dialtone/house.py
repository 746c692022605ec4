"""Whoever runs a bot on this machine, for the simulator's faults: kills its host, takes its storage away.

`House` listens on loopback, at an address that nobody else is told, and obeys the requests of `simulator/house.py`:

| request              | what is done before it is answered with 204                       |
|----------------------|-------------------------------------------------------------------|
| `POST /kill`         | SIGKILL to the functions' host; a new one, ready, at the same port |
| `POST /storage/down` | the storage's gate answers 503 and closes what is under way       |
| `POST /storage/up`   | the gate lets everything through again                            |

`Gate` stands between the functions and their storage. It passes bytes on, and while it is shut it answers each request
itself. The two are separate from the stack, which does not know them.
"""

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
_OK: Final = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
_UNKNOWN: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_DOWN: Final = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_CHUNK: Final = 64 * 1024


class _Loop(ABC):
    """An event loop in a thread of its own; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._open())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._run(self._close())
        finally:
            self._end()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @abstractmethod
    async def _open(self) -> None: ...

    @abstractmethod
    async def _close(self) -> None: ...


class Gate(_Loop):
    """A gate before each of `targets` (addresses such as `http://127.0.0.1:10000`). A context manager.

    `addresses` are those of the gates, in the same order, without a path.
    """

    def __init__(self, targets: Sequence[str]) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self._targets = targets
        self._servers: list[asyncio.Server] = []
        self._open_now = True
        self._under_way: set[asyncio.Task[None]] = set()

    def set(self, *, is_open: bool) -> None:
        """Open or shut it; shutting it closes what is under way."""
        self._run(self._set(is_open))

    async def _set(self, is_open: bool) -> None:
        self._open_now = is_open
        if not is_open:
            await self._drop()

    async def _drop(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _open(self) -> None:
        for target in self._targets:
            parts = urlsplit(target)
            assert parts.hostname is not None
            server = await asyncio.start_server(self._to(parts.hostname, parts.port or 80), "127.0.0.1", 0)
            self._servers.append(server)
            self.addresses.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        await self._drop()

    def _to(self, host: str, port: int) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._under_way.add(task)
            try:
                await (self._pass(reader, writer, host, port) if self._open_now else _refuse(reader, writer))
            except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                pass  # Either side went away, or the gate was shut.
            finally:
                self._under_way.discard(task)
                writer.close()

        return accept

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
        there, back = await asyncio.open_connection(host, port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(_copy(reader, back))
                both.create_task(_copy(there, writer))
        except* OSError:
            pass
        finally:
            back.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    # The other direction ends with this one: HTTP needs no half-closed connection.
    sink.close()


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    writer.write(_DOWN)
    await writer.drain()


class House(_Loop):
    """Obeys the simulator: `kill` kills the host and starts it again, `storage` opens or shuts the gate, `sweep` has
    the bot end calls whose callback does not come.

    A context manager. `url` is its address while it is entered; what a request raised is in `failures`, and is answered
    with 500.
    """

    def __init__(self, kill: Callable[[], None], storage: Callable[[bool], None], sweep: Callable[[], None]) -> None:
        super().__init__()
        self.url = ""
        self.failures: list[Exception] = []
        self._actions: dict[bytes, Callable[[], None]] = {
            b"/kill": kill,
            b"/storage/down": lambda: storage(False),
            b"/storage/up": lambda: storage(True),
            b"/sweep": sweep,
        }
        self._server: asyncio.Server | None = None

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._obey, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, *_ = head.split(b" ", 2)
            action = self._actions.get(path) if method == b"POST" else None
            writer.write(_UNKNOWN if action is None else await self._done(action))
            await writer.drain()
        writer.close()

    async def _done(self, action: Callable[[], None]) -> bytes:
        try:
            await asyncio.to_thread(action)
        except Exception as error:
            self.failures.append(error)
            return _FAILED
        return _OK
