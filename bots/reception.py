"""The reception of a company: a menu by key or by word, a transfer, and a voicemail box."""

from dialtone import Call, CallBot, Prompt

bot = CallBot()

MENU = Prompt("main-menu", "For sales, say sales or press 1. To leave a message, say message or press 2.")


@bot.incoming
async def reception(call: Call) -> None:
    call.say(Prompt("welcome", "Welcome to Contoso."))
    choice = await call.choose(MENU, {"sales": ("1", "sales"), "message": ("2", "message")})
    if choice == "sales":
        call.say(Prompt("connecting", "One moment, please."))
        if await call.transfer("8:sales.contoso"):
            return
        call.say(Prompt("sales-closed", "Nobody in sales can take your call now."))
        choice = "message"
    if choice == "message":
        await take_message(call)
    call.say(Prompt("goodbye", "Goodbye."))


async def take_message(call: Call) -> None:
    """Record a message and say how long it is."""
    prompt = Prompt("leave-message", "Please speak after the tone, then press the hash key.")
    message = await call.record(prompt, stop_tones="#", max_seconds=120)
    if message:
        call.say(f"Thank you. {message.seconds:.0f} seconds saved.")
