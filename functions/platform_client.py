"""HTTP to a platform of commands: one session, tries, waits, bodies of a bounded size.

1. A request is tried again when nothing, or a 5xx, or 429 came back, with a new proof of who asks; Retry-After is
   heeded up to RETRY_AFTER_MAX_S, for whoever posted the event waits too.
2. `DependencyError` is raised when the platform could not be reached after all tries.
3. A command has a body of JSON, or none. What is refused is a `Result`, but `DependencyError` is raised where the
   platform was out of order after all tries, or does not take our proof (401).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from dialtone import telemetry
from dialtone.channels.results import Result
from dialtone.errors import DependencyError

if TYPE_CHECKING:
    import aiohttp

TRIES: Final = 3
WAIT_S: Final = 0.4
"""Before the second try; twice as long before the third, or what Retry-After says, up to RETRY_AFTER_MAX_S."""
RETRY_AFTER_MAX_S: Final = 3.0
TIMEOUT_S: Final = 10.0
REPLY_MAX: Final = 1024 * 1024
FILE_MAX: Final = 512 * 1024 * 1024
AGAIN: Final = frozenset({429, 500, 502, 503, 504})

Proof = Callable[[str, str, bytes], Awaitable[dict[str, str]]]
"""The headers that prove who asks, for a method, an address and a body; made anew for each try."""


Replied = tuple[int, bytes, Mapping[str, str]]
"""Status, body and headers."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a command: the reply's body, or why it was refused."""

    body: Any = None
    refused: Result | None = None


@dataclass(slots=True)
class PlatformClient:
    """Requests to one platform. `name` is what it is called in errors, `setting` that of its address."""

    name: str
    setting: str
    _session: "aiohttp.ClientSession | None" = field(default=None, init=False)

    async def request(
        self, method: str, url: str, content: bytes, headers: dict[str, str], proof: Proof, *, limit: int = REPLY_MAX
    ) -> tuple[int, bytes]:
        """Status and body of the last try. Raises `DependencyError` (rule 2), and for more bytes than `limit`."""
        status, reply, _ = await self._ask(method, url, content, headers, proof, limit)
        return status, reply

    async def part(self, url: str, start: int, size: int, proof: Proof) -> tuple[int, bytes, int]:
        """GET so many bytes of a file from a byte on (fewer at its end): the status, the bytes, the file's size.

        The size is 0 where it is not told. A server that knows of no parts answers 200 with the whole file; of more
        than FILE_MAX bytes `DependencyError` is raised, as by rule 2.
        """
        headers = {"Range": f"bytes={start}-{start + size - 1}"}
        status, content, told = await self._ask("GET", url, b"", headers, proof, FILE_MAX)
        whole = told.get("Content-Range", "").rpartition("/")[2]
        return status, content, int(whole) if whole.isdecimal() else 0

    async def command(
        self,
        operation: str,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        proof: Proof,
        *,
        ok: Container[int],
        fix: str,
        headers: Mapping[str, str] | None = None,
    ) -> Taken:
        """What came of a command; `ok` are the statuses of success. Raises `DependencyError` with `fix` (2, 3)."""
        content = json.dumps(body).encode() if body is not None else b""
        more = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if content else {})
        status, reply = await self.request(method, url, content, more | dict(headers or {}), proof)
        try:
            read = json.loads(reply) if reply else None
        except ValueError:
            read = None
        if status in ok:
            return Taken(read)
        if status in AGAIN or status == 401:
            raise DependencyError(f"{self.name} answered {operation} with {status}", fix=fix)
        return Taken(refused=Result.of_error(status, read))

    async def _ask(
        self, method: str, url: str, content: bytes, headers: dict[str, str], proof: Proof, limit: int
    ) -> Replied:
        """Status, body and headers of the last try."""
        import aiohttp  # a process that takes no call does not pay for it

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=True)
        if parent := telemetry.current_traceparent():
            headers = {**headers, "traceparent": parent}
        with telemetry.span("command", {"dialtone.channel": self.name}, kind="client"):
            return await self._try(method, url, content, headers, proof, limit)

    async def _try(
        self, method: str, url: str, content: bytes, headers: dict[str, str], proof: Proof, limit: int
    ) -> Replied:
        import aiohttp

        assert self._session is not None
        wait, problem = WAIT_S, ""
        for left in range(TRIES - 1, -1, -1):
            try:
                proven = await proof(method, url, content)
                async with self._session.request(
                    method, url, data=content or None, headers=headers | proven, allow_redirects=False
                ) as reply:
                    if reply.status not in AGAIN or not left:
                        return reply.status, await self._read(reply, limit), reply.headers
                    told = reply.headers.get("Retry-After", "")
                    wait = min(float(told), RETRY_AFTER_MAX_S) if told.isdecimal() else wait
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                problem = type(error).__name__
                if not left:
                    break
            await asyncio.sleep(wait)
            wait *= 2
        raise DependencyError(f"{self.name} could not be reached: {problem}", fix=f"look at {self.setting}") from None

    async def close(self) -> None:
        """Close its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, reply: "aiohttp.ClientResponse", limit: int) -> bytes:
        content = bytearray()
        async for chunk in reply.content.iter_chunked(65_536):
            content += chunk
            if len(content) > limit:
                raise DependencyError(f"{self.name} gave more than {limit} bytes", fix="look what it answers")
        return bytes(content)
