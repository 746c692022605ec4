"""The ASGI application: HTTP triggers, the admin endpoints, the Event Grid webhook, and the timers beside them.

Rules (azure-functions-host, its gRPC message conversion, and the Event Grid extension):
1. A request reaches a function as flat maps: header names in lower case, repeated headers and query parameters
   joined by ``,``, empty query parameters left out.
2. The body is whole and at most 104,857,600 bytes: above is 413. The host hands no chunked body to a Python function
   (azure-functions-host issue 4926); here such a request is refused with 411, so that it is noticed.
3. No matching route and method: 404. The function fails: 500 with an empty body.
4. X-ARR-ClientCert is the front end's word about the TLS peer: the certificate of the handshake, as base64 of DER. One
   sent by the client never reaches a function.
5. With a key set, every function whose authLevel is not anonymous, /admin and /runtime/webhooks want it in the header
   x-functions-key or the query parameter code: 401 without.
6. An Event Grid delivery is one invocation per event: 202 when all succeed, 500 when one fails.
"""

import asyncio
import hmac
import json
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from azure.functions.meta import Datum

from .functions import Function, InvocationFailed, Worker
from .routes import RouteTable
from .timers import run_timer, timer_datum
from .tls import CERTIFICATE

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 104_857_600
_JSON = (b"content-type", b"application/json; charset=utf-8")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Response = tuple[int, list[tuple[bytes, bytes]], bytes]


