"""The sound of recordings on ACS, which keeps it for a day: noted when Event Grid tells of it, fetched part by part.

1. Whose a recording is is noted when it ends, or when one of the whole call begins (`promised`), with the path that the
   dialog is told. One that came to nothing, because the caller said nothing, is nobody's: it is deleted at the
   platform.
2. Event Grid tells where the sound is (`told`). That is noted before a byte is fetched: from then on the keeper's timer
   (`functions/recordings.py`) goes on with what broke off, until it is stored or the platform has deleted it.
3. A long recording has several files. The dialog was told the path of the first; the others are recordings beside it.
4. Nothing is fetched for longer than FETCH_S at a time: Event Grid waits for 30 seconds, and the timer has more to do.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from dialtone.channels.acs_grid import RecordingFile
from dialtone.errors import DependencyError
from dialtone.media.sound import Fault, fault_of
from dialtone.storage import NoteRow, Recording, Storage
from functions.acs_client import AcsClient
from functions.http import about_call, log

FOREIGN_S: Final = 600.0
"""After so many seconds a recording that no call of this bot has promised is somebody else's."""
FETCH_S: Final = 20.0
WHOLE_CALL: Final = "wholeCall"
"""The reason of a recording that a dialog has started, and that ends when it says so or the call does."""
_BEGUN: Final = "begun"
_WHOSE: Final = "sent"
_UNWANTED: Final = "unwanted"
_PROMISED: Final = "recording"


@dataclass(frozen=True, slots=True)
class AcsRecordings:
    """The recordings of a bot. `clock` gives Unix seconds."""

    storage: Storage
    client: AcsClient
    clock: Callable[[], float]

    async def begun(self, call_id: str, recording_id: str, at: float) -> None:
        """A recording of a call has begun, by the platform's clock at so many Unix seconds."""
        note = NoteRow(
            call_id, f"{_BEGUN}-{recording_id}", "RecordingStateChanged", json.dumps(at).encode(), self.clock()
        )
        await self.storage.calls.note(note)

    async def began(self, call_id: str, recording_id: str) -> float:
        """When a recording began, by the platform's clock in Unix seconds; 0 while that is not known."""
        note = await self.storage.calls.note_of(call_id, f"{_BEGUN}-{recording_id}")
        return float(json.loads(note.body)) if note is not None else 0.0

    async def promised(self, recording_id: str, recording: Recording) -> str:
        """A recording has ended, or one of the whole call has begun: the path where its sound will be. Rule 1."""
        await self._note(_whose(recording_id), _WHOSE, _PROMISED, _document(recording))
        return await self.storage.recordings.expect(recording)

    async def unwanted(self, recording_id: str, call_id: str) -> None:
        """A recording has ended in which there is nothing. Rule 1."""
        await self._note(_whose(recording_id), _WHOSE, _UNWANTED, {"call_id": call_id})

    async def told(self, file: RecordingFile) -> None:
        """Event Grid says where the sound is. Raises `DependencyError`: then it says so again."""
        note = await self.storage.calls.note_of(_whose(file.recording_id), _WHOSE)
        if note is None:
            if self.clock() - file.at > FOREIGN_S:
                log.info("a recording is none of this bot's")
                return
            raise DependencyError("the recording is not known yet", fix="wait for the next delivery of the event")
        about = json.loads(note.body)
        about_call(about["call_id"])
        if note.event == _UNWANTED:
            for chunk in file.chunks:
                await self.client.delete(chunk.delete)
            return
        first = Recording(**about)
        if first.reason == WHOLE_CALL:
            # How long it would be was not known when it was promised.
            first = replace(first, seconds=file.seconds)
        others = (replace(first, operation_id=f"{first.operation_id}-{n}") for n in range(1, len(file.chunks)))
        parts = [first, *others]
        for recording, chunk in zip(parts, file.chunks, strict=True):
            path = await self.storage.recordings.expect(recording)
            where = {"content": chunk.content, "is_part": len(parts) > 1, "recording": _document(recording)}
            if await self._note(recording.call_id, sound_note(recording.operation_id), _PROMISED, where):
                # From its end on the platform keeps it for a day, and a call may be long.
                await self.storage.ledger.change(path, expected_at=self.clock())
        for recording in parts:
            await self.fetch(recording.call_id, recording.operation_id)

    async def fetch(self, call_id: str, operation_id: str) -> bool:
        """Fetch the sound of a recording, or more of it: whether it is stored now. False also when nobody told of it.

        Raises `DependencyError`: what there is stays.
        """
        note = await self.storage.calls.note_of(call_id, sound_note(operation_id))
        if note is None:
            return False
        where = json.loads(note.body)
        # What is stored when the rest never comes has an end that is missing.
        recording = replace(Recording(**where["recording"]), fault=Fault.TRUNCATED)

        def fault(head: bytes, size: int) -> str:
            return "" if where["is_part"] else fault_of(head, recording.format, recording.seconds, size=size)

        async def part(start: int, size: int) -> tuple[bytes, int]:
            return await self.client.part(where["content"], start, size)

        until = time.monotonic() + FETCH_S
        stored = await self.storage.recordings.fetch(recording, part, fault, lambda: time.monotonic() < until)
        if stored is not None:
            log.info("a recording of %d bytes is stored", stored.size)
        return stored is not None

    async def _note(self, partition: str, name: str, event: str, body: dict[str, Any]) -> bool:
        """Whether it was not noted before."""
        note = NoteRow(partition, name, event, json.dumps(body).encode(), self.clock())
        return await self.storage.calls.note(note)


def _whose(recording_id: str) -> str:
    """The partition that says whose a recording is."""
    return f"acs-recording-{recording_id}"


def sound_note(operation_id: str) -> str:
    """The note of a call that says where a recording's sound is."""
    return f"sound-{operation_id}"


def _document(recording: Recording) -> dict[str, Any]:
    """What is known of a recording before its sound is."""
    return {name: value for name, value in asdict(recording).items() if name not in ("fault", "size", "sha256", "path")}
