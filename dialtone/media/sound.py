"""What is wrong with the sound file of a recording, as far as its bytes tell.

Rules:
  1. A file begins as its format does: `RIFF`…`WAVE`; the GUID of ASF's header object; `ID3`, or a frame of MPEG audio.
  2. The data of a WAV file are as long as its header says, and nothing but chunks comes after them. A program that
     writes while it records may leave 0 or all ones as the length: then the data go on to the end.
  3. A WAV file plays for about as long as the platform said. The other formats do not tell before they are decoded.
"""

import struct
from enum import StrEnum
from typing import Final

WILD_SECONDS: Final = 1.0
WILD_PART: Final = 0.25
"""A length differs wildly if it does so by more than both: a second, and a quarter of what was said."""

_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_CHUNK: Final = struct.Struct("<4sI")
_BYTE_RATE: Final = struct.Struct("<8xI")
_OPEN: Final = (0, 0xFFFFFFFF)


class Fault(StrEnum):
    """What can be wrong with the sound of a recording."""

    NONE = ""
    NO_AUDIO = "noAudio"
    """The platform says that it recorded, and sent no sound."""
    WRONG_FORMAT = "wrongFormat"
    """The bytes do not begin as a file of this format does."""
    TRUNCATED = "truncated"
    """The file ends before the end that it names."""
    WRONG_LENGTH = "wrongLength"
    """The file is not as long as it, or the platform, says."""


def fault_of(audio: bytes | memoryview, format: str, seconds: float, *, size: int | None = None) -> Fault:
    """The first fault found of a file in `format` (`wav`, `wma` or `mp3`) that should play for so many seconds.

    With `size`, `audio` is no more than the beginning of a file of so many bytes.
    """
    head = bytes(audio[:16])
    if not head:
        return Fault.NO_AUDIO
    if format == "wav":
        return _fault_of_wav(memoryview(audio), head, seconds, len(audio) if size is None else size)
    if format == "wma":
        return _fault_of_start(head, head == _ASF, _ASF)
    return _fault_of_start(head, head.startswith(b"ID3") or _is_mpeg_frame(head), b"ID3", b"\xff")


def _fault_of_start(head: bytes, fits: bool, *starts: bytes) -> Fault:
    if fits:
        return Fault.NONE
    return Fault.TRUNCATED if any(start.startswith(head) for start in starts) else Fault.WRONG_FORMAT


def _is_mpeg_frame(head: bytes) -> bool:
    # Eleven bits of sync, then the version and the layer; one value of each is reserved (ISO/IEC 11172-3, 2.4.2.3).
    return len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0 and head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0


def _fault_of_wav(audio: memoryview, head: bytes, seconds: float, whole: int) -> Fault:
    if head[:4] != b"RIFF"[: len(head)] or head[8:12] != b"WAVE"[: max(0, len(head) - 8)]:
        return Fault.WRONG_FORMAT
    byte_rate = 0
    data: int | None = None
    at = 12
    while at + _CHUNK.size <= len(audio):
        name, size = _CHUNK.unpack_from(audio, at)
        at += _CHUNK.size
        left = whole - at
        if name == b"fmt " and min(size, len(audio) - at) >= _BYTE_RATE.size:
            (byte_rate,) = _BYTE_RATE.unpack_from(audio, at)
        if name == b"data":
            if size in _OPEN:
                size = left
            data = min(size, left)
        if size > left:
            # After the data there may be bytes that are no chunk; before them, something is missing.
            return Fault.WRONG_LENGTH if data is not None and name != b"data" else Fault.TRUNCATED
        at += size + size % 2
    if data is None:
        return Fault.TRUNCATED
    if at < len(audio) or not data or not byte_rate:
        return Fault.WRONG_LENGTH
    off = abs(data / byte_rate - seconds)
    return Fault.WRONG_LENGTH if off > WILD_SECONDS and off > WILD_PART * seconds else Fault.NONE
