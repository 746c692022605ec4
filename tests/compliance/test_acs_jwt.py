"""The vectors `acs.callback.jwt`: who may post the events of a call."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from dialtone.errors import DependencyError, Unauthorized
from functions import acs
from functions.acs_settings import acs_settings
from functions.settings import settings
from tests.functions.issuer import Issuer, an_issuer, public, token
from tests.functions.rig import configure

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parent / "cases" / "acs_teams.json").read_text(encoding="utf-8"))
    if case["area"] == "acs.callback.jwt"
}
AUDIENCE = CASES["jwt-001"]["input"]["aud"]
ISS = CASES["jwt-001"]["input"]["iss"]
SECRET = "of-event-grid"


def clear() -> None:
    for cached in (settings, acs_settings, acs._token):
        cached.cache_clear()


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    there = {"ACS_ENDPOINT": "https://name.communication.azure.com", "ACS_RESOURCE_ID": AUDIENCE}
    configure(monkeypatch, APP_ID="app", AUTH="jwt", ACS_EVENTS_KEY=SECRET, **there)
    clear()
    yield monkeypatch
    clear()


def request(header: str | None = None, key: str | None = None) -> func.HttpRequest:
    headers = {} if header is None else {"Authorization": header}
    params = {} if key is None else {"key": key}
    return func.HttpRequest(
        "POST", "https://bot.test/api/acs/callbacks/x", headers=headers, params=params, route_params={}, body=b""
    )


async def status(issuer: Issuer, monkeypatch: pytest.MonkeyPatch, header: str | None) -> int:
    """What a callback with this header is answered; 200 when it is let through."""
    monkeypatch.setenv("DIALTONE_ACS_METADATA", issuer.metadata_url)
    acs_settings.cache_clear()
    try:
        await acs.call_automation(request(header))
    except (Unauthorized, DependencyError) as error:
        return error.http_status
    return 200


def bearer(given: dict[str, Any], **changes: Any) -> str | None:
    if given.get("header") == "missing":
        return None
    claims = {"iss": given["iss"], "aud": given["aud"], "exp": int(time.time()) + int(given["exp"][1:-1]), "nbf": None}
    options: dict[str, Any] = {"algorithm": "none"} if given.get("alg") == "none" else {}
    if "kid" in given:
        options["kid"] = given["kid"]
    return f"Bearer {token(**{**claims, **options, **changes})}"


@pytest.mark.parametrize("number", sorted(CASES))
async def test_token(number: str, configured: pytest.MonkeyPatch) -> None:
    given, expect = CASES[number]["input"], CASES[number]["expect"]
    async with an_issuer() as issuer:
        issuer.metadata["issuer"] = ISS
        answered = await status(issuer, configured, bearer(given))
        if number == "jwt-006":
            assert answered == 401
            assert issuer.asked.count("/keys") >= 1, expect["result"]
            issuer.keys.append(public("first", kid=given["kid"]))
            acs._token.cache_clear()
            assert await status(issuer, configured, bearer(given)) == 200
            return
    assert answered == {"accept": 200, "401": 401}[expect["result"]]


@pytest.mark.parametrize("changes", [{"exp": 1}, {"aud": "another"}, {"exp": None}, {"key": "second"}])
async def test_a_token_that_is_forged_or_old(changes: dict[str, Any], configured: pytest.MonkeyPatch) -> None:
    async with an_issuer() as issuer:
        issuer.metadata["issuer"] = ISS
        assert await status(issuer, configured, bearer(CASES["jwt-001"]["input"], **changes)) == 401


async def test_a_key_set_out_of_reach_is_our_trouble(configured: pytest.MonkeyPatch) -> None:
    async with an_issuer() as issuer:
        issuer.answer = (500, b"")
        assert await status(issuer, configured, bearer(CASES["jwt-001"]["input"])) == 503


@pytest.mark.parametrize(
    ("key", "let_in"), [(SECRET, True), ("wrong", False), ("", False), (None, False), ("é", False)]
)
async def test_event_grid_has_the_secret_of_its_address(
    key: str | None, let_in: bool, configured: pytest.MonkeyPatch
) -> None:
    if let_in:
        await acs.event_grid(request(key=key))
        return
    with pytest.raises(Unauthorized) as caught:
        await acs.event_grid(request(key=key))
    assert caught.value.http_status == 401
