"""Microsoft's SDK for Call Automation, as it is, against the simulated resource: every operation, and what its
vectors say of requests, retries, signatures and addresses.
"""

import asyncio
import base64
import ipaddress
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from azure.communication.callautomation import (
    CallAutomationClient,
    CallConnectionClient,
    CommunicationUserIdentifier,
    DtmfTone,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    MicrosoftTeamsUserIdentifier,
    PhoneNumberIdentifier,
    StreamingTransportType,
    TextSource,
    TranscriptionOptions,
)
from azure.communication.callautomation.aio import CallAutomationClient as AsyncClient
from azure.communication.identity import CommunicationIdentityClient
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError, ServiceRequestError
from azure.core.pipeline.transport import RequestsTransport
from cryptography import x509

from simulator.clock import RealClock
from simulator.ledger import Ledger
from simulator.line import Line
from simulator.platforms import acs_wire
from simulator.platforms.acs_call import AcsCall
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.acs_wire import check_signature, content_hash
from simulator.platforms.rest import Refused, Request
from tests.compliance.acs_server import CALLER, KEY, Server, acs
from tests.functions.authority import the_root

Json = dict[str, Any]
CASES = json.loads((Path(__file__).parent / "cases" / "acs_teams.json").read_text(encoding="utf-8"))
BY_ID = {case["id"]: case for case in CASES}
ELSEWHERE = {
    *("answer", "connect", "redirect", "reject", "hangUp", "transferToParticipant"),
    *("startRecording", "getRecording", "stopRecording", "pauseRecording", "resumeRecording"),
    *("download", "deleteRecording"),
    *("createIdentity", "issueAccessToken", "revokeAccessTokens", "deleteIdentity"),
    *("linkTeams", "getTeamsLink", "unlinkTeams"),
}
"""Operations that other tests of this module and of test_acs_rest.py ask for."""
PHONE = PhoneNumberIdentifier(CALLER)
AGENT = CommunicationUserIdentifier("8:acs:res_agent")
STREAMING = MediaStreamingOptions(
    transport_url="wss://media.example/ws/c1",
    transport_type=StreamingTransportType.WEBSOCKET,
    content_type=MediaStreamingContentType.AUDIO,
    audio_channel_type=MediaStreamingAudioChannelType.UNMIXED,
    start_media_streaming=True,
    enable_bidirectional=True,
)
TRANSCRIPTION = TranscriptionOptions(
    transport_url="wss://media.example/ws/t1",
    transport_type=StreamingTransportType.WEBSOCKET,
    locale="en-US",
    start_transcription=True,
)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with acs() as running:
        yield running


