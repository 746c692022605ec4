"""Each rule of `dialtone.protocol.rules`, by its number there: a message on the legal side of it, and one beyond."""

import re
from typing import Any, NamedTuple

import pytest

from dialtone.protocol import (
    ACTIONS,
    COMMANDS,
    MEDIA_ACTIONS,
    OUTCOMES,
    Action,
    AnswerAppHostedMedia,
    ContractViolation,
    Conversation,
    ConversationResult,
    JoinCallAppHostedMedia,
    MediaWorkflow,
    PlaceCall,
    VideoSubscription,
    Workflow,
    read_action,
    read_notification,
    rules,
)

Json = dict[str, Any]
ANSWER: Json = {"operationId": "a", "action": "answer"}
REJECT: Json = {"operationId": "x", "action": "reject"}
HANGUP: Json = {"operationId": "h", "action": "hangup"}
RECORD: Json = {"operationId": "r", "action": "record"}
KEY_1: Json = {"name": "one", "dtmfVariation": "1"}
CHOOSE: Json = {"operationId": "g", "action": "recognize", "choices": [KEY_1]}
DIGITS: Json = {"operationId": "d", "action": "recognize", "collectDigits": {"maxNumberOfDtmfs": 4}}
TRANSFER: Json = {"operationId": "t", "action": "transfer", "target": {"identity": "8:desk", "originator": False}}
PLACE: Json = {
    "operationId": "c",
    "action": "placeCall",
    "source": {"identity": "28:bot", "originator": True},
    "target": {"identity": "8:nora", "originator": False},
    "appId": "app",
}
ADD: Json = TRANSFER | {"action": "addParticipant"}
SEND: Json = TRANSFER | {"action": "sendDtmf", "tones": "1"}
HOLD: Json = TRANSFER | {"action": "hold"}
START: Json = {"operationId": "r", "action": "startRecording"}
LINKS: Json = {"callback": "https://bot.test/calls"}
CALL: Json = {
    "id": "call-7",
    "participants": [{"identity": "8:nora", "originator": True}],
    "presentedModalityTypes": ["audio"],
    "callState": "incoming",
}


def play(*prompts: Json) -> Json:
    return {"operationId": "p", "action": "playPrompt", "prompts": list(prompts)}


SAY = play({"value": "One"})


def choices(*given: Json) -> Json:
    return CHOOSE | {"choices": list(given)}


def keys(count: int) -> list[Json]:
    return [{"name": key, "dtmfVariation": key} for key in "0123456789*#ABCD"[:count]]


def collect(**members: Any) -> Json:
    return DIGITS | {"collectDigits": members}


def target(identity: str, originator: bool = False) -> Json:
    return TRANSFER | {"target": {"identity": identity, "originator": originator}}


class Case(NamedTuple):
    rule: int
    legal: Any
    illegal: Any
    code: str
    field: str | None


CONVERSATIONS = [
    Case(1, {}, {"participants": []}, "PARTICIPANTS_EMPTY", "participants"),
    Case(
        1,
        {"participants": [{"identity": "8:a", "originator": False}] * 2},
        {"participants": [{"identity": "8:a", "originator": True}, {"identity": " \t", "originator": False}]},
        "PARTICIPANT_BLANK",
        "participants.1.identity",
    ),
    Case(1, {"id": "c"}, {"id": " "}, "ID_BLANK", "id"),
    Case(20, {"appState": "x" * 1024}, {"appState": "x" * 1025}, "APPSTATE_TOO_LONG", "appState"),
    Case(2, {"isMultiparty": True, "threadId": "19:t"}, {"isMultiparty": True}, "THREAD_ID_REQUIRED", "threadId"),
    Case(2, {"isMultiparty": False}, {"isMultiparty": True, "threadId": " "}, "THREAD_ID_REQUIRED", "threadId"),
    Case(
        3,
        {"presentedModalityTypes": ["smell"]},
        {"presentedModalityTypes": []},
        "MODALITIES_EMPTY",
        "presentedModalityTypes",
    ),
]

