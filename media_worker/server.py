"""The worker's server: health, metrics and the streams.

| GET | reply |
|---|---|
| /healthz | 200 while the process works |
| /readyz | 200; 503 from the order to stop on |
| /metrics | counters in the text format of Prometheus |
| /media/{call_id}?handler=...&ticket=... | 101, a stream; or 4xx/503 with `{"error": {code, message, field, fix}}` |

Who may open a stream: media_worker/admission.py. Where there is no key (loopback only, see settings) a browser's page
is still refused, by its Origin header: the platform sends none.
"""

import asyncio
import contextlib
import gc
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from importlib import import_module
from types import TracebackType
from typing import Any, Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from dialtone.media import wire
from dialtone.storage import Storage, open_storage
from media_worker.admission import Admission, Refusal
from media_worker.connection import WRITE_LIMIT, Link, MediaConnection, PlainLink, usable
from media_worker.handlers import HANDLERS, Handler
from media_worker.metrics import Metrics, render
from media_worker.opening import Opening
from media_worker.prompts import Prompts
from media_worker.recorder import Recorders
from media_worker.rooms import Rooms
from media_worker.sessions import Sessions
from media_worker.settings import Settings
from media_worker.signals import Signals
from media_worker.stream import Services
from media_worker.wheel import Wheel

PING_SECONDS: Final = 20
"""Between pings, and to wait for the answer. The front end of Azure cuts connections idle for 4 minutes."""

CLOSE_SECONDS: Final = 5
"""To wait for a peer's close frame."""

DRAIN_LOOK_S: Final = 0.05

IN_ORDER: Final = (CloseCode.NORMAL_CLOSURE, CloseCode.NO_STATUS_RCVD)
"""How a platform closes that will not come again."""

log = logging.getLogger("media_worker")


