"""A bot that answers with media, for whole calls."""

import asyncio
import os
from pathlib import Path

from dialtone import Call, CallBot, MediaEnd, Stream

bot = CallBot()


@bot.media("parrot")
async def parrot(stream: Stream) -> None:
    """Every frame goes back, until # is pressed; 9 kills the worker, 0 is a bug."""

    async def obey() -> None:
        async for key in stream.dtmf:
            if key.tone == "#":
                return
            if key.tone == "0":
                raise RuntimeError("a bug of the handler")
            await stream.signal("pressed", {"key": key.tone})

    keys = asyncio.create_task(obey())
    stream.on_audio(stream.send)
    await keys


async def write_down(pressed: list[str], end: list[str]) -> None:
    with Path(os.environ["TALKING_NOTES"]).open("a") as file:
        file.write(f"{' '.join(pressed)}|{'|'.join(end)}\n")


@bot.incoming
async def talk(call: Call) -> None:
    call.answer(media="parrot")
    pressed: list[str] = []
    while (key := await call.signal("pressed", timeout=600)) is not None:
        pressed.append(key.data["key"])
    end: MediaEnd = await call.media_ended()
    # The platform of the Skype contract takes no question in such a call.
    answer = await call.confirm("Do you hear me?")
    again = ""
    if answer:
        await call.start_media("parrot")
        key = await call.signal("pressed", timeout=600)
        await call.stop_media()
        again = f"{key and key.data['key']} {(await call.media_ended()).reason}"
        call.say("That was all.")
    await call.run(write_down, pressed, [end.handler, end.reason, end.detail, str(answer), again])
