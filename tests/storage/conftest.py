import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import unquote

import httpx
import pytest

from dialtone.storage import Storage, open_storage
from dialtone.storage.account import AzureAccount
from dialtone.storage.memory import MemoryBackend

BACKENDS = ("memory", pytest.param("azurite", marks=pytest.mark.azurite))

DeleteBlob = Callable[[str, str], Awaitable[None]]


@pytest.fixture(params=BACKENDS)
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    """A blank storage, once in memory and once in Azurite: what holds for one must hold for the other."""
    connection = "memory" if request.param == "memory" else request.getfixturevalue("azurite_connection")
    opened = open_storage(connection)
    yield opened
    await opened.close()


@pytest.fixture
def delete_blob(storage: Storage) -> DeleteBlob:
    """What an operator does by hand: remove a blob of a container."""

    async def delete(container: str, name: str) -> None:
        backend = storage.backend
        if isinstance(backend, MemoryBackend):
            del backend.container(container)._blobs[name]
        elif isinstance(backend, AzureAccount):
            await (await backend.blobs()).get_blob_client(container, name).delete_blob()

    return delete


async def follow(link: str) -> tuple[str, bytes]:
    """The content type and the content behind a link."""
    if link.startswith("data:"):
        content_type, _, data = link.removeprefix("data:").partition(";base64,")
        return unquote(content_type), base64.b64decode(data)
    async with httpx.AsyncClient() as client:
        response = await client.get(link)
        response.raise_for_status()
        return response.headers["content-type"], response.content
