"""The wire of a media stream, as Azure Communication Services speaks it, and its extension by video.

1. The platform is the WebSocket client. Every message is text: one JSON object with a `kind` and a member
   named after the kind.
2. The first message is AudioMetadata, which states the format; AudioData follows, 50 a second each way.
3. Audio is PCM, signed 16 bit little-endian, one channel, in base64: 20 ms a message, so 640 bytes at
   16,000 Hz and 960 at 24,000 Hz. Towards the platform a message may hold any whole number of samples.
4. Names of members and kinds are matched in any letter case: the documents and the SDKs disagree on it. Only `kind`
   decides: an SDK puts a `stopAudio` member into messages that are AudioData.
5. A kind that is not known here is ignored, for the platform adds kinds.
6. The preview of 2022 is understood too: an object without `kind` whose `AudioData` is the base64 itself.
7. Towards the platform there is one form: the one of the audio streaming documents.
8. Video is this project's: VideoMetadata, VideoData, VideoSubscription and VideoKeyFrameNeeded follow rules 1, 4 and 7
   (docs/reference/media-wire.md).

Sources: Azure Communication Services, "Audio streaming overview", the media streaming quickstarts of 2022 and 2026,
"Real-time transcription".
"""

import json
import re
from typing import Any, Final

from dialtone.media import frames
from dialtone.media.base64 import decode, encode_bytes, encode_text
from dialtone.media.messages import (
    FRAME_BYTES,
    TONES,
    AudioFrame,
    AudioMetadata,
    Dtmf,
    KeyFrameNeeded,
    MediaType,
    Message,
    StopAudio,
    Transcription,
    TranscriptionMetadata,
    VideoFrame,
    VideoMetadata,
    VideoSubscription,
    Word,
)

MAX_MESSAGE_BYTES: Final = 64 * 1024
"""The largest message either side may send, other than VideoData."""

MAX_VIDEO_BYTES: Final = 512 * 1024
"""The largest VideoData message: an access unit of 384 KiB."""

TICKS_PER_SECOND: Final = 10_000_000
STOP_AUDIO: Final = '{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}'
"""The message that makes the platform throw away what it has not played yet."""


class WireError(ValueError):
    """A message breaks the wire. The text names the member at fault and never what it holds."""


class UnsupportedFormat(WireError):
    """The metadata is well formed, but the format it states is not one of FRAME_BYTES."""


