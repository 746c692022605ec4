"""The recorder of meetings."""

import logging
from datetime import UTC, datetime

import pytest

from bots.recorder import MENU, RECORD, bot
from dialtone import Meeting, Participant
from dialtone.testing import World, dial, press, refuse, roster, silence, speak

OTHERS = ("8:orgid:lars", "8:orgid:ines")
STANDUP = Meeting(
    "m1",
    "Stand-up",
    "8:nora",
    "https://teams.microsoft.com/",
    datetime(2027, 1, 4, 9, tzinfo=UTC),
    datetime(2027, 1, 4, 9, 15, tzinfo=UTC),
    (Participant(identity="8:orgid:lars", originator=False),),
)


async def test_a_meeting_is_recorded_played_back_and_told() -> None:
    steps = [press("1"), speak("Good morning.", seconds=8), press("#"), press("2"), press("3")]
    call = await dial(bot, *steps, others=OTHERS, subject="Stand-up", world=World(meeting=STANDUP))
    assert [text for text in call.said if text != MENU.text] == [
        "Welcome to Stand-up.",
        "There are 3 of you.",
        RECORD.text,
        "8 seconds are recorded.",
        "This is Stand-up, to which 1 are invited.",
        "It is from 09:00 to 09:15, U T C.",
        "Goodbye.",
    ]
    ((path, seconds),) = call.recordings
    assert seconds == 8
    assert f"plays recording:{path}" in str(call)
    wanted = [["playPrompt", "updateRecordingStatus"], ["recordMeeting"], ["updateRecordingStatus"]]
    assert [names[-2:] for names in call.actions[1:4]] == wanted


async def test_what_is_too_long_is_recorded_in_pieces_and_not_played() -> None:
    steps = [press("1"), speak("A speech.", seconds=150), speak("On and on.", seconds=20), press("#")]
    call = await dial(bot, *steps, others=OTHERS)
    assert [seconds for _, seconds in call.recordings] == [120, 20]
    assert "140 seconds are recorded." in call.said
    assert "It is too long to be played here. It is kept for you." in call.said


async def test_where_it_may_not_record_it_says_so() -> None:
    call = await dial(bot, press("1"), refuse("updateRecordingStatus", "403"), press("2"), others=OTHERS)
    assert {"I may not record here.", "I do not know which meeting this is."} <= set(call.said)
    assert (await dial(bot)).said == ["Please call me from a meeting."]
    assert call.recordings == []


async def test_whoever_comes_is_greeted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bots.recorder")
    steps = [silence(), roster("8:nora", *OTHERS, "8:orgid:uma"), silence(), roster("8:nora"), silence()]
    call = await dial(bot, *steps, others=OTHERS)
    greeted = [text for text in call.said if text.startswith(("There are", "You are"))]
    assert greeted == ["There are 3 of you.", "There are 4 of you.", "You are alone here."]
    assert caplog.messages == ["1 joined, 0 left, 4 are there", "0 joined, 3 left, 1 are there"]
