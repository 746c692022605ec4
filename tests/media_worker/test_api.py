"""Every line of the handler's API, over real sockets."""

import asyncio
import base64
import contextlib
import json
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BytesIO
from typing import Any

import pytest
import websockets
from aiohttp import web

from dialtone.media.messages import AudioFrame, MediaType, VideoFrame
from dialtone.media.stream import MediaError, SignalFailed, Stream, StreamClosed
from dialtone.signals import SignalKeys
from media_worker.ears import tone
from media_worker.limits import Limits
from media_worker.settings import Settings
from media_worker.stream import FRAMES_KEPT
from simulator import speech
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, heard, pcm

Handler = Callable[[Stream], Awaitable[None]]
KEY_FRAME = b"\0\0\1\x65picture"
LOCAL = Settings(port=0)


class Rig:
    """A worker with one handler, a stream to it, and what the handler noted."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self.noted: list[Any] = []
        self.done = asyncio.Event()

    async def stream(self, handler: Handler, settings: Settings = LOCAL) -> websockets.ClientConnection:
        async def noting(stream: Stream) -> None:
            try:
                await handler(stream)
            finally:
                self.done.set()

        self.worker = await self._workplace.worker(settings, {"it": noting})
        peer = await self._workplace.stream(self.worker, "/media/call-1?handler=it")
        await peer.send(METADATA)
        return peer

    async def end(self) -> None:
        async with asyncio.timeout(10):
            await self.done.wait()


@pytest.fixture
def rig(workplace: Workplace) -> Rig:
    return Rig(workplace)


async def receive(peer: websockets.ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        message: dict[str, Any] = json.loads(await peer.recv())
        return message


async def sounds(peer: websockets.ClientConnection, count: int) -> list[bytes]:
    async with asyncio.timeout(10):
        return [heard(await peer.recv()) for _ in range(count)]


def message(kind: str, **members: Any) -> str:
    return json.dumps({"kind": kind, kind[0].lower() + kind[1:]: members})


def picture(data: bytes, timestamp: int = 0, *, key: bool = True, **members: Any) -> str:
    body = {"timestamp": timestamp, "keyFrame": key, "data": base64.b64encode(data).decode(), **members}
    return json.dumps({"kind": "VideoData", "videoData": body})


def wav(samples: bytes, rate: int = 16_000, channels: int = 1) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(samples)
    return file.getvalue()


async def test_audio_and_participants(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        async for frame in stream.audio:
            rig.noted.append((frame.pcm[:4], frame.participant, frame.silent))
        rig.noted.append(list(stream.participants))

    peer = await rig.stream(handler)
    await peer.send(audio(pcm(1), participantRawID="4:+15550100"))
    await peer.send(audio(pcm(2), participantRawID="8:acs:nora", silent=True))
    await peer.send(audio(pcm(3), participantRawID="4:+15550100"))
    await peer.close()
    await rig.end()
    assert rig.noted == [
        (pcm(1)[:4], "4:+15550100", False),
        (pcm(2)[:4], "8:acs:nora", True),
        (pcm(3)[:4], "4:+15550100", False),
        ["4:+15550100", "8:acs:nora"],
    ]


async def test_a_callback_in_place_of_the_iterator(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        await asyncio.sleep(0.05)  # what came before is called for too
        stream.on_audio(stream.send)
        rig.noted.append(await stream.closed)

    peer = await rig.stream(handler)
    await peer.send(audio(pcm(1)))
    await asyncio.sleep(0.1)
    await peer.send(audio(pcm(2)))
    assert await sounds(peer, 2) == [pcm(1), pcm(2)]
    await peer.close()
    await rig.end()
    assert rig.noted == ["closed"]


async def test_a_callback_that_raises_ends_the_stream(rig: Rig) -> None:
    def callback(frame: AudioFrame) -> None:
        raise LookupError

    async def handler(stream: Stream) -> None:
        stream.on_audio(callback)
        rig.noted.append(await stream.closed)

    peer = await rig.stream(handler)
    await asyncio.sleep(0.1)
    await peer.send(audio(pcm(1)))
    await rig.end()
    await peer.wait_closed()
    assert (rig.noted, peer.close_code, rig.worker.metrics.failed) == (["failed"], 1011, 1)


async def test_send_takes_frames_and_any_length_of_bytes(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        await stream.send(AudioFrame(pcm(1)))
        await stream.send(pcm(2))
        await stream.send(pcm(3) + pcm(4)[:100])
        await stream.send(pcm(4)[100:])
        await stream.send(b"\x01\x02")  # is filled with silence
        await asyncio.sleep(0.5)

    peer = await rig.stream(handler)
    assert await sounds(peer, 5) == [pcm(1), pcm(2), pcm(3), pcm(4), b"\x01\x02" + bytes(638)]


async def test_sound_is_sent_as_fast_as_it_is_played(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        before = asyncio.get_running_loop().time()
        await stream.send(b"".join(map(pcm, range(60))))
        rig.noted.append(asyncio.get_running_loop().time() - before)

    peer = await rig.stream(handler)
    assert await sounds(peer, 30) == list(map(pcm, range(30)))
    await rig.end()
    # It waited until half a second was left of 1.2, and 60 ms are ahead.
    assert 0.55 < rig.noted[0] < 2.0


async def test_play_a_wav_file(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        rig.noted.append(await stream.play(wav(b"".join(map(pcm, range(5))))))
        rig.noted.append(await stream.play(wav(bytes(2 * 8_000 // 10), 8_000)))
        rig.noted.append(await stream.play(wav(bytes(4 * 48_000 // 10), 48_000, 2)))
        for bad in (b"", b"ID3", wav(b"")[:20], wav(bytes(100), 4_000)):
            with pytest.raises(MediaError):
                await stream.play(bad)

    peer = await rig.stream(handler)
    assert await sounds(peer, 15) == [*map(pcm, range(5)), *[bytes(640)] * 10]
    await rig.end()
    assert rig.noted == [True] * 3


async def test_clear_sends_nothing_of_the_cancelled_utterance(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        playing = asyncio.create_task(stream.play(wav(b"".join(map(pcm, range(1000))))))
        await anext(aiter(stream.audio))
        rig.noted.append(stream.clear())
        await stream.send(pcm(5000))
        rig.noted.append(await playing)
        await asyncio.sleep(0.2)

    peer = await rig.stream(handler)
    await sounds(peer, 5)
    await peer.send(audio(pcm(0)))
    after: list[Any] = []
    with contextlib.suppress(websockets.ConnectionClosed):
        async with asyncio.timeout(10):
            while True:
                after.append(json.loads(await peer.recv()))
    stops = [at for at, message in enumerate(after) if message["Kind"] == "StopAudio"]
    assert len(stops) == 1
    assert after[stops[0]] == {"Kind": "StopAudio", "AudioData": None, "StopAudio": {}}
    assert [heard(json.dumps(each)) for each in after[stops[0] + 1 :]] == [pcm(5000)]
    assert rig.noted[0] > 0
    assert rig.noted[1] is False


async def test_keys(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        async for key in stream.dtmf:
            rig.noted.append((key.tone, key.name))

    peer = await rig.stream(handler)
    for key in ("3", "#", "x"):
        await peer.send(message("DtmfData", data=key))
    await peer.close()
    await rig.end()
    assert rig.noted == [("3", "three"), ("#", "pound")]
    assert rig.worker.metrics.bad_messages == 1


async def test_captions_in_the_stream_and_from_a_stream_of_their_own(rig: Rig, workplace: Workplace) -> None:
    async def handler(stream: Stream) -> None:
        async for caption in stream.captions:
            rig.noted.append((caption.text, caption.final))

    peer = await rig.stream(handler)
    await peer.send(message("TranscriptionData", text="hel", resultStatus="Intermediate"))
    await asyncio.sleep(0.05)
    second = await workplace.stream(rig.worker, "/media/call-1?handler=it")
    await second.send(message("TranscriptionMetadata", subscriptionId="t", locale="en-us"))
    await second.send(message("TranscriptionData", text="Hello.", resultStatus="Final"))
    await asyncio.sleep(0.05)
    await second.close()
    await peer.send(message("TranscriptionData", text="Bye.", resultStatus="Final"))
    await peer.close()
    await rig.end()
    assert rig.noted == [("hel", False), ("Hello.", True), ("Bye.", True)]


async def test_captions_need_a_stream_in_time(workplace: Workplace) -> None:
    worker = await workplace.worker(Settings(port=0, metadata_timeout=0.05))
    peer = await workplace.stream(worker)
    await peer.send(message("TranscriptionMetadata", subscriptionId="t"))
    await peer.send(message("TranscriptionData", text="Nobody reads it.", resultStatus="Final"))
    async with asyncio.timeout(10):
        await peer.wait_closed()
    assert (peer.close_code, peer.close_reason) == (1008, "the call has no stream to add captions to")
    assert worker.sessions._awaited == {}
    assert worker.metrics.bad_messages == 0


async def test_captions_may_come_before_their_stream(rig: Rig, workplace: Workplace) -> None:
    async def handler(stream: Stream) -> None:
        rig.noted.append((await anext(stream.captions)).text)
        rig.done.set()

    worker = await workplace.worker(LOCAL, {"it": handler})
    text = await workplace.stream(worker, "/media/call-1?handler=it")
    await text.send(message("TranscriptionMetadata", subscriptionId="t"))
    peer = await workplace.stream(worker, "/media/call-1?handler=it")
    await peer.send(METADATA)
    await asyncio.sleep(0.05)
    await text.send(message("TranscriptionData", text="Hello.", resultStatus="Final"))
    await rig.end()
    assert rig.noted == ["Hello."]


async def test_video_both_ways(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        stream.subscribe("8:nora", "hd720p")
        stream.subscribe("8:nora", None, MediaType.SCREEN)
        stream.request_key_frame("8:nora")
        with pytest.raises(MediaError, match="hd720p"):
            stream.subscribe("8:nora", "720p")
        frames = aiter(stream.video)
        first = await anext(frames)
        rig.noted.append((first, [(each.width, each.participant) for each in stream.pictures]))
        assert stream.send_video(first)
        assert stream.send_video(KEY_FRAME, timestamp=7, media_type=MediaType.SCREEN)
        assert stream.send_video(b"\0\0\1\x41other")
        with pytest.raises(MediaError, match="lower bit rate"):
            stream.send_video(bytes(400_000))
        big = await anext(frames)
        rig.noted.append(len(big.data))

    peer = await rig.stream(handler)
    subscriptions = [await receive(peer) for _ in range(3)]
    assert [each["Kind"] for each in subscriptions] == ["VideoSubscription", "VideoSubscription", "VideoKeyFrameNeeded"]
    assert subscriptions[0]["VideoSubscription"] == {
        "ParticipantRawID": "8:nora",
        "MediaType": "video",
        "Resolution": "hd720p",
    }
    await peer.send(message("VideoMetadata", width=1280, height=720, fps=30, participantRawID="8:nora"))
    await peer.send(picture(KEY_FRAME, 200_000, participantRawID="8:nora"))
    echoed, screen, timed = [(await receive(peer))["VideoData"] for _ in range(3)]
    assert echoed == {
        "Timestamp": 200_000,
        "ParticipantRawID": "8:nora",
        "MediaType": "video",
        "KeyFrame": True,
        "Data": base64.b64encode(KEY_FRAME).decode(),
    }
    assert (screen["Timestamp"], screen["MediaType"], screen["KeyFrame"]) == (7, "vbss", True)
    assert (timed["Timestamp"] % 50_000, timed["KeyFrame"]) == (0, False)
    await peer.send(picture(bytes(300_000), key=True))  # 64 KiB is the limit only until there are pictures
    await rig.end()
    assert rig.noted == [
        (VideoFrame(KEY_FRAME, 200_000, True, "8:nora"), [(1280, "8:nora")]),
        300_000,
    ]


async def test_after_lost_pictures_comes_a_key_frame(rig: Rig) -> None:
    ready, go = asyncio.Event(), asyncio.Event()

    async def handler(stream: Stream) -> None:
        frames = aiter(stream.video)
        ready.set()
        await go.wait()
        async for frame in frames:
            rig.noted.append((frame.timestamp, frame.key))

    peer = await rig.stream(handler)
    await peer.send(message("VideoMetadata", width=640, height=360, fps=30))
    for number in range(40):
        await peer.send(picture(b"x", number, key=number == 0))
    assert (await receive(peer))["Kind"] == "VideoKeyFrameNeeded"
    await peer.send(picture(b"x", 40, key=True))
    await peer.send(picture(b"x", 41, key=False))
    await peer.close()
    go.set()
    await rig.end()
    assert rig.noted == [(40, True), (41, False)]
    assert rig.worker.metrics.dropped_pictures == 40


async def test_a_slow_handler_loses_the_oldest_and_it_is_counted(rig: Rig) -> None:
    go = asyncio.Event()

    async def handler(stream: Stream) -> None:
        await go.wait()
        rig.noted.append(stream.dropped)
        async for frame in stream.audio:
            rig.noted.append(frame.pcm)

    peer = await rig.stream(handler)
    for number in range(80):
        await peer.send(audio(pcm(number)))
    await peer.close()
    go.set()
    await rig.end()
    assert rig.noted == [80 - FRAMES_KEPT, *map(pcm, range(80 - FRAMES_KEPT, 80))]
    assert rig.worker.metrics.dropped_in == 80 - FRAMES_KEPT


async def test_a_peer_that_does_not_read_costs_frames_and_no_memory(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        while not stream.dropped:
            stream.send(pcm(1))
            await asyncio.sleep(0)
        rig.noted.append("dropped")

    peer = await rig.stream(handler)
    peer.transport.pause_reading()
    await rig.end()
    assert rig.worker.metrics.dropped_out > 0
    peer.transport.resume_reading()


async def test_when_it_is_over_nothing_can_be_sent(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        assert not stream.closed
        rig.noted.append(await stream.closed)
        assert stream.closed
        rig.noted.append([frame async for frame in stream.audio])
        for late in (
            lambda: stream.send(pcm(1)),
            stream.clear,
            lambda: stream.send_video(KEY_FRAME),
            lambda: stream.subscribe("p"),
            stream.request_key_frame,
            stream.record,
        ):
            with pytest.raises(StreamClosed):
                late()
        await stream.play(wav(pcm(1)))

    peer = await rig.stream(handler)
    await peer.close()
    await rig.end()
    await asyncio.sleep(0.05)
    assert rig.noted == ["closed", []]
    assert rig.worker.metrics.failed == 0  # StreamClosed passed, and is no failure


async def test_who_waits_to_send_hears_of_the_end(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        try:
            await stream.send(bytes(640 * 500))
        except StreamClosed:
            rig.noted.append("closed")

    peer = await rig.stream(handler)
    await sounds(peer, 1)
    await peer.close()
    await rig.end()
    assert rig.noted == ["closed"]


@contextlib.asynccontextmanager
async def functions(answers: list[int]) -> AsyncIterator[tuple[str, list[tuple[str, str, str, str]]]]:
    """What stands in for the functions: answers with these statuses, then 202, and notes what it is told."""
    told: list[tuple[str, str, str, str]] = []

    async def signal(request: web.Request) -> web.Response:
        key = request.headers.get("Idempotency-Key", "")
        told.append((request.raw_path, request.headers.get("Authorization", ""), await request.text(), key))
        return web.Response(status=answers.pop(0) if answers else 202)

    app = web.Application()
    app.router.add_post("/{path:.*}", signal)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", told
    await runner.cleanup()


async def test_a_signal_reaches_the_dialog(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        await stream.signal("order", {"pizza": 2})
        await stream.signal("a/b")
        with pytest.raises(MediaError, match="not JSON"):
            await stream.signal("x", {1, 2})
        with pytest.raises(SignalFailed, match="403"):
            await stream.signal("refused")

    async with functions([503, 202, 202, 403]) as (url, told):
        peer = await rig.stream(handler, Settings(port=0, public_url=url, signal_key=b"k" * 32))
        await rig.end()
        await peer.wait_closed()
        async with asyncio.timeout(10):
            while len(told) < 5:
                await asyncio.sleep(0.01)
    again, order, named, refused, ended = told
    key = SignalKeys([b"k" * 32]).key_of("call-1")
    assert order[:3] == ("/api/calls/call-1/signals/order", f"Bearer {key}", '{"pizza": 2}')
    assert again == order  # the same key, so that it counts once
    assert named[0] == "/api/calls/call-1/signals/a%2Fb"
    assert len({each[3] for each in (order, named, refused, ended)}) == 4
    assert ended[0] == "/api/calls/call-1/signals/media_ended"
    assert json.loads(ended[2]) == {"handler": "it", "reason": "finished", "detail": ""}


async def test_the_dialog_is_told_of_a_platform_that_breaks_the_wire(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        await stream.closed

    async with functions([]) as (url, told):
        peer = await rig.stream(handler, Settings(port=0, public_url=url, signal_key=b"k" * 32))
        await peer.send(b"binary")
        async with asyncio.timeout(10):
            await peer.wait_closed()
            while not told:
                await asyncio.sleep(0.01)
    assert peer.close_code == 1003
    ((path, _, body, _),) = told
    assert path.endswith("/signals/media_ended")
    assert json.loads(body) == {"handler": "it", "reason": "refused", "detail": "a message is binary"}


async def test_without_an_address_there_are_no_signals_and_no_recordings(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        with pytest.raises(MediaError, match="DIALTONE_PUBLIC_URL"):
            await stream.signal("order")
        with pytest.raises(MediaError, match="DIALTONE_STORAGE"):
            stream.record()
        with pytest.raises(MediaError, match="no consent"):
            stream.record(consent="yes")  # type: ignore[arg-type]
        rig.noted.append("done")

    await rig.stream(handler)
    await rig.end()
    assert rig.noted == ["done"]


async def test_a_handler_that_does_not_end_is_cancelled(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            rig.noted.append("cancelled")
            raise

    peer = await rig.stream(handler, Settings(port=0, limits=Limits(stop=0.05)))
    await peer.close()
    await rig.end()
    assert rig.noted == ["cancelled"]


def frames_of(sound: bytes) -> list[str]:
    return [audio(sound[at : at + 640]) for at in range(0, len(sound) - 639, 640)]


WORDS = speech.synthesize("Hello, I would like to leave a message.")


async def test_voice_and_level(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        assert stream.level == -96
        async for voice in stream.voice:
            rig.noted.append(voice.speaking)
            assert stream.level > -60 or not voice.speaking

    peer = await rig.stream(handler)
    await asyncio.sleep(0.05)
    for frame in frames_of(WORDS + bytes(32_000)):
        await peer.send(frame)
        await asyncio.sleep(0)
    await peer.close()
    await rig.end()
    assert rig.noted == [True, False]


async def test_who_barges_in_stops_what_is_played(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        stream.barge_in()
        rig.noted.append(await stream.play(wav(b"".join(map(pcm, range(1, 2000))))))

    peer = await rig.stream(handler)
    await sounds(peer, 3)
    for frame in frames_of(WORDS):
        await peer.send(frame)
    await rig.end()
    assert rig.noted == [False]
    kinds = []
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            kinds.append((await receive(peer))["Kind"])
    assert kinds[-1] == "StopAudio"


async def test_keys_in_the_sound(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        stream.hear_keys()
        async for key in stream.dtmf:
            rig.noted.append(key.tone)

    peer = await rig.stream(handler)
    await asyncio.sleep(0.05)
    for key in "4#":
        for frame in frames_of(tone(key, 0.1, 16_000) + bytes(3200)):
            await peer.send(frame)
    await peer.close()
    await rig.end()
    assert rig.noted == ["4", "#"]


async def test_tones_to_send(rig: Rig) -> None:
    async def handler(stream: Stream) -> None:
        await stream.send(stream.tone("5", 0.1))
        await stream.send(stream.tone(1000.0, 0.04, volume=0.5))
        with pytest.raises(MediaError):
            stream.tone("E")
        await asyncio.sleep(0.3)

    peer = await rig.stream(handler)
    assert b"".join(await sounds(peer, 7)) == tone("5", 0.1, 16_000) + tone(1000.0, 0.04, 16_000, 0.5)
