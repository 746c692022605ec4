"""A meeting with five people, from one script: joined, recorded, played back, and its metadata listed."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from dialtone.channels import teams
from dialtone.channels.teams import Notice
from dialtone.channels.teams_commands import Setup, invitation, media_prompt
from dialtone.channels.teams_meetings import join, read_link
from dialtone.errors import ActionFailed, BotError
from functions.teams_client import GraphClient
from functions.teams_meetings import attendance_of, meeting_of, recording_of, recordings_of, transcripts_of
from simulator.clock import RealClock
from simulator.platforms.rest import RestApp
from simulator.platforms.teams import GraphService
from simulator.platforms.teams_meetings import Attendee, Meeting
from simulator.platforms.teams_settings import TeamsSettings
from simulator.script import read_script
from simulator.serving import listening
from simulator.wire import open_wire
from tests.functions.issuer import serving

QUICK = TeamsSettings(establish_s=0.05, invite_s=0.05, beep_s=0.01)
SPEAKS = read_script('name: speaks\nsteps:\n  - wait: 0.8\n  - speak: "Good morning."\n  - press: "#"\n')


class Joined:
    """A tenant with one meeting, a client, and an address that takes notices and gives the recording back."""

    def __init__(self, service: GraphService, client: GraphClient, meeting: Meeting) -> None:
        self.service, self.client, self.meeting = service, client, meeting
        self.url, self.sound = "", b""
        self.notices: list[Notice] = []
        self.came = asyncio.Condition()

    async def serve(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return web.Response(body=self.sound, content_type="audio/wav")
        notices, _ = teams.parse(await request.read())
        async with self.came:
            self.notices += notices
            self.came.notify_all()
        return web.Response()

    async def until(self, wanted: Callable[[Notice], bool]) -> Notice:
        async with asyncio.timeout(20), self.came:
            await self.came.wait_for(lambda: any(map(wanted, self.notices)))
        return next(filter(wanted, self.notices))

    async def told(self, operation: str, body: dict[str, object], call: str) -> Notice | None:
        """Send a command; its notice, unless its reply says that it is completed."""
        context = f"{operation} {len(self.notices)}"
        taken = await self.client.send(operation, {**body, "clientContext": context}, call=call)
        assert taken.refused is None, taken.refused
        if taken.body["status"] == "completed":
            return None
        return await self.until(lambda notice: notice.context == context)


@pytest.fixture
async def joined() -> AsyncIterator[Joined]:
    people = [Attendee(f"user-{number}", f"Person {number}") for number in range(1, 5)]
    people.append(Attendee("user-5", "Person 5", script=SPEAKS))
    meeting = Meeting("m1", "Standup", "user-1", QUICK.tenant, attendees=people)
    async with open_wire() as wire:
        service = GraphService(wire, RealClock, QUICK)
        service.meetings.append(meeting)

        async def token(_: str) -> str:
            return granted

        granted = service.grant()
        async with listening(RestApp(service.handle)) as port:
            service.base = f"http://127.0.0.1:{port}"
            there = Joined(service, GraphClient(service.base, token), meeting)
            async with serving(there.serve) as there.url:
                try:
                    yield there
                finally:
                    await there.client.close()
                    await service.close()


async def test_a_meeting_of_five_is_joined_recorded_played_back_and_listed(joined: Joined) -> None:
    client, link = joined.client, joined.meeting.join_link
    setup = Setup(callback=joined.url, sounds="", spoken="", tenant=QUICK.tenant)
    created = await client.send("create", join(setup, read_link(link)))
    call = created.body["id"]
    full = await joined.until(lambda notice: len(notice.members) == 5)
    assert [member.name for member in full.members] == [f"Person {number}" for number in range(1, 6)]

    early = await client.send("recordResponse", {"stopTones": ["#"]}, call=call)
    assert early.refused is not None, "nothing is kept before the recording's status says so"
    await joined.told("updateRecordingStatus", {"status": "recording"}, call)
    recorded = await joined.told("recordResponse", {"stopTones": ["#"], "maxRecordDurationInSeconds": 20}, call)
    assert recorded is not None
    location, token = recorded.data["recordingLocation"], recorded.data["recordingAccessToken"]
    joined.sound = await client.fetch(location, token, limit=10_000_000)
    await joined.told("updateRecordingStatus", {"status": "notRecording"}, call)
    assert joined.sound[:4] == b"RIFF"

    played = await joined.told("playPrompt", {"prompts": [media_prompt(f"{joined.url}/back.wav", "back")]}, call)
    assert played is not None
    assert played.status == "completed"
    await joined.told("invite", {"participants": [invitation("8:orgid:user-6")]}, call)
    members = teams.participants_of(await client.listed("listParticipants", call=call))
    assert [member.identity for member in members] == [f"8:orgid:user-{number}" for number in range(1, 7)]
    assert (await client.send("removeParticipant", call=call, participant=members[5].id)).refused is None
    await client.send("hangUp", call=call)
    await joined.until(lambda notice: notice.ends)

    async with asyncio.timeout(5):
        while not joined.meeting.reports:
            await asyncio.sleep(0.01)
    meeting = await meeting_of(client, link)
    assert (meeting.subject, meeting.organizer, meeting.join_link) == ("Standup", "8:orgid:user-1", link)
    attended = await attendance_of(client, "user-1", meeting.id)
    assert len(attended) == 5
    (text,) = await transcripts_of(client, "user-1", meeting.id)
    assert "Good morning." in text
    (recording,) = await recordings_of(client, "user-1", meeting.id)
    assert await recording_of(client, "user-1", meeting.id, recording) == joined.sound


async def test_a_meeting_that_is_not_there(joined: Joined) -> None:
    link = joined.meeting.join_link
    with pytest.raises(BotError, match="no meeting with this link"):
        await meeting_of(joined.client, link.replace("meeting_m1", "meeting_m2"))
    with pytest.raises(BotError, match="names no organizer"):
        await meeting_of(joined.client, "https://teams.microsoft.com/meet/123?p=x")
    with pytest.raises(ActionFailed, match=r"OnlineMeetingTranscript\.Read\.All"):
        await transcripts_of(joined.client, "user-1", "m2")
