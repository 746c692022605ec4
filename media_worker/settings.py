"""What the worker is told at start.

| setting                                         | where                      | default                    |
|-------------------------------------------------|----------------------------|----------------------------|
| address to bind                                 | `--host`                   | 127.0.0.1                  |
| port                                            | `--port`                   | 8080; 0 takes a free one   |
| seconds that streams may go on after SIGTERM    | `--grace`                  | 30                         |
| streams of a process; the next is answered 503  | `--max-sessions`           | 200                        |
| processes behind the port                       | `--processes`              | 1; 0 is one for each core  |
| seconds without a message that end a stream     | `--idle`                   | 60                         |
| seconds that a stream may last                  | `--longest`                | 14400                      |
| key of the tickets, base64 of 32 bytes or more  | `DIALTONE_TICKET_KEY`      | none                       |
| `loopback`: accept streams without a ticket     | `DIALTONE_AUTH`            | none                       |
| immutable id of the ACS resource, whose tokens  | `DIALTONE_ACS_AUDIENCE`    | none: tickets only         |
| open streams too                                |                            |                            |
| address of the platform's keys                  | `DIALTONE_ACS_KEYS`        | the platform's             |
| the bot with the handlers, `module:name`        | `DIALTONE_BOT`             | none: `echo` only          |
| address of the functions, for signals           | `DIALTONE_PUBLIC_URL`      | none: no signals           |
| key of signals, the functions' too; of several  | `DIALTONE_SIGNAL_KEY`      | none: no signals           |
| by commas the first                             |                            |                            |
| connection string, or `memory`, for recordings  | `DIALTONE_STORAGE`         | none: no recordings        |
| name of the account, reached by managed identity| `DIALTONE_STORAGE_ACCOUNT` | none                       |
| client id of the user-assigned identity         | `AZURE_CLIENT_ID`          | system-assigned            |
| seconds for which a listing of the prompts is   | `DIALTONE_PROMPT_REFRESH`  | 0; the functions' too      |
| trusted                                         |                            |                            |
| channels that a prompt has to fit               | `DIALTONE_PROMPT_CHANNELS` | all; the functions' too    |

There is no way to accept streams without a ticket or token on an address that another machine can reach.
"""

import argparse
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dialtone.gate import CHANNELS
from dialtone.media import ticket
from media_worker.limits import Limits
from media_worker.tokens import KEYS


class SettingsError(ValueError):
    """A setting is missing or wrong. The text names it and says what to do."""


