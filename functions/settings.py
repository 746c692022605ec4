"""Settings of the functions, read from the environment once.

| setting                   | meaning                                                              | default           |
|---------------------------|----------------------------------------------------------------------|-------------------|
| DIALTONE_BOT              | the bot, `module:name`                                               | required          |
| DIALTONE_PUBLIC_URL       | address that the platform reaches us by, without `/api`              | required          |
| DIALTONE_APPSTATE_KEY     | base64 of 32 bytes or more; several, newest first, by commas         | required          |
| DIALTONE_AUTH             | `function-key`, or `loopback` (no verification, this machine only)   | function-key      |
| DIALTONE_STORAGE          | connection string, or `memory`                                       | none              |
| DIALTONE_STORAGE_ACCOUNT  | name of the account, reached by managed identity                     | none              |
| AZURE_CLIENT_ID           | client id of the user-assigned identity                              | system-assigned   |
| DIALTONE_SWEEP_AFTER      | seconds without a callback after which a call is taken for lost      | 900               |
| DIALTONE_PROMPT_REFRESH   | seconds for which a listing of the prompts is trusted                | 0: each turn asks |
| DIALTONE_MAX_BODY         | bytes that a request may have                                        | 52428800          |

The public address is a setting because behind the App Service front end it cannot be rebuilt from a request.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, Self, get_args
from urllib.parse import urlsplit

from dialtone.errors import ConfigurationError

Auth = Literal["function-key", "loopback"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, checked. Raises `ConfigurationError` naming the first one that is missing or wrong."""

    bot: str
    public_url: str
    appstate_key: str
    auth: Auth = "function-key"
    storage: str | None = None
    storage_account: str | None = None
    client_id: str | None = None
    sweep_after: float = 900.0
    prompt_refresh: float = 0.0
    max_body: int = 50 * 1024 * 1024

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from variables as in the table above."""
        settings = cls(
            bot=_required(environment, "DIALTONE_BOT", "name the bot, as in bots.reception:bot"),
            public_url=_required(environment, "DIALTONE_PUBLIC_URL", "set the address of the functions").rstrip("/"),
            appstate_key=_required(environment, "DIALTONE_APPSTATE_KEY", "set it to the base64 of 32 random bytes"),
            auth=_auth(environment.get("DIALTONE_AUTH") or "function-key"),
            storage=environment.get("DIALTONE_STORAGE") or None,
            storage_account=environment.get("DIALTONE_STORAGE_ACCOUNT") or None,
            client_id=environment.get("AZURE_CLIENT_ID") or None,
            sweep_after=_number(environment, "DIALTONE_SWEEP_AFTER", 900),
            prompt_refresh=_number(environment, "DIALTONE_PROMPT_REFRESH", 0),
            max_body=int(_number(environment, "DIALTONE_MAX_BODY", 50 * 1024 * 1024)),
        )
        url = urlsplit(settings.public_url)
        if not url.hostname or url.scheme not in ("http", "https"):
            raise ConfigurationError(
                "it is not an absolute address", field="DIALTONE_PUBLIC_URL", fix="write it as https://host"
            )
        return settings

    @property
    def callback_url(self) -> str:
        """Where the platform posts the result of a workflow."""
        return f"{self.public_url}/api/calls"


def _auth(name: str) -> Auth:
    known: tuple[Auth, ...] = get_args(Auth)
    for auth in known:
        if auth == name:
            return auth
    raise ConfigurationError(
        f"{name!r} is no way to verify a request", field="DIALTONE_AUTH", fix=f"use one of {', '.join(known)}"
    )


def _required(environment: Mapping[str, str], name: str, fix: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise ConfigurationError("the setting is missing", field=name, fix=fix)
    return value


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError:
        value = -1
    if not 0 <= value < float("inf"):
        raise ConfigurationError(
            f"{text!r} is not a number of 0 or more", field=name, fix=f"leave it out for {default}"
        )
    return value


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_environment(os.environ)
