"""A bot that records a call which it answers with media, for whole calls."""

from dialtone import Call, CallBot, Stream

bot = CallBot()


@bot.media("keep")
async def keep(stream: Stream) -> None:
    """Record until a key is pressed, and tell the dialog."""
    recording = stream.record("talk")
    async for _ in stream.dtmf:
        break
    await recording.stop()
    await stream.signal("kept", {"path": recording.path})


@bot.incoming
async def talk(call: Call) -> None:
    call.answer(media="keep")
    await call.signal("kept", timeout=600)
    await call.media_ended()
