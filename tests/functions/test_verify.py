"""Every reason to refuse a callback, over the function itself; and that nothing is open when a setting is wrong."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import azure.functions as func
import pytest
import pytest_asyncio

from functions.http import route
from functions.settings import settings
from functions.skype_turn import turns
from functions.verify import anyone, host_asks_for_key, platform, verifiers
from tests.fakes import ROOT
from tests.functions.app import handler
from tests.functions.authority import SERVER, Places, root, the_issuer, the_root
from tests.functions.issuer import APP_ID, Issuer, an_issuer, bearer
from tests.functions.rig import JSON, conversation

ENVIRONMENT = {
    "DIALTONE_BOT": "bots.reception:bot",
    "DIALTONE_PUBLIC_URL": "https://bot.example.com",
    "DIALTONE_APPSTATE_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "DIALTONE_STORAGE": "memory",
    "DIALTONE_APP_ID": APP_ID,
    "DIALTONE_FUNCTION_KEY": "key",
    "DIALTONE_CERTIFICATE_REVOCATION": "allow",
    "WEBSITE_INSTANCE_ID": "0",
}
Use = Callable[..., None]


@pytest.fixture(autouse=True)
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Change settings; None takes one away."""

    def change(**changes: str | None) -> None:
        for name, value in changes.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        for cached in (settings, turns, verifiers):
            cached.cache_clear()

    change(**ENVIRONMENT, DIALTONE_CERTIFICATE_ROOTS=the_root().pem.decode())
    change(DIALTONE_CERTIFICATE_INTERMEDIATES=the_issuer().pem.decode(), DEVHOST_CLIENT_CERTIFICATES=None)
    yield change
    for cached in (settings, turns, verifiers):
        cached.cache_clear()


@pytest_asyncio.fixture
async def issuer(use: Use) -> AsyncIterator[Issuer]:
    async with an_issuer() as running:
        use(DIALTONE_JWT_METADATA=running.metadata_url)
        yield running


async def post(**headers: str | None) -> tuple[int, dict[str, Any], func.HttpResponse]:
    """Status, error and response of a first callback."""
    given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    request = func.HttpRequest(
        "POST", "https://bot.example.com/api/calls", headers={"Content-Type": JSON} | given, body=conversation()
    )
    response = await handler("calls")(request)
    return response.status_code, json.loads(response.get_body()).get("error", {}), response


def ago(seconds: int) -> int:
    return int(time.time()) - seconds


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        pytest.param(lambda: None, 401, "TOKEN_MISSING", id="S01 no header"),
        pytest.param(lambda: "Basic eDp5", 401, "TOKEN_MISSING", id="S02 another scheme"),
        pytest.param(lambda: "Bearer garbage", 401, "TOKEN_MALFORMED", id="garbage"),
        pytest.param(lambda: bearer(), 200, None, id="S03 valid"),
        pytest.param(lambda: bearer().replace("Bearer", "bearer"), 200, None, id="valid, scheme in small letters"),
        pytest.param(lambda: bearer(aud="other"), 403, "TOKEN_AUDIENCE", id="S04 audience"),
        pytest.param(lambda: bearer(iss="https://else.test"), 403, "TOKEN_ISSUER", id="S05 issuer"),
        pytest.param(lambda: bearer(exp=ago(60)), 200, None, id="S06 expired within the skew"),
        pytest.param(lambda: bearer(exp=ago(330)), 403, "TOKEN_EXPIRED", id="S06 expired"),
        pytest.param(lambda: bearer(nbf=ago(-330)), 403, "TOKEN_TOO_EARLY", id="not valid yet"),
        pytest.param(lambda: bearer(iat=ago(-330)), 403, "TOKEN_TOO_EARLY", id="issued in the future"),
        pytest.param(lambda: bearer(exp=None), 403, "TOKEN_CLAIM", id="no exp"),
        pytest.param(lambda: bearer(nbf=None), 403, "TOKEN_CLAIM", id="no nbf"),
        pytest.param(lambda: bearer(iss=None), 403, "TOKEN_CLAIM", id="no iss"),
        pytest.param(lambda: bearer(aud=None), 403, "TOKEN_CLAIM", id="no aud"),
        pytest.param(lambda: bearer(exp="soon"), 403, "TOKEN_INVALID", id="exp is no number"),
        pytest.param(lambda: bearer(key="second"), 403, "TOKEN_SIGNATURE", id="signed with another key"),
        pytest.param(lambda: bearer(kid="second"), 403, "TOKEN_KEY", id="unknown key"),
        pytest.param(lambda: bearer(kid=None), 403, "TOKEN_KEY", id="no key id"),
        pytest.param(lambda: bearer(algorithm="HS256"), 403, "TOKEN_ALGORITHM", id="signed with a shared secret"),
        pytest.param(lambda: bearer(algorithm="PS256"), 403, "TOKEN_ALGORITHM", id="another algorithm"),
        pytest.param(lambda: bearer(algorithm="none") + "AAAA", 403, "TOKEN_ALGORITHM", id="not signed"),
        pytest.param(lambda: bearer(headers={"crit": ["x"]}), 401, "TOKEN_MALFORMED", id="critical header"),
    ],
)
async def test_tokens(
    issuer: Issuer, use: Use, header: Callable[[], str | None], status: int, code: str | None
) -> None:
    use(DIALTONE_AUTH="jwt")
    found, error, response = await post(Authorization=header())
    assert (found, error.get("code")) == (status, code)
    assert response.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    if code:
        assert error["field"] == "Authorization"
        assert error["fix"]


