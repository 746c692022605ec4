"""One media stream of one call, as a handler sees it.

What a bad message gets:

1. Not JSON, a member missing or of the wrong type, audio before the metadata, a frame of another length than
   the metadata states, metadata for a second time: counted and dropped.
2. BAD_LIMIT of these in a row, which is a second of audio: the stream is closed with 1007.
3. A binary message, or a format that is not understood: closed with 1003, for nothing good can follow.
4. No metadata in time: closed with 1008.
5. Over 64 KiB, or text that is not UTF-8: closed by the protocol itself with 1009 and 1007.
"""

import asyncio
from collections.abc import AsyncGenerator

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from dialtone.media import wire
from media_worker.metrics import Metrics

BAD_LIMIT = 50
"""Bad messages in a row after which a stream is closed."""


class StreamRefused(Exception):
    """The stream cannot go on; `code` and `reason` are those of the WebSocket's close frame."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Stream:
    """The audio of a call, both ways."""

    call_id: str
    metadata: wire.AudioMetadata
    audio: AsyncGenerator[wire.AudioFrame, None]
    """The frames that the platform sends, as they come; ends when the platform closes the stream.
    Raises StreamRefused, which a handler lets pass."""

    def __init__(
        self, connection: ServerConnection, call_id: str, metadata: wire.AudioMetadata, metrics: Metrics
    ) -> None:
        self.call_id = call_id
        self.metadata = metadata
        self.audio = self._frames()
        self._connection = connection
        self._metrics = metrics

    @classmethod
    async def open(
        cls, connection: ServerConnection, call_id: str, metrics: Metrics, metadata_timeout: float
    ) -> "Stream":
        """Wait for the metadata, at most `metadata_timeout` seconds. Raises StreamRefused and ConnectionClosed."""
        bad = 0
        try:
            async with asyncio.timeout(metadata_timeout):
                while not isinstance(message := await _receive(connection, metrics), wire.AudioMetadata):
                    bad = _count_bad(metrics, bad)
        except TimeoutError:
            raise StreamRefused(CloseCode.POLICY_VIOLATION, "no audio metadata") from None
        return cls(connection, call_id, message, metrics)

    async def send(self, frame: wire.AudioFrame) -> None:
        """Have the platform play `frame`.

        Waits while the platform does not read. Raises ConnectionClosed, which a handler lets pass.
        """
        await self._connection.send(wire.encode(frame))
        self._metrics.frames_out += 1

    async def _frames(self) -> AsyncGenerator[wire.AudioFrame, None]:
        bad = 0
        try:
            while True:
                message = await _receive(self._connection, self._metrics)
                if isinstance(message, wire.AudioFrame) and len(message.pcm) == self.metadata.frame_bytes:
                    bad = 0
                    self._metrics.frames_in += 1
                    yield message
                else:
                    bad = _count_bad(self._metrics, bad)
        except ConnectionClosed:
            return


async def _receive(connection: ServerConnection, metrics: Metrics) -> wire.AudioMetadata | wire.AudioFrame | None:
    """Return the next message of a known kind; None for one that breaks the wire."""
    while True:
        text = await connection.recv()
        try:
            if isinstance(text, bytes):
                raise wire.UnsupportedFormat("a message is binary")
            message = wire.parse(text)
        except wire.UnsupportedFormat as error:
            metrics.bad_messages += 1
            raise StreamRefused(CloseCode.UNSUPPORTED_DATA, str(error)) from None
        except wire.WireError:
            return None
        if message is not None:
            return message


def _count_bad(metrics: Metrics, in_a_row: int) -> int:
    metrics.bad_messages += 1
    if in_a_row + 1 >= BAD_LIMIT:
        raise StreamRefused(CloseCode.INVALID_DATA, f"{BAD_LIMIT} bad messages in a row")
    return in_a_row + 1
