"""What a call left in storage, read back: its journal and its recordings, the sound itself included."""

import asyncio
import hashlib
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dialtone.storage import Recording, Storage, open_storage
from dialtone.storage.keys import TURN_MAX
from dialtone.storage.story import recordings_of

TOLERANCE_S: Final = 0.2
"""How far the length of a stored recording may be from what the platform said."""


@dataclass(frozen=True)
class StoredRecording:
    """A recording as it is in storage. `length` (seconds) and `level` are measured from its sound.

    `level` is the root mean square in dB below full scale; None for digital silence.
    """

    path: str
    operation_id: str
    format: str
    size: int
    sha256: str
    seconds: float
    """As the platform said."""
    length: float
    level: float | None


@dataclass(frozen=True)
class Stored:
    """What is stored of the call `call_id`: the turns of its journal, how it failed (or empty), its recordings.

    A call has failed when the turn that ended it did, as in the list of calls: what comes after that changes nothing.
    """

    call_id: str
    turns: int
    failed: str
    recordings: list[StoredRecording]
    raised: str = ""
    """What a dialog of the call failed with in any turn, also where the call went on."""

    def faults(self, recorded: Iterable[Mapping[str, Any]]) -> list[str]:
        """What is wrong with it, given the ledger's `recorded` events; empty if all is well."""
        faults = [] if self.turns else ["the journal has no turn of this call"]
        if self.failed:
            faults.append(f"the bot noted that the call failed: {self.failed}")
        there = {recording.operation_id: recording for recording in self.recordings}
        # Not every platform knows the operation by the bot's id.
        of_size = {recording.size: recording for recording in self.recordings}
        for event in recorded:
            if not event["bytes"]:
                continue
            recording = there.get(event["operation_id"]) or of_size.get(event["bytes"])
            if recording is None:
                faults.append(f"the recording {event['operation_id']} was not stored")
            elif recording.size != event["bytes"]:
                faults.append(f"{recording.path} has {recording.size} bytes; {event['bytes']} were sent")
            elif abs(recording.length - event["seconds"]) > TOLERANCE_S:
                faults.append(
                    f"{recording.path} plays {recording.length:.2f} s; {event['seconds']:.2f} s were recorded"
                )
        return faults


def read(connection: str, call_id: str) -> Stored:
    """What the storage at `connection` holds of a call. Raises StorageUnavailable, ConfigurationError."""
    return asyncio.run(_read(open_storage(connection), call_id))


def measure(audio: bytes) -> tuple[float, float | None]:
    """The length in seconds and the level in dB of a sound file: WAV, MP3 or WMA."""
    # Costs a quarter of a second to import, which no other command should pay.
    import av
    import numpy as np

    samples = 0
    energy = 0.0
    with av.open(io.BytesIO(audio), "r") as container:
        rate = container.streams.audio[0].rate
        resampler = av.AudioResampler(format="dbl", layout="mono")
        for decoded in container.decode(audio=0):
            for frame in resampler.resample(decoded):
                block = frame.to_ndarray()
                samples += block.size
                energy += float(np.square(block).sum())
    level = 10 * math.log10(energy / samples) if energy else None
    return samples / rate, level


async def _read(storage: Storage, call_id: str) -> Stored:
    try:
        turns = await storage.calls.turns(call_id, limit=TURN_MAX + 1)
        if not turns:
            return Stored(call_id, 0, "", [])
        recordings = await recordings_of(storage.recordings, turns[0].at, call_id)
        end = next((row for row in turns if row.done), turns[-1])
        raised = next((row.failed for row in turns if row.failed), "")
        heard = [await _listen(storage, each) for each in recordings]
        return Stored(call_id, turns[-1].sequence + 1, end.failed, heard, raised)
    finally:
        await storage.close()


async def _listen(storage: Storage, recording: Recording) -> StoredRecording:
    audio = await storage.recordings.read(recording.path)
    length, level = measure(audio)
    return StoredRecording(
        path=recording.path,
        operation_id=recording.operation_id,
        format=recording.format,
        size=len(audio),
        sha256=hashlib.sha256(audio).hexdigest(),
        seconds=recording.seconds,
        length=length,
        level=level,
    )