async def test_without_skew_a_token_that_has_expired_is_refused(issuer: Issuer, use: Use) -> None:
    use(DIALTONE_AUTH="jwt", DIALTONE_JWT_SKEW="0")
    status, error, _ = await post(Authorization=bearer(exp=ago(60)))
    assert (status, error["code"]) == (403, "TOKEN_EXPIRED")


async def test_an_outage_of_the_key_set_is_never_a_401(issuer: Issuer, use: Use) -> None:
    use(DIALTONE_AUTH="jwt")
    issuer.answer = (503, b"")
    for header in (bearer(), bearer(aud="other"), bearer(kid="unknown")):
        assert (await post(Authorization=header))[0] == 503
    assert (await post())[0] == 401


CERTIFICATES: dict[str, tuple[Callable[[], str | None], int, str | None]] = {
    "valid": (lambda: the_issuer().issue("edge.skype.com").header, 200, None),
    "none": (lambda: None, 403, "CERTIFICATE_MISSING"),
    "garbage": (lambda: "garbage", 403, "CERTIFICATE_MALFORMED"),
    "another name": (lambda: the_issuer().issue("edge.skype.com.evil.test").header, 403, "CERTIFICATE_NAME"),
    "expired": (lambda: the_issuer().issue("edge.skype.com", days=(-9, -1)).header, 403, "CERTIFICATE_EXPIRED"),
    "too early": (lambda: the_issuer().issue("edge.skype.com", days=(1, 9)).header, 403, "CERTIFICATE_TOO_EARLY"),
    "for servers": (lambda: the_issuer().issue("edge.skype.com", usage=[SERVER]).header, 403, "CERTIFICATE_USAGE"),
    "another root": (lambda: root().issue("edge.skype.com").header, 403, "CERTIFICATE_CHAIN"),
}


@pytest.mark.parametrize(("header", "status", "code"), CERTIFICATES.values(), ids=CERTIFICATES)
async def test_certificates(use: Use, header: Callable[[], str | None], status: int, code: str | None) -> None:
    use(DIALTONE_AUTH="certificate")
    found, error, response = await post(X_ARR_ClientCert=header())
    assert (found, error.get("code")) == (status, code)
    assert "WWW-Authenticate" not in response.headers


async def test_a_certificate_that_was_revoked_or_could_not_be_checked(use: Use) -> None:
    async with Places.open() as places:
        leaf = places.leaf()
        places.revoked.add(leaf.certificate.serial_number)
        pem = the_issuer().pem.decode()
        use(DIALTONE_AUTH="certificate", DIALTONE_CERTIFICATE_ROOTS=pem, DIALTONE_CERTIFICATE_REVOCATION=None)
        status, error, _ = await post(X_ARR_ClientCert=leaf.header)
        assert (status, error["code"]) == (403, "CERTIFICATE_REVOKED")
        places.ocsp_up = places.crl_up = False
        status, error, _ = await post(X_ARR_ClientCert=places.leaf().header)
        assert (status, error["code"]) == (503, "CERTIFICATE_UNCHECKED")
        use(DIALTONE_CERTIFICATE_REVOCATION="allow")
        assert (await post(X_ARR_ClientCert=places.leaf().header))[0] == 200


async def test_a_forged_header_is_refused_where_no_front_end_is(use: Use) -> None:
    use(DIALTONE_AUTH="certificate", WEBSITE_INSTANCE_ID=None)
    status, error, _ = await post(X_ARR_ClientCert=the_issuer().issue("edge.skype.com").header)
    assert (status, error["code"]) == (403, "CERTIFICATE_SOURCE")


