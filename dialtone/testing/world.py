"""What is outside of a call under test: the functions that it runs, data, signals, other calls."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from dialtone.dialogs import (
    Place,
    Turn,
)
from dialtone.dialogs.data import Bag, BagKey
from dialtone.dialogs.outside import signals_at
from dialtone.dialogs.requests import Invoke
from dialtone.errors import WorkflowError
from dialtone.protocol import Meeting
from dialtone.testing.steps import NotTheSame


@dataclass
class World:
    """What is outside of a call and outlives it.

    `fakes` maps a function that a dialog gives to `call.run`, or `CallBot.lookup_user`'s, to another one that is called
    instead, `async` or not, or to the value that is its result; an exception as the value is raised. `ran` lists the
    calls of such functions, as (name, arguments); `placed` the calls that were placed. `meeting` is what the platform
    tells of the meeting that a call is of (`Call.meeting`); without one it is of none.
    """

    fakes: Mapping[Callable[..., Any], Any] = field(default_factory=dict)
    data: dict[BagKey, Bag] = field(default_factory=dict)
    ran: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    placed: list[Place] = field(default_factory=list)
    signals: dict[str, list[tuple[str, str, Any]]] = field(default_factory=dict)
    meeting: Meeting | None = None
    calls: int = 0

    def user_data(self, identity: str = "8:nora") -> Bag:
        """What the bot keeps of a user."""
        return self.data.get(BagKey("user", identity), {})

    def conversation_data(self, conversation: str) -> Bag:
        """What the bot keeps of a conversation."""
        return self.data.get(BagKey("conversation", conversation), {})

    def of(self, call_id: str) -> "CallWorld":
        """The world as one call finds it."""
        return CallWorld(self, call_id)

    def save(self, turn: Turn) -> None:
        """Keep what a turn changed."""
        for change in turn.changes:
            bag = {} if change.emptied else dict(self.data.get(change.key, {}))
            bag |= change.values
            kept = {name: value for name, value in bag.items() if name not in change.removed}
            if kept:
                self.data[change.key] = kept
            else:
                self.data.pop(change.key, None)


@dataclass(frozen=True, slots=True)
class CallWorld:
    """See `dialtone.dialogs.outside.Outside`."""

    world: World
    call_id: str

    async def load(self, key: BagKey) -> Bag:
        """Read a bag."""
        return self.world.data.get(key, {})

    async def signal(self, name: str, heard: frozenset[str]) -> tuple[str, Any] | None:
        """Look for a signal."""
        sent = self.world.signals.get(self.call_id, [])
        return next(((number, data) for number, known, data in sent if known == name and number not in heard), None)

    async def place(self, place: Place) -> str:
        """Note the call, and give it an id."""
        self.world.placed.append(place)
        return f"placed-{len(self.world.placed)}"

    async def meeting(self) -> Meeting:
        """The meeting of the world."""
        if self.world.meeting is None:
            raise WorkflowError(
                "this call is of no meeting", field="meeting", fix="give the World a meeting", code="CHANNEL_CANNOT"
            )
        return self.world.meeting

    async def invoke(self, invoke: Invoke) -> Any:
        """Call the function, or what is there in its place."""
        function, args = invoke.function, tuple(invoke.args)
        self.world.ran.append((getattr(function, "__name__", repr(function)), args))
        with signals_at(lambda name: f"https://bot.test/api/calls/{self.call_id}/signals/{name}?key=test"):
            if function not in self.world.fakes:
                return await invoke()
            fake = self.world.fakes[function]
            if isinstance(fake, BaseException):
                raise fake
            result = fake(*args, **invoke.kwargs) if callable(fake) else fake
            return await result if inspect.isawaitable(result) else result


@dataclass(frozen=True, slots=True)
class TakenAgain:
    """The outside world of a turn that is taken for the first time (`outcomes` is filled) or again (it is emptied)."""

    outside: CallWorld
    outcomes: list[Any]
    again: bool = False

    async def load(self, key: BagKey) -> Bag:
        """Read a bag."""
        loaded: Bag = await self._once(self.outside.load(key))
        return loaded

    async def signal(self, name: str, heard: frozenset[str]) -> tuple[str, Any] | None:
        """Look for a signal."""
        found: tuple[str, Any] | None = await self._once(self.outside.signal(name, heard))
        return found

    async def place(self, place: Place) -> str:
        """Note the call, and give it an id."""
        return str(await self._once(self.outside.place(place)))

    async def meeting(self) -> Meeting:
        """The meeting of the world."""
        meeting: Meeting = await self._once(self.outside.meeting())
        return meeting

    async def invoke(self, invoke: Invoke) -> Any:
        """Call the function, or what is there in its place."""
        return await self._once(self.outside.invoke(invoke))

    async def _once(self, work: Coroutine[Any, Any, Any]) -> Any:
        if self.again:
            work.close()
            if not self.outcomes:
                raise NotTheSame("a turn wanted more of the outside world when it was repeated")
            outcome = self.outcomes.pop(0)
        else:
            try:
                outcome = await work
            except Exception as error:
                outcome = error
            self.outcomes.append(outcome)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
