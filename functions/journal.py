"""The rows of a call's turns: inserted once, their changes of users' data saved, the call listed.

1. The insert of a turn's row decides. Whoever finds the row taken goes by what is in it: a retry, a parallel copy, a
   late copy of an older callback.
2. What a dialog changed of its data is in the row that is inserted. It is saved after the insert, then the turn is
   marked as saved: only a turn that is taken saves anything, and whoever finds it without the mark (a retry, the
   sweeper) saves it.
3. A call is listed before its first turn is answered, so that no call is unknown. That it has ended is listed after its
   last turn is stored; what fails there is done by the sweeper.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dialtone import telemetry
from dialtone.channels import skype
from dialtone.dialogs import CallFacts, Event, History, Turn
from dialtone.dialogs.bot import ON_ERROR
from dialtone.dialogs.data import BagChange
from dialtone.dialogs.history import dumps
from dialtone.errors import DependencyError
from dialtone.storage import CallRecord, Storage, TurnRow
from functions.http import log

LOST: Final = "lost"
"""The event, and the outcome, of a call whose callback did not come."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The turns of calls on one channel. `clock` gives seconds since 1970, UTC.

    Each method raises `DependencyError` when storage does not answer.
    """

    storage: Storage
    channel: str
    clock: Callable[[], float]

    async def history_at(self, call_id: str, sequence: int) -> History:
        """The history of a call up to a turn. Raises `DependencyError` when that turn is not stored."""
        rows = await self.storage.calls.history(call_id, sequence)
        if not rows or rows[-1].sequence != sequence:
            raise DependencyError(
                f"the journal lacks turn {sequence}, which this bot has answered",
                fix="look whether rows of the table `calls` were deleted",
            )
        return History.from_rows([row.entries for row in rows], call_id=call_id, sequence=sequence)

    def row(
        self, before: History | None, turn: Turn, event: Event, whole: str, reply: bytes, *, kind: str, message_id: str
    ) -> TurnRow:
        """The row of a turn. `whole` is its history as JSON, `kind` what the event was."""
        history = turn.history
        entries, reset = history.row_json(before, whole)
        return TurnRow(
            call_id=history.facts.call_id,
            sequence=history.sequence,
            message_id=message_id,
            event=kind,
            entries=entries,
            reset=reset,
            reply=reply,
            content_type=skype.CONTENT_TYPE,
            status=200,
            at=event.at,
            done=history.done,
            failed=_failed(turn),
            changes=dumps([change.document() for change in turn.changes]) if turn.changes else "",
            took=max(0.0, round(self.clock() - event.at, 3)),
        )

    async def commit(self, before: History | None, facts: CallFacts, row: TurnRow) -> TurnRow:
        """Store a turn: the row that counts, which is another one when the turn was taken before. Rules 1 to 3.

        `before` is the history before the turn, None for the first one of a call.
        """
        taken = await self.storage.calls.insert(row)
        kept = taken or row
        await self.save(kept, is_new=taken is None)
        if before is None:
            # What fails here is done by the retry, as the journal says.
            await self.index(facts, kept)
        elif row.done and not before.done and taken is None:
            try:
                await self.index(facts, row)
            except DependencyError:
                log.warning("the index row of an ended call could not be written; the sweeper will write it")
        return kept

    async def save(self, row: TurnRow, *, is_new: bool = False) -> None:
        """Rule 2, for a row that is stored; `is_new` says that this process has just inserted it."""
        calls = self.storage.calls
        if not row.changes or (not is_new and await calls.is_saved(row.call_id, row.sequence)):
            return
        for change in map(BagChange.of, json.loads(row.changes)):
            await self.storage.data.save(*change.key, change.values, change.removed, emptied=change.emptied)
        await calls.mark_saved(row.call_id, row.sequence)

    async def index(self, facts: CallFacts, row: TurnRow) -> None:
        """Write the rows of the index for a turn that began or ended a call."""
        if row.done:
            outcome = outcome_of(row)
            telemetry.count("dialtone.calls", channel=self.channel, outcome=outcome)
            about = {"dialtone.channel": self.channel, "dialtone.call.outcome": outcome}
            telemetry.call_ended(row.call_id, about, started=facts.started, ended=row.at)
        record = CallRecord(
            call_id=row.call_id,
            channel=self.channel,
            caller=facts.caller.identity if facts.caller else "",
            started=facts.started if row.sequence else round(row.at, 3),
            ended=row.at if row.done else None,
            outcome=outcome_of(row) if row.done else "",
        )
        await (self.storage.calls.close(record) if row.done else self.storage.calls.open(record))


def outcome_of(last: TurnRow) -> str:
    """How a call ended, by its last turn: `completed`, `failed` or `lost`."""
    if last.event == LOST:
        return LOST
    return "failed" if last.failed else "completed"


def _failed(turn: Turn) -> str:
    """What the call failed with: in this turn, or in the one after which the dialog `on_error` began."""
    if turn.error is not None:
        return type(turn.error).__name__
    history = turn.history
    return str(history.args.get("error", "")).partition(":")[0] if history.dialog == ON_ERROR else ""
