"""The simulated ACS resource on a socket of this machine, and a bot's address that takes its events."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web
from azure.communication.callautomation import CallAutomationClient
from azure.core.credentials import AzureKeyCredential

from simulator.clock import RealClock
from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import RestApp
from simulator.serving import listening
from simulator.wire import open_wire
from tests.functions.issuer import serving

Json = dict[str, Any]
KEY = "a2l0LWxvY2FsLWtleS0wMDAwMDAwMDAwMDAwMDAwMDE="
CALLER = "+15550100"


class Server:
    """The resource, where it is, and what it posted to the bot."""

    def __init__(self, resource: AcsResource) -> None:
        self.resource = resource
        self.url = ""
        self.bot_url = ""
        self.events: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self._came = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        events = json.loads(await request.read())
        self.headers.append(dict(request.headers))
        async with self._came:
            self.events += events
            self._came.notify_all()
        return web.Response()

    async def event(self, kind: str, context: str | None = None) -> Json:
        """The first event of this kind; waits for it."""

        def found() -> Json | None:
            for event in self.events:
                name = event.get("type") or event.get("eventType")
                if name == f"Microsoft.Communication.{kind}" and (
                    context is None or event["data"].get("operationContext") == context
                ):
                    data: Json = event["data"]
                    return data
            return None

        async with asyncio.timeout(10), self._came:
            await self._came.wait_for(lambda: found() is not None)
        data = found()
        assert data is not None
        return data

    def client(self, **options: Any) -> CallAutomationClient:
        return CallAutomationClient(self.url, AzureKeyCredential(KEY), **options)

    @property
    def asked(self) -> list[tuple[str, int]]:
        """The operations that were asked for, and the statuses that were answered."""
        return [(name, reply.status) for name, _, reply in self.resource.requests]

    def last(self, name: str) -> Any:
        """The last request of an operation."""
        return next(request for each, request, _ in reversed(self.resource.requests) if each == name)


@asynccontextmanager
async def acs(settings: AcsSettings | None = None, *, prefix: str = "", **tls: Any) -> AsyncIterator[Server]:
    """The resource, at `prefix` of an address of this machine."""
    settings = replace(settings or AcsSettings(), access_key=base64.b64decode(KEY), open_streams=False)
    async with open_wire() as wire:
        resource = AcsResource(wire, RealClock, settings)
        server = Server(resource)
        async with serving(server.take) as server.bot_url, listening(RestApp(resource.handle, prefix), **tls) as port:
            resource.events_url = f"{server.bot_url}/events"
            scheme, host = ("https", "localhost") if tls else ("http", "127.0.0.1")
            server.url = f"{scheme}://{host}:{port}{prefix}"
            try:
                yield server
            finally:
                await resource.close()
