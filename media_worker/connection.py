"""A WebSocket connection that takes plain frames without the library's parser, and gives all others to it.

A plain frame is a whole, masked text message within the limit: what a stream has 50 of a second. Taking it here costs
a third of what the library's parser, its queue and its coroutine cost (bench/media.py). Everything else is the
library's: the handshake, control frames, fragments, closing, whatever breaks RFC 6455.

 1. The library gets whole frames only, so its parser never holds a part of one that this parser would go on with.
    A frame that is over the limit or not masked is given as it is, and from then on the library gets everything, for
    it will fail the connection.
 2. If a client sent something before its handshake was answered, that may be half a frame. Then the library
    parses all of the connection.
 3. Messages come in the order of the wire, whoever parsed them: those of the library pass through `process_event`.
 4. A message is bytes. That a text is UTF-8 is for the receiver to see; it closes with 1007 as the library would.

Of the library, this needs what `usable` tries: the overridden methods below, `protocol.state`, and frames as events. If
a version of the library has none of it, `PlainLink` does the same by its public functions alone.
"""

import asyncio
import contextlib
import socket
from collections import deque
from functools import lru_cache
from typing import Final, Protocol, cast

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CONNECTING, OPEN, Event
from websockets.server import ServerProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

SEND_BUFFER: Final = 16 * 1024
"""Bytes that the kernel keeps for a peer that does not read: 3 seconds of sound. Its default swallows 86 seconds."""

WRITE_LIMIT: Final = 8 * 1024
"""Bytes that are kept besides; over them the link is congested and takes no more sound."""

VIDEO_BUFFER: Final = 256 * 1024
"""What both become for a stream that sends pictures."""


_OPCODES: Final = frozenset(Opcode)


class Receiver(Protocol):
    """Whom a link tells."""

    def text(self, payload: bytes) -> None:
        """A message came; it may not be UTF-8."""

    def binary(self) -> None:
        """A binary message came. No other follows."""

    def too_big(self) -> None:
        """A message is over the link's limit. No other follows."""

    def congested(self, is_so: bool) -> None:
        """The peer does not read, or reads again."""


class Link(Protocol):
    """A connection, as a stream uses it."""

    limit: int
    """The largest message that is taken, in bytes."""

    def attach(self, receiver: Receiver) -> None:
        """Tell `receiver` from now on, and first what has come so far."""

    def write(self, payload: bytes) -> bool:
        """Send a text message now; False if it is lost because the connection is closing. Never waits."""

    def make_room(self) -> None:
        """Let pictures in: see VIDEO_BUFFER."""

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it, and wait for the peer to do so too."""


class MediaConnection(ServerConnection):
    """The fast path: a `Link`, for `serve(create_connection=...)`."""

    limit = 64 * 1024

    receiver: Receiver | None = None
    _rest = b""
    _opening = b""
    _by_library = False
    _deaf = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        shrink(transport)
        self._parts: list[bytes] = []
        self._early: list[Frame] = []
        super().connection_made(transport)

    def attach(self, receiver: Receiver) -> None:
        """See `Link`."""
        self.receiver = receiver
        early, self._early = self._early, []
        for frame in early:
            self._take(frame)
        rest, self._rest = self._rest, b""
        if rest:
            self.data_received(rest)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        state = self.protocol.state
        if state is not OPEN or self._by_library:
            if state is CONNECTING:
                self._opening = (self._opening + data)[-4:]
            super().data_received(data)
        elif self._opening != b"\r\n\r\n":
            self._by_library = True  # rule 2
            super().data_received(data)
        elif self.receiver is None:
            self._rest += data
        else:
            if self._rest:
                data, self._rest = self._rest + data, b""
            self._split(data)

    def _split(self, data: bytes) -> None:
        # This is the loop that everything passes: 4 microseconds here are a thousand calls less on a core.
        at, end = 0, len(data)
        while end - at >= 6:
            length = data[at + 1] - 128
            body = at + 6
            if length == 126:
                body = at + 8
                length = data[at + 2] << 8 | data[at + 3]
            elif length == 127:
                if end - at < 10:
                    break
                body = at + 14
                length = int.from_bytes(data[at + 2 : at + 10], "big")
            if length < 0 or length > self.limit:
                self._by_library = True  # rule 1
                if length > self.limit and not self._deaf:
                    self._refuse_size()
                super().data_received(data[at:])
                return
            stop = body + length
            if stop > end:
                break
            if data[at] == 0x81 and not self._parts:
                # Asked for each time, since what reads the first message gives the link to another.
                self.receiver.text(apply_mask(data[body:stop], data[body - 4 : body]))  # type: ignore[union-attr]
            else:
                super().data_received(data[at:stop])
            at = stop
            if self._deaf or self.protocol.state is not OPEN:
                self._by_library = True
                super().data_received(data[at:])
                return
        if end - at >= 2 and (data[at + 1] < 128 or data[at] & 0x0F not in _OPCODES):
            self._by_library = True  # it fails at once, without waiting for the rest
            super().data_received(data[at:])
        else:
            self._rest = data[at:]

    def process_event(self, event: Event) -> None:
        """See the library: what its parser found."""
        if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._take(event)
        else:
            super().process_event(event)

    def _take(self, frame: Frame) -> None:
        receiver = self.receiver
        if receiver is None:
            self._early.append(frame)
        elif not self._deaf:
            if frame.opcode is Opcode.BINARY:
                self._deaf = True
                receiver.binary()
                return
            self._parts.append(bytes(frame.data))
            if sum(map(len, self._parts)) > self.limit:
                self._refuse_size()
            elif frame.fin:
                whole = b"".join(self._parts)
                self._parts.clear()
                receiver.text(whole)

    def _refuse_size(self) -> None:
        assert self.receiver is not None
        self._deaf = True
        self._parts.clear()
        self.receiver.too_big()

    def write(self, payload: bytes) -> bool:
        """See `Link`."""
        # A transport that failed is closing before the protocol hears of it.
        if self.protocol.state is not OPEN or self.transport.is_closing():
            return False
        self.transport.write(text_header(len(payload)) + payload)
        return True

    def make_room(self) -> None:
        """See `Link`."""
        make_room(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        # The library keeps what broke the connection, whose traceback holds the stream that was writing.
        super().connection_lost(exc and exc.with_traceback(None))

    def pause_writing(self) -> None:
        """See asyncio."""
        super().pause_writing()
        if self.receiver is not None:
            self.receiver.congested(True)

    def resume_writing(self) -> None:
        """See asyncio."""
        super().resume_writing()
        if self.receiver is not None:
            self.receiver.congested(False)


class PlainLink:
    """A `Link` on a connection of the library, by nothing but its public functions: three times the cost."""

    MAX_WAITING: Final = 50
    """Messages that wait for a peer that does not read. Of more, the oldest is lost."""

    def __init__(self, connection: ServerConnection) -> None:
        self.limit = MediaConnection.limit
        self._connection = connection
        self._waiting: deque[str] = deque(maxlen=self.MAX_WAITING)
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._receiver: Receiver
        shrink(connection.transport)

    def attach(self, receiver: Receiver) -> None:
        """See `Link`."""
        self._receiver = receiver
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]

    def write(self, payload: bytes) -> bool:
        """See `Link`."""
        if self._connection.state is not OPEN:
            return False
        self._waiting.append(payload.decode())
        self._wake.set()
        return True

    def make_room(self) -> None:
        """See `Link`."""
        make_room(self._connection.transport)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """See `Link`."""
        await self._flush()
        await self._connection.close(code, reason)
        self._stop()

    def _stop(self) -> None:
        # Not kept: a task that was cancelled holds what it is a method of.
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            if task is not asyncio.current_task():
                task.cancel()

    async def _flush(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while self._waiting:
                await self._connection.send(self._waiting.popleft())

    async def _read(self) -> None:
        try:
            while True:
                message = await self._connection.recv()
                if isinstance(message, bytes):
                    self._receiver.binary()
                    return
                payload = message.encode()
                if len(payload) > self.limit:
                    self._receiver.too_big()
                    return
                self._receiver.text(payload)
        except ConnectionClosed:
            self._stop()

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    message = self._waiting.popleft()
                    if len(self._waiting) + 1 >= self.MAX_WAITING:
                        self._receiver.congested(True)
                    await self._connection.send(message)
                self._receiver.congested(False)


@lru_cache(maxsize=64)
def text_header(length: int) -> bytes:
    """The header of a whole text message from a server (RFC 6455, section 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2, "big")
    return b"\x81\x7f" + length.to_bytes(8, "big")