@dataclass(frozen=True)
class Settings:
    """The settings, checked: without a `ticket_key` or an `audience`, `host` is a loopback address.

    Raises SettingsError.
    """

    ticket_key: bytes | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    grace: float = 30.0
    """Seconds."""
    max_sessions: int = 200
    metadata_timeout: float = 10.0
    """Seconds that a new stream has to state its format; the platform does so at once."""
    limits: Limits = field(default_factory=Limits)
    processes: int = 1
    audience: str = ""
    token_keys: str = KEYS
    bot: str = ""
    public_url: str = ""
    signal_key: bytes | None = field(default=None, repr=False)
    storage: str | None = field(default=None, repr=False)
    storage_account: str | None = None
    client_id: str | None = None
    prompt_refresh: float = 0.0
    prompt_channels: tuple[str, ...] = tuple(CHANNELS)

    def __post_init__(self) -> None:
        if self.ticket_key is None and not self.audience and not _is_loopback(self.host):
            raise SettingsError(
                f"without DIALTONE_TICKET_KEY the worker binds a loopback address, and --host {self.host} "
                "is not one; set the key"
            )
        if not 0 <= self.port <= 65535:
            raise SettingsError(f"--port {self.port} is not a port; use 0 to 65535")
        if not 0 <= self.grace < math.inf:
            raise SettingsError(f"--grace {self.grace:g} is not a length of time; use 0 or more seconds")
        if self.max_sessions < 1:
            raise SettingsError(f"--max-sessions {self.max_sessions} leaves no room for a stream; use 1 or more")
        if self.processes < 0:
            raise SettingsError(f"--processes {self.processes} is not a number of processes; use 0 or more")
        for name, value in (("--idle", self.limits.idle), ("--longest", self.limits.longest)):
            if not 0 < value < math.inf:
                raise SettingsError(f"{name} {value:g} is not a length of time; use seconds above 0")
        if not 0 <= self.prompt_refresh < math.inf:
            raise SettingsError("DIALTONE_PROMPT_REFRESH is not a length of time; use seconds, as the functions do")
        if unknown := [name for name in self.prompt_channels if name not in CHANNELS]:
            raise SettingsError(f"DIALTONE_PROMPT_CHANNELS: {unknown[0]!r} is no channel; use {', '.join(CHANNELS)}")
        for name, address in (("DIALTONE_PUBLIC_URL", self.public_url), ("DIALTONE_ACS_KEYS", self.token_keys)):
            if address and not _is_address(address):
                raise SettingsError(f"{name} is not an absolute address; write it as https://host")

    @classmethod
    def load(cls, arguments: Sequence[str], environment: Mapping[str, str]) -> "Settings":
        """Read the command line and the environment. Raises SettingsError; SystemExit for a bad command line."""
        parser = argparse.ArgumentParser(
            prog="media_worker",
            description="Keeps the media streams of calls open.",
            epilog="DIALTONE_TICKET_KEY holds the key of the tickets: base64 of 32 bytes or more.",
        )
        parser.add_argument("--host", default=cls.host, help="address to bind (default: %(default)s)")
        parser.add_argument("--port", type=int, default=cls.port, help="0 takes a free one (default: %(default)s)")
        parser.add_argument(
            "--max-sessions",
            type=int,
            default=cls.max_sessions,
            help="streams at the same time (default: %(default)s)",
        )
        parser.add_argument(
            "--processes", type=int, default=cls.processes, help="0 is one for each core (default: %(default)s)"
        )
        limits = Limits()
        for name, default, meaning in (
            ("--grace", cls.grace, "seconds that running streams may go on after SIGTERM"),
            ("--idle", limits.idle, "seconds without a message that end a stream"),
            ("--longest", limits.longest, "seconds that a stream may last"),
        ):
            parser.add_argument(name, type=float, default=default, help=f"{meaning} (default: %(default)g)")
        values = vars(parser.parse_args(arguments))
        audience = environment.get("DIALTONE_ACS_AUDIENCE", "")
        return cls(
            _ticket_key(environment, required=not audience),
            limits=Limits(idle=values.pop("idle"), longest=values.pop("longest")),
            audience=audience,
            token_keys=environment.get("DIALTONE_ACS_KEYS") or KEYS,
            bot=environment.get("DIALTONE_BOT", ""),
            public_url=environment.get("DIALTONE_PUBLIC_URL", ""),
            signal_key=_key("DIALTONE_SIGNAL_KEY", environment.get("DIALTONE_SIGNAL_KEY", "").partition(",")[0]),
            storage=environment.get("DIALTONE_STORAGE") or None,
            storage_account=environment.get("DIALTONE_STORAGE_ACCOUNT") or None,
            client_id=environment.get("AZURE_CLIENT_ID") or None,
            prompt_refresh=_seconds(environment.get("DIALTONE_PROMPT_REFRESH") or "0"),
            prompt_channels=_names(environment.get("DIALTONE_PROMPT_CHANNELS", "")) or tuple(CHANNELS),
            **values,
        )


def _ticket_key(environment: Mapping[str, str], *, required: bool) -> bytes | None:
    key = _key("DIALTONE_TICKET_KEY", environment.get("DIALTONE_TICKET_KEY", ""))
    if key is None and required and environment.get("DIALTONE_AUTH") != "loopback":
        raise SettingsError(
            "DIALTONE_TICKET_KEY is not set; set it to base64 of 32 bytes or more, "
            "or set DIALTONE_AUTH=loopback to accept streams of this machine without a ticket"
        )
    return key


def _key(name: str, text: str) -> bytes | None:
    try:
        return ticket.load_key(text) if text else None
    except ValueError as error:
        raise SettingsError(f"{name}: {error}; make one with: openssl rand -base64 32") from None


def _seconds(text: str) -> float:
    """A number; what is none is not finite, and refused with the rest."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
