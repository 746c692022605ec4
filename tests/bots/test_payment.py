"""The payment: what the service is told, and what comes of it."""

from typing import Any

import pytest
from aiohttp import web

from bots.payment import HOLD, bot, request_payment
from dialtone.testing import Step, World, dial, hang_up, press, send_signal, silence, wait

SENT = "We have sent you a link."


@pytest.fixture
def world() -> World:
    return World(fakes={request_payment: None})


@pytest.mark.parametrize(
    ("paid", "last"),
    [
        ({"paid": True}, "Thank you. Your bill is paid. Goodbye."),
        ({"paid": False}, "Your payment was refused. Goodbye."),
        (None, "Your payment was refused. Goodbye."),
    ],
)
async def test_the_service_says_what_came_of_it(world: World, paid: object, last: str) -> None:
    call = await dial(bot, press("1"), wait(10), send_signal("payment", paid), world=world)
    assert call.said == [call.said[0], SENT, HOLD.text, HOLD.text, last]
    assert world.ran == [("request_payment", (call.call_id, "8:nora", 20))]


async def test_a_payment_that_does_not_come_is_waited_for_for_two_minutes(world: World) -> None:
    call = await dial(bot, press("1"), world=world)
    assert call.said[-1] == "We have not heard of your payment yet. You can still pay. Goodbye."
    assert 120 <= call.seconds < 140
    # Four seconds of silence and the words: a turn each.
    assert call.said.count(HOLD.text) == 21


async def test_another_signal_is_not_the_payment(world: World) -> None:
    call = await dial(bot, press("1"), send_signal("delivery", {"paid": True}), hang_up(), world=world)
    assert (call.said[-1], call.ended_by) == (HOLD.text, "caller")


@pytest.mark.parametrize("steps", [[press("2")], [silence()] * 3])
async def test_a_caller_who_does_not_want_to_pay_now(world: World, steps: list[Step]) -> None:
    call = await dial(bot, *steps, world=world)
    assert (call.said[-1], world.ran) == ("You can pay later. Goodbye.", [])


async def test_payments_are_out_of_order() -> None:
    call = await dial(bot, press("1"), world=World(fakes={request_payment: OSError()}))
    assert call.said[-1] == "Payments are out of order. You can pay later. Goodbye."


async def test_the_service_is_told_where_to_post_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        orders.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        monkeypatch.setenv("PAYMENT_URL", f"http://{host}:{port}/")
        call = await dial(bot, press("1"), hang_up())
    finally:
        await runner.cleanup()
    tell = f"https://bot.test/api/calls/{call.call_id}/signals/payment?key=test"
    assert orders == [{"id": call.call_id, "payer": "8:nora", "euros": 20, "tell": tell}]


async def test_without_an_address_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYMENT_URL", raising=False)
    call = await dial(bot, press("1"), hang_up())
    assert call.said[-2:] == [SENT, HOLD.text]
