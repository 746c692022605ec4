"""The simulated ACS resource as an ASGI application."""

from collections.abc import Awaitable, Callable
from typing import Any

from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_wire import Request

Message = dict[str, Any]


class AcsApp:
    """Serves the resource, or serves it as a part of an application that is behind `prefix`."""

    def __init__(self, resource: AcsResource, prefix: str = "") -> None:
        self._resource, self._prefix = resource, prefix

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
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
        base = f"{scope['scheme']}://{headers.get('host', '')}{self._prefix}"
        reply = await self._resource.handle(request, base)
        fields = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        await send({"type": "http.response.body", "body": reply.body})
