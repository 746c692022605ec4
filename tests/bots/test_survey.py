"""The survey: every way through it, and the one request that it sends."""

from typing import Any

import pytest
from aiohttp import web

from bots.survey import NUMBER, bot, send
from dialtone.testing import World, dial, hang_up, press, silence

NUMBER_RIGHT = [press("123456"), press("1")]


async def test_the_answers_are_sent_once() -> None:
    world = World(fakes={send: None})
    call = await dial(bot, *NUMBER_RIGHT, press("4"), press("1"), world=world)
    assert call.said[-1] == "Thank you. Goodbye."
    assert "You typed 1 2 3 4 5 6. Is that right?" in call.said
    assert world.ran == [("send", (call.call_id, {"order": "123456", "score": "4", "again": True}))]


async def test_a_number_that_is_wrong_is_asked_again() -> None:
    world = World(fakes={send: None})
    steps = [press("12#"), press("111111"), press("2"), *NUMBER_RIGHT, press("5"), press("2")]
    call = await dial(bot, *steps, world=world)
    assert call.said.count(NUMBER.text) == 3
    assert "That is not six digits." in call.said
    assert world.ran[0][1][1] == {"order": "123456", "score": "5", "again": False}


async def test_questions_that_are_not_answered_are_sent_as_none() -> None:
    world = World(fakes={send: None})
    await dial(bot, *NUMBER_RIGHT, *[silence()] * 6, world=world)
    assert world.ran[0][1][1] == {"order": "123456", "score": None, "again": None}


async def test_a_caller_without_a_number() -> None:
    call = await dial(bot, silence(), silence(), silence())
    assert (call.said[-1], call.world.ran) == ("We cannot go on without it. Goodbye.", [])


async def test_a_caller_who_hangs_up_sends_nothing() -> None:
    call = await dial(bot, *NUMBER_RIGHT, press("4"), hang_up())
    assert call.world.ran == []


async def test_answers_that_cannot_be_sent() -> None:
    world = World(fakes={send: OSError("no route to host")})
    call = await dial(bot, *NUMBER_RIGHT, press("4"), press("1"), world=world)
    assert call.said[-1] == "Your answers could not be saved. Please call again later."


async def test_they_are_posted(monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        posted.append((request.headers["Idempotency-Key"], await request.json()))
        return web.Response(status=200 if len(posted) == 1 else 500)

    app = web.Application()
    app.router.add_post("/answers", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        monkeypatch.setenv("SURVEY_URL", f"http://{host}:{port}/answers")
        steps = [*NUMBER_RIGHT, press("4"), press("1")]
        call, refused = await dial(bot, *steps), await dial(bot, *steps)
    finally:
        await runner.cleanup()
    assert posted[0] == (call.call_id, {"order": "123456", "score": "4", "again": True})
    assert (call.said[-1], refused.said[-1]) == (
        "Thank you. Goodbye.",
        "Your answers could not be saved. Please call again later.",
    )


async def test_without_an_address_they_go_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SURVEY_URL", raising=False)
    call = await dial(bot, *NUMBER_RIGHT, press("4"), press("1"))
    assert call.said[-1] == "Thank you. Goodbye."
