"""A bot that replies what a test wants, over a real socket, and keeps what it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from aiohttp import web

from simulator.call import CallReport, place_call
from simulator.clock import VirtualClock
from simulator.ledger import Event
from simulator.platforms.settings import PlatformSettings
from simulator.platforms.skype import Skype
from simulator.script import read_script
from simulator.wire import open_wire

Json = dict[str, Any]
Reply = Json | list[Json] | int | str | None | Callable[[Json], Any]
"""A workflow, its actions, a status, a body, nothing, or what makes one of these of the request."""

SLOW = "(never replies)"
DEFAULT = PlatformSettings(request_timeout_s=30)


@dataclass
class Request:
    """What the bot was sent."""

    headers: dict[str, str]
    body: bytes
    json: Json
    audio: bytes | None = None
    part_headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def outcome(self) -> Json:
        outcome: Json = self.json["operationOutcome"]
        return outcome


class FakeBot:
    """Replies `replies`, one after the other, then empty bodies. `files` are served under their paths."""

    def __init__(self) -> None:
        self.url = ""
        self.replies: list[Reply] = []
        self.files: dict[str, bytes] = {}
        self.requests: list[Request] = []

    def workflow(self, *actions: Json, app_state: str | None = "state") -> Json:
        links = {"callback": f"{self.url}/call"}
        return {"actions": list(actions), "links": links} | ({} if app_state is None else {"appState": app_state})

    @property
    def last(self) -> Request:
        return self.requests[-1]

    @property
    def outcomes(self) -> list[Json]:
        return [request.outcome for request in self.requests[1:]]

    async def serve_call(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.requests.append(_read(dict(request.headers), body))
        reply = self.replies.pop(0) if self.replies else None
        if callable(reply):
            reply = reply(self.requests[-1].json)
        if reply == SLOW:
            await asyncio.sleep(60)
        if isinstance(reply, int):
            return web.Response(status=reply)
        if isinstance(reply, str):
            return web.Response(text=reply)
        if isinstance(reply, list):
            reply = self.workflow(*reply)
        return web.Response() if reply is None else web.json_response(reply)

    async def serve_file(self, request: web.Request) -> web.Response:
        data = self.files.get(request.match_info["name"])
        return web.Response(status=404) if data is None else web.Response(body=data)


def _read(headers: dict[str, str], body: bytes) -> Request:
    kind = headers["Content-Type"]
    if not kind.startswith("multipart/form-data"):
        return Request(headers, body, json.loads(body))
    boundary = kind.split("boundary=")[1].encode()
    before, *parts, after = body.split(b"--" + boundary)
    assert (before, after) == (b"", b"--\r\n")
    (first, result), (second, audio) = (part.split(b"\r\n\r\n", 1) for part in parts)
    part_headers = [dict(message_from_bytes(head.removeprefix(b"\r\n")).items()) for head in (first, second)]
    return Request(headers, body, json.loads(result), audio.removesuffix(b"\r\n"), part_headers)


@asynccontextmanager
async def running_bot() -> AsyncIterator[FakeBot]:
    """A bot on a free port of this machine."""
    bot = FakeBot()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/call", bot.serve_call)
    app.router.add_get("/files/{name}", bot.serve_file)
    runner = web.AppRunner(app, shutdown_timeout=0.05, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        bot.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield bot
    finally:
        await runner.cleanup()


async def ring(bot: FakeBot, script: str, settings: PlatformSettings = DEFAULT, seed: int = 7) -> CallReport:
    """One call in virtual time, of a script's steps (and what follows them)."""
    text = f"name: test\nsteps:\n{script}"
    async with open_wire() as wire:
        return await place_call(
            read_script(text), f"{bot.url}/call", clock=VirtualClock(), wire=wire, seed=seed, platform=Skype(settings)
        )


def of_kind(report: CallReport, kind: str) -> list[Event]:
    return [event for event in report.events if event["kind"] == kind]


def verdict(report: CallReport) -> list[str]:
    """The reasons of the verdict: none when all is well."""
    (event,) = of_kind(report, "verdict")
    assert event["ok"] is report.ok
    assert event["ok"] == (not event["reasons"])
    reasons: list[str] = event["reasons"]
    return reasons


ANSWER: Json = {"operationId": "a", "action": "answer"}
HANGUP: Json = {"operationId": "h", "action": "hangup"}
REJECT: Json = {"operationId": "r", "action": "reject"}


def say(*texts: str) -> Json:
    return {"operationId": "p", "action": "playPrompt", "prompts": [{"value": text} for text in texts]}


def choose(prompt: str | None = None, **members: Any) -> Json:
    choices = [
        {"name": "sales", "dtmfVariation": "1", "speechVariation": ["sales"]},
        {"name": "message", "dtmfVariation": "2", "speechVariation": ["message", "leave a message"]},
    ]
    return _asking("recognize", prompt, {"choices": choices} | members)


def digits(prompt: str | None = None, *, most: int | None = None, stop: list[str] | None = None, **more: Any) -> Json:
    collect = {name: value for name, value in (("maxNumberOfDtmfs", most), ("stopTones", stop)) if value is not None}
    return _asking("recognize", prompt, {"collectDigits": collect} | more)


def record(prompt: str | None = None, **members: Any) -> Json:
    return _asking("record", prompt, members)


def _asking(action: str, prompt: str | None, members: Json) -> Json:
    nested = {} if prompt is None else {"playPrompt": say(prompt)}
    return {"operationId": "q", "action": action} | nested | members
