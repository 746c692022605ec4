"""Canaries at the function itself: what a token may be, and what a canary's call leaves behind."""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import azure.functions as func
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dialtone.errors import ConfigurationError
from dialtone.protocol import canary as rules
from functions import canary
from functions.channels import turns_of
from functions.settings import settings
from functions.skype_turn import Reply, turns
from tests.functions.app import handler
from tests.functions.issuer import rsa_key
from tests.functions.rig import HUNG_UP, JSON, chose, conversation, result, said
from tests.functions.test_verify import ENVIRONMENT

URL = ENVIRONMENT["DIALTONE_PUBLIC_URL"]
KEY = Ed25519PrivateKey.generate()
CACHES = (settings, turns, canary.turns, canary.keys_of)
BODY = conversation("canary-1")


def setting(public: Any) -> str:
    return b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


PUBLIC = setting(KEY.public_key())


@pytest.fixture(autouse=True)
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Change the keys."""

    def change(keys: str) -> None:
        for name, value in (ENVIRONMENT | {"DIALTONE_CANARY_KEYS": keys}).items():
            monkeypatch.setenv(name, value)
        for cached in CACHES:
            cached.cache_clear()

    change(PUBLIC)
    yield change
    for cached in CACHES:
        cached.cache_clear()


async def post(body: bytes, number: str, token: str) -> Reply:
    headers = {"Content-Type": JSON, "X-Microsoft-Skype-Message-ID": number, "Authorization": token}
    request = func.HttpRequest("POST", f"{URL}/api/canary", headers=headers, body=body)
    answer = await handler("canary")(request)
    return Reply(answer.get_body(), answer.status_code)


def claims(body: bytes = BODY, number: str = "m0", **changes: Any) -> dict[str, Any]:
    told = rules.claims(URL, number, body, time.time()) | changes
    return {name: value for name, value in told.items() if value is not None}


def signed(body: bytes = BODY, number: str = "m0", **changes: Any) -> str:
    return f"bearer {jwt.encode(claims(body, number, **changes), KEY, 'EdDSA')}"


async def test_a_call_of_a_canary_and_what_it_leaves() -> None:
    rang = await post(BODY, "m0", signed())
    assert said(rang) == ["This is a test. Press 1."]
    assert json.loads(rang.body)["links"]["callback"] == f"{URL}/api/canary"
    heard = result(rang, chose("heard"), call="canary-1")
    thanked = await post(heard, "m1", signed(heard, "m1"))
    assert said(thanked) == ["Thank you."]
    over = result(thanked, HUNG_UP, call="canary-1", state="terminated")
    assert (await post(over, "m2", signed(over, "m2"))).status == 200

    storage = canary.turns().storage
    (record,) = await storage.calls.calls_of_day(time.strftime("%Y%m%d", time.gmtime()))
    assert (record.call_id, record.channel, record.outcome) == ("canary-1", "canary", "completed")
    assert await storage.recordings.list() == []


async def test_a_canary_that_is_lost_is_swept_by_its_own_dialog(caplog: pytest.LogCaptureFixture) -> None:
    await post(BODY, "m0", signed())
    there = canary.turns()
    # A call's start is rounded to the millisecond, and one of this millisecond is not before it.
    (record,) = await there.storage.calls.open_calls(started_before=there.clock() + 1)
    lost = canary.CanaryTurns(there.bot, there.storage, there.settings, lambda: time.time() + 86_400)
    assert type(turns_of(record.channel)) is canary.CanaryTurns
    assert await lost.lost(record)
    assert await there.storage.calls.open_calls(started_before=there.clock() + 1) == []
    assert "the dialog failed" not in caplog.text


def bearer(key: Any, algorithm: str) -> str:
    return f"Bearer {jwt.encode(claims(), key, algorithm)}"


BAD_TOKENS: dict[str, tuple[Callable[[], str], str]] = {
    "none": (lambda: "", "CANARY_UNKNOWN"),
    "another scheme": (lambda: "Basic e30=", "CANARY_UNKNOWN"),
    "nonsense": (lambda: "Bearer e30.e30.e30", "CANARY_UNKNOWN"),
    "a strange key": (lambda: bearer(Ed25519PrivateKey.generate(), "EdDSA"), "CANARY_UNKNOWN"),
    "the public key as a secret": (lambda: bearer(PUBLIC.encode(), "HS256"), "CANARY_UNKNOWN"),
    "a key of another kind": (lambda: bearer(rsa_key("first"), "RS256"), "CANARY_UNKNOWN"),
    "unsigned": (lambda: bearer(None, "none"), "CANARY_UNKNOWN"),
    "another issuer": (lambda: signed(iss="https://api.botframework.com"), "CANARY_TOKEN"),
    "without a hash": (lambda: signed(sha=None), "CANARY_TOKEN"),
    "without an id": (lambda: signed(jti=None), "CANARY_TOKEN"),
    "without an end": (lambda: signed(exp=None), "CANARY_TOKEN"),
    "a time that is none": (lambda: signed(iat="soon"), "CANARY_TOKEN"),
    "too long a life": (lambda: signed(exp=int(time.time()) + 3600), "CANARY_LIFE"),
    "expired": (lambda: signed(exp=int(time.time()) - 90), "CANARY_TIME"),
    "of the future": (lambda: signed(iat=int(time.time()) + 90), "CANARY_TIME"),
    "another audience": (lambda: signed(aud=f"{URL}.evil.test"), "CANARY_AUDIENCE"),
    "another request": (lambda: signed(number="m1"), "CANARY_REQUEST"),
    "another body": (lambda: signed(body=BODY + b" "), "CANARY_REQUEST"),
}
"""What is wrong with a token, how to make one (as late as can be, for they live for seconds), and the code told."""


@pytest.mark.parametrize("wrong", BAD_TOKENS)
async def test_a_token_that_does_not_let_in(wrong: str) -> None:
    token, code = BAD_TOKENS[wrong]
    reply = await post(BODY, "m0", token())
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"], bool(error["fix"])) == (401, code, True)


async def test_a_token_of_a_clock_that_is_a_little_wrong_lets_in() -> None:
    assert (await post(BODY, "m0", signed(iat=int(time.time()) + 50, exp=int(time.time()) + 170))).status == 200


async def test_a_call_that_is_no_canarys_is_refused() -> None:
    body = conversation("call-7")
    assert (await post(body, "m0", signed(body))).status == 403
    assert await canary.turns().storage.calls.latest("call-7") is None


async def test_what_is_larger_than_a_canary_is_refused() -> None:
    body = b" " * (canary.BODY_MAX + 1)
    assert (await post(body, "m0", signed(body))).status == 400


@pytest.mark.parametrize("keys", ["?", "AAAA", f"{PUBLIC},"], ids=["nonsense", "too short", "one and an empty one"])
async def test_a_setting_that_is_no_key_lets_nobody_in(use: Callable[[str], None], keys: str) -> None:
    use(keys)
    expected = 200 if keys.startswith(PUBLIC) else 500
    assert (await post(BODY, "m0", signed())).status == expected


def test_a_key_of_another_kind_is_named() -> None:
    rsa = rsa_key("first").public_key()
    assert isinstance(rsa, RSAPublicKey)
    with pytest.raises(ConfigurationError, match="DIALTONE_CANARY_KEYS"):
        canary.keys_of((setting(rsa),))
