"""What a dialog wants of the outside world, done: the one loop between the engine and whoever has a network.

`functions/turn.py` completes the turns of real calls with storage, `dialtone.testing` those of a test with dicts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol

from dialtone.dialogs.bot import CallBot
from dialtone.dialogs.data import Bag, BagKey
from dialtone.dialogs.engine import finish_activity
from dialtone.dialogs.requests import AskMeeting, Invoke, Load, Look, Place, Work
from dialtone.dialogs.turn import Event, Turn
from dialtone.errors import DependencyError, DialogError
from dialtone.protocol import Meeting

_ADDRESSES: Final[ContextVar[Callable[[str], str] | None]] = ContextVar("addresses of signals", default=None)


class Outside(Protocol):
    """The outside world of a call. A method may raise `DependencyError`: then the turn is not taken."""

    async def load(self, key: BagKey) -> Bag:
        """A bag of data, empty if there is none."""

    async def signal(self, name: str, heard: frozenset[str]) -> tuple[str, Any] | None:
        """The oldest signal of this name whose id was not heard: its id and value."""

    async def place(self, place: Place) -> str:
        """Have the platform ring somebody; the id of that call. What it raises is told to the dialog."""

    async def meeting(self) -> Meeting:
        """The meeting that the call is of. What it raises is told to the dialog."""

    async def invoke(self, invoke: Invoke) -> Any:
        """Run a function of the bot. What it raises is told to the dialog."""


async def complete(bot: CallBot, turn: Turn, event: Event, outside: Outside) -> Turn:
    """Do what a turn waits for, until it waits for nothing. Raises `DependencyError`."""
    while turn.activity is not None:
        try:
            result = await _done(turn.activity.work, outside)
        except DependencyError:
            raise
        except Exception as error:
            turn = finish_activity(bot, turn, event, error=f"{type(error).__name__}: {error}")
        else:
            turn = finish_activity(bot, turn, event, result=result)
    return turn


async def _done(work: Work, outside: Outside) -> Any:
    match work:
        case Load(key):
            return await outside.load(key)
        case Look(name, heard, unless):
            found = await outside.signal(name, heard)
            if found is None and unless and await outside.signal(unless, heard) is not None:
                return False
            return None if found is None else list(found)
        case Place():
            return await outside.place(work)
        case AskMeeting():
            return (await outside.meeting()).document()
        case Invoke():
            return await outside.invoke(work)


@contextmanager
def signals_at(address: Callable[[str], str]) -> Iterator[None]:
    """Within this block `signal_url` gives these addresses."""
    token = _ADDRESSES.set(address)
    try:
        yield
    finally:
        _ADDRESSES.reset(token)


def signal_url(name: str) -> str:
    """The address that a signal of this name is posted to, to hand to whoever will send it; for one call, and secret.

    It is known only in a function that a dialog runs by `call.run`. A signal is a POST with a JSON value as its body;
    the dialog gets it from `call.signal(name)`. Raises `DialogError` elsewhere.
    """
    address = _ADDRESSES.get()
    if address is None:
        raise DialogError(
            "the addresses of signals are known only to functions that a dialog runs",
            field="signal_url",
            fix="call it in the function that you give to call.run",
        )
    return address(name)
