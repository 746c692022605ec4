"""The life of a stream: reconnecting, taking over, and every way to end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import websockets
from aiohttp import web

from dialtone.media import ticket
from dialtone.media.stream import Stream
from dialtone.signals import SignalKeys
from media_worker.limits import Limits
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from tests.functions.issuer import serving
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, heard, pcm

KEY = bytes(range(32))
QUICK = Limits(idle=60, longest=3600, resume=60, stop=1)


class Told:
    """A handler that echoes and notes why each of its streams ended."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.begun = 0

    async def __call__(self, stream: Stream) -> None:
        self.begun += 1
        async for frame in stream.audio:
            await stream.send(frame)
        self.reasons.append(await stream.closed)

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(self.reasons) < count:
                await asyncio.sleep(0.01)
        return self.reasons


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def start(workplace: Workplace, limits: Limits = QUICK, **settings: Any) -> tuple[MediaWorker, Told, Clock]:
    told, clock = Told(), Clock()
    worker = await workplace.worker(Settings(port=0, limits=limits, **settings), {"echo": told}, clock=clock)
    return worker, told, clock


async def echoes(peer: websockets.ClientConnection, number: int) -> bool:
    await peer.send(audio(pcm(number)))
    async with asyncio.timeout(10):
        return heard(await peer.recv()) == pcm(number)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def lost(worker: MediaWorker) -> bool:
    return all(session.link is None for session in worker.sessions)


async def code(peer: websockets.ClientConnection) -> int | None:
    async with asyncio.timeout(10):
        await peer.wait_closed()
    return peer.close_code


async def test_a_broken_connection_is_resumed_by_the_next_of_its_call(workplace: Workplace) -> None:
    worker, told, _ = await start(workplace)
    first = await workplace.stream(worker)
    await first.send(METADATA)
    assert await echoes(first, 1)
    first.transport.abort()
    await until(lambda: lost(worker))
    assert len(worker.sessions) == 1
    second = await workplace.stream(worker)
    await second.send(METADATA)
    assert await echoes(second, 2)
    assert (told.begun, told.reasons) == (1, [])
    assert (worker.metrics.streams, worker.metrics.resumed) == (1, 1)
    await second.close()
    assert await told.until(1) == ["closed"]


async def test_a_connection_that_does_not_come_back_is_lost(workplace: Workplace) -> None:
    worker, told, clock = await start(workplace)
    peer = await workplace.stream(worker)
    await peer.send(METADATA)
    assert await echoes(peer, 1)
    peer.transport.abort()
    await until(lambda: lost(worker))
    clock.now += QUICK.resume - 0.1
    worker.sessions.sweep()
    assert told.reasons == []
    clock.now += 0.1
    worker.sessions.sweep()
    assert await told.until(1) == ["lost"]
    assert len(worker.sessions) == 0


async def test_what_is_sent_meanwhile_is_lost_and_counted(workplace: Workplace) -> None:
    sent = asyncio.Event()

    async def handler(stream: Stream) -> None:
        await anext(aiter(stream.audio))
        await until(lambda: lost(worker))
        await stream.send(pcm(9))
        assert stream.dropped == 1
        sent.set()
        await stream.closed

    worker = await workplace.worker(Settings(port=0), {"echo": handler})
    peer = await workplace.stream(worker)
    await peer.send(METADATA)
    await peer.send(audio(pcm(1)))
    await asyncio.sleep(0.05)
    peer.transport.abort()
    async with asyncio.timeout(10):
        await sent.wait()
    assert worker.metrics.dropped_out == 1


async def test_another_connection_of_the_call_takes_over(workplace: Workplace) -> None:
    worker, told, _ = await start(workplace)
    first = await workplace.stream(worker)
    await first.send(METADATA)
    assert await echoes(first, 1)
    second = await workplace.stream(worker)
    await second.send(METADATA)
    assert await echoes(second, 2)
    assert await code(first) == 1001
    assert (told.begun, told.reasons) == (1, [])
    assert await echoes(second, 3)


async def test_another_format_is_another_stream(workplace: Workplace) -> None:
    worker, told, _ = await start(workplace)
    first = await workplace.stream(worker)
    await first.send(METADATA)
    assert await echoes(first, 1)
    second = await workplace.stream(worker)
    await second.send(METADATA.replace("16000", "24000").replace("640", "960"))
    assert await told.until(1) == ["replaced"]
    assert await code(first) == 1001
    await second.send(audio(bytes(960)))
    assert heard(await second.recv()) == bytes(960)
    assert told.begun == 2


