"""Large blobs, which are written in blocks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from dialtone.storage import Storage, open_storage
from dialtone.storage.account import AzureAccount
from dialtone.storage.blobs import BLOCK_BYTES, SMALL_BYTES, AzureContainer, _write_blocks

KIND = "audio/wav"


def content(mark: int, size: int = 2 * BLOCK_BYTES + 7) -> bytes:
    """Bytes of which each block tells whose it is."""
    return bytes([mark]) * size


@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES])
async def test_every_size_is_read_back(storage: Storage, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    container = storage.backend.container("sizes")
    assert await container.put("blob", memoryview(data), KIND, {"a": "1"}, overwrite=False)
    assert not await container.put("blob", b"other", KIND, {}, overwrite=False)
    read, head = await container.read("blob"), await container.head("blob")
    assert read is not None
    assert read[0] == data
    assert head is not None
    assert (head.size, head.metadata) == (size, {"a": "1"})


async def test_a_large_blob_is_replaced_when_it_may_be(storage: Storage) -> None:
    container = storage.backend.container("replaced")
    for mark in (1, 2):
        assert await container.put("blob", content(mark), KIND, {}, overwrite=True)
    assert not await container.put("blob", content(3), KIND, {}, overwrite=False)
    read = await container.read("blob")
    assert read is not None
    assert read[0] == content(2)


async def test_of_parallel_writers_one_wins_whole(storage: Storage) -> None:
    container = storage.backend.container("parallel")
    wrote = await asyncio.gather(
        *(container.put("blob", content(mark), KIND, {"mark": str(mark)}, overwrite=False) for mark in range(4))
    )
    assert sum(wrote) == 1
    winner = wrote.index(True)
    read, (listed,) = await container.read("blob"), await container.blobs(metadata=True)
    assert read is not None
    assert read[0] == content(winner)
    assert listed.metadata == {"mark": str(winner)}


@pytest.fixture
async def container(azurite_connection: str) -> AsyncIterator[AzureContainer]:
    storage = open_storage(azurite_connection)
    backend = storage.backend
    assert isinstance(backend, AzureAccount)
    container = backend.container("blocks")
    await container.ensure()
    yield container
    await storage.close()


class Watched:
    """A blob's client that stops before a step: to be cut off there, or to let somebody else go first."""

    def __init__(self, blob: Any, stop: str, number: int = 1) -> None:
        self._blob = blob
        self._stop = stop
        self._left = number
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._blob, name)
        if name != self._stop:
            return method

        async def stopping(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                self.reached.set()
                await self.go.wait()
            return await method(*args, **kwargs)

        return stopping


async def started(container: AzureContainer, data: bytes, stop: str, number: int = 1) -> tuple[Watched, Any]:
    """A writer that waits before a step."""
    blob = Watched((await container.client()).get_blob_client("blob"), stop, number)
    writer = asyncio.create_task(_write_blocks(blob, memoryview(data), {}, overwrite=False))  # type: ignore[arg-type]
    await blob.reached.wait()
    return blob, writer


STEPS = [("stage_block", 1), ("stage_block", 2), ("stage_block", 3), ("commit_block_list", 1)]


@pytest.mark.azurite
@pytest.mark.parametrize(("stop", "number"), STEPS)
async def test_what_is_cut_off_leaves_nothing_to_see(container: AzureContainer, stop: str, number: int) -> None:
    _, writer = await started(container, content(1), stop, number)
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    assert await container.head("blob") is None
    assert await container.blobs() == []
    assert await container.put("blob", content(2), KIND, {}, overwrite=False)
    read = await container.read("blob")
    assert read is not None
    assert read[0] == content(2)


@pytest.mark.azurite
@pytest.mark.parametrize(("stop", "number"), STEPS)
async def test_who_is_overtaken_says_so_and_changes_nothing(container: AzureContainer, stop: str, number: int) -> None:
    blob, writer = await started(container, content(1), stop, number)
    assert await container.put("blob", content(2), KIND, {}, overwrite=False)
    blob.go.set()
    with pytest.raises(ResourceExistsError):
        await writer
    read = await container.read("blob")
    assert read is not None
    assert read[0] == content(2)


@pytest.mark.azurite
async def test_blocks_of_two_writers_are_not_mixed(container: AzureContainer) -> None:
    first, first_writer = await started(container, content(1), "commit_block_list")
    second, second_writer = await started(container, content(2), "commit_block_list")
    first.go.set()
    await first_writer
    second.go.set()
    with pytest.raises(ResourceExistsError):
        await second_writer
    read = await container.read("blob")
    assert read is not None
    assert read[0] == content(1)


class Gone:
    """A blob whose blocks somebody else's commit has taken away; Azure may say so before it says that it is there."""

    def __init__(self, *there: bool) -> None:
        self._there = list(there)

    async def exists(self) -> bool:
        return self._there.pop(0)

    async def stage_block(self, *_: Any) -> None:
        pass

    async def commit_block_list(self, *_: Any, **__: Any) -> None:
        error = HttpResponseError("The specified block list is invalid.")
        error.error_code = "InvalidBlockList"  # type: ignore[attr-defined]
        raise error


async def test_blocks_that_are_gone_mean_that_somebody_was_first() -> None:
    data = memoryview(content(1))
    with pytest.raises(ResourceExistsError):
        await _write_blocks(Gone(False, True), data, {}, overwrite=False)  # type: ignore[arg-type]
    with pytest.raises(HttpResponseError) as caught:
        await _write_blocks(Gone(False, False), data, {}, overwrite=False)  # type: ignore[arg-type]
    assert not isinstance(caught.value, ResourceExistsError)


async def test_a_blob_that_is_written_part_by_part(storage: Storage) -> None:
    container = storage.backend.container("staged")
    blob = container.staged("blob", KIND)
    await blob.stage(0, b"head ")
    await blob.stage(1, b"one ")
    assert await container.read("blob") is None
    await blob.commit(2, {"parts": "1"})
    await blob.stage(2, b"two ")
    await blob.stage(0, b"HEAD ")
    seen = await container.read("blob")
    assert seen is not None
    assert seen[0] == b"head one "
    await blob.commit(3, {"parts": "2"})
    seen, about = await container.read("blob"), await container.head("blob")
    assert seen is not None
    assert about is not None
    assert (seen[0], about.metadata) == (b"HEAD one two ", {"parts": "2"})
