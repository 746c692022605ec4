"""A storage account in Azure, or Azurite in its place: who it is and how it is reached.

1. Nothing of the SDK is imported before the first request that needs it: a cold start costs the caller time.
2. Clients belong to the event loop that they were made in. There is one of each kind, made at first use and again
   when the running loop is another.
3. A request is tried again twice at most, soon: `dialtone.storage.failures` says how long it has.
4. A read link is signed with the account's key where there is one, else with a user delegation key, which lasts
   2 days and is renewed when less than a link's life is left of it.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ssl import SSLContext, create_default_context
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from dialtone.errors import ConfigurationError
from dialtone.storage.blobs import AzureContainer
from dialtone.storage.failures import SETTING, guard
from dialtone.storage.queues import AzureQueue
from dialtone.storage.tables import AzureTable

if TYPE_CHECKING:
    from azure.core.credentials import AzureNamedKeyCredential
    from azure.core.credentials_async import AsyncTokenCredential
    from azure.data.tables.aio import TableServiceClient
    from azure.storage.blob import UserDelegationKey
    from azure.storage.blob.aio import BlobServiceClient

_CONNECT_SECONDS: Final = 1
_READ_SECONDS: Final = 3
_DELEGATION: Final = timedelta(days=2)
_CLOCK_SKEW: Final = timedelta(minutes=5)

# The account that Azurite starts with; its key is public (Azurite, "Default storage account").
_AZURITE: Final = (
    "AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where an account is and how to get in: by `key`, or, without one, as the managed identity `client_id`."""

    name: str
    table_endpoint: str
    blob_endpoint: str
    queue_endpoint: str
    key: str = field(default="", repr=False)
    client_id: str | None = None

    @classmethod
    def from_connection_string(cls, text: str) -> "Address":
        """Read a connection string of the portal, or `UseDevelopmentStorage=true`. Raises ConfigurationError."""
        parts = dict(part.strip().split("=", 1) for part in text.split(";") if "=" in part)
        if parts.get("UseDevelopmentStorage", "").lower() == "true":
            return cls.from_connection_string(_AZURITE)
        name, key = parts.get("AccountName", ""), parts.get("AccountKey", "")
        if not name or not _is_key(key):
            raise ConfigurationError(
                "the connection string has no AccountName, or no AccountKey that is base64",
                field=SETTING,
                fix="copy the whole connection string of the account, or name the account and use a managed identity",
            )
        host = f"{name}.%s.{parts.get('EndpointSuffix', 'core.windows.net')}"
        protocol = parts.get("DefaultEndpointsProtocol", "https")
        return cls(
            name,
            parts.get("TableEndpoint", f"{protocol}://{host % 'table'}").rstrip("/"),
            parts.get("BlobEndpoint", f"{protocol}://{host % 'blob'}").rstrip("/"),
            parts.get("QueueEndpoint", f"{protocol}://{host % 'queue'}").rstrip("/"),
            key,
        )

    @classmethod
    def from_name(cls, name: str, client_id: str | None) -> "Address":
        """An account of the public cloud. Raises ConfigurationError when the name cannot be one."""
        if not (3 <= len(name) <= 24 and name.isascii() and name.isalnum() and name == name.lower()):
            raise ConfigurationError(
                "the name of a storage account is 3 to 24 lower-case letters and digits",
                field=SETTING,
                fix="give the account's name alone, without .blob.core.windows.net",
            )
        return cls(
            name,
            f"https://{name}.table.core.windows.net",
            f"https://{name}.blob.core.windows.net",
            f"https://{name}.queue.core.windows.net",
            client_id=client_id,
        )


