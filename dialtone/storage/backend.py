"""What the stores need of a storage account: tables of rows and containers of blobs.

Two things keep it: an Azure account (`dialtone.storage.account`) and memory (`dialtone.storage.memory`). Every method
that asks the account raises `StorageUnavailable` when it does not answer, or refuses. What is written to a table or a
container that is not there creates it; what is read from one finds nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Entity = Mapping[str, Any]
"""A row: `PartitionKey`, `RowKey`, and properties that are str, int (32 bits), float, bool or bytes."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What is known of a blob without reading it. `size` is in bytes; `etag` changes whenever the content does;
    `modified` is when it did, to the second, in Unix seconds (0 in memory, which has no clock).
    """

    name: str
    size: int
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    modified: float = 0.0


class Table(Protocol):
    """One table."""

    async def ensure(self) -> None:
        """Create it if it is not there."""

    async def insert(self, entity: Entity) -> bool:
        """Add a row; False, and nothing written, when its keys are taken."""

    async def put(self, entity: Entity) -> None:
        """Add a row or replace the one with its keys."""

    async def merge(self, entity: Entity) -> bool:
        """Set these properties of the row with these keys and leave its others; False when there is no such row."""

    async def get(self, partition: str, row: str) -> Entity | None:
        """The row with these keys."""

    async def delete(self, partition: str, row: str) -> None:
        """Remove a row, if it is there."""

    async def scan(
        self,
        partition: str,
        *,
        first: str = "",
        limit: int | None = None,
        last: Callable[[Entity], bool] | None = None,
    ) -> list[Entity]:
        """The rows of a partition from row key `first` on, in the order of their keys: `limit` of them at most, and
        none after the first for which `last` is true.
        """


class Container(Protocol):
    """One container of blobs."""

    async def ensure(self) -> None:
        """Create it if it is not there."""

    async def put(
        self, name: str, data: bytes | memoryview, content_type: str, metadata: Mapping[str, str], *, overwrite: bool
    ) -> bool:
        """Write a blob; False, and nothing written, when it is there and may not be overwritten.

        All of it is there, or nothing, whatever breaks and however many write it at once.
        """

    async def head(self, name: str) -> Blob | None:
        """What is known of a blob."""

    async def read(self, name: str) -> tuple[bytes, str] | None:
        """The content of a blob and the etag that belongs to it."""

    async def piece(self, name: str, start: int, size: int) -> bytes:
        """The `size` bytes of a blob from byte `start` on: fewer at its end, none behind it or without a blob."""

    async def blobs(self, prefix: str = "", *, limit: int | None = None, metadata: bool = False) -> list[Blob]:
        """The blobs whose names start with `prefix`, in the order of their names; with their metadata if asked for."""

    def pages(self, prefix: str = "", *, size: int = 250) -> AsyncIterator[list[Blob]]:
        """The same, with their metadata, in lists of `size` at most: however many there are, one list is in memory."""

    async def delete(self, name: str) -> None:
        """Remove a blob, if it is there, and what an account keeps of it as former versions."""

    def staged(self, name: str, content_type: str, *, writer: str = "") -> "Staged":
        """Write a blob part by part, in place of what is there; with `writer`, go on where that one left off."""

    async def link(self, name: str, seconds: float, content_type: str, *, save_as: str = "") -> str:
        """A link that lets whoever has it read this one blob for so many seconds; browsers save it under the name
        `save_as`, where one is given, instead of showing it.
        """


class Staged(Protocol):
    """A blob that is written part by part, by one writer."""

    @property
    def writer(self) -> str:
        """Who writes it: letters and digits, by which somebody else can go on with the parts of its last commit."""

    async def stage(self, number: int, data: bytes) -> None:
        """Send part `number`, counted from 0, at most 4 MiB. Nobody sees it before the next commit; sent again, it
        replaces what it was."""

    async def commit(self, parts: int, metadata: Mapping[str, str], *, over: str | None = None) -> str | None:
        """Let the blob be parts 0 to `parts` - 1 as they were last sent, and say its etag.

        With `over` only in place of what has that etag, or, where it is empty, of nothing: None, and nothing is
        changed, when somebody else has written it.
        """


class Queue(Protocol):
    """A queue of messages, read by others."""

    async def ensure(self) -> None:
        """Create it if it is not there."""

    async def send(self, text: str) -> None:
        """Add a message of 48,000 bytes of UTF-8 at most. Sent again after a failure, it may be there twice."""


class Backend(Protocol):
    """A storage account, or what stands in for one."""

    @property
    def links_from(self) -> str:
        """The origin of its links, as `https://host`; `data:` where they hold the content."""

    def table(self, name: str) -> Table:
        """The table of this name."""

    def container(self, name: str) -> Container:
        """The container of this name."""

    def queue(self, name: str) -> Queue:
        """The queue of this name."""

    async def close(self) -> None:
        """Close every connection. The backend can be used again afterwards."""


async def together(*requests: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers to several requests at once. All of them have ended when this returns or raises the first error."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