def parse(text: str) -> Message | None:
    """Read one message of either side; None for a kind that is not known here.

    Raises WireError, and UnsupportedFormat for metadata of a format that cannot be read.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("the message is not JSON") from None
    message = _folded(value, "the message")
    kind = message.get("kind")
    if kind is None and isinstance(message.get("audiodata"), str):
        return _frame({**message, "data": message["audiodata"]})
    if not isinstance(kind, str):
        raise WireError("kind is missing or not a text")
    kind = kind.lower()
    if kind == "stopaudio":
        return StopAudio()
    read = _READERS.get(kind)
    if read is None:
        return None
    name, reader = read
    found: Message = reader(_folded(message.get(kind), name))
    return found


class Reader:
    """Reads the messages of one stream from their bytes; what `parse` gives for the text, and several times as fast
    for AudioData and VideoData in the form that the platform sends.

    In that form all of AudioData but the timestamp and the sound is the same again and again. So where the parts of a
    message are is learned from messages that `parse` has read, by their length, and who speaks, by what stands between
    timestamp and sound. A message is taken apart by that only if every byte of it is accounted for; any other goes to
    `parse`. VideoData has one form, whose head a pattern knows.
    """

    MAX_LEARNED: Final = 64
    """Lengths, and participants, that are kept: a peer that invents names costs no memory."""

    def __init__(self) -> None:
        self._layouts: dict[int, tuple[int, int, int]] = {}
        self._participants: dict[bytes, str | None] = {}

    def read(self, payload: bytes) -> Message | None:
        """As `parse`. Raises UnicodeDecodeError for bytes that are not UTF-8."""
        layout = self._layouts.get(len(payload))
        if layout is not None:
            start, data, end = layout
            participant = self._participants.get(payload[start:data], self)
            silent = _ENDS.get(payload[end:])
            if participant is not self and silent is not None and payload.startswith(_PLAIN):
                time = payload[_TIME:start]
                if not time.translate(None, _AS_IT_IS):
                    try:
                        pcm = decode(payload[data:end])
                    except ValueError:
                        pass  # `parse` says what is wrong
                    else:
                        return tuple.__new__(AudioFrame, (pcm, time.decode(), participant, silent))
        if (picture := _read_picture(payload)) is not None:
            return picture
        message = parse(payload.decode())
        if type(message) is AudioFrame and payload.startswith(_PLAIN):
            self._learn(payload, message)
        return message

    def _learn(self, payload: bytes, frame: AudioFrame) -> None:
        start = payload.find(b'"', _TIME)
        end = payload.rfind(b'","silent":')
        between = b'",'
        if frame.participant is not None:
            between += b'"participantRawID":' + json.dumps(frame.participant).encode() + b","
        between += b'"data":"'
        data = start + len(between)
        # Only what `parse` reads in the same way whatever the sound is: these members, in this order, and no other.
        if payload[start:data] == between and b"\\" not in between and payload[end:] in _ENDS and data <= end:
            if len(self._layouts) < self.MAX_LEARNED:
                self._layouts[len(payload)] = start, data, end
            if len(self._participants) < self.MAX_LEARNED:
                self._participants[between] = frame.participant


_PLAIN: Final = b'{"kind":"AudioData","audioData":{"timestamp":"'
_TIME: Final = len(_PLAIN)
_ENDS: Final = {b'","silent":false}}': False, b'","silent":true}}': True}
_AS_IT_IS: Final = bytes(character for character in range(0x20, 0x7F) if character not in b'"\\')
"""What JSON writes as it is."""
_PICTURE: Final = re.compile(
    rb'\{"kind":"VideoData","videoData":\{(?:"participantRawID":"([^"\\\x00-\x1f]+)",)?"mediaType":"(video|vbss)",'
    rb'"timestamp":(0|-?[1-9][0-9]{0,17}),"keyFrame":(true|false),"data":"'
)


def _read_picture(payload: bytes) -> VideoFrame | None:
    """As `parse` of VideoData in the form that the platform sends; None for any other, and for what is wrong."""
    head = _PICTURE.match(payload)
    if head is None or not payload.endswith(b'"}}'):
        return None
    who, kind, timestamp, key = head.groups()
    try:
        # What is base64 has no end of a text in it.
        data = decode(payload[head.end() : -3])
        return VideoFrame(
            data, int(timestamp), key == b"true", None if who is None else who.decode(), _MEDIA_TYPES[kind]
        )
    except ValueError:
        return None


_MEDIA_TYPES: Final = {each.value.encode(): each for each in MediaType}


def encode(frame: AudioFrame | bytes) -> str:
    """Write the message that makes the platform play this sound."""
    return f"{AUDIO_HEAD}{encode_text(frame if isinstance(frame, bytes) else frame.pcm)}{AUDIO_TAIL}"


AUDIO_HEAD: Final = '{"Kind":"AudioData","AudioData":{"Data":"'
AUDIO_TAIL: Final = '"},"StopAudio":null}'
"""What stands before and after the base64 of the sound in a message to the platform."""


def encode_video(frame: VideoFrame) -> bytes:
    """Write the message that makes the platform show this picture. Raises WireError over MAX_VIDEO_BYTES."""
    who = "" if frame.participant is None else f'"ParticipantRawID":{json.dumps(frame.participant)},'
    head = (
        f'{{"Kind":"VideoData","VideoData":{{"Timestamp":{frame.timestamp},{who}"MediaType":"{frame.media_type}",'
        f'"KeyFrame":{"true" if frame.key else "false"},"Data":"'
    )
    payload = b"".join((head.encode(), encode_bytes(frame.data), b'"}}'))
    if len(payload) > MAX_VIDEO_BYTES:
        raise WireError(f"videoData.data is over {MAX_VIDEO_BYTES} bytes in base64")
    return payload


def encode_subscription(subscription: VideoSubscription) -> str:
    """Write the message that subscribes to a participant's pictures. Raises WireError for a resolution that is none."""
    if subscription.resolution is not None and subscription.resolution not in frames.RESOLUTIONS:
        raise WireError(f"videoSubscription.resolution is not one of {', '.join(frames.RESOLUTIONS)}")
    body = {
        "ParticipantRawID": subscription.participant,
        "MediaType": str(subscription.media_type),
        "Resolution": subscription.resolution,
    }
    return json.dumps({"Kind": "VideoSubscription", "VideoSubscription": body}, separators=(",", ":"))


