"""What verifying a callback's token costs, against an issuer on this machine whose keys are kept after the first."""

import asyncio
import json
import time
from time import perf_counter
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from jwt.algorithms import RSAAlgorithm

from bench.table import Figure, show
from functions.tokens import Tokens

ROUNDS = 7
TOKENS_A_ROUND = 300
APP_ID = "b0100000-1d00-aaaa-bbbb-cccccccccccc"
ISSUER = "https://api.botframework.com"


async def _measure(tokens: Tokens, headers: list[str]) -> float:
    """Microseconds a token."""
    began = perf_counter()
    for header in headers:
        await tokens.verify(header)
    return (perf_counter() - began) / len(headers) * 1e6


async def _run() -> None:
    private = generate_private_key(65537, 2048)
    jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True) | {"kid": "first", "use": "sig"}
    documents: dict[str, Any] = {"/keys": {"keys": [jwk]}}

    async def give(request: web.Request) -> web.Response:
        return web.Response(body=json.dumps(documents[request.path]), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", give)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    documents["/metadata"] = {"issuer": ISSUER, "jwks_uri": f"{address}/keys"}

    def header(number: int) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": APP_ID, "nbf": now, "exp": now + 3600, "tid": "t", "jti": str(number)}
        return "Bearer " + jwt.encode(claims, private, algorithm="RS256", headers={"kid": "first"})

    tokens = Tokens(audience=APP_ID, metadata=f"{address}/metadata")
    try:
        await tokens.verify(header(-1))
    finally:
        await runner.cleanup()
    new, known = [], []
    for number in range(ROUNDS):
        headers = [header(number * TOKENS_A_ROUND + each) for each in range(TOKENS_A_ROUND)]
        new.append(await _measure(tokens, headers))
        known.append(await _measure(tokens, headers))
    rows = [
        [name, str(Figure(values)), f"{min(values):,.0f}"]
        for name, values in (("a new one", new), ("one that was verified before", known))
    ]
    note = f"One core; RS256, 2048 bits; {ROUNDS} rounds of {TOKENS_A_ROUND} tokens. Aim: 150 µs a callback."
    show("A token", ["token", "µs, median (range)", "µs, best"], rows, note)


def run() -> None:
    """Print the table."""
    asyncio.run(_run())
