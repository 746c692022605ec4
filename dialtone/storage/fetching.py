"""Sound that a platform keeps for a while, fetched into a blob part by part.

1. What is no longer than a part is written in one go. A longer blob grows: each part is committed when it has come,
   with LIVE in the metadata, so that nobody takes it for whole, and whoever goes on begins where it ends.
2. Metadata of a blob that grows have the hash of what is there. Whoever goes on reads it back first; what does not fit,
   or has become another file at the platform, is begun again.
3. Of several who fetch the same at once one commits each part, by the blob's etag. The others stop, and have lost a
   part's worth of time.
4. A part is as long as it was asked to be, or ends where the file does. Storage takes it with its MD5.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dialtone.errors import DependencyError
from dialtone.storage.backend import Blob, Container

LIVE: Final = "live"
"""In the metadata of a blob that somebody goes on writing; its value is the writer's name, or anything."""
PART_BYTES: Final = 4 * 1_048_576
_HASH: Final = "sofar"
_WHOLE: Final = "whole"

Part = Callable[[int, int], Awaitable[tuple[bytes, int]]]
"""So many bytes of a file, from a byte on (fewer at its end), and the file's size. Raises DependencyError."""
About = Callable[[bytes, int, str], Mapping[str, str]]
"""The metadata of a whole file, by its beginning, its size and its SHA-256."""


@dataclass(slots=True)
class _Grown:
    """What there is of a blob that grows."""

    etag: str = ""
    size: int = 0
    whole: int = 0
    writer: str = ""
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    head: bytes = b""


async def fetch(
    container: Container,
    path: str,
    content_type: str,
    part: Part,
    *,
    about: About,
    meanwhile: Mapping[str, str],
    goes_on: Callable[[], bool],
    part_bytes: int = PART_BYTES,
) -> Blob | None:
    """Fetch a file into the blob `path`, and say what is there; None when time was up, or somebody else is at it.

    `meanwhile` are its metadata as long as it grows. `goes_on` is asked between two parts. Raises DependencyError and
    StorageUnavailable: then, too, what there is stays, and the next call goes on.
    """
    grown = await _there(container, path, part_bytes)
    if isinstance(grown, Blob):
        return grown
    blob = container.staged(path, content_type, writer=grown.writer)
    while True:
        data, whole = await part(grown.size, part_bytes)
        if grown.size and whole != grown.whole:
            grown = _Grown(grown.etag)
            blob = container.staged(path, content_type)
            continue
        if len(data) != min(part_bytes, whole - grown.size):
            raise DependencyError(f"a part of a recording has {len(data)} bytes", fix="it is fetched again")
        await asyncio.to_thread(grown.digest.update, data)
        if whole == len(data):
            metadata = about(data, whole, grown.digest.hexdigest())
            await container.put(path, data, content_type, metadata, overwrite=bool(grown.etag))
            return await container.head(path)
        number, grown.size, grown.whole = grown.size // part_bytes, grown.size + len(data), whole
        grown.head = grown.head or data
        await blob.stage(number, data)
        is_whole = grown.size == whole
        sofar = grown.digest.hexdigest()
        state = {LIVE: blob.writer, _HASH: sofar, _WHOLE: str(whole)}
        metadata = about(grown.head, whole, sofar) if is_whole else {**meanwhile, **state}
        etag = await blob.commit(number + 1, metadata, over=grown.etag)
        if etag is None:
            return None
        if is_whole:
            return await container.head(path)
        grown.etag = etag
        if not goes_on():
            return None


async def _there(container: Container, path: str, part_bytes: int) -> _Grown | Blob:
    """What is there: a whole blob, or what a blob that grows has come to (rule 2)."""
    blob = await container.head(path)
    if blob is None:
        return _Grown()
    if LIVE not in blob.metadata:
        return blob
    grown = _Grown(blob.etag, 0, int(blob.metadata.get(_WHOLE, 0)), blob.metadata[LIVE])
    while piece := await container.piece(path, grown.size, part_bytes):
        grown.size += len(piece)
        grown.head = grown.head or piece
        await asyncio.to_thread(grown.digest.update, piece)
    fits = grown.digest.hexdigest() == blob.metadata.get(_HASH) and not grown.size % part_bytes
    return grown if fits else _Grown(blob.etag)
