"""The media handlers, each on a real stream."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import av
import pytest
import websockets

from bots.media import bot, in_step
from dialtone import Stream
from media_worker.ears import level, tone
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from simulator import speech
from tests.media_worker.peer import METADATA, audio, heard, pcm
from tests.media_worker.test_api import functions

WORDS = speech.synthesize("Hello, I would like to leave a message.")


class Line:
    """A worker with the bot's handlers, and streams to them."""

    def __init__(self, worker: MediaWorker) -> None:
        self.worker = worker
        self._open: list[websockets.ClientConnection] = []

    async def call(self, handler: str, call: str = "call-1") -> websockets.ClientConnection:
        uri = self.worker.url.replace("http", "ws", 1) + f"/media/{call}?handler={handler}"
        peer = await websockets.connect(uri, compression=None)
        await peer.send(METADATA)
        await asyncio.sleep(0.05)
        self._open.append(peer)
        return peer

    async def close(self) -> None:
        for peer in self._open:
            await peer.close()


@contextlib.asynccontextmanager
async def line(**settings: Any) -> AsyncIterator[Line]:
    async with MediaWorker(Settings(port=0, **settings), {**bot.streams, "play": playing}) as worker:
        made = Line(worker)
        yield made
        await made.close()


async def playing(stream: Stream) -> None:
    await in_step(stream, [b"\0\0\1\x65" + bytes([number]) for number in range(5)], pcm(1) * 3)


async def say(peer: websockets.ClientConnection, sound: bytes, **members: Any) -> None:
    for at in range(0, len(sound) - 639, 640):
        await peer.send(audio(sound[at : at + 640], **members))


def press(key: str) -> bytes:
    return tone(key, 0.1, 16_000) + bytes(6400)


async def message(peer: websockets.ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        found: dict[str, Any] = json.loads(await peer.recv())
        return found


async def kinds_until_quiet(peer: websockets.ClientConnection) -> list[str]:
    found: list[str] = []
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.3):
                found.append(json.loads(await peer.recv())["Kind"])
    return found


async def told(signals: list[tuple[str, str, str, str]], name: str) -> Any:
    async with asyncio.timeout(10):
        while True:
            for path, _, body, _ in signals:
                if path.endswith(f"/signals/{name}"):
                    return json.loads(body)
            await asyncio.sleep(0.01)


async def test_echo() -> None:
    async with line() as rig:
        peer = await rig.call("echo")
        await peer.send(audio(pcm(1)))
        async with asyncio.timeout(10):
            assert heard(await peer.recv()) == pcm(1)


async def test_announcer_obeys_keys() -> None:
    async with line() as rig:
        peer = await rig.call("announcer")
        assert level(heard(await peer.recv())) > -20
        await say(peer, press("2"))
        kinds = await kinds_until_quiet(peer)
        # The key itself may be taken for somebody who speaks; then it stops twice.
        assert set(kinds[kinds.index("StopAudio") :]) == {"StopAudio"}
        await say(peer, press("1"))
        assert (await kinds_until_quiet(peer)).count("AudioData") > 50
        await say(peer, press("#"))
        async with asyncio.timeout(10):
            await peer.wait_closed()
        assert peer.close_code == 1000


async def test_recorder_tells_the_dialog_what_it_has() -> None:
    async with functions([]) as (url, signals), line(storage="memory", public_url=url, signal_key=b"k") as rig:
        peer = await rig.call("recorder")
        await say(peer, WORDS[:32_000] + press("#"))
        recorded = await told(signals, "recorded")
        assert recorded["path"].endswith(".wav")
        assert recorded["seconds"] > 0.5
        assert (await told(signals, "media_ended"))["reason"] == "finished"


async def test_bridge() -> None:
    async with line() as rig:
        one, other = await rig.call("bridge", "one"), await rig.call("bridge", "other")
        for _ in range(4):
            await one.send(audio(pcm(3)))
        async with asyncio.timeout(10):
            assert heard(await other.recv()) == pcm(3)


async def test_meter() -> None:
    async with functions([]) as (url, signals), line(public_url=url, signal_key=b"k") as rig:
        peer = await rig.call("meter")
        # Without its end, which fades: where the handler is late, the last frame that came is the level of all.
        await say(peer, tone(1000.0, 1.2, 16_000, volume=0.1)[: 2 * 17_600])
        assert await told(signals, "level") == {"decibels": pytest.approx(-23, abs=0.5)}


