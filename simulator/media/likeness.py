"""Whether what is heard is what was said, though parts of it are lost, late or resampled."""

from typing import Final

import numpy as np

from simulator import audio

BLOCK_S: Final = 0.2
LIKE: Final = 0.7
_QUIET: Final = 100.0


def likeness(said: bytes, heard: bytes) -> float:
    """The part of `said` that is somewhere in `heard`, 0 to 1: both PCM at 16 kHz.

    It is looked for in blocks of 200 ms, each by its correlation with every place of what was heard; blocks of silence
    do not count. 0 when all of it is silence.
    """
    size = round(BLOCK_S * audio.RATE)
    voice, ear = (np.frombuffer(pcm, "<i2").astype(np.float64) for pcm in (said, heard))
    blocks = [voice[at : at + size] for at in range(0, len(voice) - size + 1, size)] or [voice]
    blocks = [block for block in blocks if len(block) and np.sqrt(np.mean(block**2)) > _QUIET]
    if not blocks or len(ear) < len(blocks[0]):
        return 0.0
    length = 1 << int(len(ear) + size).bit_length()
    transformed = np.fft.rfft(ear, length)
    energy = np.concatenate([[0.0], np.cumsum(ear**2)])
    found = 0
    for block in blocks:
        places = len(ear) - len(block) + 1
        products = np.fft.irfft(transformed * np.conj(np.fft.rfft(block, length)), length)[:places]
        norms = np.sqrt((energy[len(block) :] - energy[:places]).clip(1.0) * np.sum(block**2))
        found += bool(np.max(products / norms) >= LIKE)
    return found / len(blocks)