async def test_a_stream_without_a_message_is_idle(workplace: Workplace) -> None:
    worker, told, clock = await start(workplace)
    peer = await workplace.stream(worker)
    await peer.send(METADATA)
    assert await echoes(peer, 1)
    worker.sessions.sweep()
    clock.now += QUICK.idle - 0.1
    worker.sessions.sweep()
    assert await echoes(peer, 2)
    clock.now += 0.2
    worker.sessions.sweep()
    assert told.reasons == []
    clock.now += QUICK.idle
    worker.sessions.sweep()
    assert await told.until(1) == ["idle"]
    assert await code(peer) == 1008


async def test_a_stream_has_a_longest_time(workplace: Workplace) -> None:
    worker, told, clock = await start(workplace, Limits(idle=10**9, longest=3600))
    peer = await workplace.stream(worker)
    await peer.send(METADATA)
    assert await echoes(peer, 1)
    clock.now += 3600
    worker.sessions.sweep()
    assert await told.until(1) == ["expired"]
    assert await code(peer) == 1000


async def test_the_peer_that_breaks_the_wire_ends_it(workplace: Workplace) -> None:
    worker, told, _ = await start(workplace)
    peer = await workplace.stream(worker)
    await peer.send(METADATA)
    await peer.send(b"binary")
    assert await told.until(1) == ["refused"]
    assert await code(peer) == 1003


async def test_a_worker_that_stops_says_so(workplace: Workplace) -> None:
    worker, told, _ = await start(workplace, grace=0.0)
    peer = await workplace.stream(worker)
    await peer.send(METADATA)
    assert await echoes(peer, 1)
    await worker.drain()
    assert told.reasons == ["stopping"]
    assert await code(peer) == 1001


async def test_a_handler_that_fails_ends_its_call_only(workplace: Workplace) -> None:
    async def handler(stream: Stream) -> None:
        async for frame in stream.audio:
            if frame.pcm == pcm(13):
                raise LookupError("unlucky")
            await stream.send(frame)

    worker = await workplace.worker(Settings(port=0), {"echo": handler})
    good, bad = [await workplace.stream(worker, f"/media/{name}?handler=echo") for name in ("good", "bad")]
    for peer in (good, bad):
        await peer.send(METADATA)
        assert await echoes(peer, 1)
    await bad.send(audio(pcm(13)))
    assert await code(bad) == 1011
    assert await echoes(good, 2)
    assert worker.metrics.failed == 1
    assert len(worker.sessions) == 1


async def test_a_ticket_opens_one_stream(workplace: Workplace) -> None:
    seconds, told = [0.0], Told()
    worker = await workplace.worker(Settings(KEY, port=0), {"echo": told}, now=lambda: seconds[0])
    signed = ticket.sign(KEY, "call-1", 1000)
    target = f"/media/call-1?handler=echo&ticket={signed}"
    first = await workplace.stream(worker, target)
    await first.send(METADATA)
    assert await echoes(first, 1)
    first.transport.abort()
    await until(lambda: lost(worker))
    second = await workplace.stream(worker, target)  # the same stream
    await second.send(METADATA)
    assert await echoes(second, 2)
    await second.close()
    await told.until(1)
    with pytest.raises(websockets.InvalidStatus) as caught:
        await workplace.stream(worker, target)
    assert caught.value.response.status_code == 401
    assert caught.value.response.body is not None
    assert json.loads(caught.value.response.body)["error"]["message"] == "the ticket was used"
    fresh = f"/media/call-1?handler=echo&ticket={ticket.sign(KEY, 'call-1', 1001)}"
    third = await workplace.stream(worker, fresh)
    await third.send(METADATA)
    assert await echoes(third, 3)
    worker.sessions.sweep()
    assert worker.sessions.is_spent(signed)
    seconds[0] = 1000.0  # it opens nothing any more, so it is not remembered either
    worker.sessions.sweep()
    assert not worker.sessions.is_spent(signed)


