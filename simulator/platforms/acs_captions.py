"""What the simulated ACS writes down of a call, for whoever is at the address that transcriptionOptions have.

1. It is a WebSocket of its own: TranscriptionMetadata, then TranscriptionData for each thing that the caller says, from
   the start on; with `enableIntermediateResults` first a part of it, which may change yet.
2. It is set up when the call is answered or placed; it is opened then, when `startTranscription` says so, or by the
   command. The command to stop, and the end of the call, close it.
3. TranscriptionStarted is posted when it is open, TranscriptionStopped when it was closed, TranscriptionFailed when it
   cannot be opened, or when the call has no AI services (8564).
4. Where `AcsSettings.open_streams` is off nothing is opened, and what would be posted is posted all the same.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from dialtone.media.messages import Transcription, Word
from simulator.line import Line, Signal, SpeechEnded, SpeechStarted
from simulator.media.connection import Connection, News
from simulator.media.options import MediaFaults
from simulator.media.stream import CALL_HEADER, CORRELATION_HEADER
from simulator.media.writing import Writer
from simulator.platforms.acs_streams import Tell
from simulator.platforms.acs_wire import result
from simulator.platforms.rest import Json, Refused, member

CONFIDENCE: Final = 0.9


class AcsCaptions:
    """What is written down of one call. `token` makes the platform's token for a connection."""

    def __init__(
        self,
        line: Line,
        call_id: str,
        tell: Tell,
        token: Callable[[], str],
        faults: MediaFaults | None,
        *,
        opens: bool,
        ids: Callable[[], str],
    ) -> None:
        self._line, self._call_id, self._tell, self._token = line, call_id, tell, token
        self._faults, self._opens, self._ids = faults or MediaFaults(), opens, ids
        self._writer = Writer(self._faults.casing)
        self._url = self._locale = self._participant = ""
        self._interim = False
        self._connection: Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._context: str | None = None
        self._began = self._spoke_at = 0.0
        self.lines = 0
        """How much was written down."""

    def set_up(self, wanted: Any) -> Json:
        """The subscription for transcriptionOptions. Raises `Refused`."""
        if not isinstance(wanted, dict):
            raise Refused(400, 8523, "transcriptionOptions is not an object")
        self._url, self._locale = member(wanted, "transportUrl", str), member(wanted, "locale", str)
        if wanted.get("transportType") != "websocket" or urlsplit(self._url).scheme not in ("ws", "wss"):
            raise Refused(400, 8581, "transcriptionOptions: transportUrl is not the address of a WebSocket")
        self._interim = wanted.get("enableIntermediateResults") is True
        return {"state": "active" if wanted.get("startTranscription") else "inactive", "locale": self._locale}

    def start(self, participant: str, context: str | None, *, speaks: bool, locale: str = "") -> None:
        """Begin to write down what `participant` says. Rules 2 and 3."""
        self._context, self._participant, self._locale = context, participant, locale or self._locale
        self._began = self._line.clock.now()
        if not speaks:
            self._told("TranscriptionFailed", "speechServicesConnectionError", result(400, 8564))
        elif not self._opens:
            self._told("TranscriptionStarted", "subscriptionStarted", result(200, 0))
        elif self._running is None or self._running.done():
            self._connection = Connection(
                self._url,
                self._faults,
                Random(f"captions {self._faults.seed} {self._call_id}"),  # noqa: S311
                headers=self._headers,
                greeting=self._greeting,
                take=lambda _: None,
                told=self._hear,
            )
            self._line.taps.append(self._tap)
            self._running = asyncio.create_task(self._connection.run())

    def update(self, locale: str, context: str | None) -> None:
        """Go on in another language."""
        self._locale = locale
        self._told("TranscriptionUpdated", "transcriptionLocaleUpdated", result(200, 0), context)

    def stop(self, context: str | None) -> None:
        """Write nothing more down."""
        self._context = context
        if self._connection is not None and self._running is not None and not self._running.done():
            self._connection.closing.set()
        else:
            self._told("TranscriptionStopped", "subscriptionStopped", result(200, 0))

    async def end(self) -> None:
        """The call is over."""
        if self._connection is not None and self._running is not None:
            self._connection.closing.set()
            async with self._line.clock.io():
                await asyncio.gather(self._running, return_exceptions=True)

    def cancel(self) -> None:
        """Nobody waits for the call any more."""
        if self._running is not None:
            self._running.cancel()

    def _headers(self) -> dict[str, str]:
        about = {CALL_HEADER: self._call_id, CORRELATION_HEADER: self._ids()}
        return {**about, "Authorization": f"Bearer {self._token()}"}

    def _greeting(self) -> list[str]:
        return [self._writer.transcription_metadata(self._ids(), self._locale.lower(), self._call_id)]

    def _tap(self, signal: Signal) -> None:
        """Rule 1."""
        if isinstance(signal, SpeechStarted):
            self._spoke_at = self._line.clock.now()
        if not isinstance(signal, SpeechEnded) or not signal.text or self._connection is None:
            return
        start, seconds = self._spoke_at - self._began, self._line.clock.now() - self._spoke_at
        texts = signal.text.split()
        each = seconds / len(texts) if texts else 0.0
        words = tuple(Word(text.strip(".,!?"), start + place * each, each) for place, text in enumerate(texts))
        if self._interim:
            half = max(1, len(texts) // 2)
            part = " ".join(texts[:half])
            self._write(Transcription(part, False, start, half * each, 0.0, (), self._participant, "display"))
        whole = Transcription(signal.text, True, start, seconds, CONFIDENCE, words, self._participant, "display")
        self._write(whole)
        self.lines += 1

    def _write(self, caption: Transcription) -> None:
        assert self._connection is not None
        self._connection.write(self._writer.transcription(caption))

    def _hear(self, news: News) -> None:
        assert self._connection is not None
        if news == "opened":
            self._told("TranscriptionStarted", "subscriptionStarted", result(200, 0))
        elif news == "over":
            self._line.taps.remove(self._tap)
            if self._line.over_by is not None:
                return
            if self._connection.reason == "refused" or not self._connection.was_open:
                self._told("TranscriptionFailed", "streamConnectionUnsuccessful", result(500, 8578))
            else:
                self._told("TranscriptionStopped", "subscriptionStopped", result(200, 0))

    def _told(self, kind: str, details: str, outcome: Json, context: str | None = None) -> None:
        update = {"transcriptionStatus": kind[0].lower() + kind[1:], "transcriptionStatusDetails": details}
        self._tell(kind, context or self._context, transcriptionUpdate=update, **outcome)
