"""Calls people into a meeting: joins it, says what it is about, and invites those who are not there.

Whoever organizes the meeting rings the bot. The bot joins the meeting by its link (`call.place`), which is another
call: there the outgoing dialog has those rung who are missing. Teams has meetings; elsewhere the bot says that it
cannot.
"""

from dialtone import ActionFailed, Call, CallBot, Prompt

bot = CallBot()

ASK = Prompt("reminder-ask", "To call everybody into the stand-up, press 1. To leave it, press 2.")
TEAM = ("8:orgid:lars", "8:orgid:ines", "8:orgid:omar")
"""Who should be there."""

STANDUP = (
    "https://teams.microsoft.com/l/meetup-join/19%3ameeting_standup%40thread.v2/0?context="
    "%7b%22Tid%22%3a%227c1d2e3f-0000-4000-8000-000000000001%22%2c%22Oid%22%3a%22nora%22%7d"
)
"""The join link of the meeting: here one that the simulator has, in truth what a look into a calendar gives."""


@bot.incoming
async def organizer(call: Call) -> None:
    if not await call.confirm(ASK):
        call.say(Prompt("reminder-left", "Nobody is called."))
        return
    try:
        await call.place(STANDUP, team=TEAM)
    except ActionFailed:
        call.say(Prompt("reminder-cannot", "I cannot join meetings from here."))
    else:
        call.say(Prompt("reminder-calling", "I am calling them in. See you there."))


@bot.outgoing
async def in_the_meeting(call: Call, team: list[str]) -> None:
    call.say(f"It is time for {call.subject or 'the meeting'}.")
    there = {member.identity for member in call.participants}
    asked = await call.invite(*(member for member in team if member not in there))
    if missing := [each.identity for each in asked if not each]:
        call.say(f"{len(missing)} of {len(team)} cannot be reached.")
    call.say(Prompt("reminder-begin", "You can begin."))
    call.leave()
