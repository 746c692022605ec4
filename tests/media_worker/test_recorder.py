"""Recordings: what is heard and sent, at its moment, stored while it is made."""

import asyncio
import hashlib
import os
import signal
import wave
from array import array
from collections.abc import AsyncIterator, Mapping
from io import BytesIO

import pytest
import websockets

from dialtone.errors import StorageUnavailable
from dialtone.gate.decoding import PyAv
from dialtone.media import ticket
from dialtone.media.messages import AudioFrame, AudioMetadata
from dialtone.media.sound import Fault, fault_of
from dialtone.media.stream import MediaError, Stream
from dialtone.storage import RECORDINGS_CONTAINER, State, Storage, open_storage
from dialtone.storage.keeper import Keeper
from dialtone.storage.memory import MemoryBackend, MemoryContainer, MemoryStaged
from dialtone.storage.recordings import recording_of
from media_worker.encoding import Mp3
from media_worker.metrics import Metrics
from media_worker.recorder import Recorder, Recorders
from media_worker.rooms import Rooms
from media_worker.settings import Settings
from media_worker.stream import LiveStream, Services
from media_worker.wheel import FRAME_TICKS, Wheel
from tests import sounds
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, audio, pcm
from tests.media_worker.test_main import KEY, WITH_KEY, program, ready

BEGAN = 1_800_000_000.0
SILENCE = bytes(640)


class Booth:
    """A recorder on a clock that is turned by hand."""

    def __init__(self, *, dual: bool, backend: MemoryBackend | None = None) -> None:
        self.backend = backend or MemoryBackend()
        self.now = 0.0
        self.metrics = Metrics()
        self.wheel = Wheel(asyncio.get_running_loop(), lambda: self.now)
        recorders = Recorders(self.backend, self.wheel, self.metrics, now=lambda: BEGAN, store_s=3600)
        self.recorders = recorders
        self.stream = LiveStream(
            "call/1", "it", AudioMetadata("s", 16_000, 640), Services(self.wheel, self.metrics, Rooms(self.wheel))
        )
        self.ended: list[Recorder] = []
        self.recorder = recorders.start(self.stream, "talk", dual=dual, ended=self.ended.append)

    def turn(self, frames: int = 1) -> None:
        self.now += frames * 0.02 + 1e-9
        self.recorder.turn(self.wheel.tick())

    async def file(self) -> tuple[int, int, bytes]:
        content = await self.backend.container(RECORDINGS_CONTAINER).read(self.recorder.path)
        assert content is not None
        return read(content[0])


def read(content: bytes) -> tuple[int, int, bytes]:
    with wave.open(BytesIO(content)) as file:
        assert fault_of(content, "wav", file.getnframes() / file.getframerate()) in (Fault.NONE, Fault.WRONG_LENGTH)
        return file.getnchannels(), file.getframerate(), file.readframes(file.getnframes())


def loud(value: int) -> bytes:
    return array("h", [value] * 320).tobytes()


async def test_what_is_heard_and_sent_is_mixed_at_its_moment() -> None:
    booth = Booth(dual=False)
    for value in (1, 2, 3):
        booth.recorder.heard(AudioFrame(loud(value)))
    booth.recorder.heard(AudioFrame(loud(100), "", "other"))
    booth.recorder.heard(AudioFrame(loud(200), "", "other"))
    booth.recorder.sent(loud(10))
    booth.recorder.sent(loud(20))
    booth.turn(4)
    assert await booth.recorder.stop() == booth.recorder.seconds == 0.08
    assert booth.ended == [booth.recorder]
    assert booth.recorder.path == "2027/01/15/call=2f1/talk-1800000000000.wav"
    assert await booth.file() == (1, 16_000, loud(111) + loud(222) + loud(3) + SILENCE)


