import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.phone import frames


@given(st.binary(max_size=50), st.integers(0, 2**64 - 1), st.booleans())
def test_a_picture_is_read_as_it_was_written(data: bytes, timestamp: int, key: bool) -> None:
    found = frames.read(frames.picture(data, timestamp, key=key))
    assert found == (frames.Picture(data, timestamp, key) if data else None)


@given(st.binary(max_size=50))
def test_sound_is_read_as_it_was_written(pcm: bytes) -> None:
    assert frames.read(frames.sound(pcm)) == (pcm if len(pcm) % 2 == 0 else None)


@pytest.mark.parametrize("message", [b"", b"\0", b"\3ab", b"\1a", b"\2", b"\2" + bytes(9)])
def test_what_is_neither(message: bytes) -> None:
    assert frames.read(message) is None
