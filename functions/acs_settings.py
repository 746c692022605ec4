"""Settings of the ACS channel, read from the environment once. Without DIALTONE_ACS_ENDPOINT there is no such channel.

| setting                  | meaning                                                           | default          |
|--------------------------|-------------------------------------------------------------------|------------------|
| DIALTONE_ACS_ENDPOINT    | address of the resource, `https://<name>.communication.azure.com` | none: no channel |
| DIALTONE_ACS_KEY         | access key of the resource, base64                                | managed identity |
| DIALTONE_ACS_RESOURCE_ID | immutable id of the resource, the audience of its tokens          | unless loopback  |
| DIALTONE_ACS_EVENTS_KEY  | secret that Event Grid's address carries as `?key=`               | unless loopback  |
| DIALTONE_ACS_METADATA    | address of the OpenID metadata of its tokens                      | Microsoft's      |
| DIALTONE_ACS_ANSWERS     | rawIds that the bot answers for, by commas, as `4:+15550199`      | all that ring    |
| DIALTONE_ACS_SPEECH      | address of the AI services that speak and understand              | none             |
| DIALTONE_ACS_SOURCE      | rawId that the bot calls from, as `4:+15550199`                   | none: no calls   |
| DIALTONE_ACS_PLACE_KEY   | secret of whoever may have the bot call, by `POST /api/acs/calls` | nobody may       |

What says "unless loopback" is required unless `DIALTONE_AUTH=loopback`, which verifies nothing here either. Any other
way verifies the tokens of callbacks and Event Grid's secret. An endpoint of http is taken for this machine only: there
the simulator is.
"""

import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Self

from dialtone.errors import ConfigurationError
from functions.settings import is_private, ways_of

METADATA: Final = "https://acscallautomation.communication.azure.com/calling/.well-known/acsopenidconfiguration"


@dataclass(frozen=True, slots=True)
class AcsSettings:
    """The settings, checked. Raises `ConfigurationError` naming the first one that is missing or wrong."""

    endpoint: str
    key: bytes = b""
    resource_id: str = ""
    events_key: str = ""
    metadata: str = METADATA
    answers: frozenset[str] = frozenset()
    speech: str = ""
    source: str = ""
    place_key: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from variables as in the table above."""
        endpoint = environment.get("DIALTONE_ACS_ENDPOINT", "").rstrip("/")
        if not endpoint:
            raise ConfigurationError(
                "the setting is missing", field="DIALTONE_ACS_ENDPOINT", fix="set it to the address of the ACS resource"
            )
        if not is_private(endpoint):
            raise ConfigurationError(
                "it is not an https address",
                field="DIALTONE_ACS_ENDPOINT",
                fix="write it as https://<name>.communication.azure.com",
            )
        try:
            key = binascii.a2b_base64(environment.get("DIALTONE_ACS_KEY", ""), strict_mode=True)
        except ValueError:
            raise ConfigurationError(
                "it is not base64", field="DIALTONE_ACS_KEY", fix="copy the key of the resource as it is"
            ) from None
        verified = "loopback" not in ways_of(environment)
        for name in ("DIALTONE_ACS_RESOURCE_ID", "DIALTONE_ACS_EVENTS_KEY"):
            if verified and not environment.get(name):
                raise ConfigurationError("the setting is missing", field=name, fix="see functions/acs_settings.py")
        metadata = environment.get("DIALTONE_ACS_METADATA") or METADATA
        if not is_private(metadata):
            raise ConfigurationError(
                "it is not an https address", field="DIALTONE_ACS_METADATA", fix="leave it out for Microsoft's"
            )
        answers = environment.get("DIALTONE_ACS_ANSWERS", "").split(",")
        return cls(
            endpoint=endpoint,
            key=key,
            resource_id=environment.get("DIALTONE_ACS_RESOURCE_ID", ""),
            events_key=environment.get("DIALTONE_ACS_EVENTS_KEY", ""),
            metadata=metadata,
            answers=frozenset(each.strip() for each in answers if each.strip()),
            speech=environment.get("DIALTONE_ACS_SPEECH", ""),
            source=_source(environment.get("DIALTONE_ACS_SOURCE", "")),
            place_key=environment.get("DIALTONE_ACS_PLACE_KEY", ""),
        )


def _source(raw_id: str) -> str:
    if raw_id and not raw_id.startswith(("4:", "28:orgid:")):
        raise ConfigurationError(
            "a call comes from a number, or from a Teams resource account",
            field="DIALTONE_ACS_SOURCE",
            fix="write it as 4:+15550199, or as 28:orgid:<object id>",
        )
    return raw_id


@cache
def acs_settings() -> AcsSettings:
    """The settings of this process."""
    return AcsSettings.from_environment(os.environ)
