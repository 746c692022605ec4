"""The Skype wire: requests read, replies written."""

import hashlib
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.channels import skype
from dialtone.channels.skype import Incoming, parse, prompts_of, render
from dialtone.errors import BadMessage, WorkflowError
from dialtone.protocol import (
    AUDIO_TYPES,
    Answer,
    AnswerAppHostedMedia,
    CallStateChange,
    Conversation,
    ConversationResult,
    Hangup,
    PlayPrompt,
    Prompt,
    Record,
    RecordingFormat,
    RecordOutcome,
    Reject,
    RosterUpdate,
)

CALL: dict[str, Any] = {
    "id": "call-7",
    "participants": [{"identity": "8:nora", "originator": True}],
    "presentedModalityTypes": ["audio"],
    "callState": "incoming",
}
RECORDED: dict[str, Any] = {
    "type": "recordOutcome",
    "id": "0-1",
    "outcome": "success",
    "completionReason": "completedStopToneDetected",
    "lengthOfRecordingInSecs": 2,
    "format": "wav",
}
RESULT: dict[str, Any] = {"id": "call-7", "callState": "established", "operationOutcome": RECORDED, "appState": "s"}
JSON = {"content-type": "application/json; charset=utf-8"}
JSON_PART = (
    b'Content-Disposition: form-data; name="conversationResult"\r\nContent-Type: application/json; charset=utf-8'
)
AUDIO_PART = b'Content-Disposition: form-data; name="recordedAudio"\r\nContent-Type: audio/wav'
SOUND = b"RIFF" + bytes(range(256)) * 8
BOUNDARY = "b1"


def wire(data: object) -> bytes:
    return json.dumps(data).encode()


def multipart(*parts: tuple[bytes, bytes], boundary: str = BOUNDARY, closed: bool = True) -> bytes:
    mark = b"--" + boundary.encode()
    body = b"".join(mark + b"\r\n" + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts)
    return body + (mark + b"--\r\n" if closed else b"")


def read_parts(
    *parts: tuple[bytes, bytes], content_type: str = 'multipart/form-data; boundary="b1"', closed: bool = True
) -> Incoming:
    return parse({"content-type": content_type}, multipart(*parts, closed=closed))


def sound_of(incoming: Incoming) -> bytes:
    assert incoming.audio is not None
    return bytes(incoming.audio)


def refused(headers: dict[str, str], body: bytes) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        parse(headers, body)
    assert caught.value.http_status == 400
    assert caught.value.fix or caught.value.code.startswith(("OUTCOME", "MISSING:type"))
    return caught.value


BOTH = ((JSON_PART, wire(RESULT)), (AUDIO_PART, SOUND))


def test_a_conversation() -> None:
    incoming = parse(JSON, wire(CALL))
    assert isinstance(incoming.message, Conversation)
    assert (incoming.audio, incoming.format, incoming.chain_id) == (None, None, "call-7")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        'APPLICATION/JSON; Charset="utf-8"',
        "application/json; charset=utf8; odata=verbose",
        "application/json; charset=us-ascii",
        "application/json; charset=",
        "text/json",
        "text/json; charset=utf-8",
        "text/plain",
        "application/octet-stream",
        "application/vnd.microsoft.call+json",
        "",
        None,
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_json_is_read_whatever_it_is_called(content_type: str | None, mark: bytes) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert isinstance(parse(headers, mark + wire(RESULT)).message, ConversationResult)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16le", "ISO-8859-1", '"windows-1252"', "utf-7", "x\r\ny"])
def test_another_charset_is_refused_by_its_name(charset: str) -> None:
    kind = f"application/json; charset={charset}"
    error = refused({"content-type": kind}, wire(RESULT))
    assert (error.code, error.field) == ("CHARSET", "Content-Type")
    assert charset.strip('"').split()[0] in error.message
    assert error.message.isprintable()
    part = JSON_PART.replace(b"utf-8", charset.strip('"').split()[0].encode())
    body = multipart((part, wire(RESULT)), BOTH[1])
    assert refused({"content-type": "multipart/form-data; boundary=b1"}, body).code == "CHARSET"