ACTION_LISTS = [
    Case(4, [HANGUP], [], "ACTIONS_EMPTY", "actions"),
    Case(5, [REJECT], [ANSWER, REJECT], "ACTION_NOT_ALONE", "actions.1"),
    Case(5, [REJECT], [REJECT, SAY], "ACTION_NOT_ALONE", "actions.0"),
    Case(6, [ANSWER, SAY], [ANSWER, play()], "PROMPTS_EMPTY", "actions.1.prompts"),
    Case(6, [ANSWER, SAY, HANGUP], [SAY, ANSWER, play()], "PROMPTS_EMPTY", "actions.2.prompts"),
    Case(7, [ANSWER, SAY, HANGUP], [SAY, ANSWER], "ACTION_ORDER", "actions.1"),
    Case(7, [ANSWER, TRANSFER, RECORD, CHOOSE, SAY, HANGUP], [ANSWER, HANGUP, SAY], "ACTION_ORDER", "actions.2"),
    Case(7, [SAY, SAY, SAY], [ANSWER, ANSWER], "ACTION_DUPLICATE", "actions.1"),
    Case(7, [RECORD, CHOOSE], [CHOOSE, SAY, DIGITS], "ACTION_DUPLICATE", "actions.2"),
    Case(7, [HANGUP], [HANGUP, HANGUP], "ACTION_DUPLICATE", "actions.1"),
    Case(7, [HANGUP], [ANSWER, PLACE], "ACTION_WITHOUT_RANK", "actions.1"),
    Case(9, [HANGUP], [HANGUP | {"action": "Hangup"}], "ACTION_NAME", "actions.0.action"),
    Case(9, [HANGUP], [HANGUP | {"operationId": " "}], "OPERATION_ID_BLANK", "actions.0.operationId"),
    Case(
        10,
        [ANSWER | {"acceptModalityTypes": []}],
        [ANSWER | {"acceptModalityTypes": ["audio", "smell"]}],
        "MODALITY_UNKNOWN",
        "actions.0.acceptModalityTypes",
    ),
    Case(
        10,
        [ANSWER | {"acceptModalityTypes": ["audio", "video"]}],
        [ANSWER | {"acceptModalityTypes": ["videoBasedScreenSharing"]}],
        "MODALITY_SCREENSHARE",
        "actions.0.acceptModalityTypes",
    ),
    Case(
        10,
        [ANSWER],
        [ANSWER | {"acceptModalityTypes": ["audio", "Audio"]}],
        "MODALITY_DUPLICATE",
        "actions.0.acceptModalityTypes",
    ),
    Case(11, [play({"value": "One"})], [play()], "PROMPTS_EMPTY", "actions.0.prompts"),
    Case(
        12,
        [play({"value": " ", "fileUri": "https://bot.test/a.wav"})],
        [SAY, play({"value": "One"}, {"value": "Two", "fileUri": "https://bot.test/a.wav"})],
        "PROMPT_TEXT_AND_FILE",
        "actions.1.prompts.1.value",
    ),
    Case(
        12,
        [play({"value": "x" * 2048})],
        [play({"value": "x" * 2049})],
        "PROMPT_TEXT_TOO_LONG",
        "actions.0.prompts.0.value",
    ),
    Case(
        12,
        [play({"silenceLengthInMilliseconds": 60_000})],
        [play({"value": "One", "silenceLengthInMilliseconds": 60_001})],
        "PROMPT_SILENCE_RANGE",
        "actions.0.prompts.0.silenceLengthInMilliseconds",
    ),
    Case(
        12,
        [play({"value": "One", "silenceLengthInMilliseconds": 0})],
        [play({"value": "One", "silenceLengthInMilliseconds": -1})],
        "PROMPT_SILENCE_RANGE",
        "actions.0.prompts.0.silenceLengthInMilliseconds",
    ),
    Case(
        12,
        [play({"silenceLengthInMilliseconds": 1})],
        [play({"value": "\n", "silenceLengthInMilliseconds": 0})],
        "PROMPT_EMPTY",
        "actions.0.prompts.0.value",
    ),
    Case(
        12,
        [play({"value": "One", "culture": "EN-us"})],
        [play({"value": "Un", "culture": "fr-FR"})],
        "PROMPT_CULTURE",
        "actions.0.prompts.0.culture",
    ),
    *[
        Case(13, [RECORD | {name: legal}], [RECORD | {name: illegal}], code, f"actions.0.{name}")
        for name, legal, illegal, code in [
            ("maxDurationInSeconds", 2, 1.99, "RECORD_DURATION_RANGE"),
            ("maxDurationInSeconds", 600, 600.5, "RECORD_DURATION_RANGE"),
            ("initialSilenceTimeoutInSeconds", 1, 0.9, "INITIAL_SILENCE_RANGE"),
            ("initialSilenceTimeoutInSeconds", 30, 31, "INITIAL_SILENCE_RANGE"),
            ("maxSilenceTimeoutInSeconds", 0, -0.1, "RECORD_SILENCE_RANGE"),
            ("maxSilenceTimeoutInSeconds", 30, 30.1, "RECORD_SILENCE_RANGE"),
            ("recordingFormat", "mp3", "ogg", "RECORDING_FORMAT_UNKNOWN"),
        ]
    ],
    Case(
        13,
        [RECORD | {"playPrompt": SAY}],
        [RECORD | {"playPrompt": play({"value": "One"}, {})}],
        "PROMPT_EMPTY",
        "actions.0.playPrompt.prompts.1.value",
    ),
    Case(
        13,
        [RECORD | {"playPrompt": SAY}],
        [RECORD | {"playPrompt": SAY | {"operationId": ""}}],
        "OPERATION_ID_BLANK",
        "actions.0.playPrompt.operationId",
    ),
    *[
        Case(14, [CHOOSE | {name: legal}], [CHOOSE | {name: illegal}], code, f"actions.0.{name}")
        for name, legal, illegal, code in [
            ("initialSilenceTimeoutInSeconds", 1, 0, "INITIAL_SILENCE_RANGE"),
            ("initialSilenceTimeoutInSeconds", 30, 30.01, "INITIAL_SILENCE_RANGE"),
            ("interdigitTimeoutInSeconds", 1, 0.99, "INTERDIGIT_RANGE"),
            ("interdigitTimeoutInSeconds", 5, 5.01, "INTERDIGIT_RANGE"),
            ("culture", "en-US", "en", "RECOGNIZE_CULTURE"),
        ]
    ],
    Case(
        14,
        [CHOOSE | {"playPrompt": SAY}],
        [CHOOSE | {"playPrompt": SAY | {"action": "record"}}],
        "ACTION_NAME",
        "actions.0.playPrompt.action",
    ),
    Case(15, [CHOOSE], [CHOOSE | {"choices": None}], "CHOICES_XOR_DIGITS", "actions.0.choices"),
    Case(15, [DIGITS], [DIGITS | {"choices": [KEY_1]}], "CHOICES_XOR_DIGITS", "actions.0.choices"),
    Case(16, [choices(*keys(16))], [choices()], "CHOICES_EMPTY", "actions.0.choices"),
    Case(
        16, [choices(KEY_1)], [choices(KEY_1, KEY_1 | {"name": " "})], "CHOICE_NAME_BLANK", "actions.0.choices.1.name"
    ),
    Case(
        16,
        [choices({"name": "a", "speechVariation": ["a"]})],
        [choices(KEY_1, {"name": "a", "speechVariation": []})],
        "CHOICE_EMPTY",
        "actions.0.choices.1",
    ),
    Case(
        16,
        [choices({"name": "a", "speechVariation": list("abcde")})],
        [choices({"name": "a", "speechVariation": list("abcdef")})],
        "CHOICE_SPEECH_TOO_MANY",
        "actions.0.choices.0.speechVariation",
    ),
    Case(
        16,
        [choices({"name": "a", "speechVariation": ["a", "A"]})],
        [choices({"name": "a", "speechVariation": ["a", " "]})],
        "CHOICE_SPEECH_BLANK",
        "actions.0.choices.0.speechVariation",
    ),
    Case(
        16,
        [choices(KEY_1, KEY_1 | {"dtmfVariation": "2"})],
        [choices(KEY_1, KEY_1 | {"name": "other"})],
        "CHOICE_DTMF_DUPLICATE",
        "actions.0.choices",
    ),
    Case(
        16,
        [choices({"name": "a", "speechVariation": ["go"]}, {"name": "b", "speechVariation": ["Go"]})],
        [choices({"name": "a", "speechVariation": ["go"]}, {"name": "b", "speechVariation": ["stop", "go"]})],
        "CHOICE_SPEECH_DUPLICATE",
        "actions.0.choices",
    ),
    Case(17, [collect(stopTones=["#"])], [collect(stopTones=[])], "DIGITS_NO_LIMIT", "actions.0.collectDigits"),
    *[
        Case(
            17,
            [collect(maxNumberOfDtmfs=legal, stopTones=[])],
            [collect(maxNumberOfDtmfs=illegal, stopTones=["#"])],
            "DIGITS_MAX_RANGE",
            "actions.0.collectDigits.maxNumberOfDtmfs",
        )
        for legal, illegal in [(1, 0), (20, 21), (20, -1)]
    ],
    Case(
        18,
        [RECORD | {"stopTones": ["A", "B", "C", "D", "*"]}],
        [RECORD | {"stopTones": list("123456")}],
        "DTMF_LIST_TOO_LONG",
        "actions.0.stopTones",
    ),
    Case(18, [RECORD], [RECORD | {"stopTones": []}], "DTMF_LIST_EMPTY", "actions.0.stopTones"),
    Case(
        18, [RECORD | {"stopTones": ["#"]}], [RECORD | {"stopTones": ["#", "a"]}], "DTMF_INVALID", "actions.0.stopTones"
    ),
    Case(
        18,
        [collect(stopTones=list("01234"))],
        [collect(stopTones=list("012345"))],
        "DTMF_LIST_TOO_LONG",
        "actions.0.collectDigits.stopTones",
    ),
    Case(
        18,
        [choices({"name": "a", "dtmfVariation": "D"})],
        [choices({"name": "a", "dtmfVariation": "12"})],
        "DTMF_INVALID",
        "actions.0.choices.0.dtmfVariation",
    ),
    Case(19, [target("29:1x")], [target("4:+15550100")], "TRANSFER_TARGET_KIND", "actions.0.target.identity"),
    Case(19, [target("8:x")], [target("8:x", True)], "TRANSFER_TARGET_ORIGINATOR", "actions.0.target.originator"),
]

