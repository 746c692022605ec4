"""Plays a file that may not be there."""

from dialtone import Call, CallBot

bot = CallBot()


@bot.incoming
async def music(call: Call) -> None:
    call.play("https://music.example/theme.wav")
    await call.choose("Press 1 to go on.", {"on": "1"})  # fault
