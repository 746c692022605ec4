"""When somebody speaks into a microphone: by how loud it is, against the noise that is always there."""

from enum import Enum
from typing import Final

import numpy as np

from simulator import audio

FRAME_S: Final = 0.02
_FRAME_BYTES: Final = 2 * round(audio.RATE * FRAME_S)
_QUIETEST: Final = 250.0
"""Root mean square that is never speech, whatever the noise: a quiet room has less than half of it."""
_ABOVE_NOISE: Final = 3.0
_NOISE_RISES: Final = 1.01
_BEGINS_AFTER: Final = 4
_ENDS_AFTER: Final = 35


class Change(Enum):
    """What a piece of sound changed."""

    BEGAN = "began"
    ENDED = "ended"


class Voice:
    """Tells speech from silence in a stream of sound.

    Speech has begun when 80 ms of it came, and has ended after 0.7 s of silence. `said` is what is
    being spoken, with up to 0.3 s before it; it is whole when speech has ended, and until the next piece comes.
    """

    def __init__(self) -> None:
        self.speaking = False
        self.said = bytearray()
        self._noise = _QUIETEST / _ABOVE_NOISE
        self._loud = self._quiet = 0
        self._rest = b""

    def hear(self, pcm: bytes) -> Change | None:
        """Take a piece of sound: what it changed, if it changed anything."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % _FRAME_BYTES
        self._rest = pcm[whole:]
        changes = [self._frame(pcm[at : at + _FRAME_BYTES]) for at in range(0, whole, _FRAME_BYTES)]
        return next((change for change in reversed(changes) if change is not None), None)

    def _frame(self, frame: bytes) -> Change | None:
        samples = np.frombuffer(frame, dtype="<i2").astype(np.float32)
        level = float(np.sqrt(np.mean(samples * samples)))
        loud = level > max(_QUIETEST, _ABOVE_NOISE * self._noise)
        # The noise is what the quietest moments have; it is followed down at once, and up slowly.
        self._noise = min(max(level, 10.0), self._noise * _NOISE_RISES)
        self.said += frame
        if not self.speaking:
            del self.said[: -round(0.3 / FRAME_S) * _FRAME_BYTES]
            self._loud = self._loud + 1 if loud else 0
            if self._loud < _BEGINS_AFTER:
                return None
            self.speaking, self._quiet = True, 0
            return Change.BEGAN
        self._quiet = 0 if loud else self._quiet + 1
        if self._quiet < _ENDS_AFTER:
            return None
        self.speaking, self._loud = False, 0
        return Change.ENDED
