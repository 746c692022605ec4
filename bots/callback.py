"""Rings the caller back: this call ends, and another one, placed by the bot, begins.

Not every channel can place calls. The Skype contract cannot: the bot is told by `ActionFailed`, and says so.
"""

from dialtone import ActionFailed, Call, CallBot, Prompt

bot = CallBot()

OFFER = Prompt("offer", "All lines are busy. Shall we call you back? Press 1 for yes, or 2 for no.")
REASON = {"order": ("1", "order"), "return": ("2", "return")}


@bot.incoming
async def busy(call: Call) -> None:
    if not await call.confirm(OFFER):
        call.say(Prompt("call-again", "Please call again later. Goodbye."))
        return
    about = await call.choose("What is it about? For an order, press 1. For a return, press 2.", REASON)
    try:
        await call.place(call.user.identity, name=call.user.name, about=about)
    except ActionFailed:
        call.say(Prompt("cannot-call", "I'm sorry, we cannot call you from here. Please call again later."))
    else:
        call.say(Prompt("will-call", "Thank you. We are calling you back now. Please hang up."))


@bot.outgoing
async def called_back(call: Call, name: str, about: str | None) -> None:
    call.say(f"Hello, {name}. This is Contoso. You asked us to call you about your {about or 'question'}.")
    if await call.confirm(Prompt("is-it-you", "Is this a good time? Press 1 for yes, or 2 for no.")):
        if await call.transfer("8:sales.contoso"):
            return
        call.say(Prompt("still-busy", "I'm sorry, nobody is free yet."))
    call.say(Prompt("goodbye", "Goodbye."))
