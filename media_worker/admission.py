"""Which request opens a stream: its URL, its ticket or token, and whether there is room.

1. A stream is opened only by the ticket of its call, or by the platform's token (media_worker/tokens.py) in its place.
2. A ticket opens one stream. The platform comes again with the URL that it has, for as long as the stream lives, even
   when the ticket has expired meanwhile.
3. With a token, the call is the one that the header `x-ms-call-connection-id` names.
4. A URL without a handler is that of all streams of its call, one after the other. Its ticket is a standing one, and
   the functions say which stream is wanted; it is opened once. While they cannot say, only a stream that lives is
   resumed.
5. Streams over the limit are answered 503. A connection that was opened and says nothing counts as well, but gives way
   to a new one after GIVE_WAY_S, the oldest first. A connection that sent no request counts for nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, unquote

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.protocol import CLOSED

from dialtone.errors import DialtoneError
from dialtone.media import ticket
from dialtone.media.stream import SignalFailed
from media_worker.handlers import Handler
from media_worker.sessions import Sessions
from media_worker.settings import Settings
from media_worker.signals import Signals
from media_worker.tokens import Tokens

GIVE_WAY_S: Final = 1.0
MAX_CALL_ID: Final = 256
"""Characters."""

CALL_HEADER: Final = "x-ms-call-connection-id"


class Refusal(Exception):
    """A request for a stream that is answered with an error instead."""

    def __init__(self, status: HTTPStatus, code: str, message: str, field: str, fix: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message, "field": field, "fix": fix}


@dataclass(frozen=True, slots=True)
class Target:
    """What a stream's URL asks for."""

    call_id: str
    handler: str
    ticket: str
    number: int = 0
    """Which of the call's streams it is, from 1, by a standing ticket; 0 for any other."""

    @property
    def key(self) -> str:
        """What opens one stream only: the ticket, or a standing one with the number."""
        return f"{self.ticket} {self.number}" if self.number else self.ticket


@dataclass(frozen=True, slots=True)
class Waiting:
    """A connection that was admitted and has not said what it is, since this second of the clock."""

    target: Target
    since: float


