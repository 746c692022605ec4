"""Each answer leads to a dialog that is not there."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def menu(call: Call) -> None:
    choice = await call.choose("For sales, press 1. For support, press 2.", {"sales": "1", "support": "2"})  # fault
    if choice is not None:
        await call.begin(f"{choice}-desk")
