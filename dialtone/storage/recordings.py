"""What callers said, kept as files: container `recordings`, blob `yyyy/mm/dd/<call>/<operation>.<format>`.

The day is the UTC day on which the call started, so that a retry after midnight finds the same blob. A blob is written
once and whole. What it is stands in its metadata, in percent-encoded ASCII, each value cut at 1000 characters.

An entry of the ledger (dialtone.storage.ledger) is there before the first byte, and is completed after the last.
Whoever is interrupted in between is called again by the platform, and finds what is there; if nobody calls again, the
keeper (dialtone.storage.keeper) mends it.
"""

import asyncio
import builtins
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote

from dialtone.errors import BotError, DialtoneError, StorageUnavailable
from dialtone.privacy import Callers
from dialtone.protocol import AUDIO_TYPES
from dialtone.storage.backend import Blob, Container
from dialtone.storage.fetching import PART_BYTES, Part, fetch
from dialtone.storage.keys import call_key, day_of
from dialtone.storage.ledger import NOT_FETCHED, STANDARD, Entry, Ledger, State

RECORDINGS_CONTAINER: Final = "recordings"

SOUND_SHA256: Final = "soundsha256"
"""In the metadata of a WAV blob that was written while it was made: the hash of what is behind its header."""

WAV_HEADER_BYTES: Final = 44
"""Of such a blob."""

_CONTENT_TYPES: Final = {str(form): kind for form, kind in AUDIO_TYPES.items()}
_VALUE_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. `seconds` is its length, `format` is `wav`, `wma` or `mp3`, `reason` says why it ended, `started`
    is the start of the call in Unix seconds, `fault` says what is wrong with the sound, if anything. `consent` is
    `given`, `refused`, or empty where nobody asked; `keep` is the class of its retention. `size` (bytes), `sha256`
    (hexadecimal) and `path` are known once it is stored. `caller` is the identity when it is saved, and what
    DIALTONE_CALLERS makes of it when it is read.
    """

    call_id: str
    operation_id: str
    caller: str
    seconds: float
    format: str
    reason: str
    started: float
    fault: str = ""
    consent: str = ""
    keep: str = STANDARD
    size: int = 0
    sha256: str = ""
    path: str = ""

    def expected(self, path: str, *, caller: str, caller_key: str, at: float) -> Entry:
        """Its entry in the ledger while its sound is expected at `path`; `caller` is written as it may be."""
        return Entry(
            path=path,
            state=State.EXPECTED,
            call_id=self.call_id,
            operation_id=self.operation_id,
            caller=caller,
            caller_key=caller_key,
            seconds=self.seconds,
            format=self.format,
            reason=self.reason,
            started=self.started,
            consent=self.consent,
            keep=self.keep,
            expected_at=at,
        )


class RecordingStore:
    """The recordings. Every method raises StorageUnavailable."""

    def __init__(
        self,
        container: Container,
        ledger: Ledger,
        callers: Callers = Callers.SHOWN,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._container = container
        self._ledger = ledger
        self._callers = callers
        self._clock = clock
        self.part_bytes = PART_BYTES

    async def save(self, recording: Recording, audio: bytes | memoryview) -> Recording:
        """Store a recording and say what is stored: the recording that was there already, if there was one.

        One that was deleted meanwhile is not stored again: its fault is `deleted`, its size 0. Raises BotError when
        the format is not one of the three.
        """
        content_type = content_type_of(recording.format)
        path = path_of(recording)
        key, there = await self._expect(recording, path)
        written = replace(recording, caller=self._callers.write(recording.caller, key), path=path)
        if there is not None and there.state.is_over:
            return replace(written, fault="deleted")
        # Other calls go on while the sum of a long recording is made.
        digest = await asyncio.to_thread(hashlib.sha256, audio)
        stored = replace(written, size=len(audio), sha256=digest.hexdigest())
        if not await self._container.put(path, audio, content_type, metadata_of(stored), overwrite=False):
            blob = await self._container.head(path)
            if blob is None:
                raise StorageUnavailable(
                    f"container {RECORDINGS_CONTAINER} refuses a blob that it does not have",
                    fix="wait until the container that is being deleted is gone",
                )
            stored = recording_of(blob)
        if there is None or not there.state.is_there:
            await self._complete(stored, again=there is not None and there.state is State.MISSING)
        return stored

    async def fetch(
        self, recording: Recording, part: Part, fault: Callable[[bytes, int], str], goes_on: Callable[[], bool]
    ) -> Recording | None:
        """Store a recording that is at the platform, part by part (dialtone.storage.fetching), and say what is stored.

        None when time is up, which `goes_on` is asked for between two parts, or when somebody else is at it. Called
        again it goes on, also after an error; until it is stored, the entry's fault is NOT_FETCHED. What is wrong with
        the sound is said by `fault` of its beginning and its size; by `recording.fault` when the rest never comes.
        Raises what `part` raises, too.
        """
        path = path_of(recording)
        key, there = await self._expect(recording, path)
        written = replace(recording, caller=self._callers.write(recording.caller, key), path=path)
        if there is not None and there.state.is_over:
            return replace(written, fault="deleted")

        def about(head: bytes, size: int, sha256: str) -> dict[str, str]:
            return metadata_of(replace(written, fault=fault(head, size), sha256=sha256))

        try:
            blob = await fetch(
                self._container,
                path,
                content_type_of(recording.format),
                part,
                about=about,
                meanwhile=metadata_of(written),
                goes_on=goes_on,
                part_bytes=self.part_bytes,
            )
        except DialtoneError:
            await self._ledger.change(path, fault=NOT_FETCHED)
            raise
        if blob is None:
            return None
        stored = recording_of(blob)
        if there is None or not there.state.is_there:
            await self._complete(stored, again=there is not None and there.state is State.MISSING)
        return stored

    async def expect(self, recording: Recording) -> str:
        """Say that sound will come for a recording, and where it will be."""
        path = path_of(recording)
        await self._expect(recording, path)
        return path

    async def _expect(self, recording: Recording, path: str) -> tuple[str, Entry | None]:
        """The caller's hash, and the entry that was there already."""
        key = await self._ledger.caller_key(recording.caller)
        caller = self._callers.write(recording.caller, key)
        entry = recording.expected(path, caller=caller, caller_key=key, at=self._clock())
        return key, await self._ledger.expect(entry)

    async def _complete(self, stored: Recording, *, again: bool) -> None:
        if again:
            # The keeper had given it up, so it is on no list.
            await self._ledger.again(stored.path)
        await self._ledger.change(
            stored.path,
            state=State.STORED if stored.size else State.EMPTY,
            size=stored.size,
            sha256=stored.sha256,
            seconds=stored.seconds,
            fault=stored.fault,
            stored_at=self._clock(),
        )

    async def list(self, prefix: str = "", *, limit: int = 100) -> builtins.list[Recording]:
        """The recordings whose paths start with `prefix`, such as `2027/01/31/`, in the order of their paths: `limit`
        of them at most. Blobs that somebody else put there are left out.
        """
        if limit < 1:
            return []
        blobs = await self._container.blobs(prefix, limit=limit, metadata=True)
        return [recording_of(blob) for blob in blobs if "sha256" in blob.metadata]

    async def link(self, path: str, seconds: float = 600, *, download: bool = False) -> str:
        """A link that lets whoever has it read this recording for so many seconds, up to a day; with `download`,
        browsers save it.
        """
        name = path.rpartition("/")[2]
        kind = _CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        return await self._container.link(path, seconds, kind, save_as=name if download else "")

    async def read(self, path: str) -> bytes:
        """The sound of a recording. Raises BotError when there is none at this path."""
        content = await self._container.read(path)
        if content is None:
            raise BotError(
                f"there is no recording {path!r}",
                field="path",
                fix="take a path from the list of recordings",
                code="RECORDING_UNKNOWN",
            )
        return content[0]