async def in_thread(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """The SDK blocks; the resource runs in this loop."""
    return await asyncio.to_thread(call, *args, **options)


async def placed(server: Server, client: CallAutomationClient, **options: Any) -> CallConnectionClient:
    """A call that the bot placed, and that was taken."""
    properties = await in_thread(
        client.create_call,
        PHONE,
        f"{server.bot_url}/cb",
        source_caller_id_number=PhoneNumberIdentifier("+15550199"),
        cognitive_services_endpoint="https://speech.test/",
        **options,
    )
    await server.event("CallConnected")
    return client.get_call_connection(properties.call_connection_id)


def latest(server: Server) -> AcsCall:
    return next(reversed(server.resource.calls.values()))


async def ringing(server: Server) -> str:
    """A call that rings: its incomingCallContext."""
    clock = RealClock()
    line = Line(clock, Ledger(clock), 60)
    call = server.resource.new_call(line, caller=f"4:{CALLER}", to="4:+15550199")
    task = clock.start(server.resource.rings.ring(call, Random(7)))
    server.resource._tasks.add(task)  # type: ignore[arg-type]  # so that it is broken off with the others
    data = await server.event("IncomingCall")
    return str(data["incomingCallContext"])


async def test_every_operation_of_a_call(server: Server) -> None:
    """Each with the status that the SDK takes for done: it raises for any other."""
    with server.client() as client:
        call = await placed(server, client, media_streaming=STREAMING, transcription=TRANSCRIPTION)
        assert (await in_thread(call.get_call_properties)).call_connection_state == "connected"
        await in_thread(call.play_media, TextSource(text="Hi", voice_name="en-US-AvaNeural"), operation_context="p")
        await server.event("PlayCompleted", "p")
        tones = {"dtmf_max_tones_to_collect": 1, "initial_silence_timeout": 0}
        await in_thread(call.start_recognizing_media, "dtmf", PHONE, operation_context="r", **tones)
        assert (await server.event("RecognizeFailed", "r"))["resultInformation"]["subCode"] == 8510
        await in_thread(call.start_continuous_dtmf_recognition, PHONE)
        await in_thread(call.stop_continuous_dtmf_recognition, PHONE, operation_context="s")
        await server.event("ContinuousDtmfRecognitionStopped", "s")
        await in_thread(call.send_dtmf_tones, [DtmfTone.ONE, DtmfTone.ASTERISK], PHONE, operation_context="d")
        await server.event("SendDtmfTonesCompleted", "d")
        added = await in_thread(call.add_participant, AGENT, operation_context="a")
        await server.event("AddParticipantSucceeded", "a")
        assert added.invitation_id
        await in_thread(call.cancel_add_participant_operation, added.invitation_id)
        await in_thread(call.move_participants, [AGENT], from_call_id="other")
        assert len(list(await in_thread(lambda: list(call.list_participants())))) == 3
        assert (await in_thread(call.get_participant, PHONE)).identifier.raw_id == f"4:{CALLER}"
        await in_thread(call.mute_participant, PHONE)
        assert (await in_thread(call.get_participant, PHONE)).is_muted
        await in_thread(call.hold, PHONE)
        assert (await in_thread(call.get_participant, PHONE)).is_on_hold
        await in_thread(call.unhold, PHONE)
        await in_thread(call.remove_participant, AGENT)
        await in_thread(call.stop_media_streaming)
        await server.event("MediaStreamingStopped")
        await in_thread(call.start_media_streaming)
        await in_thread(call.stop_transcription)
        await in_thread(call.start_transcription, locale="en-GB")
        await in_thread(call.update_transcription, locale="de-DE")
        await server.event("TranscriptionUpdated")
        await in_thread(call.cancel_all_media_operations)
        await in_thread(call.hang_up, True)
        await server.event("CallDisconnected")
    statuses = {name: status for name, status in server.asked if name}
    assert set(statuses.values()) <= {200, 201, 202, 204}
    wanted = {name: status for name, (_, _, status) in acs_wire.OPERATIONS.items() if name in statuses}
    assert statuses == wanted
    assert acs_wire.OPERATIONS.keys() - statuses.keys() == ELSEWHERE


OUT_OF_RANGE: list[Callable[[Any], Any]] = [
    lambda call: call.play_media(TextSource(text="x" * 4001, voice_name="en-US-AvaNeural")),
    *(
        lambda call, each=each: call.start_recognizing_media("dtmf", PHONE, dtmf_max_tones_to_collect=1, **each)
        for each in (
            {"dtmf_inter_tone_timeout": 0.5},
            {"dtmf_inter_tone_timeout": 61},
            {"initial_silence_timeout": 301},
        )
    ),
    lambda call: call.start_recognizing_media("dtmf", PHONE, dtmf_max_tones_to_collect=0),
    lambda call: call.start_recognizing_media("speech", PHONE, initial_silence_timeout=21),
    lambda call: call.add_participant(AGENT, invitation_timeout=181),
    lambda call: call.send_dtmf_tones([DtmfTone.ONE] * 19, PHONE),
]


async def test_figures_out_of_range_are_refused(server: Server) -> None:
    with server.client() as client:
        call = await placed(server, client)
        for do in OUT_OF_RANGE:
            with pytest.raises(HttpResponseError) as caught:
                await in_thread(do, call)
            assert caught.value.error is not None
            assert (caught.value.status_code, caught.value.error.code) == (400, "8523")
        with pytest.raises(HttpResponseError, match="callbackUri is not an absolute address"):
            await in_thread(client.answer_call, await ringing(server), "/cb")


@pytest.mark.parametrize(
    ("do", "name", "status"),
    [
        (lambda client, context: client.reject_call(context, call_reject_reason="busy"), "reject", 204),
        (lambda client, context: client.redirect_call(context, PHONE), "redirect", 204),
    ],
)
async def test_a_call_that_rings_is_not_taken(server: Server, do: Callable[..., None], name: str, status: int) -> None:
    context = await ringing(server)
    with server.client() as client:
        await in_thread(do, client, context)
        with pytest.raises(HttpResponseError) as caught:
            await in_thread(do, client, context)
    assert server.asked == [(name, status), (name, 404)]
    assert caught.value.error is not None
    assert caught.value.error.code == "8522"


async def test_a_recording_from_beginning_to_file(server: Server) -> None:
    with server.client() as client:
        await placed(server, client)
        begun = await in_thread(client.start_recording, call_connection_id=latest(server).id)
        recording = begun.recording_id
        await in_thread(client.pause_recording, recording)
        assert (await in_thread(client.get_recording_properties, recording)).recording_state == "inactive"
        await in_thread(client.resume_recording, recording)
        await asyncio.sleep(0.1)
        await in_thread(client.stop_recording, recording)
        with pytest.raises(ResourceNotFoundError):
            await in_thread(client.stop_recording, recording)
        told = await server.event("RecordingFileStatusUpdated")
    chunk = told["recordingStorageInfo"]["recordingChunks"][0]
    with server.client(transport=ToSimulator(server.url)) as client:
        whole = await in_thread(fetched, client, chunk["contentLocation"])
        assert whole[:4] == b"RIFF"
        await in_thread(client.delete_recording, chunk["deleteLocation"])
        with pytest.raises(ResourceNotFoundError):
            await in_thread(client.delete_recording, chunk["deleteLocation"])


def fetched(client: CallAutomationClient, url: str, **options: Any) -> bytes:
    """What is at a recording's address. The SDK gives a reply, whatever its type says."""
    reply: Any = client.download_recording(url, **options)
    content: bytes = reply.read()
    return content


class ToSimulator(RequestsTransport):  # type: ignore[misc]  # it is untyped
    """Asks the simulator for what is at Microsoft's hosts, which alone the SDK takes for recordings."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = urlsplit(url)

    def send(self, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        if parts.hostname and parts.hostname.endswith(".asm.skype.com"):
            request.url = urlunsplit((self._url.scheme, self._url.netloc, parts.path, parts.query, ""))
        return super().send(request, **options)


async def test_a_connection_to_a_call_of_another_program(server: Server) -> None:
    with server.client() as client:
        await in_thread(client.connect_call, f"{server.bot_url}/cb", server_call_id="s1")
        await server.event("CallConnected")
    assert server.asked == [("connect", 200)]


async def test_the_asynchronous_client(server: Server) -> None:
    """Its get_participant sends another path than it signs; the simulator takes that, as `acs_wire` says."""
    async with AsyncClient(server.url, AzureKeyCredential(KEY)) as client:
        properties = await client.create_call(
            PHONE, f"{server.bot_url}/cb", source_caller_id_number=PhoneNumberIdentifier("+15550199")
        )
        await server.event("CallConnected")
        call = client.get_call_connection(str(properties.call_connection_id))
        found = (await call.get_participant(PHONE)).identifier
        assert found is not None
        assert found.raw_id == f"4:{CALLER}"
        await call.hang_up(False)
    assert [name for name, _ in server.asked] == ["create", "getParticipant", "hangUp"]


async def test_over_tls_with_a_token_of_entra(tmp_path: Path) -> None:
    address = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    host = the_root().issue("localhost", more=[(address, False)])
    (tmp_path / "host.pem").write_bytes(host.pem)
    (tmp_path / "host.key").write_bytes(host.key_pem)
    (tmp_path / "ca.pem").write_bytes(the_root().pem)

    class Entra:
        scopes: list[str] = []

        def get_token(self, *scopes: str, **_: Any) -> AccessToken:
            self.scopes += scopes
            return AccessToken("entra-token", 4_000_000_000)

    settings = AcsSettings(strict=True, bearer_tokens=frozenset({"entra-token"}))
    tls = {"ssl_certfile": str(tmp_path / "host.pem"), "ssl_keyfile": str(tmp_path / "host.key")}
    async with acs(settings, **tls) as server:
        options = {"connection_verify": str(tmp_path / "ca.pem")}
        with CallAutomationClient(server.url, Entra(), **options) as client:  # type: ignore[arg-type]
            await in_thread(client.create_call, AGENT, f"{server.bot_url}/cb")
        with server.client(**options) as client:
            await in_thread(client.create_call, AGENT, f"{server.bot_url}/cb")
        connection = f"endpoint={server.url}/;accesskey={KEY}"
        with CallAutomationClient.from_connection_string(connection, **options) as client:
            await in_thread(client.create_call, AGENT, f"{server.bot_url}/cb")
    assert server.asked == [("create", 201)] * 3
    assert set(Entra.scopes) == {"https://communication.azure.com//.default"}


async def test_teams_phone(server: Server) -> None:
    """What the platform refuses in Teams Phone Extensibility."""
    settings = AcsSettings(teams_account="11111111-2222-4333-8444-555555555555")
    async with acs(settings) as teams:
        with teams.client() as client:
            call = await placed(teams, client)
            for refused in (
                lambda: call.hold(PHONE),
                lambda: call.mute_participant(PHONE),
                lambda: call.add_participant(MicrosoftTeamsUserIdentifier("u1")),
                lambda: call.transfer_call_to_participant(MicrosoftTeamsUserIdentifier("u1")),
            ):
                with pytest.raises(HttpResponseError) as caught:
                    await in_thread(refused)
                assert caught.value.status_code == 405
                assert caught.value.error is not None
                assert caught.value.error.code == "8520"


async def test_a_transfer_ends_the_call(server: Server) -> None:
    server.resource.settings = replace(server.resource.settings, transfer_s=0.0)
    with server.client() as client:
        call = await placed(server, client)
        latest(server).settings = server.resource.settings
        await in_thread(call.transfer_call_to_participant, AGENT, operation_context="t")
        await server.event("CallTransferAccepted", "t")
        await server.event("CallDisconnected")


async def test_a_call_that_nobody_takes_fails_twice_over() -> None:
    async with acs(AcsSettings(answers={f"4:{CALLER}": "busy"})) as server:
        with server.client() as client:
            source = PhoneNumberIdentifier("+15550199")
            await in_thread(client.create_call, PHONE, f"{server.bot_url}/cb", source_caller_id_number=source)
            assert (await server.event("CreateCallFailed"))["resultInformation"]["code"] == 486
            await server.event("CallDisconnected")


def refusal(request: Request, *, now: float, strict: bool = False) -> str:
    try:
        check_signature(request, base64.b64decode(KEY), now=now, strict=strict)
    except Refused as refused:
        return f"{refused.reply.status} {refused}"
    return ""


SIGNED = [case["id"] for case in CASES if case["area"] == "acs.auth.hmac" and "method" in case["input"]]
AT = 1767781230.0


def signed(number: str) -> Request:
    given, expect = BY_ID[number]["input"], BY_ID[number]["expect"]
    headers = {
        "x-ms-date": given["x-ms-date"],
        "host": given["signed_host"].rstrip("/"),
        "x-ms-content-sha256": expect["x-ms-content-sha256"],
        "authorization": expect["authorization"],
    }
    return Request(given["method"], given["target"], headers, given["body"].encode())


@pytest.mark.parametrize("number", SIGNED)
def test_signature(number: str) -> None:
    given, expect = BY_ID[number]["input"], BY_ID[number]["expect"]
    request = signed(number)
    assert content_hash(request.body) == expect["x-ms-content-sha256"]
    assert refusal(request, now=AT, strict=True) == ""
    key = base64.b64decode(given["access_key_b64"])
    body_hash = content_hash(request.body)
    made = acs_wire.signature(
        key, given["method"], given["target"], given["x-ms-date"], given["signed_host"], body_hash
    )
    assert expect["authorization"].endswith(f"&Signature={made}")


def hmac_006() -> None:
    request = signed("hmac-001")
    tampered = replace(request, body=request.body.replace(b"busy", b"none"))
    assert refusal(tampered, now=AT).startswith(f"{BY_ID['hmac-006']['expect']['status']} ")
    assert "hash" in refusal(tampered, now=AT)


def hmac_007() -> None:
    late = AT + BY_ID["hmac-007"]["input"]["clock_skew_minutes"] * 60
    assert refusal(signed("hmac-002"), now=late, strict=True).startswith("401")
    assert refusal(signed("hmac-002"), now=late) == ""


async def test_an_address_of_a_connection_string_is_made_https(server: Server) -> None:
    """ep-001, ep-003, ep-007: the constructor is the way to this machine."""
    no_retry = {"retry_total": 0}
    with (
        CallAutomationClient.from_connection_string(f"endpoint={server.url}/;accesskey={KEY}", **no_retry) as client,
        pytest.raises(ServiceRequestError),
    ):
        await in_thread(client.reject_call, "ctx")
    with (
        CallAutomationClient.from_connection_string(f"endpoint=//{server.url};accesskey={KEY}") as client,
        pytest.raises(ResourceNotFoundError),
    ):
        await in_thread(client.reject_call, "ctx")
    identity = CommunicationIdentityClient.from_connection_string(f"endpoint={server.url}/;accesskey={KEY}", **no_retry)
    with pytest.raises(ServiceRequestError):
        await in_thread(identity.create_user)
    assert server.asked == [("reject", 404)]


async def test_the_constructor_takes_http_of_this_machine(server: Server) -> None:
    """ep-002, ep-005, ep-006."""
    with server.client() as client, pytest.raises(ResourceNotFoundError):
        await in_thread(client.reject_call, "ctx")

    class Entra:
        def get_token(self, *_: str, **__: Any) -> AccessToken:
            return AccessToken("entra-token", 4_000_000_000)

    with CallAutomationClient(server.url, Entra()) as client, pytest.raises(Exception, match="non-TLS"):
        await in_thread(client.reject_call, "ctx")
    with (
        CallAutomationClient(server.url.replace("http", "HTTP"), AzureKeyCredential(KEY)) as client,
        pytest.raises(AttributeError, match="_host"),
    ):
        await in_thread(client.reject_call, "ctx")


async def test_identities(server: Server) -> None:
    """id-002."""
    client = CommunicationIdentityClient(server.url, AzureKeyCredential(KEY))
    user = await in_thread(client.create_user)
    token = await in_thread(client.get_token, user, ["voip"])
    request = server.last("issueAccessToken")
    assert request.path.endswith("/:issueAccessToken")
    assert request.path.startswith("/identities/8%3Aacs%3A")
    assert json.loads(request.body) == BY_ID["id-002"]["expect"]["body"]
    assert token.token
    await in_thread(client.revoke_tokens, user)
    await in_thread(client.delete_user, user)
    assert [status for _, status in server.asked] == [201, 200, 204, 204]


def hmac_vectors() -> set[str]:
    return {case["id"] for case in CASES if case["area"] == "acs.auth.hmac"}


@pytest.mark.parametrize("check", [hmac_006, hmac_007])
def test_a_signature_that_is_wrong(check: Callable[[], None]) -> None:
    check()


def test_every_signature_is_checked() -> None:
    assert {*SIGNED, "hmac-006", "hmac-007"} == hmac_vectors()


async def test_a_link_to_teams(server: Server) -> None:
    """PUT, GET and DELETE of an assignment; there is no SDK for Python."""
    path = "/access/teamsExtension/tenants/t1/assignments/o1"
    key, date = base64.b64decode(KEY), "Wed, 07 Jan 2026 10:20:30 GMT"

    async def ask(method: str, body: bytes = b"") -> tuple[int, bytes]:
        body_hash = content_hash(body)
        made = acs_wire.signature(key, method, path, date, "127.0.0.1", body_hash)
        head = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
        headers = {"x-ms-date": date, "host": "127.0.0.1", "x-ms-content-sha256": body_hash}
        reply = await server.resource.handle(Request(method, path, headers | {"authorization": head + made}, body))
        return reply.status, reply.body

    linked = (await ask("PUT", b'{"principalType": "teamsResourceAccount"}'))[1]
    assert json.loads(linked) == {"objectId": "o1", "tenantId": "t1", "principalType": "teamsResourceAccount"}
    assert await ask("GET") == (200, linked)
    assert (await ask("DELETE"))[0] == 204
    assert (await ask("GET"))[0] == 404
