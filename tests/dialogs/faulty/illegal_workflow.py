"""Reads out more text than a prompt may have, but only on one path."""

from dialtone import Call, CallBot

bot = CallBot()
TERMS = "We promise nothing. " * 200


@bot.incoming
async def terms(call: Call) -> None:
    if await call.confirm("Would you like to hear our terms? Press 1 for yes, or 2 for no."):
        call.say(TERMS)  # fault
    call.say("Goodbye.")
