"""The three-step menu of bench/node/bot.js, as a Dialtone bot."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def menu(call: Call) -> None:
    call.say("Welcome to the menu.")
    choice = await call.choose(
        "Say message or press 1, say quit or press 2.", {"message": ("1", "message"), "quit": ("2", "quit")}
    )
    if choice == "message":
        message = await call.record("Please speak after the tone.", max_seconds=20, stop_tones="#")
        call.say(f"Got {message.size} bytes, {message.seconds} seconds.")
