"""Sounds of the kit's own that platforms fetch: the beep before a recording, and silence. WAV, 16 kHz, 16 bit, mono."""

import io
import math
import re
import struct
import wave
from functools import lru_cache
from typing import Final

from dialtone.protocol.rules.limits import PROMPT_SILENCE_MAX_MS

RATE: Final = 16_000
BEEP_S: Final = 0.25
BEEP_HZ: Final = 1000.0
_LEVEL: Final = 8000
_FADE: Final = RATE // 200
_SILENCE: Final = re.compile(r"silence-([1-9][0-9]{0,4})\.wav", re.ASCII)


@lru_cache(maxsize=8)
def sound_of(name: str) -> bytes | None:
    """The file of this name, `beep.wav` or `silence-<milliseconds>.wav`; None for any other, and for more than 60 s."""
    if name == "beep.wav":
        return _wav(_beep())
    found = _SILENCE.fullmatch(name)
    if found is None or int(found[1]) > PROMPT_SILENCE_MAX_MS:
        return None
    return _wav(bytes(2 * RATE * int(found[1]) // 1000 // 2 * 2))


def _beep() -> bytes:
    """A tone that fades in and out, so that it does not click."""
    count = round(BEEP_S * RATE)
    samples = (
        round(_LEVEL * min(1.0, at / _FADE, (count - 1 - at) / _FADE) * math.sin(2 * math.pi * BEEP_HZ * at / RATE))
        for at in range(count)
    )
    return struct.pack(f"<{count}h", *samples)


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes(pcm)
    return file.getvalue()
