"""WAV files, and whether their sound is fit for a telephone line.

Thresholds are in dB below full scale (0 dB is a sample of 32,767). Speech that is well recorded peaks between -12 and
-1 dB and has a level of -30 to -16 dB; noise of a quiet room is below -60 dB.
"""

import math
import struct
import sys
from array import array
from dataclasses import dataclass
from operator import mul
from typing import Final

from dialtone.errors import BotError

RATE: Final = 16_000
HEADER: Final = 44
PLAIN: Final = "PCM, 16 bit, mono, 16 kHz"
SECONDS_MIN: Final = 0.1
SILENT_DB: Final = -50.0
"""A peak below it is silence."""
QUIET_DB: Final = -45.0
"""A level below it is too quiet."""
CLIPPED_PART: Final = 0.005
"""Part of the samples that are at the highest or the lowest value, if those are near full scale."""
GAP_S: Final = 8.0
"""Seconds of silence in one piece."""

_CHUNK: Final = struct.Struct("<4sI")
_FORMAT: Final = struct.Struct("<HHIIHH")
_PCM, _EXTENSIBLE = 1, 0xFFFE
_OPEN: Final = (0, 0xFFFFFFFF)
_CODECS: Final = {3: "floating point", 6: "A-law", 7: "µ-law", 2: "ADPCM", 17: "IMA ADPCM", 49: "GSM", 85: "MP3 in WAV"}
_WINDOW: Final = RATE // 50


@dataclass(frozen=True, slots=True)
class Wav:
    """A file, read. `told` says its format in words; `plain` that it is PLAIN, and `pcm` has its samples then."""

    told: str
    plain: bool
    pcm: bytes = b""


def read(data: bytes) -> Wav:
    """Read a WAV file. Raises BotError (PROMPT_BROKEN, PROMPT_TRUNCATED, PROMPT_EMPTY)."""
    if data[:4] != b"RIFF":
        raise _bad(
            "BROKEN", f"it is {data[:4].decode('ascii', 'replace')}, a kind of WAV that no platform plays", _SAVE
        )
    form: tuple[int, int, int, int, int, int] | None = None
    codec = 0
    at = 12
    while at + _CHUNK.size <= len(data):
        name, size = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        left = len(data) - at
        if name == b"fmt ":
            if left < _FORMAT.size:
                break
            if size < _FORMAT.size:
                raise _bad("BROKEN", "the description of its format is too short", _SAVE)
            form = _FORMAT.unpack_from(data, at)
            codec = form[0]
            if codec == _EXTENSIBLE and min(size, left) >= 26:
                (codec,) = struct.unpack_from("<H", data, at + 24)
        elif name == b"data":
            return _samples(data[at:], size, form, codec)
        at += size + size % 2
    raise _bad("TRUNCATED", "it ends before its sound begins", "upload it again; the upload was cut, or the file is")


_SAVE: Final = f"save it anew as WAV: {PLAIN}"


def _samples(rest: bytes, size: int, form: tuple[int, int, int, int, int, int] | None, codec: int) -> Wav:
    if form is None:
        raise _bad("BROKEN", "it does not say what format its sound has", _SAVE)
    _, channels, rate, _, align, bits = form
    if not channels or not rate or not align:
        raise _bad("BROKEN", "its format has no channels or no samples a second", _SAVE)
    if size in _OPEN:
        # A program that writes while it records may leave the length open: then the sound goes on to the end.
        size = len(rest) - len(rest) % align
    if size > len(rest):
        lost = 100 * (size - len(rest)) // size
        raise _bad(
            "TRUNCATED", f"{lost} % of its sound is missing", "upload it again; the upload was cut, or the file is"
        )
    if not size:
        raise _bad("EMPTY", "there is no sound in it", "record it again")
    kind = _CODECS.get(codec, "PCM" if codec == _PCM else f"codec {codec}")
    how = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")
    told = f"{kind}, {bits} bit, {how}, {rate / 1000:g} kHz"
    plain = (codec, channels, rate, bits) == (_PCM, 1, RATE, 16)
    if plain and align != 2:
        raise _bad("BROKEN", "its format contradicts itself", _SAVE)
    return Wav(told, plain, rest[: size - size % 2] if plain else b"")


def write(pcm: bytes, rate: int) -> bytes:
    """A WAV file of PCM, 16 bit, mono, with nothing in it but the sound."""
    form = _FORMAT.pack(_PCM, 1, rate, 2 * rate, 2, 16)
    parts = (b"WAVE", _CHUNK.pack(b"fmt ", len(form)), form, _CHUNK.pack(b"data", len(pcm)), pcm)
    return _CHUNK.pack(b"RIFF", sum(map(len, parts))) + b"".join(parts)


def check(pcm: bytes) -> float:
    """The level of a sound (PCM, 16 bit, mono, 16 kHz). Raises BotError for what callers could not understand."""
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    seconds = len(samples) / RATE
    if seconds < SECONDS_MIN:
        raise _bad("SHORT", f"it lasts {seconds:.2f} s", "record it again: something was said too early, or cut away")
    high, low = max(samples), min(samples)
    peak = max(high, -low, 1)
    if _decibels(peak) < SILENT_DB:
        raise _bad("SILENT", "it is silent", "look whether the microphone was on, and record it again")
    level = _decibels(math.sqrt(sum(map(mul, samples, samples)) / len(samples)))
    if level < QUIET_DB:
        raise _bad(
            "QUIET", f"its level is {level:.0f} dB; callers hear {QUIET_DB:.0f} dB and more", "raise it to about -20 dB"
        )
    cut = samples.count(high) + samples.count(low)
    if peak > 29_000 and cut > CLIPPED_PART * len(samples):
        raise _bad(
            "CLIPPED",
            f"{100 * cut / len(samples):.1f} % of its samples are cut off",
            "record it again with less gain; turning it down afterwards does not mend it",
        )
    gap, begins = _longest_silence(samples)
    if gap > GAP_S:
        raise _bad(
            "GAP",
            f"it is silent for {gap:.0f} s from {begins:.0f} s on; a caller takes the line for dead",
            "cut the silence out, or ask for it by silence_ms in the bot",
        )
    return level


def is_mpeg_frame(head: bytes) -> bool:
    """Whether a file begins with a frame of MPEG audio (ISO/IEC 11172-3, 2.4.2.3)."""
    return len(head) > 2 and head[0] == 0xFF and head[1] >= 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 == 0x02


def _longest_silence(samples: "array[int]") -> tuple[float, float]:
    """The seconds that the longest silence lasts, and where it begins."""
    limit = round(32_767 * 10 ** (SILENT_DB / 20))
    longest = start = began = 0
    count = 0
    for at in range(0, len(samples), _WINDOW):
        window = samples[at : at + _WINDOW]
        if max(window) > limit or min(window) < -limit:
            count = 0
            continue
        if not count:
            start = at
        count += 1
        if count > longest:
            longest, began = count, start
    return longest * _WINDOW / RATE, began / RATE


def _decibels(value: float) -> float:
    return 20 * math.log10(max(value, 1e-3) / 32_767)


def _bad(code: str, message: str, fix: str) -> BotError:
    return BotError(message, field="data", fix=fix, code=f"PROMPT_{code}")
