"""Copies of recordings in an archive that is somewhere else: an S3 bucket, a folder, another storage account.

The keeper of recordings (dialtone.storage.keeper) asks for each copy until it is there. A sink keeps this contract:

1. A copy is all there or not at all, under the recording's own path; nobody sees one that is half written.
2. It is written once: who finishes second finds `Taken`, and what is there stays.
3. It is written in parts of PART_BYTES. Whoever goes on with a copy that broke off finds the parts that are there, each
   with the MD5 of its bytes, and sends only the others.
4. What arrives is what was sent: the sink has each part verified by whoever stores it, or verifies it itself.
5. `find` says the size and the SHA-256 of a finished copy, and nothing of one that is not.

So copying again after any failure loses nothing and does nothing twice: `Copier` skips what is there, sends the rest,
and compares the SHA-256 of all it has read with the ledger's before it lets the copy be.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from dialtone.errors import ConfigurationError, DependencyError
from dialtone.storage.backend import Container
from dialtone.storage.ledger import Entry

PART_BYTES: Final = 8 * 1_048_576
SETTING: Final = "DIALTONE_ARCHIVE"


class Taken(Exception):
    """A copy of this name is there already."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A finished copy: its bytes, and the SHA-256 of them, in hexadecimal."""

    size: int
    sha256: str


@dataclass(slots=True)
class Upload:
    """A copy that is being written: how the sink knows it, and the MD5 (hexadecimal) of each part that is there."""

    name: str
    token: str
    parts: dict[int, str] = field(default_factory=dict)


class Sink(Protocol):
    """Where copies go. Every method raises `DependencyError` when it is out of reach or refuses."""

    def address(self, name: str) -> str:
        """Where a copy is, for people."""

    async def find(self, name: str) -> Copy | None:
        """Rule 5."""

    async def begin(self, name: str, about: Mapping[str, str]) -> Upload:
        """Begin a copy, or go on with one (rule 3). `about` is kept with it: names and short texts of ASCII."""

    async def send(self, upload: Upload, number: int, data: bytes) -> None:
        """Write part `number`, counted from 0, in place of what was there (rule 4)."""

    async def finish(self, upload: Upload, count: int, about: Mapping[str, str]) -> None:
        """Let the copy be parts 0 to `count` - 1 (rule 1). Raises `Taken` (rule 2)."""

    async def give_up(self, upload: Upload) -> None:
        """Forget the parts of a copy that will not be."""

    async def remove(self, name: str) -> str:
        """Delete a copy, if it is there; why that cannot be, or empty when there is none any more."""

    async def close(self) -> None:
        """Close every connection."""


class Copier:
    """Copies recordings into a sink; see `dialtone.storage.keeper.Archive`."""

    def __init__(self, container: Container, sink: Sink, *, part_bytes: int = PART_BYTES) -> None:
        self._container, self._sink, self._part_bytes = container, sink, part_bytes

    async def copy(self, entry: Entry) -> str:
        """Copy a recording, or go on with its copy, and say where it is. Raises `DependencyError`: try again later."""
        if not await self._is_there(entry):
            about = {"sha256": entry.sha256, "call": _ascii(entry.call_id), "consent": entry.consent or "unasked"}
            upload = await self._sink.begin(entry.path, about)
            count = await self._send(entry, upload)
            try:
                await self._sink.finish(upload, count, about)
            except Taken:
                await self._sink.give_up(upload)
            if not await self._is_there(entry):
                raise DependencyError(
                    f"the copy of {entry.path} is not in the archive", field=SETTING, fix="look at it"
                )
        return self._sink.address(entry.path)

    async def remove(self, entry: Entry) -> str:
        """Delete the copy of a recording; why that cannot be, or empty when it is gone."""
        return await self._sink.remove(entry.path)

    async def _is_there(self, entry: Entry) -> bool:
        found = await self._sink.find(entry.path)
        if found is not None and found != Copy(entry.size, entry.sha256):
            raise DependencyError(
                f"the archive has another recording under {entry.path}",
                field=SETTING,
                fix="see who else writes to the archive; move that copy away",
            )
        return found is not None

    async def _send(self, entry: Entry, upload: Upload) -> int:
        """Send the parts that are not there; how many there are."""
        digest, size, number = hashlib.sha256(), 0, 0
        while piece := await self._container.piece(entry.path, size, self._part_bytes):
            await asyncio.to_thread(digest.update, piece)
            if upload.parts.get(number) != hashlib.md5(piece, usedforsecurity=False).hexdigest():
                await self._sink.send(upload, number, piece)
            size += len(piece)
            number += 1
        if (size, digest.hexdigest()) != (entry.size, entry.sha256):
            await self._sink.give_up(upload)
            raise DependencyError(
                f"{entry.path} is not what the ledger says", field=SETTING, fix="run `dialtone recordings reconcile`"
            )
        return number


def open_sink(setting: str, *, storage: str = "", client_id: str | None = None, lock_days: int = 0) -> Sink:
    """The sink that DIALTONE_ARCHIVE names: `s3://bucket/prefix`, `file:///folder`, `azure:container` in the account of
    the connection string `storage`, or `azure:account/container` by managed identity.

    `lock_days` are those of S3 Object Lock. Nothing is connected, and nothing imported that only one of them needs.
    Raises `ConfigurationError`.
    """
    scheme, _, rest = setting.partition(":")
    where = rest.strip("/")
    if lock_days and scheme != "s3":
        raise ConfigurationError(
            "only S3 locks each object by itself",
            field="DIALTONE_ARCHIVE_LOCK_DAYS",
            fix="leave it out; in Azure give the container a retention policy",
        )
    if scheme == "s3" and where:
        from dialtone.archive.s3 import S3Sink

        bucket, _, prefix = where.partition("/")
        return S3Sink(bucket, prefix, lock_days=lock_days)
    if scheme == "file" and rest.startswith("//"):
        from dialtone.archive.folder import FolderSink

        return FolderSink(rest[2:])
    if scheme == "azure" and where:
        from dialtone.archive.blob import BlobSink
        from dialtone.storage.account import Address

        account, _, container = where.rpartition("/")
        if bool(account) is not bool(storage):
            address = Address.from_connection_string(storage) if storage else Address.from_name(account, client_id)
            return BlobSink(address, container)
    raise ConfigurationError(
        f"{setting!r} is no archive",
        field=SETTING,
        fix="write s3://bucket/prefix, file:///folder, azure:account/container, or azure:container with a connection "
        "string in DIALTONE_ARCHIVE_STORAGE",
    )


def _ascii(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe=":@+")[:1000]
