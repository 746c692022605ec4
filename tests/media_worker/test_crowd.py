"""Connections that say nothing, a thousand of them: a new call is answered all the same."""

import asyncio
import resource
import socket
from collections.abc import Iterator

import pytest
import websockets

from media_worker.server import MediaWorker
from media_worker.settings import Settings
from tests.media_worker.peer import METADATA, audio, heard, pcm

CROWD = 1000


@pytest.fixture
def files() -> Iterator[None]:
    """Room for both ends of each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CROWD + 200
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this process may have {hard} files, and {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def is_answered(worker: MediaWorker, call: str) -> bool:
    uri = worker.url.replace("http", "ws", 1) + f"/media/{call}?handler=echo"
    async with asyncio.timeout(10), websockets.connect(uri, compression=None) as stream:
        await stream.send(METADATA)
        await stream.send(audio(pcm(7)))
        return heard(await stream.recv()) == pcm(7)


@pytest.mark.parametrize("request_head", [b"", b"GET /media/call-1?handler=echo HTTP/1.1\r\nHost: x\r\n"])
async def test_connections_that_send_no_request_or_half_of_one(files: None, request_head: bytes) -> None:
    loop = asyncio.get_running_loop()
    async with MediaWorker(Settings(port=0, max_sessions=50)) as worker:
        host, port = worker.url.removeprefix("http://").split(":")
        sockets = [socket.socket() for _ in range(CROWD)]
        try:
            for each in sockets:
                each.setblocking(False)
            for at in range(0, CROWD, 50):
                # The queue of connections that nobody has taken yet is shorter than a thousand.
                await asyncio.gather(*(loop.sock_connect(each, (host, int(port))) for each in sockets[at : at + 50]))
            for each in sockets:
                if request_head:
                    await loop.sock_sendall(each, request_head)
            assert await is_answered(worker, "call-2")
            assert worker.metrics.refused == 0
        finally:
            for each in sockets:
                each.close()


async def test_streams_that_never_say_what_they_are(files: None) -> None:
    """They have a place each until somebody wants it; each has had its second by then."""
    now = 0.0
    async with MediaWorker(Settings(port=0, max_sessions=200), clock=lambda: now) as worker:
        uri = worker.url.replace("http", "ws", 1) + "/media/{}?handler=echo"
        silent: list[websockets.ClientConnection] = []
        try:
            for number in range(CROWD):
                silent.append(await websockets.connect(uri.format(f"silent-{number}"), compression=None))
                now += 0.01
            assert await is_answered(worker, "call-2")
        finally:
            await asyncio.gather(*(connection.close() for connection in silent), return_exceptions=True)
        assert worker.metrics.refused == 0
