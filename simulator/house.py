"""Whoever runs the bot, asked to make it suffer: to kill its host, to take its storage away.

The simulator only reaches a bot over HTTP. A program that started the bot may listen at an address of its own, the
house, for these requests, each answered with 204 when it is done:

    POST /kill            kill the host as a crash would, and start it again: answered when it is ready
    POST /storage/down    from now on storage answers 503
    POST /storage/up      storage answers again
    POST /sweep           let so much time pass, for the bot, that it takes calls without a callback for lost, and let
                          it end them: answered when it had the time
"""

from typing import Final, Protocol

from simulator.wire import Wire

TIMEOUT_S: Final = 120.0


class HouseFailed(RuntimeError):
    """The house did not do what it was asked to."""


class House(Protocol):
    """What a fault may ask of whoever runs the bot."""

    async def kill(self) -> None:
        """Kill the bot's host and start it again."""

    async def storage(self, *, up: bool) -> None:
        """Let the bot's storage answer, or fail."""

    async def sweep(self) -> None:
        """Let the bot end the calls whose callback does not come."""


class HttpHouse:
    """A house at an address. Raises `HouseFailed` when it does not do what it is asked to."""

    def __init__(self, url: str, wire: Wire) -> None:
        self._url = url.rstrip("/")
        self._wire = wire

    async def kill(self) -> None:
        """Kill the bot's host and start it again."""
        await self._ask("/kill")

    async def storage(self, *, up: bool) -> None:
        """Let the bot's storage answer, or fail."""
        await self._ask("/storage/up" if up else "/storage/down")

    async def sweep(self) -> None:
        """Let the bot end the calls whose callback does not come."""
        await self._ask("/sweep")

    async def _ask(self, what: str) -> None:
        answer = await self._wire.post(self._url + what, {}, b"", TIMEOUT_S)
        if answer.status != 204:
            why = answer.failure or f"status {answer.status}"
            raise HouseFailed(f"whoever runs the bot did not do {what}: {why}")
