"""Who may use the console. DIALTONE_CONSOLE says how they prove it:

| value      | who                                                                                                     |
|------------|---------------------------------------------------------------------------------------------------------|
| `off`      | nobody: every address of the console is a 404                                                           |
| `entra`    | who brings an ID token that DIALTONE_CONSOLE_AUTHORITY issued for DIALTONE_CONSOLE_APP, with a role     |
| `loopback` | this machine, never in Azure                                                                            |

1. The token is verified here (functions/tokens.py): its signature, issuer, audience and time. Headers that a front end
   may or may not have made, such as X-MS-CLIENT-PRINCIPAL, are not looked at.
2. Its `roles` decide: `Console.Read` may look, listen and download; `Console.Write` may change things too. Whoever is
   signed in and has neither is refused.
3. No cookie is used, and each request carries the header X-Dialtone-Console, which a page of another origin cannot make
   a browser send without our leave. A browser that says that the request comes from elsewhere is refused as well.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import azure.functions as func

from dialtone.errors import Forbidden, NotFound
from functions.settings import settings
from functions.verify import loopback

if TYPE_CHECKING:
    from functions.tokens import Tokens

HEADER: Final = "X-Dialtone-Console"
READ: Final = "Console.Read"
WRITE: Final = "Console.Write"


@dataclass(frozen=True, slots=True)
class Operator:
    """Who uses the console: a name for the audit, and whether they may change things."""

    who: str
    may_write: bool


_operator: ContextVar[Operator] = ContextVar("operator")


def operator() -> Operator:
    """Who makes this request; known once `reader` or `writer` has let them in."""
    return _operator.get()


async def switched_on(_: func.HttpRequest) -> None:
    """For the console's pages, which hold nothing: whether there is a console. Raises `NotFound`."""
    if settings().console == "off":
        raise NotFound("there is no console here", fix="set DIALTONE_CONSOLE to entra, or to loopback on your machine")


async def reader(request: func.HttpRequest) -> None:
    """Let in who may look. Raises `NotFound`, `Unauthorized`, `Forbidden` and `DependencyError`."""
    await switched_on(request)
    # Rule 3.
    if request.headers.get(HEADER) != "1" or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Forbidden(
            "the request does not come from the console's own page",
            code="CONSOLE_ORIGIN",
            field=HEADER,
            fix=f"send {HEADER}: 1, and no Origin but our own",
        )
    current = settings()
    if current.console == "loopback":
        await loopback(request)
        _operator.set(Operator("this machine", may_write=True))
        return
    claims = await _tokens().verify(request.headers.get("Authorization"))
    _operator.set(_of_claims(claims))


async def writer(request: func.HttpRequest) -> None:
    """Let in who may change things. Raises the same."""
    await reader(request)
    if not operator().may_write:
        raise _no_role(f"only {WRITE} may do that")


def _of_claims(claims: Mapping[str, Any]) -> Operator:
    """Rule 2."""
    given = claims.get("roles")
    roles = {str(role) for role in given} if isinstance(given, list) else set()
    if not roles & {READ, WRITE}:
        raise _no_role("the user has no role in the console")
    name, identity = claims.get("preferred_username"), claims.get("oid") or claims.get("sub")
    return Operator(f"{name} ({identity})" if name else str(identity), WRITE in roles)


def _no_role(message: str) -> Forbidden:
    return Forbidden(
        message,
        code="CONSOLE_ROLE",
        field="roles",
        fix=f"assign {READ} or {WRITE} to the user in Entra, then sign in anew",
    )


@cache
def _tokens() -> "Tokens":
    from functions.tokens import Tokens  # PyJWT and cryptography cost a cold start

    current = settings()
    metadata = f"{current.console_authority}/v2.0/.well-known/openid-configuration"
    return Tokens(audience=current.console_app, metadata=metadata, skew=current.jwt_skew)
