"""The simulated Teams tenant as an ASGI application."""

from collections.abc import Awaitable, Callable

from simulator.platforms.acs_app import Message
from simulator.platforms.acs_wire import Request
from simulator.platforms.teams import GraphService


class TeamsApp:
    """Serves the tenant: Graph, Entra's tokens, the OpenID metadata, the speech service."""

    def __init__(self, service: GraphService) -> None:
        self._service = service

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
        request = Request(scope["method"], target, headers, body)
        reply = await self._service.handle(request, f"{scope['scheme']}://{headers.get('host', '')}")
        fields = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        await send({"type": "http.response.body", "body": reply.body})