class _Refused(Exception):
    """The host answers by itself: a status and a line of text."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text)
        self.response: Response = (status, [_TEXT] if text else [], text.encode())


class Host:
    """An ASGI 3 application over a worker's functions; key None leaves keys unchecked, as ``func start`` does."""

    def __init__(
        self, worker: Worker, functions: Iterable[Function], routes: RouteTable, key: str | None = None
    ) -> None:
        self._worker = worker
        self._functions = {function.name.lower(): function for function in functions}
        self._routes = routes
        self._key = None if key is None else key.encode()
        self._timers: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        try:
            status, headers, body = await self._respond(scope, receive)
        except _Refused as refused:
            status, headers, body = refused.response
        if status in (204, 304):
            body = b""
        else:
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def start_timers(self) -> None:
        """Start the app's timers on the running loop."""
        for function in self._functions.values():
            if function.kind == "timerTrigger":
                self._timers.append(asyncio.create_task(run_timer(function, partial(self._fire, function))))

    async def drain(self, timeout_s: float) -> None:
        """Stop the timers and wait for the runs that no HTTP request waits for; cancel them after the time-out."""
        for timer in self._timers:
            timer.cancel()
        await asyncio.gather(*self._timers, return_exceptions=True)
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        method, raw_path = scope["method"], scope["raw_path"]
        try:
            headers, query = _flat_headers(scope["headers"]), _flat_query(scope["query_string"])
        except UnicodeDecodeError:
            raise _Refused(400, "a request header is not UTF-8") from None
        if (certificate := scope.get(CERTIFICATE)) is not None:
            headers["x-arr-clientcert"] = b64encode(certificate).decode()
        if raw_path[:7].lower() == b"/admin/" or raw_path[:9].lower() == b"/runtime/":
            self._authorize(headers, query)
            return await self._manage(method, raw_path.decode("latin-1"), headers, query, receive)
        found = self._routes.match(method, raw_path)
        if found is None:
            raise _Refused(404)
        function, parameters = found
        if function.trigger.get("authLevel", "function").lower() != "anonymous":
            self._authorize(headers, query)
        target = raw_path + b"?" + scope["query_string"] if scope["query_string"] else raw_path
        request = {
            "method": Datum(method, "string"),
            "url": Datum(f"{scope['scheme']}://{headers.get('host', '')}{target.decode('latin-1')}", "string"),
            "headers": _strings(headers),
            "params": _strings(parameters),
            "query": _strings(query),
            "body": Datum(await _read_body(headers, receive), "bytes"),
        }
        try:
            outputs = await self._worker.invoke(function, Datum(request, "http"))
            return _http_response(outputs.get(function.http_output))
        except InvocationFailed:
            return 500, [], b""
        except ValueError as error:
            log.error("Function %s: the response cannot be sent: %s", function.name, error)
            return 500, [], b""

    def _authorize(self, headers: dict[str, str], query: dict[str, str]) -> None:
        if self._key is not None:
            given = headers.get("x-functions-key") or query.get("code", "")
            if not hmac.compare_digest(given.encode(), self._key):
                raise _Refused(401)

    async def _manage(
        self, method: str, path: str, headers: dict[str, str], query: dict[str, str], receive: Receive
    ) -> Response:
        """Answer /admin and /runtime."""
        match [method, *path.lower().strip("/").split("/")]:
            case ["GET", "admin", "host", "status"]:
                return _json(200, {"state": "Running", "worker": self._worker.name})
            case ["GET", "admin", "functions"]:
                listed = [
                    {"name": function.name, "language": "python", "config": {"bindings": function.bindings}}
                    for function in self._functions.values()
                ]
                return _json(200, listed)
            case ["POST", "admin", "functions", name] if name in self._functions:
                return self._run_now(self._functions[name], await _read_body(headers, receive))
            case ["POST" | "OPTIONS", "runtime", "webhooks", "eventgrid"]:
                name = next((value for key, value in query.items() if key.lower() == "functionname"), "")
                function = self._functions.get(name.lower())
                if function is None or function.kind != "eventGridTrigger":
                    raise _Refused(404, f"cannot find function: {name!r}")
                if method == "OPTIONS":
                    return 200, [(b"webhook-allowed-origin", b"eventgrid.azure.net")], b""
                body = await _read_body(headers, receive)
                return await self._deliver(function, headers.get("aeg-event-type", "").lower(), body)
        raise _Refused(404)

    def _run_now(self, function: Function, body: bytes) -> Response:
        """Start a function that has no HTTP trigger, with ``{"input": ...}``; a timer ignores its input."""
        try:
            given = json.loads(body).get("input")
            event = json.loads(given) if isinstance(given, str) and function.kind == "eventGridTrigger" else given
        except (ValueError, AttributeError):
            raise _Refused(400, 'the body must be {"input": ...}, for an Event Grid function one event') from None
        if function.kind == "httpTrigger":
            raise _Refused(400, f"{function.name} is an HTTP function: request its route")
        if function.kind == "eventGridTrigger" and not isinstance(event, dict):
            raise _Refused(400, "input must be one Event Grid event")
        self._start(function, timer_datum() if function.kind == "timerTrigger" else _event_datum(event))
        return 202, [], b""

    async def _deliver(self, function: Function, event_type: str, body: bytes) -> Response:
        """Answer an Event Grid subscription's validation, or run the function for each event of a delivery."""
        try:
            document = json.loads(body)
            events = document if isinstance(document, list) else [document]
            if event_type == "subscriptionvalidation":
                # In the CloudEvents schema the data is JSON text within JSON.
                data = events[0]["data"]
                code = (json.loads(data) if isinstance(data, str) else data)["validationCode"]
                return _json(200, {"validationResponse": code})
        except (ValueError, TypeError, KeyError, IndexError):
            raise _Refused(400, "the body is not a list of Event Grid events") from None
        if event_type == "notification":
            runs = [self._worker.invoke(function, _event_datum(event)) for event in events]
            results = await asyncio.gather(*runs, return_exceptions=True)
            return (500 if any(isinstance(result, BaseException) for result in results) else 202), [], b""
        return (202 if event_type == "unsubscribe" else 400), [], b""

    async def _fire(self, function: Function, trigger: Datum) -> None:
        """Run a timer's function; cancelling the timer does not cancel a run that has begun."""
        await asyncio.shield(self._start(function, trigger))

    def _start(self, function: Function, trigger: Datum) -> asyncio.Task[None]:
        async def run() -> None:
            try:
                await self._worker.invoke(function, trigger)
            except InvocationFailed:
                return

        task = asyncio.create_task(run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def _flat_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode(), raw_value.decode()
        if name in headers:
            headers[name] += "," + value
        elif name != "x-arr-clientcert":
            headers[name] = value
    return headers


def _flat_query(raw: bytes) -> dict[str, str]:
    query: dict[str, str] = {}
    if raw:
        spelled: dict[str, str] = {}
        for name, value in parse_qsl(raw.decode("utf-8", "replace")):
            key = spelled.setdefault(name.lower(), name)
            query[key] = f"{query[key]},{value}" if key in query else value
    return query


def _strings(values: dict[str, str]) -> dict[str, Datum]:
    return {name: Datum(value, "string") for name, value in values.items()}


async def _read_body(headers: dict[str, str], receive: Receive) -> bytes:
    if "transfer-encoding" in headers:
        raise _Refused(411, "a chunked body never reaches a Python function in Azure: send a Content-Length")
    length = int(headers.get("content-length", "0"))
    if length > MAX_BODY_BYTES:
        raise _Refused(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
    if length == 0:
        return b""
    message = await receive()
    chunks = [message.get("body", b"")]
    while message.get("more_body"):
        message = await receive()
        chunks.append(message.get("body", b""))
    if message["type"] == "http.disconnect":
        raise _Refused(400, "the client left before the body was whole")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _http_response(datum: Datum | None) -> Response:
    """Turn the datum of an ``http`` output into a response; raises ValueError when it cannot be sent."""
    if datum is None or datum.type is None:
        return 204, [], b""
    if datum.type == "string":
        return 200, [_TEXT], datum.value.encode()
    if datum.type == "bytes":
        return 200, [(b"content-type", b"application/octet-stream")], datum.value
    value = datum.value
    status = int(value["status_code"].value)
    if not 200 <= status <= 599:
        raise ValueError(f"the status code {status} is not within 200-599")
    headers = [
        (name.lower().encode("latin-1"), text.value.encode("latin-1")) for name, text in value["headers"].items()
    ]
    # The body is framed here, by its length.
    headers = [header for header in headers if header[0] not in (b"content-length", b"transfer-encoding")]
    for cookie in value["cookies"] or ():
        headers += [(b"set-cookie", morsel.OutputString().encode("latin-1")) for morsel in cookie.values()]
    return status, headers, value["body"].value


def _json(status: int, document: object) -> Response:
    return status, [_JSON], json.dumps(document).encode()


def _event_datum(event: object) -> Datum:
    return Datum(json.dumps(event), "json")
