import numpy as np
import pytest

from simulator import audio


def level(pcm: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm, dtype="<i2").astype(float) ** 2)))


def energy(pcm: bytes) -> float:
    return level(pcm) ** 2 * audio.seconds_of(pcm)


@pytest.mark.parametrize("seconds", [0.05, 0.476, 2.37])
@pytest.mark.parametrize("recording_format", audio.FORMATS)
def test_a_file_holds_the_whole_sound(recording_format: str, seconds: float) -> None:
    sound = audio.tone(seconds)
    played = audio.decode(audio.encode(sound, recording_format))
    assert 0 <= audio.seconds_of(played) - seconds <= (0.05 if recording_format == "wma" else 0)
    assert energy(played) == pytest.approx(energy(sound), rel=0.15)


def test_a_wav_has_a_true_header() -> None:
    data = audio.encode(audio.tone(1), "wav")
    assert len(data) == 44 + 32_000
    assert data[:4] == b"RIFF"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert data[8:16] == b"WAVEfmt "
    assert int.from_bytes(data[22:24], "little") == 1
    assert int.from_bytes(data[24:28], "little") == 16_000
    assert int.from_bytes(data[34:36], "little") == 16
    assert int.from_bytes(data[40:44], "little") == 32_000


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not wav or wma"),
        (b"hello" * 100, "not wav or wma"),
        (audio.encode(audio.tone(1), "mp3"), "is mp3"),
        (audio.encode(audio.tone(1), "wma")[:200], "not wav or wma|no sound"),
    ],
)
def test_what_is_no_prompt_file(data: bytes, why: str) -> None:
    with pytest.raises(audio.AudioError, match=why):
        audio.decode(data, ("wav", "wma"))


def test_another_rate_is_resampled_without_changing_the_pitch() -> None:
    at = np.arange(22_050)
    pcm = (8000 * np.sin(2 * np.pi * 440 * at / 22_050)).astype("<i2").tobytes()
    resampled = audio.resample(pcm, 22_050)
    assert audio.seconds_of(resampled) == pytest.approx(1, abs=0.01)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(resampled, dtype="<i2")[: audio.RATE // 2]))
    assert int(np.argmax(spectrum)) * 2 == pytest.approx(440, abs=2)


def test_tone_and_silence() -> None:
    assert audio.silence(0.5) == bytes(16_000)
    assert audio.seconds_of(audio.tone(0.25)) == 0.25
    assert 5000 < level(audio.tone(1)) < 6000
    assert audio.tone(0) == b""
