"""Says one sentence and hangs up."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def hello(call: Call) -> None:
    call.say("Watson... come here!")
