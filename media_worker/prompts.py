"""Prompts that operators uploaded, as sound of a stream: what `dialtone.storage.prompts` says is played, read once.

A version never changes, so its sound is kept, the least used is forgotten over CACHE_BYTES, and those who want the same
at once share one reading. Which version is played is asked each time, and costs what DIALTONE_PROMPT_REFRESH says.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from dialtone.errors import DependencyError
from dialtone.media.stream import MediaError, Uploaded
from dialtone.storage import PromptStore
from media_worker.sound import pcm_of

CACHE_BYTES: Final = 32 * 1024 * 1024
"""Of a process: 17 minutes at 16 kHz."""


class Prompts:
    """The prompts of a worker. `now` gives Unix seconds."""

    def __init__(self, store: PromptStore, *, now: Callable[[], float] = time.time, most: int = CACHE_BYTES) -> None:
        self.now = now
        self._store, self._most = store, most
        self._sounds: OrderedDict[tuple[str, str, int], asyncio.Future[bytes]] = OrderedDict()

    async def sound(self, prompt: Uploaded, language: str, rate: int, began: float) -> bytes:
        """PCM of a prompt in a language, as a call hears it that began then. Raises MediaError."""
        if not prompt.name:
            raise MediaError("a prompt without a name cannot be uploaded, and a media handler cannot speak its text")
        try:
            version = await self._store.playing(prompt.name, language, as_of=began)
            if version is None or version.ending != "wav":
                raise MediaError(
                    f"the prompt {prompt.name!r} has no sound, and a media handler cannot speak; upload a WAV file"
                )
            pcm = await self._read(version.slot, version.id, rate)
        except DependencyError as error:
            raise MediaError(f"the prompt {prompt.name!r} could not be read: {error}") from error
        silence = (prompt.silence_ms or 0) * rate // 1000
        return bytes(2 * silence) + pcm

    async def _read(self, slot: str, version: str, rate: int) -> bytes:
        key = (slot, version, rate)
        sound = self._sounds.get(key)
        if sound is None or (sound.done() and (sound.cancelled() or sound.exception() is not None)):
            sound = self._sounds[key] = asyncio.ensure_future(self._decoded(slot, version, rate))
            sound.add_done_callback(lambda _: self._forget())
        self._sounds.move_to_end(key)
        # Who waits may be cancelled; the others go on waiting.
        return await asyncio.shield(sound)

    async def _decoded(self, slot: str, version: str, rate: int) -> bytes:
        # Streams go on while a long one is brought to another rate.
        return await asyncio.to_thread(pcm_of, await self._store.read(slot, version), rate)

    def _forget(self) -> None:
        """Keep no more than fits, and nothing that failed."""
        done = [(key, sound) for key, sound in self._sounds.items() if sound.done()]
        size = 0
        for key, sound in reversed(done):
            failed = sound.cancelled() or sound.exception() is not None
            size += 0 if failed else len(sound.result())
            if failed or size > self._most:
                del self._sounds[key]
