"""The vectors `acs.rest.*`: what Microsoft's SDK sends for a call, what it takes for an answer, and when it tries
again; against the simulated resource.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from azure.communication.callautomation import (
    AudioFormat,
    AzureBlobContainerRecordingStorage,
    CommunicationUserIdentifier,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    MicrosoftTeamsAppIdentifier,
    PhoneNumberIdentifier,
    StreamingTransportType,
    TextSource,
)
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from dialtone.channels.acs import identifier
from dialtone.channels.acs_commands import MediaStreaming, Setup, create_call
from simulator.platforms.rest import Fault, Request
from tests.compliance.acs_server import Server, acs
from tests.compliance.test_acs_sdk import BY_ID, CASES, PHONE, ToSimulator, fetched, in_thread, latest, placed, ringing

Json = dict[str, Any]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with acs() as running:
        yield running


def sent(server: Server, name: str) -> Json:
    body: Json = json.loads(server.last(name).body)
    return body


def ids(server: Server, name: str) -> list[str]:
    """The Repeatability-Request-IDs that came with an operation."""
    return [
        request.headers.get("repeatability-request-id", "")
        for each, request, _ in server.resource.requests
        if each == name
    ]


async def rest_001(server: Server, given: Json, expect: Json) -> None:
    wanted = given["json"]
    options = MediaStreamingOptions(
        transport_url=wanted["mediaStreamingOptions"]["transportUrl"],
        transport_type=StreamingTransportType.WEBSOCKET,
        content_type=MediaStreamingContentType.AUDIO,
        audio_channel_type=MediaStreamingAudioChannelType.UNMIXED,
        start_media_streaming=True,
        enable_bidirectional=True,
        audio_format=AudioFormat.PCM24_K_MONO,
        enable_dtmf_tones=True,
    )
    context = await ringing(server)
    callback = f"{server.bot_url}/cb"
    with server.client() as client:
        answered = await in_thread(
            client.answer_call, context, callback, media_streaming=options, operation_context="greet"
        )
    call = latest(server)
    life = asyncio.create_task(call.run())
    for kind in expect["then_events"]:
        await server.event(kind)
    life.cancel()
    assert sent(server, "answer") == wanted | {"incomingCallContext": context, "callbackUri": callback}
    assert MediaStreaming("wss://media.example/ws/c1").wire() == wanted["mediaStreamingOptions"]
    assert answered.call_connection_state == expect["json_has"]["callConnectionState"]
    assert (answered.callback_url, answered.media_streaming_subscription.state) == (callback, "active")
    assert server.asked[-1] == ("answer", expect["status"])


async def rest_003(server: Server, given: Json, expect: Json) -> None:
    server.resource.settings.faults.append(Fault("answer", 503, applied=True))
    context = await ringing(server)
    with server.client(retry_backoff_factor=0.01) as client:
        answered = await in_thread(client.answer_call, context, f"{server.bot_url}/cb")
    first, second = ids(server, "answer")
    assert first == second != ""
    assert [status for name, status in server.asked if name == "answer"] == [503, expect["status"]]
    assert (answered.call_connection_id == latest(server).id) == expect["same_callConnectionId"]
    assert len(server.resource.calls) == 1


async def rest_004(server: Server, given: Json, expect: Json) -> None:
    with server.client() as client:
        source = PhoneNumberIdentifier(given["json"]["sourceCallerIdNumber"]["value"])
        target = PhoneNumberIdentifier("+15550142")
        await in_thread(client.create_call, target, f"{server.bot_url}/cb", source_caller_id_number=source)
    wanted = given["json"] | {"callbackUri": f"{server.bot_url}/cb"}
    assert sent(server, "create") == wanted
    ours = create_call(
        Setup(callback=wanted["callbackUri"], sounds=""), identifier("4:+15550142"), "", caller_id="+15550199"
    )
    assert {**ours, "operationContext": ""} == wanted | {"operationContext": ""}
    assert server.asked == [("create", expect["status"])]
    server.resource.settings.faults.append(Fault("create", 200))
    with server.client() as client, pytest.raises(HttpResponseError):
        await in_thread(client.create_call, PHONE, f"{server.bot_url}/cb", source_caller_id_number=source)


async def rest_005(server: Server, given: Json, expect: Json) -> None:
    app = given["json"]["teamsAppSource"]["appId"]
    with server.client() as client:
        properties = await in_thread(
            client.create_call,
            PhoneNumberIdentifier("+15550142"),
            f"{server.bot_url}/cb",
            teams_app_source=MicrosoftTeamsAppIdentifier(app),
        )
    assert sent(server, "create") == given["json"] | {"callbackUri": f"{server.bot_url}/cb"}
    assert properties.source.raw_id == expect["source_identity"]


async def rest_006(server: Server, given: Json, expect: Json) -> None:
    with server.client() as client:
        call = await placed(server, client)
        source = TextSource(text="Welcome", voice_name="en-US-AvaNeural")
        await in_thread(call.play_media, source, operation_context=expect["operationContext"])
        for kind in expect["then_events"]:
            await server.event(kind, expect["operationContext"])
    assert sent(server, "play") == given["json"]


async def rest_007(server: Server, given: Json, expect: Json) -> None:
    server.resource.settings.faults.append(Fault("play", given["apply_then_reply"], applied=True))
    with server.client(retry_backoff_factor=0.01) as client:
        call = await placed(server, client)
        await in_thread(call.play_media, TextSource(text="Hi"), operation_context="p-1")
        completed = 0
        async with asyncio.timeout(10):
            while completed < expect["prompt_played_times"]:
                completed = sum(event["type"].endswith(".PlayCompleted") for event in server.events)
                await asyncio.sleep(0.05)
    assert any(ids(server, "play")) == expect["repeatability_header"]
    contexts = {event["data"]["operationContext"] for event in server.events if event["type"].endswith("PlayCompleted")}
    assert contexts == {"p-1"}, "by which the kit knows that they are one"


async def rest_008(server: Server, given: Json, expect: Json) -> None:
    with server.client() as client:
        call = await placed(server, client)
        await in_thread(call.start_recognizing_media, "speech", PHONE, end_silence_timeout=2)
    assert sent(server, "recognize") == expect["json"]


async def rest_010(server: Server, given: Json, expect: Json) -> None:
    await hang_up(server, False, "hangUp", expect)


async def rest_011(server: Server, given: Json, expect: Json) -> None:
    request = await hang_up(server, True, "terminate", expect)
    assert request.body == b""
    assert ids(server, "terminate") != [""]


async def hang_up(server: Server, everyone: bool, name: str, expect: Json) -> Request:
    with server.client() as client:
        call = await placed(server, client)
        await in_thread(call.hang_up, everyone)
    request: Request = server.last(name)
    assert request.method == expect["method"]
    assert request.path == expect["target"].replace("c1", latest(server).id)
    assert server.asked[-1] == (name, expect["status"])
    return request


async def rest_015(server: Server, given: Json, expect: Json) -> None:
    server.resource.settings.faults.append(Fault("reject", given["POST_reply"]))
    with server.client() as client, pytest.raises(HttpResponseError):
        await in_thread(client.reject_call, "ctx")
    assert len(server.asked) == expect["attempts"]


async def rest_016(server: Server, given: Json, expect: Json) -> None:
    server.resource.settings.faults.append(Fault("create", given["POST_reply"], retry_after_s=1))
    with server.client() as client:
        await placed(server, client)
    assert len(ids(server, "create")) == expect["attempts"]
    assert (len(set(ids(server, "create"))) == 1) == expect["same_request_id"]


async def rest_018(server: Server, given: Json, expect: Json) -> None:
    with server.client() as client, pytest.raises(ResourceNotFoundError) as caught:
        await in_thread(client.get_call_connection("gone").get_call_properties)
    assert type(caught.value).__name__ == expect["exception"]
    assert caught.value.error is not None
    assert caught.value.error.code == expect["error.code"]


async def rest_019(server: Server, given: Json, expect: Json) -> None:
    with server.client() as client:
        await placed(server, client)
        sid = latest(server).server_call_id
        await in_thread(client.start_recording, server_call_id=sid)
    wanted = expect["json"] | {"callLocator": {"serverCallId": sid, "kind": "serverCallLocator"}}
    assert sent(server, "startRecording") == wanted
    assert server.asked[-1][1] in expect["status_in"]


async def rest_021(server: Server, given: Json, expect: Json) -> None:
    """What 1.5.0 sent is answered: a signature whose host is in x-ms-host, and a path that is no call's."""
    document = await recorded(server)
    request = await download(server, document, {})
    assert request.headers["x-ms-host"] == expect["header_x-ms-host"]
    assert server.asked[-1] == ("download", expect["status"])


