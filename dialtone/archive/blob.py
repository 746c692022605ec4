"""An archive in a container of another storage account. That a copy cannot be deleted is the container's own policy.

A part is a block whose name says its number and its MD5, which the account has verified on arrival; blocks that nobody
commits are gone after a week.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from dialtone.archive import Copy, Taken, Upload
from dialtone.storage.account import Address, AzureAccount
from dialtone.storage.failures import guard

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient

_DIGITS: Final = 5


class BlobSink:
    """See `Sink`."""

    def __init__(self, address: Address, container: str) -> None:
        self._account = AzureAccount(address)
        self._container = container

    def address(self, name: str) -> str:
        """See `Sink`."""
        return f"{self._account.address.blob_endpoint}/{self._container}/{name}"

    async def find(self, name: str) -> Copy | None:
        """See `Sink`."""
        from azure.core.exceptions import ResourceNotFoundError

        blob = await self._blob(name)
        async with guard("looking into the archive"):
            try:
                there = await blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        return Copy(there.size, str((there.metadata or {}).get("sha256", "")))

    async def begin(self, name: str, about: Mapping[str, str]) -> Upload:
        """See `Sink`."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        blob = await self._blob(name)
        async with guard("beginning a copy in the archive"):
            try:
                _, waiting = await blob.get_block_list("uncommitted")
            except ResourceNotFoundError:
                waiting = []
                service = await self._account.blobs()
                with suppress(ResourceExistsError):
                    await service.create_container(self._container)
        parts = {int(block.id[:_DIGITS]): block.id[_DIGITS:] for block in waiting}
        return Upload(name, "", parts)

    async def send(self, upload: Upload, number: int, data: bytes) -> None:
        """See `Sink`."""
        blob = await self._blob(upload.name)
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        async with guard("sending a part to the archive", size=len(data)):
            await blob.stage_block(_id(number, digest), data, len(data), validate_content=True)
        upload.parts[number] = digest

    async def finish(self, upload: Upload, count: int, about: Mapping[str, str]) -> None:
        """See `Sink`."""
        from azure.core import MatchConditions
        from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceModifiedError
        from azure.storage.blob import BlobBlock

        blob = await self._blob(upload.name)
        blocks = [BlobBlock(_id(number, upload.parts[number])) for number in range(count)]
        async with guard("finishing a copy in the archive"):
            try:
                await blob.commit_block_list(blocks, metadata=dict(about), match_condition=MatchConditions.IfMissing)
            except (ResourceExistsError, ResourceModifiedError):
                raise Taken from None
            except HttpResponseError:
                # Whoever finished first took the blocks along.
                if await blob.exists():
                    raise Taken from None
                raise

    async def give_up(self, upload: Upload) -> None:
        """See `Sink`: the account forgets them by itself."""

    async def remove(self, name: str) -> str:
        """See `Sink`."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        blob = await self._blob(name)
        async with guard("removing a copy from the archive"):
            try:
                await blob.delete_blob()
            except ResourceNotFoundError:
                return ""
            except HttpResponseError as error:
                if error.status_code == 409:
                    return f"the account refuses: {getattr(error, 'error_code', 'a policy')}"
                raise
        return ""

    async def close(self) -> None:
        """See `Sink`."""
        await self._account.close()

    async def _blob(self, name: str) -> "BlobClient":
        return (await self._account.blobs()).get_blob_client(self._container, name)


def _id(number: int, digest: str) -> str:
    return f"{number:0{_DIGITS}}{digest}"
