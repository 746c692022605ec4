"""The fast path and the library's parser find the same in the same bytes, however they are cut."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from media_worker import connection as module
from media_worker.connection import MediaConnection, text_header, usable

LIMIT = MediaConnection.limit
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Sink(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def is_closing(self) -> bool:
        return False

    def write_eof(self) -> None: ...

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None: ...


class Seen:
    """What a receiver is told; `closes` is how many refusals there were."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.binaries = 0
        self.too_bigs = 0

    def text(self, payload: bytes) -> None:
        self.texts.append(payload)

    def binary(self) -> None:
        self.binaries += 1

    def too_big(self) -> None:
        self.too_bigs += 1

    def congested(self, is_so: bool) -> None: ...


def fast(opening: bytes = REQUEST, *, attach: bool = True) -> tuple[MediaConnection, Sink, Seen]:
    """A connection whose handshake is over, without a network."""
    protocol = ServerProtocol(max_size=LIMIT)
    made = MediaConnection.__new__(MediaConnection)
    super(ServerConnection, made).__init__(protocol)
    sink, seen = Sink(), Seen()
    made.transport = sink
    made.request = None
    made.request_rcvd = asyncio.get_running_loop().create_future()
    made._parts, made._early = [], []
    made.data_received(opening)
    request = made.request
    assert request is not None
    protocol.send_response(protocol.accept(request))
    made.send_data()
    sink.written = b""
    if attach:
        made.attach(seen)
    return made, sink, seen


class Reference:
    """The library's sans-I/O parser alone, and the texts that it finds."""

    def __init__(self) -> None:
        self.protocol = ServerProtocol(max_size=LIMIT)
        self.protocol.receive_data(REQUEST)
        (request,) = self.protocol.events_received()
        self.protocol.send_response(self.protocol.accept(request))  # type: ignore[arg-type]
        self.protocol.data_to_send()
        self.texts: list[bytes] = []
        self.binaries = 0
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            assert isinstance(event, Frame)
            if self.binaries:
                continue
            if event.opcode is Opcode.BINARY:
                self.binaries += 1
            elif event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    self.texts.append(b"".join(self._parts))
                    self._parts.clear()


def frame(opcode: int, data: bytes, *, fin: bool = True, mask: bytes | None = b"\1\2\3\4", rsv: int = 0) -> bytes:
    head = bytes([(0x80 if fin else 0) | rsv | opcode])
    flag = 0 if mask is None else 0x80
    if len(data) < 126:
        head += bytes([flag | len(data)])
    elif len(data) < 65_536:
        head += bytes([flag | 126]) + len(data).to_bytes(2, "big")
    else:
        head += bytes([flag | 127]) + len(data).to_bytes(8, "big")
    if mask is None:
        return head + data
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def cut(stream: bytes, seed: int) -> Iterator[bytes]:
    """The stream in pieces, small and large."""
    chance = random.Random(seed)
    at = 0
    while at < len(stream):
        size = chance.choice((1, 2, 3, 5, 7, 14, 100, 1500, 65_536))
        yield stream[at : at + size]
        at += size


texts = st.binary(max_size=300) | st.sampled_from(
    [b"", b"x" * 125, b"x" * 126, b"\xff\xfe", b"x" * 65_535, b"x" * 65_536]
)
masks = st.binary(min_size=4, max_size=4)
good = st.one_of(
    st.builds(lambda data, mask: frame(1, data, mask=mask), texts, masks),
    st.builds(lambda data: frame(9, data), st.binary(max_size=125)),
    st.builds(lambda data: frame(10, data), st.binary(max_size=125)),
    st.builds(
        lambda first, ping, last: frame(1, first, fin=False) + frame(9, ping) + frame(0, last),
        st.binary(max_size=50),
        st.binary(max_size=20),
        st.binary(max_size=50),
    ),
    st.builds(lambda data: frame(1, b"", fin=False) + frame(0, data, fin=False) + frame(0, b""), st.binary(max_size=9)),
)
bad = st.one_of(
    st.builds(lambda data: frame(1, data, mask=None), st.binary(max_size=200)),
    st.builds(lambda data, rsv: frame(1, data, rsv=rsv), st.binary(max_size=9), st.sampled_from([0x10, 0x20, 0x40])),
    st.builds(lambda code: frame(code, b"x"), st.sampled_from([0, 3, 7, 11, 15])),
    st.builds(lambda: frame(9, b"x", fin=False)),
    st.builds(lambda: frame(9, b"x" * 126)),
    st.builds(lambda: frame(8, b"\x03\xe8bye")),
    st.builds(lambda: frame(8, b"\x03")),
    st.builds(lambda: frame(8, b"")),
    st.builds(lambda: frame(2, b"binary")),
    st.builds(lambda: b"\x81\xff" + (2**63).to_bytes(8, "big")),
    st.builds(lambda data: data, st.binary(min_size=1, max_size=40)),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(good, max_size=6), st.lists(bad, max_size=1), st.lists(good, max_size=3), st.integers(0, 2**32))
