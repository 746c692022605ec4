"""Whether what is heard is what was said."""

import numpy as np

from simulator import audio
from simulator.media.likeness import likeness

SAID = np.random.default_rng(1).normal(0, 3000, audio.RATE * 2).astype("<i2").tobytes()
OTHER = np.random.default_rng(2).normal(0, 3000, audio.RATE * 2).astype("<i2").tobytes()


def test_the_same_is_alike_wherever_it_is() -> None:
    assert likeness(SAID, SAID) == 1.0
    assert likeness(SAID, OTHER + audio.silence(0.3) + SAID) == 1.0


def test_something_else_is_not() -> None:
    assert likeness(SAID, OTHER) == 0.0
    assert likeness(SAID, audio.silence(3)) == 0.0
    assert likeness(SAID, b"") == 0.0


def test_a_part_counts_as_a_part() -> None:
    half = SAID[: len(SAID) // 2]
    assert 0.4 <= likeness(SAID, half + OTHER) <= 0.6


def test_silence_says_nothing() -> None:
    assert likeness(audio.silence(2), audio.silence(2)) == 0.0
    assert likeness(b"", SAID) == 0.0
