"""What sounds on a line, sent to a page a little ahead of time, so that nothing stutters when the machine is busy."""

import asyncio
from collections.abc import Callable
from typing import Final

from simulator import audio

AHEAD_S: Final = 0.5
"""How much of a prompt is sent before it is heard."""
_PIECE_BYTES: Final = audio.BYTES_PER_SECOND // 10


class Loudspeaker:
    """Sends prompts, one after the other, by `send`."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._prompts: asyncio.Queue[bytes] = asyncio.Queue()
        self._task = asyncio.create_task(self._play())

    def play(self, pcm: bytes) -> None:
        """Send a prompt after those before it."""
        self._prompts.put_nowait(pcm)

    def live(self, pcm: bytes) -> None:
        """Send what sounds now, at once."""
        self._send(pcm)

    def stop(self) -> None:
        """Send nothing more of what there is."""
        self.close()
        self._prompts = asyncio.Queue()
        self._task = asyncio.create_task(self._play())

    def close(self) -> None:
        """Send nothing any more."""
        self._task.cancel()

    async def _play(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            pcm = await self._prompts.get()
            began = clock()
            for at in range(0, len(pcm), _PIECE_BYTES):
                await asyncio.sleep(max(0.0, began + at / audio.BYTES_PER_SECOND - AHEAD_S - clock()))
                self._send(pcm[at : at + _PIECE_BYTES])
