"""The platform's HTTP client: posts messages to a bot and fetches its prompt files.

It keeps connections, follows no redirect, keeps no cookie, takes no proxy from the environment, and sends an address
character by character as it was given.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import aiohttp
from yarl import URL

Failure = Literal["timeout", "unreachable", "lost", "address"]
"""Why there is no reply: it took too long, no connection was made, the connection was lost, the address is none."""

_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)


@dataclass(frozen=True)
class Response:
    """What came back: a status and a body, or why nothing did. `seconds` is how long it took, in real time."""

    status: int | None
    body: bytes
    seconds: float
    failure: Failure | None = None

    @property
    def accepted(self) -> bool:
        """Whether the status is 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def again(self) -> bool:
        """Whether the platform tries again: after a 5xx, a time-out or a lost connection."""
        return self.status is None or self.status >= 500


class TooLarge(Exception):
    """A body has more bytes than allowed."""


@dataclass(frozen=True)
class TlsFiles:
    """Files in PEM: the authorities to trust besides the public ones, and the platform's own certificate and key."""

    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


Sign = Callable[[Mapping[str, str], bytes], Mapping[str, str]]
"""Gets the headers and the body of a request; gives the headers with a proof of who sends it."""


class Wire:
    """HTTP, as the platform speaks it. Made by `open_wire`."""

    def __init__(self, session: aiohttp.ClientSession, sign: Sign | None = None) -> None:
        self._session = session
        self._sign = sign

    async def post(self, url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Response:
        """Post `content`; the answer says how it went, whatever happens. `timeout_s` is in real time."""
        if self._sign is not None:
            headers = self._sign(headers, content)
        began = time.perf_counter()
        status, body, failure = None, b"", None
        try:
            async with asyncio.timeout(timeout_s):
                async with self._session.post(
                    URL(url, encoded=True), data=content, headers=headers, allow_redirects=False
                ) as reply:
                    status, body = reply.status, await reply.read()
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            status, body, failure = None, b"", failure_of(error)
        return Response(status, body, time.perf_counter() - began, failure)

    async def get(self, url: str, most: int, timeout_s: float) -> Response:
        """Fetch a file. Raises `TooLarge` for one of more than `most` bytes."""
        began = time.perf_counter()
        data = bytearray()
        try:
            async with asyncio.timeout(timeout_s):
                async with self._session.get(URL(url, encoded=True), allow_redirects=False) as reply:
                    async for part in reply.content.iter_any():
                        data += part
                        if len(data) > most:
                            raise TooLarge
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            return Response(None, b"", time.perf_counter() - began, failure_of(error))
        return Response(reply.status, bytes(data), time.perf_counter() - began)


@asynccontextmanager
async def open_wire(tls: TlsFiles | None = None, sign: Sign | None = None) -> AsyncIterator[Wire]:
    """A client until the block is done; with `sign`, each of its posts is signed. Raises OSError (ssl.SSLError is one)
    for files that are no certificates.
    """
    connector = aiohttp.TCPConnector(limit=0, ssl=_context(tls or TlsFiles()))
    async with aiohttp.ClientSession(
        connector=connector, timeout=_NO_TIMEOUT, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Wire(session, sign)


def failure_of(error: Exception) -> Failure:
    """What kind of failure an exception of the client is."""
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError) or not isinstance(
        error, aiohttp.ClientError | OSError
    ):
        return "address"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "unreachable"
    return "lost"


@cache
def _context(tls: TlsFiles) -> ssl.SSLContext:
    # Reading the public authorities takes longer than a call in virtual time: once for all clients.
    context = ssl.create_default_context()
    try:
        if tls.authorities is not None:
            context.load_verify_locations(tls.authorities)
        if tls.certificate is not None:
            context.load_cert_chain(tls.certificate, tls.key)
    except OSError as error:
        # The library names neither the file nor what it was for.
        files = [str(each) for each in (tls.authorities, tls.certificate, tls.key) if each is not None]
        raise OSError(f"no certificates, or not the key, in PEM: {', '.join(files)} ({error})") from None
    return context