def shrink(transport: asyncio.BaseTransport) -> None:
    """Keep little for a peer that does not read."""
    _size(transport, SEND_BUFFER)


def make_room(transport: asyncio.BaseTransport) -> None:
    """Keep enough for some pictures."""
    _size(transport, VIDEO_BUFFER)
    # Not asserted: that of uvloop is no subclass.
    cast("asyncio.WriteTransport", transport).set_write_buffer_limits(high=VIDEO_BUFFER)


def _size(transport: asyncio.BaseTransport, size: int) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)


class _Sink(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...

    def abort(self) -> None: ...


class _Note:
    def __init__(self) -> None:
        self.texts: list[bytes] = []

    def text(self, payload: bytes) -> None:
        self.texts.append(payload)

    def binary(self) -> None: ...

    def too_big(self) -> None: ...

    def congested(self, is_so: bool) -> None: ...


def usable(kind: type[MediaConnection] = MediaConnection) -> bool:
    """Whether the fast path works with the library that is installed, tried on a connection without a network.

    A handshake, a plain message, a fragmented one around a ping, and a reply must come out as they should. Needs a
    running event loop.
    """
    try:
        return _tried(kind)
    except Exception:
        return False


def _tried(kind: type[MediaConnection]) -> bool:
    protocol = ServerProtocol()
    connection = kind.__new__(kind)
    sink, note = _Sink(), _Note()
    # Not the constructor of ServerConnection: a server would have to be listening.
    super(ServerConnection, connection).__init__(protocol)
    connection.transport = sink
    connection.request = None
    connection.request_rcvd = asyncio.get_running_loop().create_future()
    connection._parts, connection._early = [], []
    connection.data_received(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    request: Request | None = connection.request
    if request is None:
        return False
    response: Response = protocol.accept(request)
    protocol.send_response(response)
    connection.send_data()
    sink.written = b""
    connection.attach(note)
    mask = b"\1\2\3\4"

    def frame(head: int, data: bytes) -> bytes:
        return bytes((head, 0x80 | len(data))) + mask + apply_mask(data, mask)

    stream = frame(0x81, b"one") + frame(0x01, b"t") + frame(0x89, b"p") + frame(0x80, b"wo") + frame(0x81, b"three")
    for at in range(0, len(stream), 5):
        connection.data_received(stream[at : at + 5])
    connection.write(b"reply")
    return note.texts == [b"one", b"two", b"three"] and sink.written == b"\x8a\x01p\x81\x05reply"
