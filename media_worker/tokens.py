"""The token of the platform's Upgrade request, in place of a ticket.

1. `Authorization: Bearer <token>`: RS256, the issuer below, the audience is the resource's immutable id, `exp` and
   `nbf` give or take SKEW_S. Without one, or with a wrong one: 401, as a stream is never opened by another right.
2. Keys are read once a day, and when a token names one that is not known, at most once a minute. While they cannot be
   read, those that are kept verify; without any, 503.
3. Nothing of a token is logged.

Source: Azure Communication Services, "Secure WebSocket connections of Call Automation".
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from dialtone.errors import DependencyError, Unauthorized

ISSUER: Final = "https://acscallautomation.communication.azure.com"
KEYS: Final = f"{ISSUER}/calling/keys"
SKEW_S: Final = 300.0
LIFE_S: Final = 24 * 3600.0
AGAIN_S: Final = 60.0
TIMEOUT_S: Final = 5.0
MAX_TOKEN: Final = 16_384
"""Characters."""

_MAX_KEYS: Final = 1024 * 1024
_FIX: Final = "look at DIALTONE_ACS_AUDIENCE: it is the immutable id of the Communication Services resource"


class Tokens:
    """Verifies tokens for `audience` by the key set at `keys`. `now` gives Unix seconds."""

    def __init__(self, audience: str, keys: str = KEYS, now: Callable[[], float] = time.time) -> None:
        self._audience, self._address, self._now = audience, keys, now
        self._keys: dict[str, Any] = {}
        self._read_at = -LIFE_S
        self._asked_at = -LIFE_S
        self._reading = asyncio.Lock()

    async def verify(self, header: str | None) -> None:
        """Verify the value of an Authorization header. Raises Unauthorized, and DependencyError without any keys."""
        # Not needed by a worker that takes tickets, and 60 ms of its start.
        import jwt

        scheme, _, token = (header or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN:
            raise Unauthorized("the request has no bearer token", fix="connect with the platform's token, or a ticket")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = await self._key(kid if isinstance(kid, str) else "")
            claims = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=ISSUER,
                options={"require": ["exp", "nbf", "aud", "iss"], "verify_exp": False, "verify_nbf": False,
                         "verify_iat": False},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise Unauthorized(f"the token does not prove what it should ({type(error).__name__})", fix=_FIX) from None
        begins, ends = (claims.get(name) for name in ("nbf", "exp"))
        if not isinstance(begins, int | float) or not isinstance(ends, int | float):
            raise Unauthorized("the times of the token are not numbers", fix=_FIX)
        if not begins - SKEW_S <= self._now() < ends + SKEW_S:
            raise Unauthorized("the token is not valid now", fix="look at the clocks of both sides")

    async def _key(self, kid: str) -> Any:
        async with self._reading:
            now = self._now()
            old = now - self._read_at >= LIFE_S
            if (old or kid not in self._keys) and now - self._asked_at >= AGAIN_S:
                self._asked_at = now
                try:
                    self._keys = await _read(self._address)
                    self._read_at = now
                except (OSError, ValueError, TimeoutError) as error:
                    if not self._keys:
                        # The next request may ask again at once: nobody can connect before.
                        self._asked_at = -LIFE_S
                        raise DependencyError(
                            f"the platform's keys cannot be read ({type(error).__name__})",
                            fix="check that the worker can reach DIALTONE_ACS_KEYS",
                        ) from None
        if kid not in self._keys:
            raise Unauthorized("the token names a key that the platform does not have", fix=_FIX)
        return self._keys[kid]


async def _read(address: str) -> dict[str, Any]:
    """The RSA keys of a key set by their ids. Raises OSError, ValueError and TimeoutError."""
    import aiohttp
    import jwt

    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.get(address, allow_redirects=False) as reply,
        ):
            if reply.status != 200:
                raise ValueError(f"status {reply.status}")
            if len(body := await reply.content.read(_MAX_KEYS)) >= _MAX_KEYS:
                raise ValueError("the key set is too large")
            keys = jwt.PyJWKSet.from_json(body.decode()).keys
    except aiohttp.ClientError as error:
        raise OSError(str(type(error).__name__)) from None
    except jwt.PyJWTError as error:
        raise ValueError(type(error).__name__) from None
    return {key.key_id: key for key in keys if key.key_id and key.key_type == "RSA"}