async def test_two_channels_keep_them_apart() -> None:
    booth = Booth(dual=True)
    booth.recorder.heard(AudioFrame(loud(1)))
    booth.recorder.heard(AudioFrame(loud(2)))
    booth.recorder.sent(loud(10))
    booth.recorder.sent(loud(20))
    booth.turn(2)
    await booth.recorder.stop()
    channels, _, sound = await booth.file()
    both = array("h", sound)
    assert channels == 2
    assert both[0::2].tobytes() == loud(1) + loud(2)
    assert both[1::2].tobytes() == loud(10) + loud(20)


async def test_jitter_makes_no_holes_and_a_stall_is_silence() -> None:
    booth = Booth(dual=False)
    booth.recorder.heard(AudioFrame(loud(1)))
    booth.turn()  # one frame is not enough to begin
    booth.recorder.heard(AudioFrame(loud(2)))
    booth.turn()
    booth.turn()
    booth.turn()
    booth.turn(100)
    assert booth.recorder.seconds == 104 / 50
    await booth.recorder.stop()
    assert await booth.file() == (1, 16_000, SILENCE + loud(1) + loud(2) + SILENCE * 101)


async def test_what_was_cleared_was_not_heard_by_anyone() -> None:
    booth = Booth(dual=False)
    for value in range(1, 5):
        booth.recorder.sent(loud(value))
    booth.turn()
    booth.recorder.cleared()
    booth.turn()
    await booth.recorder.stop()
    assert await booth.file() == (1, 16_000, loud(1) + SILENCE)


async def test_what_has_not_had_its_moment_is_there_in_the_end() -> None:
    booth = Booth(dual=False)
    for value in (1, 2, 3):
        booth.recorder.heard(AudioFrame(loud(value)))
    booth.recorder.sent(loud(10))
    await booth.recorder.stop()
    assert await booth.file() == (1, 16_000, loud(11) + loud(2) + loud(3))
    await booth.recorder.finish()  # twice is once


async def test_at_any_moment_the_blob_is_a_file_that_plays() -> None:
    booth = Booth(dual=False)
    whole = b""
    for value in range(1, 6):
        for _ in range(10):
            booth.recorder.heard(AudioFrame(loud(value)))
        booth.turn(10)
        whole += loud(value) * 10
        assert await booth.recorder._store()
        assert await booth.file() == (1, 16_000, whole)
    await booth.recorder.stop()
    assert await booth.file() == (1, 16_000, whole)


class Failing(MemoryBackend):
    """Storage that is away as long as it is told to be."""

    def __init__(self) -> None:
        super().__init__()
        self.away = True

    def container(self, name: str) -> MemoryContainer:
        made = super().container(name)
        backend = self

        class Staged(MemoryStaged):
            async def commit(self, parts: int, metadata: Mapping[str, str], *, over: str | None = None) -> str | None:
                if backend.away:
                    raise StorageUnavailable("away")
                return await super().commit(parts, metadata, over=over)

        made.staged = lambda path, kind: Staged(made, path, kind)  # type: ignore[method-assign, assignment, misc]
        return made


async def test_what_storage_does_not_take_is_kept_and_stored_later() -> None:
    backend = Failing()
    booth = Booth(dual=False, backend=backend)
    booth.recorder.sent(loud(1))
    booth.recorder.sent(loud(2))
    booth.turn(2)
    assert not await booth.recorder._store()
    booth.recorder.sent(loud(3))
    booth.turn()
    backend.away = False
    await booth.recorder.stop()
    assert await booth.file() == (1, 16_000, loud(1) + loud(2) + loud(3))
    assert booth.metrics.recordings_failed == 1


async def test_storage_that_stays_away_is_told_and_costs_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_worker.recorder.KEPT_S", 1.0)
    booth = Booth(dual=False, backend=Failing())
    booth.turn(500)
    assert not await booth.recorder._store()
    assert len(booth.recorder._made) == 50 * 640
    with pytest.raises(MediaError, match="1 seconds"):
        await booth.recorder.stop()
    assert booth.ended == [booth.recorder]


