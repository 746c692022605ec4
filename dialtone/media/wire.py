"""The wire of a media stream, as Azure Communication Services speaks it.

1. The platform is the WebSocket client. Every message is text: one JSON object with a `kind` and a member
   named after the kind.
2. The first message is AudioMetadata, which states the format; AudioData follows, 50 a second each way.
3. Audio is PCM, signed 16 bit little-endian, one channel, in base64: 20 ms a message, so 640 bytes at
   16,000 Hz and 960 at 24,000 Hz.
4. Names of members and kinds are matched in any letter case: the documents and the SDKs disagree on it.
5. A kind that is not known here is ignored, for the platform adds kinds.
6. Towards the platform there is one form: the one of the audio streaming documents.

Sources: Azure Communication Services, "Audio streaming overview" and the media streaming quickstart.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

FRAME_BYTES = {16_000: 640, 24_000: 960}
"""Bytes of one 20 ms frame, by sample rate in Hz."""

MAX_MESSAGE_BYTES = 64 * 1024
"""The largest message either side may send."""


class WireError(ValueError):
    """A message breaks the wire. The text names the member at fault and never what it holds."""


class UnsupportedFormat(WireError):
    """The metadata is well formed, but the format it states is not one of FRAME_BYTES."""


@dataclass(frozen=True, slots=True)
class AudioMetadata:
    """The first message: what the audio that follows looks like."""

    subscription_id: str
    """The platform's name for this stream; empty if it gave none."""
    sample_rate: int
    """Hz."""
    frame_bytes: int
    """Bytes of PCM in each frame."""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """20 ms of sound."""

    pcm: bytes
    """Signed 16 bit little-endian, one channel."""
    timestamp: str = ""
    """When the platform heard it, ISO 8601, as it came; precision varies."""
    participant: str | None = None
    """Raw id of the speaker; None where the platform mixed the speakers."""
    silent: bool = False
    """The platform's own opinion that the frame holds only silence."""


def parse(text: str) -> AudioMetadata | AudioFrame | None:
    """Read one message of the platform; None for a kind that is not known here.

    Raises WireError, and UnsupportedFormat for metadata of a format that cannot be read.
    """
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("the message is not JSON") from None
    message = _folded(message, "the message")
    kind = message.get("kind")
    if not isinstance(kind, str):
        raise WireError("kind is missing or not a text")
    match kind.lower():
        case "audiometadata":
            return _metadata(_folded(message.get("audiometadata"), "audioMetadata"))
        case "audiodata":
            return _frame(_folded(message.get("audiodata"), "audioData"))
        case _:
            return None


def encode(frame: AudioFrame) -> str:
    """Write the message that makes the platform play `frame`."""
    data = base64.b64encode(frame.pcm).decode()
    return f'{{"Kind":"AudioData","AudioData":{{"Data":"{data}"}},"StopAudio":null}}'


def _metadata(body: dict[str, Any]) -> AudioMetadata:
    subscription_id = body.get("subscriptionid", "")
    if not isinstance(subscription_id, str):
        raise WireError("audioMetadata.subscriptionId is not a text")
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
    if encoding.upper() != "PCM" or channels != 1 or FRAME_BYTES.get(sample_rate) != length:
        raise UnsupportedFormat("only PCM with one channel in frames of 20 ms at 16 or 24 kHz is understood")
    return AudioMetadata(subscription_id, sample_rate, length)


def _frame(body: dict[str, Any]) -> AudioFrame:
    data = body.get("data")
    if not isinstance(data, str):
        raise WireError("audioData.data is missing or not a text")
    try:
        pcm = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise WireError("audioData.data is not base64") from None
    timestamp = body.get("timestamp") or ""
    participant = body.get("participantrawid", body.get("participantid")) or None
    silent = body.get("silent", body.get("issilent", body.get("issilence"))) or False
    if not isinstance(timestamp, str):
        raise WireError("audioData.timestamp is not a text")
    if participant is not None and not isinstance(participant, str):
        raise WireError("audioData.participantRawID is not a text")
    if not isinstance(silent, bool):
        raise WireError("audioData.silent is not true or false")
    return AudioFrame(pcm, timestamp, participant, silent)


def _folded(value: object, what: str) -> dict[str, Any]:
    """Return the object's members by lower-case name."""
    if not isinstance(value, dict):
        raise WireError(f"{what} is missing or not an object")
    return {name.lower(): member for name, member in value.items()}
