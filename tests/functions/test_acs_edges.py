"""What the ACS channel answers to what it should not take, and how it proves itself without a key."""

import json
from collections.abc import AsyncIterator
from typing import Any

import azure.functions as func
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bots import reception
from dialtone.errors import BadMessage, DependencyError, Forbidden
from functions import http, identity
from functions.acs_client import AcsClient
from simulator.clock import RealClock
from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import RestApp
from simulator.serving import listening
from simulator.wire import open_wire
from tests.functions.acs_rig import HANDLERS, SECRET, AcsRig, bot_on_acs
from tests.functions.issuer import serving


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcsRig]:
    async with bot_on_acs(reception.bot, monkeypatch, auth="jwt", sockets=False) as there:
        yield there


async def post(route: str, body: bytes, *, key: str = SECRET, token: str | None = None) -> int:
    request = func.HttpRequest(
        "POST",
        f"https://bot.test/api/acs/{route}",
        headers={"Authorization": f"Bearer {token}"} if token else {},
        params={"key": key},
        route_params={"ticket": "t"},
        body=body,
    )
    reply: func.HttpResponse = await HANDLERS[f"acs_{route}"](request)
    return int(reply.status_code)


def incoming(**members: Any) -> bytes:
    data = {"to": {"rawId": "4:+2"}, "from": {"rawId": "4:+1"}, "incomingCallContext": "x", "correlationId": "c-1"}
    kind = "Microsoft.Communication.IncomingCall"
    return json.dumps([{"id": "1", "eventType": kind, "subject": "s", "data": data | members}]).encode()


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["eventType", "specversion", "type", "data", "to", "subject"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.dictionaries(st.sampled_from(["eventType", "type", "id", "data"]), ANY_JSON), max_size=3))
async def test_event_grid_is_never_refused_events_that_it_would_drop(events: Any, rig: AcsRig) -> None:
    assert await post("events", json.dumps(events).encode()) == 200


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DependencyError("storage is away", fix="wait"), 503),
        (BadMessage("a rule is broken", fix="look"), 500),
        (Forbidden("not now", fix="look"), 500),
        (RuntimeError("a bug"), 500),
    ],
)
async def test_what_fails_here_comes_again(
    error: Exception, status: int, rig: AcsRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 4xx would have Event Grid drop the call, and 429 is no way to ask for patience."""

    async def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(type(rig.turns), "incoming", fail)
    assert await post("events", incoming()) == status


async def test_refusals_are_counted_by_their_reason(rig: AcsRig) -> None:
    issuer, before = rig.resource.issuer, http.refused.copy()
    forged = issuer.bad_token("signature")
    for token in (forged, forged, issuer.bad_token("expired"), issuer.bad_token("audience"), None):
        assert await post("callbacks", b"[]", token=token) == 401
    assert await post("events", b"[]", key="wrong") == 401
    counted = http.refused - before
    assert counted["TOKEN_SIGNATURE"] == 2
    assert counted["TOKEN_EXPIRED"] == counted["TOKEN_MISSING"] == counted["EVENTS_KEY"] == 1
    assert sum(counted.values()) == 6


async def test_the_managed_identity_signs_in_place_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token endpoint of App Service, as azure-identity asks it; the resource takes no other token."""
    asked: list[tuple[str, str | None]] = []

    async def give(request: web.Request) -> web.Response:
        asked.append((request.query["resource"], request.headers.get("X-IDENTITY-HEADER")))
        token = {"access_token": "tok", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
        return web.json_response(token)

    strict = AcsSettings(strict=True, bearer_tokens=frozenset({"tok"}), open_streams=False)
    async with open_wire() as wire, serving(give) as endpoint:
        monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint)
        monkeypatch.setenv("IDENTITY_HEADER", "secret")
        resource = AcsResource(wire, RealClock, strict)
        async with listening(RestApp(resource.handle)) as port:
            client = AcsClient(f"http://127.0.0.1:{port}", token=_token)
            taken = await client.send("get_call_properties", None, connection="nobody")
            await client.close()
            other = AcsClient(f"http://127.0.0.1:{port}", b"another key")
            with pytest.raises(DependencyError, match="401"):
                await other.send("get_call_properties", None, connection="nobody")
            await other.close()
    assert taken.refused is not None
    assert (taken.refused.code, taken.refused.sub_code) == (404, 8522)
    assert asked == [("https://communication.azure.com", "secret")]


async def _token(scope: str) -> str:
    credential = identity._credential(None)
    try:
        return str((await credential.get_token(scope)).token)
    finally:
        await credential.close()
        identity._credential.cache_clear()
