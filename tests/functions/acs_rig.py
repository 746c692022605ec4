"""A bot on ACS under test: its functions on a socket, the simulated resource on another, calls in virtual time."""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import azure.functions as func
from aiohttp import web

from dialtone import CallBot
from functions import acs
from functions.acs_client import AcsClient
from functions.acs_settings import AcsSettings
from functions.acs_turn import AcsTurns
from simulator.call import CallReport
from simulator.clock import VirtualClock
from simulator.lab import Bot
from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_app import AcsApp
from simulator.platforms.acs_incoming import Acs
from simulator.platforms.acs_settings import AcsSettings as Simulated
from simulator.script import Script, read_script
from simulator.serving import listening
from simulator.wire import Wire, open_wire
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

    def point_to(self, client: AcsClient) -> None:
        """Have the bot send its commands to another resource."""
        turns = replace(self.turns, client=client)
        self.patch(turns)

    @property
    def bot(self) -> Bot:
        """The bot, as it is rung on the resource."""
        return Bot(f"{self.url}/api/acs/events", self.wire, Acs(self.resource))

    async def ring(self, script: str | Script) -> CallReport:
        """One call, of a script's steps."""
        read = read_script(f"name: test\nsteps:\n{script}") if isinstance(script, str) else script
        return await self.bot.ring(read, 7)


def handlers() -> dict[str, Any]:
    """The functions of the blueprint, by name; an app gives them once."""
    app = func.FunctionApp()
    app.register_functions(acs.blueprint)
    return {str(found.get_function_name()): found.get_user_function() for found in app.get_functions()}


HANDLERS = handlers()


@asynccontextmanager
async def bot_on_acs(bot: CallBot, monkeypatch: Any, simulated: Simulated | None = None) -> AsyncIterator[AcsRig]:
    """A bot that answers calls of the simulated resource."""
    rig = Rig(bot)
    monkeypatch.setenv("DIALTONE_AUTH", "loopback")
    key = base64.b64decode(KEY)
    async with open_wire() as wire:
        ticks = count()
        resource = AcsResource(wire, VirtualClock, replace(simulated or Simulated(), access_key=key))

        async def serve(request: web.Request) -> web.Response:
            body = await request.read()
            parts = request.path.removeprefix("/api/acs/").split("/")
            name = {"events": "acs_events", "callbacks": "acs_callbacks", "sounds": "acs_sounds"}[parts[0]]
            there.before(parts[0], body)
            asked = func.HttpRequest(
                request.method,
                str(request.url),
                headers=dict(request.headers),
                params=dict(request.query),
                route_params={"ticket": parts[-1], "name": parts[-1]},
                body=body,
            )
            reply = await HANDLERS[name](asked)
            there.statuses.append((parts[0], reply.status_code))
            return web.Response(status=reply.status_code, body=reply.get_body(), content_type=reply.mimetype)

        async with serving(serve) as url, listening(AcsApp(resource)) as port:
            settings = replace(rig.settings, public_url=url)
            client = AcsClient(f"http://127.0.0.1:{port}", key)
            turns = AcsTurns(
                bot=bot,
                storage=rig.storage,
                codec=rig.codec,
                settings=settings,
                client=client,
                resource=AcsSettings(client.endpoint, key, speech="https://speech.test/"),
                clock=lambda: rig.now + next(ticks) / 1000,
                lease=0.3,
            )

            def patch(these: AcsTurns) -> None:
                monkeypatch.setattr(acs, "turns", lambda: these)

            patch(turns)
            monkeypatch.setattr(acs, "settings", lambda: settings)
            there = AcsRig(rig, resource, wire, turns, url, patch=patch)
            try:
                yield there
            finally:
                await client.close()
                await resource.close()