ENVELOPES = [
    Case(8, {}, {"links": {"callback": "/calls"}}, "CALLBACK_NOT_ABSOLUTE", "links.callback"),
    Case(8, {}, {"links": {"callback": "//bot.test/calls"}}, "CALLBACK_NOT_ABSOLUTE", "links.callback"),
    Case(8, {}, {"links": {"callback": "https://[::1"}}, "CALLBACK_NOT_ABSOLUTE", "links.callback"),
    Case(
        8,
        {"links": {"callback": "HTTPS://bot.test:8443/a?b"}},
        {"links": {"callback": "http://bot.test/"}},
        "CALLBACK_NOT_HTTPS",
        "links.callback",
    ),
    Case(
        8,
        {"links": {"callback": "https://127.0.0.1/"}},
        {"links": {"callback": "http://127.0.0.1/"}},
        "CALLBACK_NOT_HTTPS",
        "links.callback",
    ),
    Case(8, {"appState": "x" * 1024}, {"appState": "x" * 1025}, "APPSTATE_TOO_LONG", "appState"),
    Case(
        8,
        {
            "links": LINKS | {"notification": "https://bot.test/n"},
            "notificationSubscriptions": ["callStateChange"],
        },
        {"links": LINKS | {"notification": "https://bot.test/n"}, "notificationSubscriptions": []},
        "NOTIFICATION_WITHOUT_SUBSCRIPTION",
        "links.notification",
    ),
    Case(
        8, {"links": None}, {"links": LINKS | {"notification": "n"}}, "NOTIFICATION_NOT_ABSOLUTE", "links.notification"
    ),
]


