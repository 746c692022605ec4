"""Frame arithmetic against the figures of the platform's documentation."""

import pytest

from dialtone.media.frames import (
    FRAMES_PER_SECOND,
    RESOLUTIONS,
    VIDEO_FORMATS,
    AudioFormat,
    ColorFormat,
    VideoFormat,
    frame_bytes,
    frame_samples,
    picture_bytes,
    ticks,
)
from dialtone.protocol import ResolutionFormat


def test_an_audio_frame() -> None:
    assert (frame_samples(), frame_bytes(), FRAMES_PER_SECOND, ticks(20)) == (320, 640, 50, 200_000)
    assert frame_bytes(AudioFormat.PCM_44K_STEREO) == 882 * 2 * 2
    assert FRAMES_PER_SECOND * frame_bytes() == 16_000 * 2


def test_ticks_of_a_part_of_a_millisecond() -> None:
    assert ticks(0.25) == 2_500


@pytest.mark.parametrize(("color", "size"), [("NV12", 1_382_400), ("Yuy2", 1_843_200), ("Rgb24", 2_764_800)])
def test_a_picture_of_720_lines(color: str, size: int) -> None:
    assert picture_bytes(1280, 720, ColorFormat(color)) == size
    assert VideoFormat(1280, 720, 30, ColorFormat(color)).frame_bytes == size


@pytest.mark.parametrize("given", [(1280, 720, ColorFormat.H264), (0, 720, ColorFormat.NV12), (1280, -1)])
def test_a_picture_without_a_size(given: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="picture"):
        picture_bytes(*given)


def test_the_table_of_formats() -> None:
    raw = {video for video in VIDEO_FORMATS if video.color is not ColorFormat.H264}
    assert len(VIDEO_FORMATS - raw) == 18
    assert len(raw) == 3 * 26
    assert VideoFormat(180, 320, 30, ColorFormat.RGB24) in VIDEO_FORMATS
    assert VideoFormat(320, 180, 30, ColorFormat.H264) not in VIDEO_FORMATS
    assert all(video.frame_bytes > 0 for video in raw)


def test_every_resolution_of_the_contract_has_its_pixels() -> None:
    assert {name for name in ResolutionFormat if name is not ResolutionFormat.UNKNOWN} <= RESOLUTIONS.keys()
    sent = {(video.width, video.height) for video in VIDEO_FORMATS}
    assert set(RESOLUTIONS.values()) <= sent
