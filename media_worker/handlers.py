"""What may be bound to a stream, by the name that the stream's URL asks for."""

from collections.abc import Awaitable, Callable, Mapping

from media_worker.stream import Stream

Handler = Callable[[Stream], Awaitable[None]]
"""Runs for as long as it wants the stream; returning closes it."""


async def echo(stream: Stream) -> None:
    """Send every frame back."""
    async for frame in stream.audio:
        await stream.send(frame)


HANDLERS: Mapping[str, Handler] = {"echo": echo}