async def rest_022(server: Server, given: Json, expect: Json) -> None:
    document = await recorded(server)
    request = await download(server, document, {"offset": given["offset"], "length": given["length"]})
    assert request.headers["range"] == expect["header_Range"]
    assert server.asked[-1] == ("download", expect["status"])


async def rest_023(server: Server, given: Json, expect: Json) -> None:
    document = await recorded(server)
    request = await download(server, document, {"offset": given["offset"], "length": given["length"]})
    assert request.headers.get("range") == expect["header_Range"]
    assert server.asked[-1] == ("download", 200)


async def recorded(server: Server) -> str:
    """The document of a recording."""
    with server.client() as client:
        call = await placed(server, client)
        await in_thread(client.start_recording, call_connection_id=latest(server).id)
        await asyncio.sleep(0.05)
        await in_thread(call.hang_up, True)
        told = await server.event("RecordingFileStatusUpdated")
    return str(told["recordingStorageInfo"]["recordingChunks"][0]["documentId"])


async def download(server: Server, document: str, options: Json) -> Request:
    with server.client(transport=ToSimulator(server.url)) as client:
        url = f"https://sim.asm.skype.com/v1/objects/{document}/content/video"
        await in_thread(fetched, client, url, **options)
    request: Request = server.last("download")
    return request


