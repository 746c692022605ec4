"""Microsoft's SDK for Graph, as it is, against the simulated tenant: every operation of calls, and meetings; and what
the vectors say of keeping calls alive and of prompts.
"""

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from azure.core.credentials import AccessToken
from kiota_abstractions.api_error import APIError
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph import GraphServiceClient
from msgraph.generated.communications.calls.item.answer.answer_post_request_body import AnswerPostRequestBody
from msgraph.generated.communications.calls.item.cancel_media_processing import (
    cancel_media_processing_post_request_body as cancelling,
)
from msgraph.generated.communications.calls.item.mute import mute_post_request_body as muting
from msgraph.generated.communications.calls.item.participants.invite.invite_post_request_body import (
    InvitePostRequestBody,
)
from msgraph.generated.communications.calls.item.participants.item.mute import mute_post_request_body as muting_one
from msgraph.generated.communications.calls.item.play_prompt.play_prompt_post_request_body import (
    PlayPromptPostRequestBody,
)
from msgraph.generated.communications.calls.item.record_response.record_response_post_request_body import (
    RecordResponsePostRequestBody,
)
from msgraph.generated.communications.calls.item.reject.reject_post_request_body import RejectPostRequestBody
from msgraph.generated.communications.calls.item.subscribe_to_tone import subscribe_to_tone_post_request_body as tones
from msgraph.generated.communications.calls.item.transfer.transfer_post_request_body import TransferPostRequestBody
from msgraph.generated.communications.calls.item.unmute import unmute_post_request_body as unmuting
from msgraph.generated.communications.calls.item.update_recording_status import (
    update_recording_status_post_request_body as updating,
)
from msgraph.generated.models.call import Call
from msgraph.generated.models.chat_info import ChatInfo
from msgraph.generated.models.identity import Identity
from msgraph.generated.models.identity_set import IdentitySet
from msgraph.generated.models.invitation_participant_info import InvitationParticipantInfo
from msgraph.generated.models.media_info import MediaInfo
from msgraph.generated.models.media_prompt import MediaPrompt
from msgraph.generated.models.modality import Modality
from msgraph.generated.models.operation_status import OperationStatus
from msgraph.generated.models.organizer_meeting_info import OrganizerMeetingInfo
from msgraph.generated.models.recording_status import RecordingStatus
from msgraph.generated.models.reject_reason import RejectReason
from msgraph.generated.models.service_hosted_media_config import ServiceHostedMediaConfig
from msgraph.generated.users.item.online_meetings.online_meetings_request_builder import OnlineMeetingsRequestBuilder
from msgraph.graph_request_adapter import GraphRequestAdapter

from dialtone.channels import teams
from dialtone.channels.teams import Notice
from simulator import audio
from simulator.clock import RealClock, VirtualClock
from simulator.ledger import Ledger
from simulator.line import Line
from simulator.platforms.prompt_files import NotPlayable, wav_samples
from simulator.platforms.rest import RestApp
from simulator.platforms.teams import GraphService, incoming
from simulator.platforms.teams_call import Person, TeamsCall
from simulator.platforms.teams_meetings import Attendee, Meeting
from simulator.platforms.teams_settings import TeamsSettings
from simulator.platforms.teams_wire import identity_set
from simulator.serving import listening
from simulator.wire import open_wire
from tests.functions.issuer import serving

CASES = json.loads((Path(__file__).parent / "cases" / "acs_teams.json").read_text(encoding="utf-8"))
BY_ID = {case["id"]: case for case in CASES}
QUICK = TeamsSettings(establish_s=0.01, transfer_s=0.01, invite_s=0.01, beep_s=0.01)


class Known:
    """A credential whose token the tenant has given."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self._token, 4_000_000_000)


@dataclass
class Tenant:
    """The tenant, the SDK's client of it, and what it posted to the bot."""

    service: GraphService
    client: GraphServiceClient
    bot_url: str = ""
    url: str = ""
    notices: list[Notice] = field(default_factory=list)
    came: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, wanted: Callable[[Notice], bool]) -> Notice:
        async with asyncio.timeout(10), self.came:
            await self.came.wait_for(lambda: any(map(wanted, self.notices)))
        return next(filter(wanted, self.notices))

    async def established(self) -> TeamsCall:
        """A call that the bot has placed and that is answered."""
        placed = await self.client.communications.calls.post(a_call(self.bot_url))
        assert placed is not None
        assert placed.id is not None
        await self.until(lambda notice: notice.state == "established" and notice.call_id == placed.id)
        return self.service.calls[placed.id]

    def of(self, call: TeamsCall) -> Any:
        return self.client.communications.calls.by_call_id(call.id)


