"""The binary messages between the page and the simulator: their kind in the first byte, then what it is.

| kind | what follows                                                                                             |
|------|----------------------------------------------------------------------------------------------------------|
| 1    | sound: PCM, 16-bit little-endian, mono, 16 kHz                                                           |
| 2    | a picture: 1 for a key frame or 0; its time, 8 bytes, little-endian, counting 100 ns; an access unit of  |
|      | H.264 in Annex B form                                                                                    |
"""

import struct
from dataclasses import dataclass
from typing import Final

SOUND: Final = b"\1"
PICTURE: Final = b"\2"
MAX_BYTES: Final = 1024 * 1024
"""The largest message: a key frame of a large picture."""

_HEAD: Final = struct.Struct("<?Q")


@dataclass(frozen=True)
class Picture:
    """An access unit of H.264."""

    data: bytes
    timestamp: int
    key: bool


def read(message: bytes) -> bytes | Picture | None:
    """Sound, a picture, or None for what is neither."""
    kind, rest = message[:1], message[1:]
    if kind == SOUND and len(rest) % 2 == 0:
        return rest
    if kind == PICTURE and len(rest) > _HEAD.size:
        key, timestamp = _HEAD.unpack_from(rest)
        return Picture(rest[_HEAD.size :], timestamp, key)
    return None


def sound(pcm: bytes) -> bytes:
    """A message of sound."""
    return SOUND + pcm


def picture(data: bytes, timestamp: int, *, key: bool) -> bytes:
    """A message of a picture."""
    return PICTURE + _HEAD.pack(key, timestamp) + data
