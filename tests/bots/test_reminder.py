"""The reminder, which calls people into a meeting: the call that asks for it, and the one in the meeting."""

import pytest

from bots.reminder import TEAM, bot
from dialtone.channels.teams_meetings import Coordinates, read_link
from dialtone.testing import Step, connect, decline, dial, press, silence


@pytest.mark.parametrize(
    ("answers", "told"),
    [([connect(), connect()], []), ([decline("busy"), connect()], ["1 of 3 cannot be reached."])],
)
async def test_those_who_are_missing_are_called_in(answers: list[Step], told: list[str]) -> None:
    call = await dial(bot, press("1"))
    (placed,) = call.world.placed
    where = read_link(placed.target)
    assert isinstance(where, Coordinates)
    assert (where.thread_id, where.organizer_id) == ("19:meeting_standup@thread.v2", "nora")
    there = ("8:orgid:nora", TEAM[0])
    met = await dial(bot, *answers, placed=placed, others=there, subject="Stand-up", world=call.world)
    assert met.said == ["It is time for Stand-up.", *told, "You can begin."]
    assert met.actions[-1][-1] == "leave"
    assert sum(names.count("addParticipant") for names in met.actions) == 2


@pytest.mark.parametrize("steps", [[press("2")], [silence()] * 3])
async def test_nobody_is_called_whom_nobody_wants(steps: list[Step]) -> None:
    call = await dial(bot, *steps)
    assert (call.said[-1], call.world.placed) == ("Nobody is called.", [])
