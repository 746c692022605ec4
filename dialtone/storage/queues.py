"""A queue of an Azure storage account, by the two requests that the kit needs: the SDK for queues is not installed for
them.

Source: Azure Queue Storage REST, "Put Message" and "Create Queue". The text is sent in base64, which the Functions host
and the SDKs expect.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from dialtone.errors import StorageUnavailable
from dialtone.storage.failures import guard

if TYPE_CHECKING:
    from dialtone.storage.account import AzureAccount

_VERSION: Final = "2021-12-02"
_SCOPE: Final = "https://storage.azure.com/.default"
_SIGNED_FOR: Final = timedelta(minutes=10)


class AzureQueue:
    """See `Queue`."""

    def __init__(self, account: "AzureAccount", name: str) -> None:
        self._account = account
        self._name = name

    async def ensure(self) -> None:
        """See `Queue`."""
        async with guard(f"creating queue {self._name}"):
            status = await self._request("PUT", "", b"")
        if status not in (201, 204, 409):
            raise self._refused("creating", status)

    async def send(self, text: str) -> None:
        """See `Queue`."""
        body = f"<QueueMessage><MessageText>{base64.b64encode(text.encode()).decode()}</MessageText></QueueMessage>"
        async with guard(f"adding a message to queue {self._name}"):
            status = await self._request("POST", "/messages", body.encode())
            if status == 404:
                await self.ensure()
                status = await self._request("POST", "/messages", body.encode())
        if status != 201:
            raise self._refused("adding a message to", status)

    async def _request(self, method: str, path: str, body: bytes) -> int:
        import aiohttp

        address = self._account.address
        headers = {"x-ms-version": _VERSION, "Content-Type": "application/xml"}
        signature = ""
        if address.key:
            from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

            signature = "?" + generate_account_sas(
                address.name,
                address.key,
                ResourceTypes(container=True, object=True),
                AccountSasPermissions(add=True, create=True, write=True),
                datetime.now(UTC) + _SIGNED_FOR,
                services=Services(queue=True),
            )
        else:
            headers["Authorization"] = f"Bearer {await self._account.token(_SCOPE)}"
        url = f"{address.queue_endpoint}/{self._name}{path}{signature}"
        async with aiohttp.ClientSession() as session:
            reply = await session.request(method, url, data=body, headers=headers, ssl=self._account.trusted())
            await reply.read()
            return reply.status

    def _refused(self, what: str, status: int) -> StorageUnavailable:
        return StorageUnavailable(
            f"{what} queue {self._name}: status {status}",
            fix="give the app's identity the role Storage Queue Data Message Sender, and see that the queue is there",
        )
