"""A voicemail box: leave a message, hear it, record it again, save it.

A platform plays texts, and files that it can fetch by their address; what it recorded it does not keep. `call.play`
gives it a link to the recording, which is good for ten minutes. On the Skype wire a file may have 512 kB, which is 16
seconds of WAV: a longer message is described instead. Every recording stays in Blob Storage, whether or not it is
saved; saving notes in the caller's data which one counts.
"""

from dialtone import ActionFailed, Call, CallBot, Prompt, Recording, WorkflowError

bot = CallBot()

LEAVE = Prompt("leave-message", "Please speak after the tone, then press the hash key.")
MENU = Prompt("message-menu", "To hear your message, press 1. To record it again, press 2. To save it, press 3.")


@bot.incoming
async def voicemail(call: Call) -> None:
    call.say(Prompt("voicemail-welcome", "Nobody can take your call now."))
    while message := await call.record(LEAVE, stop_tones="#", max_seconds=120):
        if await is_kept(call, message):
            data = await call.user_data()
            data["message"] = message.path
            call.say(Prompt("message-saved", "Your message is saved. Goodbye."))
            return
    call.say(Prompt("no-message", "There is no message. Goodbye."))


async def is_kept(call: Call, message: Recording) -> bool:
    """Let the caller hear the message, until they save it or want another; who says nothing saves it."""
    while True:
        try:
            choice = await call.choose(MENU, {"hear": "1", "again": "2", "save": "3"})
        except ActionFailed:
            # The menu was not asked: the file before it could not be played.
            call.say(Prompt("cannot-play", "Your message cannot be played now."))
            continue
        if choice != "hear":
            return choice != "again"
        replay(call, message)


def replay(call: Call, message: Recording) -> None:
    """Queue the message, or what can be said of it."""
    try:
        call.play(message)
    except WorkflowError:
        call.say(f"Your message is too long to be played here. It has {message.seconds:.0f} seconds.")