@asynccontextmanager
async def tenant(settings: TeamsSettings = QUICK) -> AsyncIterator[Tenant]:
    async with open_wire() as wire:
        service = GraphService(wire, RealClock, settings)

        async def take(request: web.Request) -> web.Response:
            notices, _ = teams.parse(await request.read())
            async with opened.came:
                opened.notices += notices
                opened.came.notify_all()
            return web.Response()

        async with serving(take) as bot_url, listening(RestApp(service.handle)) as port:
            url = f"http://127.0.0.1:{port}"
            service.base = url
            # msgraph-core's own provider names hosts in a form that kiota 1.9 refuses.
            provider = AzureIdentityAuthenticationProvider(Known(service.grant()), allowed_hosts=["127.0.0.1"])
            adapter = GraphRequestAdapter(provider)
            adapter.base_url = f"{url}/v1.0"
            opened = Tenant(service, GraphServiceClient(request_adapter=adapter), f"{bot_url}/api/calls", url)
            try:
                yield opened
            finally:
                await service.close()
                # The SDK has no way to close what it opened, and its middleware hides it from httpx.
                await adapter._http_client._transport.transport.aclose()
                await adapter._http_client.aclose()


@pytest.fixture
async def there() -> AsyncIterator[Tenant]:
    async with tenant() as running:
        yield running


def user(number: str) -> InvitationParticipantInfo:
    return InvitationParticipantInfo(identity=IdentitySet(user=Identity(id=number)))


def a_call(callback: str) -> Call:
    return Call(
        callback_uri=callback,
        targets=[user("u1")],
        requested_modalities=[Modality.Audio],
        media_config=ServiceHostedMediaConfig(),
        tenant_id="t1",
    )


def wav(rate: int = 16_000, channels: int = 1, seconds: float = 0.05) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((channels, 2, rate, 0, "NONE", ""))
        out.writeframes(bytes(2 * channels * round(rate * seconds)))
    return file.getvalue()


async def test_a_call_is_placed_played_to_and_hung_up(there: Tenant) -> None:
    assert BY_ID["gq-010"]["expect"]["works"], "the SDK talks to loopback http by its base_url"
    call = await there.established()
    this = there.of(call)
    assert (await this.subscribe_to_tone.post(tones.SubscribeToTonePostRequestBody(client_context="s"))).status is (
        OperationStatus.Completed
    )
    async with serving(_file) as files:
        prompt = MediaPrompt(media_info=MediaInfo(uri=f"{files}/hi.wav", resource_id="r"))
        begun = await this.play_prompt.post(PlayPromptPostRequestBody(prompts=[prompt], client_context="p"))
        assert begun.status is OperationStatus.Running
        done = await there.until(lambda notice: notice.context == "p")
    assert (done.kind, done.status, done.change) == ("playPromptOperation", "completed", "deleted")
    polled = await this.operations.by_comms_operation_id(begun.id).get()
    assert polled.status is OperationStatus.Completed
    call.line.press("5")
    pressed = await there.until(lambda notice: notice.tone is not None)
    assert pressed.tone == (1, "5")
    await this.keep_alive.post()
    assert (await this.get()).id == call.id
    assert [each.info.identity.user.id for each in (await this.participants.get()).value] == ["u1"]
    await this.delete()
    ended = await there.until(lambda notice: notice.ends)
    assert ended.change == "deleted"
    with pytest.raises(APIError) as gone:
        await this.keep_alive.post()
    assert gone.value.response_status_code == BY_ID["gq-006"]["expect"]["status"]


async def _file(_: web.Request) -> web.Response:
    return web.Response(body=wav(), content_type="audio/wav")


async def _long_file(_: web.Request) -> web.Response:
    return web.Response(body=wav(seconds=30), content_type="audio/wav")


