"""The outside world of a call, as its dialog's requests find it: storage, signals, the bot's own functions."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import quote

from dialtone.appstate import MIN_KEY_BYTES, keys_from_setting
from dialtone.channels import skype
from dialtone.dialogs.data import Bag, BagKey
from dialtone.dialogs.outside import signals_at
from dialtone.dialogs.requests import Invoke, Place
from dialtone.errors import ConfigurationError, DependencyError, WorkflowError
from dialtone.protocol import Meeting
from dialtone.signals import SignalKeys
from dialtone.storage import Storage
from functions.http import log
from functions.settings import Settings


def signal_keys(current: Settings) -> SignalKeys:
    """The keys of signals that go with DIALTONE_APPSTATE_KEY, and those that the media worker makes with
    DIALTONE_SIGNAL_KEY, which are known too; derived once. Raises `ConfigurationError`.
    """
    return _derived(current.appstate_key, current.signal_key)


@cache
def _derived(appstate_key: str, signal_key: str) -> SignalKeys:
    workers = keys_from_setting(signal_key, "DIALTONE_SIGNAL_KEY")
    if any(len(key) < MIN_KEY_BYTES for key in workers):
        raise ConfigurationError(
            f"the key of the worker's signals has fewer than {MIN_KEY_BYTES} bytes",
            field="DIALTONE_SIGNAL_KEY",
            fix="make one with: openssl rand -base64 32",
        )
    return SignalKeys([*keys_from_setting(appstate_key), *workers])


@dataclass(frozen=True, slots=True)
class CallOutside:
    """See `dialtone.dialogs.outside.Outside`. `public_url` is the functions' address, without `/api`.

    `placing` places a call, where the channel can; it gets the number of the call among those of this turn, from 0.
    `asking` asks for the meeting of the call, where the channel has meetings.
    """

    call_id: str
    storage: Storage
    keys: SignalKeys
    public_url: str
    channel: str = skype.NAME
    seen: set[str] = field(default_factory=set)
    """Ids of the signals that were there when it was looked for one."""
    placing: Callable[[Place, int], Awaitable[str]] | None = None
    asking: Callable[[], Awaitable[Meeting]] | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    async def load(self, key: BagKey) -> Bag:
        """Read a bag from its table."""
        return await self.storage.data.load(key.bag, key.owner)

    async def signal(self, name: str, heard: frozenset[str]) -> tuple[str, Any] | None:
        """Look into the journal of the call."""
        rows = await self.storage.calls.signals(self.call_id)
        self.seen.update(row.id for row in rows)
        row = next((row for row in rows if row.name == name and row.id not in heard), None)
        return None if row is None else (row.id, row.data)

    async def place(self, place: Place) -> str:
        """Have the platform ring somebody. In the Skype contract placeCall has no rank: no workflow may have it."""
        if self.placing is not None:
            return await self.placing(place, next(self._numbers))
        raise WorkflowError(
            f"the {self.channel} channel cannot place calls",
            field="place",
            fix="place it on a channel that can; catch ActionFailed where the dialog can go on without",
            code="CHANNEL_CANNOT",
        )

    async def meeting(self) -> Meeting:
        """Ask the platform which meeting the call is of. Raises `WorkflowError` on a channel without meetings."""
        if self.asking is not None:
            return await self.asking()
        raise WorkflowError(
            f"the {self.channel} channel has no meetings",
            field="meeting",
            fix="ask on a channel that has; catch ActionFailed where the dialog can go on without",
            code="CHANNEL_CANNOT",
        )

    async def invoke(self, invoke: Invoke) -> Any:
        """Run a function of the bot, which may ask for the addresses of the call's signals."""
        try:
            with signals_at(self.address):
                return await invoke()
        except DependencyError:
            raise
        except Exception as error:
            log.warning("an activity of the dialog raised %s", type(error).__name__)
            raise

    def address(self, name: str) -> str:
        """Where a signal for this call is posted to; whoever has it may send any signal to this call."""
        path = f"{quote(self.call_id, safe='')}/signals/{quote(name, safe='')}"
        return f"{self.public_url}/api/calls/{path}?key={self.keys.key_of(self.call_id)}"