def recorded(**members: Any) -> Json:
    return {"type": "recordOutcome", "id": "r", "outcome": "success", "completionReason": "unknown"} | members


def recognized(**members: Any) -> Json:
    return {"type": "recognizeOutcome", "id": "g", "outcome": "success"} | members


CHOSEN = {"completionReason": "dtmfOptionMatched", "choiceName": "one"}
DIALLED = {"completionReason": "interdigitTimeout", "digits": "123456"}

RECOGNIZED: list[tuple[Json, Json, str, str]] = [
    ({"choiceOutcome": CHOSEN}, {}, "CHOICE_XOR_DIGITS_OUTCOME", "operationOutcome"),
    (
        {"collectDigitsOutcome": DIALLED},
        {"choiceOutcome": CHOSEN, "collectDigitsOutcome": DIALLED},
        "CHOICE_XOR_DIGITS_OUTCOME",
        "operationOutcome",
    ),
    (
        {"choiceOutcome": CHOSEN},
        {"choiceOutcome": CHOSEN | {"choiceName": " "}},
        "CHOICE_NAME_MISSING",
        "operationOutcome.choiceOutcome.choiceName",
    ),
    (
        {"collectDigitsOutcome": DIALLED | {"digits": "1" * 20}},
        {"collectDigitsOutcome": {"completionReason": "interdigitTimeout"}},
        "DIGITS_MISSING",
        "operationOutcome.collectDigitsOutcome.digits",
    ),
    (
        {"outcome": "failure", "choiceOutcome": {"completionReason": "incorrectDtmf"}},
        {"outcome": "success", "choiceOutcome": {"completionReason": "incorrectDtmf"}},
        "CHOICE_NAME_MISSING",
        "operationOutcome.choiceOutcome.choiceName",
    ),
]

