"""Tells the dialog of a call: POST {public_url}/api/calls/{id}/signals/{name}, `Authorization: Bearer {key}`, JSON.

The key is the call's own (dialtone/signals.py), made with DIALTONE_SIGNAL_KEY, which the functions have too.

1. What may pass is tried again: no connection, no answer in time, 408, 429 and 5xx, TRIES times in all.
2. Every try of one signal carries the same `Idempotency-Key`.
3. Neither the key nor the data is logged.
"""

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import uuid4

from dialtone.media.stream import MediaError, SignalFailed
from dialtone.signals import SignalKeys
from media_worker.metrics import Metrics

if TYPE_CHECKING:
    import aiohttp

TRIES: Final = 4
WAIT_S: Final = 0.25
"""Before the second try; twice as long before each one after it."""

TIMEOUT_S: Final = 5.0

log = logging.getLogger("media_worker")


class Signals:
    """The way to the dialogs. `address` is that of the functions, without `/api`."""

    def __init__(self, address: str, key: bytes, metrics: Metrics, *, wait: float = WAIT_S) -> None:
        self._address = address.rstrip("/")
        self._keys = SignalKeys([key])
        self._metrics = metrics
        self._wait = wait
        self._session: aiohttp.ClientSession | None = None

    async def post(self, call_id: str, name: str, data: Any) -> None:
        """Tell one dialog. Raises SignalFailed; MediaError for data that JSON cannot say."""
        try:
            body = json.dumps(data, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise MediaError(f"the data of signal {name!r} is not JSON: {error}") from None
        url = f"{self._address}/api/calls/{quote(call_id, safe='')}/signals/{quote(name, safe='')}"
        headers = {
            "Authorization": f"Bearer {self._keys.key_of(call_id)}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid4().hex,
        }
        answer = ""
        for number in range(TRIES):
            if number:
                await asyncio.sleep(self._wait * 2 ** (number - 1))
            answer = await self._try(url, body, headers)
            if not answer:
                return
            if answer.isdigit() and answer not in ("408", "429") and not answer.startswith("5"):
                break
        self._metrics.signals_failed += 1
        raise SignalFailed(f"signal {name!r} was not taken: {answer}")

    async def tell(self, call_id: str, name: str, data: Any) -> None:
        """As `post`, for the worker itself: what fails is logged."""
        try:
            await self.post(call_id, name, data)
        except MediaError as error:
            log.warning("%s call=%r", error, call_id)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _try(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        """Nothing if it was taken, else what was answered."""
        import aiohttp
        from yarl import URL

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        try:
            # As it is: the address holds what was encoded here.
            async with self._session.post(
                URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
            ) as reply:
                return "" if reply.status < 300 else str(reply.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
