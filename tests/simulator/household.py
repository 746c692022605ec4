"""A bot of the kit over a real socket, with storage in memory, and whoever runs it: a house for the faults."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web

from dialtone import CallBot
from dialtone.errors import DialtoneError
from functions.skype_turn import SkypeTurns
from tests.functions.issuer import serving
from tests.functions.rig import SETTINGS, Rig


@dataclass
class Household:
    """Runs a bot. `kill` forgets all but what is stored; the clock moves on whenever it is read."""

    rig: Rig
    url: str = ""
    kills: int = 0
    outages: int = 0
    sweeps: int = 0
    statuses: list[int] = field(default_factory=list)

    async def kill(self) -> None:
        self.kills += 1
        self.rig.turns = SkypeTurns(self.rig.bot, self.rig.storage, self.rig.settings, self.tick)

    async def storage(self, *, up: bool) -> None:
        self.outages += not up
        self.rig.backend.fail = lambda _: not up

    async def sweep(self) -> None:
        self.sweeps += 1
        self.rig.now += 10 * SETTINGS.sweep_after
        for record in await self.rig.storage.calls.open_calls(started_before=self.rig.now, limit=100):
            await self.rig.turns.lost(record)

    def tick(self) -> float:
        self.rig.now += 0.25
        return self.rig.now

    async def give(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            reply = await self.rig.turns.callback(headers, await request.read())
        except DialtoneError as error:
            self.statuses.append(error.http_status)
            return web.Response(status=error.http_status)
        self.statuses.append(reply.status)
        return web.Response(status=reply.status, body=reply.body, headers={"Content-Type": reply.content_type})


@asynccontextmanager
async def household(bot: CallBot) -> AsyncIterator[Household]:
    """The bot, listening on this machine; `url` is where it takes calls."""
    made = Household(Rig(bot))
    async with serving(made.give) as url:
        made.url = f"{url}/api/calls"
        made.rig.settings = replace(SETTINGS, public_url=url)
        await made.kill()
        made.kills = 0
        yield made
