import pytest

from dialtone.media.messages import FRAME_BYTES, TONES, Dtmf, is_key_frame

SPS, PPS = b"\0\0\0\1\x67\x42\xc0\x1e", b"\0\0\0\1\x68\xce\x38\x80"
KEY, OTHER, SEI = b"\0\0\1\x65\x88\x84", b"\0\0\1\x41\x9a\x02", b"\0\0\1\x06\x05\x04"


def test_a_frame_is_20_ms_of_16_bits() -> None:
    assert {rate: rate * 2 // 50 for rate in FRAME_BYTES} == FRAME_BYTES


def test_every_key_has_the_name_of_the_callbacks() -> None:
    assert len(TONES) == 16
    assert [Dtmf(tone).name for tone in "0*#D"] == ["zero", "asterisk", "pound", "d"]


@pytest.mark.parametrize(
    ("data", "is_key"),
    [
        (SPS + PPS + KEY, True),
        (SEI + KEY, True),
        (KEY, True),
        (OTHER, False),
        (SEI + OTHER + KEY, False),
        (SPS + PPS, False),
        (b"", False),
        (b"\0\0\1", False),
        (b"\0" * 100_000, False),
    ],
    ids=["parameters-first", "sei-first", "bare", "other", "other-first", "no-picture", "empty", "cut", "zeros"],
)
def test_a_key_frame_is_told_by_its_first_slice(data: bytes, is_key: bool) -> None:
    assert is_key_frame(data) is is_key
