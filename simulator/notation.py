"""How the messages of a call are written into its ledger, so that the same seed gives the same bytes.

In real time everything is written as it is. In virtual time, what a bot makes anew in each run is written by a name:

1. The address of the bot, scheme, host and port, is `http://bot`. An address of another host stays as it is, so that
   a callback that points elsewhere is seen.
2. An appState is opaque to the platform. It is `<appState 1>`, `<appState 2>`, in the order in which they came; the
   platform echoes the last one, character by character, and the number says which one that was.
3. The query of a prompt's `fileUri` is `?...`: it holds a signature, which lets anybody read the file for a while.
4. An address that a bot makes for one call, with a proof in it, is `<callback>`, where the platform says so (`call`).
5. A time of day is `<time>`.
"""

from typing import Any, Final
from urllib.parse import urlsplit

BOT: Final = "http://bot"
_TIMES: Final = frozenset({"time", "eventTime", "recordingStartTime", "startDateTime"})


class Notation:
    """The names of one call. `names` says whether they are used."""

    def __init__(self, bot_url: str, *, names: bool) -> None:
        parts = urlsplit(bot_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._names = names
        self._states: dict[str, str] = {}
        self._called: dict[str, str] = {}

    def call(self, url: str, name: str) -> None:
        """Rule 4: write an address by a name from now on."""
        self._called[url] = f"{BOT}/<{name}>"

    def address(self, url: str) -> str:
        """An address: rules 1 and 4."""
        if self._names and url in self._called:
            return self._called[url]
        if self._names and (url == self._origin or url.startswith((f"{self._origin}/", f"{self._origin}?"))):
            return BOT + url[len(self._origin) :]
        return url

    def message(self, message: Any) -> Any:
        """A message, as JSON has it."""
        return self._written("", message) if self._names else message

    def _written(self, member: str, value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            return {name: self._written(name, each) for name, each in value.items()}
        if kind is list:
            return [self._written(member, each) for each in value]
        if kind is not str:
            return value
        if member == "appState":
            return self._states.setdefault(value, f"<appState {len(self._states) + 1}>")
        if member in _TIMES:
            return "<time>"
        if member == "fileUri" and "?" in value:
            value = value[: value.index("?")] + "?..."
        return self.address(value) if value.startswith(self._origin) else value