async def test_player() -> None:
    async with line() as rig:
        peer = await rig.call("player")
        data = base64.b64encode(b"\0\0\1\x65picture").decode()
        body = {"timestamp": 5, "keyFrame": True, "data": data, "participantRawID": "8:nora"}
        await peer.send(json.dumps({"kind": "VideoData", "videoData": body}))
        shown = (await message(peer))["VideoData"]
        assert (shown["Timestamp"], shown["KeyFrame"], shown["Data"]) == (5, True, data)
        await peer.send(audio(pcm(2)))
        async with asyncio.timeout(10):
            assert heard(await peer.recv()) == pcm(2)


async def test_watcher_asks_for_who_speaks() -> None:
    async with line() as rig:
        peer = await rig.call("watcher")
        await say(peer, WORDS, participantRawID="8:nora")
        await say(peer, WORDS, participantRawID="8:omar")
        asked = [(await message(peer))["VideoSubscription"] for _ in range(3)]
        assert [(each["ParticipantRawID"], each["Resolution"]) for each in asked] == [
            ("8:nora", "hd720p"),
            ("8:nora", None),
            ("8:omar", "hd720p"),
        ]


async def test_captions() -> None:
    async with functions([]) as (url, signals), line(public_url=url, signal_key=b"k") as rig:
        peer = await rig.call("captions")
        for text, status in (("Hel", "Intermediate"), ("Hello.", "Final")):
            body = {"text": text, "resultStatus": status, "participantRawID": "8:nora"}
            await peer.send(json.dumps({"kind": "TranscriptionData", "transcriptionData": body}))
        assert await told(signals, "caption") == {"text": "Hello.", "speaker": "8:nora"}


async def test_pictures_and_sound_in_step() -> None:
    async with line() as rig:
        peer = await rig.call("play")
        found = [await message(peer) for _ in range(8)]
        pictures = [each["VideoData"] for each in found if each["Kind"] == "VideoData"]
        assert [each["Timestamp"] for each in pictures] == [0, 333_333, 666_667, 1_000_000, 1_333_333]
        assert sum(each["Kind"] == "AudioData" for each in found) == 3


def filmed(count: int) -> list[bytes]:
    """Access units of a grey picture."""
    encoder: Any = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuv420p", Fraction(1, 30)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    grey = av.VideoFrame(64, 48, "yuv420p")
    for plane in grey.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    return [bytes(packet) for _ in range(count) for packet in encoder.encode(grey)]


async def test_hue_shows_the_caller_in_the_colour_that_they_press_or_say() -> None:
    decoder: Any = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    units = iter(filmed(4))
    async with line() as rig:
        peer = await rig.call("hue")

        async def shown(number: int) -> tuple[int, int]:
            """Cb and Cr of what comes back for a picture."""
            data = base64.b64encode(next(units)).decode()
            body = {"timestamp": number, "keyFrame": not number, "data": data}
            await peer.send(json.dumps({"kind": "VideoData", "videoData": body}))
            while (found := await message(peer))["Kind"] != "VideoData":
                continue
            assert found["VideoData"]["Timestamp"] == number
            (frame,) = decoder.decode(av.Packet(base64.b64decode(found["VideoData"]["Data"])))
            return tuple(bytes(plane)[0] for plane in frame.planes[1:])  # type: ignore[return-value]

        metadata = {"encoding": "H264", "width": 64, "height": 48, "fps": 30}
        await peer.send(json.dumps({"kind": "VideoMetadata", "videoMetadata": metadata}))
        broken = {"timestamp": 9, "keyFrame": True, "data": base64.b64encode(b"\0\0\1\x65" * 9).decode()}
        await peer.send(json.dumps({"kind": "VideoData", "videoData": broken}))
        assert await shown(0) == (128, 128)
        await peer.send(json.dumps({"kind": "DtmfData", "dtmfData": {"data": "1"}}))
        await asyncio.sleep(0.05)
        blue, red = await shown(1)
        assert blue < 110 < 200 < red
        said = {
            "text": "Blue, please.",
            "format": "display",
            "confidence": 0.9,
            "offset": 0,
            "duration": 1,
            "words": [],
        }
        said |= {"participantRawID": "4:+15550100", "resultStatus": "Final"}
        await peer.send(json.dumps({"kind": "TranscriptionData", "transcriptionData": said}))
        await asyncio.sleep(0.05)
        blue, red = await shown(2)
        assert red < 128 < 200 < blue
        await peer.send(json.dumps({"kind": "DtmfData", "dtmfData": {"data": "0"}}))
        await asyncio.sleep(0.05)
        assert await shown(3) == pytest.approx((128, 128), abs=4)
