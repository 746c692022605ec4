"""The life of a stream, from its first message to the end of its handler.

1. A stream belongs to a call, not to a connection. It begins with the first AudioMetadata of its call.
2. When its connection breaks it waits `resume` seconds; the same call's next connection goes on with it, if the format
   is the same. In another format it is another stream, and the old one ends as `replaced`.
3. A second connection for a call whose first one still stands takes over, and the first is closed with 1001: a platform
   that comes again knows better than we do that the old one is dead. A connection that begins with
   TranscriptionMetadata is no second one; it adds captions to the stream, once that has begun.
4. It ends once, for one reason (`dialtone.media.stream.Closed`). The handler has `stop` seconds to return, and
   is cancelled then. The call's dialog is told by the signal `media_ended`, of a later stream with its number.
5. A stream without a message for `idle` seconds ends as `idle`, one older than `longest` as `expired`.
6. A ticket, or a number with a standing one, opens one stream: what reconnects goes on with it, but a new stream of the
   call needs a new one. Which
   were used is remembered until they expire.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from websockets.frames import CloseCode

from dialtone import telemetry
from dialtone.dialogs.streaming import media_end
from dialtone.media.messages import AudioMetadata
from dialtone.media.stream import StreamClosed
from dialtone.media.ticket import expiry
from media_worker.connection import Link
from media_worker.handlers import Handler
from media_worker.limits import Limits
from media_worker.stream import LiveStream, Services

KNOWN_S: Final = 3600
"""Seconds after which the functions are sure to know that a stream is over that they had wanted."""
SWEEP_S: Final = 1.0

CODES: Final[Mapping[str, CloseCode]] = {
    "finished": CloseCode.NORMAL_CLOSURE,
    "expired": CloseCode.NORMAL_CLOSURE,
    "failed": CloseCode.INTERNAL_ERROR,
    "replaced": CloseCode.GOING_AWAY,
    "idle": CloseCode.POLICY_VIOLATION,
    "stopping": CloseCode.GOING_AWAY,
}
"""How the connection is closed, by the reason of the end. `closed` and `lost` have none; `refused` brings its own."""

log = logging.getLogger("media_worker")


@dataclass(eq=False, slots=True)
class Session:
    """One stream and what belongs to it."""

    stream: LiveStream
    ticket: str
    began: float
    link: Link | None
    number: int = 0
    captions: list[Link] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    ending: asyncio.Task[None] | None = None
    lost_at: float = 0.0
    messages: int = 0
    heard_at: float = 0.0


class Sessions:
    """The streams of a process, by call. `clock` gives the seconds that limits are measured in, `now` Unix seconds."""

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        services: Services,
        limits: Limits,
        clock: Callable[[], float],
        now: Callable[[], float],
    ) -> None:
        self._handlers, self._services, self._limits, self._clock, self._now = handlers, services, limits, clock, now
        self._by_call: dict[str, Session] = {}
        self._awaited: dict[str, list[Callable[[], None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._spent: dict[str, int] = {}
        self._sweeper = asyncio.create_task(self._sweep_now_and_then())

    def __len__(self) -> int:
        return len(self._by_call)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._by_call.values()))

    def get(self, call_id: str) -> Session | None:
        """The stream of a call, while it lives."""
        return self._by_call.get(call_id)

    def is_spent(self, ticket: str) -> bool:
        """Whether a stream was opened with it and is over (rule 6)."""
        return ticket in self._spent

    def begin(
        self, call_id: str, handler: str, ticket: str, metadata: AudioMetadata, link: Link, *, number: int = 0
    ) -> Session:
        """Begin the stream of a call over this link, or go on with it (rules 1 to 3). `number` counts those of a call
        that are asked for one after the other, by the same standing ticket.
        """
        session = self._by_call.get(call_id)
        if session is not None:
            wanted = (metadata.frame_bytes, handler, number)
            if (session.stream.metadata.frame_bytes, session.stream.handler, session.number) == wanted:
                self._take_over(session, link)
                return session
            self.end(session, "replaced")
        now = self._clock()
        stream = LiveStream(call_id, handler, metadata, self._services)
        session = Session(stream, ticket, now, link, number, heard_at=now)
        stream.refuse = lambda code, text: self._refuse(session, code, text)
        stream.fail = lambda error: self._failed(session, error)
        self._by_call[call_id] = session
        self._services.metrics.streams += 1
        log.info("stream opened: call=%r handler=%r", call_id, handler)
        stream.connect(link)
        session.task = asyncio.create_task(self._handle(session), name=f"media {handler}")
        for then in self._awaited.pop(call_id, ()):
            then()
        return session

    def once_begun(self, call_id: str, then: Callable[[], None]) -> Callable[[], None]:
        """Do this when the call has a stream, at once if it has one; what is returned takes it back."""
        if call_id in self._by_call:
            then()
            return lambda: None
        waiting = self._awaited.setdefault(call_id, [])
        waiting.append(then)

        def forget() -> None:
            if then in waiting:
                waiting.remove(then)
            if not waiting and self._awaited.get(call_id) is waiting:
                del self._awaited[call_id]

        return forget

    def add_captions(self, call_id: str, link: Link) -> Session | None:
        """Add a connection for text to the stream of a call (rule 3); None if there is no stream."""
        session = self._by_call.get(call_id)
        if session is not None:
            session.captions.append(link)
            link.attach(session.stream)
        return session

    def lose(self, session: Session, link: Link) -> None:
        """A link is gone (rule 2)."""
        if link in session.captions:
            session.captions.remove(link)
        elif session.link is link and session.ending is None:
            session.stream.disconnect()
            session.link = None
            session.lost_at = self._clock()

    def leave(self, session: Session, link: Link) -> None:
        """The platform closed a link in order: nobody will come again."""
        if session.link is link:
            self.end(session, "closed")
        else:
            self.lose(session, link)

    def end(self, session: Session, reason: str, *, code: CloseCode | None = None, text: str = "") -> None:
        """End a stream, if it has not ended (rule 4)."""
        if session.ending is not None:
            return
        call_id = session.stream.call_id
        if self._by_call.get(call_id) is session:
            del self._by_call[call_id]
        if session.ticket:
            until = expiry(session.ticket)
            self._spent[session.ticket] = min(until, int(self._now()) + KNOWN_S) if session.number else until
        session.ending = asyncio.create_task(self._end(session, reason, code or CODES.get(reason), text))
        self._ending.add(session.ending)
        session.ending.add_done_callback(self._ending.discard)

    async def drain(self, reason: str = "stopping") -> None:
        """End all streams, and wait until their handlers have returned and their recordings are stored."""
        for session in self:
            self.end(session, reason, text="the worker is stopping")
        while self._ending:
            await asyncio.wait(tuple(self._ending))

    async def close(self) -> None:
        """End all, and the sweeping."""
        await self.drain()
        self._sweeper.cancel()
        await asyncio.gather(self._sweeper, return_exceptions=True)

    def sweep(self) -> None:
        """End what has waited or run for too long (rules 2 and 5), and forget old tickets."""
        now = self._clock()
        for session in self:
            if session.stream.messages != session.messages:
                session.messages, session.heard_at = session.stream.messages, now
            if session.link is None:
                if now - session.lost_at >= self._limits.resume:
                    self.end(session, "lost")
            elif now - session.heard_at >= self._limits.idle:
                self.end(session, "idle", text=f"no message for {self._limits.idle:g} seconds")
            elif now - session.began >= self._limits.longest:
                self.end(session, "expired", text=f"the longest time is {self._limits.longest:g} seconds")
        time = self._now()
        for ticket in [ticket for ticket, until in self._spent.items() if until <= time]:
            del self._spent[ticket]

    def _take_over(self, session: Session, link: Link) -> None:
        old = session.stream.disconnect()
        session.link = link
        session.stream.connect(link)
        self._services.metrics.resumed += 1
        log.info("stream resumed: call=%r", session.stream.call_id)
        if old is not None:
            task = asyncio.create_task(old.close(CloseCode.GOING_AWAY, "the call has another connection"))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _handle(self, session: Session) -> None:
        stream = session.stream
        try:
            with telemetry.span("stream", {"dialtone.handler": stream.handler}, call_id=stream.call_id):
                await self._handlers[stream.handler](stream)
        except StreamClosed:
            pass
        except Exception as error:
            self._failed(session, error)
            return
        except asyncio.CancelledError:
            # Ours is to be told apart from one that the handler took from something that it waited for.
            self.end(session, "failed", text="the handler was cancelled")
            raise
        self.end(session, "finished")

    def _refuse(self, session: Session, code: CloseCode, text: str) -> None:
        if session.ending is None:
            log.warning("stream refused: call=%r code=%d %s", session.stream.call_id, code, text)
            self.end(session, "refused", code=code, text=text)

    def _failed(self, session: Session, error: Exception) -> None:
        stream = session.stream
        self._services.metrics.failed += 1
        log.error("handler failed: call=%r handler=%r", stream.call_id, stream.handler, exc_info=error)
        self.end(session, "failed", text="the handler failed")

    async def _end(self, session: Session, reason: str, code: CloseCode | None, text: str) -> None:
        stream, task = session.stream, session.task
        await stream.finish(reason)
        if task is not None and not task.done():
            await asyncio.wait([task], timeout=self._limits.stop)
            if not task.done():
                log.warning("handler cancelled: call=%r handler=%r", stream.call_id, stream.handler)
                task.cancel()
                await asyncio.wait([task], timeout=self._limits.stop)
        links = [link for link in (stream.disconnect(), *session.captions) if link is not None]
        await asyncio.gather(*(link.close(code or CloseCode.NORMAL_CLOSURE, text) for link in links))
        # Circles are cut: what was cancelled holds, by its traceback, who waited for it.
        session.link = session.task = None
        stream.release()
        log.info("stream closed: call=%r reason=%s", stream.call_id, reason)
        if self._services.signals is not None:
            about = {"handler": stream.handler, "reason": reason, "detail": text}
            await self._services.signals.tell(stream.call_id, media_end(session.number), about)

    async def _sweep_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()
