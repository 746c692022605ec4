"""The platform's end of a stream, against a real worker over real sockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.server import ServerConnection, serve

from dialtone import Stream, VideoFrame
from dialtone.media.messages import Dtmf, MediaType, Transcription
from media_worker.handlers import HANDLERS
from media_worker.limits import Limits
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from simulator import audio
from simulator.media.options import Casing, MediaFaults, StreamOptions
from simulator.media.stream import MediaStream

Handler = Callable[[Stream], Awaitable[None]]
KEY_FRAME = b"\0\0\0\1\x65" + bytes(range(200))
DELTA = b"\0\0\0\1\x41" + bytes(range(200))


@asynccontextmanager
async def worker(handler: Handler | None = None, **settings: Any) -> AsyncIterator[MediaWorker]:
    handlers = HANDLERS if handler is None else {"echo": handler}
    async with MediaWorker(Settings(port=0, **settings), handlers) as each:
        yield each


@asynccontextmanager
async def connected(
    url: str, query: str = "handler=echo", options: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[MediaStream]:
    address = f"{url.replace('http', 'ws', 1)}/media/call-1?{query}"
    stream = MediaStream(StreamOptions(address, **(options or {})), call_id="call-1", **more)
    task = asyncio.create_task(stream.run())
    try:
        async with asyncio.timeout(20):
            yield stream
            await stream.close()
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def pulled(stream: MediaStream, frames: int) -> bytes:
    sound = b""
    while len(sound) < 640 * frames and (frame := await stream.pull()) is not None:
        sound += frame
    return sound


@pytest.mark.parametrize("casing", [Casing.CAMEL, Casing.PASCAL, Casing.LOWER, Casing.UPPER, Casing.PREVIEW])
async def test_what_is_said_comes_back_from_an_echo_in_every_casing(casing: Casing) -> None:
    said = audio.tone(0.3)
    async with worker() as bot, connected(bot.url, faults=MediaFaults(casing=casing)) as stream:
        assert await stream.opened()
        stream.say(said)
        assert said in await pulled(stream, 30)
        assert stream.heard_since(0).count(said) == 1
    assert (stream.state, stream.reason, stream.problems) == ("over", "closed", [])
    assert await stream.pull() is None


async def test_a_stream_of_24_khz_is_one_of_16_khz_for_whoever_speaks() -> None:
    async with worker() as bot, connected(bot.url, options={"rate": 24_000}) as stream:
        for _ in range(25):
            stream.push(audio.tone(0.02, 1000.0))
            await asyncio.sleep(0.02)
        heard = await pulled(stream, 20)
    assert audio.RATE * 0.35 < len(heard) / 2 < audio.RATE * 0.6
    assert max(memoryview(heard).cast("h")) > 4000


async def test_a_live_microphone_that_is_too_fast_loses_its_oldest() -> None:
    heard: list[bytes] = []

    async def listen(stream: Stream) -> None:
        async for frame in stream.audio:
            if any(frame.pcm):
                heard.append(frame.pcm)

    async with worker(listen) as bot, connected(bot.url) as stream:
        await stream.opened()
        for number in range(1, 101):
            stream.push(bytes([number]) * 640)
        await asyncio.sleep(0.5)
    assert [pcm[0] for pcm in heard] == list(range(91, 101))


async def test_voices_are_mixed_or_told_apart() -> None:
    heard: dict[str | None, set[int]] = {}

    async def listen(stream: Stream) -> None:
        async for frame in stream.audio:
            heard.setdefault(frame.participant, set()).add(int.from_bytes(frame.pcm[:2], "little"))

    people = ["8:nora", "8:omar", "8:ines"]
    async with worker(listen) as bot:
        for mixed in (True, False):
            async with connected(bot.url, options={"mixed": mixed}, participants=people) as stream:
                await stream.opened()
                for volume, who in enumerate(people, 1):
                    stream.say((volume * 100).to_bytes(2, "little") * 3200, who)
                await asyncio.sleep(0.4)
            if mixed:
                assert {100 + 200 + 300} < heard.pop(None)
                assert not heard
    assert heard == {"8:nora": {0, 100}, "8:omar": {200}, "8:ines": {300}}


async def test_what_the_bot_takes_back_is_not_heard() -> None:
    async def talk(stream: Stream) -> None:
        stream.send(b"\1" * 640 * 200)
        await asyncio.sleep(0.2)
        stream.clear()
        await stream.send(b"\2" * 640 * 5)
        await asyncio.sleep(0.3)

    async with worker(talk) as bot, connected(bot.url) as stream:
        frames = []
        while (frame := await stream.pull()) is not None:
            frames.append(frame[0])
    assert stream.reason == "finished"
    assert frames == sorted(frames)
    assert 5 <= frames.count(1) < 30
    assert frames.count(2) == 5


async def test_what_was_sent_before_the_end_is_heard_to_its_end() -> None:
    async def talk(stream: Stream) -> None:
        await stream.play(audio.encode(b"\3\0" * 320 * 20, "wav"))

    async with worker(talk) as bot, connected(bot.url) as stream:
        assert len(await pulled(stream, 100)) == 20 * 640
        assert stream.state == "over"
        assert stream.playout.played == 20


async def test_keys_and_captions_arrive() -> None:
    got: list[Any] = []

    async def listen(stream: Stream) -> None:
        async for key in stream.dtmf:
            got.append(key)
            if key.tone == "#":
                break
        async for caption in stream.captions:
            got.append(caption)
            return

    async with worker(listen) as bot, connected(bot.url, options={"keys": True}) as stream:
        await stream.opened()
        stream.press("4")
        stream.press("#")
        said = Transcription("Two tickets.", True, 1.5, 0.9, 0.75, participant="8:nora", format="display")
        stream.caption(said)
        assert await stream.pull() is None
        with pytest.raises(ValueError, match="not a key"):
            stream.press("x")
    assert got == [Dtmf("4"), Dtmf("#"), said]


async def test_keys_are_not_told_to_whom_they_are_not_wanted() -> None:
    keys: list[Dtmf] = []

    async def listen(stream: Stream) -> None:
        async for key in stream.dtmf:
            keys.append(key)

    async with worker(listen) as bot, connected(bot.url, options={"keys": False}) as stream:
        await stream.opened()
        stream.press("4")
        await asyncio.sleep(0.1)
    assert keys == []


async def test_pictures_go_both_ways_and_others_only_when_asked_for() -> None:
    seen: list[tuple[str | None, bool]] = []
    asked: list[str] = []

    async def show(stream: Stream) -> None:
        stream.subscribe("8:omar", "hd720p")
        stream.request_key_frame("8:nora")
        async for picture in stream.video:
            seen.append((picture.participant, picture.key))
            stream.send_video(VideoFrame(picture.data, picture.timestamp, picture.key))

    people = ["8:nora", "8:omar", "8:ines"]
    async with worker(show) as bot, connected(bot.url, participants=people, told=asked.append) as stream:
        await stream.opened()
        assert not stream.show(KEY_FRAME, 0)  # nobody said what it looks like
        for who in people:
            stream.camera(640, 360, 30, who)
        while "subscribed" not in asked:
            await asyncio.sleep(0.01)
        assert stream.subscriptions == {("8:omar", MediaType.VIDEO): "hd720p"}
        assert [stream.show(KEY_FRAME, 0, who) for who in people] == [True, True, False]
        assert stream.show(DELTA, 333_333)
        pictures = [await stream.next_picture() for _ in range(3)]
    assert [(each.data, each.timestamp, each.key) for each in pictures if each] == [
        (KEY_FRAME, 0, True),
        (KEY_FRAME, 0, True),
        (DELTA, 333_333, False),
    ]
    assert seen == [("8:nora", True), ("8:omar", True), ("8:nora", False)]
    assert asked.count("key_frame_needed") == 1
    assert await stream.next_picture() is None


async def test_a_connection_that_breaks_is_opened_again_and_goes_on() -> None:
    news: list[str] = []
    faults = MediaFaults(drops=(0.2, 0.5), away=0.05)
    async with worker() as bot, connected(bot.url, faults=faults, told=news.append) as stream:
        await asyncio.sleep(0.8)
        before = stream.playout.played
        stream.say(b"\7" * 640 * 10)
        while (heard := stream.heard_since(before)).count(7) < 6400:
            await asyncio.sleep(0.02)
        assert b"\7" * 640 * 10 in heard
        assert bot.metrics.resumed == 2
    assert news == ["opened", "interrupted", "reestablished", "interrupted", "reestablished", "over"]
    assert stream.lost > 0


async def test_sound_that_still_waits_when_the_bot_ends_the_stream_is_not_lost() -> None:
    """The end comes while this process is kept from running: then more is due at once than can leave before it."""

    async def bot(connection: ServerConnection) -> None:
        for _ in range(5):
            await connection.recv()
        closing = asyncio.create_task(connection.close())
        await asyncio.sleep(0)
        time.sleep(0.4)
        await closing

    async with serve(bot, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connected(f"http://127.0.0.1:{port}") as stream:
            while stream.state != "over":
                await asyncio.sleep(0.01)
            assert (stream.reason, stream.lost) == ("finished", 0)
            assert stream.left >= 10


async def test_sound_is_lost_and_late_as_it_is_told() -> None:
    frames: list[int] = []

    async def listen(stream: Stream) -> None:
        async for frame in stream.audio:
            if any(frame.pcm):
                frames.append(frame.pcm[0])

    faults = MediaFaults(loss=0.3, jitter=0.05, seed=7)
    async with worker(listen) as bot, connected(bot.url, faults=faults) as stream:
        await stream.opened()
        stream.say(b"".join(bytes([number]) * 640 for number in range(1, 51)))
        await asyncio.sleep(1.3)
        await stream.close()
    assert frames == sorted(set(frames))
    assert 25 <= len(frames) < 45
    assert stream.lost >= 50 - len(frames)


async def test_a_refusal_ends_it_with_the_workers_words() -> None:
    async with worker() as bot, connected(bot.url, "handler=nobody") as stream:
        assert not await stream.opened()
    assert (stream.reason, stream.code) == ("refused", 400)
    assert json.loads(stream.detail)["error"]["code"] == "UNKNOWN_HANDLER"


async def test_a_full_worker_is_tried_again() -> None:
    async with worker(max_sessions=1) as bot, connected(bot.url) as first:
        assert await first.opened()
        uri = bot.url.replace("http", "ws", 1) + "/media/call-2?handler=echo"
        second = MediaStream(StreamOptions(uri), call_id="call-2", faults=MediaFaults(away=0.05))
        task = asyncio.create_task(second.run())
        await asyncio.sleep(0.2)
        assert (second.state, second.code) == ("new", 503)
        await first.close()
        assert await second.opened()
        await second.close()
        await task


async def test_a_stream_that_breaks_the_wire_is_closed_with_its_code() -> None:
    async with worker() as bot, connected(bot.url, faults=MediaFaults(garbage=50)) as stream:
        assert await stream.pull() is None
    assert (stream.reason, stream.code) == ("refused", 1007)


async def test_each_connection_names_the_call_and_brings_a_new_token() -> None:
    requests: list[tuple[str | None, str | None]] = []
    tokens = iter(["one", "two"])

    async def serve(connection: websockets.ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        requests.append((headers.get("x-ms-call-connection-id"), headers.get("Authorization")))
        metadata = json.loads(await connection.recv())
        assert metadata["audioMetadata"]["length"] == 640
        if len(requests) == 1:
            connection.transport.abort()
        else:
            await connection.send(b"binary")
            await connection.send('{"kind":"DtmfData","dtmfData":{"data":"1"}}')
            await connection.send("not JSON")
            await connection.close()

    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        faults = MediaFaults(away=0.01)
        async with connected(f"http://127.0.0.1:{port}", token=lambda: next(tokens), faults=faults) as stream:
            assert await stream.pull() is None
    assert requests == [("call-1", "Bearer one"), ("call-1", "Bearer two")]
    assert stream.reason == "finished"
    assert [text.split(":")[0] for text in stream.problems] == [
        "it sent a binary message",
        "it sent a message that only a platform sends, or of an unknown kind",
        "it sent a message that is wrong",
    ]


async def test_sound_for_a_stream_of_one_way_is_a_fault_of_the_bot() -> None:
    async with worker() as bot, connected(bot.url, options={"bidirectional": False}) as stream:
        await stream.opened()
        await asyncio.sleep(0.3)
    assert stream.problems == ["it sent sound to a stream that is not bidirectional"]
    assert stream.playout.played == 0


async def test_a_silent_platform_is_ended_by_the_worker() -> None:
    """What the simulator sends is never silent for the worker: silence is sound too."""
    limits = Limits(idle=0.3)
    async with worker(limits=limits) as bot, connected(bot.url) as stream:
        await asyncio.sleep(0.9)
        assert stream.state == "open"
