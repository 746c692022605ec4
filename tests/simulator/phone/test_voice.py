import numpy as np
import pytest

from simulator import audio, speech
from simulator.phone.voice import Change, Voice


def changes(voice: Voice, pcm: bytes, piece: int = 640) -> list[tuple[float, Change]]:
    """What changes, and at which second."""
    found = []
    for at in range(0, len(pcm), piece):
        if (change := voice.hear(pcm[at : at + piece])) is not None:
            found.append((audio.seconds_of(pcm[: at + piece]), change))
    return found


def noise(seconds: float, level: float) -> bytes:
    samples = np.random.default_rng(1).normal(0, level, round(seconds * audio.RATE))
    return samples.astype("<i2").tobytes()


def mixed(one: bytes, other: bytes) -> bytes:
    samples = np.frombuffer(one, "<i2").astype(np.int32) + np.frombuffer(other, "<i2")[: len(one) // 2]
    return bytes(samples.clip(-32768, 32767).astype("<i2"))


@pytest.mark.parametrize("level", [0, 40, 100])
@pytest.mark.parametrize("piece", [640, 500])
def test_speech_begins_and_ends_once(level: float, piece: int) -> None:
    said = speech.synthesize("Leave a message", speech.CALLER)
    pcm = mixed(audio.silence(1) + said + audio.silence(1.5), noise(10, level))
    voice = Voice()
    (began, first), (ended, last) = changes(voice, pcm, piece)
    assert (first, last) == (Change.BEGAN, Change.ENDED)
    assert began == pytest.approx(1.1, abs=0.15)
    assert ended == pytest.approx(1 + audio.seconds_of(said) + 0.6, abs=0.25)
    assert not voice.speaking


def test_what_was_said_is_kept_from_a_little_before_it_began() -> None:
    said = speech.synthesize("sales", speech.CALLER)
    voice = Voice()
    pcm = audio.silence(2) + said + audio.silence(1)
    pieces = (pcm[at : at + 640] for at in range(0, len(pcm), 640))
    assert any(voice.hear(piece) is Change.ENDED for piece in pieces)
    assert said.strip(b"\0")[2000:-2000] in bytes(voice.said)
    assert len(said) < len(voice.said) < len(said) + audio.BYTES_PER_SECOND * 1.2


@pytest.mark.parametrize(
    "pcm", [audio.silence(3), noise(5, 60), audio.silence(1) + audio.tone(0.05) + audio.silence(1)]
)
def test_what_is_no_speech(pcm: bytes) -> None:
    assert changes(Voice(), pcm) == []


def test_noise_that_came_to_stay_is_no_speech_for_ever() -> None:
    voice = Voice()
    found = changes(voice, audio.silence(1) + noise(30, 900))
    assert [change for _, change in found] == [Change.BEGAN, Change.ENDED]
