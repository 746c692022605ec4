"""How the simulated ACS posts: callbacks with a token of its own, and Event Grid's deliveries.

1. A callback carries `Authorization: Bearer`, a JWT of RS256 that lives 5 minutes; its audience is the immutable id of
   the resource. The key set and the OpenID metadata are served beside the REST API.
2. Event Grid's deliveries carry no token, but `aeg-event-type` and `aeg-delivery-count`, and whatever secret the
   address has as `?key=`.
3. Each is tried again unless it is answered with 2xx, but Event Grid drops what is refused with 4xx; `AcsSettings` has
   the times.
4. Nothing waits for anything: what is late is overtaken.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from simulator.delivery import Bearer, Delivery, Message, Retries
from simulator.faults import BadToken
from simulator.issuer import Issuer
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import Json


class GridSecret:
    """The secret of Event Grid's address, which no ledger needs to know: `url` is the address without it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        query = parse_qsl(parts.query, keep_blank_values=True)
        self._secret = next((value for name, value in query if name == "key"), None)
        self.url = urlunsplit(parts._replace(query=urlencode([each for each in query if each[0] != "key"])))

    def right(self, url: str, headers: Mapping[str, str], skew: float) -> tuple[str, Mapping[str, str]]:
        """The address with its secret."""
        return (url if self._secret is None else _with_key(url, self._secret)), headers

    def wrong(self, url: str, headers: Mapping[str, str], kind: BadToken) -> tuple[str, Mapping[str, str]]:
        """The address without its secret, or with another."""
        return (url if kind == "missing" else _with_key(url, f"not-{self._secret}")), headers


def _with_key(url: str, key: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), ("key", key)])))


class Poster:
    """Posts for one call. `grid` is Event Grid's address; None when nobody subscribes."""

    def __init__(
        self,
        delivery: Delivery,
        issuer: Issuer,
        settings: AcsSettings,
        grid: GridSecret | None,
        *,
        chain: str,
        ids: Callable[[], str],
    ) -> None:
        self._delivery, self._grid, self._chain, self._ids = delivery, grid, chain, ids
        self._bearer = Bearer(issuer)
        timeout_s, lost_s = settings.request_timeout_s, settings.lost_s
        self._to_bot = Retries(settings.callback_waits_s, timeout_s, lost_s, refused=True)
        self._to_grid = Retries(settings.grid_waits_s, timeout_s, lost_s)

    async def to_bot(self, url: str, events: list[Json]) -> None:
        """Post events of a call to its callback address. Rules 1 and 3."""
        await self._delivery.post(self._callback(url, json.dumps(events).encode(), events))

    async def to_grid(self, event: Json) -> None:
        """Have Event Grid deliver an event, if somebody subscribes. Rules 2 and 3."""
        if self._grid is not None:
            await self._delivery.post(self._event(self._grid, json.dumps([event]).encode(), [event]))

    def as_it_is(self, content: bytes, noted: Any, content_type: str, callback: str) -> Message:
        """A message that is not the platform's own doing, to the callback address or, without one, to Event Grid's."""
        if callback or self._grid is None:
            message = self._callback(callback, content, noted)
        else:
            message = self._event(self._grid, content, noted)
        message.headers = {**message.headers, "Content-Type": content_type}
        return message

    def _callback(self, url: str, content: bytes, noted: Any) -> Message:
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        return Message(url, self._ids(), self._chain, headers, content, noted, self._to_bot, self._bearer)

    def _event(self, grid: GridSecret, content: bytes, noted: Any) -> Message:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "aeg-event-type": "Notification",
            "aeg-subscription-name": "SIMULATOR",
        }
        counter = "aeg-delivery-count"
        return Message(
            grid.url, self._ids(), self._chain, headers, content, noted, self._to_grid, grid, counter=counter
        )
