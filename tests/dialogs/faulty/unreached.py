"""A dialog that a change has left behind."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def greet(call: Call) -> None:
    if await call.confirm("Shall we call you by your name? Press 1 for yes, or 2 for no."):
        await call.begin("name")


@bot.dialog("name")
async def name(call: Call) -> None:
    call.say(f"Hello, {call.user.name}.")


@bot.dialog("nickname")  # fault
async def nickname(call: Call) -> None:
    call.say("Hello, you.")
