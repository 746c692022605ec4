"""Sends commands to Azure Communication Services: a thin client, where Microsoft's SDK is a heavy one.

1. A command is signed with the access key (HMAC-SHA256), or carries a token of the managed identity.
2. A command is tried again when nothing, or a 5xx, or 429 came back, with the same Repeatability-Request-ID and a new
   signature. `:play` and `:recognize` have no such id: what was done and whose reply was lost is done twice.
3. What is refused is a `Result`; `DependencyError` is raised when the platform could not be reached or was out of order
   after all tries.
4. A recording is fetched from Microsoft's hosts only; one that is on this machine, from the simulator at the endpoint.

Why not the SDK: docs/explanation/acs-client.md has the measurements.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from dialtone.channels.acs_commands import API_VERSION, OPERATIONS, path_of
from dialtone.channels.acs_results import Result
from dialtone.errors import DependencyError
from dialtone.protocol.rules import LOOPBACK

if TYPE_CHECKING:
    import aiohttp

TRIES: Final = 3
WAIT_S: Final = 0.4
"""Before the second try; twice as long before the third, or what Retry-After says, up to RETRY_AFTER_MAX_S."""
RETRY_AFTER_MAX_S: Final = 3.0
TIMEOUT_S: Final = 10.0
REPLY_MAX: Final = 1024 * 1024
RECORDING_HOSTS: Final = (".asm.skype.com", ".asyncgw.teams.microsoft.com", ".ams.gov.teams.microsoft.us")
SCOPE: Final = "https://communication.azure.com/.default"

_AGAIN: Final = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a command: the reply's body, or why it was refused."""

    body: Any = None
    refused: Result | None = None


def signed(key: bytes, method: str, url: str, body: bytes, date: str) -> dict[str, str]:
    """The headers that sign a request (rule 1). `url` is absolute; the host that is signed is its own."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    text = f"{method}\n{target}\n{date};{parts.netloc};{digest}"
    signature = base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()
    scheme = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
    return {"x-ms-date": date, "x-ms-content-sha256": digest, "Authorization": scheme + signature}


@dataclass(slots=True)
class AcsClient:
    """A client of one resource. `token` gives a token of Entra for a scope, where there is no key."""

    endpoint: str
    key: bytes = b""
    token: Callable[[str], Awaitable[str]] | None = None
    _session: "aiohttp.ClientSession | None" = field(default=None, init=False)

    async def send(
        self,
        operation: str,
        body: Mapping[str, Any] | None,
        *,
        command_id: str = "",
        connection: str = "",
        recording: str = "",
    ) -> Taken:
        """Send a command. Raises `DependencyError` (rule 3)."""
        method, _, ok, repeatable = OPERATIONS[operation]
        path = path_of(operation, connection=connection, recording=recording)
        url = f"{self.endpoint}{path}?api-version={API_VERSION}"
        content = json.dumps(body).encode() if body is not None else b""
        headers = {"Accept": "application/json"}
        if content:
            headers["Content-Type"] = "application/json"
        if repeatable and command_id:
            headers |= {"Repeatability-Request-ID": command_id, "Repeatability-First-Sent": formatdate(usegmt=True)}
        status, reply = await self._tried(method, url, content, headers)
        try:
            read = json.loads(reply) if reply else None
        except ValueError:
            read = None
        if status in ok:
            return Taken(read)
        if status in _AGAIN or status == 401:
            raise DependencyError(
                f"the ACS resource answered {operation} with {status}",
                fix="look at DIALTONE_ACS_KEY and at the state of the resource",
            )
        return Taken(refused=Result.of_error(status, read))

    async def fetch(self, url: str, *, limit: int) -> bytes:
        """What is recorded at an address. Raises `DependencyError`, also for another host and for more than `limit`."""
        parts = urlsplit(url)
        if parts.scheme != "https" or not (parts.hostname or "").endswith(RECORDING_HOSTS):
            raise DependencyError("the address of a recording is none of Microsoft's", fix="look at the event")
        if urlsplit(self.endpoint).hostname in LOOPBACK:
            url = f"{self.endpoint}{parts.path}"
        status, body = await self._tried("GET", url, b"", {}, limit=limit)
        if status != 200:
            raise DependencyError(f"a recording was answered with {status}", fix="look at the access key")
        return body

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _tried(
        self, method: str, url: str, content: bytes, headers: dict[str, str], limit: int = REPLY_MAX
    ) -> tuple[int, bytes]:
        """Rule 2."""
        import aiohttp  # a process that takes no call does not pay for it

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True)
        wait, problem = WAIT_S, ""
        for left in range(TRIES - 1, -1, -1):
            try:
                proof = await self._proof(method, url, content)
                async with self._session.request(
                    method, url, data=content or None, headers=headers | proof, allow_redirects=False
                ) as reply:
                    if reply.status not in _AGAIN or not left:
                        return reply.status, await _read(reply, limit)
                    told = reply.headers.get("Retry-After", "")
                    wait = min(float(told), RETRY_AFTER_MAX_S) if told.isdecimal() else wait
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                problem = type(error).__name__
                if not left:
                    break
            await asyncio.sleep(wait)
            wait *= 2
        raise DependencyError(
            f"the ACS resource could not be reached: {problem}", fix="look at DIALTONE_ACS_ENDPOINT"
        ) from None

    async def _proof(self, method: str, url: str, content: bytes) -> dict[str, str]:
        if self.key:
            return signed(self.key, method, url, content, formatdate(usegmt=True))
        if self.token is None:
            raise DependencyError("there is neither a key nor an identity", fix="set DIALTONE_ACS_KEY")
        return {"Authorization": f"Bearer {await self.token(SCOPE)}"}


async def _read(reply: "aiohttp.ClientResponse", limit: int) -> bytes:
    content = bytearray()
    async for chunk in reply.content.iter_chunked(65_536):
        content += chunk
        if len(content) > limit:
            raise DependencyError(f"the ACS resource gave more than {limit} bytes", fix="look what it answers")
    return bytes(content)
