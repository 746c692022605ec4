"""How recordings are written: WAV, whose header says how long it is, and MP3, which has none.

MP3 is made by PyAV, which is not in the worker's image: its wheels carry FFmpeg, whose licence is not permissive.
`pip install 'dialtone[mp3]'` where that is fine.
"""

import importlib.util
import struct
from collections.abc import Callable
from typing import Any, Final, Protocol

from dialtone.media.stream import MediaError
from dialtone.storage.recordings import WAV_HEADER_BYTES

MP3_BITS: Final = 48_000
"""Bits a second of each channel: what Azure Communication Services records with."""


class Encoding(Protocol):
    """One recording's. Blocks are in order."""

    bytes_a_second: int
    is_slow: bool
    """Whether `encode` is to run in a thread, one call at a time."""

    def encode(self, pcm: bytes, *, last: bool) -> bytes:
        """What follows in the file; after the `last` nothing more does, but asking again gives nothing."""

    def header(self, size: int) -> bytes:
        """What the file begins with when `size` bytes of blocks follow; empty for none."""


class Wav:
    """PCM, as it is."""

    is_slow = False

    def __init__(self, rate: int, channels: int) -> None:
        self.bytes_a_second = rate * 2 * channels
        self._rate, self._channels = rate, channels

    def encode(self, pcm: bytes, *, last: bool) -> bytes:
        """See `Encoding`."""
        return pcm

    def header(self, size: int) -> bytes:
        """See `Encoding`."""
        channels = self._channels
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", WAV_HEADER_BYTES - 8 + size, b"WAVE",
            b"fmt ", 16, 1, channels, self._rate, self.bytes_a_second, 2 * channels, 16,
            b"data", size,
        )  # fmt: skip


class Mp3:
    """MP3 of a constant rate, by LAME. Raises MediaError where PyAV is not installed."""

    is_slow = True

    def __init__(self, rate: int, channels: int) -> None:
        if not importlib.util.find_spec("av"):
            raise MediaError("MP3 needs PyAV, which is not installed: pip install 'dialtone[mp3]', or record as wav")
        self._rate, self._channels = rate, channels
        self.bytes_a_second = MP3_BITS * channels // 8
        self._encoder: Any = None
        self._rest = b""
        self._samples = 0
        self._is_over = False

    def encode(self, pcm: bytes, *, last: bool) -> bytes:
        """See `Encoding`."""
        if self._is_over:
            return b""
        if self._encoder is None:
            self._encoder = self._open()
        encoder, self._is_over = self._encoder, last
        pcm = self._rest + pcm
        step = encoder.frame_size * 2 * self._channels
        end = len(pcm) if last else len(pcm) - len(pcm) % step
        self._rest = pcm[end:]
        made = bytearray()
        for at in range(0, end, step):
            for packet in encoder.encode(self._frame(pcm[at : min(at + step, end)])):
                made += bytes(packet)
        for packet in encoder.encode(None) if last else ():
            made += bytes(packet)
        return bytes(made)

    def header(self, size: int) -> bytes:
        """See `Encoding`."""
        return b""

    def _open(self) -> Any:
        import av

        encoder = av.CodecContext.create("libmp3lame", "w")
        encoder.sample_rate, encoder.layout, encoder.format = self._rate, self._layout, "s16p"
        encoder.bit_rate = MP3_BITS * self._channels
        encoder.open()
        return encoder

    @property
    def _layout(self) -> str:
        return "stereo" if self._channels == 2 else "mono"

    def _frame(self, pcm: bytes) -> Any:
        import av
        import numpy as np

        samples = np.frombuffer(pcm, "<i2").reshape(-1, self._channels)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T), format="s16p", layout=self._layout)
        frame.sample_rate, frame.pts = self._rate, self._samples
        self._samples += len(samples)
        return frame


ENCODINGS: Final[dict[str, Callable[[int, int], Encoding]]] = {"wav": Wav, "mp3": Mp3}
"""By format: each is made for a rate and a number of channels."""