PLACED = {"type": "placeCallOutcome", "id": "c", "outcome": "success"}
OUTCOME_CASES = [
    Case(20, {"id": "c"}, {"id": ""}, "ID_BLANK", "id"),
    Case(20, {"appState": "x" * 1024}, {"appState": "x" * 1025}, "APPSTATE_TOO_LONG", "appState"),
    Case(
        20,
        {"operationOutcome": recognized(outcome="failure")},
        {"operationOutcome": recognized(id=" ", outcome="failure")},
        "OPERATION_ID_BLANK",
        "operationOutcome.id",
    ),
    *[
        Case(
            21,
            {"operationOutcome": recorded(outcome=outcome, lengthOfRecordingInSecs=legal)},
            {"operationOutcome": recorded(outcome=outcome, lengthOfRecordingInSecs=illegal)},
            "RECORD_LENGTH_VS_OUTCOME",
            "operationOutcome.lengthOfRecordingInSecs",
        )
        for outcome, legal, illegal in [("success", 0.001, 0), ("failure", 0, 0.5), ("partial", -1, 1)]
    ],
    Case(
        28,
        {"operationOutcome": PLACED | {"acceptedModalityTypes": ["audio"]}},
        {"operationOutcome": PLACED},
        "MODALITIES_EMPTY",
        "operationOutcome.acceptedModalityTypes",
    ),
    Case(
        28,
        {"operationOutcome": PLACED | {"outcome": "failure"}},
        {"operationOutcome": PLACED | {"acceptedModalityTypes": []}},
        "MODALITIES_EMPTY",
        "operationOutcome.acceptedModalityTypes",
    ),
    *[
        Case(22, {"operationOutcome": recognized(**legal)}, {"operationOutcome": recognized(**illegal)}, code, field)
        for legal, illegal, code, field in RECOGNIZED
    ],
]

