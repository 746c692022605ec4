"""The messages of a stream as the platform writes them, in any of the casings that platforms were seen to use.

The bot's side of this wire is `dialtone.media.wire`, which also describes it.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from dialtone.media.messages import FRAME_BYTES, AudioFrame, Dtmf, KeyFrameNeeded, Transcription, VideoFrame
from dialtone.media.messages import VideoMetadata as Camera
from dialtone.media.wire import TICKS_PER_SECOND
from simulator.media.options import Casing

_CASES: Final[dict[Casing, Callable[[str], str]]] = {
    Casing.CAMEL: str,
    Casing.PREVIEW: str,
    Casing.PASCAL: lambda name: name[:1].upper() + name[1:],
    Casing.LOWER: str.lower,
    Casing.UPPER: str.upper,
}


class Writer:
    """Writes the messages of one stream."""

    def __init__(self, casing: Casing = Casing.CAMEL) -> None:
        self._casing = casing
        self._case = _CASES[casing]

    def metadata(self, subscription_id: str, rate: int) -> str:
        """AudioMetadata: the first message."""
        return self._message(
            "AudioMetadata",
            subscriptionId=subscription_id,
            encoding="PCM",
            sampleRate=rate,
            channels=1,
            length=FRAME_BYTES[rate],
        )

    def audio(self, frame: AudioFrame) -> str:
        """AudioData."""
        who = {} if frame.participant is None else {"participantRawID": frame.participant}
        data = b64encode(frame.pcm).decode()
        if self._casing is Casing.PREVIEW:
            old = {} if frame.participant is None else {"ParticipantId": frame.participant}
            return _text({"AudioData": data, **old, "Timestamp": frame.timestamp, "IsSilence": frame.silent})
        return self._message("AudioData", timestamp=frame.timestamp, **who, data=data, silent=frame.silent)

    def key(self, key: Dtmf) -> str:
        """DtmfData."""
        return self._message("DtmfData", data=key.tone)

    def camera(self, camera: Camera) -> str:
        """VideoMetadata."""
        return self._message(
            "VideoMetadata",
            participantRawID=camera.participant,
            mediaType=str(camera.media_type),
            encoding="H264",
            width=camera.width,
            height=camera.height,
            fps=camera.fps,
        )

    def picture(self, picture: VideoFrame) -> str:
        """VideoData."""
        return self._message(
            "VideoData",
            participantRawID=picture.participant,
            mediaType=str(picture.media_type),
            timestamp=picture.timestamp,
            keyFrame=picture.key,
            data=b64encode(picture.data).decode(),
        )

    def key_frame_needed(self, needed: KeyFrameNeeded) -> str:
        """VideoKeyFrameNeeded."""
        return self._message(
            "VideoKeyFrameNeeded", participantRawID=needed.participant, mediaType=str(needed.media_type)
        )

    def transcription_metadata(self, subscription_id: str, locale: str, call_id: str) -> str:
        """TranscriptionMetadata: the first message of a connection for text."""
        return self._message(
            "TranscriptionMetadata",
            subscriptionId=subscription_id,
            locale=locale,
            callConnectionId=call_id,
            correlationId=subscription_id,
        )

    def transcription(self, caption: Transcription) -> str:
        """TranscriptionData."""
        words = [
            {"text": word.text, "offset": _ticks(word.start), "duration": _ticks(word.seconds)}
            for word in caption.words
        ]
        return self._message(
            "TranscriptionData",
            text=caption.text,
            format=caption.format or "display",
            confidence=caption.confidence,
            offset=_ticks(caption.start),
            duration=_ticks(caption.seconds),
            words=words,
            participantRawID=caption.participant,
            resultStatus="Final" if caption.final else "Intermediate",
        )

    def _message(self, kind: str, **body: Any) -> str:
        member = kind[0].lower() + kind[1:]
        cased = {self._case(name): value for name, value in body.items()}
        return _text({self._case("kind"): kind, self._case(member): cased})


def _text(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _ticks(seconds: float) -> int:
    return round(seconds * TICKS_PER_SECOND)
