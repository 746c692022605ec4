"""Documents of other servers, such as key sets and revocation lists, kept here.

1. A document is read when it is first needed and again when it is old; however many ask, it is read once at a time.
2. A server is not asked more often than each PAUSE_S seconds, whatever our callers send: each RETRY_S while it has
   never answered.
3. While a server is out of order the document that there was stays; whether it still serves is its user's to decide.
4. Only http and https, no redirects, no more than the bytes allowed, no longer than TIMEOUT_S.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

from dialtone.errors import DependencyError

PAUSE_S: Final = 30.0
RETRY_S: Final = 10.0
TIMEOUT_S: Final = 5.0

T = TypeVar("T")


class Document(Generic[T]):
    """A document that `read` gets; old after `life` seconds of `clock`.

    `read` raises `DependencyError` when it cannot be had.
    """

    def __init__(
        self, read: Callable[[], Awaitable[T]], *, life: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read, self._life, self._clock = read, life, clock
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self.value: T | None = None
        """The document as it was last read; None when it never was."""
        self._failure: DependencyError | None = None

    async def current(self) -> T | None:
        """The document, read first when there is none or it is old; None when it never could be read."""
        if self.value is None or self._clock() - self._read_at >= self._life:
            await self.refresh()
        return self.value

    async def refresh(self) -> None:
        """Read the document again, unless that was done or tried just now (rule 2)."""
        if self._reading is None:
            pause = RETRY_S if self.value is None else PAUSE_S
            if self._clock() - self._tried_at < pause:
                return
            self._reading = asyncio.create_task(self._read_once())
        # One caller may leave; the others still wait for the same reading.
        await asyncio.shield(self._reading)

    def check(self) -> None:
        """Raise `DependencyError` when the last reading failed."""
        if self._failure is not None:
            raise DependencyError(self._failure.message, fix=self._failure.fix)

    async def _read_once(self) -> None:
        self._tried_at = self._clock()
        try:
            self.value = await self._read()
            self._read_at, self._failure = self._clock(), None
        except DependencyError as error:
            self._failure = error
        finally:
            self._reading = None


async def fetch(url: str, *, limit: int, body: bytes | None = None, content_type: str = "") -> bytes:
    """What a server gives for GET, or for POST of a body. Raises `DependencyError`; at most `limit` bytes are taken."""
    import aiohttp  # a cold start that needs no document does not pay for it

    headers = {"Content-Type": content_type} if body is not None else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.request(
                "GET" if body is None else "POST", url, data=body, headers=headers, allow_redirects=False
            ) as response,
        ):
            if response.status != 200:
                raise DependencyError(f"{url} answered {response.status}", fix="look whether its server works")
            content = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                content += chunk
                if len(content) > limit:
                    raise DependencyError(f"{url} gives more than {limit} bytes", fix="look what its server answers")
            return bytes(content)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise DependencyError(
            f"{url} cannot be read: {type(error).__name__}", fix="look whether its server can be reached from here"
        ) from error
