import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dialtone.errors import StorageUnavailable
from dialtone.storage import Storage, failures, open_storage
from dialtone.storage.account import AzureAccount
from tests.azurite import Azurite

from .test_calls import turn

SERVER_BUSY = (
    "HTTP/1.1 503 Server Busy\r\nx-ms-error-code: ServerBusy\r\nRetry-After: {wait}\r\n"
    "Content-Length: 0\r\nConnection: close\r\n\r\n"
)


@asynccontextmanager
async def answering(answer: str) -> AsyncIterator[Storage]:
    """Storage whose services give this answer to everything; an empty one is none at all."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if answer:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(answer.encode())
                await writer.drain()
            else:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a"
    storage = open_storage(f"AccountName=a;AccountKey=a2V5;BlobEndpoint={endpoint};TableEndpoint={endpoint}")
    try:
        yield storage
    finally:
        await storage.close()
        server.close()
        await server.wait_closed()


async def failures_of(*requests: Coroutine[Any, Any, object]) -> list[StorageUnavailable]:
    """The errors of several requests that must all fail."""
    answers = await asyncio.gather(*requests, return_exceptions=True)
    assert all(isinstance(answer, StorageUnavailable) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, StorageUnavailable)]


async def test_silence_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "DEADLINE", 0.2)
    async with answering("") as storage:
        for failure in await failures_of(storage.calls.insert(turn(0)), storage.prompts.resolve(["menu"])):
            assert "no answer within 0.2 s" in failure.message


async def test_throttling_is_waited_for_no_longer_than_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "DEADLINE", 0.2)
    async with answering(SERVER_BUSY.format(wait=60)) as storage:
        (failure,) = await failures_of(storage.calls.insert(turn(0)))
        assert "no answer within" in failure.message


async def test_throttling_names_the_code() -> None:
    async with answering(SERVER_BUSY.format(wait=0)) as storage:
        for failure in await failures_of(storage.calls.insert(turn(0)), storage.prompts.resolve(["menu"])):
            assert "503, ServerBusy" in failure.message
            assert failure.retryable


# azure-data-tables 12.7 asks an XML element for its truth, which Python deprecates from 3.12 on.
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
@pytest.mark.azurite
async def test_wrong_key_is_named_without_the_key(azurite: Azurite) -> None:
    connection = azurite.connection_string(azurite.new_account())
    key = "d3Jvbmcga2V5"
    wrong = ";".join(f"AccountKey={key}" if part.startswith("AccountKey=") else part for part in connection.split(";"))
    storage = open_storage(wrong)
    refusals = await failures_of(
        storage.calls.insert(turn(0)),
        storage.calls.latest("8d3b"),
        storage.prompts.resolve(["menu"]),
        storage.prompts.put("menu.txt", b"text"),
    )
    await storage.close()
    for failure in refusals:
        assert "403" in failure.message
        assert "Storage Table Data Contributor" in failure.fix
        assert key not in str(failure)


async def test_identity_that_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as local:
        assert isinstance(local.backend, AzureAccount)
        monkeypatch.setenv("IDENTITY_ENDPOINT", local.backend.address.blob_endpoint)
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        storage = open_storage(account="contoso")
        refusals = await failures_of(storage.calls.insert(turn(0)), storage.prompts.resolve(["menu"]))
        await storage.close()
        for failure in refusals:
            assert "ClientAuthenticationError" in failure.message
            assert "managed identity" in failure.fix
