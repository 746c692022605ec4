"""The vectors of the media wire: the areas `acs.media.*` and `acs.ws.*` of `cases/acs_teams.json`.

A vector is checked here, or is owned by the part of the project that will have what it is about (OWNED). None is left
out. The vectors of the Skype platform's media (area `rtm`) are checked in test_skype_vectors.py.
"""

import asyncio
import base64
import json
import struct
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
import websockets
from aiohttp import web
from azure.communication.callautomation import (
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    StreamingTransportType,
)
from cryptography.hazmat.primitives.asymmetric import rsa

from dialtone.media import wire
from dialtone.media.messages import (
    AudioFrame,
    AudioMetadata,
    Dtmf,
    StopAudio,
    Transcription,
    TranscriptionMetadata,
)
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from media_worker.tokens import ISSUER
from simulator.media.options import StreamOptions
from simulator.media.stream import MediaStream
from tests.compliance.acs_server import acs
from tests.compliance.test_acs_sdk import in_thread, placed

Json = dict[str, Any]
CASES: list[Json] = json.loads((Path(__file__).parent / "cases" / "acs_teams.json").read_text(encoding="utf-8"))
BY_ID = {case["id"]: case for case in CASES}

OURS = ("acs.media.", "acs.ws.")

OWNED = {
    "acs": "acs-channel",
    "graph": "teams-channel",
    "prompt": "operators",
}
"""Vectors, by their id or the first part of their area, that are not checked here, and what will check them."""

OWNERS = {
    "acs-channel": "answering calls through Communication Services, and when it opens a stream",
    "teams-channel": "calls and meetings through Microsoft Graph",
    "operators": "what a prompt has to be to go live",
}

SILENCE = base64.b64encode(bytes(640)).decode()


def given(number: str) -> Json:
    """The message of a vector; the one that describes its sound gets it."""
    message: Json = json.loads(json.dumps(BY_ID[number]["input"]))
    body = message.get("audioData")
    if isinstance(body, dict) and str(body.get("data", "")).startswith("<"):
        assert len(SILENCE) == BY_ID[number]["expect"]["b64_len"]
        body["data"] = SILENCE
    return message


def read(number: str) -> Any:
    """What the parser and the fast reader make of a vector, which is the same."""
    text = json.dumps(given(number), separators=(",", ":"))
    reader = wire.Reader()
    found = wire.parse(text)
    assert reader.read(text.encode()) == reader.read(text.encode()) == found
    return found


def samples(frame: AudioFrame) -> list[int]:
    return list(struct.unpack(f"<{len(frame.pcm) // 2}h", frame.pcm))


def metadata(number: str) -> None:
    found = read(number)
    assert isinstance(found, AudioMetadata)
    milliseconds = found.frame_bytes * 1000 // (2 * found.sample_rate)
    assert BY_ID[number]["expect"] == {
        "rate": found.sample_rate,
        "frame_bytes": found.frame_bytes,
        "frame_ms": milliseconds,
    }


def sound(number: str) -> None:
    found, expect = read(number), BY_ID[number]["expect"]
    assert isinstance(found, AudioFrame)
    said = {
        "samples": samples(found),
        "speaker": found.participant,
        "silent": found.silent,
        "mixed": found.participant is None,
        "b64_len": len(SILENCE),
    }
    assert {name: said[name] for name in expect if name != "note"} == {
        name: value for name, value in expect.items() if name != "note"
    }


def key(number: str) -> None:
    found = read(number)
    assert isinstance(found, Dtmf)
    assert {"tone": found.name} == BY_ID[number]["expect"]


def transcription(number: str) -> None:
    found = read(number)
    assert isinstance(found, Transcription)
    assert {"final": found.final, "start_s": found.start, "duration_s": found.seconds} == BY_ID[number]["expect"]


def transcription_metadata(number: str) -> None:
    found = read(number)
    assert isinstance(found, TranscriptionMetadata)
    assert {"call": found.call_id, "locale": found.locale} == BY_ID[number]["expect"]


def queued(messages: list[str]) -> tuple[bytes, bool]:
    """What the platform has queued after these messages of a bot, and whether it was told to stop."""
    sound, stopped = b"", False
    for message in messages:
        match wire.parse(message):
            case AudioFrame(pcm=pcm):
                sound += pcm
            case StopAudio():
                sound, stopped = b"", True
    return sound, stopped


def sent_sound(number: str) -> None:
    sound, stopped = queued([json.dumps(given(number))])
    assert {"queued_bytes": len(sound), "stop": stopped} == BY_ID[number]["expect"]


def sent_stop(number: str) -> None:
    sound, stopped = queued([wire.encode(bytes(640)), json.dumps(given(number))])
    assert {"queue_flushed": stopped and not sound} == BY_ID[number]["expect"]


CHECKS: dict[str, Callable[[str], None]] = {
    "ws-001": metadata,
    "ws-002": metadata,
    "ws-003": sound,
    "ws-004": sound,
    "ws-005": sound,
    "ws-006": sound,
    "ws-007": key,
    "ws-008": transcription,
    "ws-009": transcription_metadata,
    "ws-021": sent_sound,
    "ws-022": sent_sound,
    "ws-023": sent_stop,
    "ws-024": sent_stop,
}


@pytest.mark.parametrize("number", CHECKS)
def test_message(number: str) -> None:
    CHECKS[number](number)


METADATA = json.dumps(BY_ID["ws-001"]["input"])
FRAME = json.dumps({"kind": "AudioData", "audioData": {"data": SILENCE, "silent": True}})


@pytest.fixture
async def worker() -> AsyncIterator[MediaWorker]:
    async with MediaWorker(Settings(port=0)) as running:
        yield running


