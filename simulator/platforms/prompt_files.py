"""The files that a bot's prompts name: fetched from the bot, or from wherever it keeps them.

1. One that the bot could not give for now (a 5xx, a time-out, a lost connection) is asked for again after each of the
   waits of the platform's settings; what is refused or too large is not.
2. A WAV for ACS and Teams is PCM, 16 kHz, 16 bit, mono.
"""

import io
import wave
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from simulator import audio
from simulator.line import Line
from simulator.wire import Response, TooLarge, Wire


class FileUnavailable(Exception):
    """A file cannot be had; the message says why."""


class NotPlayable(Exception):
    """A file is of a form that is not played; the message says why."""


@dataclass(frozen=True)
class PromptFiles:
    """The files of one call. A file has at most `max_bytes`; fetching it may take `timeout_s`, in real time.

    `waits_s` are the waits before each further try, in the call's time; none: it is asked for once.
    """

    line: Line
    wire: Wire
    max_bytes: int
    timeout_s: float
    waits_s: tuple[float, ...] = ()

    async def fetch(self, uri: str) -> bytes:
        """The content of a file. Raises `FileUnavailable`, and `CallOver` when the call ends while it waits."""
        answer = await self._ask(uri)
        for wait_s in self.waits_s:
            if not answer.again:
                break
            await self.line.pause(wait_s)
            answer = await self._ask(uri)
        if answer.failure == "timeout":
            raise FileUnavailable(f"the prompt file did not arrive within {self.timeout_s:g} s")
        if answer.failure is not None:
            raise FileUnavailable(f"the prompt file could not be fetched: {answer.failure}")
        if answer.status != 200:
            raise FileUnavailable(f"the prompt file was answered with status {answer.status}")
        return answer.body

    async def _ask(self, uri: str) -> Response:
        try:
            async with self.line.clock.io():
                return await self.wire.get(uri, self.max_bytes, self.timeout_s)
        except TooLarge:
            raise FileUnavailable(f"the prompt file has more than {self.max_bytes} bytes") from None


def file_name(uri: str) -> str:
    """The name of the file at an address."""
    return PurePosixPath(unquote(urlsplit(uri).path)).name


def wav_samples(data: bytes) -> bytes:
    """The samples of a WAV. Raises `NotPlayable` (rule 2)."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (audio.RATE, 1, 2):
                raise NotPlayable("the WAV is not 16 kHz, 16 bit, mono")
            return bytes(file.readframes(file.getnframes()))
    except (wave.Error, EOFError) as error:
        raise NotPlayable(f"the file is no WAV: {error}") from None