def test_a_body_with_participants_begins_a_call_even_if_it_has_an_appstate() -> None:
    data = {"PARTICIPANTS" if name == "participants" else name: value for name, value in CALL.items()}
    assert isinstance(parse(JSON, wire(data | {"appState": "old"})).message, Conversation)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"", "BODY_EMPTY", ""),
        (b" \r\n ", "BODY_EMPTY", ""),
        (b"hello", "NOT_JSON", ""),
        (b'{"id": "call-7"', "NOT_JSON", ""),
        (b"\xff\xfe", "NOT_JSON", ""),
        (json.dumps(CALL).encode("utf-16"), "NOT_JSON", ""),
        (b"[" * 100_000, "NOT_JSON", ""),
        (b"1" * 5000, "NOT_JSON", ""),
        (wire(CALL | {"subject": "\ud800"}), "NOT_JSON", ""),
        (wire(CALL | {"x": {"\udfff": 1}}), "NOT_JSON", ""),
        (b"[]", "WRONG_TYPE", ""),
        (b"7", "WRONG_TYPE", ""),
        (b"null", "WRONG_TYPE", ""),
        (b'"call-7"', "WRONG_TYPE", ""),
        (b'{"hello": 1}', "MISSING:id", "id"),
        (wire(CALL | {"participants": []}), "PARTICIPANTS_EMPTY", "participants"),
        (wire(RESULT | {"operationOutcome": None}), "MISSING:operationOutcome", "operationOutcome"),
        (wire({"id": "call-7", "callState": "established", "appState": "s"}), "MISSING:operationOutcome", None),
        (wire(RESULT | {"appState": "x" * 1025}), "APPSTATE_TOO_LONG", "appState"),
        (wire(RESULT | {"operationOutcome": {"type": "danceOutcome"}}), "OUTCOME_UNSUPPORTED", "operationOutcome.type"),
        (
            wire(RESULT).replace(b'"lengthOfRecordingInSecs": 2', b'"lengthOfRecordingInSecs": 1e999'),
            "WRONG_TYPE",
            "operationOutcome.lengthOfRecordingInSecs",
        ),
    ],
)
def test_a_body_that_is_refused(body: bytes, code: str, field: str | None) -> None:
    error = refused(JSON, body)
    assert error.code == code
    assert field is None or error.field == field


def test_a_pair_of_escaped_surrogates_is_a_character() -> None:
    message = parse(JSON, wire(CALL | {"subject": "\U0001f600"})).message
    assert isinstance(message, Conversation)
    assert message.subject == "\U0001f600"


@pytest.mark.parametrize("headers", [{}, {skype.MESSAGE_ID: ""}])
def test_without_a_message_id_the_body_identifies_it(headers: dict[str, str]) -> None:
    body = wire(CALL)
    assert parse(headers, body).message_id == hashlib.sha256(body).hexdigest()
    assert parse(headers, body + b" ").message_id != parse(headers, body).message_id


def test_ids_of_the_headers() -> None:
    incoming = parse({skype.MESSAGE_ID: "m1", skype.CHAIN_ID: "c1"}, wire(CALL))
    assert (incoming.message_id, incoming.chain_id) == ("m1", "c1")


def test_a_recording() -> None:
    incoming = read_parts(*BOTH)
    assert isinstance(incoming.message, ConversationResult)
    assert isinstance(incoming.message.operation_outcome, RecordOutcome)
    assert (sound_of(incoming), incoming.format) == (SOUND, RecordingFormat.WAV)
    assert incoming.message_id == hashlib.sha256(multipart(*BOTH)).hexdigest()


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=b1",
        "Multipart/Form-Data; BOUNDARY = b1",
        'multipart/form-data; charset=utf-8; boundary="b1"; x=y',
        'multipart/form-data; boundary="b1", application/json; charset=utf-8',
        'multipart/form-data; boundary="b1", application/json; charset=utf-16',
        "multipart/form-data; boundary=b1, application/json",
        "multipart/mixed; boundary=b1",
    ],
)
def test_content_types_of_a_recording(content_type: str) -> None:
    assert sound_of(read_parts(*BOTH, content_type=content_type)) == SOUND


