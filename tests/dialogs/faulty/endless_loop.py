"""Asks again for ever when the caller does not say yes; and yes is not asked for."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def nagging(call: Call) -> None:
    call.say("Welcome.")
    if await call.confirm("Do you know our offers? Press 1 for yes, or 2 for no."):
        return
    while await call.choose("To hear about them, press 1.", {"hear": "1"}) != "enough":  # fault
        call.say("Our offers are the best.")
