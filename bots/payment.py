"""Takes a payment: the caller pays on their own telephone, and the bot waits until the payment service says so.

`request_payment` gives the service the address to post the result to: `{"paid": true}`. For how the bot waits, see
docs/how-to/signals.md. PAYMENT_URL is the address of the service; without one nobody is asked, and nobody pays.
"""

import os

import aiohttp

from dialtone import ActivityFailed, Call, CallBot, Prompt, signal_url

bot = CallBot()

HOLD = Prompt("hold", "We are waiting for your payment.", silence_ms=4000)


@bot.incoming
async def payment(call: Call) -> None:
    if not await call.confirm("Your bill is 20 euros. To pay it now by text message, press 1. Otherwise, press 2."):
        call.say(Prompt("not-now", "You can pay later. Goodbye."))
        return
    try:
        await call.run(request_payment, call.id, call.user.identity, 20)
    except ActivityFailed:
        call.say(Prompt("cannot-pay", "Payments are out of order. You can pay later. Goodbye."))
        return
    call.say(Prompt("link-sent", "We have sent you a link."))
    signal = await call.signal("payment", timeout=120, hold=HOLD)
    if signal is None:
        call.say(Prompt("too-late", "We have not heard of your payment yet. You can still pay. Goodbye."))
    elif signal.data == {"paid": True}:
        call.say(Prompt("paid", "Thank you. Your bill is paid. Goodbye."))
    else:
        call.say(Prompt("refused", "Your payment was refused. Goodbye."))


async def request_payment(call_id: str, payer: str, euros: int) -> None:
    """Have the payment service send a link to the payer, and tell this call what came of it."""
    order = {"id": call_id, "payer": payer, "euros": euros, "tell": signal_url("payment")}
    if url := os.environ.get("PAYMENT_URL"):
        async with aiohttp.ClientSession(raise_for_status=True) as http, http.post(url, json=order):
            pass
