"""What callers said, kept as files: container `recordings`, blob `yyyy/mm/dd/<call>/<operation>.<format>`.

The day is the UTC day on which the call started, so that a retry after midnight finds the same blob. A blob is written
once and whole. What it is stands in its metadata, in percent-encoded ASCII, each value cut at 1000 characters.
"""

import asyncio
import builtins
import hashlib
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote

from dialtone.errors import BotError, StorageUnavailable
from dialtone.protocol import AUDIO_TYPES
from dialtone.storage.backend import Blob, Container
from dialtone.storage.keys import call_key, day_of

RECORDINGS_CONTAINER: Final = "recordings"

_CONTENT_TYPES: Final = {str(form): kind for form, kind in AUDIO_TYPES.items()}
_VALUE_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording. `seconds` is its length, `format` is `wav`, `wma` or `mp3`, `reason` says why it ended, `started`
    is the start of the call in Unix seconds, `fault` says what is wrong with the sound, if anything. `size` (bytes),
    `sha256` (hexadecimal) and `path` are known once it is stored.
    """

    call_id: str
    operation_id: str
    caller: str
    seconds: float
    format: str
    reason: str
    started: float
    fault: str = ""
    size: int = 0
    sha256: str = ""
    path: str = ""


class RecordingStore:
    """The recordings. Every method raises StorageUnavailable."""

    def __init__(self, container: Container) -> None:
        self._container = container

    async def save(self, recording: Recording, audio: bytes | memoryview) -> Recording:
        """Store a recording and say what is stored: the recording that was there already, if there was one.

        Raises BotError when the format is not one of the three.
        """
        content_type = _CONTENT_TYPES.get(recording.format)
        if content_type is None:
            raise BotError(
                f"{recording.format!r} is not a format of recordings",
                field="format",
                fix=f"use one of {', '.join(_CONTENT_TYPES)}",
                code="RECORDING_FORMAT",
            )
        path = path_of(recording)
        # Other calls go on while the sum of a long recording is made.
        digest = await asyncio.to_thread(hashlib.sha256, audio)
        stored = replace(recording, size=len(audio), sha256=digest.hexdigest(), path=path)
        if await self._container.put(path, audio, content_type, _metadata(stored), overwrite=False):
            return stored
        blob = await self._container.head(path)
        if blob is None:
            raise StorageUnavailable(
                f"container {RECORDINGS_CONTAINER} refuses a blob that it does not have",
                fix="wait until the container that is being deleted is gone",
            )
        return _recording(blob)

    async def list(self, prefix: str = "", *, limit: int = 100) -> builtins.list[Recording]:
        """The recordings whose paths start with `prefix`, such as `2027/01/31/`, in the order of their paths: `limit`
        of them at most. Blobs that somebody else put there are left out.
        """
        if limit < 1:
            return []
        blobs = await self._container.blobs(prefix, limit=limit, metadata=True)
        return [_recording(blob) for blob in blobs if "sha256" in blob.metadata]

    async def link(self, path: str, seconds: float = 600) -> str:
        """A link that lets whoever has it read this recording for so many seconds, up to a day."""
        ending = path.rpartition(".")[2]
        return await self._container.link(path, seconds, _CONTENT_TYPES.get(ending, "application/octet-stream"))

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


def _metadata(recording: Recording) -> dict[str, str]:
    values = {
        "call": recording.call_id,
        "operation": recording.operation_id,
        "caller": recording.caller,
        "seconds": repr(recording.seconds),
        "format": recording.format,
        "reason": recording.reason,
        "started": repr(recording.started),
        "fault": recording.fault,
        "sha256": recording.sha256,
    }
    # An account refuses metadata with an empty value.
    return {name: quote(value, safe=":@+", errors="replace")[:_VALUE_MAX] for name, value in values.items() if value}


def _recording(blob: Blob) -> Recording:
    values = {name: unquote(value) for name, value in blob.metadata.items()}
    return Recording(
        call_id=values.get("call", ""),
        operation_id=values.get("operation", ""),
        caller=values.get("caller", ""),
        seconds=float(values["seconds"]),
        format=values["format"],
        reason=values.get("reason", ""),
        started=float(values["started"]),
        fault=values.get("fault", ""),
        size=blob.size,
        sha256=values["sha256"],
        path=blob.name,
    )
