"""Who may ask the simulator's service for something: programs and pages of this machine, and no other web site."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from dialtone.protocol.rules import LOOPBACK


class Refused(Exception):
    """A request that is not served, and the status that says so."""

    def __init__(self, status: int, code: str, message: str, field: str, fix: str) -> None:
        super().__init__(message)
        self.status = status
        self.error = {"code": code, "message": message, "field": field, "fix": fix}


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """The headers of an ASGI request, by their names in lower case."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def own_host(scope: Mapping[str, Any]) -> str:
    """The host that the request names. Raises `Refused` unless it is this machine, asked by its own page or a program.

    A site elsewhere can have its name lead to this machine, but cannot have the browser name this machine as the host.
    """
    headers = headers_of(scope)
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in LOOPBACK:
        raise Refused(403, "HOST", "the host is not this machine", "Host", "use http://127.0.0.1 and the port")
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        raise Refused(403, "ORIGIN", "the request comes from another site", "Origin", "call from this machine")
    return host
