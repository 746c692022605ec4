"""Streams of a room hear each other, and nobody himself."""

import asyncio
from array import array

import websockets

from dialtone.media.stream import MediaError, Stream
from media_worker.server import MediaWorker
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, heard


def loud(value: int) -> bytes:
    return array("h", [value] * 320).tobytes()


async def talk(peer: websockets.ClientConnection, value: int, frames: int) -> None:
    for _ in range(frames):
        await peer.send(audio(loud(value)))
        await asyncio.sleep(0.02)


async def listened(peer: websockets.ClientConnection, seconds: float = 0.3) -> set[int]:
    """The samples that were heard until nothing came any more."""
    found: set[int] = set()
    while True:
        try:
            async with asyncio.timeout(seconds):
                found.add(array("h", heard(await peer.recv()))[0])
        except TimeoutError:
            return found


async def room(workplace: Workplace, reasons: list[str]) -> MediaWorker:
    async def join(stream: Stream) -> None:
        try:
            reasons.append(await stream.join("standup"))
        except MediaError:
            reasons.append("another rate")

    return await workplace.worker(handlers={"join": join})


async def test_three_hear_each_other(workplace: Workplace) -> None:
    reasons: list[str] = []
    worker = await room(workplace, reasons)
    peers = [await workplace.stream(worker, f"/media/call-{number}?handler=join") for number in range(3)]
    for peer in peers:
        await peer.send(METADATA)
    listening = [asyncio.create_task(listened(peer, 1)) for peer in peers]
    await asyncio.gather(*(talk(peer, 10**number, 30) for number, peer in enumerate(peers)))
    first, second, third = [await task for task in listening]
    assert 110 in first
    assert 101 in second
    assert 11 in third
    assert all(value % 10 == 0 for value in first)  # never himself
    assert all(value // 10 % 10 == 0 for value in second)
    assert all(value < 100 for value in third)
    for peer in peers:
        await peer.close()
    async with asyncio.timeout(10):
        while len(reasons) < 3:
            await asyncio.sleep(0.01)
    assert reasons == ["closed"] * 3


async def test_who_leaves_is_heard_no_more_and_the_others_go_on(workplace: Workplace) -> None:
    worker = await room(workplace, [])
    first, second = [await workplace.stream(worker, f"/media/call-{number}?handler=join") for number in range(2)]
    for peer in (first, second):
        await peer.send(METADATA)
    await talk(first, 7, 10)
    assert await listened(second) == {7}
    await first.close()
    third = await workplace.stream(worker, "/media/call-3?handler=join")
    await third.send(METADATA)
    await talk(second, 9, 10)
    assert await listened(third) == {9}
    assert await listened(second) == set()


async def test_a_room_has_one_rate(workplace: Workplace) -> None:
    reasons: list[str] = []
    worker = await room(workplace, reasons)
    first, second = [await workplace.stream(worker, f"/media/call-{number}?handler=join") for number in range(2)]
    await first.send(METADATA)
    await second.send(METADATA.replace("16000", "24000").replace("640", "960"))
    async with asyncio.timeout(10):
        await second.wait_closed()
    assert reasons == ["another rate"]