@pytest.mark.parametrize("auth", ["jwt+certificate", "certificate+jwt", "function-key+jwt+certificate"])
async def test_all_ways_must_hold(issuer: Issuer, use: Use, auth: str) -> None:
    use(DIALTONE_AUTH=auth)
    token, certificate = bearer(), the_issuer().issue("edge.skype.com").header
    assert (await post(Authorization=token, X_ARR_ClientCert=certificate))[0] == 200
    assert (await post(Authorization=token))[1]["code"] == "CERTIFICATE_MISSING"
    assert (await post(X_ARR_ClientCert=certificate))[1]["code"] == "TOKEN_MISSING"
    assert (await post(Authorization=bearer(aud="x"), X_ARR_ClientCert=certificate))[0] == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"DIALTONE_AUTH": "open"}, "DIALTONE_AUTH"),
        ({"DIALTONE_AUTH": "jwt+loopback"}, "DIALTONE_AUTH"),
        ({"DIALTONE_AUTH": "jwt", "DIALTONE_APP_ID": None}, "DIALTONE_APP_ID"),
        ({"DIALTONE_AUTH": "jwt", "DIALTONE_JWT_METADATA": "http://x.test/"}, "DIALTONE_JWT_METADATA"),
        ({"DIALTONE_AUTH": "certificate", "DIALTONE_CERTIFICATE_ROOTS": None}, "DIALTONE_CERTIFICATE_ROOTS"),
        ({"DIALTONE_AUTH": "certificate", "DIALTONE_CERTIFICATE_ROOTS": "/none.pem"}, "DIALTONE_CERTIFICATE_ROOTS"),
        (
            {"DIALTONE_AUTH": "certificate", "DIALTONE_CERTIFICATE_INTERMEDIATES": "-----BEGIN CERTIFICATE-----"},
            "DIALTONE_CERTIFICATE_INTERMEDIATES",
        ),
        ({"DIALTONE_AUTH": "certificate", "DIALTONE_CERTIFICATE_NAMES": "*"}, "DIALTONE_CERTIFICATE_NAMES"),
        ({"DIALTONE_AUTH": "function-key", "DIALTONE_APPSTATE_KEY": None}, "DIALTONE_APPSTATE_KEY"),
    ],
)
async def test_a_wrong_setting_refuses_every_callback(use: Use, change: dict[str, str | None], field: str) -> None:
    use(**change)
    for _ in range(2):
        leaf = the_issuer().issue("edge.skype.com").header
        status, error, _ = await post(Authorization=bearer(), X_ARR_ClientCert=leaf)
        assert (status, error["code"], error["field"]) == (500, "CONFIGURATION", field)


@pytest.mark.parametrize(
    ("auth", "asks"),
    [
        (None, False),
        ("function-key", True),
        ("jwt+function-key", True),
        ("loopback", True),
        ("nonsense", True),
        ("jwt", False),
        ("certificate", False),
        ("jwt+certificate", False),
    ],
)
def test_when_the_host_asks_for_a_key(use: Use, auth: str | None, asks: bool) -> None:
    use(DIALTONE_AUTH=auth)
    assert host_asks_for_key() == asks
    for verifier, expected in ((platform, asks), (anyone, False)):
        blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

        async def open_to(req: func.HttpRequest) -> func.HttpResponse:
            raise AssertionError

        builder = route(blueprint, "x", "POST", verifier=verifier)(open_to)
        (trigger, *_) = builder._function.get_raw_bindings()  # type: ignore[attr-defined]
        assert json.loads(trigger)["authLevel"] == ("FUNCTION" if expected else "ANONYMOUS")


async def test_nothing_of_a_credential_is_logged(issuer: Issuer, use: Use, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    use(DIALTONE_AUTH="jwt+certificate")
    good = bearer()
    leaf = the_issuer().issue("edge.skype.com").header
    for token, certificate in ((good, leaf), (bearer(aud="hunter2"), leaf), (good, "hunter2"), ("hunter2", leaf)):
        status, _, response = await post(Authorization=token, X_ARR_ClientCert=certificate)
        for secret in ("hunter2", token.split(".")[-1], leaf):
            assert secret not in caplog.text
            assert status == 200 or secret not in response.get_body().decode()


LOADED = """
import sys, function_app
print([name for name in ("jwt", "cryptography", "aiohttp", "dialtone.dialogs.explorer") if name in sys.modules])
"""


@pytest.mark.parametrize("auth", ["function-key", "loopback", "jwt+certificate"])
def test_a_cold_start_does_not_load_what_few_requests_need(use: Use, auth: str) -> None:
    use(DIALTONE_AUTH=auth)
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
