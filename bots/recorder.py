"""Greets a meeting in Teams, records it, plays the recording back, and says which meeting it is.

Teams lets a bot keep what is said only while everybody is shown that it is recorded; `call.record_meeting` sees to
that. Other channels have group calls and no meetings: there the bot says what it cannot do.
"""

import logging

from dialtone import ActionFailed, Call, CallBot, ParticipantChange, Prompt, WorkflowError

bot = CallBot()
log = logging.getLogger("bots.recorder")

MENU = Prompt(
    "recorder-menu", "Press 1 to be recorded and hear it, 2 to hear which meeting this is, or 3 to send me away."
)
RECORD = Prompt("recorder-record", "Everybody is shown that this is recorded. Press the hash key when you are done.")
CHOICES = {"record": "1", "meeting": "2", "leave": "3"}


@bot.incoming
async def recorder(call: Call) -> None:
    if not call.is_multiparty:
        call.say(Prompt("recorder-alone", "Please call me from a meeting."))
        return
    call.say(f"Welcome to {call.subject or 'this meeting'}.")
    there = 0
    # Silence is no reason to leave. Who is there is known from the first answer on.
    while (choice := await ask(call)) != "leave":
        if len(people(call)) != there:
            there = len(people(call))
            call.say(greeting(call))
        if choice == "record":
            await record(call)
        elif choice == "meeting":
            await tell(call)
    call.say(Prompt("recorder-goodbye", "Goodbye."))


async def ask(call: Call) -> str | None:
    """What is wanted next; None after half a minute of silence. What was recorded may be what cannot be played."""
    try:
        return (await call.recognize(MENU, choices=CHOICES, initial_silence=30)).choice
    except ActionFailed:
        call.say(Prompt("recorder-unplayable", "It cannot be played. It is kept for you."))
    return (await call.recognize(MENU, choices=CHOICES, initial_silence=30)).choice


async def record(call: Call) -> None:
    """Record until somebody presses the hash key, five minutes at most, and play it back."""
    recorded = await call.record_meeting(RECORD, max_seconds=300)
    if not recorded.shown:
        call.say(Prompt("recorder-refused", "I may not record here."))
        return
    call.say(f"{recorded.seconds:.0f} seconds are recorded.")
    try:
        for piece in recorded.pieces:
            call.play(piece)
    except WorkflowError:
        call.say(Prompt("recorder-long", "It is too long to be played here. It is kept for you."))


async def tell(call: Call) -> None:
    """Say which meeting this is."""
    try:
        meeting = await call.meeting()
    except ActionFailed:
        call.say(Prompt("recorder-unknown", "I do not know which meeting this is."))
        return
    call.say(f"This is {meeting.subject or 'without a subject'}, to which {len(meeting.invited)} are invited.")
    if meeting.starts and meeting.ends:
        call.say(f"It is from {meeting.starts:%H:%M} to {meeting.ends:%H:%M}, U T C.")


def people(call: Call) -> list[str]:
    """Who is in the meeting; bots do not count."""
    return [member.identity for member in call.participants if not member.identity.startswith("28:")]


def greeting(call: Call) -> str:
    """A word for those who are there."""
    there = len(people(call))
    return "You are alone here." if there == 1 else f"There are {there} of you."


@bot.on_participant
async def came_and_went(change: ParticipantChange) -> None:
    log.info("%d joined, %d left, %d are there", len(change.joined), len(change.left), len(change.present))
