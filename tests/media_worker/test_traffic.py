"""Many calls at once, good and bad: no frame is lost that is not counted, and nothing is left over."""

import asyncio
import random

import websockets

from dialtone.media.stream import Stream, StreamClosed
from media_worker.limits import Limits
from media_worker.settings import Settings
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, pcm

CALLS = 40
FRAMES = 150
SEED = 6


class Books:
    """What the handlers took and gave."""

    def __init__(self) -> None:
        self.taken = self.given = self.dropped = self.ended = 0

    async def handle(self, stream: Stream) -> None:
        slow = stream.call_id.endswith(("3", "7"))
        try:
            async for frame in stream.audio:
                self.taken += 1
                if slow:
                    await asyncio.sleep(0.005)
                stream.send(frame)
                self.given += 1
        except StreamClosed:
            async for _ in stream.audio:
                self.taken += 1
        finally:
            self.dropped += stream.dropped
            self.ended += 1


async def talk(peer: websockets.ClientConnection, chance: random.Random) -> None:
    await peer.send(METADATA)
    reading = asyncio.create_task(read(peer))
    try:
        for number in range(FRAMES):
            await peer.send(audio(pcm(number)))
            if chance.random() < 0.02:
                await peer.send(chance.choice(["noise", '{"kind":"DtmfData","dtmfData":{"data":"x"}}', METADATA]))
            if chance.random() < 0.1:
                await asyncio.sleep(0.01)
            if chance.random() < 0.002:
                peer.transport.abort()
        await asyncio.sleep(0.1)
        await peer.close()
    except websockets.ConnectionClosed:
        pass
    await reading


async def read(peer: websockets.ClientConnection) -> None:
    try:
        while True:
            await peer.recv()
    except websockets.ConnectionClosed:
        pass


async def test_every_frame_is_accounted_for(workplace: Workplace) -> None:
    books = Books()
    limits = Limits(resume=0.1, stop=1)
    worker = await workplace.worker(Settings(port=0, limits=limits), {"it": books.handle})
    peers = [await workplace.stream(worker, f"/media/call-{number}?handler=it") for number in range(CALLS)]
    await asyncio.gather(*(talk(peer, random.Random(SEED + number)) for number, peer in enumerate(peers)))
    async with asyncio.timeout(30):
        while len(worker.sessions) or books.ended < CALLS:
            worker.sessions.sweep()
            await asyncio.sleep(0.02)
    metrics = worker.metrics
    assert metrics.streams == CALLS
    assert metrics.failed == 0
    assert metrics.frames_in == books.taken + metrics.dropped_in
    assert books.dropped == metrics.dropped_in + metrics.dropped_out
    # What was given was sent, or dropped, or was still to be sent when its stream ended.
    assert books.given == metrics.frames_out + metrics.dropped_out + metrics.unsent
    assert metrics.frames_in > CALLS * FRAMES // 2
    assert metrics.bad_messages > 0
