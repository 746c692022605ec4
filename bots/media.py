"""Media handlers, each small: what a bot does with the sound and the pictures of a call while it goes on.

`DIALTONE_BOT=bots.media:bot python -m media_worker` serves them; a call asks for one by its name.
"""

from dialtone import CallBot, Stream

bot = CallBot()


@bot.media("echo")
async def echo(stream: Stream) -> None:
    """Every frame goes back."""
    async for frame in stream.audio:
        await stream.send(frame)