async def rest_024(server: Server, given: Json, expect: Json) -> None:
    user = CommunicationUserIdentifier("8:acs:u")
    with server.client() as client, pytest.raises(TypeError, match="unexpected keyword"):
        await in_thread(client.answer_call, "ctx", f"{server.bot_url}/cb", answered_by=user)
    assert server.asked == []


async def rest_025(server: Server, given: Json, expect: Json) -> None:
    for version in [*expect["api-version"], "2031-12-31-preview"]:
        with server.client(api_version=version) as client, pytest.raises(ResourceNotFoundError):
            await in_thread(client.reject_call, "ctx")
        assert server.last("reject").target.endswith(f"api-version={version}")


async def rest_026(server: Server, given: Json, expect: Json) -> None:
    storage = AzureBlobContainerRecordingStorage("https://account.blob.core.windows.net/recordings")
    with server.client() as client:
        await placed(server, client)
        await in_thread(client.start_recording, call_connection_id=latest(server).id, recording_storage=storage)
    kind = sent(server, "startRecording")["externalStorage"]["recordingStorageKind"]
    assert kind == expect["in 1.5.0+"]
    assert kind.casefold() == expect["recordingStorageKind"].casefold()


CHECKS: dict[str, Callable[..., Any]] = {
    name.replace("_", "-"): check for name, check in list(globals().items()) if name.startswith("rest_")
}


@pytest.mark.parametrize("number", sorted(CHECKS))
async def test_rest(number: str, server: Server) -> None:
    await CHECKS[number](server, BY_ID[number]["input"], BY_ID[number]["expect"])


def test_every_vector_is_checked() -> None:
    assert sorted(CHECKS) == sorted(case["id"] for case in CASES if case["area"].startswith("acs.rest"))
