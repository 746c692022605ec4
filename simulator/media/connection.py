"""The connection of a media stream: opened, kept open, opened again when it breaks, and sent over.

1. A connection that breaks is opened again, by the same address and a new token, for RETRY_S seconds; a worker that is
   full (503) or cannot be reached is tried as long.
2. What is written while it is broken is lost, and so is the oldest of more than WAITING messages that a worker does not
   take; sound that is lost is counted.
3. What still waits when the stream ends in order, by whoever, is not lost: nobody is there any more who wants it. It is
   counted as left. There is some whenever the end has come and has not been noticed yet, above all where this process
   was kept from running.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final, Literal

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from dialtone.media import wire
from simulator.media.options import MediaFaults

RETRY_S: Final = 10.0
WAITING: Final = 500

_BROKEN: Final = (1005, 1006, 1011, 1012, 1013, 1014)
"""Close codes of a connection that broke, not of a stream that ended."""

State = Literal["new", "open", "interrupted", "over"]
News = Literal["opened", "interrupted", "reestablished", "over", "subscribed", "key_frame_needed"]


class Connection:
    """See the rules above.

    `headers` makes those of each request, `greeting` what is said first on each connection, `take` gets what comes, and
    `told` what happens to it.
    """

    def __init__(
        self,
        url: str,
        faults: MediaFaults,
        random: Random,
        *,
        headers: Callable[[], dict[str, str]],
        greeting: Callable[[], list[str]],
        take: Callable[[str | bytes], None],
        told: Callable[[News], None],
    ) -> None:
        self.state: State = "new"
        self.reason = self.detail = ""
        self.code: int | None = None
        self.sent = self.lost = self.left = 0
        self.began = asyncio.Event()
        """It was open once, or never will be."""
        self.was_open = False
        self.closing = asyncio.Event()
        """Set by whoever wants it to end."""
        self._url, self._faults, self._random = url, faults, random
        self._headers, self._greeting, self._take, self._told = headers, greeting, take, told
        self._out: deque[tuple[float, str, bool]] = deque()
        self._news = asyncio.Event()

    def write(self, text: str, *, sound: bool = False) -> None:
        """Send a message, late by the jitter."""
        if self.state != "open":
            self.lost += sound
            return
        if self.closing.is_set():
            self.left += sound
            return
        now = asyncio.get_running_loop().time()
        late = self._random.uniform(0, self._faults.jitter) if self._faults.jitter else 0.0
        self._out.append((now + late, text, sound))
        if len(self._out) > WAITING:
            self.lost += self._out.popleft()[2]
        self._news.set()

    async def run(self) -> None:
        """Open it and keep it open until it is over."""
        try:
            await self._run()
        finally:
            if self.state != "over":
                self._over("closed", "")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        give_up_at = began + RETRY_S
        drops = deque(sorted(self._faults.drops))
        while not self.closing.is_set():
            detail = "the connection broke"
            try:
                async with self._connect() as link:
                    if await self._carry(link, began + drops.popleft() if drops else None):
                        return
                    give_up_at = loop.time() + RETRY_S
            except InvalidStatus as error:
                self.code = error.response.status_code
                detail = (error.response.body or b"")[:500].decode(errors="replace")
                if self.code != 503:
                    self._over("refused", detail)
                    return
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
                detail = f"{type(error).__name__}: {error}"
            if loop.time() >= give_up_at:
                self._over("lost", detail)
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), self._faults.away)

    def _connect(self) -> websockets.connect:
        return websockets.connect(
            self._url,
            additional_headers=self._headers(),
            user_agent_header=None,
            compression=None,
            proxy=None,
            max_size=2 * wire.MAX_VIDEO_BYTES,
            max_queue=None,
            open_timeout=RETRY_S,
            close_timeout=2,
        )

    async def _carry(self, link: ClientConnection, drop_at: float | None) -> bool:
        """Go on over a connection. Whether the stream is over with it."""
        for text in self._greeting():
            await link.send(text)
        again = self.state == "interrupted"
        self.state, self.was_open = "open", True
        self.began.set()
        self._told("reestablished" if again else "opened")
        loop = asyncio.get_running_loop()
        sender = asyncio.create_task(self._send_all(link))
        tasks = [asyncio.create_task(self._read(link)), asyncio.create_task(self.closing.wait())]
        try:
            # The reader ends too when the sender found the connection closed, and only it knows all that came.
            until = None if drop_at is None else max(0.0, drop_at - loop.time())
            done, _ = await asyncio.wait(tasks, timeout=until, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sender, *tasks):
                task.cancel()
            await asyncio.gather(sender, *tasks, return_exceptions=True)
            unsent = sum(sound for _, _, sound in self._out)
            self._out.clear()
        if self.closing.is_set():
            self.left += unsent
            await link.close()
            await self._read(link)  # what was on its way
            return True
        if not done:
            link.transport.abort()
        self.code = link.close_code if done else 1006
        if self.code is None or self.code in _BROKEN:
            self.lost += unsent
            self.state = "interrupted"
            self._told("interrupted")
            return False
        self.left += unsent
        self._over("finished" if self.code in (1000, 1001) else "refused", link.close_reason or "")
        return True

    async def _send_all(self, link: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._out:
                self._news.clear()
                await self._news.wait()
            when, text, sound = self._out.popleft()
            try:
                if (wait := when - loop.time()) > 0:
                    await asyncio.sleep(wait)
                await link.send(text)
            except (ConnectionClosed, asyncio.CancelledError) as end:
                self._out.appendleft((when, text, sound))
                if isinstance(end, asyncio.CancelledError):
                    raise
                return
            self.sent += sound

    async def _read(self, link: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._take(await link.recv())

    def _over(self, reason: str, detail: str) -> None:
        self.state, self.reason, self.detail = "over", reason, detail
        self.began.set()
        self._told("over")
