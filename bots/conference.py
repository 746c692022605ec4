"""Greets a group call, and tells whoever presses a key how many are there.

A bot with `on_notification` is told who joins and who leaves; `call.participants` follows from the next answer on.
"""

import logging

from dialtone import Call, CallBot, CallEnded, CallStateChange, Prompt, RosterUpdate

bot = CallBot()
log = logging.getLogger("bots.conference")

MENU = Prompt("conference-menu", "Press 1 to hear how many are here, or 2 to send me away.")


@bot.incoming
async def greeter(call: Call) -> None:
    if not call.is_multiparty:
        call.say(Prompt("not-a-conference", "Please add me to a group call."))
        return
    call.say(f"Welcome to {call.subject or 'this conference'}.", how_many(call))
    try:
        # A minute of silence is no reason to leave: the question is asked again, without a word about it.
        while (await call.recognize(MENU, choices={"count": "1", "leave": "2"}, initial_silence=30)).choice != "leave":
            call.say(how_many(call))
    except CallEnded:
        log.info("the conference is over")
        raise
    call.say(Prompt("conference-goodbye", "Goodbye."))


def how_many(call: Call) -> str:
    """How many people are in the call; bots do not count."""
    people = sum(not member.identity.startswith("28:") for member in call.participants)
    return "You are alone." if people == 1 else f"There are {people} of you."


@bot.on_notification
async def told(notification: CallStateChange | RosterUpdate) -> None:
    if isinstance(notification, RosterUpdate):
        log.info("%d are in the conference", len(notification.identities))
