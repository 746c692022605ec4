import asyncio
import base64
import gc
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dialtone.errors import StorageUnavailable
from dialtone.storage import VERSIONS_CONTAINER, Storage, open_storage
from dialtone.storage.account import Address, AzureAccount
from tests.azurite import Azurite, find_azurite
from tests.sounds import tone

from .test_calls import record, turn
from .test_recordings import MESSAGE, STORED

pytestmark = pytest.mark.azurite


def test_each_event_loop_has_its_own_clients(azurite_connection: str) -> None:
    storage = open_storage(azurite_connection)

    async def first(close: bool) -> None:
        await storage.calls.insert(turn(0))
        await storage.prompts.resolve(["menu"])
        if close:
            await storage.close()

    asyncio.run(first(close=True))
    asyncio.run(first(close=True))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_event_loop_that_was_closed_first(azurite_connection: str) -> None:
    storage = open_storage(azurite_connection)

    async def leave_open() -> None:
        await storage.calls.insert(turn(0))
        await storage.ping()

    async def find() -> None:
        assert await storage.calls.latest("8d3b") == turn(0)
        await storage.ping()
        await storage.close()

    asyncio.run(leave_open())
    asyncio.run(find())
    gc.collect()


@pytest.fixture
def mortal_azurite() -> Iterator[Azurite]:
    """An Azurite of its own, for a test that kills it."""
    server = Azurite(find_azurite())
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def mortal_storage(mortal_azurite: Azurite) -> AsyncIterator[Storage]:
    opened = open_storage(mortal_azurite.connection_string(mortal_azurite.new_account()))
    yield opened
    await opened.close()


async def test_outage_and_return(mortal_azurite: Azurite, mortal_storage: Storage) -> None:
    storage = mortal_storage
    await storage.calls.insert(turn(0))
    await storage.recordings.save(MESSAGE, b"sound")
    await storage.prompts.put("menu.txt", b"text")

    mortal_azurite.kill()
    answers = await asyncio.gather(
        storage.ping(),
        storage.ensure(),
        storage.calls.insert(turn(1)),
        storage.calls.get("8d3b", 0),
        storage.calls.history("8d3b", 0),
        storage.calls.open(record()),
        storage.calls.open_calls(started_before=2e9),
        storage.recordings.save(replace(MESSAGE, operation_id="op-2"), b"sound"),
        storage.recordings.read(STORED.path),
        storage.recordings.list(),
        storage.prompts.resolve(["menu"]),
        storage.prompts.put("menu.txt", b"text"),
        return_exceptions=True,
    )
    for answer in answers:
        assert isinstance(answer, StorageUnavailable), answer
        assert answer.http_status == 503
        assert "DIALTONE_STORAGE" in answer.fix

    # It comes back empty: the tables and containers are made again by the first writes.
    mortal_azurite.start()
    assert await storage.calls.latest("8d3b") is None
    assert await storage.calls.insert(turn(0)) is None
    await storage.calls.open(record())
    assert (await storage.recordings.save(MESSAGE, b"sound")).size == 5
    assert await storage.prompts.resolve(["menu"]) == {}
    await storage.prompts.put("menu.txt", b"text")
    await storage.ping()


