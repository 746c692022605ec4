"""Sound in the simulator: PCM, 16-bit little-endian, mono, 16 kHz, and the files it is kept in.

Encoding and decoding are PyAV's (FFmpeg).
"""

import io
import wave
from collections.abc import Collection
from typing import Final

import av
import numpy as np

RATE: Final = 16_000
"""Samples per second."""
BYTES_PER_SECOND: Final = 2 * RATE
FORMATS: Final = ("wav", "wma", "mp3")

_BIT_RATE: Final = 32_000
_CONTAINERS: Final = {"wma": ("asf", "wmav2"), "mp3": ("mp3", "libmp3lame")}
_FORMAT_OF_CONTAINER: Final = {"wav": "wav", "asf": "wma", "mp3": "mp3"}
_WMA_FRAME_BYTES: Final = 2 * 512
_LEVEL: Final = 8_000
_RAMP: Final = RATE // 200


class AudioError(ValueError):
    """Bytes that are not sound in an accepted format."""


def seconds_of(pcm: bytes) -> float:
    """Length in seconds."""
    return len(pcm) / BYTES_PER_SECOND


def silence(seconds: float) -> bytes:
    """Digital silence."""
    return bytes(2 * round(seconds * RATE))


def tone(seconds: float, hertz: float = 1000.0) -> bytes:
    """A sine at a quarter of full scale, with 5 ms of fading at both ends so that it does not click."""
    at = np.arange(round(seconds * RATE))
    fade = np.minimum(1.0, np.minimum(at, at[::-1]) / _RAMP)
    return (_LEVEL * fade * np.sin(2 * np.pi * hertz * at / RATE)).astype("<i2").tobytes()


def resample(pcm: bytes, rate: int) -> bytes:
    """PCM of another sample rate (Hz), at 16 kHz."""
    frame = _frame(pcm, rate)
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    return b"".join(part.to_ndarray().tobytes() for each in (frame, None) for part in resampler.resample(each))


class Resampler:
    """From one sample rate (Hz) to another, piece by piece: what comes out is a little late, and without clicks."""

    def __init__(self, rate: int, to: int) -> None:
        self._rate, self._same = rate, rate == to
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=to)
        self._at = 0

    def feed(self, pcm: bytes) -> bytes:
        """The next piece."""
        if self._same or not pcm:
            return pcm
        frame = _frame(pcm, self._rate)
        frame.pts = self._at
        self._at += frame.samples
        return b"".join(part.to_ndarray().tobytes() for part in self._resampler.resample(frame))


def encode(pcm: bytes, recording_format: str) -> bytes:
    """A whole file of `recording_format`: wav, wma or mp3.

    A WMA holds whole frames of 32 ms, so it may be that much longer; the others have the exact length.
    """
    out = io.BytesIO()
    if recording_format == "wav":
        with wave.open(out, "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(pcm)
        return out.getvalue()
    if recording_format == "wma":
        # The codec holds whole frames, and the first is lost in decoding.
        pcm = bytes(_WMA_FRAME_BYTES) + pcm + bytes(-len(pcm) % _WMA_FRAME_BYTES)
    container, codec = _CONTAINERS[recording_format]
    with av.open(out, "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = _BIT_RATE
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=RATE)
        for part in (_frame(pcm, RATE), None):
            for frame in resampler.resample(part):
                output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return out.getvalue()


def decode(data: bytes, formats: Collection[str] = FORMATS) -> bytes:
    """The sound of a file in one of `formats`, as PCM.

    Raises `AudioError` for a file in another format, damaged, or without sound.
    """
    allowed = " or ".join(formats)
    try:
        with av.open(io.BytesIO(data), "r") as file:
            if _FORMAT_OF_CONTAINER.get(file.format.name) not in formats:
                raise AudioError(f"the file is {file.format.name}, not {allowed}")
            if not file.streams.audio:
                raise AudioError("the file has no sound")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            frames = [part for frame in file.decode(audio=0) for part in resampler.resample(frame)]
            frames += resampler.resample(None)
    except av.FFmpegError as error:
        raise AudioError(f"the file is not {allowed}: {error.strerror}") from None
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


def _frame(pcm: bytes, rate: int) -> av.AudioFrame:
    samples = np.frombuffer(pcm, dtype="<i2").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate = rate
    frame.pts = 0
    return frame
