"""The words of a dialog in a meeting, and who is told of those who come and go."""

from datetime import UTC, datetime

import pytest

from dialtone import ActionFailed, Call, CallBot, Meeting, Participant, ParticipantChange
from dialtone.errors import DialogError
from dialtone.testing import World, dial, press, repeat, roster

LINK = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_a%40thread.v2/0?context=%7b%7d"
STANDUP = Meeting(
    "m1",
    "Stand-up",
    "8:orgid:nora",
    LINK,
    datetime(2027, 1, 4, 9, tzinfo=UTC),
    datetime(2027, 1, 4, 9, 30, tzinfo=UTC),
    tuple(Participant(identity=f"8:orgid:{number}", display_name="N", originator=False) for number in range(120)),
    {"isBroadcast": False},
)


async def test_a_meeting_is_asked_for_once_and_is_the_same_in_each_turn() -> None:
    bot = CallBot()
    seen: list[Meeting] = []

    @bot.incoming
    async def dialog(call: Call) -> None:
        meeting = await call.meeting()
        seen.append(meeting)
        assert meeting.starts is not None
        await call.choose(f"{meeting.subject} at {meeting.starts:%H:%M}?", {"yes": "1"})
        call.say(f"{len(meeting.invited)} are invited.")

    call = await dial(bot, repeat(), press("1"), others=["8:lars"], world=World(meeting=STANDUP))
    assert call.said == ["Stand-up at 09:00?", "100 are invited."]
    assert seen == [seen[0]] * len(seen)
    assert seen[0].invited == STANDUP.invited[:100]
    assert (seen[0].metadata, seen[0].join_link, seen[0].ends) == (STANDUP.metadata, LINK, STANDUP.ends)
    assert Meeting.of(Meeting("m", "", "", "").document()) == Meeting("m", "", "", "")


async def test_a_call_of_no_meeting_says_so() -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        try:
            await call.meeting()
        except ActionFailed as error:
            call.say(error.action)

    assert (await dial(bot)).said == ["meeting"]


async def test_a_meeting_is_joined_by_its_link() -> None:
    bot, world = CallBot(), World()

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.place(LINK, topic="today")

    @bot.outgoing
    async def inside(call: Call, topic: str) -> None:
        assert call.is_multiparty
        call.say(f"{len(call.participants) - 1} are here for {call.subject or topic}.")

    await dial(bot, world=world)
    (placed,) = world.placed
    met = await dial(bot, placed=placed, others=["8:orgid:lars", "8:orgid:ines"], subject="Stand-up", world=world)
    assert met.said == ["2 are here for Stand-up."]
    assert (await dial(bot, placed=placed, world=world)).said == ["0 are here for today."]


async def test_the_link_of_nothing_is_no_target() -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.place("http://teams.microsoft.com/l/meetup-join/")

    with pytest.raises(DialogError, match="no link to a meeting"):
        await dial(bot)


async def test_who_comes_and_goes_is_told_and_bots_do_not_count() -> None:
    bot = CallBot()
    told: list[ParticipantChange] = []

    @bot.incoming
    async def dialog(call: Call) -> None:
        while await call.choose("How many?", {"count": "1", "leave": "2"}) == "count":
            call.say(f"{len(call.participants)}.")

    @bot.on_participant
    async def came_and_went(change: ParticipantChange) -> None:
        told.append(change)

    first = ("8:NORA", "8:lars", "28:other")
    steps = [roster(*first), press("1"), roster(*first), roster("8:nora", "8:ines"), press("1"), press("2")]
    call = await dial(bot, *steps, others=["8:lars"])
    assert call.said[1::2] == ["3.", "2."]
    assert told == [ParticipantChange(call.call_id, ("8:ines",), ("8:lars",), ("8:nora", "8:ines"))]
    with pytest.raises(DialogError, match="two handlers"):
        bot.on_participant(came_and_went)
    with pytest.raises(DialogError, match="async"):
        CallBot().on_participant(lambda change: None)  # type: ignore[type-var]
    assert bot.subscriptions(multiparty=True) == ("callStateChange", "rosterUpdate")
    assert bot.subscriptions(multiparty=False) == ()
