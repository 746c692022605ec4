"""Tokens against an issuer that rotates its keys, is slow, or is out of order."""

import asyncio
import logging
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dialtone.errors import DependencyError, DialtoneError, Unauthorized
from functions import documents
from functions.documents import PAUSE_S, RETRY_S
from functions.tokens import KEYS_LIFE_S, MAX_TOKEN, Tokens
from tests.functions.issuer import APP_ID, Issuer, an_issuer, bearer, public, rsa_key, token

READINGS = ["/.well-known/openidconfiguration", "/keys"]


class Rig:
    """The verifier, its issuer, and clocks that a test moves."""

    def __init__(self, issuer: Issuer, **more: Any) -> None:
        self.issuer = issuer
        self.age = 0.0
        self.ahead = 0.0
        self.tokens = Tokens(
            audience=APP_ID,
            metadata=issuer.metadata_url,
            clock=lambda: time.time() + self.ahead,
            ages=lambda: self.age,
            **more,
        )

    @property
    def readings(self) -> int:
        assert self.issuer.asked == READINGS * (len(self.issuer.asked) // 2)
        return len(self.issuer.asked) // 2


@pytest_asyncio.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with an_issuer() as running:
        yield running


@pytest.fixture
def rig(issuer: Issuer) -> Rig:
    return Rig(issuer)


async def refused(rig: Rig, header: str | None) -> str:
    with pytest.raises(DialtoneError) as caught:
        await rig.tokens.verify(header)
    assert caught.value.field in ("Authorization", "")
    assert caught.value.fix
    return caught.value.code


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_token_of_the_issuer(rig: Rig, algorithm: str, scheme: str) -> None:
    await rig.tokens.verify(f"{scheme} {token(algorithm=algorithm)}")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer garbage",
        "Bearer a.b",
        "Bearer a.b.c",
        "Bearer a.b.c.d",
        "Bearer  !!.é.~",
        f"Bearer {'a' * MAX_TOKEN}.b.c",
        "Bearer W10.e30.e30",
        f"Bearer {urlsafe_b64encode(b'[' * 9000).decode().rstrip('=')}.e30.e30",
        f"Bearer {urlsafe_b64encode(b'{' + bytes(3)).decode().rstrip('=')}.e30.e30",
        # {"alg": "RS256", "kid": 7}
        "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6N30.e30.e30",
    ],
)
async def test_what_is_no_token_is_a_401(rig: Rig, header: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        await rig.tokens.verify(header)
    assert caught.value.http_status == 401
    assert await refused(rig, header) in ("TOKEN_MISSING", "TOKEN_MALFORMED")


@pytest.mark.parametrize("header", ["Bearer", "Basic eDp5", "Bearer garbage", "Bearer a.b", "Bearer \ud800.b.c"])
async def test_what_does_not_even_look_like_a_token_asks_nobody(rig: Rig, header: str) -> None:
    await refused(rig, header)
    assert rig.issuer.asked == []


async def test_a_token_is_bounded(rig: Rig) -> None:
    await rig.tokens.verify(bearer(pad="x" * 8_000))
    assert await refused(rig, bearer(pad="x" * MAX_TOKEN)) == "TOKEN_MALFORMED"


async def test_issuers_of_the_setting_stand_before_that_of_the_metadata(issuer: Issuer) -> None:
    rig = Rig(issuer, issuers=("https://a.test", "https://b.test"))
    await rig.tokens.verify(bearer(iss="https://b.test"))
    assert await refused(rig, bearer()) == "TOKEN_ISSUER"


@pytest.mark.parametrize(("skew", "code"), [(300, None), (0, "TOKEN_EXPIRED")])
async def test_skew(issuer: Issuer, skew: float, code: str | None) -> None:
    rig = Rig(issuer, skew=skew)
    header = bearer(exp=int(time.time()) - 60)
    if code:
        assert await refused(rig, header) == code
    else:
        await rig.tokens.verify(header)


async def test_keys_are_read_once_and_again_after_a_day(rig: Rig) -> None:
    for number in range(3):
        await rig.tokens.verify(bearer(jti=str(number)))
    rig.age = KEYS_LIFE_S - 1
    await rig.tokens.verify(bearer())
    assert rig.readings == 1
    rig.age = KEYS_LIFE_S
    await rig.tokens.verify(bearer())
    assert rig.readings == 2


async def test_a_key_that_was_withdrawn_verifies_nothing_after_a_day(rig: Rig) -> None:
    header = bearer()
    await rig.tokens.verify(header)
    rig.issuer.keys = [public("second")]
    await rig.tokens.verify(header)
    rig.age = KEYS_LIFE_S
    assert await refused(rig, header) == "TOKEN_KEY"


async def test_a_new_key_is_looked_for_at_once(rig: Rig) -> None:
    await rig.tokens.verify(bearer())
    rig.issuer.keys.append(public("second"))
    rig.age += PAUSE_S
    await rig.tokens.verify(bearer(key="second", kid="second"))
    assert rig.readings == 2


async def test_unknown_keys_do_not_make_us_hammer_the_issuer(rig: Rig) -> None:
    await rig.tokens.verify(bearer())
    for number in range(20):
        assert await refused(rig, bearer(kid=f"unknown-{number}")) == "TOKEN_KEY"
    assert rig.readings == 1
    rig.age += PAUSE_S
    for number in range(20):
        assert await refused(rig, bearer(kid=f"unknown-{number}")) == "TOKEN_KEY"
    assert rig.readings == 2


async def test_many_callbacks_wait_for_one_reading(rig: Rig) -> None:
    rig.issuer.delay = 0.05
    await asyncio.gather(*(rig.tokens.verify(bearer(jti=str(number))) for number in range(10)))
    assert rig.readings == 1


async def test_one_that_leaves_does_not_take_the_reading_along(rig: Rig) -> None:
    rig.issuer.delay = 0.05
    impatient = asyncio.create_task(rig.tokens.verify(bearer()))
    patient = asyncio.create_task(rig.tokens.verify(bearer()))
    await asyncio.sleep(0)
    impatient.cancel()
    await patient
    assert rig.readings == 1


@pytest.mark.parametrize(
    "answer",
    [
        (503, b""),
        (404, b"nothing here"),
        (302, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b"[" * 100_000),
        (200, b'{"issuer": "https://issuer.test", "jwks_uri": "http://[/"}'),
        (200, b'{"issuer": 7, "jwks_uri": "https://keys.test/"}'),
    ],
)
async def test_an_issuer_out_of_order_is_a_503_and_comes_back(rig: Rig, answer: tuple[int, bytes]) -> None:
    rig.issuer.answer = answer
    with pytest.raises(DependencyError):
        await rig.tokens.verify(bearer())
    rig.issuer.answer = None
    with pytest.raises(DependencyError):
        await rig.tokens.verify(bearer())
    assert len(rig.issuer.asked) == 1
    rig.age += RETRY_S
    await rig.tokens.verify(bearer())


async def test_a_key_set_that_others_could_change_on_the_way_is_not_read(rig: Rig) -> None:
    rig.issuer.metadata["jwks_uri"] = "http://keys.test/"
    with pytest.raises(DependencyError, match="no key set at an https address"):
        await rig.tokens.verify(bearer())


async def test_a_key_set_is_bounded(rig: Rig) -> None:
    rig.issuer.keys.append({"pad": "x" * 2_000_000})
    with pytest.raises(DependencyError, match="more than 1048576 bytes"):
        await rig.tokens.verify(bearer())


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [7, None, {}, "key"],
        [{"kty": "RSA", "kid": "first"}],
        [{"kty": "RSA", "kid": "first", "n": 1, "e": []}],
        [public("first", use="enc")],
        [public("first", kid=None)],
        [jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key("weak", 1024).public_key(), as_dict=True) | {"kid": "first"}],
        [{"kty": "oct", "kid": "first", "k": "c2VjcmV0"}],
    ],
)
async def test_keys_that_prove_nothing_are_left_out(rig: Rig, keys: list[Any]) -> None:
    rig.issuer.keys = keys
    with pytest.raises(DependencyError, match="no RSA key"):
        await rig.tokens.verify(bearer())
    rig.issuer.keys = [*keys, public("first")]
    rig.age += RETRY_S
    await rig.tokens.verify(bearer())


