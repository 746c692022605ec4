"""The simulator's service on a real socket, and what stands for the phone's page: a WebSocket client."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from simulator.lab import Bot
from simulator.phone import frames
from simulator.phone.caller import Ears
from simulator.phone.exchange import PROTOCOL
from simulator.platform import Platform
from simulator.platforms.skype import Skype
from simulator.service import Service
from simulator.serving import open_port
from simulator.wire import open_wire

Json = dict[str, Any]


@asynccontextmanager
async def served(bot_url: str, ears: Ears | None = None, platform: Platform | None = None) -> AsyncIterator[str]:
    """The service of a simulator that rings this bot, on the Skype platform by default; gives its address."""
    with open_port() as listening:
        async with open_wire() as wire:
            config = uvicorn.Config(
                Service(Bot(bot_url, wire, platform or Skype()), ears),
                log_level="warning",
                lifespan="off",
                ws="websockets-sansio",
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.01)
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True
                await serving


async def token_of(address: str) -> str:
    """The token in the page."""
    async with httpx.AsyncClient(trust_env=False) as client:
        text = (await client.get(f"{address}/phone/")).text
    found = re.search(r'name="dialtone-token" content="([\w-]{30,})"', text)
    assert found is not None
    return found[1]


class Page:
    """A connected page: what came to it, JSON in `told`, sound in `sound`, and `pictures`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.told: list[Json] = []
        self.sound = bytearray()
        self.pictures: list[frames.Picture] = []
        self._socket = socket
        self._read = 0

    async def send(self, kind: str, **members: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **members}))

    async def speak(self, pcm: bytes) -> None:
        """Into the microphone, in frames of 20 ms, at their pace."""
        clock = asyncio.get_running_loop().time
        began = clock()
        for at in range(0, len(pcm), 640):
            await asyncio.sleep(began + at / 32_000 - clock())
            await self._socket.send(frames.sound(pcm[at : at + 640]))

    async def until(self, kind: str, **members: Any) -> Json:
        """The next message of this type with these members."""
        async with asyncio.timeout(20):
            while True:
                while self._read < len(self.told):
                    message = self.told[self._read]
                    self._read += 1
                    if message["type"] == kind and members.items() <= message.items():
                        return message
                self._take(await self._socket.recv())

    async def drain(self) -> None:
        """Take what has come."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                while True:
                    self._take(await self._socket.recv())

    def _take(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.told.append(json.loads(data))
        elif isinstance(what := frames.read(data), bytes):
            self.sound += what
        elif what is not None:
            self.pictures.append(what)

    async def until_event(self, kind: str) -> Json:
        """The next event of this kind in the ledger."""
        while (message := await self.until("event"))["event"]["kind"] != kind:
            pass
        event: Json = message["event"]
        return event

    @property
    def events(self) -> list[Json]:
        return [message["event"] for message in self.told if message["type"] == "event"]


@asynccontextmanager
async def opened(bot_url: str, ears: Ears | None = None, platform: Platform | None = None) -> AsyncIterator[Page]:
    """A page that is connected with a simulator of its own."""
    async with served(bot_url, ears, platform) as address:
        offered = [PROTOCOL, await token_of(address)]
        async with connect(
            f"{address.replace('http', 'ws')}/phone/line",
            origin=address,  # type: ignore[arg-type]  # a NewType of str
            subprotocols=offered,  # type: ignore[arg-type]  # NewTypes of str
            proxy=None,
        ) as socket:
            page = Page(socket)
            await page.until("ready", bot=bot_url)
            yield page