@pytest.fixture
async def storage(azurite_connection: str) -> AsyncIterator[Storage]:
    opened = open_storage(azurite_connection)
    yield opened
    await opened.close()


async def stored(storage: Storage) -> dict[str, tuple[int, int, bytes]]:
    container = storage.backend.container(RECORDINGS_CONTAINER)
    found = {}
    for blob in await container.blobs(metadata=True):
        content = await container.read(blob.name)
        assert content is not None
        found[blob.metadata["call"]] = read(content[0])
    return found


@pytest.mark.azurite
async def test_a_recording_of_a_call_is_in_the_account(
    workplace: Workplace, azurite_connection: str, storage: Storage
) -> None:
    done: asyncio.Future[tuple[str, str, float]] = asyncio.get_running_loop().create_future()

    async def handler(stream: Stream) -> None:
        recording = stream.record("talk", dual=True, consent="given", keep="complaint")
        small = stream.record("small", format="mp3")
        async for frame in stream.audio:
            await stream.send(frame)
        await recording.stop()
        done.set_result((recording.path, small.path, await small.stop()))

    worker = await workplace.worker(Settings(port=0, storage=azurite_connection), {"it": handler})
    peer = await workplace.stream(worker, "/media/call-1?handler=it")
    await peer.send(METADATA)
    await asyncio.sleep(0.1)  # until the handler has begun
    for number in range(1, 26):
        await peer.send(audio(pcm(number)))
        await asyncio.sleep(0.02)
    await peer.close()
    async with asyncio.timeout(20):
        path, small, seconds = await done
    container = storage.backend.container(RECORDINGS_CONTAINER)
    entry, blob = await storage.ledger.get(path), await container.head(path)
    assert entry is not None
    assert blob is not None
    assert (entry.consent, entry.keep) == ("given", "complaint")
    # The same, where the ledger has to be made anew from what is stored.
    assert (recording_of(blob).consent, recording_of(blob).keep) == ("given", "complaint")
    content, compressed = await container.read(path), await container.read(small)
    assert content is not None
    assert compressed is not None
    channels, rate, sound = read(content[0])
    left, right = array("h", sound)[0::2].tobytes(), array("h", sound)[1::2].tobytes()
    assert (channels, rate) == (2, 16_000)
    missing = [number for number in range(1, 26) if pcm(number) not in left or pcm(number) not in right]
    assert missing == []
    assert fault_of(compressed[0], "mp3", 0.5) is Fault.NONE
    played = PyAv().pcm(compressed[0], 16_000, 60.0)
    assert len(played) / 32_000 == pytest.approx(seconds, abs=0.2)
    assert max(array("h", played)) > 1000
    # The keeper puts the hash of the whole into the ledger, and knows a blob that is not what the worker sent.
    await Keeper(container, storage.ledger).work()
    for each, file in ((path, content[0]), (small, compressed[0])):
        found = await storage.ledger.get(each)
        assert found is not None
        assert (found.state, found.sha256, found.fault) == (State.STORED, hashlib.sha256(file).hexdigest(), "")
    changed = bytearray(content[0])
    changed[-1] ^= 1
    await storage.ledger.change(path, state=State.EXPECTED)
    await storage.ledger.again(path)
    await container.put(path, bytes(changed), "audio/wav", blob.metadata, overwrite=True)
    report = await Keeper(container, storage.ledger).work()
    assert report.findings == [("changed", path)]


async def test_mp3_is_an_extra_that_is_named_where_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    booth = Booth(dual=False)
    with pytest.raises(MediaError, match=r"dialtone\[mp3\]"):
        booth.recorders.start(booth.stream, "talk", dual=False, format="mp3", ended=booth.ended.append)
    with pytest.raises(MediaError, match="use wav or mp3"):
        booth.recorders.start(booth.stream, "talk", dual=False, format="ogg", ended=booth.ended.append)  # type: ignore[arg-type]
    await booth.recorder.stop()


