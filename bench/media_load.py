"""A load generator for media streams that costs little: frames are built and masked beforehand, replies are counted by
their length. `python -m bench.media_load PORT CALLS SECONDS SHAPE SERVER_PID [CORE]` prints JSON.

| shape | what each call does |
|---|---|
| closed | sends a frame, waits for its echo, sends the next: as fast as the server is |
| talking | the same; the memory of the server is looked at while all do |
| pictures | the same, with pictures of 20 kB in place of sound |
| paced | sends a frame every 20 ms; a latency counts from the moment that the frame was due |
| silent | sends the metadata and counts what comes: how late each frame is against the pace of the first |
"""

import asyncio
import base64
import json
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from resource import getpagesize
from time import perf_counter
from typing import cast

import uvloop

MASK = b"\x11\x22\x33\x44"
HANDSHAKE = (
    "GET /media/{call}?handler=echo HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
METADATA = json.dumps(
    {
        "kind": "AudioMetadata",
        "audioMetadata": {
            "subscriptionId": "s", "encoding": "PCM", "sampleRate": 16000, "channels": 1, "length": 640,
        },
    }
)  # fmt: skip
PCM = bytes(range(256)) * 2 + bytes(range(128))
DATA = base64.b64encode(PCM).decode()
AUDIO = (
    '{"kind":"AudioData","audioData":{"timestamp":"2026-01-07T10:20:31.123Z","participantRawID":"8:acs:'
    f'3d20e1de-0f28-41c5-84a0-4960fde5f411_0000000b-faeb-c708-99bf-a43a0d0036b0","data":"{DATA}","silent":false}}}}'
)
REPLY = f'{{"Kind":"AudioData","AudioData":{{"Data":"{DATA}"}},"StopAudio":null}}'
CAMERA = (
    '{"kind":"VideoMetadata","videoMetadata":{"participantRawID":"8:acs:1","mediaType":"video","encoding":"H264",'
    '"width":1280,"height":720,"fps":30}}'
)
PICTURE = b"\0\0\0\1\x65" + bytes(range(1, 241)) * 83 + bytes(75)
PICTURES = base64.b64encode(PICTURE).decode()
VIDEO = (
    '{"kind":"VideoData","videoData":{"participantRawID":"8:acs:1","mediaType":"video","timestamp":12345678,'
    f'"keyFrame":true,"data":"{PICTURES}"}}}}'
)
VIDEO_REPLY = (
    '{"Kind":"VideoData","VideoData":{"Timestamp":12345678,"ParticipantRawID":"8:acs:1","MediaType":"video",'
    f'"KeyFrame":true,"Data":"{PICTURES}"}}}}'
)
FRAME_S = 0.02


def masked(text: str) -> bytes:
    """A whole text message of a client."""
    data = text.encode()
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return b"\x81" + size + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(data))


@dataclass(frozen=True)
class Traffic:
    """What a call sends first, what it sends again and again, and how long an answer to that is, in bytes."""

    first: bytes
    frame: bytes
    reply: int

    @classmethod
    def of(cls, shape: str) -> "Traffic":
        """Of a shape."""
        if shape == "pictures":
            return cls(masked(METADATA) + masked(CAMERA), masked(VIDEO), 4 + len(VIDEO_REPLY))
        return cls(masked(METADATA), masked(AUDIO), 4 + len(REPLY))


class Call(asyncio.Protocol):
    """One stream."""

    def __init__(self, number: int, shape: str, traffic: Traffic) -> None:
        self.opened = asyncio.get_running_loop().create_future()
        self.replies = 0
        self.sent = 0
        self.lost = False
        self.times: list[float] = []
        self._number, self._closed, self._traffic = number, shape in ("closed", "talking", "pictures"), traffic
        self._bytes = 0
        self._head = b""
        self._start = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: that of uvloop is no subclass.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(HANDSHAKE.format(call=f"call-{self._number}").encode())

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self._head += data
            head, blank, data = self._head.partition(b"\r\n\r\n")
            if not blank:
                return
            assert b" 101 " in head.split(b"\r\n")[0], head
            self.opened.set_result(None)
        self._bytes += len(data)
        if self._bytes < self._traffic.reply:
            return
        count, self._bytes = divmod(self._bytes, self._traffic.reply)
        self.replies += count
        if self._closed:
            self.send()
        elif self._start:
            now = perf_counter()
            self.times += [now] * count

    def greet(self) -> None:
        """Say the format."""
        self.transport.write(self._traffic.first)

    def begin(self, at: float) -> None:
        """The first frame of a paced call is due at this second."""
        self._start = at
        if self._closed:
            self.send()

    def send(self) -> None:
        self.sent += 1
        self.transport.write(self._traffic.frame)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


