"""Who may call: DIALTONE_AUTH names the ways to verify a callback, and all of them must hold.

| way            | what it verifies                                       | by                           |
|----------------|--------------------------------------------------------|------------------------------|
| `function-key` | the key of the Functions host                          | the host, before it calls us |
| `jwt`          | the platform's token in the Authorization header       | functions/tokens.py          |
| `certificate`  | the platform's client certificate in the TLS handshake | functions/certificates.py    |
| `loopback`     | nothing: requests to this machine only, outside Azure  | here                         |

A setting that is missing or wrong refuses every request (500); none is let through unverified.
"""

import hmac
import os
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import azure.functions as func

from dialtone.errors import ConfigurationError, Forbidden, Unauthorized
from dialtone.protocol.rules import LOOPBACK
from functions.settings import Settings, Way, settings, ways_of
from functions.teams_settings import CLAIMS, ISSUERS, TeamsSettings, teams_settings

Verifier = Callable[[func.HttpRequest], Awaitable[None]]


async def platform(request: func.HttpRequest) -> None:
    """Verify a callback of the calling platform as DIALTONE_AUTH says.

    Raises `Unauthorized`, `Forbidden`, `DependencyError` when it could not be verified, and `ConfigurationError`.
    """
    for verifier in verifiers():
        await verifier(request)


async def anyone(_: func.HttpRequest) -> None:
    """For routes that tell nothing and change nothing."""


async def loopback(request: func.HttpRequest) -> None:
    """Take requests to this machine only. Raises `Forbidden`."""
    host = urlsplit(request.url).hostname
    if os.environ.get("WEBSITE_INSTANCE_ID") or host not in LOOPBACK:
        raise Forbidden(
            "verification is off, which is for this machine only",
            field="DIALTONE_AUTH",
            fix="set DIALTONE_AUTH=jwt where others can reach the functions",
        )


async def event_grid(request: func.HttpRequest, *, auth: str, secret: str, setting: str) -> None:
    """Verify that Event Grid's address carries a secret as `?key=`, the value of a setting; none is nobody's.

    `auth` is DIALTONE_AUTH: with `loopback` only this machine may post, and needs no secret. Raises `Unauthorized`, and
    `Forbidden`.
    """
    if auth == "loopback":
        await loopback(request)
        return
    given = request.params.get("key", "")
    if not secret or not hmac.compare_digest(given.encode(), secret.encode()):
        raise Unauthorized(
            "the address lacks the secret of Event Grid",
            code="EVENTS_KEY",
            field="key",
            fix=f"subscribe with ?key= and the value of {setting}",
        )


async def graph(request: func.HttpRequest) -> None:
    """Verify the token of a notification of Microsoft Graph. Raises `Unauthorized`, and `DependencyError`."""
    if settings().auth == "loopback":
        await loopback(request)
        return
    await _graph()(request)


@cache
def _graph() -> Verifier:
    from functions.tokens import HEADER, Tokens  # PyJWT and cryptography cost a cold start

    there = teams_settings() or TeamsSettings.from_environment({})
    tokens = Tokens(
        audience=there.app, metadata=there.metadata, issuers=ISSUERS, skew=settings().jwt_skew, claims=CLAIMS
    )

    async def token(request: func.HttpRequest) -> None:
        try:
            await tokens.verify(request.headers.get(HEADER))
        except Forbidden as refused:
            # A stranger learns nothing of how near the token was.
            raise Unauthorized(refused.message, code=refused.code, field=refused.field, fix=refused.fix) from None

    return token


def host_asks_for_key() -> bool:
    """Whether the host is to check a function key: where the setting says so, or says nothing sensible."""
    try:
        ways = ways_of(os.environ)
    except ConfigurationError:
        return True
    return "function-key" in ways or "loopback" in ways


@cache
def verifiers() -> tuple[Verifier, ...]:
    """The verifiers of this process."""
    current = settings()
    return tuple(_MAKERS[way](current) for way in current.ways)


async def _asked_by_host(_: func.HttpRequest) -> None:
    """The host has checked the key before it called us: the route is registered so."""


def _tokens(current: Settings) -> Verifier:
    if teams_settings() is not None:
        return _graph()
    from functions.tokens import HEADER, Tokens  # PyJWT and cryptography cost a cold start

    tokens = Tokens(
        audience=current.app_id,
        metadata=current.jwt_metadata,
        issuers=current.jwt_issuers,
        skew=current.jwt_skew,
    )

    async def token(request: func.HttpRequest) -> None:
        await tokens.verify(request.headers.get(HEADER))

    return token


def _certificates(current: Settings) -> Verifier:
    from functions.certificates import HEADER, Certificates, read_pem

    between = current.certificate_intermediates
    certificates = Certificates(
        roots=read_pem("DIALTONE_CERTIFICATE_ROOTS", current.certificate_roots),
        intermediates=read_pem("DIALTONE_CERTIFICATE_INTERMEDIATES", between) if between else b"",
        names=current.certificate_names,
        must_check=current.certificate_revocation == "require",
    )

    async def certificate(request: func.HttpRequest) -> None:
        await certificates.verify(request.headers.get(HEADER))

    return certificate


_MAKERS: Final[dict[Way, Callable[[Settings], Verifier]]] = {
    "function-key": lambda _: _asked_by_host,
    "jwt": _tokens,
    "certificate": _certificates,
    "loopback": lambda _: loopback,
}
