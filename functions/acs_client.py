"""Sends commands to Azure Communication Services: a thin client, where Microsoft's SDK is a heavy one.

1. A command is signed with the access key (HMAC-SHA256), or carries a token of the managed identity.
2. A command is tried again when nothing, or a 5xx, or 429 came back, with the same Repeatability-Request-ID and a new
   signature. `:play` and `:recognize` have no such id: what was done and whose reply was lost is done twice.
3. What is refused is a `Result`; `DependencyError` is raised when the platform could not be reached or was out of order
   after all tries.
4. A recording is fetched from Microsoft's hosts only; one that is on this machine, from the simulator at the endpoint.

Why not the SDK: docs/explanation/acs-client.md has the measurements.
"""

import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import urlsplit

from dialtone.channels.acs_commands import API_VERSION, OPERATIONS, path_of
from dialtone.errors import DependencyError
from dialtone.protocol.rules import LOOPBACK
from functions.platform_client import PlatformClient, Taken

RECORDING_HOSTS: Final = (".asm.skype.com", ".asyncgw.teams.microsoft.com", ".ams.gov.teams.microsoft.us")
SCOPE: Final = "https://communication.azure.com/.default"


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
    _http: PlatformClient = field(
        default_factory=lambda: PlatformClient("the ACS resource", "DIALTONE_ACS_ENDPOINT"), init=False
    )

    async def send(
        self,
        operation: str,
        body: Mapping[str, Any] | None,
        *,
        command_id: str = "",
        connection: str = "",
        recording: str = "",
    ) -> Taken:
        """Send a command: what came of it. Raises `DependencyError` (rule 3).

        `command_id` is the request id by which the platform knows a repetition; empty, or for an operation that takes
        none, a command that is sent twice is done twice. `connection` and `recording` are the ids in its path.
        """
        method, _, ok, repeatable = OPERATIONS[operation]
        path = path_of(operation, connection=connection, recording=recording)
        url = f"{self.endpoint}{path}?api-version={API_VERSION}"
        headers = {}
        if repeatable and command_id:
            headers = {"Repeatability-Request-ID": command_id, "Repeatability-First-Sent": formatdate(usegmt=True)}
        fix = "look at DIALTONE_ACS_KEY and at the state of the resource"
        return await self._http.command(operation, method, url, body, self._proof, ok=ok, fix=fix, headers=headers)

    async def part(self, url: str, start: int, size: int) -> tuple[bytes, int]:
        """So many bytes of what is recorded at an address, from a byte on (fewer at its end), and how many it has.

        Raises `DependencyError`, also for another host.
        """
        status, body, whole = await self._http.part(self._recording(url), start, size, self._proof)
        if status == 200:
            # It was given as a whole, however much was asked for.
            return body[start : start + size], len(body)
        if status == 416 and not start:
            return b"", 0
        if status != 206 or not whole:
            raise DependencyError(f"a recording was answered with {status}", fix="look at the access key")
        return body, whole

    async def delete(self, url: str) -> None:
        """Delete what is recorded, if it is there. Raises `DependencyError`, also for another host."""
        status, _ = await self._http.request("DELETE", self._recording(url), b"", {}, self._proof)
        if status not in (200, 204, 404):
            raise DependencyError(f"deleting a recording was answered with {status}", fix="look at the access key")

    def _recording(self, url: str) -> str:
        """Rule 4."""
        parts = urlsplit(url)
        if parts.scheme != "https" or not (parts.hostname or "").endswith(RECORDING_HOSTS):
            raise DependencyError("the address of a recording is none of Microsoft's", fix="look at the event")
        return f"{self.endpoint}{parts.path}" if urlsplit(self.endpoint).hostname in LOOPBACK else url

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()

    async def _proof(self, method: str, url: str, content: bytes) -> dict[str, str]:
        if self.key:
            return signed(self.key, method, url, content, formatdate(usegmt=True))
        if self.token is None:
            raise DependencyError("there is neither a key nor an identity", fix="set DIALTONE_ACS_KEY")
        return {"Authorization": f"Bearer {await self.token(SCOPE)}"}
