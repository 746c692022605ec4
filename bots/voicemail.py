"""A voicemail box: leave a message, hear it, record it again, save it.

A platform plays texts, and files that it can fetch by their address; what it recorded it does not keep. To play a
message the bot makes a link to the blob that is good for five minutes. On the Skype wire a file may have 512 kB, which
is 16 seconds of WAV: a longer message is described instead. Every recording stays in Blob Storage, whether or not it is
saved; saving notes in the caller's data which one counts.
"""

import os
from datetime import UTC, datetime, timedelta

from azure.storage.blob import BlobClient, BlobSasPermissions, generate_blob_sas

from dialtone import ActionFailed, ActivityFailed, Call, CallBot, Prompt, Recording

bot = CallBot()

LEAVE = Prompt("leave-message", "Please speak after the tone, then press the hash key.")
MENU = Prompt("message-menu", "To hear your message, press 1. To record it again, press 2. To save it, press 3.")
PLAYABLE_BYTES = 512_000


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
        await replay(call, message)


async def replay(call: Call, message: Recording) -> None:
    """Queue the message, or what can be said of it."""
    if message.size > PLAYABLE_BYTES:
        call.say(f"Your message is too long to be played here. It has {message.seconds:.0f} seconds.")
        return
    try:
        call.play(await call.run(link_to, message.path))
    except ActivityFailed:
        call.say(Prompt("cannot-play", "Your message cannot be played now."))


async def link_to(path: str) -> str:
    """A link to a recording, signed with the account's key. With a managed identity, sign with a delegation key."""
    account = os.environ["DIALTONE_STORAGE"]
    blob = BlobClient.from_connection_string(account, "recordings", path)
    signature = generate_blob_sas(
        str(blob.account_name),
        blob.container_name,
        blob.blob_name,
        account_key=blob.credential.account_key,
        permission=BlobSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(minutes=5),
    )
    return f"{blob.url}?{signature}"
