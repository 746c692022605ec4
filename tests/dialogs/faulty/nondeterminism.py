"""Counts calls in the process, where a dialog that is run again counts again."""

from itertools import count

from dialtone import Call, CallBot

bot = CallBot()
callers = count(1)


@bot.incoming
async def counting(call: Call) -> None:
    number = next(callers)
    await call.choose(f"You are caller {number}. Press 1 to go on.", {"on": "1"})  # fault
