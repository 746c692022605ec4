"""A bot on ACS under test: its functions on a socket, the simulated resource on another, calls in virtual time."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import azure.functions as func
from aiohttp import web

from dialtone import CallBot
from functions import acs, signals, streams
from functions.acs_client import AcsClient
from functions.acs_settings import AcsSettings
from functions.acs_turn import AcsTurns
from functions.platform_client import PlatformClient, Proof, Replied
from simulator.call import CallReport
from simulator.clock import VirtualClock
from simulator.lab import Bot
from simulator.platforms.acs import METADATA, AcsResource
from simulator.platforms.acs_incoming import Acs
from simulator.platforms.acs_settings import AcsSettings as Simulated
from simulator.platforms.rest import Request, RestApp
from simulator.script import Script, read_script
from simulator.serving import listening
from simulator.wire import Response, Wire, open_wire
from tests.compliance.acs_server import KEY
from tests.functions.issuer import serving
from tests.functions.rig import Rig


@dataclass
class AcsRig:
    """The bot and the resource. `before` sees each request to the bot, and may raise to have it answered 500."""

    rig: Rig
    resource: AcsResource
    wire: Wire
    turns: AcsTurns
    url: str = ""
    statuses: list[tuple[str, int]] = field(default_factory=list)
    patch: Callable[[AcsTurns], None] = lambda turns: None
    before: Callable[[str, bytes], None] = lambda path, body: None

    async def asked_by_the_worker(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> func.HttpResponse:
        """A signal from the media worker, or its question which stream is wanted."""
        call_id, kind, name = f"{urlsplit(url).path.removeprefix('/api/calls/')}/".split("/")[:3]
        where = {"id": call_id, "name": name}
        asked = func.HttpRequest(method, url, headers=dict(headers), params={}, route_params=where, body=body)
        reply: func.HttpResponse = await HANDLERS[kind](asked)
        return reply

    def point_to(self, client: AcsClient) -> None:
        """Have the bot send its commands to another resource."""
        turns = replace(self.turns, client=client)
        self.patch(turns)

    @property
    def bot(self) -> Bot:
        """The bot, as it is rung on the resource, with whoever runs it."""
        verified = self.turns.settings.auth != "loopback"
        key = f"?key={SECRET}" if verified else ""
        return Bot(f"{self.url}/api/acs/events{key}", self.wire, Acs(self.resource, tokens=verified), self)

    async def kill(self) -> None:
        """Forget all but what is stored."""
        self.turns = replace(self.turns)
        self.patch(self.turns)

    async def storage(self, *, up: bool) -> None:
        """Let storage answer, or fail."""
        self.rig.backend.fail = lambda _: not up

    async def sweep(self) -> None:
        """Let the bot end the calls whose callback does not come."""
        self.rig.now += 10 * self.turns.settings.sweep_after
        for record in await self.rig.storage.calls.open_calls(started_before=self.rig.now, limit=100):
            await self.turns.lost(record)

    async def ring(self, script: str | Script) -> CallReport:
        """One call, of a script's steps."""
        read = read_script(f"name: test\nsteps:\n{script}") if isinstance(script, str) else script
        return await self.bot.ring(read, 7)


Answer = Callable[[str, str, Mapping[str, str], bytes], Awaitable[func.HttpResponse]]


