"""Storage in memory: for tests and benchmarks. It means the same as an account and is gone with the process."""

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from itertools import count
from secrets import token_hex

from dialtone.storage.backend import Blob, Entity


class MemoryTable:
    """A table in a dictionary of partitions."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Entity]] = {}

    async def ensure(self) -> None:
        """Nothing to do."""

    async def insert(self, entity: Entity) -> bool:
        """See `Table`."""
        rows = self._partitions.setdefault(entity["PartitionKey"], {})
        if entity["RowKey"] in rows:
            return False
        rows[entity["RowKey"]] = entity
        return True

    async def put(self, entity: Entity) -> None:
        """See `Table`."""
        self._partitions.setdefault(entity["PartitionKey"], {})[entity["RowKey"]] = entity

    async def merge(self, entity: Entity) -> bool:
        """See `Table`."""
        rows = self._partitions.get(entity["PartitionKey"], {})
        if entity["RowKey"] not in rows:
            return False
        rows[entity["RowKey"]] = {**rows[entity["RowKey"]], **entity}
        return True

    async def get(self, partition: str, row: str) -> Entity | None:
        """See `Table`."""
        return self._partitions.get(partition, {}).get(row)

    async def delete(self, partition: str, row: str) -> None:
        """See `Table`."""
        self._partitions.get(partition, {}).pop(row, None)

    async def scan(
        self,
        partition: str,
        *,
        first: str = "",
        limit: int | None = None,
        last: Callable[[Entity], bool] | None = None,
    ) -> list[Entity]:
        """See `Table`."""
        rows = self._partitions.get(partition, {})
        found = []
        for key in sorted(key for key in rows if key >= first)[:limit]:
            found.append(rows[key])
            if last is not None and last(rows[key]):
                break
        return found


class MemoryContainer:
    """A container in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, tuple[Blob, bytes]] = {}
        self._parts: dict[tuple[str, str], dict[int, bytes]] = {}
        self._etags = count(1)

    async def ensure(self) -> None:
        """Nothing to do."""

    async def put(
        self, name: str, data: bytes | memoryview, content_type: str, metadata: Mapping[str, str], *, overwrite: bool
    ) -> bool:
        """See `Container`."""
        if name in self._blobs and not overwrite:
            return False
        self._blobs[name] = (Blob(name, len(data), str(next(self._etags)), dict(metadata)), bytes(data))
        return True

    async def head(self, name: str) -> Blob | None:
        """See `Container`."""
        blob, _ = self._blobs.get(name, (None, b""))
        return blob

    async def read(self, name: str) -> tuple[bytes, str] | None:
        """See `Container`."""
        if name not in self._blobs:
            return None
        blob, data = self._blobs[name]
        return data, blob.etag

    async def piece(self, name: str, start: int, size: int) -> bytes:
        """See `Container`."""
        _, data = self._blobs.get(name, (None, b""))
        return data[start : start + size]

    async def blobs(self, prefix: str = "", *, limit: int | None = None, metadata: bool = False) -> list[Blob]:
        """See `Container`."""
        names = sorted(name for name in self._blobs if name.startswith(prefix))[:limit]
        return [self._blobs[name][0] for name in names]

    async def pages(self, prefix: str = "", *, size: int = 250) -> AsyncIterator[list[Blob]]:
        """See `Container`."""
        found = await self.blobs(prefix)
        for start in range(0, len(found), size):
            yield found[start : start + size]

    async def delete(self, name: str) -> None:
        """See `Container`."""
        self._blobs.pop(name, None)

    def staged(self, name: str, content_type: str, *, writer: str = "") -> "MemoryStaged":
        """See `Container`."""
        return MemoryStaged(self, name, content_type, writer)

    async def stage(self, name: str, writer: str, number: int, data: bytes) -> None:
        """Keep a part of a blob that is not there yet."""
        self._parts.setdefault((name, writer), {})[number] = data

    def parts(self, name: str, writer: str, count: int) -> bytes:
        """The first parts that a writer has sent, joined."""
        return b"".join(self._parts[name, writer][number] for number in range(count))

    async def link(self, name: str, seconds: float, content_type: str, *, save_as: str = "") -> str:
        """A `data:` link that holds the content itself, for nobody serves this memory; it does not expire."""
        _, data = self._blobs.get(name, (None, b""))
        return f"data:{content_type};base64,{base64.b64encode(data).decode()}"


class MemoryStaged:
    """See `Staged`."""

    def __init__(self, container: MemoryContainer, name: str, content_type: str, writer: str = "") -> None:
        self._container, self._name, self._content_type = container, name, content_type
        self.writer = writer or token_hex(8)

    async def stage(self, number: int, data: bytes) -> None:
        """See `Staged`."""
        await self._container.stage(self._name, self.writer, number, data)

    async def commit(self, parts: int, metadata: Mapping[str, str], *, over: str | None = None) -> str | None:
        """See `Staged`."""
        there = await self._container.head(self._name)
        if over is not None and over != (there.etag if there else ""):
            return None
        data = self._container.parts(self._name, self.writer, parts)
        await self._container.put(self._name, data, self._content_type, metadata, overwrite=True)
        done = await self._container.head(self._name)
        return done.etag if done else None


class MemoryQueue:
    """A queue in a list; `messages` are those that were sent."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    async def ensure(self) -> None:
        """Nothing to do."""

    async def send(self, text: str) -> None:
        """See `Queue`."""
        self.messages.append(text)


class MemoryBackend:
    """A storage account in memory."""

    links_from = "data:"

    def __init__(self) -> None:
        self._queues: dict[str, MemoryQueue] = {}
        self._tables: dict[str, MemoryTable] = {}
        self._containers: dict[str, MemoryContainer] = {}

    def table(self, name: str) -> MemoryTable:
        """See `Backend`."""
        return self._tables.setdefault(name, MemoryTable())

    def container(self, name: str) -> MemoryContainer:
        """See `Backend`."""
        return self._containers.setdefault(name, MemoryContainer())

    def queue(self, name: str) -> MemoryQueue:
        """See `Backend`."""
        return self._queues.setdefault(name, MemoryQueue())

    async def close(self) -> None:
        """Nothing to do."""