JSON_BY_TYPE = b"Content-Disposition: form-data\r\ncontent-type: Application/JSON"
JSON_BY_NAME = b"content-disposition: form-data; name=conversationResult"
JSON_WITHOUT_QUOTES = b"Content-Disposition: form-data; name=conversationResult\r\nContent-Type: text/plain"
JSON_WITHOUT_NAME = b"Content-Type: application/json; charset=utf-8"
JSON_AS_FILE = b'Content-Disposition: form-data; name="conversationResult"; filename="result.json"'
AUDIO_BY_TYPE = b"Content-Disposition: form-data; name=sound\r\nContent-Type: AUDIO/WAV; rate=16000"
AUDIO_BY_NAME = b"Content-Disposition: form-data; name=recordedAudio"
JSON_PARTS = [JSON_PART, JSON_BY_TYPE, JSON_BY_NAME, JSON_WITHOUT_QUOTES, JSON_WITHOUT_NAME, JSON_AS_FILE]
AUDIO_AS_FILE = (
    b'Content-Disposition: form-data; name="recordedAudio"; filename="a.bin"\r\nContent-Type: application/octet-stream'
)


@pytest.mark.parametrize("json_part", JSON_PARTS)
@pytest.mark.parametrize(
    ("audio_part", "form"),
    [
        (AUDIO_PART, RecordingFormat.WAV),
        (AUDIO_BY_TYPE, RecordingFormat.WAV),
        (AUDIO_BY_NAME, None),
        (AUDIO_AS_FILE, None),
        (AUDIO_AS_FILE.replace(b"application/octet-stream", b"audio/wav"), RecordingFormat.WAV),
        (b"Content-Type: audio/wav", RecordingFormat.WAV),
        (AUDIO_PART.replace(b"wav", b"x-ms-wma"), RecordingFormat.WMA),
        (AUDIO_PART.replace(b"wav", b"mpeg"), RecordingFormat.MP3),
        (AUDIO_PART.replace(b"wav", b"ogg"), None),
    ],
)
@pytest.mark.parametrize("json_first", [True, False])
def test_parts_are_found_by_name_or_type_in_any_order(
    json_part: bytes, audio_part: bytes, form: RecordingFormat | None, json_first: bool
) -> None:
    parts = [(json_part, wire(RESULT)), (audio_part, SOUND)]
    incoming = read_parts(*(parts if json_first else parts[::-1]))
    assert incoming.message.id == "call-7"
    assert (sound_of(incoming), incoming.format) == (SOUND, form)


def test_other_parts_are_left_alone_and_the_names_decide() -> None:
    note = b'Content-Disposition: form-data; name="note"\r\nContent-Type: '
    others = [(note + b"text/plain", b"hello"), (note + b"application/json", b"{}"), (note + b"audio/mpeg", b"noise")]
    incoming = read_parts(*others, *BOTH, *others)
    assert incoming.message.id == "call-7"
    assert sound_of(incoming) == SOUND


def test_the_sound_is_a_view_of_the_body() -> None:
    body = multipart(*BOTH)
    incoming = parse({"content-type": "multipart/form-data; boundary=b1"}, body)
    assert incoming.audio is not None
    assert incoming.audio.obj is body


def test_a_multipart_body_without_sound() -> None:
    incoming = read_parts(BOTH[0])
    assert (incoming.audio, incoming.format) == (None, None)


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("multipart/form-data", multipart(*BOTH), "NO_BOUNDARY"),
        ("multipart/form-data; boundary=", multipart(*BOTH), "NO_BOUNDARY"),
        ("multipart/form-data; boundary=b1", multipart(BOTH[1]), "MISSING:conversationResult"),
        ("multipart/form-data; boundary=b1", b"--b1--\r\n", "MISSING:conversationResult"),
        ("multipart/form-data; boundary=b1", multipart(*BOTH, closed=False), "BAD_MULTIPART"),
        ("multipart/form-data; boundary=b1", multipart(*BOTH)[:300], "BAD_MULTIPART"),
        ("multipart/form-data; boundary=b2", multipart(*BOTH), "BAD_MULTIPART"),
        ("multipart/form-data; boundary=b1", b"", "BAD_MULTIPART"),
        ("multipart/form-data; boundary=b1", wire(RESULT), "BAD_MULTIPART"),
        ("multipart/form-data; boundary=b1", multipart((b"Content-Type: application/json", b"{}")), "MISSING:id"),
        ("multipart/form-data; boundary=b1", multipart((b"\xff\xfe: x", b"{}")), "BAD_MULTIPART"),
        ("multipart/form-data; boundary=b1", multipart((JSON_PART, b"")), "BODY_EMPTY"),
        ("multipart/form-data; boundary=b1", multipart((JSON_PART, b"{")), "NOT_JSON"),
    ],
)
def test_a_multipart_body_that_is_refused(content_type: str, body: bytes, code: str) -> None:
    assert refused({"content-type": content_type}, body).code == code


