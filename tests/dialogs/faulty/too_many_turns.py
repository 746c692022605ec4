"""Asks for ten digits one by one: more turns than an old platform gave a call."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def slowly(call: Call) -> None:
    for place in range(10):
        if await call.digits(f"Digit {place + 1}, please.", maximum=1) is None:  # fault
            return
