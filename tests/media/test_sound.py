"""Faults of sound files, told by their bytes."""

import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.media.sound import Fault, fault_of
from simulator.audio import FORMATS, encode, tone

ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(100)
MP3 = b"\xff\xfb\x90\x00" + bytes(100)


def wav(seconds: float, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(bytes(2 * int(seconds * rate)))
    return file.getvalue()


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(data) if size is None else size) + data + bytes(len(data) % 2)


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16))
WAV = wav(2)


def riff(*chunks: bytes) -> bytes:
    data = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(data)) + data


@pytest.mark.parametrize(
    ("audio", "format", "seconds"),
    [
        (WAV, "wav", 2),
        (memoryview(WAV), "wav", 2),
        (WAV, "wav", 2.9),
        (wav(60), "wav", 50),
        (wav(0.476), "wav", 0.476),
        (riff(FORMAT, chunk(b"data", bytes(64_000)), chunk(b"LIST", b"odd")), "wav", 2),
        (riff(chunk(b"LIST", b"odd"), FORMAT, chunk(b"data", bytes(64_000))), "wav", 2),
        (riff(FORMAT, chunk(b"data", bytes(63_999))), "wav", 2),
        (riff(FORMAT, chunk(b"data", bytes(63_999)))[:-1], "wav", 2),
        (riff(FORMAT, chunk(b"data", bytes(64_000), size=0)), "wav", 2),
        (riff(FORMAT, chunk(b"data", bytes(64_000), size=0xFFFFFFFF)), "wav", 2),
        (ASF, "wma", 2),
        (memoryview(ASF)[:16], "wma", 600),
        (MP3, "mp3", 2),
        (b"\xff\xf3\x40\xc0", "mp3", 2),
        (b"ID3\x04" + bytes(10) + MP3, "mp3", 600),
    ],
)
def test_what_is_sound(audio: bytes | memoryview, format: str, seconds: float) -> None:
    assert fault_of(audio, format, seconds) is Fault.NONE
    assert not fault_of(audio, format, seconds)


@pytest.mark.parametrize(
    ("audio", "format", "seconds", "fault"),
    [
        *((b"", format, 2, Fault.NO_AUDIO) for format in ("wav", "wma", "mp3")),
        (WAV[:-1], "wav", 2, Fault.TRUNCATED),
        *((WAV[:length], "wav", 2, Fault.TRUNCATED) for length in (1, 4, 8, 12, 19, 30, 40, 44, 45, 1000)),
        (riff(FORMAT), "wav", 2, Fault.TRUNCATED),
        (riff(FORMAT, chunk(b"data", b"")), "wav", 0.5, Fault.WRONG_LENGTH),
        (riff(chunk(b"data", bytes(64_000))), "wav", 2, Fault.WRONG_LENGTH),
        (WAV + b"rest", "wav", 2, Fault.WRONG_LENGTH),
        (WAV + b"what comes after", "wav", 2, Fault.WRONG_LENGTH),
        (WAV, "wav", 3.1, Fault.WRONG_LENGTH),
        (WAV, "wav", 0.9, Fault.WRONG_LENGTH),
        (wav(60), "wav", 47, Fault.WRONG_LENGTH),
        (wav(60), "wav", 0, Fault.WRONG_LENGTH),
        (ASF, "wav", 2, Fault.WRONG_FORMAT),
        (b"RIFF" + bytes(60), "wav", 2, Fault.WRONG_FORMAT),
        (b"RIFX" + WAV[4:], "wav", 2, Fault.WRONG_FORMAT),
        (b"x", "wav", 2, Fault.WRONG_FORMAT),
        (WAV, "wma", 2, Fault.WRONG_FORMAT),
        (ASF[:15], "wma", 2, Fault.TRUNCATED),
        (ASF[1:], "wma", 2, Fault.WRONG_FORMAT),
        (WAV, "mp3", 2, Fault.WRONG_FORMAT),
        (b"ID", "mp3", 2, Fault.TRUNCATED),
        (b"\xff", "mp3", 2, Fault.TRUNCATED),
        (b"\xff\xf1\x50\x80", "mp3", 2, Fault.WRONG_FORMAT),
        (b"\xff\xea\x50\x80", "mp3", 2, Fault.WRONG_FORMAT),
        (b"\xff\xdf\x50\x80", "mp3", 2, Fault.WRONG_FORMAT),
    ],
)
def test_what_is_not(audio: bytes, format: str, seconds: float, fault: Fault) -> None:
    assert fault_of(audio, format, seconds) is fault


@pytest.mark.parametrize("seconds", [0.05, 2.37])
@pytest.mark.parametrize("format", FORMATS)
def test_files_of_real_encoders(format: str, seconds: float) -> None:
    assert fault_of(encode(tone(seconds), format), format, seconds) is Fault.NONE


@given(st.integers(0, len(WAV) - 1))
def test_no_cut_is_overlooked(length: int) -> None:
    assert fault_of(WAV[:length], "wav", 2) in (Fault.NO_AUDIO, Fault.TRUNCATED)


@given(
    st.binary(max_size=60) | st.binary(max_size=60).map(lambda more: WAV[:12] + more),
    st.sampled_from(["wav", "wma", "mp3"]),
    st.floats(allow_nan=False),
)
def test_any_bytes_are_judged(audio: bytes, format: str, seconds: float) -> None:
    assert fault_of(audio, format, seconds) in Fault


def test_the_beginning_of_a_file_says_as_much_of_it_as_it_can() -> None:
    for head in (44, 100, len(WAV)):
        assert fault_of(WAV[:head], "wav", 2, size=len(WAV)) is Fault.NONE
        assert fault_of(WAV[:head], "wav", 2, size=len(WAV) - 1) is Fault.TRUNCATED
        assert fault_of(WAV[:head], "wav", 9, size=len(WAV)) is Fault.WRONG_LENGTH
    odd = riff(FORMAT, chunk(b"data", bytes(64_000)), chunk(b"LIST", b"odd"))
    assert fault_of(odd[:100], "wav", 2, size=len(odd)) is Fault.NONE
    assert fault_of(MP3[:20], "mp3", 2, size=9000) is Fault.NONE
