import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509

from simulator.wire import Response, TlsFiles, TooLarge, Wire, failure_of, open_wire
from tests.functions.authority import root
from tests.functions.issuer import serving


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with open_wire() as wire:
        yield wire


async def echo(request: web.Request) -> web.Response:
    if request.path == "/elsewhere":
        return web.Response(status=302, headers={"Location": "/", "Set-Cookie": "a=b"})
    body = await request.read()
    cookie = request.headers.get("Cookie", "none")
    return web.Response(text=f"{request.method} {request.raw_path} {request.headers.get('X-A')} {cookie} {body!r}")


async def test_what_is_sent_arrives_character_by_character(wire: Wire) -> None:
    async with serving(echo) as url:
        answer = await wire.post(f"{url}/a%20b/?c=d%2Fe+f&&", {"X-A": "1"}, b"\0body", 10)
    assert (answer.status, answer.failure, answer.accepted, answer.again) == (200, None, True, False)
    assert answer.body == b"POST /a%20b/?c=d%2Fe+f&& 1 none b'\\x00body'"
    assert 0 < answer.seconds < 10


async def test_no_redirect_is_followed_and_no_cookie_kept(wire: Wire) -> None:
    async with serving(echo) as url:
        moved = await wire.post(f"{url}/elsewhere", {}, b"", 10)
        after = await wire.post(url, {}, b"", 10)
    assert (moved.status, moved.accepted, moved.again) == (302, False, False)
    assert b" none " in after.body


async def test_a_file_has_a_largest_size(wire: Wire) -> None:
    async def give(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    async with serving(give) as url:
        assert (await wire.get(url, 1000, 10)).body == b"x" * 1000
        with pytest.raises(TooLarge):
            await wire.get(url, 999, 10)


async def test_what_is_late_is_no_reply(wire: Wire) -> None:
    async def wait(_: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with serving(wait) as url:
        posted, fetched = await wire.post(url, {}, b"", 0.05), await wire.get(url, 1, 0.05)
    assert [(each.status, each.failure, each.again) for each in (posted, fetched)] == [(None, "timeout", True)] * 2


async def test_a_connection_that_is_lost(wire: Wire) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await wire.post(f"http://127.0.0.1:{port}/", {}, b"", 10)).failure == "lost"


async def test_where_nobody_is(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    assert (await wire.post(url, {}, b"", 10)).failure == "unreachable"
    for address in ("nowhere", "http://", "ftp://127.0.0.1/"):
        assert (await wire.post(address, {}, b"", 10)).failure == "address", address


def test_failures_have_names() -> None:
    assert failure_of(TimeoutError()) == "timeout"
    assert failure_of(ValueError()) == "address"
    assert failure_of(aiohttp.ServerDisconnectedError()) == "lost"
    assert Response(503, b"", 0).again


async def test_a_client_certificate_over_tls(tmp_path: Path) -> None:
    authority = root()
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    for name, more in (("localhost", [(address, False)]), ("edge.skype.com", [])):
        certified = authority.issue(name, more=more)
        (tmp_path / f"{name}.pem").write_bytes(certified.pem)
        (tmp_path / f"{name}.key").write_bytes(certified.key_pem)
    pem = tmp_path / "root.pem"
    pem.write_bytes(authority.pem)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pem))
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(tmp_path / "localhost.pem", tmp_path / "localhost.key")

    async def who(request: web.Request) -> web.Response:
        assert request.transport is not None
        return web.Response(text=str(request.transport.get_extra_info("peercert")["subject"]))

    async with serving(who, tls) as url:
        files = TlsFiles(pem, tmp_path / "edge.skype.com.pem", tmp_path / "edge.skype.com.key")
        async with open_wire(files) as wire:
            assert b"edge.skype.com" in (await wire.post(url, {}, b"", 10)).body
        async with open_wire(TlsFiles(pem)) as wire:
            assert (await wire.post(url, {}, b"", 10)).status is None
        async with open_wire() as wire:
            assert (await wire.post(url, {}, b"", 10)).failure == "unreachable"


async def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(OSError, match=r"PEM|SSL"):
        async with open_wire(TlsFiles(certificate=tmp_path / "x.pem")):
            pass
