"""Recordings of streams: WAV or MP3 files in the container `recordings`, stored while they are made.

1. A recording runs by the clock: each 20 ms it takes a frame of each participant and a frame of what was sent, or
   silence where there is none. A voice that begins waits until two frames of it are there (40 ms), so that jitter makes
   no holes.
2. Every STORE_S seconds what is new becomes a block, of a WAV file block 0 is sent again with the length so far in its
   header, and all are committed: at any moment the blob is a file that plays, and lacks STORE_S seconds and one
   request.
3. What storage does not take is kept and sent with the next block, for KEPT_S seconds at most; then the oldest of it is
   missing from the file, and the blob's metadata name the fault.
4. The ledger has an entry of it before the first block. While it runs the blob's metadata say `live`; the commit that
   ends it does not, and the keeper in the functions (dialtone.storage.keeper) goes on from there. That commit says the
   SHA-256 of what was sent: of an MP3 file as a whole, of a WAV file without its header, for that is known last. The
   keeper writes that of the whole into the ledger, and compares.
5. With `dual`, the left channel is what is heard and the right one what is sent. Without it they are mixed.
"""

import asyncio
import hashlib
import logging
import time
from array import array
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from dialtone.errors import StorageUnavailable
from dialtone.media.messages import AudioFrame
from dialtone.media.stream import MediaError, RecordingFormat
from dialtone.storage import RECORDINGS_CONTAINER, call_key
from dialtone.storage.backend import Backend, Staged
from dialtone.storage.fetching import LIVE
from dialtone.storage.keys import day_of
from dialtone.storage.ledger import LEDGER_TABLE, STANDARD, Entry, Ledger, State
from dialtone.storage.recordings import SOUND_SHA256, content_type_of
from media_worker.encoding import ENCODINGS, Encoding
from media_worker.lane import Lane
from media_worker.metrics import Metrics
from media_worker.sound import mix
from media_worker.wheel import FRAME_TICKS, Wheel

if TYPE_CHECKING:
    from media_worker.stream import LiveStream

STORE_S: Final = 2.0
KEPT_S: Final = 60.0

log = logging.getLogger("media_worker")


class Recorders:
    """Makes recordings. `now` gives Unix seconds."""

    def __init__(
        self,
        backend: Backend,
        wheel: Wheel,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.time,
        store_s: float = STORE_S,
    ) -> None:
        self.wheel, self.metrics, self.store_s, self.now = wheel, metrics, store_s, now
        self._container = backend.container(RECORDINGS_CONTAINER)
        self.ledger = Ledger(backend.table(LEDGER_TABLE))

    def start(
        self,
        stream: "LiveStream",
        name: str,
        *,
        dual: bool,
        ended: Callable[["Recorder"], object],
        format: RecordingFormat = "wav",
        consent: str = "",
        keep: str = "",
    ) -> "Recorder":
        """Begin a recording of a stream: blob `yyyy/mm/dd/<call>/<name>-<milliseconds>.<format>`.

        Raises MediaError for a format that cannot be made here.
        """
        if format not in ENCODINGS:
            raise MediaError(f"{format!r} is no format of recordings here; use {' or '.join(ENCODINGS)}")
        rate = stream.metadata.sample_rate
        encoding = ENCODINGS[format](rate, 1 + dual)
        began = self.now()
        day, file = day_of(began), f"{call_key(name)}-{int(began * 1000)}.{format}"
        path = f"{day[:4]}/{day[4:6]}/{day[6:]}/{call_key(stream.call_id)}/{file}"
        entry = Entry(
            path,
            State.EXPECTED,
            stream.call_id,
            operation_id=name,
            format=format,
            started=began,
            consent=consent,
            keep=keep or STANDARD,
            expected_at=began,
        )
        blob = self._container.staged(path, content_type_of(format))
        return Recorder(self, rate, entry, blob, encoding, dual=dual, ended=ended)