ROSTER: Json = {"identity": "8:nora", "mediaType": "audio", "mediaStreamDirection": "sendrecv"}
NOTIFICATIONS = [
    Case(23, {"participants": [ROSTER]}, {"participants": []}, "PARTICIPANTS_EMPTY", "participants"),
    Case(23, {"participants": [ROSTER]}, {"participants": [ROSTER], "id": ""}, "ID_BLANK", "id"),
    *[
        Case(
            23,
            {"participants": [ROSTER] * 2, "appState": "s"},
            {"participants": [ROSTER, ROSTER | {name: " "}]},
            code,
            f"participants.1.{name}",
        )
        for name, code in [("identity", "PARTICIPANT_BLANK"), ("mediaStreamDirection", "DIRECTION_BLANK")]
    ],
    Case(
        20,
        {"participants": [ROSTER], "appState": "x" * 1024},
        {"participants": [ROSTER], "appState": "x" * 1025},
        "APPSTATE_TOO_LONG",
        "appState",
    ),
]


MEDIA: Json = {"operationId": "m", "action": "answerAppHostedMedia", "mediaConfiguration": {"callId": "c"}}
JOIN: Json = MEDIA | {"action": "joinCallAppHostedMedia", "joinToken": "t"}
MEETING = {"threadId": "19:t", "messageId": "1", "organizerId": "o", "tenantId": "d"}
VIDEO: Json = {
    "operationId": "v",
    "action": "videoSubscription",
    "socketId": 0,
    "participantIdentity": "8:nora",
    "videoModality": "video",
}
FRAME = len('{\n  "blob": ""\n}')


def blob(length: int) -> Json:
    return {"mediaConfiguration": {"blob": "ü" * (length - FRAME)}}


class MediaReply(NamedTuple):
    actions: list[Json] | None
    answered: bool = False