class Direct(Wire):
    """The way from the platform to the bot, without sockets."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def post(self, url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Response:
        reply = await self._answer("POST", url, headers, content)
        return Response(reply.status_code, reply.get_body(), 0.0)

    async def get(self, url: str, most: int, timeout_s: float) -> Response:
        if not url.startswith("http://127.0.0.1:"):
            return Response(None, b"", 0.0, "address")
        reply = await self._answer("GET", url, {}, b"")
        return Response(reply.status_code, reply.get_body(), 0.0)


class Resource(AcsResource):
    """A resource whose wire a test may replace."""

    def answer_by(self, wire: Wire) -> None:
        self._wire = wire


class ToResource(PlatformClient):
    """The way from the bot to the platform, without sockets."""

    def __init__(self, resource: AcsResource) -> None:
        super().__init__("the ACS resource", "DIALTONE_ACS_ENDPOINT")
        self._resource = resource

    async def _ask(
        self, method: str, url: str, content: bytes, headers: dict[str, str], proof: Proof, limit: int
    ) -> Replied:
        parts = urlsplit(url)
        proven = {"host": parts.netloc, **headers, **await proof(method, url, content)}
        lower = {name.lower(): value for name, value in proven.items()}
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        reply = await self._resource.handle(Request(method, target, lower, content))
        return reply.status, reply.body, reply.headers


def handlers() -> dict[str, Any]:
    """The functions of the blueprint, by name; an app gives them once."""
    app = func.FunctionApp()
    app.register_functions(acs.blueprint)
    app.register_functions(signals.blueprint)
    app.register_functions(streams.blueprint)
    return {str(found.get_function_name()): found.get_user_function() for found in app.get_functions()}


HANDLERS = handlers()
SECRET = "of-event-grid"


@asynccontextmanager
async def bot_on_acs(
    bot: CallBot,
    monkeypatch: Any,
    simulated: Simulated | None = None,
    *,
    auth: str = "loopback",
    source: str = "",
    sockets: bool = True,
) -> AsyncIterator[AcsRig]:
    """A bot that answers calls of the simulated resource, and verifies who calls if it is told to.

    Without `sockets` the two talk to each other in this process, but for the key set: a storm is thousands of messages.
    """
    rig = Rig(bot)
    monkeypatch.setenv("DIALTONE_AUTH", auth)
    key = base64.b64decode(KEY)
    async with open_wire() as wire:
        ticks = count()
        resource = Resource(wire, VirtualClock, replace(simulated or Simulated(), access_key=key))

        async def answer(method: str, url: str, headers: Mapping[str, str], body: bytes) -> func.HttpResponse:
            parts = urlsplit(url)
            if parts.path.startswith("/api/calls/"):
                return await there.asked_by_the_worker(method, url, headers, body)
            kind, _, last = parts.path.removeprefix("/api/acs/").partition("/")
            there.before(kind, body)
            asked = func.HttpRequest(
                method,
                url,
                headers=dict(headers),
                params=dict(parse_qsl(parts.query)),
                route_params={"ticket": last, "name": last},
                body=body,
            )
            reply: func.HttpResponse = await HANDLERS[f"acs_{kind}"](asked)
            there.statuses.append((kind, reply.status_code))
            return reply

        async def serve(request: web.Request) -> web.Response:
            reply = await answer(request.method, str(request.url), request.headers, await request.read())
            return web.Response(status=reply.status_code, body=reply.get_body(), content_type=reply.mimetype)

        async with serving(serve) as url, listening(RestApp(resource.handle)) as port:
            settings = replace(rig.settings, public_url=url, auth=auth)
            client = AcsClient(f"http://127.0.0.1:{port}", key)
            if not sockets:
                resource.answer_by(Direct(answer))
                client._http = ToResource(resource)
            there_is = AcsSettings(
                client.endpoint,
                key,
                resource.settings.resource_id,
                SECRET,
                f"{client.endpoint}{METADATA}",
                speech="https://speech.test/",
                source=source,
                place_key=SECRET,
            )
            turns = AcsTurns(
                bot=bot,
                storage=rig.storage,
                settings=settings,
                client=client,
                resource=there_is,
                clock=lambda: rig.now + next(ticks) / 1000,
                lease=0.3,
            )

            def patch(these: AcsTurns) -> None:
                monkeypatch.setattr(acs, "turns", lambda: these)
                monkeypatch.setattr(signals, "turns", lambda: these)
                monkeypatch.setattr(streams, "turns", lambda: these)
                monkeypatch.setattr(signals, "settings", lambda: these.settings)
                monkeypatch.setattr(signals, "turns_of", lambda _: these)

            patch(turns)
            monkeypatch.setattr(acs, "settings", lambda: settings)
            monkeypatch.setattr(acs, "acs_settings", lambda: there_is)
            acs._token.cache_clear()
            there = AcsRig(rig, resource, wire, turns, url, patch=patch)
            try:
                yield there
            finally:
                await client.close()
                await resource.close()
