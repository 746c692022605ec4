"""The turns of calls on a platform of commands, where the answer to an event is a command: `functions.turn` for those.

1. The workflow of a turn is stored in its row first; its commands are sent after, each when the one before it has
   succeeded. They are claimed, sent and marked as `functions.commands` says.
2. What a call is at follows from what is stored: the row of its latest turn, and the last command that was claimed.
3. One event causes TURNS_MAX turns at most: a dialog that asks again for what is refused at once would never end.
"""

from abc import abstractmethod
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Final

from dialtone.channels.results import Result
from dialtone.channels.stepper import Finished, Found, after
from dialtone.dialogs import Event, History, Place, StoredRecording
from dialtone.protocol import ConversationResult, failed_outcome
from dialtone.storage import TurnRow
from functions.commands import LEASE_S, At, Claimed, Commands
from functions.http import log
from functions.outside import CallOutside
from functions.placing import Placing
from functions.platform_client import Taken
from functions.tickets import Tickets, tickets_of
from functions.turn import Turns, seed_of

TURNS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SteppedTurns(Turns):
    """Takes the turns of calls on one platform of commands. `lease` is that of `functions.commands`, in seconds."""

    lease: float = LEASE_S

    @property
    def tickets(self) -> Tickets:
        """The tickets of this bot's calls."""
        return tickets_of(self.settings.appstate_key, self.channel)

    @property
    def commands(self) -> Commands:
        """The commands of this channel's calls, as the journal has them."""
        return Commands(self.storage, self._vault, self.clock, self.lease)

    @property
    def placing(self) -> Placing:
        """The calls that this bot has placed."""
        return Placing(self.storage, self.clock)

    # What a platform is.

    @abstractmethod
    async def place(self, place: Place, by: str) -> str:
        """Have the platform ring somebody: the id of that call, the same for the same `by` and whom it calls.

        Raises `WorkflowError` for whom the platform does not call, and for what it refuses, with the cause.
        """

    @abstractmethod
    async def _command(self, where: At) -> Taken:
        """Send the command of the step. Raises `DependencyError` when the platform is out of reach or out of order."""

    @abstractmethod
    def _of_reply(self, where: At, body: object) -> Found | None:
        """What the reply to a command that was taken says; None when the step is over only with an event."""

    @abstractmethod
    def _of_refusal(self, where: At, refused: Result) -> Found:
        """What the refusal of a command says."""

    @abstractmethod
    def _first(self, row: TurnRow, before: At) -> At:
        """Where the call is when the turn of a row begins."""

    @abstractmethod
    async def _sound(self, before: History, result: ConversationResult, kept: dict[str, Any]) -> StoredRecording | None:
        """Where the sound of a recording is, or will be; None for any other result."""

    async def _decided(self, where: At, found: Found) -> Found:
        """What was found, or what another event was found to say of the same step before: there is one way on."""
        return found

    async def _end_call(self, history: History) -> None:
        """Nothing: a call is ended by a command, as by any other action."""

    def _outside(self, history: History) -> CallOutside:
        turn = f"{history.facts.call_id} {history.sequence}"

        async def placing(place: Place, number: int) -> str:
            return await self.place(place, f"{turn} {number}")

        return replace(Turns._outside(self, history), placing=placing)

    # From one command to the next.

    async def _begin(self, event: Event, *, kind: str, message_id: str) -> tuple[TurnRow, Claimed]:
        """Take the first turn of a call: its row, and whether its first command was claimed by that."""
        began = monotonic()
        row = await self._take(None, event, kind=kind, message_id=message_id)
        return row, began if row.at == event.at else None

    async def _run(self, where: At, claimed: Claimed) -> None:
        """Send the first command of a turn, and go on."""
        if where.steps and (found := await self._send(where, claimed)) is not None:
            await self._on(where, found)

    async def _on(self, where: At, found: Found) -> None:
        """Go on from a step, of which this was found, until there is something to wait for. Rule 3."""
        turns = 0
        while turns < TURNS_MAX:
            found = await self._decided(where, found)
            following = after(where.row.call_id, where.steps, where.position, found, where.kept)
            if isinstance(following, Finished):
                turns += 1
                turned = await self._turn(where, following.result, {**where.kept, **found.kept})
                if turned is None:
                    return
                where, claimed = turned
            else:
                kept: dict[str, Any] | None = dict(following.kept)
                claimed = await self.commands.claim(where, following.position, following.kept)
                if claimed is None:
                    kept = await self.commands.kept(where.row.call_id, where.row.sequence, following.position)
                where = replace(where, position=following.position, kept=kept or {})
            onward = await self._send(where, claimed)
            if onward is None:
                return
            found = onward
        log.error("the dialog asks again and again for what is refused; it is asked no more, and the call ends as lost")

    async def _turn(self, where: At, result: ConversationResult, kept: dict[str, Any]) -> tuple[At, Claimed] | None:
        """Take the turn that follows a workflow: where the call is then; None when there is nothing to send."""
        row, at, began = where.row, self.clock(), monotonic()
        before = await self.journal.history_at(row.call_id, row.sequence)
        recording = await self._sound(before, result, kept)
        event = Event(result, at, seed_of(where.cause), recording, await self._roster(before))
        new = await self._take(before, event, kind=result.operation_outcome.type, message_id=where.cause)
        there = self._first(new, where)
        return (there, began if new.at == at else None) if there.steps else None

    async def _send(self, where: At, claimed: Claimed) -> Found | None:
        """Send a step's command unless it was sent; what its reply says, None when an event is waited for."""
        step = where.steps[where.position]
        if step.refusal:
            log.warning("%s is refused: %s", step.action.action, step.refusal)
            return Found(failed_outcome(step.action, step.refusal))
        taken = await self.commands.sent(where, self._command, claimed)
        if taken.refused is None:
            return self._of_reply(where, taken.body)
        if not taken.refused.gone:
            log.warning("%s refused %s: %s", self.channel, step.operation, taken.refused.told())
        return self._of_refusal(where, taken.refused)
