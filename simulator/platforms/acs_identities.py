"""The users of the simulated ACS resource and their tokens, and the Teams accounts that it is linked to."""

from collections.abc import Callable

from simulator.issuer import Issuer
from simulator.platforms.rest import Json, Refused, member


class Identities:
    """What the identity API and the Teams extension API keep."""

    def __init__(self, resource_id: str, issuer: Issuer, ids: Callable[[], str]) -> None:
        self._resource_id, self._issuer, self._ids = resource_id, issuer, ids
        self._known: set[str] = set()
        self._links: dict[tuple[str, str], Json] = {}

    def create(self, _: tuple[str, ...], data: Json) -> Json:
        """A new user, with a token if one is wanted."""
        identity = f"8:acs:{self._resource_id}_{self._ids()}"
        self._known.add(identity)
        token = {"accessToken": self._token(identity)} if data.get("createTokenWithScopes") else {}
        return {"identity": {"id": identity}, **token}

    def issue_token(self, ids: tuple[str, ...], data: Json) -> Json:
        """A token of a user."""
        member(data, "scopes", list)
        return self._token(ids[0])

    def revoke(self, ids: tuple[str, ...], _: Json) -> None:
        """Forget the tokens of a user: nothing here looks at them."""
        self._token(ids[0])

    def delete(self, ids: tuple[str, ...], _: Json) -> None:
        """Delete a user."""
        self._token(ids[0])
        self._known.discard(ids[0])

    def link(self, ids: tuple[str, ...], data: Json) -> Json:
        """Link a Teams account of a tenant."""
        kind = member(data, "principalType", str)
        self._links[ids[0], ids[1]] = {"objectId": ids[1], "tenantId": ids[0], "principalType": kind}
        return self._links[ids[0], ids[1]]

    def get_link(self, ids: tuple[str, ...], _: Json) -> Json:
        """A link to a Teams account."""
        if (ids[0], ids[1]) not in self._links:
            raise Refused(404, "NotFound", "the account is not linked")
        return self._links[ids[0], ids[1]]

    def unlink(self, ids: tuple[str, ...], _: Json) -> None:
        """Take a link away."""
        self._links.pop((ids[0], ids[1]), None)

    def _token(self, identity: str) -> Json:
        if identity not in self._known:
            raise Refused(404, "NotFound", "there is no such identity")
        return {"token": self._issuer.claiming(sub=identity), "expiresOn": "2030-01-01T00:00:00+00:00"}