def test_both_find_the_same(before: list[bytes], wrong: list[bytes], after: list[bytes], seed: int) -> None:
    """Messages, replies to control frames, and how the connection fails."""

    async def compare() -> None:
        stream = b"".join([*before, *wrong, *after])
        ours, sink, seen = fast()
        theirs, written = Reference(), b""
        for piece in cut(stream, seed):
            ours.data_received(piece)
            theirs.feed(piece)
            written += b"".join(theirs.protocol.data_to_send())
        assert seen.texts == theirs.texts
        assert min(seen.binaries, 1) == theirs.binaries
        assert ours.protocol.state is theirs.protocol.state
        assert type(ours.protocol.parser_exc) is type(theirs.protocol.parser_exc)
        assert sink.written == written

    asyncio.run(compare())


async def test_a_plain_message_does_not_reach_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, _, seen = fast()
    monkeypatch.setattr(ours.protocol, "receive_data", None)
    for piece in cut(frame(1, b"a" * 1055) * 50, 1):
        ours.data_received(piece)
    assert seen.texts == [b"a" * 1055] * 50


async def test_what_a_client_sent_too_early_is_left_to_the_library() -> None:
    """Half a frame came with the handshake, so only the library knows where the next one begins."""
    early = frame(1, b"early")
    for split in range(len(early) + 1):
        ours, _, seen = fast(REQUEST + early[:split])
        ours.data_received(early[split:] + frame(1, b"later"))
        assert seen.texts == [b"early", b"later"]


async def test_what_comes_before_there_is_a_receiver_is_kept() -> None:
    for opening in (REQUEST, REQUEST + frame(1, b"zero")):
        ours, _, seen = fast(opening, attach=False)
        ours.data_received(frame(1, b"one") + frame(1, b"two")[:4])
        ours.attach(seen)
        ours.data_received(frame(1, b"two")[4:])
        assert seen.texts[-2:] == [b"one", b"two"]


async def test_who_reads_the_first_message_may_give_the_link_away() -> None:
    ours, _, _ = fast(attach=False)
    second = Seen()

    class First(Seen):
        def text(self, payload: bytes) -> None:
            super().text(payload)
            ours.attach(second)

    first = First()
    ours.attach(first)
    whole = frame(1, b"one") + frame(1, b"two") + frame(1, b"three")
    for piece in (whole[:3], whole[3:25], whole[25:]):
        ours.data_received(piece)
    assert (first.texts, second.texts) == ([b"one"], [b"two", b"three"])


@pytest.mark.parametrize("size", [LIMIT + 1, 2 * LIMIT, 2**40])
async def test_a_message_over_the_limit_is_told_before_it_is_read(size: int) -> None:
    ours, _, seen = fast()
    ours.data_received(b"\x81\xff" + size.to_bytes(8, "big") + b"\0\0\0\0")
    ours.data_received(b"x" * 100)
    assert (seen.too_bigs, seen.texts) == (1, [])
    assert ours.protocol.close_sent is not None
    assert ours.protocol.close_sent.code == CloseCode.MESSAGE_TOO_BIG


async def test_the_parts_of_a_message_count_together() -> None:
    ours, _, seen = fast()
    ours.protocol.max_message_size = None  # the library lets it through, as it does when pictures may come
    half = b"x" * (LIMIT // 2)
    ours.data_received(frame(1, half, fin=False) + frame(0, half, fin=False) + frame(0, b"x"))
    assert (seen.too_bigs, seen.texts) == (1, [])


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
async def test_what_is_written_is_what_the_library_writes(size: int) -> None:
    ours, sink, _ = fast()
    ours.write(b"x" * size)
    assert sink.written == Frame(Opcode.TEXT, b"x" * size).serialize(mask=False)
    assert sink.written.startswith(text_header(size))


async def test_nothing_is_written_after_the_close_frame() -> None:
    ours, sink, _ = fast()
    ours.data_received(frame(8, b"\x03\xe8"))
    written = sink.written
    assert not ours.write(b"late")
    assert ours.protocol.state is not OPEN
    assert sink.written == written


async def test_the_fast_path_works_with_the_library_that_is_installed() -> None:
    assert usable()


@pytest.mark.parametrize("name", ["process_event", "data_received", "send_data", "_split"])
async def test_a_library_that_has_changed_is_noticed(name: str) -> None:
    class Changed(MediaConnection):
        pass

    def gone(*_: object) -> None: ...

    setattr(Changed, name, gone)
    assert not usable(Changed)


async def test_a_library_that_raises_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ServerProtocol", None)
    assert not usable()


def test_the_reference_fails_as_the_library_does() -> None:
    reference = Reference()
    reference.feed(frame(1, b"x", mask=None))
    assert isinstance(reference.protocol.parser_exc, ProtocolError)
