"""One voice, frame by frame, at the pace of a clock."""

from collections import deque
from typing import Final

LANE_FRAMES: Final = 100
"""Frames of one voice that wait for their moment; of more, the oldest are lost."""

PREFILL: Final = 2


class Lane:
    """What one voice says. A voice that begins waits until PREFILL frames of it are there (40 ms), so that jitter makes
    no holes; in the middle of it, a frame that is late is silence.
    """

    __slots__ = ("_flowing", "_frames")

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=LANE_FRAMES)
        self._flowing = False

    def put(self, pcm: bytes) -> None:
        """Add what comes next."""
        self._frames.append(pcm)

    def take(self, *, more: bool = True) -> bytes | None:
        """What is to be heard now; without waiting for more, if no more will come."""
        if more and not self._flowing and len(self._frames) < PREFILL:
            return None
        self._flowing = bool(self._frames)
        return self._frames.popleft() if self._frames else None

    def clear(self) -> None:
        """Forget what has not been heard."""
        self._frames.clear()

    def __len__(self) -> int:
        return len(self._frames)