def path_of(recording: Recording) -> str:
    """Where a recording is kept, or will be when its sound comes later."""
    day = day_of(recording.started)
    name = f"{call_key(recording.operation_id)}.{recording.format}"
    return f"{day[:4]}/{day[4:6]}/{day[6:]}/{call_key(recording.call_id)}/{name}"


def content_type_of(format: str) -> str:
    """The content type of a format. Raises BotError when it is none of recordings."""
    content_type = _CONTENT_TYPES.get(format)
    if content_type is None:
        raise BotError(
            f"{format!r} is not a format of recordings",
            field="format",
            fix=f"use one of {', '.join(_CONTENT_TYPES)}",
            code="RECORDING_FORMAT",
        )
    return content_type


def metadata_of(recording: Recording) -> dict[str, str]:
    """What a blob's metadata say of a recording."""
    values = {
        "call": recording.call_id,
        "operation": recording.operation_id,
        "caller": recording.caller,
        "seconds": repr(recording.seconds),
        "format": recording.format,
        "reason": recording.reason,
        "started": repr(recording.started),
        "fault": recording.fault,
        "consent": recording.consent,
        "keep": recording.keep,
        "sha256": recording.sha256,
    }
    # An account refuses metadata with an empty value.
    return {name: quote(value, safe=":@+", errors="replace")[:_VALUE_MAX] for name, value in values.items() if value}


def recording_of(blob: Blob) -> Recording:
    """What a blob's metadata say. Raises KeyError and ValueError for a blob that somebody else put there."""
    values = {name: unquote(value) for name, value in blob.metadata.items()}
    return Recording(
        call_id=values.get("call", ""),
        operation_id=values.get("operation", ""),
        caller=values.get("caller", ""),
        seconds=float(values.get("seconds", 0)),
        format=values["format"],
        reason=values.get("reason", ""),
        started=float(values["started"]),
        fault=values.get("fault", ""),
        consent=values.get("consent", ""),
        keep=values.get("keep", STANDARD),
        size=blob.size,
        sha256=values.get("sha256", ""),
        path=blob.name,
    )
