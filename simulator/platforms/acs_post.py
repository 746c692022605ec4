"""How the simulated ACS posts: callbacks with a token of its own, and Event Grid's deliveries, both with retries.

1. A callback carries `Authorization: Bearer`, a JWT of RS256 that lives 5 minutes, new for each event; its audience is
   the immutable id of the resource. The key set and the OpenID metadata are served beside the REST API.
2. Event Grid's deliveries carry no token, but `aeg-event-type` and `aeg-delivery-count`.
3. Each is tried again unless it is answered with 2xx; what is told in `AcsSettings` says when.
"""

import json
import time
from asyncio import timeout
from collections.abc import Callable
from typing import Any, Final

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm

from simulator.clock import Clock
from simulator.ledger import Ledger
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.acs_wire import Json

KEY_ID: Final = "simulator-1"


def http_client() -> httpx.AsyncClient:
    """An HTTP client for a resource: it follows no redirect, and takes no proxy from the environment."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    return httpx.AsyncClient(follow_redirects=False, trust_env=False, limits=limits)


class Issuer:
    """The issuer of the tokens of callbacks. `now` gives Unix seconds."""

    def __init__(self, settings: AcsSettings, now: Callable[[], float] = time.time) -> None:
        self._settings, self._now = settings, now
        self._key = generate_private_key(65537, 2048)

    @property
    def keys(self) -> Json:
        """The key set."""
        jwk = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": KEY_ID, "use": "sig"}]}

    def metadata(self, base: str) -> Json:
        """The OpenID metadata, for a service at this address."""
        return {"issuer": self._settings.issuer, "jwks_uri": f"{base}/calling/keys"}

    def token(self, **changes: Any) -> str:
        """A token, with other claims where a test wants them."""
        now = int(self._now())
        life = int(self._settings.token_life_s)
        claims = {"iss": self._settings.issuer, "aud": self._settings.resource_id, "iat": now, "exp": now + life}
        return jwt.encode(claims | changes, self._key, algorithm="RS256", headers={"kid": KEY_ID})


class Poster:
    """Posts for one call; only a participant of its clock may use it."""

    def __init__(
        self, clock: Clock, ledger: Ledger, http: httpx.AsyncClient, issuer: Issuer, settings: AcsSettings
    ) -> None:
        self._clock, self._ledger, self._http = clock, ledger, http
        self._issuer, self._settings = issuer, settings

    async def callback(self, url: str, events: list[Json]) -> bool:
        """Post events of a call. Rules 1 and 3; whether they were taken."""
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        for attempt, wait in enumerate((0.0, *self._settings.callback_waits_s), 1):
            await self._clock.sleep(wait)
            token = {"Authorization": f"Bearer {self._issuer.token()}"}
            if await self._post(url, events, headers | token, attempt):
                return True
        return False

    async def grid(self, url: str, event: Json) -> bool:
        """Deliver an event of Event Grid. Rules 2 and 3; whether it was taken."""
        for attempt, wait in enumerate((0.0, *self._settings.grid_waits_s), 1):
            await self._clock.sleep(wait)
            headers = {
                "Content-Type": "application/json; charset=utf-8",
                "aeg-event-type": "Notification",
                "aeg-delivery-count": str(attempt - 1),
                "aeg-subscription-name": "SIMULATOR",
            }
            if await self._post(url, [event], headers, attempt):
                return True
        return False

    async def _post(self, url: str, events: list[Json], headers: dict[str, str], attempt: int) -> bool:
        self._ledger.add("platform", "http.request", attempt=attempt, url=url, json=events, bytes=0)
        status: int | None = None
        members: Json = {}
        began = time.perf_counter()
        try:
            async with self._clock.io(), timeout(self._settings.request_timeout_s):
                content = json.dumps(events).encode()
                reply = await self._http.post(url, content=content, headers=headers, timeout=None)
                status = reply.status_code
                if reply.content:
                    members["text"] = reply.text
        except TimeoutError:
            members["error"] = "timeout"
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            members["error"] = type(error).__name__
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        self._ledger.add("bot", "http.reply", status=status, ms=milliseconds, **members)
        return status is not None and 200 <= status < 300
