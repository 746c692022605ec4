"""Arithmetic on sound, by numpy: one call of it does what a loop of Python needs 300 times as long for.

Sound is PCM, signed 16 bit little-endian. numpy costs 25 MB of a process, and is imported at start for all that: at its
first use it would stop every stream for as long as that takes.
"""

import struct
from typing import Final

import numpy as np

from dialtone.media.stream import MediaError

MIN_RATE: Final = 8_000
MAX_RATE: Final = 48_000


def mix(voices: list[bytes]) -> bytes:
    """The sum of frames of one length, cut off at the largest sample."""
    total = np.frombuffer(voices[0], "<i2").astype(np.int32)
    for voice in voices[1:]:
        total += np.frombuffer(voice, "<i2")
    return np.clip(total, -32768, 32767).astype("<i2").tobytes()


def mix_minus(voices: list[bytes]) -> list[bytes]:
    """For each of the frames, the sum of all the others."""
    samples = np.stack([np.frombuffer(voice, "<i2") for voice in voices]).astype(np.int32)
    others = np.clip(samples.sum(axis=0) - samples, -32768, 32767).astype("<i2")
    return [row.tobytes() for row in others]


def pcm_of(wav: bytes, rate: int) -> bytes:
    """The sound of a WAV file as one channel of `rate` samples a second.

    The file is PCM of 16 bits with one or two channels at 8 to 48 kHz. Raises MediaError for another.
    """
    channels, source, pcm = _read_wav(wav)
    samples = np.frombuffer(pcm[: len(pcm) - len(pcm) % (2 * channels)], "<i2")
    if channels == 2:
        samples = (samples.reshape(-1, 2).astype(np.int32).sum(axis=1) // 2).astype("<i2")
    return resample(samples.tobytes(), source, rate)


def _read_wav(wav: bytes) -> tuple[int, int, bytes]:
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        raise MediaError("it is not a WAV file; play WAV with PCM of 16 bits")
    at, form = 12, None
    while at + 8 <= len(wav):
        name, size = struct.unpack_from("<4sI", wav, at)
        at += 8
        if name == b"fmt " and size >= 16 and at + 16 <= len(wav):
            form = struct.unpack_from("<HHIIHH", wav, at)
        elif name == b"data":
            if form is None:
                break
            kind, channels, rate, _, _, bits = form
            # 0xFFFE says that the kind is told further on; with 16 bits it is PCM all the same.
            if kind not in (1, 0xFFFE) or bits != 16 or channels not in (1, 2) or not MIN_RATE <= rate <= MAX_RATE:
                raise MediaError(
                    f"a WAV file of kind {kind}, {bits} bits, {channels} channels and {rate} Hz is not understood; "
                    "convert it to PCM of 16 bits, one channel, 16000 Hz"
                )
            return channels, rate, wav[at : at + size]
        at += size + size % 2
    raise MediaError("the WAV file has no sound in it, or no format before it")


def resample(pcm: bytes, source: int, target: int) -> bytes:
    """All of a sound at another rate. For a stream of frames, use `Resampler`."""
    if source == target:
        return pcm
    resampler = Resampler(source, target)
    return resampler.take(pcm) + resampler.flush()


class Resampler:
    """Changes the rate of a stream of sound, between 8, 16, 24 kHz and whatever else is in a whole ratio below 960.

    A windowed sinc of 32 zero crossings at the lower of both rates (Kaiser, beta 8): flat to 0.85 of the lower
    Nyquist frequency, images and aliases below -60 dB from 1.15 of it on. The last 16 samples of the lower rate are
    given back when more follows, or by `flush`.
    """

    ZEROS: Final = 16

    def __init__(self, source: int, target: int) -> None:
        from math import gcd

        common = gcd(source, target)
        self._up, self._down = target // common, source // common
        if self._up > 960 or self._down > 960:
            raise MediaError(f"sound of {source} Hz cannot be brought to {target} Hz")
        widest = max(self._up, self._down)
        half = self.ZEROS * widest
        time = np.arange(-half, half + 1) / widest
        taps = np.sinc(time) * np.kaiser(2 * half + 1, 8.0) * (self._up / widest)
        # One short filter for each phase: row p holds the taps p, p + up, p + 2 up …, turned round.
        length = -(-len(taps) // self._up)
        padded = np.zeros(length * self._up)
        padded[: len(taps)] = taps
        phases = padded.reshape(length, self._up).T[:, ::-1]
        self._phases = np.ascontiguousarray(phases, dtype=np.float32)
        self._length = length
        self._past = np.zeros(length - 1, np.float32)
        self._next = half
        """The next sample to make, in steps of the common rate, counted from the first of `_past` that is new."""
        self._left = 0

    def take(self, pcm: bytes) -> bytes:
        """The sound that follows, as far as it can be made yet."""
        fresh = np.frombuffer(pcm, "<i2").astype(np.float32)
        samples = np.concatenate((self._past, fresh))
        # Output at step n uses input samples up to n // up; those before the stream are zero.
        steps = np.arange(self._next, len(fresh) * self._up, self._down)
        self._next = (self._next + len(steps) * self._down) - len(fresh) * self._up
        self._past = samples[len(samples) - (self._length - 1) :]
        if not len(steps):
            return b""
        rows = np.lib.stride_tricks.sliding_window_view(samples, self._length)[steps // self._up]
        made = np.einsum("ij,ij->i", rows, self._phases[steps % self._up])
        sound: bytes = np.clip(np.rint(made), -32768, 32767).astype("<i2").tobytes()
        return sound

    def flush(self) -> bytes:
        """What is still on its way; the stream begins anew after it."""
        rest = self.take(bytes(2 * (-(-self.ZEROS * max(self._up, self._down) // self._up))))
        self._past = np.zeros(self._length - 1, np.float32)
        self._next = self.ZEROS * max(self._up, self._down)
        return rest
