"""What a platform needs of the functions and of the simulator: both halves fit, and so do the ids of calls."""

import base64
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from dialtone.channels.acs_grid import IncomingCall
from dialtone.errors import ConfigurationError
from dialtone.platforms import NAMES, PLATFORMS, Name, arrange, journal_id, refuse_running
from functions.acs_settings import AcsSettings
from functions.teams_settings import TeamsSettings
from simulator.opening import PLATFORMS as OPENED
from simulator.platforms.teams_settings import TeamsSettings as Simulated

STARTED = {"kind": "call.started", "call_id": "c-1", "to": "4:+15550199"}


def test_both_halves_know_the_same_platforms() -> None:
    assert set(NAMES) == set(PLATFORMS) == set(OPENED)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verified", [False, True])
def test_each_run_has_ports_and_keys_of_its_own(name: Name, verified: bool, tmp_path: Path) -> None:
    private = tmp_path if verified else None
    first, second = arrange(name, private=private), arrange(name, private=private)
    assert first.name == name
    assert ("--jwt" in first.options) is (first.settings.get("DIALTONE_AUTH") == "jwt") is verified
    if first.settings:
        assert first.settings != second.settings


def test_the_functions_and_the_simulator_of_acs_are_told_the_same(tmp_path: Path) -> None:
    arranged = arrange("acs", private=tmp_path)
    settings = AcsSettings.from_environment(arranged.settings)
    options = dict(zip(arranged.options[::2], arranged.options[1::2], strict=True))
    assert urlsplit(settings.endpoint).port == urlsplit(settings.metadata).port == int(options["--platform-port"])
    assert settings.key == base64.b64decode(options["--platform-key"])
    assert settings.resource_id == options["--jwt"]
    assert parse_qs(urlsplit(arranged.path).query) == {"key": [settings.events_key]}


def test_the_functions_and_the_simulator_of_teams_are_told_the_same(tmp_path: Path) -> None:
    arranged = arrange("teams", private=tmp_path)
    settings = TeamsSettings.from_environment(arranged.settings)
    options = dict(zip(arranged.options[::2], arranged.options[1::2], strict=True))
    addresses = (settings.graph, settings.login, settings.metadata, settings.speech)
    assert {urlsplit(address).port for address in addresses} == {int(options["--platform-port"])}
    assert settings.tenant == Simulated().tenant
    assert settings.app == options["--jwt"] == Simulated().app
    certificate = load_pem_x509_certificate(settings.certificate.encode())
    assert certificate.fingerprint(SHA256()) == base64.b64decode(options["--platform-key"])


def test_a_call_is_found_in_the_journal() -> None:
    assert journal_id("skype", STARTED) == journal_id("teams", STARTED) == "c-1"
    assert journal_id("acs", STARTED) == IncomingCall("c-1", "4:+15550199", "", "", "", "").call_id


def test_a_bot_that_runs_is_rung_by_any_simulator_only_where_it_sends_no_commands() -> None:
    refuse_running("skype")
    with pytest.raises(ConfigurationError, match="commands"):
        refuse_running("acs")
