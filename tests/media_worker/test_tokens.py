"""Tokens of the platform: one reason to refuse for each test, and what happens when its keys are out of reach."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from dialtone.errors import DependencyError, Unauthorized
from media_worker.tokens import AGAIN_S, ISSUER, LIFE_S, MAX_TOKEN, SKEW_S, Tokens

NOW = int(time.time())
OURS, OTHERS = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def public(private: rsa.RSAPrivateKey, kid: str) -> dict[str, Any]:
    key: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key()))
    return key | {"kid": kid}


class Issuer:
    """What stands in for the platform's key set."""

    def __init__(self) -> None:
        self.keys = [public(OURS, "k1")]
        self.status = 200
        self.asked = 0
        self.now = float(NOW)
        self.url = ""

    async def answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"keys": self.keys}, status=self.status)

    def tokens(self) -> Tokens:
        return Tokens("resource", self.url, lambda: self.now)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    made, app = Issuer(), web.Application()
    app.router.add_get("/keys", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    yield made
    await runner.cleanup()


def token(private: rsa.RSAPrivateKey = OURS, kid: str | None = "k1", algorithm: str = "RS256", **claims: Any) -> str:
    all_of_them = {"iss": ISSUER, "aud": "resource", "nbf": NOW, "exp": NOW + 24 * 3600} | claims
    said = {name: value for name, value in all_of_them.items() if value is not None}
    return jwt.encode(said, private, algorithm=algorithm, headers={} if kid is None else {"kid": kid})


async def test_a_good_token_and_one_read_of_the_keys(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    for _ in range(3):
        await tokens.verify(f"Bearer {token()}")
        await tokens.verify(f"bearer {token()}")
    assert issuer.asked == 1


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {token()}",
        "Bearer x",
        "Bearer a.b.c",
        f"Bearer {'x' * (MAX_TOKEN + 1)}",
        f"Bearer {token(aud='other')}",
        f"Bearer {token(aud=None)}",
        f"Bearer {token(iss='https://example.org')}",
        f"Bearer {token(exp=None)}",
        f"Bearer {token(nbf=None)}",
        f"Bearer {token(exp=NOW - int(SKEW_S))}",
        f"Bearer {token(nbf=NOW + int(SKEW_S) + 1)}",
        f"Bearer {token(OTHERS)}",
        f"Bearer {token(kid='unknown')}",
        f"Bearer {token(kid=None)}",
        f"Bearer {token(algorithm='RS512')}",
        f"Bearer {jwt.encode({'iss': ISSUER, 'aud': 'resource', 'nbf': NOW, 'exp': NOW + 60}, '', algorithm='none')}",
        f"Bearer {token()[:-4]}AAAA",
    ],
    ids=range(21),
)
async def test_what_does_not_prove_enough(issuer: Issuer, header: str | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        await issuer.tokens().verify(header)
    assert caught.value.http_status == 401
    if header and len(header) > 40:
        assert header[7:] not in str(caught.value)


async def test_clocks_may_differ(issuer: Issuer) -> None:
    await issuer.tokens().verify(f"Bearer {token(exp=NOW - int(SKEW_S) + 1)}")
    await issuer.tokens().verify(f"Bearer {token(nbf=NOW + int(SKEW_S))}")


async def test_a_key_that_is_new_is_asked_for_once_a_minute(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    await tokens.verify(f"Bearer {token()}")
    issuer.keys.append(public(OTHERS, "k2"))
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await tokens.verify(f"Bearer {token(OTHERS, 'k2')}")
    assert issuer.asked == 1
    issuer.now += AGAIN_S
    await tokens.verify(f"Bearer {token(OTHERS, 'k2')}")
    assert issuer.asked == 2


async def test_while_the_keys_are_out_of_reach_those_that_are_kept_verify(issuer: Issuer) -> None:
    tokens = issuer.tokens()
    issuer.status = 500
    with pytest.raises(DependencyError) as caught:
        await tokens.verify(f"Bearer {token()}")
    assert caught.value.http_status == 503
    issuer.status = 200
    await tokens.verify(f"Bearer {token()}")
    issuer.status = 500
    issuer.now += LIFE_S
    await tokens.verify(f"Bearer {token(exp=NOW + 3 * 24 * 3600)}")
    assert issuer.asked == 3


@pytest.mark.parametrize("body", [None, {"keys": "x"}, []])
async def test_keys_that_cannot_be_understood_are_out_of_reach(issuer: Issuer, body: Any) -> None:
    issuer.keys = body
    with pytest.raises(DependencyError):
        await issuer.tokens().verify(f"Bearer {token()}")
