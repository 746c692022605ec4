"""The platforms that a bot on this machine can be rung on: what each needs of the functions and of the simulator.

An entry of PLATFORMS is all that the `dialtone` command knows of a platform; `simulator/opening.py` has its other half.
For a run a platform is arranged: ports and keys are chosen, with which both sides are started.
"""

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from dialtone.certified import self_signed
from dialtone.channels import acs_grid
from dialtone.errors import ConfigurationError
from dialtone.program import free_port

Name = Literal["skype", "acs", "teams"]
"""The platforms, by the name that `--platform` has for them."""

LAB: Final = "dialtone-lab"
"""Whom the tokens of a run are for."""

TENANT: Final = "7c1d2e3f-0000-4000-8000-000000000001"
"""That of the simulated Teams."""

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Arranged:
    """A platform for one run: where the functions take its new calls, their settings for it, and the simulator's
    arguments by which it is that platform.

    `has_api` says that the functions send commands to an address that is in their settings: only the simulator that
    serves it can ring them.
    """

    name: Name = "skype"
    path: str = "/api/calls"
    settings: Mapping[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    has_api: bool = False


class Platform(NamedTuple):
    """A platform. `arrange` gets the folder for what is private to a run; None when nothing is to be verified."""

    arrange: Callable[[Path | None], Arranged]
    journal_id: Callable[[Event], str]
    """By what the bot's journal knows a call, of its `call.started` or of a storm's cell."""


def arrange(name: Name, *, private: Path | None = None) -> Arranged:
    """A platform for one run. With a folder for what is `private` the functions verify the platform's tokens."""
    return PLATFORMS[name].arrange(private)


def journal_id(name: Name, event: Event) -> str:
    """By what the bot's journal knows a call on a platform."""
    return PLATFORMS[name].journal_id(event)


def refuse_running(name: Name) -> None:
    """Raise ConfigurationError for a bot that runs elsewhere, when the platform has an API for its commands."""
    if arrange(name).has_api:
        raise ConfigurationError(
            f"a bot on {name} sends its commands to the address in its settings, which this run does not have",
            field="--bot",
            fix=f"leave it out, or start the bot with `dialtone run --platform {name}` and call it without --platform",
        )


def _skype(private: Path | None) -> Arranged:
    if private is None:
        return Arranged()
    port = free_port()
    settings = {
        "DIALTONE_AUTH": "jwt",
        "DIALTONE_APP_ID": LAB,
        "DIALTONE_JWT_METADATA": f"http://127.0.0.1:{port}/.well-known/openidconfiguration",
    }
    key = str(private / "issuer.pem")
    return Arranged(settings=settings, options=["--jwt", LAB, "--issuer-port", str(port), "--issuer-key", key])


def _acs(private: Path | None) -> Arranged:
    port, key = free_port(), base64.b64encode(secrets.token_bytes(32)).decode()
    url = f"http://127.0.0.1:{port}"
    settings = {
        "DIALTONE_ACS_ENDPOINT": url,
        "DIALTONE_ACS_KEY": key,
        # The simulator speaks and understands by itself; that there is an address is enough for it.
        "DIALTONE_ACS_SPEECH": "https://speech.invalid/",
    }
    path = "/api/acs/events"
    options = ["--platform", "acs", "--platform-port", str(port), "--platform-key", key]
    if private is not None:
        secret = secrets.token_hex(16)
        settings |= {
            "DIALTONE_AUTH": "jwt",
            "DIALTONE_APP_ID": LAB,
            "DIALTONE_ACS_RESOURCE_ID": LAB,
            "DIALTONE_ACS_EVENTS_KEY": secret,
            "DIALTONE_ACS_METADATA": f"{url}/calling/.well-known/acsopenidconfiguration",
        }
        path, options = f"{path}?key={secret}", [*options, "--jwt", LAB]
    return Arranged("acs", path, settings, options, has_api=True)


def _teams(private: Path | None) -> Arranged:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    pem, fingerprint = self_signed(LAB)
    settings = {
        "DIALTONE_APP_ID": LAB,
        "DIALTONE_TEAMS_TENANT": TENANT,
        "DIALTONE_TEAMS_CERTIFICATE": pem,
        "DIALTONE_TEAMS_GRAPH": url,
        "DIALTONE_TEAMS_LOGIN": url,
        "DIALTONE_TEAMS_METADATA": f"{url}/v1/.well-known/OpenIdConfiguration",
        "DIALTONE_TEAMS_SPEECH": f"{url}/speech/cognitiveservices/v1",
        "DIALTONE_TEAMS_SPEECH_KEY": LAB,
    }
    key = base64.b64encode(fingerprint).decode()
    options = ["--platform", "teams", "--platform-port", str(port), "--platform-key", key]
    if private is not None:
        settings["DIALTONE_AUTH"], options = "jwt", [*options, "--jwt", LAB]
    return Arranged("teams", "/api/calls", settings, options, has_api=True)


def _acs_id(event: Event) -> str:
    return acs_grid.IncomingCall(event["call_id"], event["to"], "", "", "", "").call_id


PLATFORMS: Final[Mapping[Name, Platform]] = {
    "skype": Platform(_skype, lambda event: str(event["call_id"])),
    "acs": Platform(_acs, _acs_id),
    "teams": Platform(_teams, lambda event: str(event["call_id"])),
}
NAMES: Final[tuple[Name, ...]] = get_args(Name)
