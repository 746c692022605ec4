"""What the REST services of platforms of commands have in common: requests, replies, routes, faults, an application.

A service (`RestService`) answers `Request`s with `Reply`s, and refuses with `Refused`; `RestApp` serves it over ASGI.
"""

import asyncio
import json
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final, Generic, Protocol, TypeVar
from urllib.parse import unquote
from uuid import UUID

from simulator.clock import Clock
from simulator.script import Script

KEPT: Final = 4096
"""How many requests, and replies of repeatable ones, are remembered."""

Json = dict[str, Any]
Scope = dict[str, Any]
"""A scope or a message of ASGI."""


@dataclass(frozen=True)
class Request:
    """A request as it came: header names in lower case, the target with its query, nothing decoded."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    prefix: str = ""
    """What the service's address has before its first path."""

    @property
    def path(self) -> str:
        """The path behind the prefix, still encoded."""
        return self.target.partition("?")[0].removeprefix(self.prefix)


@dataclass(frozen=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, document: Json | None = None, **headers: str) -> "Reply":
        """A reply of JSON, or of nothing."""
        if document is None:
            return cls(status, b"", headers)
        return cls(status, json.dumps(document).encode(), {"Content-Type": "application/json", **headers})


class Refused(Exception):
    """A request that is refused: the status and, where the platform has one, the sub-code."""

    def __init__(self, status: int, code: int | str, message: str) -> None:
        super().__init__(message)
        self.reply = Reply.of(status, {"error": {"code": str(code), "message": message}})


class Routes:
    """The operations of a service: by its name the method, the path as a regular expression, the status of success."""

    def __init__(self, operations: Mapping[str, tuple[str, str, int]]) -> None:
        self._patterns = [(name, method, re.compile(path)) for name, (method, path, _) in operations.items()]

    def find(self, method: str, path: str) -> tuple[str, tuple[str, ...]]:
        """The operation of a request, and the ids in its path, decoded. Raises `Refused` (404, 405)."""
        found = [(name, verb, match) for name, verb, pattern in self._patterns if (match := pattern.fullmatch(path))]
        for name, verb, match in found:
            if verb == method:
                return name, tuple(unquote(part) for part in match.groups())
        if found:
            raise Refused(405, "MethodNotAllowed", f"{method} is not a method of {path}")
        raise Refused(404, "NotFound", f"there is no {path}")


@dataclass
class Fault:
    """Something that goes wrong with an operation of a service, `times` times, once it was done `after` times.

    The reply is `status`, with Retry-After if `retry_after_s` is set. `applied` does the operation all the same, as
    when a reply is lost.
    """

    operation: str
    status: int
    times: int = 1
    applied: bool = False
    retry_after_s: int | None = None
    after: int = 0


def with_fault(faults: Sequence[Fault], operation: str, answer: Callable[[], Reply]) -> Reply:
    """What `answer` replies, or what the first of the faults that is left for this operation does instead."""
    fault = next((each for each in faults if each.operation == operation and each.times > 0), None)
    if fault is None or fault.after > 0:
        if fault is not None:
            fault.after -= 1
        return answer()
    fault.times -= 1
    if fault.applied:
        answer()
    headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    error = {"error": {"code": str(fault.status), "message": "the simulator was told to fail"}}
    return Reply.of(fault.status, error, **headers)


def read(body: bytes) -> Json:
    """The body of a command. Raises `Refused` (400)."""
    if not body:
        return {}
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, 8523, "the body is not JSON") from None
    if not isinstance(data, dict):
        raise Refused(400, 8523, "the body is not a JSON object")
    return data


def member(data: Json, path: str, kind: type[Any]) -> Any:
    """A member that has to be there, `a.b` for one of a member. Raises `Refused` (400)."""
    value: Any = data
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, kind) or (kind is str and not value):
        raise Refused(400, 8523, f"{path} is missing, or of another type")
    return value


def new_id(random: Random) -> str:
    """An id that nothing else has."""
    return str(UUID(int=random.getrandbits(128), version=4))


class Placed(Protocol):
    """A call of a service."""

    @property
    def id(self) -> str:
        """By which its commands name it."""


C = TypeVar("C", bound=Placed)


class RestService(ABC, Generic[C]):
    """What a service of calls has whatever its platform is. `reply_delay_s` is real time before each reply."""

    def __init__(self, routes: Routes, faults: Sequence[Fault], reply_delay_s: float = 0.0) -> None:
        self.calls: dict[str, C] = {}
        self.callees: dict[str, Script] = {}
        """Who takes a call that the bot places, by whom it is placed to."""
        self.requests: deque[tuple[str, Request, Reply]] = deque(maxlen=KEPT)
        """What was asked, by its operation, and what was answered; the newest last."""
        self._routes, self._faults, self._reply_delay_s = routes, faults, reply_delay_s
        self._tasks: set[asyncio.Task[None]] = set()

    def forget(self, call: C) -> None:
        """Know nothing more of a call that is over."""
        self.calls.pop(call.id, None)

    async def close(self) -> None:
        """Break off the calls that bots placed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def handle(self, request: Request, base: str = "") -> Reply:
        """Answer a request. `base` is the address that it came to."""
        name, reply = "", None
        try:
            if (other := self._other(request, base)) is not None:
                return other
            name, ids = self._routes.find(request.method, request.path)
            self._authorize(request)
            reply = with_fault(self._faults, name, partial(self._answer, name, ids, request))
        except Refused as refused:
            reply = refused.reply
        self.requests.append((name, request, reply))
        if self._reply_delay_s:
            await asyncio.sleep(self._reply_delay_s)
        return reply

    @abstractmethod
    def _other(self, request: Request, base: str) -> Reply | None:
        """The reply to what is none of the operations, such as key sets; None for them."""

    @abstractmethod
    def _authorize(self, request: Request) -> None:
        """Raise `Refused` for a request that does not prove who asks."""

    @abstractmethod
    def _answer(self, name: str, ids: tuple[str, ...], request: Request) -> Reply:
        """Do an operation. Raises `Refused`."""

    def _start(self, clock: Clock, life: Coroutine[Any, Any, None]) -> None:
        """Have a call that a bot placed live."""
        task = clock.start(life)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class RestApp:
    """A service as an ASGI application, or as a part of one that is behind `prefix`.

    `handle` answers a request; it is also given the address that the request came to, prefix included.
    """

    def __init__(self, handle: Callable[[Request, str], Awaitable[Reply]], prefix: str = "") -> None:
        self._handle, self._prefix = handle, prefix

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Scope]], send: Callable[[Scope], Awaitable[None]]
    ) -> None:
        """Serve one request."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        path = scope["raw_path"].decode().partition("?")[0]
        target = f"{path}?{query}" if query else path
        request = Request(scope["method"], target, headers, body, self._prefix)
        reply = await self._handle(request, f"{scope['scheme']}://{headers.get('host', '')}{self._prefix}")
        fields = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        await send({"type": "http.response.body", "body": reply.body})
