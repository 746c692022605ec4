"""Sizes and times of audio and video frames, and the formats that a platform's media library takes.

1. Audio goes in frames of 20 ms, PCM of 16 bits, one channel: at 16 kHz 320 samples, 640 bytes, 50 frames a second.
2. A timestamp counts ticks of 100 ns.
3. A raw picture has as many bits for each pixel as its colour format says; H264 has no fixed size.

Source: Microsoft's real-time media platform for bots (Skype Calling, 2017): its audio and video formats.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FRAME_MS: Final = 20
FRAMES_PER_SECOND: Final = 1000 // FRAME_MS
TICKS_PER_MS: Final = 10_000
"""Ticks of 100 ns in a millisecond."""


class AudioFormat(StrEnum):
    """PCM of 16 bits."""

    PCM_16K = "Pcm16K"
    PCM_44K_STEREO = "Pcm44KStereo"


class ColorFormat(StrEnum):
    """How a picture is written."""

    NV12 = "NV12"
    YUY2 = "Yuy2"
    RGB24 = "Rgb24"
    H264 = "H264"


_RATES: Final = {AudioFormat.PCM_16K: (16_000, 1), AudioFormat.PCM_44K_STEREO: (44_100, 2)}
_BITS_PER_PIXEL: Final = {ColorFormat.NV12: 12, ColorFormat.YUY2: 16, ColorFormat.RGB24: 24}
_SAMPLE_BYTES: Final = 2


def frame_samples(format: AudioFormat = AudioFormat.PCM_16K, milliseconds: int = FRAME_MS) -> int:
    """Samples of one channel in so many milliseconds."""
    return _RATES[format][0] * milliseconds // 1000


def frame_bytes(format: AudioFormat = AudioFormat.PCM_16K, milliseconds: int = FRAME_MS) -> int:
    """Bytes of all channels in so many milliseconds."""
    return frame_samples(format, milliseconds) * _RATES[format][1] * _SAMPLE_BYTES


def ticks(milliseconds: float) -> int:
    """A time as a timestamp counts it (rule 2)."""
    return round(milliseconds * TICKS_PER_MS)


def picture_bytes(width: int, height: int, color: ColorFormat = ColorFormat.NV12) -> int:
    """Bytes of a raw picture. Raises ValueError for H264 (rule 3) and for a size that is not above 0."""
    bits = _BITS_PER_PIXEL.get(color)
    if bits is None:
        raise ValueError(f"a picture in {color} has no fixed size")
    if width <= 0 or height <= 0:
        raise ValueError(f"a picture of {width} x {height} is none")
    return width * height * bits // 8


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a video socket sends: pixels, frames per second, and colours."""

    width: int
    height: int
    fps: float
    color: ColorFormat

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame. Raises ValueError for H264."""
        return picture_bytes(self.width, self.height, self.color)


_SLOWING: Final = (30, 15, 7.5, 3.75, 1.875)
_RAW: Final[dict[tuple[int, int], tuple[float, ...]]] = {
    (1920, 1080): _SLOWING,
    (1280, 720): _SLOWING,
    (1080, 1920): (30,),
    (960, 540): (30,),
    (540, 960): (30,),
    (848, 480): (30,),
    (480, 848): (30,),
    (720, 1280): (30,),
    (640, 360): (30, 15),
    (360, 640): (30, 15),
    (480, 270): (15,),
    (270, 480): (15,),
    (424, 240): (15,),
    (240, 424): (15,),
    (320, 180): (15,),
    (180, 320): (30,),
}
_H264: Final[dict[tuple[int, int], tuple[float, ...]]] = {
    (1920, 1080): _SLOWING,
    (1280, 720): _SLOWING,
    (960, 540): (30,),
    (640, 360): (30, 15),
    (424, 240): (15,),
    (320, 180): (15, 7.5, 3.75, 1.875),
}

VIDEO_FORMATS: Final = frozenset(
    VideoFormat(width, height, fps, color)
    for colors, sizes in ((_BITS_PER_PIXEL, _RAW), ((ColorFormat.H264,), _H264))
    for color in colors
    for (width, height), rates in sizes.items()
    for fps in rates
)
"""Every format that a video socket takes."""

RESOLUTIONS: Final = {
    "hd1080p": (1920, 1080),
    "hd720p": (1280, 720),
    "sd540p": (960, 540),
    "sd360p": (640, 360),
    "sd240p": (424, 240),
    "sd180p": (320, 180),
}
"""Pixels of each resolution that a video socket subscribes to. Only the first four are in the calling contract."""