def test_mp3_has_the_same_sound_however_it_is_cut() -> None:
    tone = sounds.pcm(1.0)
    for channels, rate in ((1, 16_000), (2, 24_000)):
        encoder = Mp3(rate, channels)
        made = b"".join(encoder.encode(tone[at : at + 1234], last=False) for at in range(0, len(tone), 1234))
        made += encoder.encode(b"", last=True)
        assert encoder.encode(b"", last=True) == b""
        assert made == Mp3(rate, channels).encode(tone, last=True)
        seconds = len(tone) / (2 * channels * rate)
        assert len(made) / encoder.bytes_a_second == pytest.approx(seconds, abs=0.2)


async def test_nobody_is_recorded_without_the_consent_that_the_bot_requires(workplace: Workplace) -> None:
    done: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

    async def handler(stream: Stream) -> None:
        refused = []
        for consent in ("", "refused"):
            with pytest.raises(MediaError) as caught:
                stream.record(consent=consent)
            refused.append(str(caught.value))
        await stream.record(consent="given").stop()
        done.set_result(refused)

    settings = Settings(port=0, storage="memory")
    worker = await workplace.worker(settings, {"it": handler}, requires_consent=True)
    peer = await workplace.stream(worker, "/media/call-1?handler=it")
    await peer.send(METADATA)
    async with asyncio.timeout(20):
        asked, said_no = await done
    assert "has not been asked" in asked
    assert "has refused" in said_no


BOT = """
from dialtone import CallBot, Stream

bot = CallBot()

@bot.media("record")
async def record(stream: Stream) -> None:
    stream.record()
    await stream.closed
"""


@pytest.mark.azurite
@pytest.mark.parametrize(("number", "lacks"), [(signal.SIGKILL, 3.0), (signal.SIGTERM, 0.1)])
async def test_a_worker_that_dies_loses_little_of_its_recordings(
    number: signal.Signals, lacks: float, azurite_connection: str, storage: Storage, tmp_path: os.PathLike[str]
) -> None:
    """20 recorded calls: a killed worker lacks what is newer than its last store, one that stops in order nothing."""
    (tmp_path / "recbot.py").write_text(BOT)  # type: ignore[operator]
    environment = {
        **WITH_KEY,
        "DIALTONE_BOT": "recbot:bot",
        "DIALTONE_STORAGE": azurite_connection,
        "PYTHONPATH": str(tmp_path),
    }
    calls, seconds = 20, 4.0
    frames = [audio(loud(number + 1)) for number in range(int(seconds * 50))]
    async with program("--port", "0", "--grace", "0", environment=environment, seconds=90) as process:
        url = (await ready(process)).replace("http", "ws", 1)

        async def speak(call: str) -> None:
            uri = f"{url}/media/{call}?handler=record&ticket={ticket.sign(KEY, call, 2**33)}"
            async with websockets.connect(uri, compression=None) as peer:
                await peer.send(METADATA)
                await asyncio.sleep(0.2)
                for frame in frames:
                    await peer.send(frame)
                    await asyncio.sleep(0.02)
                heard.release()
                await peer.wait_closed()

        heard = asyncio.Semaphore(0)
        talking = [asyncio.create_task(speak(f"call-{index}")) for index in range(calls)]
        for _ in range(calls):
            await heard.acquire()
        process.send_signal(number)
        await process.wait()
        await asyncio.gather(*talking, return_exceptions=True)
    found = await stored(storage)
    assert len(found) == calls
    for _, _, sound in found.values():
        said = [value for at in range(0, len(sound), 640) if (value := array("h", sound[at : at + 2])[0])]
        assert said == list(range(1, len(said) + 1))
        assert len(said) >= (seconds - lacks) * 50


def test_a_frame_is_four_ticks() -> None:
    assert FRAME_TICKS == 4
