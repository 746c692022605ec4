"""A container of an Azure storage account.

How a blob is written:
  1. A small one in one request. A larger one in blocks, which nobody sees before all are committed, in one request too.
  2. Blocks that are not in the list that is committed are gone with the commit. Their names are random, so that of two
     who write the same blob neither commits a block of the other; who comes second finds its blocks gone, or the blob
     there.
  3. A block is copied when it is sent, and the next one after it: beyond `data` itself, writing takes little memory.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from io import BytesIO
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from dialtone.storage.backend import Blob
from dialtone.storage.failures import AUDIO_BYTES_PER_SECOND, guard

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient

    from dialtone.storage.account import AzureAccount

SMALL_BYTES: Final = 1_048_576
"""What aiohttp sends in one piece."""
BLOCK_BYTES: Final = 4 * 1_048_576


class AzureContainer:
    """See `Container`."""

    def __init__(self, account: "AzureAccount", name: str) -> None:
        self._account = account
        self._name = name
        self._service: BlobServiceClient | None = None
        self._container: ContainerClient | None = None

    async def ensure(self) -> None:
        """See `Container`."""
        container = await self.client()
        async with guard(f"creating container {self._name}"):
            await _create(container)

    async def put(
        self, name: str, data: bytes | memoryview, content_type: str, metadata: Mapping[str, str], *, overwrite: bool
    ) -> bool:
        """See `Container`.

        It is tried again after a broken connection, so it may find the blob that it wrote itself, and says False.
        """
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
        from azure.storage.blob import ContentSettings

        container = await self.client()
        settings = ContentSettings(content_type=content_type)
        about: dict[str, Any] = {"content_settings": settings, "metadata": dict(metadata)}

        async def write() -> None:
            if len(data) <= SMALL_BYTES:
                await container.upload_blob(name, bytes(data), overwrite=overwrite, **about)
            else:
                await _write_blocks(container.get_blob_client(name), memoryview(data), about, overwrite=overwrite)

        async with guard(f"writing a blob of container {self._name}", size=len(data)):
            try:
                try:
                    await write()
                except ResourceNotFoundError:
                    await _create(container)
                    await write()
            except ResourceExistsError:
                return False
        return True

    async def head(self, name: str) -> Blob | None:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self.client()
        async with guard(f"asking for a blob of container {self._name}"):
            try:
                return _blob(await container.get_blob_client(name).get_blob_properties())
            except ResourceNotFoundError:
                return None

    async def read(self, name: str) -> tuple[bytes, str] | None:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self.client()
        async with guard(f"reading a blob of container {self._name}"):
            try:
                download = await container.download_blob(name)
            except ResourceNotFoundError:
                return None
        async with guard(f"reading a blob of container {self._name}", size=download.size):
            return await download.readall(), _etag(download.properties.etag)

    async def piece(self, name: str, start: int, size: int) -> bytes:
        """See `Container`."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        container = await self.client()
        async with guard(f"reading a blob of container {self._name}", size=size):
            try:
                return bytes(await (await container.download_blob(name, start, size)).readall())
            except ResourceNotFoundError:
                return b""
            except HttpResponseError as error:
                if error.status_code == 416:
                    return b""
                raise

    async def blobs(self, prefix: str = "", *, limit: int | None = None, metadata: bool = False) -> list[Blob]:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self.client()
        found: list[Blob] = []
        async with guard(f"listing container {self._name}"):
            listing = container.list_blobs(
                name_starts_with=prefix or None,
                include=["metadata"] if metadata else None,
                results_per_page=limit,
            )
            with suppress(ResourceNotFoundError):
                async for properties in listing:
                    found.append(_blob(properties))
                    if len(found) == limit:
                        break
        return found

    async def pages(self, prefix: str = "", *, size: int = 250) -> AsyncIterator[list[Blob]]:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self.client()
        listing = container.list_blobs(
            name_starts_with=prefix or None, include=["metadata"], results_per_page=size
        ).by_page()
        while True:
            # Nobody on a line waits for a whole listing.
            async with guard(f"listing container {self._name}", size=16 * AUDIO_BYTES_PER_SECOND):
                try:
                    page = [_blob(properties) async for properties in await anext(listing)]
                except (StopAsyncIteration, ResourceNotFoundError):
                    return
            yield page

    async def delete(self, name: str) -> None:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self.client()
        async with guard(f"removing a blob of container {self._name}"):
            with suppress(ResourceNotFoundError):
                await container.delete_blob(name)
            with suppress(ResourceNotFoundError):
                # Where versions are kept, a blob that is removed becomes one.
                async for former in container.list_blobs(name_starts_with=name, include=["versions"]):
                    if former.name == name and former.version_id:
                        await container.get_blob_client(name, version_id=former.version_id).delete_blob()

    def staged(self, name: str, content_type: str, *, writer: str = "") -> "AzureStaged":
        """See `Container`."""
        return AzureStaged(self, name, content_type, writer or token_hex(8))

    async def link(self, name: str, seconds: float, content_type: str, *, save_as: str = "") -> str:
        """See `Container`."""
        return await self._account.link(self._name, name, seconds, content_type, save_as)

    async def client(self) -> "ContainerClient":
        """The SDK's client of this container."""
        service = await self._account.blobs()
        if self._container is None or self._service is not service:
            self._service, self._container = service, service.get_container_client(self._name)
        return self._container


