import base64
import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone.media.messages import (
    AudioFrame,
    AudioMetadata,
    Dtmf,
    KeyFrameNeeded,
    MediaType,
    StopAudio,
    Transcription,
    TranscriptionMetadata,
    VideoFrame,
    VideoMetadata,
    VideoSubscription,
    Word,
)
from dialtone.media.wire import (
    MAX_VIDEO_BYTES,
    STOP_AUDIO,
    Reader,
    UnsupportedFormat,
    WireError,
    encode,
    encode_key_frame_needed,
    encode_subscription,
    encode_video,
    parse,
)

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


@settings(deadline=None)
@given(json_values, json_values)
def test_no_json_does_more_than_break_the_wire(kind: Any, body: Any) -> None:
    for message in (body, {"kind": kind}, {"kind": "audioData", "audioData": body}):
        with contextlib.suppress(WireError):
            parse(json.dumps(message))


@settings(deadline=None)
@given(st.binary(max_size=960))
def test_what_is_sent_is_audio_of_the_same_wire(pcm: bytes) -> None:
    assert parse(encode(AudioFrame(pcm))) == AudioFrame(pcm)


def test_what_is_sent_has_the_form_of_the_documents() -> None:
    expected = '{"Kind":"AudioData","AudioData":{"Data":"AAE="},"StopAudio":null}'
    assert encode(AudioFrame(b"\0\1", "t", "p", True)) == expected


def body(kind: str, **members: Any) -> str:
    return json.dumps({"kind": kind, kind[0].lower() + kind[1:]: members})


def cased(text: str, change: Any) -> str:
    """The message with every name in another case."""
    message = json.loads(text)
    return json.dumps(
        {
            change(name): {change(inner): value for inner, value in member.items()}
            if isinstance(member, dict)
            else member
            for name, member in message.items()
        }
    )


EVERY_KIND: dict[str, tuple[str, object]] = {
    "AudioMetadata": (metadata(), AudioMetadata("s", 16_000, 640)),
    "AudioData": (audio(data=DATA, participantRawID="p", silent=True), AudioFrame(PCM, "", "p", True)),
    "DtmfData": (body("DtmfData", data="a", participantRawID="p"), Dtmf("A", "", "p")),
    "StopAudio": (body("StopAudio"), StopAudio()),
    "TranscriptionMetadata": (
        body("TranscriptionMetadata", subscriptionId="s", locale="en-us", callConnectionId="c", correlationId="k"),
        TranscriptionMetadata("s", "en-us", "c", "k"),
    ),
    "TranscriptionData": (
        body(
            "TranscriptionData",
            text="Two tickets.",
            format="display",
            confidence=0.5,
            offset=23_000_000,
            duration=9_000_000,
            words=[{"text": "two", "offset": 23_000_000, "duration": 2_000_000}],
            participantRawID="p",
            resultStatus="Final",
        ),
        Transcription("Two tickets.", True, 2.3, 0.9, 0.5, (Word("two", 2.3, 0.2),), "p", "display"),
    ),
    "VideoMetadata": (
        body("VideoMetadata", width=640, height=360, fps=15, participantRawID="p", mediaType="vbss"),
        VideoMetadata(640, 360, 15.0, "p", MediaType.SCREEN),
    ),
    "VideoData": (
        body("VideoData", timestamp=200_000, keyFrame=True, data=DATA, participantRawID="p"),
        VideoFrame(PCM, 200_000, True, "p"),
    ),
    "VideoSubscription": (
        body("VideoSubscription", participantRawID="p", resolution="HD720p"),
        VideoSubscription("p", "hd720p"),
    ),
    "VideoKeyFrameNeeded": (body("VideoKeyFrameNeeded", mediaType="vbss"), KeyFrameNeeded(None, MediaType.SCREEN)),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_is_read_in_every_casing(kind: str) -> None:
    text, expected = EVERY_KIND[kind]
    for change in (str, str.lower, str.upper, str.title, str.swapcase):
        assert parse(cased(text, change)) == expected
        assert parse(cased(text, change).replace(f'"{kind}"', f'"{change(kind)}"')) == expected


def test_only_the_kind_decides() -> None:
    """An SDK puts `stopAudio` into messages that are sound."""
    text = json.dumps({"kind": "audioData", "audioData": {"data": DATA, "isSilent": False}, "stopAudio": {}})
    assert parse(text) == AudioFrame(PCM)
    assert parse('{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}') == StopAudio()
    assert parse(STOP_AUDIO) == StopAudio()


def test_the_preview_of_2022() -> None:
    flat = json.dumps({"AudioData": DATA, "ParticipantId": "p1", "IsSilence": False, "Timestamp": "t"})
    assert parse(flat) == AudioFrame(PCM, "t", "p1", False)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (body("DtmfData"), "dtmfData.data"),
        (body("DtmfData", data="11"), "dtmfData.data"),
        (body("DtmfData", data="E"), "dtmfData.data"),
        (body("DtmfData", data=""), "dtmfData.data"),
        (body("TranscriptionData", offset="0"), "offset"),
        (body("TranscriptionData", offset=True), "offset"),
        (body("TranscriptionData", words={}), "words"),
        (body("TranscriptionData", words=[1]), "words"),
        (body("TranscriptionData", text=1), "text"),
        ('{"kind":"TranscriptionData","transcriptionData":{"confidence":NaN}}', "confidence"),
        ('{"kind":"TranscriptionData","transcriptionData":{"duration":1e999}}', "duration"),
        (body("TranscriptionMetadata", locale=1), "locale"),
        (body("VideoMetadata", width=0, height=1, fps=1), "above 0"),
        (body("VideoMetadata", width=640, height=360, fps=0), "above 0"),
        (body("VideoMetadata", width=640, height=360, fps=30, encoding="VP8"), "H264"),
        (body("VideoMetadata", height=360, fps=30), "width"),
        (body("VideoData", timestamp=0), "videoData.data"),
        (body("VideoData", data=DATA), "timestamp"),
        (body("VideoData", data=DATA, timestamp=1.5), "timestamp"),
        (body("VideoData", data=DATA, timestamp=1, keyFrame=1), "keyFrame"),
        (body("VideoData", data=DATA, timestamp=1, mediaType="audio"), "mediaType"),
        (body("VideoSubscription", resolution="hd720p"), "participantRawID"),
        (body("VideoSubscription", participantRawID="p", resolution="4k"), "resolution"),
    ],
    ids=range(23),
)
def test_a_message_of_another_kind_that_breaks_the_wire(text: str, what: str) -> None:
    with pytest.raises(WireError, match=what):
        parse(text)


