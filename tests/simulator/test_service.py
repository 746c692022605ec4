import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from simulator.lab import Bot
from simulator.service import SCRIPT_MAX_BYTES, Message, Service
from simulator.wire import open_wire
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, choose, say

SCRIPT = 'name: x\nsteps: [{hear: Hello}, {press: "1"}]\nexpect: {ended_by: bot}'


@pytest.fixture
async def client(bot: FakeBot) -> AsyncIterator[httpx.AsyncClient]:
    async with open_wire() as wire, _client(Service(Bot(f"{bot.url}/call", wire))) as client:
        yield client


@asynccontextmanager
async def _client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service)  # type: ignore[arg-type]  # httpx wants its own names for the same shapes
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7080") as client:
        yield client


async def test_it_says_what_it_is(bot: FakeBot, client: httpx.AsyncClient) -> None:
    about = await client.get("/")
    assert about.headers["content-type"] == "text/plain; charset=utf-8"
    assert f"{bot.url}/call" in about.text
    assert "http://127.0.0.1:7080/calls" in about.text
    assert (await client.get("/healthz")).status_code == 200


async def test_it_calls(bot: FakeBot, client: httpx.AsyncClient) -> None:
    bot.replies = [[ANSWER, choose("Hello.")], [HANGUP]]
    query = {"time": "virtual", "seed": "5", "bot": f"{bot.url}/call"}
    reply = await client.post("/calls", content=SCRIPT, params=query)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/x-ndjson; charset=utf-8")
    events = [json.loads(line) for line in reply.text.splitlines()]
    assert (events[0]["kind"], events[0]["seed"]) == ("call.started", 5)
    assert (events[-1]["kind"], events[-1]["ok"]) == ("verdict", True)


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "code"),
    [
        ("GET", "/calls", "", {}, 404, "NOT_FOUND"),
        ("GET", "/etc/passwd", "", {}, 404, "NOT_FOUND"),
        ("POST", "/calls", "name: x", {}, 400, "SCRIPT"),
        ("POST", "/calls", b"\xff\xfe", {}, 400, "SCRIPT"),
        ("POST", "/calls", SCRIPT + "\nfaults: [{kill: after, at: 0}]", {}, 400, "SCRIPT"),
        ("POST", "/calls", "name: x\nsteps: [{speak: {wav: /etc/passwd}}]", {}, 400, "SCRIPT"),
        ("POST", "/calls", "#" * (SCRIPT_MAX_BYTES + 1), {}, 413, "SCRIPT_TOO_LARGE"),
        ("POST", "/calls?time=soon", SCRIPT, {}, 400, "TIME"),
        ("POST", "/calls?seed=-1", SCRIPT, {}, 400, "SEED"),
        ("POST", "/calls?sed=1", SCRIPT, {}, 400, "QUERY"),
        ("POST", "/calls?bot=http://example.com/call", SCRIPT, {}, 403, "BOT"),
        ("POST", "/calls", SCRIPT, {"Host": "example.com"}, 403, "HOST"),
        ("POST", "/calls", SCRIPT, {"Origin": "http://example.com"}, 403, "ORIGIN"),
        ("POST", "/calls", SCRIPT, {"Origin": "http://127.0.0.1:8000"}, 403, "ORIGIN"),
    ],
)
async def test_what_it_refuses(
    bot: FakeBot,
    client: httpx.AsyncClient,
    method: str,
    path: str,
    content: str | bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    reply = await client.request(method, path, content=content, headers=headers)
    assert reply.status_code == status
    error = reply.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["fix"]
    assert bot.requests == []


async def test_a_page_of_its_own_may_call(bot: FakeBot, client: httpx.AsyncClient) -> None:
    headers = {"Origin": "http://127.0.0.1:7080"}
    reply = await client.post("/calls?time=virtual", content=SCRIPT, headers=headers)
    assert reply.status_code == 200


async def test_a_client_that_goes_away_breaks_its_call_off(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, say("A long story that nobody wants to hear to its end.")]]
    sent: list[Message] = []
    gone = asyncio.Event()
    body: list[Message] = [{"type": "http.request", "body": SCRIPT.encode()}]

    async def receive() -> Message:
        if body:
            return body.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if b"http.reply" in message.get("body", b""):
            gone.set()

    scope = {"method": "POST", "path": "/calls", "query_string": b"", "headers": [(b"host", b"localhost")]}
    async with open_wire() as wire, asyncio.timeout(10):
        await Service(Bot(f"{bot.url}/call", wire))(scope, receive, send)
    assert not any(b"call.ended" in message.get("body", b"") for message in sent)
    assert len(bot.requests) == 1
