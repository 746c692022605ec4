"""The platform's tokens: JWTs signed with RS256, and the OpenID metadata by which a bot verifies them.

The claims are those that the platforms' tokens have: `iss`, `aud` (the bot's app id, or the resource), `iat`, `nbf`,
`exp`. A token is used for all requests while it lasts, as the Skype platform did. ACS makes a new one for each event;
here one that lasts so shortly is used for a tenth of its life, for signing costs more than all else of an event. The
key is kept in a file, so that a bot that knows the key set can be rung again by another run.

A bot finds the metadata at `/.well-known/openidconfiguration` of the issuer's address, the key set at `/keys`.
"""

import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.faults import BadToken

ISSUER: Final = "https://api.botframework.com"
METADATA: Final = "/.well-known/openidconfiguration"
LIFE_S: Final = 3600
RENEW_S: Final = 600
"""How long before its end a token is not used any more; at most nine tenths of its life."""


class IssuerError(ValueError):
    """The file of the key does not hold one."""


class Issuer:
    """Signs tokens for `audience`, as the issuer `name`, which last `life_s`. `clock` gives seconds since 1970, UTC."""

    def __init__(
        self,
        key: rsa.RSAPrivateKey,
        audience: str,
        clock: Callable[[], float] = time.time,
        *,
        name: str = ISSUER,
        life_s: int = LIFE_S,
    ) -> None:
        self.name = name
        self._key = key
        self._audience = audience
        self._clock = clock
        self._life_s = life_s
        public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._kid = f"simulator-{public['n'][:8]}"
        self.keys: Final = {"keys": [{**public, "kid": self._kid, "use": "sig", "alg": "RS256"}]}
        self._kept: dict[float, tuple[float, str]] = {}

    def token(self, skew: float = 0.0) -> str:
        """A token that the bot must accept, made by a clock that is `skew` seconds ahead. It is kept while it lasts."""
        now = self._clock()
        until, token = self._kept.get(skew, (0.0, ""))
        if now >= until:
            token = self._sign(now + skew)
            self._kept[skew] = now + self._life_s - min(RENEW_S, 0.9 * self._life_s), token
        return token

    def bad_token(self, kind: BadToken) -> str | None:
        """What a bot must refuse; None for no token at all."""
        now = self._clock()
        if kind == "missing":
            return None
        if kind == "expired":
            return self._sign(now - self._life_s - 3600)
        if kind == "audience":
            return self._sign(now, aud="somebody-else")
        if kind == "issuer":
            return self._sign(now, iss="https://issuer.invalid")
        head, _, signature = self.token().rpartition(".")
        return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"

    def metadata(self, address: str) -> dict[str, Any]:
        """The OpenID metadata of an issuer whose key set is at `/keys` of the address."""
        algorithms = ["RS256"]
        return {"issuer": self.name, "jwks_uri": f"{address}/keys", "id_token_signing_alg_values_supported": algorithms}

    def claiming(self, **claims: Any) -> str:
        """A token with other claims."""
        return self._sign(self._clock(), **claims)

    def _sign(self, now: float, **changes: Any) -> str:
        began = int(now)
        ends = began + self._life_s
        claims = {"iss": self.name, "aud": self._audience, "iat": began, "nbf": began, "exp": ends} | changes
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._kid})


def new_key() -> rsa.RSAPrivateKey:
    """A new key; making one takes a tenth of a second."""
    return rsa.generate_private_key(65537, 2048)


def load_key(path: Path) -> rsa.RSAPrivateKey:
    """The key in a PEM file, which is made when it is not there; only its owner may read it. Raises `IssuerError`."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        key = new_key()
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            kind = serialization.PrivateFormat.PKCS8
            file.write(key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()))
    except (ValueError, TypeError):
        raise IssuerError(f"{path} holds no key in PEM without a password; delete it, and one is made") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise IssuerError(f"{path} holds a key that is not RSA; delete it, and one is made")
    return key


@asynccontextmanager
async def serve_issuer(issuer: Issuer, port: int = 0) -> AsyncIterator[str]:
    """Serve the metadata and the key set on this machine; gives the address. Raises OSError for a port in use."""

    async def give(request: web.Request) -> web.Response:
        documents = {METADATA: issuer.metadata(f"http://{request.host}"), "/keys": issuer.keys}
        document = documents.get(request.path)
        if document is None:
            return web.Response(status=404)
        return web.Response(text=json.dumps(document), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", give)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