class AzureStaged:
    """See `Staged`. Parts are blocks, sent with their MD5; a commit names them again, those of earlier commits too."""

    def __init__(self, container: AzureContainer, name: str, content_type: str, writer: str) -> None:
        self._container, self._name, self._content_type = container, name, content_type
        self.writer = writer

    async def stage(self, number: int, data: bytes) -> None:
        """See `Staged`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self._container.client()
        blob = container.get_blob_client(self._name)
        async with guard("sending a part of a blob", size=len(data)):
            try:
                await blob.stage_block(self._id(number), data, len(data), validate_content=True)
            except ResourceNotFoundError:
                await _create(container)
                await blob.stage_block(self._id(number), data, len(data), validate_content=True)

    async def commit(self, parts: int, metadata: Mapping[str, str], *, over: str | None = None) -> str | None:
        """See `Staged`."""
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError
        from azure.storage.blob import BlobBlock, ContentSettings, StorageErrorCode

        blob = (await self._container.client()).get_blob_client(self._name)
        blocks = [BlobBlock(self._id(number)) for number in range(parts)]
        about: dict[str, Any] = {
            "content_settings": ContentSettings(content_type=self._content_type),
            "metadata": dict(metadata),
        }
        if over is not None:
            about["match_condition"] = MatchConditions.IfNotModified if over else MatchConditions.IfMissing
            about |= {"etag": f'"{over}"'} if over else {}
        async with guard("committing the parts of a blob"):
            try:
                done = await blob.commit_block_list(blocks, **about)
            except (ResourceExistsError, ResourceModifiedError):
                return None
            except HttpResponseError as error:
                # The commit of somebody else throws away what was sent and not committed.
                if over is not None and getattr(error, "error_code", None) == StorageErrorCode.INVALID_BLOCK_LIST:
                    return None
                raise
        return _etag(str(done["etag"]))

    def _id(self, number: int) -> str:
        return f"{self.writer}{number:05}"


async def _write_blocks(blob: "BlobClient", data: memoryview, about: Mapping[str, Any], *, overwrite: bool) -> None:
    """Rules 1 to 3. Raises ResourceExistsError when the blob is there and may not be overwritten."""
    from azure.core import MatchConditions
    from azure.core.exceptions import HttpResponseError, ResourceExistsError
    from azure.storage.blob import BlobBlock, StorageErrorCode

    if not overwrite and await blob.exists():
        raise ResourceExistsError("the blob is there already")
    writer = token_hex(8)
    blocks: list[BlobBlock] = []
    for start in range(0, len(data), BLOCK_BYTES):
        block = data[start : start + BLOCK_BYTES]
        # The names of a blob's blocks must be of one length.
        blocks.append(BlobBlock(f"{writer}{len(blocks):05}"))
        await blob.stage_block(blocks[-1].id, BytesIO(block), len(block))
    condition = None if overwrite else MatchConditions.IfMissing
    try:
        await blob.commit_block_list(blocks, match_condition=condition, **about)
    except HttpResponseError as error:
        code = getattr(error, "error_code", None)
        if code == StorageErrorCode.INVALID_BLOCK_LIST and not overwrite and await blob.exists():
            raise ResourceExistsError("the blob was written by somebody else meanwhile") from error
        raise


async def _create(container: "ContainerClient") -> None:
    from azure.core.exceptions import ResourceExistsError

    with suppress(ResourceExistsError):
        await container.create_container()


def _blob(properties: Any) -> Blob:
    modified = properties.last_modified.timestamp() if properties.last_modified else 0.0
    return Blob(properties.name, properties.size, _etag(properties.etag), dict(properties.metadata or {}), modified)


def _etag(text: str) -> str:
    # Quoted in headers, bare in listings.
    return text.strip('"')