async def test_a_recording_needs_its_status_and_is_fetched_with_its_token(there: Tenant) -> None:
    call = await there.established()
    this = there.of(call)
    body = RecordResponsePostRequestBody(
        prompts=[], play_beep=False, stop_tones=["#"], client_context="r", max_record_duration_in_seconds=20
    )
    with pytest.raises(APIError) as early:
        await this.record_response.post(body)
    assert early.value.response_status_code == 403
    status = updating.UpdateRecordingStatusPostRequestBody(status=RecordingStatus.Recording, client_context="u")
    await this.update_recording_status.post(status)
    await this.record_response.post(body)
    await call.line.speak(audio.silence(0.2), "hello")
    call.line.press("#")
    done = await there.until(lambda notice: notice.context == "r")
    assert (done.kind, done.data["completionReason"]) == ("recordOperation", "stopToneDetected")
    location, token = done.data["recordingLocation"], done.data["recordingAccessToken"]
    async with open_wire() as wire:
        assert (await wire.get(location, 1_000_000, 5)).status == 401
    assert location.startswith(there.url)
    assert token


async def test_an_operation_is_cancelled_and_tones_stay(there: Tenant) -> None:
    call = await there.established()
    this = there.of(call)
    await this.subscribe_to_tone.post(tones.SubscribeToTonePostRequestBody())
    async with serving(_long_file) as files:
        prompt = MediaPrompt(media_info=MediaInfo(uri=f"{files}/long.wav", resource_id="r"))
        await this.play_prompt.post(PlayPromptPostRequestBody(prompts=[prompt], client_context="p"))
        await this.cancel_media_processing.post(cancelling.CancelMediaProcessingPostRequestBody(client_context="c"))
        cut = await there.until(lambda notice: notice.context == "p")
    assert cut.result is not None
    assert (cut.status, cut.result.code, cut.result.sub_code) == ("failed", 400, 8508)
    call.line.press("1")
    await there.until(lambda notice: notice.tone is not None)


async def test_a_transfer_ends_the_call(there: Tenant) -> None:
    call = await there.established()
    await there.of(call).transfer.post(TransferPostRequestBody(transfer_target=user("u2")))
    await there.until(lambda notice: notice.state == "transferAccepted")
    ended = await there.until(lambda notice: notice.ends)
    assert ended.result is not None
    assert ended.result.sub_code == teams.TRANSFERRED


@pytest.mark.parametrize("what", ["answer", "reject"])
async def test_a_call_that_rings_is_taken_once(what: str, there: Tenant) -> None:
    clock = RealClock()
    caller = Person("p1", "8:orgid:u1", "Ada")
    call = there.service.new_call(Line(clock, Ledger(clock)), people=[caller], bot_url=there.bot_url)
    assert incoming(call, caller, QUICK)["source"]["identity"] == identity_set("8:orgid:u1", "Ada", QUICK.tenant)
    this = there.of(call)
    answer = AnswerPostRequestBody(
        callback_uri=there.bot_url, accepted_modalities=[Modality.Audio], media_config=ServiceHostedMediaConfig()
    )
    ways: dict[str, Callable[[], Awaitable[Any]]] = {
        "answer": lambda: this.answer.post(answer),
        "reject": lambda: this.reject.post(RejectPostRequestBody(reason=RejectReason.Busy)),
    }
    await ways[what]()
    assert call.state == {"answer": "establishing", "reject": "rejected"}[what]
    for way in ways.values():
        with pytest.raises(APIError):
            await way()


def a_meeting(service: GraphService) -> Meeting:
    people = [Attendee(f"user-{number}", f"Person {number}") for number in range(1, 6)]
    meeting = Meeting("m1", "Standup", "user-1", service.settings.tenant, attendees=people)
    service.meetings.append(meeting)
    return meeting


async def test_a_meeting_of_five_is_joined_and_somebody_is_invited(there: Tenant) -> None:
    meeting = a_meeting(there.service)
    body = a_call(there.bot_url)
    body.targets = None
    body.chat_info = ChatInfo(thread_id=meeting.thread_id, message_id="0")
    body.meeting_info = OrganizerMeetingInfo(organizer=IdentitySet(user=Identity(id="user-1")))
    joined = await there.client.communications.calls.post(body)
    assert joined is not None
    assert joined.id is not None
    assert joined.subject == "Standup"
    full = await there.until(lambda notice: len(notice.members) == 5)
    assert {member.identity for member in full.members} == {f"8:orgid:user-{number}" for number in range(1, 6)}
    this = there.client.communications.calls.by_call_id(joined.id)
    await this.participants.invite.post(InvitePostRequestBody(participants=[user("user-9")], client_context="i"))
    await there.until(lambda notice: notice.context == "i" and notice.status == "completed")
    listed = (await this.participants.get()).value
    assert len(listed) == 6
    one = this.participants.by_participant_id(listed[0].id)
    await one.mute.post(muting_one.MutePostRequestBody(client_context="m"))
    assert (await one.get()).is_muted
    await one.delete()
    assert len((await this.participants.get()).value) == 5
    await this.mute.post(muting.MutePostRequestBody(client_context="m"))
    await this.unmute.post(unmuting.UnmutePostRequestBody(client_context="m"))
    await this.delete()


