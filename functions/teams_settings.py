"""Settings of the Teams channel, read from the environment once. Without DIALTONE_TEAMS_TENANT there is none.

| setting                     | meaning                                                        | default           |
|-----------------------------|----------------------------------------------------------------|-------------------|
| DIALTONE_TEAMS_TENANT       | id of the tenant that the bot is in                            | none: no channel  |
| DIALTONE_TEAMS_CERTIFICATE  | certificate of the app and its key: PEM, or the path of a file | managed identity  |
| DIALTONE_TEAMS_INSTANCE     | object id of the Teams resource account that calls telephones  | none              |
| DIALTONE_TEAMS_SPEECH       | address that speaks SSML, `https://…/cognitiveservices/v1`     | none: files only  |
| DIALTONE_TEAMS_SPEECH_KEY   | key of that speech resource                                    | managed identity  |
| DIALTONE_TEAMS_GRAPH        | address of Microsoft Graph                                     | Microsoft's       |
| DIALTONE_TEAMS_LOGIN        | address of Entra, which gives the tokens for Graph             | Microsoft's       |
| DIALTONE_TEAMS_METADATA     | address of the OpenID metadata of Graph's own tokens           | Microsoft's       |

With a tenant, `POST /api/calls` is Teams' and no longer the Skype platform's, and DIALTONE_APP_ID is the bot's app id:
the audience of Graph's tokens, and whose certificate it is. National clouds have other addresses of Graph and Entra.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Self

from dialtone.errors import ConfigurationError
from functions.settings import is_private, ways_of

GRAPH: Final = "https://graph.microsoft.com"
LOGIN: Final = "https://login.microsoftonline.com"
METADATA: Final = "https://api.aps.skype.com/v1/.well-known/OpenIdConfiguration"
ISSUERS: Final = ("https://graph.microsoft.com", "https://api.botframework.com")
"""Who issues the tokens of notifications, whatever the metadata names."""
CLAIMS: Final = ("aud", "iss", "exp", "tid")


@dataclass(frozen=True, slots=True)
class TeamsSettings:
    """The settings, checked. Raises `ConfigurationError` naming the first one that is missing or wrong."""

    tenant: str
    app: str = ""
    certificate: str = ""
    instance: str = ""
    speech: str = ""
    speech_key: str = ""
    graph: str = GRAPH
    login: str = LOGIN
    metadata: str = METADATA

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from variables as in the table above."""
        tenant = environment.get("DIALTONE_TEAMS_TENANT", "")
        if not tenant:
            raise ConfigurationError(
                "the setting is missing", field="DIALTONE_TEAMS_TENANT", fix="set it to the id of the tenant"
            )
        addresses = {
            "graph": ("DIALTONE_TEAMS_GRAPH", GRAPH),
            "login": ("DIALTONE_TEAMS_LOGIN", LOGIN),
            "metadata": ("DIALTONE_TEAMS_METADATA", METADATA),
            "speech": ("DIALTONE_TEAMS_SPEECH", ""),
        }
        read = {member: _address(environment, *setting) for member, setting in addresses.items()}
        settings = cls(
            tenant=tenant,
            app=environment.get("DIALTONE_APP_ID", ""),
            certificate=environment.get("DIALTONE_TEAMS_CERTIFICATE", ""),
            instance=environment.get("DIALTONE_TEAMS_INSTANCE", ""),
            speech_key=environment.get("DIALTONE_TEAMS_SPEECH_KEY", ""),
            **read,
        )
        if not settings.app and (settings.certificate or "loopback" not in ways_of(environment)):
            raise ConfigurationError(
                "the setting is missing", field="DIALTONE_APP_ID", fix="set it to the bot's app id"
            )
        return settings


def _address(environment: Mapping[str, str], name: str, default: str) -> str:
    address = environment.get(name, "").rstrip("/") or default
    if address and not is_private(address):
        raise ConfigurationError("it is not an https address", field=name, fix="leave it out, or mend it")
    return address


@cache
def teams_settings() -> TeamsSettings | None:
    """The settings of this process; None when there is no such channel."""
    return TeamsSettings.from_environment(os.environ) if os.environ.get("DIALTONE_TEAMS_TENANT") else None
