"""A bot on Teams under test: its functions on a socket, the simulated tenant on another, calls in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import azure.functions as func
from aiohttp import web

from dialtone import CallBot
from dialtone.storage.memory import MemoryContainer
from functions import calls, teams, verify
from functions.speech import Speech
from functions.teams_client import GraphClient
from functions.teams_settings import TeamsSettings
from functions.teams_turn import TeamsTurns
from simulator.call import CallReport
from simulator.clock import VirtualClock
from simulator.lab import Bot
from simulator.platforms.rest import RestApp
from simulator.platforms.teams import GraphService
from simulator.platforms.teams_incoming import Teams
from simulator.platforms.teams_settings import TeamsSettings as Simulated
from simulator.script import Script, read_script
from simulator.serving import listening
from simulator.wire import Wire, open_wire
from tests.functions.issuer import serving
from tests.functions.rig import Rig


@dataclass
class TeamsRig:
    """The bot and the tenant. `before` sees each request to the bot, and may raise to have it answered 500."""

    rig: Rig
    service: GraphService
    wire: Wire
    turns: TeamsTurns
    url: str = ""
    statuses: list[tuple[str, int]] = field(default_factory=list)
    before: Callable[[str, bytes], None] = lambda path, body: None

    @property
    def bot(self) -> Bot:
        """The bot, as it is rung in the tenant."""
        return Bot(f"{self.url}/api/calls", self.wire, Teams(self.service))

    async def ring(self, script: str | Script) -> CallReport:
        """One call, of a script's steps."""
        read = read_script(f"name: test\nsteps:\n{script}") if isinstance(script, str) else script
        return await self.bot.ring(read, 7)


def handlers() -> dict[str, Any]:
    """The functions of the blueprints, by name; an app gives them once."""
    app = func.FunctionApp()
    app.register_functions(teams.blueprint)
    app.register_functions(calls.blueprint)
    return {str(found.get_function_name()): found.get_user_function() for found in app.get_functions()}


HANDLERS = handlers()


@asynccontextmanager
async def bot_on_teams(
    bot: CallBot, monkeypatch: Any, simulated: Simulated | None = None, *, speaks: bool = True
) -> AsyncIterator[TeamsRig]:
    """A bot that answers calls of the simulated tenant."""
    rig = Rig(bot)
    monkeypatch.setenv("DIALTONE_AUTH", "loopback")
    simulated = simulated or Simulated()
    async with open_wire() as wire:
        ticks = count()
        answering = set[func.HttpRequest]()
        service = GraphService(wire, VirtualClock, simulated)

        async def link(_: MemoryContainer, name: str, *args: Any, **more: Any) -> str:
            """In place of the link that holds the sound itself, which is too long for HTTP."""
            return f"{there.url}/files/{name}"

        async def serve(request: web.Request) -> web.Response:
            if request.path.startswith("/files/"):
                sound = await rig.storage.recordings.read(request.path.removeprefix("/files/"))
                return web.Response(body=sound, content_type="audio/wav")
            body = await request.read()
            parts = request.path.removeprefix("/api/").split("/")
            name = "_".join(parts[:2]) if parts[0] == "teams" else "calls"
            there.before(name, body)
            asked = func.HttpRequest(
                request.method,
                str(request.url),
                headers=dict(request.headers),
                params=dict(request.query),
                route_params={"ticket": parts[2] if len(parts) > 2 else "", "name": parts[-1]},
                body=body,
            )
            answering.add(asked)
            try:
                reply = await HANDLERS[name](asked)
            finally:
                answering.discard(asked)
            there.statuses.append((name, reply.status_code))
            return web.Response(status=reply.status_code, body=reply.get_body(), content_type=reply.mimetype)

        async with serving(serve) as url, listening(RestApp(service.handle)) as port:
            graph = f"http://127.0.0.1:{port}"
            service.base = graph
            settings = replace(rig.settings, public_url=url)
            granted = service.grant()

            async def token(_: str) -> str:
                return granted

            client = GraphClient(graph, token)
            speech = Speech(f"{graph}/speech/cognitiveservices/v1", "key", token) if speaks else None
            resource = TeamsSettings(simulated.tenant, simulated.app, graph=graph)
            turns = TeamsTurns(
                bot=bot,
                storage=rig.storage,
                settings=settings,
                client=client,
                resource=resource,
                speech=speech,
                clock=lambda: rig.now + next(ticks) / 1000,
                lease=0.3,
            )
            monkeypatch.setattr(MemoryContainer, "link", link)
            monkeypatch.setattr(teams, "turns", lambda: turns)
            monkeypatch.setattr(calls, "teams_settings", lambda: resource)
            monkeypatch.setattr(verify, "settings", lambda: settings)
            there = TeamsRig(rig, service, wire, turns, url)
            try:
                yield there
            finally:
                # Calls that the bot placed go on until they are broken off, and the bot with them.
                await service.close()
                while answering:
                    await asyncio.sleep(0.01)
                await client.close()
                if speech is not None:
                    await speech.close()
