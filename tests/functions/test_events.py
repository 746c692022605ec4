"""`recording.stored` reaches who is told of it: a queue, or an address that can verify who sent it."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dialtone.errors import ConfigurationError, DependencyError
from dialtone.storage import EVENTS_QUEUE
from dialtone.storage.memory import MemoryBackend
from functions.events import teller
from functions.settings import Settings
from tests.functions.rig import KEY

EVENT = {"id": "e1", "type": "recording.stored", "data": {"caller": "ü"}}
ENVIRONMENT = {
    "DIALTONE_BOT": "b:b",
    "DIALTONE_PUBLIC_URL": "https://b.test",
    "DIALTONE_APPSTATE_KEY": base64.b64encode(KEY).decode(),
    "DIALTONE_AUTH": "loopback",
}


class Receiver:
    """An address that takes events, with a real socket."""

    def __init__(self) -> None:
        self.status = 204
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
        location = "location: http://127.0.0.1:1/\r\n" if self.status == 307 else ""
        writer.write(f"HTTP/1.1 {self.status} x\r\n{location}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
    yield made
    server.close()
    await server.wait_closed()


async def test_an_event_is_posted_so_that_its_sender_can_be_verified(receiver: Receiver) -> None:
    tell = teller(receiver.url, KEY, MemoryBackend(), lambda: 1_700_000_000.9)
    assert tell is not None
    await tell(EVENT)
    ((headers, body),) = receiver.requests
    assert json.loads(body) == EVENT
    signed = b"e1.1700000000." + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-id"] == "e1"
    assert headers["webhook-timestamp"] == "1700000000"
    assert headers["webhook-signature"].lower() == f"v1,{expected}".lower()


@pytest.mark.parametrize("status", [307, 400, 503])
async def test_an_event_that_is_not_taken_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.status = status
    tell = teller(receiver.url, KEY, MemoryBackend())
    assert tell is not None
    with pytest.raises(DependencyError, match=str(status)):
        await tell(EVENT)
    assert len(receiver.requests) == 1


async def test_an_address_that_does_not_answer_is_a_failure() -> None:
    tell = teller("http://127.0.0.1:1/", KEY, MemoryBackend())
    assert tell is not None
    with pytest.raises(DependencyError, match="DIALTONE_EVENTS"):
        await tell(EVENT)


async def test_an_event_goes_to_the_queue() -> None:
    backend = MemoryBackend()
    tell = teller("queue", b"", backend)
    assert tell is not None
    await tell(EVENT)
    assert [json.loads(text) for text in backend.queue(EVENTS_QUEUE).messages] == [EVENT]
    assert teller("", b"", backend) is None


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"DIALTONE_EVENTS": "http://example.test/"}, "DIALTONE_EVENTS"),
        ({"DIALTONE_EVENTS": "queues"}, "DIALTONE_EVENTS"),
        ({"DIALTONE_EVENTS": "https://example.test/"}, "DIALTONE_EVENTS_KEY"),
        ({"DIALTONE_EVENTS": "https://example.test/", "DIALTONE_EVENTS_KEY": "c2hvcnQ="}, "DIALTONE_EVENTS_KEY"),
        ({"DIALTONE_CALLERS": "visible"}, "DIALTONE_CALLERS"),
        ({"DIALTONE_RETENTION": "thirty"}, "DIALTONE_RETENTION"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(settings: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        Settings.from_environment(ENVIRONMENT | settings)


def test_the_settings_of_recordings() -> None:
    more: dict[str, Any] = {
        "DIALTONE_CALLERS": "hashed",
        "DIALTONE_RETENTION": "standard=30",
        "DIALTONE_EVENTS": "https://example.test/",
        "DIALTONE_EVENTS_KEY": base64.b64encode(KEY).decode(),
    }
    read = Settings.from_environment(ENVIRONMENT | more)
    assert (read.callers, read.retention, read.events_key) == ("hashed", {"standard": 30}, KEY)
    bare = Settings.from_environment(ENVIRONMENT)
    assert (bare.callers, bare.retention, bare.events, bare.events_key) == ("shown", {}, "", b"")