def address(worker: MediaWorker, call: str = "c1") -> str:
    return worker.url.replace("http", "ws", 1) + f"/media/{call}?handler=echo"


async def echoed(peer: websockets.ClientConnection) -> bool:
    await peer.send(FRAME)
    async with asyncio.timeout(10):
        return wire.parse(str(await peer.recv())) == AudioFrame(bytes(640))


async def test_what_is_dropped_is_counted_and_the_stream_goes_on(worker: MediaWorker) -> None:
    """ws-011 and ws-027: bad base64, and a line of text that is not JSON."""
    assert BY_ID["ws-011"]["expect"] == {"dropped": True, "counter": "media_bad_frame", "raised": False}
    assert BY_ID["ws-027"]["expect"] == {"ignored": True, "connection_kept": True}
    async with websockets.connect(address(worker), compression=None) as peer:
        await peer.send(METADATA)
        await peer.send(json.dumps(given("ws-011")))
        await peer.send(BY_ID["ws-027"]["input"]["text"])
        assert await echoed(peer)
    assert (worker.metrics.bad_messages, worker.metrics.frames_in, worker.metrics.failed) == (2, 1, 0)


async def test_a_second_upgrade_after_a_drop_is_the_same_session(worker: MediaWorker) -> None:
    """ws-029."""
    assert BY_ID["ws-029"]["expect"] == {"same_session": True, "new_AudioMetadata": True}
    first = await websockets.connect(address(worker), compression=None)
    await first.send(METADATA)
    assert await echoed(first)
    session = worker.sessions.get("c1")
    first.transport.abort()
    async with websockets.connect(address(worker), compression=None) as second:
        await second.send(METADATA)
        assert await echoed(second)
        assert worker.sessions.get("c1") is session


async def test_the_platforms_token_opens_the_stream_of_the_call_in_the_header() -> None:
    """jwt-008."""
    headers, expect = BY_ID["jwt-008"]["input"]["upgrade_headers"], BY_ID["jwt-008"]["expect"]
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key())) | {"kid": "k1", "use": "sig"}

    async def keys(_: web.Request) -> web.Response:
        return web.json_response({"keys": [public]})

    app = web.Application()
    app.router.add_get("/keys", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "resource", "nbf": now, "exp": now + 24 * 3600}
    token = jwt.encode(claims, private, algorithm="RS256", headers={"kid": "k1"})
    settings = Settings(port=0, audience="resource", token_keys=f"http://127.0.0.1:{runner.addresses[0][1]}/keys")
    async with MediaWorker(settings) as worker:
        sent = headers | {"Authorization": f"Bearer {token}"}
        uri = worker.url.replace("http", "ws", 1) + "/media/?handler=echo"
        async with websockets.connect(uri, additional_headers=sent, compression=None) as peer:
            assert peer.response is not None
            assert peer.response.status_code == expect["status"]
            await peer.send(METADATA)
            assert await echoed(peer)
            session = worker.sessions.get(expect["session_key"])
            assert session is not None
    await runner.cleanup()


async def test_the_platform_plays_nothing_where_the_stream_is_not_bidirectional() -> None:
    case = BY_ID["ws-026"]
    options = StreamOptions("ws://127.0.0.1:9/", bidirectional=case["input"]["enableBidirectional"])
    stream = MediaStream(options, call_id="c1")
    stream._take(wire.encode(bytes(640)))
    assert len(stream.playout) == int(case["expect"]["played"])
    assert case["expect"]["simulator"].removeprefix("warn: ") in stream.problems[0]


async def test_the_platform_warns_of_what_is_too_big() -> None:
    stream = MediaStream(StreamOptions("ws://127.0.0.1:9/"), call_id="c1")
    stream._take(wire.encode(bytes(BY_ID["ws-028"]["input"]["message_bytes"])))
    assert len(stream.playout) == 0
    assert f"{wire.MAX_MESSAGE_BYTES} are allowed" in stream.problems[0]


async def test_a_stream_that_is_not_to_start_waits_for_the_command() -> None:
    started = BY_ID["ws-030"]["input"]["startMediaStreaming"]
    options = MediaStreamingOptions(
        transport_url="wss://media.example/ws/c1",
        transport_type=StreamingTransportType.WEBSOCKET,
        content_type=MediaStreamingContentType.AUDIO,
        audio_channel_type=MediaStreamingAudioChannelType.MIXED,
        start_media_streaming=started,
    )
    async with acs() as server:
        with server.client() as client:
            call = await placed(server, client, media_streaming=options)
            await server.event("ParticipantsUpdated")
            subscription = (await in_thread(call.get_call_properties)).media_streaming_subscription
            assert (subscription.state, started) == ("inactive", False)
            assert not [event for event in server.events if "MediaStreaming" in event["type"]]
            await in_thread(call.start_media_streaming, operation_context="now")
            await server.event("MediaStreamingStarted", "now")
            assert server.asked[-1] == ("startMediaStreaming", 202)


BY_STREAM = ["ws-011", "ws-026", "ws-027", "ws-028", "ws-029", "ws-030", "jwt-008"]


def test_every_vector_is_checked_or_owned() -> None:
    ours = [case["id"] for case in CASES if case["area"].startswith(OURS)]
    assert sorted([*CHECKS, *BY_STREAM, *(number for number in OWNED if number in BY_ID)]) == sorted(ours)
    others = {case["area"].partition(".")[0] for case in CASES if case["id"] not in ours}
    assert others == {name for name in OWNED if name not in BY_ID}
    assert set(OWNED.values()) == OWNERS.keys()
    assert len(BY_ID) == len(CASES) == 113