def test_sound_that_looks_like_a_boundary() -> None:
    sound = b"\r\n--b\r\n--b10\r\n\r\n-- b1\r\n--B1--\r\n\n--\r\r\n\r\n--" + SOUND + b"\r\n--\r\n"
    assert sound_of(read_parts(BOTH[0], (AUDIO_PART, sound))) == sound


@pytest.mark.parametrize("sound", [b"", b"\r\n", b"\r", b"\n", b"-", b"--", b"\r\n--", b"\x00" * 10])
def test_sound_is_neither_cut_nor_stripped(sound: bytes) -> None:
    assert sound_of(read_parts(BOTH[0], (AUDIO_PART, sound))) == sound


def test_sound_over_one_mebibyte_is_whole() -> None:
    sound = bytes(range(256)) * 6144
    assert len(sound) == 1_572_864
    assert sound_of(read_parts(BOTH[0], (AUDIO_PART, sound))) == sound


@given(st.binary(max_size=400))
def test_any_sound_comes_through(sound: bytes) -> None:
    if b"\r\n--b1" not in b"\r\n" + sound:
        assert sound_of(read_parts(BOTH[0], (AUDIO_PART, sound))) == sound


VALUES = st.text(max_size=60) | st.sampled_from(
    ["multipart/form-data; boundary=b1", 'multipart/form-data; boundary="b1"', "multipart/x; boundary=é", "multipart/"]
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"content-type": VALUES, skype.MESSAGE_ID: st.text(max_size=9), skype.CHAIN_ID: st.text(max_size=9)}
)
PIECES = st.sampled_from(
    [
        b"--b1",
        b"--b1--",
        b"\r\n",
        b"\n",
        b"\r\n\r\n",
        JSON_PART,
        AUDIO_PART,
        AUDIO_BY_NAME,
        wire(RESULT),
        wire(CALL),
        SOUND,
    ]
)
BODIES = st.binary(max_size=200) | st.lists(PIECES | st.binary(max_size=8), max_size=16).map(b"".join)


@given(HEADERS, BODIES)
def test_whatever_comes_is_read_or_is_a_bad_message(headers: dict[str, str], body: bytes) -> None:
    with suppress(BadMessage):
        parse(headers, body)


VALUE: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["success", "recordOutcome"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([CALL, RESULT]), st.data())
def test_any_member_may_be_anything(message: dict[str, Any], data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([message, message.get("operationOutcome", message)]))
    changed = dict(place) | {data.draw(st.sampled_from(sorted(place))): data.draw(VALUE)}
    if place is not message:
        changed = message | {"operationOutcome": changed}
    with suppress(BadMessage):
        parse(JSON, json.dumps(changed).encode())


SAY = PlayPrompt(operation_id="0-0", prompts=[Prompt(value="Grüße.", blob_name="welcome")])
CALLBACK = "https://bot.test/api/calls"


def test_nothing_to_say_is_no_body() -> None:
    assert render([], callback="nowhere", app_state="x" * 2000) == b""


def test_a_reply_to_the_byte() -> None:
    actions = [Answer(operation_id="0-a"), SAY, Hangup(operation_id="0-z")]
    reply = render(actions, callback=CALLBACK, app_state="j0.e30.x")
    assert (
        reply
        == (
            '{"actions":[{"operationId":"0-a","action":"answer"},{"operationId":"0-0","action":"playPrompt","prompts":'
            '[{"value":"Grüße."}]},{"operationId":"0-z","action":"hangup"}],"links":{"callback":"https://bot.test/api/calls"},'
            '"appState":"j0.e30.x"}'
        ).encode()
    )
    assert render(actions, callback=CALLBACK, app_state="j0.e30.x") == reply