MEDIA_WORKFLOWS = [
    Case(24, MediaReply([MEDIA]), MediaReply([]), "ACTIONS_EMPTY", "actions"),
    Case(24, MediaReply([JOIN]), MediaReply(None), "ACTIONS_EMPTY", "actions"),
    Case(24, MediaReply([MEDIA]), MediaReply([MEDIA, MEDIA]), "ACTION_NOT_ALONE", "actions.0"),
    Case(24, MediaReply(None, True), MediaReply([MEDIA], True), "ACTIONS_NOT_EMPTY", "actions"),
    Case(
        25,
        MediaReply([MEDIA | blob(1024)]),
        MediaReply([MEDIA | blob(1025)]),
        "MEDIA_CONFIG_TOO_LONG",
        "actions.0.mediaConfiguration",
    ),
]
SINGLE_ACTIONS = [
    Case(25, JOIN | blob(1024), JOIN | blob(1025), "MEDIA_CONFIG_TOO_LONG", "mediaConfiguration"),
    Case(26, JOIN, JOIN | {"meetingInfo": MEETING}, "JOIN_TOKEN_XOR_MEETING", "joinToken"),
    Case(26, JOIN | {"joinToken": None, "meetingInfo": MEETING}, JOIN | {"joinToken": " "}, "JOIN_TOKEN_BLANK", None),
    Case(
        26,
        JOIN | {"source": {"identity": "28:bot", "displayName": "Bot"}},
        JOIN | {"source": {"identity": ""}},
        "PARTICIPANT_BLANK",
        "source.identity",
    ),
    Case(27, VIDEO | {"socketId": 9}, VIDEO | {"socketId": 10}, "VIDEO_SOCKET_RANGE", "socketId"),
    Case(27, VIDEO, VIDEO | {"socketId": -1}, "VIDEO_SOCKET_RANGE", "socketId"),
    Case(27, VIDEO, VIDEO | {"participantIdentity": " "}, "PARTICIPANT_BLANK", "participantIdentity"),
    Case(27, VIDEO, VIDEO | {"videoModality": "audio"}, "VIDEO_MODALITY_AUDIO", "videoModality"),
    *[
        Case(27, VIDEO | {name: legal}, VIDEO | {name: "smell"}, "VIDEO_VALUE_UNKNOWN", name)
        for name, legal in [
            ("videoModality", "videoBasedScreenSharing"),
            ("videoResolution", "hd1080p"),
            ("videoSubscriptionMode", "manual"),
        ]
    ],
    *[
        Case(
            28,
            PLACE,
            PLACE | {name: {"identity": " ", "originator": False}},
            "PARTICIPANT_BLANK",
            f"{name}.identity",
        )
        for name in ("source", "target")
    ],
    Case(28, PLACE, PLACE | {"appId": ""}, "APP_ID_BLANK", "appId"),
    Case(28, PLACE | {"modalityTypes": []}, PLACE | {"modalityTypes": ["smell"]}, "MODALITY_UNKNOWN", "modalityTypes"),
    Case(
        28,
        PLACE | {"participantLegMetadata": "x" * 1024},
        PLACE | {"participantLegMetadata": "x" * 1025},
        "LEG_METADATA_TOO_LONG",
        "participantLegMetadata",
    ),
]
COMMAND_CASES = [
    *[
        Case(
            29,
            target,
            target | {"target": {"identity": wrong, "originator": False}},
            "PARTICIPANT_KIND",
            "target.identity",
        )
        for kind in ("mute", "hold", "redirect", "startTones", "removeParticipant")
        for target in [{"operationId": "m", "action": kind, "target": {"identity": "8:acs:one", "originator": False}}]
        for wrong in ("nora", "8:", "7:one", " 4:+15550100")
    ],
    Case(30, ADD | {"callerId": "+15550199"}, ADD | {"callerId": "15550199"}, "CALLER_ID", "callerId"),
    Case(30, ADD | {"callerId": None}, ADD | {"callerId": ""}, "CALLER_ID", "callerId"),
    *[
        Case(
            30,
            ADD | {"timeoutInSeconds": legal},
            ADD | {"timeoutInSeconds": wrong},
            "INVITATION_RANGE",
            "timeoutInSeconds",
        )
        for legal, wrong in ((1, 0), (180, 181))
    ],
    Case(31, SEND | {"tones": "1" * 18}, SEND | {"tones": "1" * 19}, "DTMF_COUNT", "tones"),
    Case(31, SEND, SEND | {"tones": ""}, "DTMF_COUNT", "tones"),
    Case(31, SEND | {"tones": "12#*AD"}, SEND | {"tones": "12E"}, "DTMF_INVALID", "tones"),
    Case(32, START | {"recordingFormat": "mp3"}, START | {"recordingFormat": "wma"}, "CALL_RECORDING_FORMAT", None),
    Case(32, START, START | {"recordingFormat": "ogg"}, "CALL_RECORDING_FORMAT", "recordingFormat"),
    *[
        Case(32, stop | {"recordingId": "r1"}, stop | {"recordingId": " "}, "RECORDING_ID_BLANK", "recordingId")
        for kind in ("pauseRecording", "resumeRecording", "stopRecording")
        for stop in [{"operationId": "r", "action": kind}]
    ],
    Case(12, HOLD | {"playPrompt": SAY}, HOLD | {"playPrompt": play({"value": ""})}, "PROMPT_EMPTY", None),
]
SINGLE: dict[str, type[Action]] = COMMANDS | {
    model.kind: model for model in (AnswerAppHostedMedia, JoinCallAppHostedMedia, PlaceCall, VideoSubscription)
}


def check_media_workflow(reply: MediaReply) -> None:
    workflow = MediaWorkflow.from_wire({"actions": reply.actions, "links": LINKS})
    rules.check_media_workflow(workflow, answered=reply.answered)


def check_single(action: Json) -> None:
    rules.check_action(SINGLE[action["action"]].from_wire(action))


def check_conversation(changes: Json) -> None:
    rules.check_conversation(Conversation.from_wire(CALL | changes))


def check_list(actions: list[Json]) -> None:
    rules.check_workflow(Workflow.from_wire({"actions": actions, "links": LINKS}))


def check_envelope(changes: Json) -> None:
    rules.check_workflow(Workflow.from_wire({"actions": [HANGUP], "links": LINKS} | changes))


def check_result(changes: Json) -> None:
    outcome = {"type": "answerOutcome", "id": "a", "outcome": "success"}
    result = {"id": "call-7", "callState": "established", "operationOutcome": outcome}
    rules.check_result(ConversationResult.from_wire(result | changes))


def check_notification(changes: Json) -> None:
    rules.check_notification(read_notification({"id": "call-7", "type": "rosterUpdate"} | changes))