async def test_the_metadata_of_a_meeting(there: Tenant) -> None:
    meeting = a_meeting(there.service)
    meeting.attended({"user-1": 60.0, "user-2": 30.0}, [("Person 1", "Hello.")], wav())
    query = OnlineMeetingsRequestBuilder.OnlineMeetingsRequestBuilderGetQueryParameters(
        filter=f"JoinWebUrl eq '{meeting.join_link}'"
    )
    configuration = OnlineMeetingsRequestBuilder.OnlineMeetingsRequestBuilderGetRequestConfiguration(
        query_parameters=query
    )
    theirs = there.client.users.by_user_id("user-1").online_meetings
    found = await theirs.get(request_configuration=configuration)
    assert found is not None
    assert found.value is not None
    assert [(each.id, each.subject) for each in found.value] == [("m1", "Standup")]
    this = theirs.by_online_meeting_id("m1")
    reports = await this.attendance_reports.get()
    assert reports is not None
    assert reports.value is not None
    number = reports.value[0].id
    assert number is not None
    records = await this.attendance_reports.by_meeting_attendance_report_id(number).attendance_records.get()
    assert records is not None
    assert records.value is not None
    assert [each.total_attendance_in_seconds for each in records.value] == [60, 30]
    transcripts = await this.transcripts.get()
    assert transcripts is not None
    assert transcripts.value is not None
    text = await this.transcripts.by_call_transcript_id(str(transcripts.value[0].id)).content.get()
    assert text is not None
    assert b"Hello." in text
    recordings = await this.recordings.get()
    assert recordings is not None
    assert recordings.value is not None
    sound = await this.recordings.by_call_recording_id(str(recordings.value[0].id)).content.get()
    assert sound == wav()


async def test_a_call_that_is_not_kept_alive_is_ended() -> None:
    given, expect = BY_ID["gq-005"]["input"], BY_ID["gq-005"]["expect"]
    clock = VirtualClock()
    told: list[Notice] = []

    async def take(request: web.Request) -> web.Response:
        told.extend(teams.parse(await request.read())[0])
        return web.Response()

    async with open_wire() as wire, serving(take) as url:
        service = GraphService(wire, VirtualClock)
        call = service.new_call(Line(clock, Ledger(clock)), people=[Person("p", "8:orgid:u")], bot_url=url)
        call.answered({"callbackUri": url})
        await clock.start(call.run())
    assert given["call_age_minutes"] * 60 > clock.now() > teams.KEEP_ALIVE_S[0]
    result = told[-1].result
    assert result is not None
    assert f"{told[-1].change}/{told[-1].state} {result.code} {result.sub_code}" == expect["notification"]


@pytest.mark.parametrize("number", [case["id"] for case in CASES if case["area"] == "prompt.format"])
async def test_prompt(number: str, there: Tenant) -> None:
    case = BY_ID[number]
    wanted = case["expect"]["result"]
    if number == "wav-005":
        call = await there.established()
        prompt = MediaPrompt(media_info=MediaInfo(uri="http://127.0.0.1:1/prompt.wav", resource_id="r"))
        await there.of(call).play_prompt.post(PlayPromptPostRequestBody(prompts=[prompt], client_context="p"))
        failed = await there.until(lambda notice: notice.context == "p")
        assert failed.result is not None
        assert (failed.status, str(failed.result.sub_code)) == ("failed", wanted[:4])
    elif wanted == "accept":
        assert len(wav_samples(wav())) == 1600
    else:
        for other in (wav(channels=2), wav(rate=8_000), b"RIFF", b"ID3"):
            with pytest.raises(NotPlayable):
                wav_samples(other)


async def test_a_token_is_wanted() -> None:
    async with open_wire() as wire:
        service = GraphService(wire, RealClock)
        async with listening(RestApp(service.handle)) as port:
            answer = await wire.post(f"http://127.0.0.1:{port}/v1.0/communications/calls", {}, b"{}", 5)
            unknown = await wire.get(f"http://127.0.0.1:{port}/v1.0/other", 100_000, 5)
            wrong = await wire.get(f"http://127.0.0.1:{port}/v1.0/communications/calls", 100_000, 5)
    assert (answer.status, unknown.status, wrong.status) == (401, 404, 405)