async def test_one_address_opens_each_stream_that_the_functions_want_once(workplace: Workplace) -> None:
    """The address of all streams of a call names none of them (media_worker/admission.py, rule 4)."""
    wanted: list[tuple[str, int] | int] = [404]
    posted: list[str] = []

    async def functions(request: web.Request) -> web.Response:
        if request.method == "POST":
            posted.append(request.path)
            return web.Response(status=202)
        assert request.path == "/api/calls/call-1/stream"
        assert request.headers["Authorization"] == f"Bearer {SignalKeys([KEY]).key_of('call-1')}"
        answer = wanted[-1]
        if isinstance(answer, int):
            return web.Response(status=answer)
        return web.json_response({"handler": answer[0], "number": answer[1]})

    async def refused(target: str) -> tuple[int, str]:
        with pytest.raises(websockets.InvalidStatus) as caught:
            await workplace.stream(worker, target)
        body = json.loads(caught.value.response.body or b"{}")
        return caught.value.response.status_code, body["error"]["code"]

    async with serving(functions) as url:
        settings = Settings(KEY, port=0, public_url=url, signal_key=KEY, limits=QUICK)
        told, other = Told(), Told()
        worker = await workplace.worker(settings, {"echo": told, "other": other})
        target = f"/media/call-1?ticket={ticket.sign(KEY, 'call-1', 1000, standing=True)}"
        assert await refused(target) == (409, "NOT_WANTED")
        assert await refused(f"/media/call-1?ticket={ticket.sign(KEY, 'call-1', 1000)}") == (401, "BAD_TICKET")
        assert await refused(f"{target}&handler=echo") == (401, "BAD_TICKET")
        wanted.append(("echo", 1))
        first = await workplace.stream(worker, target)
        await first.send(METADATA)
        assert await echoes(first, 1)
        first.transport.abort()
        await until(lambda: lost(worker))
        wanted.append(500)  # what lives is resumed all the same
        second = await workplace.stream(worker, target)
        await second.send(METADATA)
        assert await echoes(second, 2)
        assert told.begun == 1
        wanted.append(("other", 2))  # it was started before the end of the first one came
        third = await workplace.stream(worker, target)
        await third.send(METADATA)
        assert await echoes(third, 3)
        assert await told.until(1) == ["replaced"]
        await third.close()
        assert await other.until(1) == ["closed"]
        assert await refused(target) == (409, "NOT_WANTED")
        wanted.append(500)
        assert await refused(target) == (503, "NO_ANSWER")
        await until(lambda: len(posted) == 2)
        assert posted == ["/api/calls/call-1/signals/media_ended", "/api/calls/call-1/signals/media_ended-2"]
        lonely = await workplace.worker(Settings(KEY, port=0))
        with pytest.raises(websockets.InvalidStatus, match="503"):
            await workplace.stream(lonely, target)


async def test_a_ticket_that_expired_still_resumes_its_stream(workplace: Workplace) -> None:
    seconds = [0.0]
    worker = await workplace.worker(Settings(KEY, port=0), now=lambda: seconds[0])
    target = f"/media/call-1?handler=echo&ticket={ticket.sign(KEY, 'call-1', 10)}"
    first = await workplace.stream(worker, target)
    await first.send(METADATA)
    assert await echoes(first, 1)
    first.transport.abort()
    await until(lambda: lost(worker))
    seconds[0] = 100.0
    second = await workplace.stream(worker, target)
    await second.send(METADATA)
    assert await echoes(second, 2)


async def test_who_says_nothing_gives_way_to_a_new_call(workplace: Workplace) -> None:
    worker, _, clock = await start(workplace, max_sessions=3)
    silent = [await workplace.stream(worker, f"/media/silent-{number}?handler=echo") for number in range(3)]
    with pytest.raises(websockets.InvalidStatus):
        await workplace.stream(worker, "/media/early?handler=echo")
    clock.now += 1.0
    for number in range(3):
        peer = await workplace.stream(worker, f"/media/call-{number}?handler=echo")
        await peer.send(METADATA)
        assert await echoes(peer, number)
    for connection in silent:
        assert await code(connection) == 1006
    clock.now += 1.0
    with pytest.raises(websockets.InvalidStatus):  # those who speak stay
        await workplace.stream(worker, "/media/late?handler=echo")


async def test_half_open_connections_do_not_stop_a_new_call(workplace: Workplace) -> None:
    worker, _, _ = await start(workplace, max_sessions=2)
    port = int(worker.url.rpartition(":")[2])
    half_open = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
    peer = await workplace.stream(worker)
    await peer.send(METADATA)
    assert await echoes(peer, 1)
    for _, writer in half_open:
        writer.close()


async def test_no_task_is_left_over(workplace: Workplace) -> None:
    before = asyncio.all_tasks()
    worker, told, _ = await start(workplace)
    for number in range(5):
        peer = await workplace.stream(worker, f"/media/call-{number}?handler=echo")
        await peer.send(METADATA)
        assert await echoes(peer, number)
        if number % 2:
            await peer.close()
        else:
            peer.transport.abort()
    await told.until(2)
    await workplace.close()
    await asyncio.sleep(0)
    left: list[Awaitable[Any]] = [task for task in asyncio.all_tasks() - before if not task.done()]
    assert left == []
