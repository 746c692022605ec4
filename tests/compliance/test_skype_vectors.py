"""The vectors of the Skype Calling contract: `cases/skype.json`, cases with what must come of each.

A vector is checked here, or by another module (ELSEWHERE). None is left out. A value `{"$repeat": ["x", n]}` stands for
a text of n characters.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dialtone import Call, CallBot
from dialtone.channels import skype
from dialtone.errors import BadMessage
from dialtone.media import frames
from dialtone.protocol import (
    AUDIO_TYPES,
    Answer,
    CallStateChange,
    ContractViolation,
    Conversation,
    ConversationResult,
    MediaWorkflow,
    Notification,
    PlayPrompt,
    Recognize,
    RecognizeOutcome,
    RecordingFormat,
    RosterUpdate,
    Transfer,
    VideoSubscription,
    Workflow,
    WorkflowValidationOutcome,
    read_notification,
    rules,
)
from tests.functions.rig import HUNG_UP, RECORDED, Rig, conversation, result, with_audio
from tests.simulator.fake_bot import ANSWER, HANGUP, choose, of_kind, ring, running_bot, say

Json = dict[str, Any]
CASES: list[Json] = json.loads((Path(__file__).parent / "cases" / "skype.json").read_text(encoding="utf-8"))
BY_ID = {case["id"]: case for case in CASES}

ELSEWHERE = {
    "auth": "test_skype_auth.py",
    "node-session": "test_node_vectors.py",
    "node-prompts": "test_node_vectors.py",
    "node-dialogs": "test_node_vectors.py",
}
"""Areas of vectors that another module of this folder checks."""

KINDS = {
    "conversation",
    "conversationResult",
    "workflow",
    "notification",
    "rtmWorkflow",
    "rtmWorkflowAfterAnswer",
    "videoSubscription",
}
MESSAGES = [case["id"] for case in CASES if case["area"] not in ELSEWHERE and case["input"].get("kind") in KINDS]
FRAMES = [case["id"] for case in CASES if case["area"] == "rtm" and "kind" not in case["input"]]
TRANSPORT = [case["id"] for case in CASES if case["area"] == "transport"]


def expanded(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"$repeat"}:
            text, count = value["$repeat"]
            return text * count
        return {name: expanded(member) for name, member in value.items()}
    return [expanded(member) for member in value] if isinstance(value, list) else value


Message = Conversation | ConversationResult | Workflow | Notification | MediaWorkflow | VideoSubscription


def read(kind: str, data: Json) -> Message:
    if kind == "conversation":
        conversation = Conversation.from_wire(data)
        rules.check_conversation(conversation)
        return conversation
    if kind == "conversationResult":
        result = ConversationResult.from_wire(data)
        rules.check_result(result)
        return result
    if kind == "workflow":
        workflow = Workflow.from_wire(data)
        rules.check_workflow(workflow)
        return workflow
    if kind.startswith("rtmWorkflow"):
        media = MediaWorkflow.from_wire(data)
        rules.check_media_workflow(media, answered=kind == "rtmWorkflowAfterAnswer")
        return media
    if kind == "videoSubscription":
        subscription = VideoSubscription.from_wire(data)
        rules.check_action(subscription)
        return subscription
    notification = read_notification(data)
    rules.check_notification(notification)
    return notification


def of_conversation(message: Conversation) -> Json:
    return {
        "caller": message.caller and message.caller.identity,
        "bot": message.bot and message.bot.identity,
        "group": message.is_multiparty,
        "modalities": message.presented_modality_types,
        "state": message.call_state,
    }


def of_result(message: ConversationResult) -> Json:
    outcome = message.operation_outcome
    said: Json = {"operation": outcome.id, "ok": outcome.succeeded, "state": message.call_state}
    if isinstance(outcome, WorkflowValidationOutcome):
        said["type"] = "workflow validation failed; no action of the workflow was run"
    if isinstance(outcome, RecognizeOutcome) and outcome.collect_digits_outcome:
        said["digits"] = outcome.collect_digits_outcome.digits
    return said


def of_workflow(message: Workflow) -> Json:
    said: Json = {}
    for action in message.actions:
        if isinstance(action, Answer):
            said["accept"] = action.accepted
        elif isinstance(action, PlayPrompt):
            said["play"] = [
                part
                for prompt in action.prompts
                for part in (
                    f"{(prompt.silence_length_in_milliseconds or 0) // 1000} s silence",
                    f"text {prompt.value}",
                )
            ]
        elif isinstance(action, Recognize):
            for choice in action.choices or ():
                selectors = [choice.dtmf_variation, *(choice.speech_variation or ())]
                said |= {selector: choice.name for selector in selectors if selector}
        elif isinstance(action, Transfer) and action.replaces_context is None:
            said["mode"] = "attended, because replacesContext is absent"
    return said


def of_notification(message: Notification) -> Json:
    if isinstance(message, CallStateChange):
        return {"state": message.current_state, "code": message.state_change_code}
    assert isinstance(message, RosterUpdate)
    return {
        member.identity: {
            str(member.media_type): member.media_stream_direction,
            "streamId": int(member.media_stream_id or -1),
        }
        for member in message.participants
    }


def meaning_of(message: Message) -> Json:
    if isinstance(message, Conversation):
        return of_conversation(message)
    if isinstance(message, ConversationResult):
        return of_result(message)
    if isinstance(message, Workflow):
        return of_workflow(message)
    assert isinstance(message, Notification)
    return of_notification(message)


@pytest.mark.parametrize("number", MESSAGES)
def test_message(number: str) -> None:
    case = expanded(BY_ID[number])
    expect = case["expect"]
    try:
        message = read(case["input"]["kind"], case["input"]["json"])
    except ContractViolation as violation:
        found: Json = {"accepted": False, "stage": violation.stage, "code": violation.code}
        assert found == {name: value for name, value in expect.items() if name != "note"}
        return
    assert expect["accepted"] is True
    if case["area"] == "rtm":
        # What is left of its meaning is how a bot with media of its own sends it, which the kit is not.
        assert message.to_wire() == case["input"]["json"]
        return
    meaning = meaning_of(message)
    assert {name: meaning.get(name) for name in expect.get("meaning", {})} == expect.get("meaning", {})


@pytest.mark.parametrize("number", [number for number in MESSAGES if BY_ID[number]["expect"]["accepted"]])
def test_an_accepted_message_is_written_as_it_was_read(number: str) -> None:
    data = expanded(BY_ID[number])["input"]["json"]
    written = read(BY_ID[number]["input"]["kind"], data).to_wire()
    if "participants" in data and "presentedModalityTypes" in data:
        data = {"isMultiparty": False} | data
    assert written == data


def test_audio_frames() -> None:
    given, expect = BY_ID["M11"]["input"], BY_ID["M11"]["expect"]
    form, length = frames.AudioFormat(given["format"]), given["frameMs"]
    assert length == frames.FRAME_MS
    assert {
        "bytes": frames.frame_bytes(form, length),
        "samples": frames.frame_samples(form, length),
        "ticks100ns": frames.ticks(length),
        "framesPerSecond": frames.FRAMES_PER_SECOND,
    } == expect


def test_video_frames() -> None:
    given, expect = BY_ID["M12"]["input"], BY_ID["M12"]["expect"]
    size = given["width"], given["height"]
    assert {color: frames.picture_bytes(*size, frames.ColorFormat(color)) for color in given["formats"]} == expect[
        "bytes"
    ]


bot = CallBot()


@bot.incoming
async def voicemail(call: Call) -> None:
    await call.record("Speak.")
    call.say("Thank you.")


def multipart(number: str, boundary: str = "b1") -> bytes:
    """The body that a transport vector describes in words."""
    given = BY_ID[number]["input"]
    outcome: Json = {"type": "recordOutcome", "id": "0-0", "outcome": "success", "completionReason": "callTerminated"}
    outcome |= {"lengthOfRecordingInSecs": 1}
    message = {"id": "call-7", "callState": "established", "operationOutcome": outcome}
    bodies = {"ConversationResult JSON": json.dumps(message), "bytes": "sound"}
    lines = []
    for part in given["parts"]:
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{part["name"]}"']
        lines += [f"Content-Type: {part['contentType']}", "", bodies[part["body"]]]
    return "\r\n".join([*lines, f"--{boundary}--", ""]).encode()


def refusal(content_type: str, body: bytes) -> int:
    with pytest.raises(BadMessage) as caught:
        skype.parse({"content-type": content_type}, body)
    return caught.value.http_status


async def recording_callback() -> None:
    case = BY_ID["X01"]
    incoming = skype.parse({"content-type": case["input"]["contentType"]}, multipart("X01"))
    assert isinstance(incoming.message, ConversationResult)
    assert bytes(incoming.audio or b"") == b"sound"
    rig = Rig(bot)
    asked = await rig.post(conversation(), message_id="m0")
    body, kind = with_audio(result(asked, RECORDED), b"sound")
    reply = await rig.post(body, message_id="m1", content_type=kind)
    assert reply.status == case["expect"]["replyStatus"]


async def media_types() -> None:
    kinds = {form: AUDIO_TYPES[RecordingFormat(form)] for form in BY_ID["X02"]["input"]["formats"]}
    assert kinds == BY_ID["X02"]["expect"]


async def without_json_part() -> None:
    head = 'Content-Disposition: form-data; name="recordedAudio"\r\nContent-Type: audio/wav'
    body = f"--b1\r\n{head}\r\n\r\nsound\r\n--b1--\r\n".encode()
    assert refusal("multipart/form-data; boundary=b1", body) == BY_ID["X03"]["expect"]["replyStatus"]


async def without_body() -> None:
    assert refusal(skype.CONTENT_TYPE, b"") == BY_ID["X04"]["expect"]["replyStatus"]


async def not_a_conversation() -> None:
    body = json.dumps(BY_ID["X05"]["input"]["body"]).encode()
    assert refusal(skype.CONTENT_TYPE, body) == BY_ID["X05"]["expect"]["preferred"]


async def nothing_to_say() -> None:
    expect = BY_ID["X06"]["expect"]
    assert skype.render([], callback="https://bot.test/", app_state="s") == expect["body"].encode()
    rig = Rig(bot)
    asked = await rig.post(conversation(), message_id="m0")
    body, kind = with_audio(result(asked, RECORDED), b"sound")
    thanks = await rig.post(body, message_id="m1", content_type=kind)
    end = await rig.post(result(thanks, HUNG_UP, state="terminated"), message_id="m2")
    assert (end.status, end.body) == (expect["replyStatus"], expect["body"].encode())


async def platform_retry() -> None:
    given = BY_ID["X08"]["input"]
    async with running_bot() as peer:
        workflow = [ANSWER, say("Hello."), choose("Which?")]
        assert given["thenBotReply"] == 200, "what a workflow is replied with"
        peer.replies = [given["botReply"], workflow, [HANGUP]]
        report = await ring(peer, '  - hear: Which\n  - press: "1"\n')
        assert report.ok
        first, second, later, *_ = [
            (request.headers["X-Microsoft-Skype-Message-ID"], request.headers["X-Microsoft-Skype-Chain-ID"])
            for request in peer.requests
        ]
    assert first == second
    assert later[0] != first[0]
    assert later[1] == first[1]


async def all_retries_fail() -> None:
    assert BY_ID["X09"]["input"]["botReply"] == "always 500"
    async with running_bot() as peer:
        peer.replies = [[ANSWER, choose("Which?")], *[500] * 50]
        report = await ring(peer, '  - hear: Which\n  - press: "1"\n')
        assert len({request.headers["X-Microsoft-Skype-Message-ID"] for request in peer.requests[1:]}) == 1
        assert len(peer.requests) > 2
    (ended,) = of_kind(report, "call.ended")
    assert ended["by"] == "platform"


async def large_recording() -> None:
    case = BY_ID["X10"]
    sound = bytes(range(256)) * (case["input"]["audioBytes"] // 256)
    rig = Rig(bot)
    asked = await rig.post(conversation(), message_id="m0")
    body, kind = with_audio(result(asked, RECORDED), sound)
    await rig.post(body, message_id="m1", content_type=kind)
    (stored,) = await rig.storage.recordings.list()
    assert stored.size == case["expect"]["storedBytes"]
    assert await rig.storage.recordings.read(stored.path) == sound


CHECKS: dict[str, Callable[[], Any]] = {
    "X01": recording_callback,
    "X02": media_types,
    "X03": without_json_part,
    "X04": without_body,
    "X05": not_a_conversation,
    "X06": nothing_to_say,
    "X08": platform_retry,
    "X09": all_retries_fail,
    "X10": large_recording,
}


@pytest.mark.parametrize("number", TRANSPORT)
async def test_transport(number: str) -> None:
    await CHECKS[number]()


def test_every_vector_is_checked() -> None:
    elsewhere = [case["id"] for case in CASES if case["area"] in ELSEWHERE]
    assert sorted([*MESSAGES, *FRAMES, *TRANSPORT, *elsewhere]) == sorted(BY_ID)
    assert FRAMES == ["M11", "M12"]
    assert len(BY_ID) == len(CASES) == 124
    assert CHECKS.keys() == set(TRANSPORT)
    assert {case["area"] for case in CASES} >= ELSEWHERE.keys()
    assert all((Path(__file__).parent / module).is_file() for module in ELSEWHERE.values())
