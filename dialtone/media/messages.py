"""What a media stream carries, as values: sound, pictures, keys, and what was understood of the speech.

1. Sound is PCM, signed 16 bit little-endian, one channel, in frames of 20 ms: 640 bytes at 16 kHz, 960 at 24 kHz.
2. A picture is an access unit of H.264: all that belongs to one picture, in Annex B form (each part after 00 00 01).
3. Moments and lengths on the wire count ticks of 100 ns. Here lengths are seconds, and a picture's moment stays ticks.

`AudioFrame` is a tuple because a worker makes a hundred thousand of them a second, and no class is made faster.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

FRAME_BYTES: Final = {16_000: 640, 24_000: 960}
"""Bytes of one 20 ms frame of sound, by sample rate in Hz."""

_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TONES: Final = {
    **{str(digit): name for digit, name in enumerate(_DIGITS)},
    **{letter: letter.lower() for letter in "ABCD"},
    "*": "asterisk",
    "#": "pound",
}
"""The name of each key in the platform's callbacks, by the character that a stream says."""


@dataclass(frozen=True, slots=True)
class AudioMetadata:
    """The first message of a stream: what the sound that follows looks like."""

    subscription_id: str
    """The platform's name for this stream; empty if it gave none."""
    sample_rate: int
    """Hz."""
    frame_bytes: int
    """Bytes of PCM in each frame."""


class AudioFrame(NamedTuple):
    """20 ms of the sound of a call."""

    pcm: bytes
    """Samples of one channel, signed 16 bit, little-endian: 640 bytes at 16 kHz, 960 at 24 kHz."""
    timestamp: str = ""
    """When the platform heard it, ISO 8601, as it came; precision varies."""
    participant: str | None = None
    """Raw id of the speaker; None where the platform mixed the speakers."""
    silent: bool = False
    """The platform's own opinion that the frame holds only silence. Its bytes may be noise all the same."""


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key that was pressed."""

    tone: str
    """One of `0123456789*#ABCD`."""
    timestamp: str = ""
    participant: str | None = None

    @property
    def name(self) -> str:
        """What the platform's callbacks call it, such as `pound`."""
        return TONES[self.tone]


class Voice(NamedTuple):
    """Somebody begins to speak, or has ended."""

    speaking: bool
    participant: str | None = None
    """Raw id; None where the platform mixes the speakers."""


@dataclass(frozen=True, slots=True)
class StopAudio:
    """From the bot: throw away what was sent and is not played yet."""


@dataclass(frozen=True, slots=True)
class TranscriptionMetadata:
    """The first message of a stream of text."""

    subscription_id: str
    locale: str
    call_id: str
    """The platform's name for the call (callConnectionId)."""
    correlation_id: str


class Word(NamedTuple):
    """A word and when it was spoken, in seconds from the start of the stream."""

    text: str
    start: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was understood of the speech."""

    text: str
    final: bool
    """Whether it will not change any more. Others come only where they were asked for."""
    start: float
    """Seconds from the start of the stream."""
    seconds: float
    confidence: float
    """0 to 1; 0 where the platform gave none."""
    words: tuple[Word, ...] = ()
    participant: str | None = None
    format: str = ""


class MediaType(StrEnum):
    """What pictures show."""

    VIDEO = "video"
    """A camera."""
    SCREEN = "vbss"
    """A shared screen, which the calling platforms name video based screen sharing."""


@dataclass(frozen=True, slots=True)
class VideoMetadata:
    """What the pictures of one source look like. It comes before the first of them, and again when it changes."""

    width: int
    height: int
    fps: float
    participant: str | None = None
    media_type: MediaType = MediaType.VIDEO


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One picture of a call's video."""

    data: bytes
    """An access unit of H.264 in Annex B form: all that belongs to the picture (rule 2)."""
    timestamp: int
    """Ticks of 100 ns; where they count from, the sender says nothing of."""
    key: bool
    """Whether it can be understood without the pictures before it."""
    participant: str | None = None
    media_type: MediaType = MediaType.VIDEO


@dataclass(frozen=True, slots=True)
class VideoSubscription:
    """From the bot: send the pictures of this participant, scaled down to `resolution`; None ends it."""

    participant: str
    resolution: str | None
    """One of `dialtone.media.frames.RESOLUTIONS`."""
    media_type: MediaType = MediaType.VIDEO


@dataclass(frozen=True, slots=True)
class KeyFrameNeeded:
    """Either way: the other side cannot go on without a picture that stands alone."""

    participant: str | None = None
    media_type: MediaType = MediaType.VIDEO


Message = (
    AudioMetadata
    | AudioFrame
    | Dtmf
    | StopAudio
    | TranscriptionMetadata
    | Transcription
    | VideoMetadata
    | VideoFrame
    | VideoSubscription
    | KeyFrameNeeded
)
"""All that a stream carries, either way."""


def is_key_frame(data: bytes) -> bool:
    """Whether an access unit has a picture that stands alone: a NAL unit of type 5 (ITU-T H.264, table 7-1).

    Looks at the starts of NAL units until the first slice (types 1 to 5), so it costs little for any size.
    """
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        kind = data[at + 3] & 0x1F
        if 1 <= kind <= 5:
            return kind == 5
        at = data.find(b"\0\0\1", at + 3)
    return False
