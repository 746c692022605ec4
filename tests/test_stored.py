"""What a call left in storage, read back."""

import asyncio
import io
import math
import struct
import wave
from dataclasses import replace

import pytest

from dialtone.storage import Recording, TurnRow, open_storage
from dialtone.stored import Stored, StoredRecording, measure, read
from tests.ledgers import CALL_ID, event

STARTED = 1_795_000_000.0
SENT = event(1, "platform", "recorded", operation_id="3", seconds=0.5, format="wav", bytes=1000, reason="stopTone")
GOOD = StoredRecording("p.wav", "3", "wav", 1000, "ab", 0.5, 0.5, -9.0)


def sound(seconds: float, amplitude: float) -> bytes:
    """A WAV file with a tone."""
    samples = [int(32767 * amplitude * math.sin(i / 5)) for i in range(int(16000 * seconds))]
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16000)
        wav.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


@pytest.mark.parametrize(("amplitude", "level"), [(1.0, -3.0), (0.1, -23.0)])
def test_length_and_level_are_measured(amplitude: float, level: float) -> None:
    length, measured = measure(sound(0.75, amplitude))
    assert length == pytest.approx(0.75)
    assert measured == pytest.approx(level, abs=0.1)


def test_silence_has_no_level() -> None:
    assert measure(sound(0.25, 0)) == (0.25, None)


def test_what_is_stored_as_it_was_sent_has_no_fault() -> None:
    assert Stored(CALL_ID, 2, "", [GOOD]).faults([SENT]) == []


@pytest.mark.parametrize(
    ("stored", "fault"),
    [
        (Stored(CALL_ID, 0, "", [GOOD]), "the journal has no turn of this call"),
        (Stored(CALL_ID, 2, "KeyError", [GOOD]), "the bot noted that the call failed: KeyError"),
        (Stored(CALL_ID, 2, "", []), "the recording 3 was not stored"),
        (Stored(CALL_ID, 2, "", [replace(GOOD, size=999)]), "p.wav has 999 bytes; 1000 were sent"),
        (Stored(CALL_ID, 2, "", [replace(GOOD, length=0.71)]), "p.wav plays 0.71 s; 0.50 s were recorded"),
    ],
)
def test_faults(stored: Stored, fault: str) -> None:
    assert stored.faults([SENT]) == [fault]


@pytest.mark.azurite
async def test_a_call_is_read_back(azurite_connection: str) -> None:
    audio = sound(0.5, 0.5)
    storage = open_storage(azurite_connection)
    try:
        for sequence in range(2):
            row = TurnRow(CALL_ID, sequence, "m", "e", "[]", False, b"{}", "j", 200, STARTED, sequence == 1, "")
            row = replace(row, failed="" if sequence else "KeyError")
            await storage.calls.insert(row)
        recording = Recording(CALL_ID, "3", "8:nora", 0.5, "wav", "stopTone", STARTED)
        saved = await storage.recordings.save(recording, audio)
        await storage.recordings.save(replace(recording, call_id="another"), audio)
        # The dialog of another call ended it with an exception; the outcome of the hang-up came after.
        for sequence, failed in enumerate(["", "ValueError", ""]):
            row = TurnRow("failed", sequence, "m", "e", "[]", False, b"{}", "j", 200, STARTED, sequence > 0, failed)
            await storage.calls.insert(row)
    finally:
        await storage.close()
    ended = await asyncio.to_thread(read, azurite_connection, "failed")
    assert (ended.turns, ended.failed, ended.raised) == (3, "ValueError", "ValueError")
    stored = await asyncio.to_thread(read, azurite_connection, CALL_ID)
    assert (stored.turns, stored.failed, stored.raised) == (2, "", "KeyError")
    (found,) = stored.recordings
    assert (found.path, found.sha256, found.size) == (saved.path, saved.sha256, len(audio))
    assert (found.seconds, found.length) == (0.5, 0.5)
    assert (await asyncio.to_thread(read, azurite_connection, "unknown")).turns == 0