def encode_key_frame_needed(request: KeyFrameNeeded) -> str:
    """Write the message that asks for a picture that stands alone."""
    body = {"ParticipantRawID": request.participant, "MediaType": str(request.media_type)}
    return json.dumps({"Kind": "VideoKeyFrameNeeded", "VideoKeyFrameNeeded": body}, separators=(",", ":"))


def _metadata(body: dict[str, Any]) -> AudioMetadata:
    # The quickstart gives these as the defaults of absent members.
    encoding = body.get("encoding", "PCM")
    sample_rate = body.get("samplerate", 16_000)
    channels = body.get("channels", 1)
    length = body.get("length", 640)
    if not isinstance(encoding, str):
        raise WireError("audioMetadata.encoding is not a text")
    for name, value in (("sampleRate", sample_rate), ("channels", channels), ("length", length)):
        if type(value) is not int:
            raise WireError(f"audioMetadata.{name} is not a whole number")
    subscription_id = _text(body, "subscriptionid", "audioMetadata.subscriptionId", null=False)
    if encoding.upper() != "PCM" or channels != 1 or FRAME_BYTES.get(sample_rate) != length:
        raise UnsupportedFormat("only PCM with one channel in frames of 20 ms at 16 or 24 kHz is understood")
    return AudioMetadata(subscription_id, sample_rate, length)


def _frame(body: dict[str, Any]) -> AudioFrame:
    pcm = _bytes(body, "audioData.data")
    silent = body.get("silent", body.get("issilent", body.get("issilence"))) or False
    timestamp = _text(body, "timestamp", "audioData.timestamp")
    participant = _participant(body, "audioData")
    if not isinstance(silent, bool):
        raise WireError("audioData.silent is not true or false")
    return AudioFrame(pcm, timestamp, participant, silent)


def _dtmf(body: dict[str, Any]) -> Dtmf:
    tone = body.get("data")
    if not isinstance(tone, str) or tone.upper() not in TONES:
        raise WireError("dtmfData.data is not a key")
    return Dtmf(tone.upper(), _text(body, "timestamp", "dtmfData.timestamp"), _participant(body, "dtmfData"))


def _transcription_metadata(body: dict[str, Any]) -> TranscriptionMetadata:
    where = "transcriptionMetadata."
    return TranscriptionMetadata(
        _text(body, "subscriptionid", f"{where}subscriptionId"),
        _text(body, "locale", f"{where}locale"),
        _text(body, "callconnectionid", f"{where}callConnectionId"),
        _text(body, "correlationid", f"{where}correlationId"),
    )


def _transcription(body: dict[str, Any]) -> Transcription:
    words = body.get("words")
    words = [] if words is None else words
    if not isinstance(words, list):
        raise WireError("transcriptionData.words is not a list")
    return Transcription(
        _text(body, "text", "transcriptionData.text"),
        _text(body, "resultstatus", "transcriptionData.resultStatus").lower() == "final",
        _seconds(body, "offset", "transcriptionData.offset"),
        _seconds(body, "duration", "transcriptionData.duration"),
        _number(body, "confidence", "transcriptionData.confidence"),
        tuple(map(_word, words)),
        _participant(body, "transcriptionData"),
        _text(body, "format", "transcriptionData.format"),
    )


def _word(value: object) -> Word:
    body = _folded(value, "transcriptionData.words")
    where = "transcriptionData.words."
    return Word(
        _text(body, "text", f"{where}text"),
        _seconds(body, "offset", f"{where}offset"),
        _seconds(body, "duration", f"{where}duration"),
    )


