"""Sound on its way through the platform, 20 ms in 20 ms: what waits to be told to the bot, and what the bot sent.

Sound is PCM, signed 16 bit little-endian, one channel, at the rate of the stream.
"""

from collections import deque
from itertools import islice
from typing import Final

import numpy as np

LIVE_FRAMES: Final = 10
"""Frames of a live microphone that wait: 200 ms. More are late, and the oldest is thrown away."""

HEARD_FRAMES: Final = 3000
"""Frames of what was heard that are kept: a minute."""

PLAYOUT_FRAMES: Final = 50 * 600
"""Frames from the bot that wait to be played: ten minutes."""

LOUD: Final = 300
"""Of 32768: a frame whose loudest sample is quieter is silence."""


class Queue:
    """Sound that comes in any lengths and goes in frames."""

    def __init__(self, frame_bytes: int, most: int) -> None:
        self.lost = 0
        """Frames that were thrown away because more than `most` waited."""
        self._size, self._most = frame_bytes, most
        self._frames: deque[bytes] = deque()
        self._rest = b""

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, pcm: bytes, most: int | None = None) -> None:
        """Add sound. `most` is another limit, for this time."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % self._size
        self._frames.extend(pcm[at : at + self._size] for at in range(0, whole, self._size))
        self._rest = pcm[whole:]
        while len(self._frames) > (self._most if most is None else most):
            self._frames.popleft()
            self.lost += 1

    def take(self) -> bytes | None:
        """The next frame, or None. What is less than a frame waits for more."""
        return self._frames.popleft() if self._frames else None

    def clear(self) -> int:
        """Throw all away; how many frames that were."""
        count = len(self)
        self._frames.clear()
        self._rest = b""
        return count


class Microphone(Queue):
    """One participant's voice, towards the bot."""

    def __init__(self, frame_bytes: int) -> None:
        super().__init__(frame_bytes, 50 * 3600)

    def live(self, pcm: bytes) -> None:
        """Add what was spoken just now: what waits longer than 200 ms is lost, counted."""
        self.put(pcm, LIVE_FRAMES)

    def whole(self, pcm: bytes) -> None:
        """Add something that ends: its last frame is filled up with silence."""
        self.put(pcm + bytes(-(len(self._rest) + len(pcm)) % self._size))


class Playout(Queue):
    """What the bot sent and the callers hear."""

    def __init__(self, frame_bytes: int) -> None:
        super().__init__(frame_bytes, PLAYOUT_FRAMES)
        self.heard: deque[bytes] = deque(maxlen=HEARD_FRAMES)
        """What was played, the last minute of it, without the silence between."""
        self.played = 0
        """Frames, all of them."""
        self.loud = 0
        """Frames of what was played that are more than silence."""
        self.cleared = 0
        """Frames that the bot took back (StopAudio)."""

    def play(self) -> bytes | None:
        """The frame that is heard now; None for silence."""
        frame = self.take()
        if frame is not None:
            self.heard.append(frame)
            self.played += 1
            self.loud += bool(any(frame) and np.abs(np.frombuffer(frame, "<i2").astype(np.int32)).max() >= LOUD)
        return frame

    def stop(self) -> None:
        """StopAudio."""
        self.cleared += self.clear()

    def since(self, played: int) -> bytes:
        """What was heard after the frame of this number; of the last minute."""
        fresh = min(self.played - played, len(self.heard))
        return b"".join(islice(self.heard, len(self.heard) - fresh, None))