class Wire:
    """A line to a server that can be cut under a request, before it arrives or before its answer comes back."""

    def __init__(self, endpoint: str) -> None:
        self._target = urlsplit(endpoint)
        self._pumps: set[asyncio.Task[None]] = set()
        self.cut = ""
        self.endpoint = ""

    @asynccontextmanager
    async def up(self) -> AsyncIterator["Wire"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{self._target.path}"
        yield self
        server.close()
        await server.wait_closed()
        await asyncio.gather(*self._pumps)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        for pump in (self._pump("request", reader, far_writer), self._pump("answer", far_reader, writer)):
            self._pumps.add(asyncio.create_task(pump))

    async def _pump(self, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self.cut == kind:
                self.cut = ""
                break
            writer.write(data)
        writer.close()


async def test_connection_that_breaks_under_a_request(azurite: Azurite) -> None:
    account = azurite.new_account()
    async with Wire(azurite.table_endpoint(account)).up() as wire:
        storage = open_storage(
            azurite.connection_string(account).replace(azurite.table_endpoint(account), wire.endpoint)
        )
        await storage.calls.insert(turn(0))
        wire.cut = "request"
        assert await storage.calls.insert(turn(1)) is None
        assert wire.cut == ""
        # The row was written and the answer was lost: what is there is what was given.
        wire.cut = "answer"
        assert await storage.calls.insert(turn(2)) == turn(2)
        assert wire.cut == ""
        assert await storage.calls.latest("8d3b") == turn(2)
        await storage.close()


@pytest.mark.azurite
async def test_link_is_for_one_blob_and_not_for_ever(azurite_connection: str) -> None:
    storage = open_storage(azurite_connection)
    menu = await storage.prompts.put("menu.wav", tone())
    secret = await storage.prompts.put("secret.wav", tone(hertz=400))
    link = (await storage.prompts.resolve(["menu"]))["menu"].file_uri
    assert link is not None
    expired = await storage.backend.container(VERSIONS_CONTAINER).link(f"menu~{menu.id}", -60, "audio/wav")
    await storage.close()
    assert "sp=r&" in link
    async with httpx.AsyncClient() as client:
        assert (await client.get(link)).content == tone()
        for bad in (
            expired,
            link.replace(f"menu~{menu.id}", f"secret~{secret.id}"),
            link.replace("sp=r&", "sp=rw&"),
            link.replace("se=20", "se=21"),
            link.partition("&sig=")[0],
        ):
            assert bad != link
            assert (await client.get(bad)).status_code == 403, bad
        assert (await client.put(link, content=b"x", headers={"x-ms-blob-type": "BlockBlob"})).status_code == 403


@pytest.fixture
async def identity(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[str]]:
    """The managed identity of a Functions app: the requests for tokens that its endpoint was asked."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(request)
        resource = parse_qs(urlsplit(request.split()[1]).query)["resource"][0]
        token = {"access_token": unsigned_token(resource), "expires_on": str(int(time.time()) + 3600)}
        body = json.dumps(token | {"resource": resource, "token_type": "Bearer"}).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    yield asked
    server.close()
    await server.wait_closed()


def unsigned_token(audience: str) -> str:
    """A token that Azurite takes, which looks at its claims only."""
    now = int(time.time())
    tenant = "00000000-0000-0000-0000-000000000001"
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{tenant}/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
        "oid": tenant,
        "tid": tenant,
    }
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@pytest.fixture(scope="module")
def secure_azurite(certificate: tuple[Path, Path]) -> Iterator[Azurite]:
    """An Azurite that takes tokens, which it does over https only."""
    cert, key = certificate
    server = Azurite(find_azurite(), "--oauth", "basic", "--cert", str(cert), "--key", str(key))
    server.start()
    yield server
    server.kill()


async def test_managed_identity(secure_azurite: Azurite, certificate: tuple[Path, Path], identity: list[str]) -> None:
    """Without a key: tokens of the managed identity, and links signed with a user delegation key."""
    account = secure_azurite.new_account()
    address = Address(
        account,
        secure_azurite.table_endpoint(account),
        secure_azurite.blob_endpoint(account),
        secure_azurite.queue_endpoint(account),
        client_id="client-1",
    )
    backend = AzureAccount(address, connection_verify=str(certificate[0]))
    storage = Storage.on(backend)
    assert await storage.calls.insert(turn(0)) is None
    assert await storage.calls.latest("8d3b") == turn(0)
    sounds = {"one": tone(), "two": tone(hertz=400)}
    versions = [await storage.prompts.put(f"{name}.wav", sound) for name, sound in sounds.items()]
    links = await storage.prompts.resolve(["one", "two"])

    # One delegation key serves many links, until a link would outlive it.
    assert backend._clients is not None
    delegation = backend._clients.delegation
    await storage.prompts.preview("one", versions[0].id)
    assert delegation is not None
    assert backend._clients.delegation is delegation
    backend._clients.delegation = datetime.now(UTC) + timedelta(seconds=599), delegation[1]
    await storage.prompts.preview("one", versions[0].id)
    assert backend._clients.delegation[1] is not delegation[1]
    await backend.queue("events").send("one")
    await storage.close()

    assert asked_for(identity, "client_id") == {"client-1"}
    assert asked_for(identity, "resource") == {"https://storage.azure.com"}
    async with httpx.AsyncClient(verify=ssl.create_default_context(cafile=certificate[0])) as client:
        for name, prompt in links.items():
            assert prompt.file_uri is not None
            assert "skoid=" in prompt.file_uri
            assert "spr=https&" in prompt.file_uri
            assert (await client.get(prompt.file_uri)).content == sounds[name]
            tampered = prompt.file_uri.replace("sp=r&", "sp=rw&")
            assert (await client.get(tampered)).status_code == 403


def asked_for(requests: list[str], name: str) -> set[str]:
    queries = [parse_qs(urlsplit(request.split()[1]).query) for request in requests]
    return {value for query in queries for value in query[name]}
