import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.media.wire import AudioFrame, AudioMetadata, UnsupportedFormat, WireError, encode, parse

PCM = bytes(range(256)) * 2 + bytes(128)
DATA = base64.b64encode(PCM).decode()

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def metadata(**changes: Any) -> str:
    body = {"subscriptionId": "s", "encoding": "PCM", "sampleRate": 16000, "channels": 1, "length": 640}
    return json.dumps({"kind": "AudioMetadata", "audioMetadata": body | changes})


def audio(**members: Any) -> str:
    return json.dumps({"kind": "AudioData", "audioData": members})


def test_metadata() -> None:
    assert parse(metadata()) == AudioMetadata("s", 16_000, 640)
    assert parse(metadata(sampleRate=24000, length=960)) == AudioMetadata("s", 24_000, 960)
    assert parse('{"kind":"AudioMetadata","audioMetadata":{}}') == AudioMetadata("", 16_000, 640)


@pytest.mark.parametrize(
    "change",
    [{"encoding": "OPUS"}, {"channels": 2}, {"sampleRate": 8000}, {"length": 320}, {"length": 960}],
    ids=str,
)
def test_a_format_that_is_not_understood(change: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedFormat):
        parse(metadata(**change))


def test_audio_in_the_form_of_the_quickstart() -> None:
    text = audio(timestamp="2022-10-03T19:16:12.925Z", participantRawID="8:acs:x", data=DATA, silent=False)
    assert parse(text) == AudioFrame(PCM, "2022-10-03T19:16:12.925Z", "8:acs:x", False)


def test_audio_in_the_other_casing() -> None:
    body = {"Timestamp": "t", "ParticipantId": "p", "Data": DATA, "IsSilence": True}
    text = json.dumps({"Kind": "audioData", "AudioData": body, "StopAudio": None})
    assert parse(text) == AudioFrame(PCM, "t", "p", True)


def test_mixed_audio_names_no_participant() -> None:
    assert parse(audio(data=DATA)) == AudioFrame(PCM)
    assert parse(audio(data=DATA, participantRawID=None, silent=None, timestamp=None)) == AudioFrame(PCM)


def test_a_kind_that_is_not_known_is_ignored() -> None:
    assert parse('{"kind":"MarkData","markData":{"id":1}}') is None
    assert parse('{"kind":"DtmfData","dtmfData":{"data":"3"}}') is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Connection authenticated.", "not JSON"),
        ("[" * 60_000, "not JSON"),
        ("1" * 60_000, "not JSON"),
        ("[]", "not an object"),
        ("{}", "kind"),
        ('{"kind":1}', "kind"),
        ('{"kind":"AudioData"}', "audioData"),
        ('{"kind":"AudioData","audioData":[]}', "audioData"),
        (audio(), "audioData.data"),
        (audio(data=1), "audioData.data"),
        (audio(data="AAA"), "base64"),
        (audio(data="AA\nAA"), "base64"),
        (audio(data="AAé="), "base64"),
        (audio(data=DATA, timestamp=1), "timestamp"),
        (audio(data=DATA, participantRawID=1), "participantRawID"),
        (audio(data=DATA, silent="no"), "silent"),
        (metadata(length="640"), "length"),
        (metadata(channels=True), "channels"),
        (metadata(sampleRate=16000.0), "sampleRate"),
        (metadata(encoding=None), "encoding"),
        (metadata(subscriptionId=1), "subscriptionId"),
    ],
    ids=range(21),
)
def test_a_message_that_breaks_the_wire(text: str, what: str) -> None:
    with pytest.raises(WireError, match=what):
        parse(text)


@given(json_values, json_values)
def test_no_json_does_more_than_break_the_wire(kind: Any, body: Any) -> None:
    for message in (body, {"kind": kind}, {"kind": "audioData", "audioData": body}):
        with contextlib.suppress(WireError):
            parse(json.dumps(message))


@given(st.binary(max_size=960))
def test_what_is_sent_is_audio_of_the_same_wire(pcm: bytes) -> None:
    assert parse(encode(AudioFrame(pcm))) == AudioFrame(pcm)


def test_what_is_sent_has_the_form_of_the_documents() -> None:
    expected = '{"Kind":"AudioData","AudioData":{"Data":"AAE="},"StopAudio":null}'
    assert encode(AudioFrame(b"\0\1", "t", "p", True)) == expected