TABLES = [
    (CONVERSATIONS, check_conversation),
    (ACTION_LISTS, check_list),
    (ENVELOPES, check_envelope),
    (OUTCOME_CASES, check_result),
    (NOTIFICATIONS, check_notification),
    (MEDIA_WORKFLOWS, check_media_workflow),
    (SINGLE_ACTIONS, check_single),
    (COMMAND_CASES, check_single),
]


@pytest.mark.parametrize(
    ("check", "case"),
    [
        pytest.param(check, case, id=f"{case.rule}-{case.code}-{index}")
        for cases, check in TABLES
        for index, case in enumerate(cases)
    ],
)
def test_rule(check: Any, case: Case) -> None:
    check(case.legal)
    with pytest.raises(ContractViolation) as caught:
        check(case.illegal)
    violation = caught.value
    assert (violation.code, violation.stage) == (case.code, "validate")
    assert case.field in (violation.field, None)
    assert violation.message
    assert violation.fix


def test_every_rule_of_the_header_has_a_case() -> None:
    numbers = {int(number) for number in re.findall(r"^ *(\d+)\. ", rules.__doc__ or "", re.MULTILINE)}
    assert {case.rule for cases, _ in TABLES for case in cases} == numbers == set(range(1, 33))


def test_loopback_may_be_http_when_it_is_allowed() -> None:
    for host in ("127.0.0.1:7071", "localhost", "[::1]:80"):
        workflow = Workflow.from_wire({"actions": [HANGUP], "links": {"callback": f"http://{host}/calls"}})
        rules.check_workflow(workflow, loopback_http=True)
    workflow = Workflow.from_wire({"actions": [HANGUP], "links": {"callback": "http://127.0.0.1.evil.test/"}})
    with pytest.raises(ContractViolation, match="CALLBACK_NOT_HTTPS"):
        rules.check_workflow(workflow, loopback_http=True)


def test_every_action_has_a_rank_and_every_action_an_outcome() -> None:
    assert rules.RANKS.keys() == ACTIONS.keys() - {"placeCall"}
    assert {
        f"{kind}Outcome" for kind in (*ACTIONS, *MEDIA_ACTIONS, *COMMANDS, VideoSubscription.kind)
    } <= OUTCOMES.keys()


def test_every_rule_of_the_header_names_its_source() -> None:
    text = rules.__doc__ or ""
    parts = re.split(r"^ *\d+\. ", text, flags=re.MULTILINE)[1:]
    whole = {"Each action keeps its own rules (9 to 19)"}
    for number, rule in enumerate(parts, 1):
        in_its_section = number in (24, 25, 26, 27, 28)
        assert in_its_section or re.search(r"\[[DCRK]", rule) or any(rule.startswith(known) for known in whole)


def test_the_kits_own_actions_are_in_the_order_of_the_contract() -> None:
    def actions(*given: Json) -> None:
        rules.check_actions([read_action(each) for each in given])

    redirect = {**HOLD, "action": "redirect"}
    leave = {"operationId": "l", "action": "leave"}
    actions(redirect)
    actions(ANSWER, SAY, HOLD)
    actions(ANSWER, SAY, leave)
    for illegal, code in (((ANSWER, redirect), "ACTION_NOT_ALONE"), ((leave, SAY), "ACTION_ORDER")):
        with pytest.raises(ContractViolation) as caught:
            actions(*illegal)
        assert caught.value.code == code
    for kind in COMMANDS:
        with pytest.raises(ContractViolation, match="ACTION_UNSUPPORTED"):
            Workflow.from_wire({"actions": [{**SEND, "recordingId": "r", "action": kind}], "links": LINKS})


def test_the_order_of_checking_is_that_of_the_contract() -> None:
    """Alone before each action's own rules, these before rank, rank before duplicates."""
    for actions, code in [
        ([REJECT, play()], "ACTION_NOT_ALONE"),
        ([HANGUP, play()], "PROMPTS_EMPTY"),
        ([ANSWER, HANGUP, ANSWER], "ACTION_ORDER"),
    ]:
        with pytest.raises(ContractViolation) as caught:
            check_list(actions)
        assert caught.value.code == code
