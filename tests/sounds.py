"""Sounds for tests, in plain Python: what a telephone plays, and what it should not."""

import math
import struct
from array import array
from functools import cache

RATE = 16_000


@cache
def pcm(seconds: float = 1.0, *, peak: float = 12_000, hertz: float = 300.0, rate: int = RATE) -> bytes:
    """A tone that swells and fades four times a second, as syllables do; 16 bit, mono."""
    return array(
        "h",
        (
            round(peak * abs(math.sin(4 * math.pi * at / rate)) * math.sin(2 * math.pi * hertz * at / rate))
            for at in range(round(seconds * rate))
        ),
    ).tobytes()


def wav(
    sound: bytes, *, rate: int = RATE, channels: int = 1, bits: int = 16, codec: int = 1, before: bytes = b""
) -> bytes:
    """A WAV file; `before` are chunks that come before the sound."""
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", codec, channels, rate, rate * align, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + before
    body += b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(body)) + body


@cache
def tone(seconds: float = 1.0, hertz: float = 300.0) -> bytes:
    """A WAV file that passes the gate."""
    return wav(pcm(seconds, hertz=hertz))


SSML = (
    '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
    '<voice name="en-US-AvaMultilingualNeural">Welcome to <emphasis>Contoso</emphasis>.<break time="300ms"/>'
    'Press <say-as interpret-as="cardinal">1</say-as>.</voice></speak>'
)
