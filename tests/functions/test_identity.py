"""An app's tokens, by its certificate, from the simulated Entra."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import replace

import jwt
import pytest

from dialtone.certified import self_signed
from dialtone.errors import ActionFailed, ConfigurationError, DependencyError
from functions.identity import AppTokens
from functions.platform_client import PlatformClient
from functions.teams_client import GraphClient
from simulator.clock import RealClock
from simulator.platforms.rest import Fault, RestApp
from simulator.platforms.teams import GraphService
from simulator.platforms.teams_meetings import Meeting
from simulator.platforms.teams_settings import TeamsSettings
from simulator.serving import listening
from simulator.wire import open_wire

PEM, FINGERPRINT = self_signed("app")
SETTINGS = TeamsSettings(app="app", page=2)


class There:
    """A tenant, and a client of it that gets its tokens by certificate."""

    def __init__(self, service: GraphService, url: str) -> None:
        self.service, self.url, self.now = service, url, 1_800_000_000.0
        self.tokens = AppTokens(url, SETTINGS.tenant, "app", PEM, lambda: self.now)
        self.client = GraphClient(url, self.tokens.get)


@pytest.fixture
async def there() -> AsyncIterator[There]:
    async with open_wire() as wire:
        service = GraphService(wire, RealClock, SETTINGS, now=lambda: 1_800_000_000.0)
        async with listening(RestApp(service.handle)) as port:
            opened = There(service, f"http://127.0.0.1:{port}")
            try:
                yield opened
            finally:
                await opened.client.close()
                await opened.tokens.close()


async def test_a_token_is_kept_until_shortly_before_its_end(there: There) -> None:
    first = await there.tokens.get("scope")
    there.now += 3000
    assert await there.tokens.get("scope") == first
    assert await there.tokens.get("another") != first


async def test_the_assertion_names_the_certificate_and_the_address(there: There) -> None:
    assertion = there.tokens._assertion("https://login.test/t/oauth2/v2.0/token")
    assert jwt.get_unverified_header(assertion)["alg"] == "PS256"
    claims = jwt.decode(assertion, options={"verify_signature": False})
    assert (claims["aud"], claims["iss"], claims["sub"]) == ("https://login.test/t/oauth2/v2.0/token", "app", "app")
    assert claims["exp"] - claims["nbf"] == 600


@pytest.mark.parametrize("changes", [{"app": "another"}, {"pem": self_signed("app")[0]}])
async def test_what_entra_refuses_is_a_dependency_that_failed(changes: dict[str, str], there: There) -> None:
    thumbprint = urlsafe_b64encode(FINGERPRINT).rstrip(b"=").decode()
    there.service.settings = replace(there.service.settings, thumbprint=thumbprint)
    given = {"app": "app", "pem": PEM, **changes}
    tokens = AppTokens(there.url, SETTINGS.tenant, given["app"], given["pem"], lambda: there.now)
    with pytest.raises(DependencyError, match="Entra gave no token: 401"):
        await tokens.get("scope")
    await tokens.close()


@pytest.mark.parametrize("pem", ["", "/nowhere.pem", "-----BEGIN CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_is_told(pem: str) -> None:
    with pytest.raises(ConfigurationError, match="DIALTONE_TEAMS_CERTIFICATE"):
        AppTokens("https://login.test", "t", "app", pem)


async def test_a_list_is_read_to_its_end_and_only_from_graph(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting = Meeting("m1", "Standup", "o1", SETTINGS.tenant)
    for number in range(5):
        meeting.attended({f"u{number}": 1.0}, [], b"")
    there.service.meetings.append(meeting)
    reports = await there.client.listed("listAttendanceReports", user="o1", meeting="m1")
    assert [report["id"] for report in reports] == ["r1", "r2", "r3", "r4", "r5"]
    with pytest.raises(ActionFailed, match=r"OnlineMeetingArtifact\.Read\.All"):
        await there.client.listed("listAttendanceReports", user="o1", meeting="m2")

    async def elsewhere(*_: object, **__: object) -> tuple[int, bytes]:
        return 200, b'{"value": [], "@odata.nextLink": "https://elsewhere.test/v1.0/x"}'

    monkeypatch.setattr(PlatformClient, "request", elsewhere)
    with pytest.raises(DependencyError, match="next page"):
        await there.client.listed("listAttendanceReports", user="o1", meeting="m1")


async def test_graph_out_of_order_is_tried_again_and_then_told(there: There) -> None:
    there.service.settings.faults.append(Fault("get", 429, retry_after_s=0))
    taken = await there.client.send("get", call="nobody")
    assert taken.refused is not None
    assert (taken.refused.code, taken.refused.sub_code) == (404, 8522)
    there.service.settings.faults.append(Fault("get", 503, times=3, retry_after_s=0))
    with pytest.raises(DependencyError, match="503"):
        await there.client.send("get", call="nobody")


async def test_a_permission_that_is_missing_is_named(there: There, caplog: pytest.LogCaptureFixture) -> None:
    there.service.settings.faults.append(Fault("recordResponse", 403))
    taken = await there.client.send("recordResponse", {}, call="nobody")
    assert taken.refused is not None
    assert "Calls.AccessMedia.All" in caplog.text


async def test_a_recording_is_fetched_from_private_addresses_only(there: There) -> None:
    with pytest.raises(DependencyError, match="not https"):
        await there.client.fetch("http://elsewhere.test/a.wav", "token", limit=1000)
    with pytest.raises(DependencyError, match="404"):
        await there.client.fetch(f"{there.url}/recordings/none/none", "token", limit=1000)
