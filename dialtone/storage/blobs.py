"""A container of an Azure storage account."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dialtone.storage.backend import Blob
from dialtone.storage.failures import guard

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobServiceClient, ContainerClient

    from dialtone.storage.account import AzureAccount


class AzureContainer:
    """See `Container`."""

    def __init__(self, account: "AzureAccount", name: str) -> None:
        self._account = account
        self._name = name
        self._service: BlobServiceClient | None = None
        self._container: ContainerClient | None = None

    async def ensure(self) -> None:
        """See `Container`."""
        container = await self._client()
        async with guard(f"creating container {self._name}"):
            await _create(container)

    async def put(
        self, name: str, data: bytes, content_type: str, metadata: Mapping[str, str], *, overwrite: bool
    ) -> bool:
        """See `Container`.

        It is tried again after a broken connection, so it may find the blob that it wrote itself, and says False.
        """
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
        from azure.storage.blob import ContentSettings

        container = await self._client()
        settings = ContentSettings(content_type=content_type)
        arguments: dict[str, Any] = {"content_settings": settings, "metadata": dict(metadata), "overwrite": overwrite}
        async with guard(f"writing a blob of container {self._name}", size=len(data)):
            try:
                try:
                    await container.upload_blob(name, data, **arguments)
                except ResourceNotFoundError:
                    await _create(container)
                    await container.upload_blob(name, data, **arguments)
            except ResourceExistsError:
                return False
        return True

    async def head(self, name: str) -> Blob | None:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self._client()
        async with guard(f"asking for a blob of container {self._name}"):
            try:
                return _blob(await container.get_blob_client(name).get_blob_properties())
            except ResourceNotFoundError:
                return None

    async def read(self, name: str) -> tuple[bytes, str] | None:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self._client()
        async with guard(f"reading a blob of container {self._name}"):
            try:
                download = await container.download_blob(name)
            except ResourceNotFoundError:
                return None
        async with guard(f"reading a blob of container {self._name}", size=download.size):
            return await download.readall(), _etag(download.properties.etag)

    async def blobs(self, prefix: str = "", *, limit: int | None = None, metadata: bool = False) -> list[Blob]:
        """See `Container`."""
        from azure.core.exceptions import ResourceNotFoundError

        container = await self._client()
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

    async def link(self, name: str, seconds: float, content_type: str) -> str:
        """See `Container`."""
        return await self._account.link(self._name, name, seconds, content_type)

    async def _client(self) -> "ContainerClient":
        service = await self._account.blobs()
        if self._container is None or self._service is not service:
            self._service, self._container = service, service.get_container_client(self._name)
        return self._container


async def _create(container: "ContainerClient") -> None:
    from azure.core.exceptions import ResourceExistsError

    with suppress(ResourceExistsError):
        await container.create_container()


def _blob(properties: Any) -> Blob:
    return Blob(properties.name, properties.size, _etag(properties.etag), dict(properties.metadata or {}))


def _etag(text: str) -> str:
    # Quoted in headers, bare in listings.
    return text.strip('"')
