"""The three-step menu of bench/node/bot.js, word for word, as a Dialtone bot."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def menu(call: Call) -> None:
    call.say("Welcome to Contoso.")
    question = "To leave a message, press 1. To quit, press 2."
    choice = await call.choose(question, {"message": ("1", "message"), "quit": ("2", "quit")})
    message = None
    if choice == "message":
        message = await call.record("Speak after the tone.", format="wav", max_seconds=20, stop_tones="#")
    if message:
        call.say(f"Got {message.size} bytes, {message.seconds:g} seconds.")
    else:
        call.say("Goodbye.")
