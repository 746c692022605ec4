"""Speech is what the sample voices of the simulator say; keys are pure tones, with noise and without."""

import numpy as np
import pytest

from dialtone.media.messages import AudioFrame
from dialtone.media.stream import MediaError
from media_worker.ears import HIGH, KEYS, LOW, SILENCE_DB, KeyDetector, VoiceDetector, level, tone
from media_worker.sound import resample
from simulator import speech

RATES = (8_000, 16_000, 24_000)


def frames(pcm: bytes, rate: int) -> list[AudioFrame]:
    size = rate // 50 * 2
    return [AudioFrame(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]


def keys(pcm: bytes, rate: int) -> str:
    detector = KeyDetector(rate)
    return "".join(key.tone for frame in frames(pcm, rate) if (key := detector.hear(frame)) is not None)


def noisy(pcm: bytes, decibels: float, seed: int = 1) -> bytes:
    """With white noise so far below the sound."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    loud = np.sqrt((samples**2).mean()) / 10 ** (decibels / 20)
    mixed = samples + np.random.default_rng(seed).normal(0, loud, len(samples))
    return np.clip(mixed, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", RATES)
def test_every_key_is_heard_once(rate: int) -> None:
    gap = bytes(rate // 10 * 2)
    sound = b"".join(tone(key, 0.1, rate) + gap for key in KEYS)
    assert keys(sound, rate) == KEYS
    assert keys(noisy(sound, 15), rate) == KEYS


@pytest.mark.parametrize("offset", range(0, 320, 40))
def test_a_key_need_not_begin_with_a_frame(offset: int) -> None:
    assert keys(bytes(2 * offset) + tone("5", 0.08, 16_000) + bytes(3200), 16_000) == "5"


def test_a_key_that_is_held_is_one_and_pressed_twice_is_two() -> None:
    assert keys(tone("7", 2.0, 16_000), 16_000) == "7"
    assert keys((tone("7", 0.1, 16_000) + bytes(1600)) * 2, 16_000) == "77"


def test_what_is_no_key() -> None:
    rate = 16_000
    assert keys(tone(LOW[0], 0.5, rate), rate) == ""
    assert keys(tone(HIGH[0], 0.5, rate), rate) == ""
    assert keys(tone("5", 0.02, rate) + bytes(3200), rate) == ""
    assert keys(noisy(bytes(32_000) + b"\x10\x27", 0), rate) == ""
    assert keys(tone("5", 0.5, rate, volume=0.002), rate) == ""


def test_speech_is_no_key() -> None:
    for text in ("For sales, say sales or press 1.", "Please speak after the tone, then press the hash key."):
        assert keys(speech.synthesize(text), 16_000) == ""


def voices(pcm: bytes, rate: int, **members: object) -> list[tuple[bool, float]]:
    detector = VoiceDetector(rate)
    heard = [(detector.hear(frame._replace(**members)), at) for at, frame in enumerate(frames(pcm, rate))]  # type: ignore[arg-type]
    return [(voice.speaking, at / 50) for voice, at in heard if voice is not None]


def test_speech_begins_and_ends() -> None:
    words = speech.synthesize("Hello, I would like to leave a message.")
    silence = bytes(32_000)
    found = voices(silence + words + silence + silence, 16_000)
    assert [speaking for speaking, _ in found] == [True, False]
    (_, began), (_, ended) = found
    assert 1.0 <= began <= 1.4
    assert 0.4 <= ended - (1.0 + len(words) / 32_000) <= 1.0


def test_speech_at_24_khz() -> None:
    words = resample(speech.synthesize("Hello, I would like to leave a message."), 16_000, 24_000)
    assert [speaking for speaking, _ in voices(words + bytes(96_000), 24_000)] == [True, False]


def test_silence_is_no_speech_nor_is_what_the_platform_calls_silent() -> None:
    words = speech.synthesize("Hello, I would like to leave a message.")
    assert voices(bytes(64_000), 16_000) == []
    assert voices(words, 16_000, silent=True) == []


def test_speakers_are_told_apart() -> None:
    detector = VoiceDetector(16_000)
    found = [
        detector.hear(frame._replace(participant=who, pcm=frame.pcm if who == "a" else bytes(640)))
        for frame in frames(speech.synthesize("Hello, I would like to leave a message."), 16_000)
        for who in ("a", "b")
    ]
    assert {voice.participant for voice in found if voice is not None} == {"a"}


def test_who_invents_speakers_costs_no_memory() -> None:
    detector = VoiceDetector(16_000)
    for number in range(200):
        detector.hear(AudioFrame(bytes(640), "", str(number)))
    assert len(detector._speakers) == VoiceDetector.MAX_SPEAKERS


def test_levels() -> None:
    assert level(bytes(640)) == level(b"") == SILENCE_DB
    assert level(b"\xff\x7f" * 320) == pytest.approx(0, abs=0.01)
    assert level(tone(1000, 1, 16_000, volume=0.1)) == pytest.approx(-23, abs=0.2)


@pytest.mark.parametrize("what", ["", "55", "E", 0, -1, 8_000])
def test_what_is_no_tone(what: str | float) -> None:
    with pytest.raises(MediaError):
        tone(what, 0.1, 16_000)
