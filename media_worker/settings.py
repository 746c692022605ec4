"""What the worker is told at start.

| setting | where | default |
|---|---|---|
| host | `--host` | 127.0.0.1 |
| port | `--port` | 8080; 0 takes a free one |
| seconds that running streams may go on after SIGTERM | `--grace` | 30 |
| streams at the same time, over which the next is answered 503 | `--max-sessions` | 200 |
| the key of the tickets, base64 of at least 32 bytes | `DIALTONE_TICKET_KEY` | none |
| `loopback`: without a key, accept streams without a ticket | `DIALTONE_AUTH` | none |

There is no way to accept streams without a ticket on an address that another machine can reach.
"""

import argparse
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialtone.media import ticket


class SettingsError(ValueError):
    """A setting is missing or wrong. The text names it and says what to do."""


@dataclass(frozen=True)
class Settings:
    """The settings, checked: without a `ticket_key`, `host` is a loopback address. Raises SettingsError."""

    ticket_key: bytes | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    grace: float = 30.0
    """Seconds."""
    max_sessions: int = 200
    metadata_timeout: float = 10.0
    """Seconds that a new stream has to state its format; the platform does so at once."""

    def __post_init__(self) -> None:
        if self.ticket_key is None and not _is_loopback(self.host):
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
            "--grace",
            type=float,
            default=cls.grace,
            help="seconds that running streams may go on after SIGTERM (default: %(default)g)",
        )
        parser.add_argument(
            "--max-sessions",
            type=int,
            default=cls.max_sessions,
            help="streams at the same time (default: %(default)s)",
        )
        return cls(_ticket_key(environment), **vars(parser.parse_args(arguments)))


def _ticket_key(environment: Mapping[str, str]) -> bytes | None:
    text = environment.get("DIALTONE_TICKET_KEY", "")
    if text:
        try:
            return ticket.load_key(text)
        except ValueError as error:
            raise SettingsError(f"DIALTONE_TICKET_KEY: {error}; make one with: openssl rand -base64 32") from None
    if environment.get("DIALTONE_AUTH") != "loopback":
        raise SettingsError(
            "DIALTONE_TICKET_KEY is not set; set it to base64 of 32 bytes or more, "
            "or set DIALTONE_AUTH=loopback to accept streams of this machine without a ticket"
        )
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