def cpu(pid: int) -> float:
    """Seconds that a process has run, all threads: what the kernel counted in nanoseconds, so stolen time is not in."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * getpagesize()


async def connect(port: int, count: int, shape: str) -> list[Call]:
    """Open the calls. Of those that are paced, each has had an echo already: a server may take its time to begin."""
    loop, traffic = asyncio.get_running_loop(), Traffic.of(shape)
    calls: list[Call] = []
    for number in range(count):
        _, call = await loop.create_connection(partial(Call, number, shape, traffic), "127.0.0.1", port)
        calls.append(call)
    await asyncio.gather(*(call.opened for call in calls))
    for call in calls:
        call.greet()
    if shape == "paced":
        for call in calls:
            call.send()
        async with asyncio.timeout(60):
            while not all(call.replies for call in calls):
                await asyncio.sleep(0.01)
    return calls


async def pace(calls: list[Call], seconds: float) -> list[float]:
    """Send 50 frames a second on each call; how late each was sent, in seconds."""
    loop = asyncio.get_running_loop()
    start, done, late = perf_counter() + 0.1, loop.create_future(), []
    step = FRAME_S / len(calls)
    for number, call in enumerate(calls):
        call.begin(start + number * step)
    total, sent = int(seconds / FRAME_S) * len(calls), 0

    def due() -> None:
        nonlocal sent
        now = perf_counter()
        while sent < total and (at := start + sent * step) <= now:
            calls[sent % len(calls)].send()
            late.append(now - at)
            sent += 1
        if sent < total:
            loop.call_later(0.001, due)
        else:
            done.set_result(None)

    due()
    await done
    await asyncio.sleep(0.2)
    return late


def latencies(calls: list[Call], skip: float) -> list[float]:
    """From the moment that each frame was due to its echo."""
    found = []
    for call in calls:
        for number, at in enumerate(call.times):
            if number * FRAME_S >= skip:
                found.append(at - (call._start + number * FRAME_S))
    return found


def lateness(calls: list[Call], skip: float) -> list[float]:
    """How far each frame is from the even pace that fits its stream best (the median of the offsets)."""
    found = []
    for call in calls:
        times = call.times[int(skip / FRAME_S) :]
        offsets = [at - number * FRAME_S for number, at in enumerate(times)]
        if offsets:
            middle = sorted(offsets)[len(offsets) // 2]
            found += [abs(offset - middle) for offset in offsets]
    return found


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


async def load(port: int, count: int, seconds: float, shape: str, pid: int) -> dict[str, float]:
    empty = resident(pid)
    calls = await connect(port, count, shape)
    late: list[float] = []
    if shape != "paced":
        for call in calls:
            call.begin(perf_counter())
        await asyncio.sleep(0.7)
    before = sum(call.replies for call in calls)
    began, ours, theirs = perf_counter(), cpu(os.getpid()), cpu(pid)
    if shape == "paced":
        late = await pace(calls, seconds)
    else:
        await asyncio.sleep(seconds)
    took = perf_counter() - began
    frames = sum(call.replies for call in calls) - before
    server = cpu(pid) - theirs
    found = latencies(calls, 0.5) if shape == "paced" else lateness(calls, 1.0) if shape == "silent" else []
    return {
        "frames": frames,
        "sent": sum(call.sent for call in calls),
        "lost": sum(call.lost for call in calls),
        "rate": frames / took,
        "us": server / max(frames, 1) * 1e6,
        "server": server / took,
        "generator": (cpu(os.getpid()) - ours) / took,
        "kib": (resident(pid) - empty) / count / 1024,
        "p50": percentile(found, 0.5) * 1000,
        "p99": percentile(found, 0.99) * 1000,
        "send_p99": percentile(late, 0.99) * 1000,
    }


if __name__ == "__main__":
    port, count, seconds, shape, pid = sys.argv[1:6]
    if len(sys.argv) > 6:
        os.sched_setaffinity(0, {int(sys.argv[6])})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(load(int(port), int(count), float(seconds), shape, int(pid)))))
