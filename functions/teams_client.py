"""Sends commands to Microsoft Graph, and asks it for what there is of meetings: a thin client of some forty operations.

1. Each request carries a token of the app for Graph. It is tried again when nothing, or a 5xx, or 429 came back; Graph
   knows no id of a request, so what was done and whose reply was lost is done twice.
2. What is refused is a `Result`, or where an item or a list was asked for an `ActionFailed`; for a permission that is
   missing the log names it. `DependencyError` is raised when Graph could not be reached, was out of order after all
   tries, or takes no token of ours.
3. A list is read to its end, up to PAGES_MAX pages; the address of a next page has to be Graph's.
4. A recording of a call is fetched with the token that came with it, from an https address, or from this machine.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlencode

from dialtone.channels.teams_commands import OPERATIONS, path_of
from dialtone.errors import ActionFailed, DependencyError
from functions.http import log
from functions.platform_client import AGAIN, PlatformClient, Taken
from functions.settings import is_private

PAGES_MAX: Final = 100
NO_PERMISSION: Final = 7504


@dataclass(slots=True)
class GraphClient:
    """A client of one app. `graph` is the address of Graph, `token` gives a token for a scope."""

    graph: str
    token: Callable[[str], Awaitable[str]]
    _http: PlatformClient = field(
        default_factory=lambda: PlatformClient("Microsoft Graph", "DIALTONE_TEAMS_GRAPH"), init=False
    )

    @property
    def scope(self) -> str:
        """What tokens are asked for."""
        return f"{self.graph}/.default"

    async def send(self, operation: str, body: Mapping[str, Any] | None = None, **ids: str) -> Taken:
        """Send a command; `ids` are those in its path (`call`, `participant`, …). Raises `DependencyError` (rule 2)."""
        return await self._asked(operation, f"{self.graph}{path_of(operation, **ids)}", body)

    async def listed(self, operation: str, query: Mapping[str, str] | None = None, **ids: str) -> list[dict[str, Any]]:
        """All items of a list. Raises `ActionFailed` when it is refused, and `DependencyError`, also for a list without
        an end (rule 3).
        """
        url = f"{self.graph}{path_of(operation, **ids)}" + (f"?{urlencode(query)}" if query else "")
        items: list[dict[str, Any]] = []
        for _ in range(PAGES_MAX):
            taken = await self._asked(operation, url, None)
            page = _checked(operation, taken)
            items += [each for each in page.get("value", ()) if isinstance(each, dict)]
            following = page.get("@odata.nextLink")
            if not isinstance(following, str):
                return items
            if not following.startswith(f"{self.graph}/"):
                raise DependencyError("the next page of a list is not Graph's", fix="look at DIALTONE_TEAMS_GRAPH")
            url = following
        raise DependencyError(f"{operation} gave more than {PAGES_MAX} pages", fix="ask for less")

    async def got(self, operation: str, **ids: str) -> dict[str, Any]:
        """One item. Raises `ActionFailed` when it is refused, and `DependencyError`."""
        return _checked(operation, await self.send(operation, None, **ids))

    async def content(self, operation: str, *, accept: str, limit: int, **ids: str) -> bytes:
        """The bytes of a transcript or a recording. Raises `ActionFailed` when refused, and `DependencyError`."""
        url = f"{self.graph}{path_of(operation, **ids)}"
        status, body = await self._http.request("GET", url, b"", {"Accept": accept}, self._proof, limit=limit)
        if status in AGAIN:
            raise DependencyError(f"Microsoft Graph answered {operation} with {status}", fix="look at Graph's state")
        if status != 200:
            raise _refused(operation, str(status))
        return body

    async def fetch(self, url: str, token: str, *, limit: int) -> bytes:
        """The sound of a recording of a call. Rule 4. Raises `DependencyError`."""
        if not is_private(url):
            raise DependencyError("the address of a recording is not https", fix="look at the notification")

        async def proof(*_: object) -> dict[str, str]:
            return {"Authorization": f"Bearer {token}"}

        status, body = await self._http.request("GET", url, b"", {}, proof, limit=limit)
        if status != 200:
            raise DependencyError(f"a recording was answered with {status}", fix="look at the log of the platform")
        return body

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()

    async def _asked(self, operation: str, url: str, body: Mapping[str, Any] | None) -> Taken:
        method, _, ok, permission = OPERATIONS[operation]
        fix = "look at DIALTONE_TEAMS_CERTIFICATE or at the managed identity, and at Graph's limits"
        taken = await self._http.command(operation, method, url, body, self._proof, ok=ok, fix=fix)
        if taken.refused is None or taken.refused.code != 403:
            return taken
        log.warning("%s is not permitted; it needs %s", operation, permission or "no permission that is known")
        return Taken(refused=replace(taken.refused, sub_code=taken.refused.sub_code or NO_PERMISSION))

    async def _proof(self, *_: object) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.token(self.scope)}"}


def _checked(operation: str, taken: Taken) -> dict[str, Any]:
    if taken.refused is not None:
        raise _refused(operation, taken.refused.told())
    if not isinstance(taken.body, dict):
        raise DependencyError(f"Microsoft Graph gave no JSON object for {operation}", fix="look at Graph's state")
    return taken.body


def _refused(operation: str, told: str) -> ActionFailed:
    """Rule 2. Not a `DependencyError`: it is refused again however often it is tried."""
    needed = OPERATIONS[operation].permission
    policy = f"; it needs {needed} and an application access policy for the organizer" if needed else ""
    return ActionFailed(operation, f"{told}{policy}")
