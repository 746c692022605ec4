"""Settings of the functions, read from the environment once.

| setting                            | meaning                                                     | default           |
|------------------------------------|-------------------------------------------------------------|-------------------|
| DIALTONE_BOT                       | the bot, `module:name`                                      | required          |
| DIALTONE_PUBLIC_URL                | address that the platform reaches us by, without `/api`     | required          |
| DIALTONE_APPSTATE_KEY              | base64 of 32 bytes or more; several by commas, newest first | required          |
| DIALTONE_SIGNAL_KEY                | the media worker's, for its signals; as the one above       | none              |
| DIALTONE_AUTH                      | how callbacks are verified, see below                       | jwt               |
| DIALTONE_APP_ID                    | app id of the bot, the audience of its tokens               | with jwt          |
| DIALTONE_FUNCTION_KEY              | key of the function `calls`, which callback links carry     | with function-key |
| DIALTONE_JWT_METADATA              | address of the issuer's OpenID metadata                     | Bot Framework's   |
| DIALTONE_JWT_ISSUERS               | issuers of tokens, by commas                                | as metadata says  |
| DIALTONE_JWT_SKEW                  | seconds by which clocks may differ                          | 300               |
| DIALTONE_CERTIFICATE_ROOTS         | roots of client certificates: PEM, or the path of a file    | with certificate  |
| DIALTONE_CERTIFICATE_INTERMEDIATES | issuers between leaf and root: PEM, or the path of a file   | none              |
| DIALTONE_CERTIFICATE_NAMES         | names of client certificates, by commas; `*` is one label   | *.skype.com       |
| DIALTONE_CERTIFICATE_REVOCATION    | what could not be checked: `require` refuses it, or `allow` | require           |
| DIALTONE_CANARY_KEYS               | public keys of canaries, by commas; base64 of DER           | none: it is off   |
| DIALTONE_STORAGE                   | connection string, or `memory`                              | none              |
| DIALTONE_STORAGE_ACCOUNT           | name of the account, reached by managed identity            | none              |
| AZURE_CLIENT_ID                    | client id of the user-assigned identity                     | system-assigned   |
| DIALTONE_SWEEP_AFTER               | seconds without a callback until a call is taken for lost   | 900               |
| DIALTONE_PROMPT_REFRESH            | seconds for which a listing of the prompts is trusted       | 0: each turn asks |
| DIALTONE_PROMPT_CHANNELS           | channels that a prompt has to fit, by commas                | skype,acs,teams   |
| DIALTONE_PROMPT_EVENTS_KEY         | secret of Event Grid's address for uploads, as `?key=`      | none: no events   |
| DIALTONE_MEDIA_URL                 | address of the media worker, `wss://host`                   | none: no media    |
| DIALTONE_TICKET_KEY                | key of the media worker's tickets, base64                   | with media        |
| DIALTONE_CONSOLE                   | the console: `off`, `entra`, or `loopback`                  | off               |
| DIALTONE_CONSOLE_APP               | application id of the console in Entra                      | with entra        |
| DIALTONE_CONSOLE_AUTHORITY         | `https://login.microsoftonline.com/<tenant id>`             | with entra        |
| DIALTONE_MAX_BODY                  | bytes that a request may have                               | 52428800          |
| DIALTONE_CALLERS                   | callers in recordings: `shown`, `masked` or `hashed`        | shown             |
| DIALTONE_RETENTION                 | days that recordings are kept, by class: `standard=30,...`  | for ever          |
| DIALTONE_ARCHIVE                   | where recordings are copied to (docs/how-to/archive.md)     | nowhere           |
| DIALTONE_ARCHIVE_STORAGE           | connection string of the archive's account                  | managed identity  |
| DIALTONE_ARCHIVE_LOCK_DAYS         | days that an S3 bucket keeps a copy from being deleted      | 0                 |
| DIALTONE_EVENTS                    | who is told of recordings: `queue`, or an https address     | nobody            |
| DIALTONE_EVENTS_KEY                | base64 of 24 bytes or more, which events are signed with    | with an address   |

DIALTONE_AUTH is `jwt`, `certificate` or `function-key`, or several of them joined by `+`, which must all hold
(functions/verify.py). `loopback` stands alone: nothing is verified, and only this machine is served. What says "with"
has no default and is required where DIALTONE_AUTH names that way.

The public address is a setting because behind the App Service front end it cannot be rebuilt from a request.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Literal, Self, get_args
from urllib.parse import quote, urlsplit

from dialtone.errors import ConfigurationError
from dialtone.gate import CHANNELS
from dialtone.privacy import Callers
from dialtone.protocol.rules import LOOPBACK
from dialtone.storage.keeper import retention

Way = Literal["function-key", "jwt", "certificate", "loopback"]
Revocation = Literal["require", "allow"]
Console = Literal["off", "entra", "loopback"]

JWT_METADATA: Final = "https://login.botframework.com/v1/.well-known/openidconfiguration"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings, checked. Raises `ConfigurationError` naming the first one that is missing or wrong."""

    bot: str
    public_url: str
    appstate_key: str
    signal_key: str = ""
    auth: str = "jwt"
    function_key: str = ""
    app_id: str = ""
    jwt_metadata: str = JWT_METADATA
    jwt_issuers: tuple[str, ...] = ()
    jwt_skew: float = 300.0
    certificate_roots: str = ""
    certificate_intermediates: str = ""
    certificate_names: tuple[str, ...] = ("*.skype.com",)
    certificate_revocation: Revocation = "require"
    canary_keys: tuple[str, ...] = ()
    storage: str | None = None
    storage_account: str | None = None
    client_id: str | None = None
    sweep_after: float = 900.0
    prompt_refresh: float = 0.0
    prompt_channels: tuple[str, ...] = tuple(CHANNELS)
    prompt_events_key: str = ""
    media_url: str = ""
    ticket_key: str = ""
    console: Console = "off"
    console_app: str = ""
    console_authority: str = ""
    max_body: int = 50 * 1024 * 1024
    callers: Callers = Callers.SHOWN
    retention: Mapping[str, int] = field(default_factory=dict, hash=False)
    archive: str = ""
    archive_storage: str = field(default="", repr=False)
    archive_lock_days: int = 0
    events: str = ""
    events_key: bytes = field(default=b"", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from variables as in the table above."""
        ways = ways_of(environment)
        settings = cls(
            bot=_required(environment, "DIALTONE_BOT", "name the bot, as in bots.reception:bot"),
            public_url=_required(environment, "DIALTONE_PUBLIC_URL", "set the address of the functions").rstrip("/"),
            appstate_key=_required(environment, "DIALTONE_APPSTATE_KEY", "set it to the base64 of 32 random bytes"),
            signal_key=environment.get("DIALTONE_SIGNAL_KEY", ""),
            auth="+".join(ways),
            function_key=_text(
                environment, "DIALTONE_FUNCTION_KEY", "function-key" in ways, "set it to a key of the function `calls`"
            ),
            app_id=_text(environment, "DIALTONE_APP_ID", "jwt" in ways, "set it to the bot's app id"),
            jwt_metadata=_metadata(environment.get("DIALTONE_JWT_METADATA") or JWT_METADATA),
            jwt_issuers=_list(environment, "DIALTONE_JWT_ISSUERS"),
            jwt_skew=_number(environment, "DIALTONE_JWT_SKEW", 300),
            certificate_roots=_text(
                environment, "DIALTONE_CERTIFICATE_ROOTS", "certificate" in ways, "set it to the roots to trust, in PEM"
            ),
            certificate_intermediates=environment.get("DIALTONE_CERTIFICATE_INTERMEDIATES", ""),
            certificate_names=_names(environment),
            certificate_revocation=_revocation(environment),
            canary_keys=_list(environment, "DIALTONE_CANARY_KEYS"),
            storage=environment.get("DIALTONE_STORAGE") or None,
            storage_account=environment.get("DIALTONE_STORAGE_ACCOUNT") or None,
            client_id=environment.get("AZURE_CLIENT_ID") or None,
            sweep_after=_number(environment, "DIALTONE_SWEEP_AFTER", 900),
            prompt_refresh=_number(environment, "DIALTONE_PROMPT_REFRESH", 0),
            prompt_channels=prompt_channels(environment),
            prompt_events_key=environment.get("DIALTONE_PROMPT_EVENTS_KEY", ""),
            media_url=_media_url(environment.get("DIALTONE_MEDIA_URL", "")),
            ticket_key=environment.get("DIALTONE_TICKET_KEY", ""),
            console=(console := _console(environment)),
            console_app=_text(
                environment, "DIALTONE_CONSOLE_APP", console == "entra", "set it to the application id of the console"
            ),
            console_authority=_authority(environment, console),
            max_body=int(_number(environment, "DIALTONE_MAX_BODY", 50 * 1024 * 1024)),
            callers=_callers(environment),
            retention=retention(environment.get("DIALTONE_RETENTION", "")),
            archive=environment.get("DIALTONE_ARCHIVE", ""),
            archive_storage=environment.get("DIALTONE_ARCHIVE_STORAGE", ""),
            archive_lock_days=int(_number(environment, "DIALTONE_ARCHIVE_LOCK_DAYS", 0)),
            events=environment.get("DIALTONE_EVENTS", ""),
            events_key=_events_key(environment),
        )
        url = urlsplit(settings.public_url)
        if not url.hostname or url.scheme not in ("http", "https"):
            raise ConfigurationError(
                "it is not an absolute address", field="DIALTONE_PUBLIC_URL", fix="write it as https://host"
            )
        return settings

    @property
    def ways(self) -> tuple[Way, ...]:
        """The ways to verify a callback, all of which must hold."""
        return ways_of({"DIALTONE_AUTH": self.auth})

    @property
    def callback_url(self) -> str:
        """Where the platform posts the result of a workflow; with the key, where the host asks for it."""
        key = f"?code={quote(self.function_key, safe='')}" if "function-key" in self.auth else ""
        return f"{self.public_url}/api/calls{key}"


def ways_of(environment: Mapping[str, str]) -> tuple[Way, ...]:
    """The ways to verify a callback that DIALTONE_AUTH names. Raises `ConfigurationError`."""
    text = environment.get("DIALTONE_AUTH") or "jwt"
    known: tuple[Way, ...] = get_args(Way)
    named = [name.strip() for name in text.split("+")]
    ways = tuple(way for way in known if way in named)
    if len(ways) != len(named):
        raise ConfigurationError(
            f"{text!r} is no way to verify a callback",
            field="DIALTONE_AUTH",
            fix=f"use one of {', '.join(known)}, or several joined by +",
        )
    if "loopback" in ways and len(ways) > 1:
        raise ConfigurationError(
            "loopback verifies nothing and stands alone", field="DIALTONE_AUTH", fix="leave it out, or the others"
        )
    return ways


def prompt_channels(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The channels that DIALTONE_PROMPT_CHANNELS names, all without it. Raises `ConfigurationError`."""
    named = _list(environment, "DIALTONE_PROMPT_CHANNELS") or tuple(CHANNELS)
    for name in named:
        if name not in CHANNELS:
            raise ConfigurationError(
                f"{name!r} is no channel", field="DIALTONE_PROMPT_CHANNELS", fix=f"use some of {', '.join(CHANNELS)}"
            )
    return named


def is_private(url: str) -> bool:
    """Whether nobody on the way can change what an address gives: https, or this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK))


def _media_url(url: str) -> str:
    """The address of the media worker, by the protocol of WebSockets. It may be written as that of HTTP."""
    scheme, _, rest = url.partition("://")
    address = f"{_SOCKETS.get(scheme, scheme)}://{rest}".rstrip("/") if url else ""
    if url and not (is_private(url) or is_private(f"{_HTTP.get(scheme, '')}://{rest}")):
        raise ConfigurationError(
            "it is not an absolute address that nobody can listen to on the way",
            field="DIALTONE_MEDIA_URL",
            fix="write it as wss://host",
        )
    return address


_SOCKETS: Final = {"http": "ws", "https": "wss"}
_HTTP: Final = {"ws": "http", "wss": "https"}


def _console(environment: Mapping[str, str]) -> Console:
    text = environment.get("DIALTONE_CONSOLE") or "off"
    known: tuple[Console, ...] = get_args(Console)
    for way in known:
        if way == text:
            return way
    raise ConfigurationError(
        f"{text!r} is no way to use the console", field="DIALTONE_CONSOLE", fix=f"use one of {', '.join(known)}"
    )


def _authority(environment: Mapping[str, str], console: Console) -> str:
    fix = "set it to https://login.microsoftonline.com/<tenant id>"
    url = _text(environment, "DIALTONE_CONSOLE_AUTHORITY", console == "entra", fix)
    if url and (not is_private(url) or url.rstrip("/").rpartition("/")[2] in ("common", "organizations", "consumers")):
        raise ConfigurationError(
            "it is not the https address of one tenant", field="DIALTONE_CONSOLE_AUTHORITY", fix=fix
        )
    return url.rstrip("/")


def _metadata(url: str) -> str:
    if not is_private(url):
        raise ConfigurationError(
            "it is not an https address", field="DIALTONE_JWT_METADATA", fix=f"leave it out for {JWT_METADATA}"
        )
    return url


def _names(environment: Mapping[str, str]) -> tuple[str, ...]:
    names = _list(environment, "DIALTONE_CERTIFICATE_NAMES") or ("*.skype.com",)
    for name in names:
        first, *others = name.split(".")
        if not all([first, *others]) or len(others) < 2 or any("*" in label for label in others) or "*" in first[1:]:
            raise ConfigurationError(
                f"{name!r} is no pattern of names",
                field="DIALTONE_CERTIFICATE_NAMES",
                fix="write names as edge.example.com, or *.example.com for all that have one label more",
            )
    return names


def _revocation(environment: Mapping[str, str]) -> Revocation:
    text = environment.get("DIALTONE_CERTIFICATE_REVOCATION") or "require"
    known: tuple[Revocation, ...] = get_args(Revocation)
    for policy in known:
        if policy == text:
            return policy
    raise ConfigurationError(
        f"{text!r} is no policy", field="DIALTONE_CERTIFICATE_REVOCATION", fix=f"use one of {', '.join(known)}"
    )


def _callers(environment: Mapping[str, str]) -> Callers:
    text = environment.get("DIALTONE_CALLERS") or "shown"
    try:
        return Callers(text)
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no way to write callers down",
            field="DIALTONE_CALLERS",
            fix=f"use one of {', '.join(Callers)}",
        ) from None


def _events_key(environment: Mapping[str, str]) -> bytes:
    address = environment.get("DIALTONE_EVENTS", "")
    if address in ("", "queue"):
        return b""
    if not is_private(address):
        raise ConfigurationError(
            "it is neither `queue` nor an https address", field="DIALTONE_EVENTS", fix="leave it out to tell nobody"
        )
    try:
        key = base64.b64decode(environment.get("DIALTONE_EVENTS_KEY", ""), validate=True)
    except ValueError:
        key = b""
    if len(key) < 24:
        raise ConfigurationError(
            "events are signed with 24 bytes or more", field="DIALTONE_EVENTS_KEY", fix="openssl rand -base64 32"
        )
    return key


def _list(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in environment.get(name, "").split(",") if each.strip())


def _text(environment: Mapping[str, str], name: str, required: bool, fix: str) -> str:
    return _required(environment, name, fix) if required else environment.get(name, "")


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
