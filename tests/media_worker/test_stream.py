import asyncio
import json

import pytest
import websockets

from dialtone.media.stream import Stream
from media_worker.handlers import HANDLERS
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from media_worker.stream import BAD_LIMIT
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, heard, pcm


async def closed(connection: websockets.ClientConnection) -> int | None:
    """Wait until the worker closes the stream, and return its code."""
    async with asyncio.timeout(10):
        await connection.wait_closed()
    return connection.close_code


async def echoes(connection: websockets.ClientConnection, number: int) -> bool:
    """Whether a frame comes back next."""
    await connection.send(audio(pcm(number)))
    async with asyncio.timeout(10):
        return heard(await connection.recv()) == pcm(number)


async def test_echo_sends_every_frame_back(workplace: Workplace) -> None:
    worker = await workplace.worker()
    stream = await workplace.stream(worker)
    await stream.send(METADATA)
    for first in (0, 20, 40):  # at most as many at once as are kept for a handler that is not woken meanwhile
        for number in range(first, first + 20):
            await stream.send(audio(pcm(number)))
        async with asyncio.timeout(10):
            assert [heard(await stream.recv()) for _ in range(20)] == list(map(pcm, range(first, first + 20)))
    assert (worker.metrics.frames_in, worker.metrics.frames_out, worker.metrics.bad_messages) == (60, 60, 0)


async def test_either_casing_is_heard(workplace: Workplace) -> None:
    stream = await workplace.stream(await workplace.worker())
    await stream.send(METADATA.replace('"kind"', '"Kind"').replace('"audioMetadata"', '"AudioMetadata"'))
    await stream.send(audio(pcm(1)).replace('"kind"', '"Kind"').replace('"data"', '"Data"'))
    async with asyncio.timeout(10):
        assert heard(await stream.recv()) == pcm(1)


async def test_a_stream_of_24_khz_has_frames_of_960_bytes(workplace: Workplace) -> None:
    stream = await workplace.stream(await workplace.worker())
    await stream.send(METADATA.replace("16000", "24000").replace("640", "960"))
    await stream.send(audio(bytes(640)))
    await stream.send(audio(bytes(960)))
    async with asyncio.timeout(10):
        assert heard(await stream.recv()) == bytes(960)


@pytest.mark.parametrize(
    "bad",
    [
        "Connection authenticated.",
        "{",
        "{}",
        '{"kind":"AudioData"}',
        audio(pcm(1)[:-1]),
        audio(pcm(1) + b"\0\0"),
        audio(pcm(1), data="%%%"),
        METADATA,
    ],
    ids=["text", "half", "empty", "no-body", "short", "long", "not-base64", "metadata-again"],
)
async def test_a_bad_message_is_counted_and_dropped(workplace: Workplace, bad: str) -> None:
    worker = await workplace.worker()
    stream = await workplace.stream(worker)
    await stream.send(METADATA)
    await stream.send(bad)
    assert await echoes(stream, 7)
    assert (worker.metrics.frames_in, worker.metrics.bad_messages) == (1, 1)


async def test_an_unknown_kind_is_neither_heard_nor_bad(workplace: Workplace) -> None:
    worker = await workplace.worker()
    stream = await workplace.stream(worker)
    await stream.send(METADATA)
    await stream.send('{"kind":"DtmfData","dtmfData":{"data":"3"}}')
    assert await echoes(stream, 7)
    assert worker.metrics.bad_messages == 0


async def test_audio_before_the_metadata_is_dropped(workplace: Workplace) -> None:
    worker = await workplace.worker()
    stream = await workplace.stream(worker)
    await stream.send(audio(pcm(1)))
    await stream.send(METADATA)
    assert await echoes(stream, 2)
    assert (worker.metrics.frames_in, worker.metrics.bad_messages) == (1, 1)


async def test_a_second_of_bad_messages_in_a_row_closes_the_stream(workplace: Workplace) -> None:
    worker = await workplace.worker()
    stream = await workplace.stream(worker)
    await stream.send(METADATA)
    for _ in range(BAD_LIMIT - 1):
        await stream.send("noise")
    assert await echoes(stream, 1)  # a good one starts the count again
    for _ in range(BAD_LIMIT):
        await stream.send("noise")
    assert await closed(stream) == 1007
    assert worker.metrics.bad_messages == 2 * BAD_LIMIT - 1


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([METADATA, b"\0" * 640], 1003),
        ([b"\0" * 640], 1003),
        ([METADATA.replace("PCM", "OPUS")], 1003),
        ([audio(pcm(1))] * BAD_LIMIT, 1007),
        ([METADATA, json.dumps({"kind": "x" * 65536})], 1009),
    ],
    ids=["binary", "binary-first", "format", "never-metadata", "too-big"],
)
async def test_a_stream_that_cannot_go_on_is_closed(
    workplace: Workplace, messages: list[str | bytes], code: int
) -> None:
    stream = await workplace.stream(await workplace.worker())
    for message in messages:
        await stream.send(message)
    assert await closed(stream) == code


async def test_text_that_is_not_utf8_closes_the_stream(workplace: Workplace) -> None:
    stream = await workplace.stream(await workplace.worker())
    await stream.send(METADATA)
    await stream.send(b"\xff\xfe", text=True)
    assert await closed(stream) == 1007


async def test_no_metadata_in_time_closes_the_stream(workplace: Workplace) -> None:
    stream = await workplace.stream(await workplace.worker(Settings(port=0, metadata_timeout=0.05)))
    await stream.send('{"kind":"MarkData"}')
    assert await closed(stream) == 1008


async def test_a_bad_stream_is_not_felt_by_another(workplace: Workplace) -> None:
    worker = await workplace.worker()
    good = await workplace.stream(worker, "/media/good?handler=echo")
    await good.send(METADATA)
    for bad_last in (b"\0", METADATA.replace("PCM", "OPUS")):
        bad = await workplace.stream(worker, "/media/bad?handler=echo")
        await bad.send("noise")
        await bad.send(bad_last)
        assert await echoes(good, 1)
        assert await closed(bad) == 1003
    assert await echoes(good, 2)


async def test_a_handler_sees_the_call_its_format_and_the_end(workplace: Workplace) -> None:
    seen: list[object] = []

    async def watch(stream: Stream) -> None:
        seen.extend([stream.call_id, stream.metadata.sample_rate, stream.metadata.subscription_id])
        async for frame in stream.audio:
            seen.append(frame.participant)
        seen.append("end")

    worker: MediaWorker = await workplace.worker(handlers={**HANDLERS, "watch": watch})
    stream = await workplace.stream(worker, "/media/a%2Fb%20c?handler=watch")
    await stream.send(METADATA)
    await stream.send(audio(pcm(1), participantRawID="4:+15550100"))
    await stream.close()
    async with asyncio.timeout(10):
        while "end" not in seen:
            await asyncio.sleep(0.01)
    assert seen == ["a/b c", 16_000, "9f5b8a0e", "4:+15550100", "end"]
