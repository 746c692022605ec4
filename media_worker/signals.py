"""Tells the dialog of a call: POST {public_url}/api/calls/{id}/signals/{name}, `Authorization: Bearer {key}`, JSON; and
asks which stream of the call is wanted: GET {public_url}/api/calls/{id}/stream.

The key is the call's own (dialtone/signals.py), made with DIALTONE_SIGNAL_KEY, which the functions have too.

1. What may pass is tried again: no connection, no answer in time, 408, 429 and 5xx, TRIES times in all.
2. Every try of one signal carries the same `Idempotency-Key`.
3. Neither the key nor the data is logged.
4. What is asked is asked once: the platform comes again.
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
    from yarl import URL

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
        url = f"{self._call(call_id)}/signals/{quote(name, safe='')}"
        headers = self._proof(call_id) | {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex}
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

    async def wanted(self, call_id: str) -> tuple[str, int] | None:
        """The handler and the number of the stream that the dialog of a call wants; None when it wants none.

        Raises SignalFailed when the functions cannot say.
        """
        import aiohttp

        try:
            async with self._http().get(
                self._url(f"{self._call(call_id)}/stream"), headers=self._proof(call_id)
            ) as reply:
                if reply.status in (404, 409):
                    return None
                if reply.status == 200:
                    told = await reply.json()
                    return str(told["handler"]), int(told["number"])
                answer = str(reply.status)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError) as error:
            answer = type(error).__name__
        raise SignalFailed(f"the functions do not say which stream is wanted: {answer}")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _try(self, url: str, body: bytes, headers: dict[str, str]) -> str:
        """Nothing if it was taken, else what was answered."""
        import aiohttp

        try:
            async with self._http().post(self._url(url), data=body, headers=headers, allow_redirects=False) as reply:
                return "" if reply.status < 300 else str(reply.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__

    def _http(self) -> "aiohttp.ClientSession":
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        return self._session

    def _call(self, call_id: str) -> str:
        return f"{self._address}/api/calls/{quote(call_id, safe='')}"

    def _proof(self, call_id: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._keys.key_of(call_id)}"}

    @staticmethod
    def _url(text: str) -> "URL":
        """As it is: an address holds what was encoded here."""
        from yarl import URL

        return URL(text, encoded=True)