class Recorder:
    """See `dialtone.media.stream.Recorder`."""

    def __init__(
        self,
        recorders: Recorders,
        rate: int,
        entry: Entry,
        blob: Staged,
        encoding: Encoding,
        *,
        dual: bool,
        ended: Callable[["Recorder"], object],
    ) -> None:
        self.path = entry.path
        self._recorders, self._blob, self._encoding, self._dual = recorders, blob, encoding, dual
        self._entry: Entry | None = entry
        self._about = {
            "call": quote(entry.call_id, safe=":@+"),
            "operation": quote(entry.operation_id, safe=":@+"),
            "format": entry.format,
            "started": repr(entry.started),
            "keep": quote(entry.keep, safe=":@+"),
            LIVE: "1",
        }
        if entry.consent:
            # An account refuses metadata with an empty value.
            self._about["consent"] = entry.consent
        self._ended = ended
        self._frame_bytes = rate // 50 * 2
        self._silence = bytes(self._frame_bytes)
        self._heard: dict[str | None, Lane] = {}
        self._sent = Lane()
        self._new = bytearray()
        """PCM that is not in the file's form yet."""
        self._made = bytearray()
        """What follows in the file and is not stored yet."""
        self._stored = 0
        self._digest = hashlib.sha256()
        self._has_header = bool(encoding.header(0))
        self._blocks = int(self._has_header)
        self._frames = 0
        self._start = recorders.wheel.tick()
        self._finishing: asyncio.Task[None] | None = None
        self._storing = asyncio.Lock()
        recorders.wheel.join(self)
        self._task = asyncio.create_task(self._store_now_and_then())

    @property
    def seconds(self) -> float:
        """How long it is so far."""
        return self._frames / 50

    def heard(self, frame: AudioFrame) -> None:
        """Put in what came."""
        lane = self._heard.get(frame.participant)
        if lane is None:
            lane = self._heard[frame.participant] = Lane()
        lane.put(frame.pcm)

    def sent(self, pcm: bytes) -> None:
        """Put in what was sent."""
        self._sent.put(pcm)

    def cleared(self) -> None:
        """The platform threw away what it had not played."""
        self._sent.clear()

    def turn(self, tick: int) -> None:
        """See `Member`: take the frames of the time that has passed."""
        for _ in range((tick - self._start) // FRAME_TICKS - self._frames):
            self._frame()

    async def stop(self) -> float:
        """See `dialtone.media.stream.Recorder`."""
        await self.finish()
        if self._made:
            lost = len(self._made) // self._encoding.bytes_a_second
            raise MediaError(f"{lost} seconds of the recording could not be stored")
        return self.seconds

    async def finish(self) -> None:
        """End it, once: what has come is taken, and stored if storage will. Returns when that is done."""
        if self._finishing is None:
            self._finishing = asyncio.create_task(self._finish())
        await asyncio.shield(self._finishing)

    async def _finish(self) -> None:
        self._recorders.wheel.leave(self)
        while len(self._sent) or any(map(len, self._heard.values())):
            self._frame(more=False)
        self._task.cancel()
        self._about.pop(LIVE)
        # A store that is under way ends as it will; then the rest goes.
        for _ in range(3):
            if await self._store(last=True):
                break
            await asyncio.sleep(0.5)
        else:
            log.error("a recording lacks its end: %s", self.path)
        self._ended(self)

    def _frame(self, *, more: bool = True) -> None:
        voices = [pcm for lane in self._heard.values() if (pcm := lane.take(more=more)) is not None]
        sent = self._sent.take(more=more)
        if self._dual:
            both = array("h", bytes(2 * self._frame_bytes))
            both[0::2] = array("h", self._mixed(voices))
            both[1::2] = array("h", sent or self._silence)
            self._new += both.tobytes()
        else:
            self._new += self._mixed(voices if sent is None else [*voices, sent])
        self._frames += 1

    def _mixed(self, voices: list[bytes]) -> bytes:
        if not voices:
            return self._silence
        if len(voices) == 1:
            return voices[0]
        return mix(voices)

    async def _store_now_and_then(self) -> None:
        with suppress(StorageUnavailable):
            # Now, so that the first block need not wait for it.
            await self._expect()
        while True:
            await asyncio.sleep(self._recorders.store_s)
            await asyncio.shield(self._store())

    async def _store(self, *, last: bool = False) -> bool:
        async with self._storing:
            pcm = bytes(self._new)
            del self._new[: len(pcm)]
            if self._encoding.is_slow:
                # Other streams go on meanwhile.
                self._made += await asyncio.to_thread(self._encoding.encode, pcm, last=last)
            else:
                self._made += self._encoding.encode(pcm, last=last)
            block = bytes(self._made)
            if not block and not last and (self._stored or not self._has_header):
                return True
            digest, size = self._digest.copy(), self._stored + len(block)
            digest.update(block)
            about = {**self._about, "seconds": repr(size / self._encoding.bytes_a_second)}
            if last:
                about[SOUND_SHA256 if self._has_header else "sha256"] = digest.hexdigest()
            try:
                await self._expect()
                if block:
                    await self._blob.stage(self._blocks, block)
                if self._has_header:
                    await self._blob.stage(0, self._encoding.header(size))
                await self._blob.commit(self._blocks + bool(block), about)
            except StorageUnavailable as error:
                self._recorders.metrics.recordings_failed += 1
                log.warning("a part of a recording waits: %s", error)
                self._keep_less()
                return False
            self._blocks += bool(block)
            self._stored, self._digest = size, digest
            self._made.clear()
            return True

    async def _expect(self) -> None:
        """Rule 4. Twice is once."""
        if self._entry is not None:
            await self._recorders.ledger.expect(self._entry)
            self._entry = None

    def _keep_less(self) -> None:
        most = int(KEPT_S) * self._encoding.bytes_a_second
        if len(self._made) > most:
            # In place, so that what comes later keeps its moment.
            self._made[:] = self._made[-most:]
            self._about["fault"] = "wrongLength"