@settings(deadline=None)
@given(st.sampled_from(sorted(EVERY_KIND)), json_values)
def test_no_json_of_any_kind_does_more_than_break_the_wire(kind: str, member: Any) -> None:
    name = kind[0].lower() + kind[1:]
    for value in (member, {"data": member}, {"words": member, "offset": member}):
        with contextlib.suppress(WireError):
            parse(json.dumps({"kind": kind, name: value}))


@settings(deadline=None)
@given(st.binary(max_size=2000), st.integers(0, 2**63), st.booleans(), st.none() | st.text(min_size=1))
def test_a_picture_is_read_back(data: bytes, timestamp: int, key: bool, participant: str | None) -> None:
    for kind in MediaType:
        frame = VideoFrame(data, timestamp, key, participant, kind)
        assert parse(encode_video(frame).decode()) == frame


def test_a_picture_has_a_limit() -> None:
    assert len(encode_video(VideoFrame(bytes(390_000), 0, True))) <= MAX_VIDEO_BYTES
    with pytest.raises(WireError, match="524288"):
        encode_video(VideoFrame(bytes(MAX_VIDEO_BYTES * 3 // 4), 0, True))


def test_a_subscription_is_read_back() -> None:
    for subscription in (VideoSubscription("8:nora", "hd1080p"), VideoSubscription("é", None, MediaType.SCREEN)):
        assert parse(encode_subscription(subscription)) == subscription
    with pytest.raises(WireError, match="hd720p"):
        encode_subscription(VideoSubscription("p", "720p"))


def test_a_request_for_a_key_frame_is_read_back() -> None:
    for request in (KeyFrameNeeded(), KeyFrameNeeded("p", MediaType.SCREEN)):
        assert parse(encode_key_frame_needed(request)) == request


# The fast reader: it must say what `parse` says, whatever comes.


def outcome(read: Any, message: Any) -> object:
    try:
        return read(message)
    except (WireError, UnicodeDecodeError) as error:
        return type(error), str(error) if isinstance(error, WireError) else ""


def plain(
    data: str = DATA, time: str = "2026-01-07T10:20:31.123Z", who: str | None = "4:+15550100", silent: str = "false"
) -> bytes:
    """AudioData in the form that the platform sends."""
    participant = "" if who is None else f'"participantRawID":"{who}",'
    return (
        f'{{"kind":"AudioData","audioData":{{"timestamp":"{time}",{participant}"data":"{data}","silent":{silent}}}}}'
    ).encode("utf-8", "surrogatepass")


def agree(reader: Reader, message: bytes) -> None:
    assert outcome(reader.read, message) == outcome(lambda raw: parse(raw.decode()), message)


def test_the_plain_form_does_not_reach_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    for message in (plain(), plain(who=None), plain(silent="true"), plain(who=None, silent="true")):
        reader.read(message)
    monkeypatch.setattr("dialtone.media.wire.parse", None)
    other = base64.b64encode(bytes(640)).decode()
    assert reader.read(plain(other, "2026-01-07T10:20:31.143Z")) == AudioFrame(
        bytes(640), "2026-01-07T10:20:31.143Z", "4:+15550100"
    )
    assert reader.read(plain(other, who=None, silent="true")) == AudioFrame(
        bytes(640), "2026-01-07T10:20:31.123Z", None, True
    )


def picture(data: str = DATA, **members: Any) -> bytes:
    """VideoData in the form that the platform sends."""
    body = {"participantRawID": "4:+1", "mediaType": "video", "timestamp": 12, "keyFrame": True, **members, "data": "~"}
    text = json.dumps({"kind": "VideoData", "videoData": body}, separators=(",", ":"), ensure_ascii=False)
    return text.replace("~", data).encode("utf-8", "surrogatepass")


def test_a_picture_does_not_reach_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialtone.media.wire.parse", None)
    assert Reader().read(picture()) == VideoFrame(PCM, 12, True, "4:+1", MediaType.VIDEO)
    shared = picture("AAAA", mediaType="vbss", timestamp=-1, keyFrame=False)
    assert Reader().read(shared) == VideoFrame(bytes(3), -1, False, "4:+1", MediaType.SCREEN)
    unnamed = picture("").replace(b'"participantRawID":"4:+1",', b"")
    assert Reader().read(unnamed) == VideoFrame(b"", 12, True, None, MediaType.VIDEO)


@pytest.mark.parametrize(
    "message",
    [
        picture(data="AA=A"),
        picture(data='AAAA","Data":"AAA='),
        picture(data='AAAA","more":"AAAA'),
        picture(data='AAAA"},"VIDEODATA":{"data":"'),
        picture(data="AAAA\n"),
        picture(participantRawID=""),
        picture(participantRawID="\n"),
        picture(participantRawID="\u2028"),
        picture(timestamp=10**17),
        picture(timestamp=10**18),
        picture(timestamp=1.0),
        picture().replace(b":12,", b":012,"),
        picture().replace(b":12,", b":-0,"),
        picture().replace(b"4:", b"\xff"),
        picture().replace(b"4:", b"\\n"),
        picture(timestamp=-1),
        picture(timestamp=None),
        picture(keyFrame="true"),
        picture(more={"data": "AAAA"}),
        picture()[:-1],
        b'{"kind":"VideoData",',
        b'{"kind":"VideoData","kind":"AudioData","videoData":{"data":"AAAA"}}',
        b'{"kind":"VideoData","videoData":["data:"]}',
        b'{"kind":"VideoData","videoData":' + b"[" * 100_000,
        b'{"kind":"VideoData","videoData":{"data":"AA\xff\xff"}}',
    ],
)
def test_a_picture_that_parse_has_to_judge(message: bytes) -> None:
    agree(Reader(), message)


def test_who_invents_names_costs_no_memory() -> None:
    reader = Reader()
    for number in range(1000):
        message = plain(who=f"{number}" * (number % 50 + 1))
        agree(reader, message)
    assert len(reader._participants) == len(reader._layouts) == Reader.MAX_LEARNED


pieces = st.sampled_from(
    ['"', "\\", ",", "}", "{", "A", "=", " ", "\n", "\x7f", "é", "\ud800", '","data":"', "silent", "~"]
)


@settings(deadline=None)
@given(
    st.sampled_from(
        [
            plain(),
            plain(who=None),
            plain(silent="true"),
            plain(data="AAAA"),
            plain(who="é"),
            plain(time=""),
            picture(),
            picture("AAAA", participantRawID="é"),
        ]
    ),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 3), pieces), max_size=3),
)
def test_the_fast_reader_says_what_the_parser_says(message: bytes, changes: list[tuple[int, int, str]]) -> None:
    """Of plain messages and of those that are nearly plain, learned or not."""
    reader = Reader()
    for learned in (plain(), plain(who=None), plain(silent="true"), plain(data="AAAA"), plain(time="")):
        reader.read(learned)
    for at, cut, new in changes:
        at %= len(message) + 1
        message = message[:at] + new.encode("utf-8", "surrogatepass") + message[at + cut :]
        agree(reader, message)
    agree(reader, message)


@settings(deadline=None)
@given(st.text(max_size=30), st.none() | st.text(max_size=20), st.text(alphabet="AB+/=\n é", max_size=8))
def test_the_fast_reader_in_messages_of_any_text(time: str, who: str | None, data: str) -> None:
    reader = Reader()
    for message in (plain(data, time, who), plain(data, json.dumps(time)[1:-1], who and json.dumps(who)[1:-1])):
        agree(reader, message)
        agree(reader, message)