async def test_a_kept_key_verifies_while_the_issuer_is_out_of_order(rig: Rig) -> None:
    await rig.tokens.verify(bearer())
    rig.issuer.answer = (503, b"")
    rig.age += KEYS_LIFE_S
    await rig.tokens.verify(bearer(jti="another"))
    with pytest.raises(DependencyError):
        await rig.tokens.verify(bearer(kid="second", key="second"))
    assert await refused(rig, bearer(aud="other")) == "TOKEN_AUDIENCE"


async def test_a_slow_issuer_is_a_503(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "TIMEOUT_S", 0.05)
    rig.issuer.delay = 5.0
    with pytest.raises(DependencyError, match="TimeoutError"):
        await rig.tokens.verify(bearer())


async def test_no_issuer_at_all_is_a_503() -> None:
    async with an_issuer() as issuer:
        rig = Rig(issuer)
    with pytest.raises(DependencyError, match="cannot be read"):
        await rig.tokens.verify(bearer())


class Counted(jwt.PyJWT):
    """Counts how often a signature is verified."""

    count = 0

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        self.count += 1
        return super().decode(*args, **kwargs)


async def test_a_known_token_is_not_verified_again_until_it_expires(rig: Rig) -> None:
    rig.tokens._jwt = counted = Counted()
    header = bearer()
    for _ in range(3):
        await rig.tokens.verify(header)
    assert counted.count == 1
    rig.ahead = 300 + 300 + 1
    await rig.tokens.verify(header)
    assert counted.count == 2


