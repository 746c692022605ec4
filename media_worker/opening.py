"""A connection that has not said what it is: it becomes a stream, or captions of one, or is closed.

1. AudioMetadata makes it a stream, or the stream's new connection; TranscriptionMetadata adds captions to the stream of
   its call. What comes before is bad and dropped (media_worker/stream.py), as audio before its metadata is.
2. A format that is not understood, or a binary message, closes it with 1003.
3. No metadata in time closes it with 1008, and so do captions whose call has no stream in that time: the platform opens
   the two at once, and either may be first.
"""

import asyncio
from collections.abc import Callable

from websockets.frames import CloseCode

from dialtone.media import wire
from dialtone.media.messages import AudioMetadata, Transcription, TranscriptionMetadata
from media_worker.admission import Target
from media_worker.connection import Link
from media_worker.metrics import Metrics
from media_worker.sessions import Session, Sessions
from media_worker.stream import BAD_LIMIT


class Opening:
    """The `Receiver` of such a connection. `close` is called once, if it has to be closed."""

    def __init__(
        self,
        link: Link,
        target: Target,
        sessions: Sessions,
        metrics: Metrics,
        close: Callable[[CloseCode, str], None],
    ) -> None:
        self.begun: asyncio.Future[Session | None] = asyncio.get_running_loop().create_future()
        """What it has become; None when it is closed instead."""
        self._link, self._target, self._sessions, self._metrics, self._close = link, target, sessions, metrics, close
        self._bad = 0
        self._late = "no audio metadata"
        self._forget: Callable[[], None] | None = None

    def text(self, payload: bytes) -> None:
        """See `Receiver`."""
        if self.begun.done():
            return
        try:
            message = wire.parse(payload.decode())
        except UnicodeDecodeError:
            self._refuse(CloseCode.INVALID_DATA, "a message is not UTF-8")
        except wire.UnsupportedFormat as error:
            self._metrics.bad_messages += 1
            self._refuse(CloseCode.UNSUPPORTED_DATA, str(error))
        except wire.WireError:
            self._count_bad()
        else:
            target = self._target
            if isinstance(message, AudioMetadata):
                # It has the link before this returns, so that the next message of the same read is its own.
                session = self._sessions.begin(
                    target.call_id, target.handler, target.key, message, self._link, number=target.number
                )
                self.begun.set_result(session)
            elif isinstance(message, TranscriptionMetadata):
                self._late = "the call has no stream to add captions to"
                self._forget = self._sessions.once_begun(target.call_id, self._add_captions)
            elif isinstance(message, Transcription) and self._forget is not None:
                return  # there is nobody yet to read it
            elif message is not None:
                self._count_bad()

    def binary(self) -> None:
        """See `Receiver`."""
        self._metrics.bad_messages += 1
        self._refuse(CloseCode.UNSUPPORTED_DATA, "a message is binary")

    def too_big(self) -> None:
        """See `Receiver`."""
        self._metrics.bad_messages += 1
        self._refuse(CloseCode.MESSAGE_TOO_BIG, "a message is too big")

    def congested(self, is_so: bool) -> None:
        """See `Receiver`: nothing is sent yet."""

    def late(self) -> None:
        """The time is over."""
        self._refuse(CloseCode.POLICY_VIOLATION, self._late)

    def end(self) -> None:
        """It waits for nothing any more."""
        if self._forget is not None:
            self._forget()

    def _add_captions(self) -> None:
        """The call has a stream now."""
        if not self.begun.done():
            self.begun.set_result(self._sessions.add_captions(self._target.call_id, self._link))

    def _count_bad(self) -> None:
        self._metrics.bad_messages += 1
        self._bad += 1
        if self._bad == BAD_LIMIT:
            self._refuse(CloseCode.INVALID_DATA, f"{BAD_LIMIT} bad messages in a row")

    def _refuse(self, code: CloseCode, text: str) -> None:
        if not self.begun.done():
            self.begun.set_result(None)
            self._close(code, text)