def _video_metadata(body: dict[str, Any]) -> VideoMetadata:
    width, height = (_whole(body, name, f"videoMetadata.{name}") for name in ("width", "height"))
    fps = _number(body, "fps", "videoMetadata.fps")
    encoding = _text(body, "encoding", "videoMetadata.encoding") or frames.ColorFormat.H264
    if encoding.upper() != frames.ColorFormat.H264 or width < 1 or height < 1 or fps <= 0:
        raise UnsupportedFormat("only H264 with a size and a rate above 0 is understood")
    return VideoMetadata(width, height, fps, _participant(body, "videoMetadata"), _media_type(body, "videoMetadata"))


def _video_frame(body: dict[str, Any]) -> VideoFrame:
    data = _bytes(body, "videoData.data")
    key = body.get("keyframe", False)
    if not isinstance(key, bool):
        raise WireError("videoData.keyFrame is not true or false")
    timestamp = _whole(body, "timestamp", "videoData.timestamp")
    return VideoFrame(data, timestamp, key, _participant(body, "videoData"), _media_type(body, "videoData"))


def _subscription(body: dict[str, Any]) -> VideoSubscription:
    resolution = body.get("resolution")
    if resolution is not None and (not isinstance(resolution, str) or resolution.lower() not in frames.RESOLUTIONS):
        raise WireError("videoSubscription.resolution is not a resolution")
    participant = _participant(body, "videoSubscription")
    if participant is None:
        raise WireError("videoSubscription.participantRawID is missing")
    kind = _media_type(body, "videoSubscription")
    return VideoSubscription(participant, resolution and resolution.lower(), kind)


def _key_frame_needed(body: dict[str, Any]) -> KeyFrameNeeded:
    where = "videoKeyFrameNeeded"
    return KeyFrameNeeded(_participant(body, where), _media_type(body, where))


_READERS: Final[dict[str, tuple[str, Any]]] = {
    name.lower(): (name, reader)
    for name, reader in {
        "audioData": _frame,
        "audioMetadata": _metadata,
        "dtmfData": _dtmf,
        "transcriptionData": _transcription,
        "transcriptionMetadata": _transcription_metadata,
        "videoData": _video_frame,
        "videoMetadata": _video_metadata,
        "videoSubscription": _subscription,
        "videoKeyFrameNeeded": _key_frame_needed,
    }.items()
}


def _folded(value: object, what: str) -> dict[str, Any]:
    """Return the object's members by lower-case name."""
    if not isinstance(value, dict):
        raise WireError(f"{what} is missing or not an object")
    return {name.lower(): member for name, member in value.items()}


def _text(body: dict[str, Any], name: str, where: str, *, null: bool = True) -> str:
    value = body.get(name, "")
    if value is None and null:
        return ""
    if not isinstance(value, str):
        raise WireError(f"{where} is not a text")
    return value


def _participant(body: dict[str, Any], where: str) -> str | None:
    value = body.get("participantrawid", body.get("participantid"))
    if value is not None and not isinstance(value, str):
        raise WireError(f"{where}.participantRawID is not a text")
    return value or None


def _media_type(body: dict[str, Any], where: str) -> MediaType:
    try:
        return MediaType(_text(body, "mediatype", f"{where}.mediaType").lower() or MediaType.VIDEO)
    except ValueError:
        raise WireError(f"{where}.mediaType is not video or vbss") from None


def _bytes(body: dict[str, Any], where: str) -> bytes:
    value = body.get("data")
    if not isinstance(value, str):
        raise WireError(f"{where} is missing or not a text")
    try:
        return decode(value)
    except ValueError:
        raise WireError(f"{where} is not base64") from None


def _whole(body: dict[str, Any], name: str, where: str) -> int:
    value = body.get(name)
    if type(value) is not int:
        raise WireError(f"{where} is missing or not a whole number")
    return value


def _number(body: dict[str, Any], name: str, where: str) -> float:
    value = body.get(name) or 0
    # Python reads NaN and Infinity from JSON, which has neither.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e18:
        raise WireError(f"{where} is not a number")
    return float(value)


def _seconds(body: dict[str, Any], name: str, where: str) -> float:
    return _number(body, name, where) / TICKS_PER_SECOND
