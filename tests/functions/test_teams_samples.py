"""The sample bots on Teams: their scripts end as they expect, and one meeting is recorded from a script."""

import asyncio
import wave
from io import BytesIO

import pytest

from bots import recorder, reminder
from dialtone.loading import load_bot
from dialtone.scripts import sample_bots, scripts_of
from simulator.faults import parse_fault
from simulator.script import read_script_file
from simulator.storm import faults_of
from tests.functions.teams_rig import bot_on_teams


@pytest.mark.parametrize("name", sample_bots())
async def test_its_scripts_end_as_they_expect(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_teams(load_bot(name), monkeypatch) as rig:
        for number, path in enumerate(scripts_of(name, "teams")):
            report = await rig.ring(read_script_file(path).seeded(number))
            assert report.ok, (path.stem, report.reasons)
        assert {status for _, status in rig.statuses} <= {200, 204}


async def test_a_meeting_of_five_is_joined_recorded_played_back_and_told_from_one_script(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = scripts_of("bots.recorder:bot", "teams")[0]
    async with bot_on_teams(recorder.bot, monkeypatch) as rig:
        report = await rig.ring(read_script_file(path))
        assert report.ok, report.reasons
        (kept,) = await rig.rig.storage.recordings.list()
        sound = await rig.rig.storage.recordings.read(kept.path)
        (meeting,) = rig.service.meetings
    shown = [event["status"] for event in report.events if event["kind"] == "recording.status"]
    assert shown == ["recording", "recording", "notRecording"]
    kinds = [event["kind"] for event in report.events]
    assert kinds.index("recording.status") < kinds.index("recorded"), "nothing is kept before it is shown"
    with wave.open(BytesIO(sound)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert kept.seconds == pytest.approx(seconds, abs=0.001)
    assert not kept.fault
    played = [event for event in report.events if str(event.get("file")).endswith(".wav") and event["kind"] == "heard"]
    assert [event["seconds"] for event in played] == [pytest.approx(seconds, abs=0.01)]
    (listed,) = meeting.reports
    assert listed["totalParticipantCount"] == 5
    assert "<v >Good morning, everybody.</v>" in next(iter(meeting.transcripts.values()))


async def test_people_are_called_into_a_meeting(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_teams(reminder.bot, monkeypatch) as rig:
        rig.service.settings.answers["8:orgid:ines"] = "busy"
        report = await rig.ring(read_script_file(scripts_of("bots.reminder:bot", "teams")[0]))
        async with asyncio.timeout(20):
            while not any(call.state == "terminated" for call in rig.service.calls.values()):
                await asyncio.sleep(0.01)
        (call,) = rig.service.calls.values()
        events = call.line.ledger.events
    assert report.ok, report.reasons
    assert [event["identity"] for event in events if event["kind"] == "joined"][2:] == ["8:orgid:omar"]
    heard = [event["text"] for event in events if event["kind"] == "heard" and "text" in event]
    assert heard == ["It is time for Stand-up.", "1 of 3 cannot be reached.", "You can begin."]


async def test_a_late_notice_changes_no_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the silence that times a question less is heard, when it begins after the key has come."""
    script = read_script_file(scripts_of("bots.callback:bot", "teams")[0])
    async with bot_on_teams(load_bot("bots.callback:bot"), monkeypatch) as rig:
        calm = await rig.bot.ring(script, 1)
        late = await rig.bot.ring(script.model_copy(update={"faults": (parse_fault("drop=1@4"),)}), 2)
    assert faults_of(late, calm) == []
    silences = [[event for event in report.events if event.get("timer")] for report in (calm, late)]
    assert [len(each) for each in silences] == [2, 1]