@pytest.mark.parametrize(
    ("callback", "code"),
    [
        ("http://bot.test/api/calls", "CALLBACK_NOT_HTTPS"),
        ("http://127.0.0.1:7071/api/calls", "CALLBACK_NOT_HTTPS"),
        ("/api/calls", "CALLBACK_NOT_ABSOLUTE"),
        ("", "CALLBACK_NOT_ABSOLUTE"),
    ],
)
def test_a_callback_that_the_contract_forbids(callback: str, code: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        render([Reject(operation_id="r")], callback=callback, app_state="s")
    assert (caught.value.code, caught.value.field) == (code, "links.callback")


def test_a_bot_under_development_is_called_back_on_this_machine() -> None:
    reply = render([SAY], callback="http://127.0.0.1:7071/api/calls", app_state="s", loopback_http=True)
    assert json.loads(reply)["links"] == {"callback": "http://127.0.0.1:7071/api/calls"}
    with pytest.raises(WorkflowError):
        render([SAY], callback="http://bot.test/api/calls", app_state="s", loopback_http=True)


def test_an_appstate_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(WorkflowError, match="APPSTATE_TOO_LONG"):
        render([SAY], callback=CALLBACK, app_state="x" * 1025)


def test_prompts_of_an_action() -> None:
    assert prompts_of(SAY) == SAY.prompts
    assert prompts_of(Record(operation_id="r", play_prompt=SAY)) is SAY.prompts
    assert prompts_of(Record(operation_id="r")) == prompts_of(Hangup(operation_id="h")) == []


def test_media_types_of_every_format() -> None:
    assert AUDIO_TYPES.keys() == set(RecordingFormat) - {RecordingFormat.UNKNOWN}


NOTIFICATION: dict[str, Any] = {"id": "call-7", "type": "callStateChange", "currentState": "hold"}
STREAM = {"identity": "8:nora", "mediaType": "audio", "mediaStreamDirection": "sendrecv"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (NOTIFICATION, CallStateChange),
        (NOTIFICATION | {"appState": "s", "appId": "a", "links": {"call": "https://svc.test/"}}, CallStateChange),
        ({"ID": "call-7", "TYPE": "rosterUpdate", "Participants": [STREAM]}, RosterUpdate),
        (CALL | {"type": "novel"}, Conversation),
    ],
)
def test_a_notification_is_told_from_a_call_and_a_result(body: dict[str, Any], kind: type) -> None:
    incoming = parse({"x-microsoft-skype-message-id": "n1"}, json.dumps(body).encode())
    assert isinstance(incoming.message, kind)
    assert (incoming.message.id, incoming.message_id) == ("call-7", "n1")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (NOTIFICATION | {"type": "weather"}, "NOTIFICATION_UNSUPPORTED"),
        ({"id": "call-7", "type": "callStateChange"}, "MISSING:currentState"),
        ({"id": "call-7", "type": "rosterUpdate", "participants": []}, "PARTICIPANTS_EMPTY"),
        (NOTIFICATION | {"id": " "}, "ID_BLANK"),
        (NOTIFICATION | {"type": None}, "MISSING:type"),
    ],
)
def test_a_bad_notification_is_refused(body: dict[str, Any], code: str) -> None:
    with pytest.raises(BadMessage) as caught:
        parse({}, json.dumps(body).encode())
    assert caught.value.code == code


def test_a_workflow_that_subscribes() -> None:
    hang_up = Hangup(operation_id="h")
    text = render([hang_up], callback="https://bot.test/c", app_state="s", subscriptions=("callStateChange",))
    workflow = json.loads(text)
    assert workflow["notificationSubscriptions"] == ["callStateChange"]
    assert workflow["links"] == {"callback": "https://bot.test/c", "notification": "https://bot.test/c"}
    assert "notification" not in json.loads(render([hang_up], callback="https://bot.test/c", app_state="s"))["links"]


def test_a_media_answer_has_no_captions_here() -> None:
    answer = AnswerAppHostedMedia(operation_id="a", media_configuration={"handler": "echo", "captions": "en-US"})
    assert skype.refused_of([answer], hosted=True) == (answer, skype.NO_CAPTIONS)
    answer.media_configuration["captions"] = ""
    assert skype.refused_of([answer], hosted=True) is None
