"""Recordings of the simulated ACS: what a call's caller sent while one was active, made a file when it stops.

1. A call has one recording at a time. It stops when it is told to, and with its call.
2. Its file is at `https://sim.asm.skype.com`, as the SDK wants from 1.6.0 on; whoever fetches it asks the resource's
   own address for the same path. Event Grid tells of it when it is made.
3. A download may ask for a range of bytes. What is recorded is kept for a day, also when its call is over.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from dialtone.protocol import RecordingFormat
from simulator import audio
from simulator.line import Line
from simulator.platform import Recording as Saved
from simulator.platforms.acs_wire import grid_event, timestamp
from simulator.platforms.rest import Json, Refused, Reply

FORMATS: Final = ("wav", "mp3")
_HOST: Final = "https://sim.asm.skype.com"


@dataclass
class Recording:
    """A recording: where it is on the line's time, and what becomes of it."""

    id: str
    format: str
    state: str = "active"
    ended_by: str = "the bot"
    spans: list[tuple[float, float]] = field(default_factory=list)
    since: float | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    made: bool = False
    made_at: float = 0.0
    """Unix seconds."""
    callback: str = ""
    changed: Callable[[], None] = lambda: None
    """Called when it begins, or ceases, to take sound."""

    @property
    def began(self) -> float:
        """When it took sound first, or will have, on the line's time."""
        return self.spans[0][0] if self.spans else self.since or 0.0

    def pause(self, now: float) -> None:
        """Stop taking sound."""
        if self.since is not None:
            self.spans.append((self.since, now))
        self.since, self.state = None, "inactive"
        self.changed()

    def resume(self, now: float) -> None:
        """Take sound."""
        self.since, self.state = now, "active"
        self.changed()

    def stop(self, now: float) -> None:
        """Take no more sound."""
        self.pause(now)
        self.state = "stopped"

    def download(self, document: str, wanted: str) -> Reply:
        """Rule 3. `wanted` is the request's Range, empty for all of the file."""
        data = self.files[document]
        if not wanted.startswith("bytes="):
            return Reply(200, data, {"Content-Type": f"audio/{self.format}"})
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first)
        end = min(int(last) if last else len(data) - 1, len(data) - 1)
        if start > end:
            refused = Refused(416, "InvalidRange", "the range is not in the file").reply
            return Reply(refused.status, refused.body, {**refused.headers, "Content-Range": f"bytes */{len(data)}"})
        return Reply(206, data[start : end + 1], {"Content-Range": f"bytes {start}-{end}/{len(data)}"})


class Recorder:
    """The recordings of one call, on its line. `at` is what the line's time 0 is in Unix seconds."""

    def __init__(self, line: Line, ids: Callable[[], str], at: float) -> None:
        self.recordings: list[Recording] = []
        self.saved: list[Saved] = []
        self._line, self._ids, self._at = line, ids, at

    def start(self, data: Json) -> Recording:
        """Begin to record; raises `Refused` when it is being recorded already."""
        kind = str(data.get("recordingFormatType") or "wav")
        if kind not in FORMATS:
            raise Refused(400, 8523, f"the simulator records {' and '.join(FORMATS)}")
        if any(each.state != "stopped" for each in self.recordings):
            raise Refused(400, 8559, "Recording is already in progress.")
        recording = Recording(self._ids(), kind, changed=self._tell)
        self.recordings.append(recording)
        now = self._line.clock.now()
        recording.resume(now)
        if data.get("pauseOnStart"):
            recording.pause(now)
        return recording

    def running(self, recording_id: str) -> Recording | None:
        """The recording of this id, while it has not stopped."""
        return next((each for each in self.recordings if each.id == recording_id and each.state != "stopped"), None)

    def holding(self, document: str) -> Recording | None:
        """The recording whose file this is."""
        return next((each for each in self.recordings if document in each.files), None)

    def stop(self) -> None:
        """The call is over."""
        for recording in self.recordings:
            if recording.state != "stopped":
                recording.ended_by = "the end of the call"
                recording.stop(self._line.clock.now())

    def _tell(self) -> None:
        """Tell who has an ear on the line whether it is recorded."""
        recording = any(each.since is not None for each in self.recordings)
        self._line.listen_for(replace(self._line.listening, recording=recording))

    def delete(self, recording: Recording, document: str) -> None:
        """Delete a file."""
        del recording.files[document]
        self.saved[:] = [each for each in self.saved if each.operation_id != recording.id]
        self._line.ledger.add("bot", "deleted", operation_id=recording.id)

    async def files(self, call_id: str, server_call_id: str, *, cloud: bool) -> list[Json]:
        """Make the files of the recordings that have stopped since the last time: the events that tell of them."""
        events = []
        for recording in [each for each in self.recordings if each.state == "stopped" and not each.made]:
            sound = b"".join(self._line.caller_sound(start, end) for start, end in recording.spans)
            async with self._line.clock.io():
                data = await asyncio.to_thread(audio.encode, sound, recording.format)
            document, seconds = self._ids(), round(audio.seconds_of(sound), 3)
            recording.files[document], recording.made = data, True
            recording.made_at = self._at + self._line.clock.now()
            self.saved.append(Saved(recording.id, RecordingFormat(recording.format), seconds, data))
            self._line.ledger.add(
                "platform",
                "recorded",
                operation_id=recording.id,
                seconds=seconds,
                format=recording.format,
                bytes=len(data),
                spoken=round(sum(self._line.spoken(start, end) for start, end in recording.spans), 3),
                reason=recording.ended_by,
            )
            subject = f"/recording/call/{call_id}/serverCallId/{server_call_id}/recordingId/{recording.id}"
            at = self._at + self._line.clock.now()
            about = self._about(recording, document, seconds)
            events.append(grid_event(self._ids(), "RecordingFileStatusUpdated", subject, at, about, cloud=cloud))
        return events

    def _about(self, recording: Recording, document: str, seconds: float) -> Json:
        base = f"{_HOST}/v1/objects/{document}"
        chunk = {
            "documentId": document,
            "index": 0,
            "endReason": "SessionEnded",
            "contentLocation": f"{base}/content/video",
            "metadataLocation": f"{base}/content/acsmetadata",
            "deleteLocation": base,
        }
        return {
            "recordingStorageInfo": {"recordingChunks": [chunk]},
            "recordingStartTime": timestamp(self._at + recording.spans[0][0]),
            "recordingDurationMs": round(seconds * 1000),
            "sessionEndReason": "CallEnded",
        }
