"""An issuer of tokens on this machine: OpenID metadata, a key set and a signature, and ways to be out of order."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

APP_ID = "b0100000-1d00-aaaa-bbbb-cccccccccccc"
ISSUER = "https://issuer.test"


@cache
def rsa_key(name: str, bits: int = 2048) -> RSAPrivateKey:
    """The key that goes by `name` for all the tests of a run: making one takes long."""
    return generate_private_key(65537, bits)


def public(name: str, **members: str | None) -> dict[str, Any]:
    """The public key `name` as a member of a key set; None leaves a member out."""
    jwk = RSAAlgorithm.to_jwk(rsa_key(name).public_key(), as_dict=True)
    whole = jwk | {"kid": name, "use": "sig"} | members
    return {key: value for key, value in whole.items() if value is not None and key != "key_ops"}


class Issuer:
    """Its `keys` are published; `answer` is what it gives when set, `delay` how long it waits first."""

    def __init__(self) -> None:
        self.keys: list[Any] = [public("first")]
        self.metadata: dict[str, Any] = {"issuer": ISSUER}
        self.answer: tuple[int, bytes] | None = None
        self.delay = 0.0
        self.asked: list[str] = []
        self.url = ""

    @property
    def metadata_url(self) -> str:
        return f"{self.url}/.well-known/openidconfiguration"

    async def give(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.answer is not None:
            status, body = self.answer
            return web.Response(status=status, body=body, headers={"Location": "/keys"} if status == 302 else {})
        if request.path == "/keys":
            return web.json_response({"keys": self.keys})
        return web.json_response({"jwks_uri": f"{self.url}/keys"} | self.metadata)


@asynccontextmanager
async def serving(give: Any, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address of a server on this machine that answers with `give`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", give)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        _, port, *_ = runner.addresses[0]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def an_issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer()
    async with serving(issuer.give) as issuer.url:
        yield issuer


def token(
    *,
    key: str = "first",
    kid: str | None = "first",
    algorithm: str = "RS256",
    headers: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """A token as the platform sends it; a claim of None is left out."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": APP_ID, "iat": now - 10, "nbf": now - 10, "exp": now + 300} | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    head = ({"kid": kid} if kid is not None else {}) | (headers or {})
    if algorithm == "none":
        return jwt.encode(claims, None, algorithm="none", headers=head)  # type: ignore[arg-type]  # it wants None
    if algorithm.startswith("HS"):
        return jwt.encode(claims, b"s" * 64, algorithm=algorithm, headers=head)
    return jwt.encode(claims, rsa_key(key), algorithm=algorithm, headers=head)


def bearer(**changes: Any) -> str:
    return f"Bearer {token(**changes)}"