class MediaWorker:
    """The server, from `async with` to its end. Raises OSError if the port is taken.

    `now` gives Unix seconds, which tickets and tokens are measured in, and `clock` the seconds of the limits. Without
    `fast`, or if the library has changed, connections are the library's (media_worker/connection.py). With
    `share_port`, other processes may listen on the same port; with `requires_consent` nobody is recorded who has not
    agreed.
    """

    sessions: Sessions

    def __init__(
        self,
        settings: Settings,
        handlers: Mapping[str, Handler] = HANDLERS,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        *,
        fast: bool = True,
        share_port: bool = False,
        requires_consent: bool = False,
    ) -> None:
        self.metrics = Metrics()
        self._settings, self._handlers, self._now, self._clock, self._fast = settings, handlers, now, clock, fast
        self._share_port = share_port
        self._requires_consent = requires_consent
        self._storage: Storage | None = None
        if settings.storage or settings.storage_account:
            self._storage = open_storage(
                settings.storage,
                account=settings.storage_account,
                client_id=settings.client_id,
                prompt_refresh=settings.prompt_refresh,
                prompt_channels=settings.prompt_channels,
            )

    async def __aenter__(self) -> "MediaWorker":
        settings, wheel = self._settings, Wheel(asyncio.get_running_loop())
        self._signals: Signals | None = None
        if settings.public_url and settings.signal_key:
            self._signals = Signals(settings.public_url, settings.signal_key, self.metrics)
        if self._storage is not None:
            await _load_storage()
        recorders = Recorders(self._storage.backend, wheel, self.metrics) if self._storage else None
        prompts = Prompts(self._storage.prompts) if self._storage else None
        services = Services(
            wheel, self.metrics, Rooms(wheel), self._signals, recorders, prompts, self._requires_consent
        )
        self.sessions = Sessions(self._handlers, services, settings.limits, self._clock, self._now)
        self._admission = Admission(settings, self._handlers, self.sessions, self._now, self._clock, self._signals)
        fast = self._fast and usable()
        if self._fast and not fast:
            log.warning("this version of websockets has no fast path: a third of the streams will fit")
        self._server: Server = await serve(
            self._run,
            settings.host,
            settings.port,
            reuse_port=self._share_port or None,
            process_request=self._respond,
            origins=[None],
            compression=None,  # PCM in base64 hardly shrinks, and deflate would cost more than all the rest
            max_size=wire.MAX_VIDEO_BYTES,
            write_limit=WRITE_LIMIT,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            close_timeout=CLOSE_SECONDS,
            server_header=None,
            create_connection=MediaConnection if fast else ServerConnection,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.draining = True
        await self.sessions.close()
        self._server.close(code=CloseCode.GOING_AWAY)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                await self._server.wait_closed()
        if self._signals is not None:
            await self._signals.close()
        if self._storage is not None:
            await self._storage.close()

    @property
    def url(self) -> str:
        """Where it listens, such as http://127.0.0.1:8080."""
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def drain(self) -> None:
        """Take no new stream; return when the running ones have ended or, after the grace, have been ended."""
        self._admission.draining = True
        loop = asyncio.get_running_loop()
        until = loop.time() + self._settings.grace
        while (len(self.sessions) or len(self._admission)) and (left := until - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(DRAIN_LOOK_S, left))
        await self.sessions.drain()

    def _respond(self, connection: ServerConnection, request: Request) -> Response | Awaitable[Response | None]:
        """Answer a request; None lets the opening handshake of a stream go on."""
        draining = self._admission.draining
        match request.path.partition("?")[0]:
            case "/healthz":
                return _json(connection, HTTPStatus.OK, {"status": "ok", "draining": draining})
            case "/readyz" if draining:
                return _json(connection, HTTPStatus.SERVICE_UNAVAILABLE, {"status": "draining"})
            case "/readyz":
                return _json(connection, HTTPStatus.OK, {"status": "ready"})
            case "/metrics":
                text = render(self.metrics.values(), {"sessions": len(self.sessions), "draining": int(draining)})
                return _response(connection, HTTPStatus.OK, text, "text/plain; version=0.0.4; charset=utf-8")
        return self._open(connection, request)

    async def _open(self, connection: ServerConnection, request: Request) -> Response | None:
        path, _, query = request.path.partition("?")
        try:
            await self._admission.admit(connection, path, query, request.headers)
        except Refusal as refusal:
            self.metrics.refused += 1
            return _json(connection, refusal.status, {"error": refusal.error})
        return None

    async def _run(self, connection: ServerConnection) -> None:
        """Hold one connection, from its handshake to its end."""
        target = self._admission.target_of(connection)
        link: Link = connection if isinstance(connection, MediaConnection) else PlainLink(connection)
        closing: list[asyncio.Task[None]] = []

        def close(code: CloseCode, text: str) -> None:
            log.warning("stream refused: call=%r code=%d %s", target.call_id, code, text)
            closing.append(asyncio.create_task(link.close(code, text)))

        opening = Opening(link, target, self.sessions, self.metrics, close)
        closed = asyncio.create_task(connection.wait_closed())
        try:
            link.attach(opening)
            either: list[asyncio.Future[Any]] = [opening.begun, closed]
            await asyncio.wait(either, timeout=self._settings.metadata_timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._admission.heard(connection)
        if not opening.begun.done() and not closed.done():
            opening.late()
        opening.end()
        session = opening.begun.result() if opening.begun.done() else None
        await closed
        if session is not None:
            in_order = connection.close_code in IN_ORDER
            (self.sessions.leave if in_order else self.sessions.lose)(session, link)
        await asyncio.gather(*closing)


async def _load_storage() -> None:
    """Import the SDK before there are streams: later it would stop all of them for a second."""
    for name in ("aiohttp", "azure.data.tables.aio", "azure.storage.blob.aio", "azure.identity.aio"):
        await asyncio.to_thread(import_module, name)


def freeze() -> None:
    """Have the garbage collector pass over what is here now: looking through it would stop all streams for 30 ms."""
    gc.collect()
    gc.freeze()


def _json(connection: ServerConnection, status: HTTPStatus, body: object) -> Response:
    return _response(connection, status, json.dumps(body), "application/json")


def _response(connection: ServerConnection, status: HTTPStatus, text: str, content_type: str) -> Response:
    response = connection.respond(status, text)
    # Setting a header adds one; respond() has said text/plain.
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = content_type
    return response
