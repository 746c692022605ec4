"""The simulator as a small HTTP service for one bot, on this machine only.

GET  /         what this is
GET  /healthz  200
GET  /phone/   the page of a phone (simulator/phone)
POST /calls    the body is a script (YAML or JSON); the reply is the call's ledger, one event per line, as it happens.
               ?time=virtual for virtual time, ?seed=N for a seed, ?bot=URL to make sure which bot is rung

1. It listens on loopback and answers only requests that name loopback as their host and, from a browser, come from
   its own pages: no other web page can make it call.
2. It rings the bot it was started for and no other.
3. When the client goes away, its call is broken off.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs

from simulator.call import check_faults
from simulator.guard import Refused, own_host
from simulator.lab import Bot
from simulator.ledger import Event, to_line
from simulator.phone.caller import Ears
from simulator.phone.exchange import Exchange
from simulator.script import Script, ScriptError, read_script

SCRIPT_MAX_BYTES: Final = 64 * 1024

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_ABOUT: Final = """\
Dialtone call simulator. It rings {bot}

  a phone in the browser: {here}/phone/

  curl --data-binary @simulator/scripts/reception/leave-a-message.yaml {here}/calls
  curl --data-binary @simulator/scripts/reception/leave-a-message.yaml "{here}/calls?time=virtual&seed=1"

The reply is the call's ledger, one event per line; the last is the verdict.
"""


class Service:
    """The ASGI application. `bot` is the one that it rings; its wire and platform are closed by whoever opened them.

    `ears` recognise what is said at the phone.
    """

    def __init__(self, bot: Bot, ears: Ears | None = None) -> None:
        self._bot = bot
        self._bot_url = bot.url
        self._exchange = Exchange(bot, ears)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope.get("type") == "websocket":
            await self._exchange.connect(scope, receive, send)
            return
        try:
            host = own_host(scope)
            request = (scope["method"], scope["path"])
            if request == ("GET", "/"):
                await _reply(send, 200, _ABOUT.format(bot=self._bot_url, here=f"http://{host}"), "text/plain")
            elif request == ("GET", "/healthz"):
                await _reply(send, 200, "ok\n", "text/plain")
            elif scope["path"].startswith("/phone"):
                await self._exchange.page(scope, host, send)
            elif request == ("POST", "/calls"):
                await self._call(scope, receive, send)
            else:
                raise Refused(404, "NOT_FOUND", f"{' '.join(request)} is not served", "path", "see GET /")
        except Refused as refused:
            await _reply(send, refused.status, json.dumps({"error": refused.error}) + "\n", "application/json")

    async def _call(self, scope: Message, receive: Receive, send: Send) -> None:
        virtual, seed = self._query(scope)
        script = _script(await _body(receive))
        events: asyncio.Queue[Event | None] = asyncio.Queue()
        call = asyncio.create_task(self._bot.ring(script, seed, virtual=virtual, sink=events.put_nowait))
        call.add_done_callback(lambda _: events.put_nowait(None))
        gone = asyncio.create_task(_gone(receive))
        gone.add_done_callback(lambda _: call.cancel())
        try:
            await send(_start(200, "application/x-ndjson"))
            while (event := await events.get()) is not None:
                await send({"type": "http.response.body", "body": to_line(event).encode(), "more_body": True})
            if not call.cancelled():
                call.result()
                await send({"type": "http.response.body", "body": b""})
        finally:
            gone.cancel()
            call.cancel()
            await asyncio.gather(call, gone, return_exceptions=True)

    def _query(self, scope: Message) -> tuple[bool, int | None]:
        """Whether time is virtual, and the seed."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        allowed = {"time", "seed", "bot"}
        unknown = sorted(set(query) - allowed)
        if unknown:
            raise Refused(400, "QUERY", f"{unknown[0]} is not known", unknown[0], f"use {', '.join(sorted(allowed))}")
        time, seed = query.get("time", ["real"])[-1], query.get("seed", [""])[-1]
        if time not in ("real", "virtual"):
            raise Refused(400, "TIME", "time is neither real nor virtual", "time", "use real or virtual")
        if seed and not (seed.isascii() and seed.isdecimal()):
            raise Refused(400, "SEED", "the seed is not a number", "seed", "use a whole number from 0")
        if query.get("bot", [self._bot_url])[-1] != self._bot_url:
            raise Refused(403, "BOT", f"this simulator rings {self._bot_url} only", "bot", "start one for that bot")
        return time == "virtual", int(seed) if seed else None


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > SCRIPT_MAX_BYTES:
            raise Refused(413, "SCRIPT_TOO_LARGE", f"a script has at most {SCRIPT_MAX_BYTES} bytes", "", "shorten it")
    return body


def _script(body: bytes) -> Script:
    try:
        script = read_script(body.decode())
        check_faults(script)
    except UnicodeDecodeError:
        raise Refused(400, "SCRIPT", "the script is not UTF-8", "", "send UTF-8") from None
    except ScriptError as error:
        raise Refused(400, "SCRIPT", str(error), "", "see simulator/script.py for what a script is") from None
    return script


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _start(status: int, content_type: str) -> Message:
    headers = [(b"content-type", f"{content_type}; charset=utf-8".encode())]
    return {"type": "http.response.start", "status": status, "headers": headers}


async def _reply(send: Send, status: int, text: str, content_type: str) -> None:
    await send(_start(status, content_type))
    await send({"type": "http.response.body", "body": text.encode()})
