"""The worker's server: health, metrics and the streams.

| GET | reply |
|---|---|
| /healthz | 200 while the process works |
| /readyz | 200; 503 from the order to stop on |
| /metrics | counters in the text format of Prometheus |
| /media/{call_id}?handler=...&ticket=... | 101, a stream; or 4xx/503 with `{"error": {code, message, field, fix}}` |

A stream is opened only with the ticket of its call. Where there is no key (loopback only, see settings) a
browser's page is still refused, by its Origin header: the platform sends none.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from urllib.parse import parse_qs, unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from dialtone.media import ticket, wire
from media_worker.handlers import HANDLERS, Handler
from media_worker.metrics import Metrics
from media_worker.settings import Settings
from media_worker.stream import Stream, StreamRefused

PING_SECONDS = 20
"""Between pings, and to wait for the answer. The front end of Azure cuts connections idle for 4 minutes."""

CLOSE_SECONDS = 5
"""To wait for a peer's close frame, and then for the handlers to return."""

MAX_CALL_ID = 256
"""Characters."""

log = logging.getLogger("media_worker")


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
    if not call_id or len(call_id) > MAX_CALL_ID:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "BAD_CALL_ID",
            f"a call id has 1 to {MAX_CALL_ID} characters",
            "call_id",
            "connect to /media/{call_id}",
        )
    return Target(call_id, values.get("handler", [""])[-1], values.get("ticket", [""])[-1])


class MediaWorker:
    """The server, from `async with` to its end. Raises OSError if the port is taken."""

    def __init__(
        self,
        settings: Settings,
        handlers: Mapping[str, Handler] = HANDLERS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.metrics = Metrics()
        self.draining = False
        self._settings = settings
        self._handlers = handlers
        self._now = now

    async def __aenter__(self) -> "MediaWorker":
        self._server: Server = await serve(
            self._run,
            self._settings.host,
            self._settings.port,
            process_request=self._respond,
            origins=[None],
            compression=None,  # PCM in base64 hardly shrinks, and deflate would cost more than all the rest
            max_size=wire.MAX_MESSAGE_BYTES,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            server_header=None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close(code=CloseCode.GOING_AWAY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens, such as http://127.0.0.1:8080."""
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def drain(self) -> None:
        """Take no new stream, and return when the running ones have ended or the grace is over."""
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.grace):
                while connections := self._server.connections:
                    await asyncio.gather(*(connection.wait_closed() for connection in connections))

    def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request; None lets the opening handshake of a stream go on."""
        path, _, query = request.path.partition("?")
        match path:
            case "/healthz":
                return _json(connection, HTTPStatus.OK, {"status": "ok", "draining": self.draining})
            case "/readyz" if self.draining:
                return _json(connection, HTTPStatus.SERVICE_UNAVAILABLE, {"status": "draining"})
            case "/readyz":
                return _json(connection, HTTPStatus.OK, {"status": "ready"})
            case "/metrics":
                text = self.metrics.render(sessions=len(self._server.connections), draining=self.draining)
                return _response(connection, HTTPStatus.OK, text, "text/plain; version=0.0.4; charset=utf-8")
        try:
            self._admit(path, query)
        except Refusal as refusal:
            self.metrics.refused += 1
            return _json(connection, refusal.status, {"error": refusal.error})
        return None

    def _admit(self, path: str, query: str) -> None:
        """Return if the stream may be opened. Raises Refusal."""
        target = parse_target(path, query)
        if target is None:
            raise Refusal(HTTPStatus.NOT_FOUND, "NOT_FOUND", "nothing is here", "url", "connect to /media/{call_id}")
        if self._settings.ticket_key is not None:
            try:
                ticket.verify(self._settings.ticket_key, target.ticket, target.call_id, self._now())
            except ticket.TicketError as error:
                raise Refusal(
                    HTTPStatus.UNAUTHORIZED,
                    "BAD_TICKET",
                    str(error),
                    "ticket",
                    "sign a new ticket for this call with the worker's key",
                ) from None
        if target.handler not in self._handlers:
            raise Refusal(
                HTTPStatus.BAD_REQUEST,
                "UNKNOWN_HANDLER",
                "no handler of this name is registered",
                "handler",
                f"use one of: {', '.join(sorted(self._handlers))}",
            )
        # `connections` counts a stream from the reply 101 on, and nothing is awaited between here and there.
        if self.draining or len(self._server.connections) >= self._settings.max_sessions:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "DRAINING" if self.draining else "FULL",
                "the worker is stopping" if self.draining else "the worker holds as many streams as it may",
                "",
                "connect again: another replica will answer",
            )

    async def _run(self, connection: ServerConnection) -> None:
        """Hold one stream, from its handshake to its end."""
        assert connection.request is not None
        path, _, query = connection.request.path.partition("?")
        target = parse_target(path, query)
        assert target is not None
        self.metrics.streams += 1
        log.info("stream opened: call=%r handler=%r", target.call_id, target.handler)
        try:
            stream = await Stream.open(connection, target.call_id, self.metrics, self._settings.metadata_timeout)
            async with contextlib.aclosing(stream.audio):
                await self._handlers[target.handler](stream)
        except StreamRefused as refused:
            log.warning("stream refused: call=%r code=%d %s", target.call_id, refused.code, refused.reason)
            await connection.close(refused.code, refused.reason)
        except ConnectionClosed:
            pass
        except Exception:
            log.exception("handler failed: call=%r handler=%r", target.call_id, target.handler)
            await connection.close(CloseCode.INTERNAL_ERROR, "the handler failed")
        log.info("stream closed: call=%r", target.call_id)


def _json(connection: ServerConnection, status: HTTPStatus, body: object) -> Response:
    return _response(connection, status, json.dumps(body), "application/json")


def _response(connection: ServerConnection, status: HTTPStatus, text: str, content_type: str) -> Response:
    response = connection.respond(status, text)
    # Setting a header adds one; respond() has said text/plain.
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = content_type
    return response