class AzureAccount:
    """An Azure storage account.

    `options` are more keyword arguments for the SDK's clients, such as `connection_verify`, a file with certificates.
    """

    def __init__(self, address: Address, **options: Any) -> None:
        self.address = address
        self._options = options | {"connection_timeout": _CONNECT_SECONDS, "read_timeout": _READ_SECONDS}
        self._clients: _Clients | None = None

    def table(self, name: str) -> AzureTable:
        """See `Backend`."""
        return AzureTable(self, name)

    def container(self, name: str) -> AzureContainer:
        """See `Backend`."""
        return AzureContainer(self, name)

    def queue(self, name: str) -> AzureQueue:
        """See `Backend`."""
        return AzureQueue(self, name)

    async def close(self) -> None:
        """See `Backend`."""
        clients, self._clients = self._clients, None
        if clients is not None:
            await clients.close()

    async def tables(self) -> "TableServiceClient":
        """The client of Table Storage for the running loop."""
        clients = await self._of_this_loop()
        if clients.tables is None:
            from azure.data.tables.aio import TableServiceClient

            clients.tables = TableServiceClient(
                self.address.table_endpoint,
                credential=self._credential(clients),
                retry_total=2,
                retry_backoff_factor=0.2,
                retry_backoff_max=1,
                **self._options,
            )
        return clients.tables

    async def blobs(self) -> "BlobServiceClient":
        """The client of Blob Storage for the running loop."""
        clients = await self._of_this_loop()
        if clients.blobs is None:
            from azure.storage.blob.aio import BlobServiceClient, LinearRetry

            clients.blobs = BlobServiceClient(
                self.address.blob_endpoint,
                credential=self._credential(clients),
                # Between tries it waits up to a second, at random.
                retry_policy=LinearRetry(backoff=0, random_jitter_range=1, retry_total=2),
                **self._options,
            )
        return clients.blobs

    def trusted(self) -> SSLContext | bool:
        """Whom to trust, for a request that no client of the SDK makes."""
        if isinstance(file := self._options.get("connection_verify"), str):
            return create_default_context(cafile=file)
        return True

    async def token(self, scope: str) -> str:
        """A token of the managed identity, for a request that no client of the SDK makes."""
        credential = self._identity(await self._of_this_loop())
        async with guard("getting a token"):
            return (await credential.get_token(scope)).token

    @property
    def links_from(self) -> str:
        """See `Backend`."""
        parts = urlsplit(self.address.blob_endpoint)
        return f"{parts.scheme}://{parts.netloc}"

    async def link(self, container: str, blob: str, seconds: float, content_type: str, save_as: str = "") -> str:
        """A read link to one blob (rule 4), served with this content type whatever type it was uploaded with."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        expiry = datetime.now(UTC) + timedelta(seconds=seconds)
        signature = generate_blob_sas(
            self.address.name,
            container,
            blob,
            account_key=self.address.key or None,
            user_delegation_key=None if self.address.key else await self._delegation_key(expiry),
            permission=BlobSasPermissions(read=True),
            expiry=expiry,
            content_type=content_type,
            content_disposition=f'attachment; filename="{save_as}"' if save_as else None,
            protocol="https" if self.address.blob_endpoint.startswith("https:") else "https,http",
        )
        return f"{self.address.blob_endpoint}/{container}/{quote(blob)}?{signature}"

    async def _delegation_key(self, needed_until: datetime) -> "UserDelegationKey":
        clients = await self._of_this_loop()
        blobs = await self.blobs()
        async with clients.delegation_lock:
            if clients.delegation is None or clients.delegation[0] < needed_until:
                now = datetime.now(UTC)
                async with guard("getting a user delegation key"):
                    key = await blobs.get_user_delegation_key(now - _CLOCK_SKEW, now + _DELEGATION)
                clients.delegation = now + _DELEGATION - _CLOCK_SKEW, key
            return clients.delegation[1]

    def _credential(self, clients: "_Clients") -> "AzureNamedKeyCredential | AsyncTokenCredential":
        if self.address.key:
            from azure.core.credentials import AzureNamedKeyCredential

            return AzureNamedKeyCredential(self.address.name, self.address.key)
        return self._identity(clients)

    def _identity(self, clients: "_Clients") -> "AsyncTokenCredential":
        if clients.credential is None:
            from azure.identity.aio import ManagedIdentityCredential

            clients.credential = ManagedIdentityCredential(client_id=self.address.client_id)
        return clients.credential

    async def _of_this_loop(self) -> "_Clients":
        loop = asyncio.get_running_loop()
        clients = self._clients
        if clients is None or clients.loop is not loop:
            self._clients = _Clients(loop)
            if clients is not None and clients.loop.is_closed():
                await clients.close()
            return self._clients
        return clients


@dataclass(slots=True)
class _Clients:
    """What is bound to one event loop."""

    loop: asyncio.AbstractEventLoop
    tables: "TableServiceClient | None" = None
    blobs: "BlobServiceClient | None" = None
    credential: "AsyncTokenCredential | None" = None
    delegation: "tuple[datetime, UserDelegationKey] | None" = None
    delegation_lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def close(self) -> None:
        for client in (self.tables, self.blobs, self.credential):
            if client is not None:
                await client.close()


def _is_key(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except binascii.Error:
        return False
