from pathlib import Path

import httpx
import jwt
import pytest

from simulator.issuer import ISSUER, METADATA, Issuer, IssuerError, load_key, serve_issuer
from tests.functions.issuer import APP_ID, rsa_key

NOW = 1_700_000_000.0


class Now:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> float:
        return self.at


def claims(token: str | None, verify: bool = True) -> dict[str, object]:
    assert token is not None
    options = {"verify_signature": verify, "verify_exp": False, "verify_nbf": False, "verify_aud": False}
    return dict(jwt.decode(token, rsa_key("first").public_key(), algorithms=["RS256"], options=options))  # type: ignore[arg-type]  # a plain dict is one of its options


def test_a_token_lasts_for_an_hour_and_is_kept() -> None:
    now = Now()
    issuer = Issuer(rsa_key("first"), APP_ID, now)
    token = issuer.token()
    assert claims(token) == {"iss": ISSUER, "aud": APP_ID, "iat": NOW, "nbf": NOW, "exp": NOW + 3600}
    now.at += 2999
    assert issuer.token() == token
    now.at += 1
    assert claims(issuer.token())["iat"] == NOW + 3000


def test_a_clock_that_is_wrong() -> None:
    issuer = Issuer(rsa_key("first"), APP_ID, Now())
    assert claims(issuer.token(240))["nbf"] == NOW + 240
    assert claims(issuer.token(-240))["exp"] == NOW + 3360
    assert claims(issuer.token())["iat"] == NOW


def test_tokens_that_a_bot_must_refuse() -> None:
    issuer = Issuer(rsa_key("first"), APP_ID, Now())
    assert issuer.bad_token("missing") is None
    assert claims(issuer.bad_token("expired"))["exp"] == NOW - 3600
    assert claims(issuer.bad_token("audience"))["aud"] == "somebody-else"
    assert claims(issuer.bad_token("issuer"))["iss"] == "https://issuer.invalid"
    forged = issuer.bad_token("signature")
    assert claims(forged, verify=False) == claims(issuer.token())
    with pytest.raises(jwt.InvalidSignatureError):
        claims(forged)


async def test_the_key_set_is_found_by_the_metadata() -> None:
    issuer = Issuer(rsa_key("first"), APP_ID)
    async with serve_issuer(issuer) as url, httpx.AsyncClient(trust_env=False) as client:
        metadata = (await client.get(url + METADATA)).json()
        assert metadata["issuer"] == ISSUER
        keys = (await client.get(metadata["jwks_uri"])).json()
        assert (await client.get(f"{url}/other")).status_code == 404
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(issuer.token())["kid"]]
    assert jwt.decode(issuer.token(), key, algorithms=["RS256"], audience=APP_ID)["iss"] == ISSUER


def test_the_key_is_kept_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "issuer.pem"
    key = load_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key(path).private_numbers() == key.private_numbers()
    path.write_text("nothing")
    with pytest.raises(IssuerError, match="delete it"):
        load_key(path)