class Admission:
    """The door of a worker. `now` gives Unix seconds, `clock` those that waiting is measured in."""

    def __init__(
        self,
        settings: Settings,
        handlers: Mapping[str, Handler],
        sessions: Sessions,
        now: Callable[[], float],
        clock: Callable[[], float],
        signals: Signals | None = None,
    ) -> None:
        self.draining = False
        self._signals = signals
        self._settings, self._handlers, self._sessions, self._now, self._clock = (
            settings,
            handlers,
            sessions,
            now,
            clock,
        )
        self._tokens = Tokens(settings.audience, settings.token_keys, now) if settings.audience else None
        self._waiting: dict[ServerConnection, Waiting] = {}

    def __len__(self) -> int:
        """Connections that wait."""
        return len(self._waiting)

    async def admit(self, connection: ServerConnection, path: str, query: str, headers: Headers) -> None:
        """Let a connection wait for its first message. Raises Refusal."""
        target = parse_target(path, query)
        if target is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "NOT_FOUND", "nothing is here", "url", "connect to /media/{call_id}")
        if self._tokens is not None and not target.ticket:
            target = await _by_token(self._tokens, target, headers)
        elif target.ticket and not target.handler:
            target = await self._by_standing_ticket(target)
        elif self._settings.ticket_key is not None:
            self._by_ticket(target, self._settings.ticket_key)
        if not target.call_id:
            raise _bad_call_id()
        if target.handler not in self._handlers:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "UNKNOWN_HANDLER",
                "no handler of this name is registered",
                "handler",
                f"use one of: {', '.join(sorted(self._handlers))}",
            )
        if self._sessions.get(target.call_id) is None:
            self._must_have_room()
        # Nothing is awaited between the count and here.
        self._waiting[connection] = Waiting(target, self._clock())

    def target_of(self, connection: ServerConnection) -> Target:
        """What an admitted connection asked for."""
        return self._waiting[connection].target

    def heard(self, connection: ServerConnection) -> None:
        """It waits no more: it has said what it is, or is gone."""
        self._waiting.pop(connection, None)

    def _by_ticket(self, target: Target, key: bytes) -> None:
        try:
            ticket.verify(key, target.ticket, target.call_id, self._now())
            if self._sessions.is_spent(target.ticket):
                raise ticket.TicketError("the ticket was used")
        except ticket.TicketError as error:
            session = self._sessions.get(target.call_id)
            if session is None or not target.ticket or session.ticket != target.ticket:
                raise _bad_ticket(error) from None

    async def _by_standing_ticket(self, target: Target) -> Target:
        """Rule 4: the target with what the URL does not say."""
        key = self._settings.ticket_key
        session = self._sessions.get(target.call_id)
        lives = session is not None and session.ticket.partition(" ")[0] == target.ticket
        try:
            if key is not None and not lives:
                ticket.verify(key, target.ticket, target.call_id, self._now(), standing=True)
        except ticket.TicketError as error:
            raise _bad_ticket(error) from None
        if self._signals is None:
            raise _no_room("NO_FUNCTIONS", "the worker cannot ask which stream is wanted: set DIALTONE_PUBLIC_URL")
        try:
            wanted = await self._signals.wanted(target.call_id)
        except SignalFailed as failed:
            if session is None or not lives:
                raise _no_room("NO_ANSWER", str(failed)) from None
            return replace(target, handler=session.stream.handler, number=session.number)
        found = target if wanted is None else replace(target, handler=wanted[0], number=wanted[1])
        is_used = self._sessions.is_spent(found.key) and (session is None or session.ticket != found.key)
        if wanted is None or is_used:
            raise Refusal(
                HTTPStatus.CONFLICT, "NOT_WANTED", "no dialog wants a stream of this call", "call_id", "start one first"
            )
        return found

    def _must_have_room(self) -> None:
        if self.draining:
            raise _no_room("DRAINING", "the worker is stopping")
        if len(self._sessions) + len(self._waiting) >= self._settings.max_sessions:
            for connection in [each for each in self._waiting if each.state is CLOSED]:
                del self._waiting[connection]
            if self._waiting and len(self._sessions) + len(self._waiting) >= self._settings.max_sessions:
                oldest, waiting = next(iter(self._waiting.items()))
                if self._clock() - waiting.since >= GIVE_WAY_S:
                    del self._waiting[oldest]
                    oldest.transport.abort()
        if len(self._sessions) + len(self._waiting) >= self._settings.max_sessions:
            raise _no_room("FULL", "the worker holds as many streams as it may")


def parse_target(path: str, query: str) -> Target | None:
    """Read a stream's URL; None if it is not one. Raises Refusal for one that is malformed."""
    if not path.startswith("/media/"):
        return None
    try:
        call_id = unquote(path.removeprefix("/media/"), errors="strict")
        values = parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError:
        raise Refusal(
            HTTPStatus.BAD_REQUEST, "BAD_URL", "the URL is not well formed", "url", "percent-encode it as UTF-8"
        ) from None
    if len(call_id) > MAX_CALL_ID:
        raise _bad_call_id()
    return Target(call_id, values.get("handler", [""])[-1], values.get("ticket", [""])[-1])


async def _by_token(tokens: Tokens, target: Target, headers: Headers) -> Target:
    try:
        await tokens.verify(headers.get("Authorization"))
    except DialtoneError as error:
        status = HTTPStatus(error.http_status)
        raise Refusal(status, error.code, error.message, "Authorization", error.fix) from None
    call_id = headers.get(CALL_HEADER) or target.call_id
    if len(call_id) > MAX_CALL_ID:
        raise _bad_call_id()
    return Target(call_id, target.handler, "")


def _bad_ticket(error: ticket.TicketError) -> Refusal:
    fix = "sign a new ticket for this call with the worker's key"
    return Refusal(HTTPStatus.UNAUTHORIZED, "BAD_TICKET", str(error), "ticket", fix)


def _bad_call_id() -> Refusal:
    return Refusal(
        HTTPStatus.BAD_REQUEST,
        "BAD_CALL_ID",
        f"a call id has 1 to {MAX_CALL_ID} characters",
        "call_id",
        "connect to /media/{call_id}",
    )


def _no_room(code: str, message: str) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, code, message, "", "connect again: another replica will answer")
