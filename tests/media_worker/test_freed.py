"""A stream that is over is freed at once: nothing waits for the garbage collector, which stops all streams."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Awaitable, Callable, Iterator

import pytest
import websockets

from dialtone.media.messages import AudioFrame
from dialtone.media.stream import Stream
from media_worker.limits import Limits
from media_worker.settings import Settings
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, pcm

URL = "/media/call-1?handler="


async def everything(stream: Stream) -> None:
    """Use what a stream has."""
    stream.barge_in()
    stream.hear_keys()
    stream.record(dual=True)
    room = asyncio.create_task(stream.join("room"))
    voices, pictures = stream.voice, stream.video
    stream.send(bytes(64_000))
    async for frame in stream.audio:
        await stream.send(frame)
    async for _ in voices:
        pass
    async for _ in pictures:
        pass
    await room


async def callback(stream: Stream) -> None:
    def answer(frame: AudioFrame) -> None:
        stream.send(frame)

    stream.on_audio(answer)
    await stream.closed


async def returns(stream: Stream) -> None:
    await anext(stream.audio)


async def raises(stream: Stream) -> None:
    await anext(stream.audio)
    raise ValueError("a fault of the bot")


async def stubborn(stream: Stream) -> None:
    await stream.closed
    await asyncio.Event().wait()


async def close(peer: websockets.ClientConnection) -> None:
    await peer.close()


async def wait(peer: websockets.ClientConnection) -> None:
    await peer.wait_closed()


async def abort(peer: websockets.ClientConnection) -> None:
    peer.transport.abort()


async def talk_nonsense(peer: websockets.ClientConnection) -> None:
    await peer.send(b"binary")
    await peer.wait_closed()


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


HANDLERS = {each.__name__: each for each in (everything, callback, returns, raises, stubborn)}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize(
    ("handler", "end"),
    [
        ("everything", close),
        ("callback", close),
        ("returns", wait),
        ("raises", wait),
        ("stubborn", close),
        ("everything", abort),
        ("everything", talk_nonsense),
    ],
)
async def test_a_stream_that_is_over_is_freed(
    workplace: Workplace,
    caplog: pytest.LogCaptureFixture,
    handler: str,
    end: Callable[[websockets.ClientConnection], Awaitable[None]],
) -> None:
    # A record of the log holds what the handler raised, and with it the stream.
    caplog.set_level(logging.CRITICAL, "media_worker")
    if end is abort and not workplace.fast:
        pytest.skip("the library's connection keeps what broke it")
    settings = Settings(port=0, storage="memory", limits=Limits(resume=0.05, stop=0.05))
    worker = await workplace.worker(settings, HANDLERS)
    peer = await workplace.stream(worker, URL + handler)
    await peer.send(METADATA)
    async with asyncio.timeout(10):
        while not len(worker.sessions):
            await asyncio.sleep(0.01)
        held = [weakref.ref(part) for each in worker.sessions for part in (each.stream, each.link)]
        for number in range(5):
            await peer.send(audio(pcm(number)))
        await end(peer)
        while len(worker.sessions):
            worker.sessions.sweep()
            await asyncio.sleep(0.01)
        while any(each() is not None for each in held):
            await asyncio.sleep(0.01)
