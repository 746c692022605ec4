import asyncio
import json
import logging

import httpx
import pytest
import websockets

from dialtone.media import ticket
from dialtone.media.stream import Stream
from media_worker.admission import MAX_CALL_ID
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, heard, pcm

KEY = bytes(range(32))


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(url)


async def refusal(workplace: Workplace, worker: MediaWorker, target: str) -> tuple[int, str]:
    """The status and the error's code of an attempt to open a stream."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        await workplace.stream(worker, target)
    response = caught.value.response
    assert response.body is not None
    return response.status_code, json.loads(response.body)["error"]["code"]


async def test_health_and_readiness(workplace: Workplace) -> None:
    worker = await workplace.worker()
    health, ready = await get(f"{worker.url}/healthz"), await get(f"{worker.url}/readyz")
    assert (health.status_code, health.json()) == (200, {"status": "ok", "draining": False})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert health.headers.get_list("content-type") == ["application/json"]


async def test_metrics_count_frames_and_streams(workplace: Workplace) -> None:
    worker = await workplace.worker()
    stream = await workplace.stream(worker)
    for message in (METADATA, "noise", audio(pcm(1))):
        await stream.send(message)
    assert heard(await stream.recv()) == pcm(1)
    reply = await get(f"{worker.url}/metrics")
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    values = dict(line.split() for line in reply.text.splitlines() if not line.startswith("#"))
    ours = {name: value for name, value in values.items() if value != "0" or "drain" in name}
    assert ours == {
        "dialtone_media_streams_total": "1",
        "dialtone_media_frames_in_total": "1",
        "dialtone_media_frames_out_total": "1",
        "dialtone_media_bad_messages_total": "1",
        "dialtone_media_sessions": "1",
        "dialtone_media_draining": "0",
    }


async def test_an_unknown_path_is_not_found(workplace: Workplace) -> None:
    worker = await workplace.worker()
    for path in ("/", "/media", "/healthz/", "//[", "/%ff"):
        reply = await get(worker.url + path)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "NOT_FOUND")
    assert await refusal(workplace, worker, "/other") == (404, "NOT_FOUND")


async def test_a_stream_is_a_websocket(workplace: Workplace) -> None:
    worker = await workplace.worker()
    assert (await get(f"{worker.url}/media/call-1?handler=echo")).status_code == 426


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/media/?handler=echo", "BAD_CALL_ID"),
        (f"/media/{'x' * (MAX_CALL_ID + 1)}?handler=echo", "BAD_CALL_ID"),
        ("/media/%ff?handler=echo", "BAD_URL"),
        ("/media/c?" + "a=1&" * 11, "BAD_URL"),
        ("/media/c", "UNKNOWN_HANDLER"),
        ("/media/c?handler=", "UNKNOWN_HANDLER"),
        ("/media/c?handler=other", "UNKNOWN_HANDLER"),
    ],
    ids=["no-call", "long-call", "not-utf8", "many-values", "no-handler", "empty-handler", "unknown-handler"],
)
async def test_a_bad_url_is_refused(workplace: Workplace, target: str, code: str) -> None:
    worker = await workplace.worker()
    assert await refusal(workplace, worker, target) == (400, code)
    assert worker.metrics.refused == 1


async def test_a_ticket_opens_the_stream_of_its_call(workplace: Workplace) -> None:
    worker = await workplace.worker(Settings(KEY, port=0), now=1_000.0)
    good = ticket.sign(KEY, "call-1", 1_001)
    stream = await workplace.stream(worker, f"/media/call-1?handler=echo&ticket={good}")
    await stream.send(METADATA)
    await stream.send(audio(pcm(1)))
    assert heard(await stream.recv()) == pcm(1)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        ticket.sign(KEY, "call-1", 1_000),
        ticket.sign(KEY, "call-2", 2_000),
        ticket.sign(bytes(32), "call-1", 2_000),
    ],
    ids=["none", "malformed", "expired", "other-call", "other-key"],
)
async def test_without_a_good_ticket_no_stream_is_opened(workplace: Workplace, value: str) -> None:
    worker = await workplace.worker(Settings(KEY, port=0), now=1_000.0)
    target = f"/media/call-1?handler=echo&ticket={value}"
    assert await refusal(workplace, worker, target) == (401, "BAD_TICKET")
    assert worker.metrics.streams == 0


async def test_the_ticket_is_looked_at_before_anything_else(workplace: Workplace) -> None:
    worker = await workplace.worker(Settings(KEY, port=0))
    assert await refusal(workplace, worker, "/media/call-1?handler=unknown") == (401, "BAD_TICKET")


async def test_a_page_in_a_browser_cannot_open_a_stream(workplace: Workplace) -> None:
    worker = await workplace.worker()
    uri = worker.url.replace("http", "ws", 1) + "/media/call-1?handler=echo"
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with websockets.connect(uri, origin=websockets.Origin("https://example.org")):
            pass
    assert caught.value.response.status_code == 403


async def test_over_the_limit_a_stream_is_refused_until_one_ends(workplace: Workplace) -> None:
    worker = await workplace.worker(Settings(port=0, max_sessions=3))
    attempts = [workplace.stream(worker, f"/media/{n}?handler=echo") for n in range(10)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    streams = [result for result in results if isinstance(result, websockets.ClientConnection)]
    refused = [result for result in results if isinstance(result, websockets.InvalidStatus)]
    assert (len(streams), len(refused)) == (3, 7)
    assert {error.response.status_code for error in refused} == {503}

    await streams[0].close()
    stream = await workplace.stream(worker)
    await stream.send(METADATA)
    await stream.send(audio(pcm(1)))
    assert heard(await stream.recv()) == pcm(1)


async def test_draining_lets_running_streams_finish(workplace: Workplace) -> None:
    worker = await workplace.worker()
    stream = await workplace.stream(worker)
    await stream.send(METADATA)
    drain = asyncio.create_task(worker.drain())
    await asyncio.sleep(0)

    assert (await get(f"{worker.url}/readyz")).status_code == 503
    assert (await get(f"{worker.url}/healthz")).json() == {"status": "ok", "draining": True}
    assert await refusal(workplace, worker, "/media/late?handler=echo") == (503, "DRAINING")
    await stream.send(audio(pcm(1)))
    assert heard(await stream.recv()) == pcm(1)
    assert not drain.done()

    await stream.close()
    await asyncio.wait_for(drain, 10)


async def test_after_the_grace_a_stream_is_closed_as_going_away(workplace: Workplace) -> None:
    worker = await workplace.worker(Settings(port=0, grace=0.05))
    stream = await workplace.stream(worker)
    await stream.send(METADATA)
    await asyncio.wait_for(worker.drain(), 10)
    await worker.__aexit__(None, None, None)
    await asyncio.wait_for(stream.wait_closed(), 10)
    assert stream.close_code == 1001


async def test_a_handler_that_fails_ends_its_own_stream_only(
    workplace: Workplace, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(stream: Stream) -> None:
        async for _ in stream.audio:
            raise RuntimeError("broken")

    async def first(stream: Stream) -> None:
        async for frame in stream.audio:
            await stream.send(frame)
            return

    worker = await workplace.worker(handlers={"fail": fail, "first": first})
    good = await workplace.stream(worker, "/media/good?handler=first")
    bad = await workplace.stream(worker, "/media/bad%0Acall?handler=fail")
    with caplog.at_level(logging.INFO, "media_worker"):
        await bad.send(METADATA)
        await bad.send(audio(pcm(1)))
        await asyncio.wait_for(bad.wait_closed(), 10)
        assert bad.close_code == 1011
        await good.send(METADATA)
        await good.send(audio(pcm(2)))
        assert heard(await good.recv()) == pcm(2)
        await asyncio.wait_for(good.wait_closed(), 10)
        assert good.close_code == 1000
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [error.getMessage() for error in errors] == [r"handler failed: call='bad\ncall' handler='fail'"]
    assert errors[0].exc_info is not None
