"""A call's media stream: what is between the line of a call and the stream that the bot asked for.

1. What the caller says and presses on the line goes into the stream too, from its opening on.
2. The stream lives in real time, for the worker does. While it is open, the line's clock keeps pace with it, so that a
   call in virtual time is one in real time for as long.
3. What becomes of it is noted in the line's ledger as `stream`; its address without the secrets in it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from simulator.clock import Bell
from simulator.ledger import Ledger
from simulator.line import Line
from simulator.media.connection import News
from simulator.media.options import MediaFaults, StreamOptions
from simulator.media.stream import MediaStream

LOOK_S: Final = 0.1
"""How often whoever waits for sound on the line looks."""


class MediaLeg:
    """Opens the streams of a call, one at a time.

    `token` makes the platform's token for a connection; `told` hears what becomes of a stream.
    """

    def __init__(
        self,
        line: Line,
        *,
        call_id: str,
        participants: Sequence[str],
        token: Callable[[], str] | None = None,
        faults: MediaFaults | None = None,
        told: Callable[[News], None] = lambda _: None,
    ) -> None:
        self.stream: MediaStream | None = None
        """The last that was opened."""
        self._line, self._ledger = line, line.ledger
        self._call_id, self._participants = call_id, tuple(participants)
        self._token, self._faults, self._told = token, faults, told
        self._running: asyncio.Task[None] | None = None
        self._ended = Bell()
        self._is_over = True

    def start(self, options: StreamOptions) -> MediaStream:
        """Begin to open a stream; `MediaStream.opened` waits until it is. The one before is to be over."""
        assert self._is_over, "a call has one stream at a time"
        self._is_over = False
        stream = self.stream = MediaStream(
            options,
            call_id=self._call_id,
            participants=self._participants,
            token=self._token,
            faults=self._faults,
            told=self._hear,
        )
        self._line.stream = stream
        self._running = self._line.clock.start(self._run(stream))
        return stream

    async def stop(self) -> None:
        """End the stream that is open, if there is one, and wait until it is over."""
        if self.stream is None or self._is_over:
            return
        async with self._line.clock.io():
            await self.stream.close()
        while not self._is_over:
            await self._line.clock.wait(self._ended)

    def cancel(self) -> None:
        """End it at once."""
        if self._running is not None:
            self._running.cancel()

    async def _run(self, stream: MediaStream) -> None:
        """Rule 2."""
        clock, loop = self._line.clock, asyncio.get_running_loop()
        began, began_really = clock.now(), loop.time()
        running = asyncio.create_task(stream.run())
        try:
            while not running.done():
                async with clock.io():
                    await asyncio.wait([running], timeout=LOOK_S)
                await clock.sleep(began + loop.time() - began_really - clock.now())
                self._line.changed()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self._is_over = True
            self._ended.ring()

    def _hear(self, news: News) -> None:
        stream = self.stream
        assert stream is not None
        if news in ("opened", "reestablished"):
            note(self._ledger, news, stream)
        elif news == "interrupted":
            note(self._ledger, news, stream, code=stream.code)
        elif news == "over":
            note(
                self._ledger,
                news,
                stream,
                reason=stream.reason,
                code=stream.code,
                detail=stream.detail[:200],
                sent_s=round(stream.sent * 0.02, 2),
                lost_s=round(stream.lost * 0.02, 2),
                heard_s=round(stream.playout.played * 0.02, 2),
                problems=stream.problems,
            )
        self._line.changed()
        self._told(news)


def note(ledger: Ledger, what: str, stream: MediaStream, **members: object) -> None:
    """Rule 3."""
    parts = urlsplit(stream.options.url)
    handler = parse_qs(parts.query).get("handler", [""])[-1]
    ledger.add("platform", "stream", what=what, url=f"{parts.scheme}://{parts.netloc}", handler=handler, **members)