async def test_known_tokens_are_bounded_and_a_changed_one_is_not_known(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.tokens._MAX_KEPT", 3)
    headers = [bearer(jti=str(number)) for number in range(5)]
    for header in headers:
        await rig.tokens.verify(header)
    assert len(rig.tokens._known) == 3
    assert await refused(rig, headers[-1][:-4] + "AAAA") == "TOKEN_SIGNATURE"


async def test_a_refused_token_is_never_known(rig: Rig) -> None:
    for _ in range(2):
        assert await refused(rig, bearer(aud="other")) == "TOKEN_AUDIENCE"
    assert not rig.tokens._known


async def test_nothing_of_a_token_is_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "hunter2hunter2"
    for header in (
        bearer(kid=secret),
        bearer(aud=secret),
        bearer(iss=secret),
        bearer(headers={"x": secret}, exp=1),
        f"Bearer {secret}",
        f"Basic {secret}",
    ):
        with pytest.raises(Unauthorized) as caught:
            await rig.tokens.verify(header)
        assert secret not in str(caught.value)
    assert secret not in caplog.text


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_header_is_refused_and_never_a_crash(data: st.DataObject) -> None:
    segment = st.one_of(
        st.text(max_size=30),
        st.binary(max_size=60).map(lambda raw: urlsafe_b64encode(raw).decode().rstrip("=")),
        st.sampled_from(token().split(".")),
        st.dictionaries(
            st.sampled_from(["alg", "kid", "typ", "b64", "crit"]), st.none() | st.text() | st.just(["b64"])
        ).map(lambda head: urlsafe_b64encode(str(head).replace("'", '"').encode()).decode().rstrip("=")),
    )
    header = data.draw(st.text() | st.lists(segment, max_size=4).map(lambda parts: "Bearer " + ".".join(parts)))
    if header.strip() == f"Bearer {token()}":
        return

    async def check() -> None:
        tokens = Tokens(audience=APP_ID, metadata="http://127.0.0.1:9/")
        with pytest.raises((Unauthorized, DependencyError)):
            await tokens.verify(header)

    asyncio.run(check())
