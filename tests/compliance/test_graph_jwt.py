"""The vectors `graph.webhook.jwt`: who may post the notifications of calls on Teams."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from dialtone.errors import DependencyError, Unauthorized
from functions import verify
from functions.settings import settings
from functions.teams_settings import METADATA, teams_settings
from tests.functions.issuer import Issuer, an_issuer, token
from tests.functions.rig import configure

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parent / "cases" / "acs_teams.json").read_text(encoding="utf-8"))
    if case["area"] == "graph.webhook.jwt"
}


def clear() -> None:
    for cached in (settings, teams_settings, verify._graph, verify.verifiers):
        cached.cache_clear()


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    configure(monkeypatch, APP_ID="app1", AUTH="jwt", TEAMS_TENANT="t1")
    clear()
    yield monkeypatch
    clear()


async def status(issuer: Issuer, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], verifier: Any) -> int:
    """What a notification with this token is answered; 200 when it is let through."""
    monkeypatch.setenv("DIALTONE_TEAMS_METADATA", issuer.metadata_url)
    clear()
    header = {} if not claims else {"Authorization": f"Bearer {token(**{'nbf': None, **claims})}"}
    request = func.HttpRequest("POST", "https://bot.test/api/calls", headers=header, body=b"")
    try:
        await verifier(request)
    except (Unauthorized, DependencyError) as error:
        return error.http_status
    return 200


@pytest.mark.parametrize("verifier", [verify.graph, verify.platform], ids=["callbacks", "webhook"])
@pytest.mark.parametrize("number", sorted(CASES))
async def test_token(number: str, verifier: Any, configured: pytest.MonkeyPatch) -> None:
    given, expect = CASES[number]["input"], CASES[number]["expect"]
    assert expect["jwks_from"] == METADATA
    async with an_issuer() as issuer:
        answered = await status(issuer, configured, given, verifier)
    assert answered == (200 if expect["result"] == "accept" else int(expect["result"][:3]))


@pytest.mark.parametrize("changes", [{"exp": 1}, {"aud": "another"}, {"exp": None}, {"key": "second"}, {"tid": None}])
async def test_a_token_that_is_forged_or_old(changes: dict[str, Any], configured: pytest.MonkeyPatch) -> None:
    async with an_issuer() as issuer:
        claims = {**CASES["gj-001"]["input"], **changes}
        assert await status(issuer, configured, claims, verify.graph) == 401


async def test_the_other_issuer_is_taken_and_no_token_is_not(configured: pytest.MonkeyPatch) -> None:
    async with an_issuer() as issuer:
        claims = {**CASES["gj-003"]["input"], "tid": "t1"}
        assert await status(issuer, configured, claims, verify.graph) == 200
        assert await status(issuer, configured, {}, verify.graph) == 401


async def test_a_key_set_out_of_reach_is_our_trouble(configured: pytest.MonkeyPatch) -> None:
    async with an_issuer() as issuer:
        issuer.answer = (500, b"")
        assert await status(issuer, configured, CASES["gj-001"]["input"], verify.graph) == 503
