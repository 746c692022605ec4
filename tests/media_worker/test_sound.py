import numpy as np
import pytest

from dialtone.media.stream import MediaError
from media_worker.ears import level, tone
from media_worker.sound import Resampler, mix, mix_minus, resample

RATES = (8_000, 16_000, 24_000)


def samples(pcm: bytes) -> list[int]:
    return [int(value) for value in np.frombuffer(pcm, "<i2")]


def of(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def test_mixing_cuts_off_at_the_largest_sample() -> None:
    assert samples(mix([of(1, -2, 30_000, -30_000), of(10, -20, 30_000, -30_000)])) == [11, -22, 32_767, -32_768]


def test_everyone_hears_the_others() -> None:
    heard = mix_minus([of(1, 30_000), of(10, 30_000), of(100, 30_000)])
    assert [samples(pcm) for pcm in heard] == [[110, 32_767], [101, 32_767], [11, 32_767]]
    assert mix_minus([of(5)]) == [of(0)]


@pytest.mark.parametrize("source", RATES)
@pytest.mark.parametrize("target", RATES)
def test_a_tone_stays_a_tone(source: int, target: int) -> None:
    made = np.frombuffer(resample(tone(1_000, 1.0, source, 0.5), source, target), "<i2").astype(float)
    wanted = np.frombuffer(tone(1_000, 1.0, target, 0.5), "<i2").astype(float)
    assert len(made) == target
    assert np.abs(made - wanted)[200:-200].max() < 20  # of 16,384


@pytest.mark.parametrize(("source", "target"), [(24_000, 16_000), (16_000, 8_000), (24_000, 8_000)])
def test_what_the_target_cannot_hold_is_gone(source: int, target: int) -> None:
    sound = tone(target * 0.575, 1.0, source, 0.5)
    assert level(resample(sound, source, target)[2_000:-2_000]) < level(sound) - 60


@pytest.mark.parametrize(("source", "target"), [(24_000, 16_000), (16_000, 24_000), (44_100, 16_000), (16_000, 8_000)])
def test_a_stream_gives_what_the_whole_gives(source: int, target: int) -> None:
    sound = tone(700, 0.5, source)
    stream = Resampler(source, target)
    parts = [stream.take(sound[at : at + 638]) for at in range(0, len(sound), 638)]
    assert b"".join([*parts, stream.flush()]) == resample(sound, source, target)
    assert stream.take(sound) + stream.flush() == resample(sound, source, target)  # and begins anew


def test_a_rate_out_of_reach() -> None:
    with pytest.raises(MediaError):
        Resampler(8_000, 16_001)
