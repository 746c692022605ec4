"""The commands of a turn in the journal: claimed before one is sent, marked when it was.

1. A command has the number of its turn and its position in it. The first of a turn is claimed by the turn's row, each
   other one by a `step` note. Whoever inserts that has claimed the command and sends it.
2. Once it was sent, its mark is stored, with what the platform replied. Whoever finds a command claimed by somebody
   else waits for the mark. After `lease` seconds without one whoever claimed it has died: the command is sent for it.
3. Whoever claimed a command need not look for its mark within those seconds: nobody has sent it yet.
4. So an event that comes again mends what a crash has left, and changes nothing otherwise.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final

from dialtone.channels.results import Result
from dialtone.channels.stepper import Step, context_of, place_of
from dialtone.storage import NoteRow, Storage, TurnRow
from dialtone.storage.backend import together
from functions.platform_client import Taken
from functions.vault import CallVault

LEASE_S: Final = 5.0
"""Seconds that whoever has claimed a command is given to send it."""
POLL_S: Final = 0.1
LONG_AGO: Final = float("-inf")
"""When a command was claimed of which that is not known."""
STEP: Final = "step"
SENT: Final = "sent"
TYPED: Final = "digits"
"""What a step keeps of the keys that were pressed before the question was over; it is stored sealed."""


Claimed = float | None
"""When this process began to claim a command, by its monotonic clock; None when somebody else had claimed it."""


@dataclass(frozen=True, slots=True)
class At:
    """Where a call is: the row of its turn, that turn's steps, which one, what is kept, and what caused it.

    `moment` is when that was by the platform's clock, in Unix seconds; `connection` is the platform's id of the call.
    """

    row: TurnRow
    steps: Sequence[Step]
    position: int
    kept: dict[str, Any]
    cause: str
    moment: float
    connection: str

    @property
    def context(self) -> str:
        """What the command is called by: its turn and its position."""
        return context_of(self.row.sequence, self.position)


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of the calls on one channel. `vault` seals what callers type, `clock` gives Unix seconds."""

    storage: Storage
    vault: Callable[[str], CallVault]
    clock: Callable[[], float]
    lease: float = LEASE_S

    async def claim(self, where: At, position: int, kept: Mapping[str, Any]) -> Claimed:
        """Claim a command of the turn, with what is kept for it. Rule 1."""
        call_id, began = where.row.call_id, monotonic()
        if (typed := kept.get(TYPED)) is not None:
            kept = {**kept, TYPED: self.vault(call_id).seal(str(typed))}
        name = f"{STEP}-{context_of(where.row.sequence, position)}"
        note = NoteRow(call_id, name, where.cause, json.dumps(dict(kept)).encode(), self.clock())
        return began if await self.storage.calls.note(note) else None

    async def find(self, call_id: str, sequence: int, position: int) -> tuple[TurnRow, dict[str, Any]] | None:
        """The turn of a command, and what is kept for the command; None when nobody has claimed it."""
        row, kept = await together(self.storage.calls.get(call_id, sequence), self.kept(call_id, sequence, position))
        return None if row is None or kept is None else (row, kept)

    async def kept(self, call_id: str, sequence: int, position: int) -> dict[str, Any] | None:
        """What is kept for a command; None when nobody has claimed it."""
        if position == 0:
            return {}
        note = await self.storage.calls.note_of(call_id, f"{STEP}-{context_of(sequence, position)}")
        if note is None:
            return None
        kept = dict(json.loads(note.body))
        if (typed := kept.get(TYPED)) is not None:
            kept[TYPED] = self.vault(call_id).open(typed)
        return kept

    async def current(self, call_id: str) -> tuple[int, int] | None:
        """The turn and the position of the command that the call is at; None when it is over, or not known."""
        latest = await self.storage.calls.latest(call_id)
        if latest is None or not latest.reply:
            return None
        claimed = await self.storage.calls.notes(call_id, f"{STEP}-{latest.sequence}.")
        places = [place_of(note.message_id.removeprefix(f"{STEP}-")) for note in claimed]
        return latest.sequence, max((place[1] for place in places if place), default=0)

    async def sent(self, where: At, send: Callable[[At], Awaitable[Taken]], claimed: Claimed) -> Taken:
        """What the platform replied to a command, which is sent unless it was. Rules 2 and 3.

        Raises what `send` raises: then it is not marked.
        """
        call_id, mark = where.row.call_id, f"{SENT}-{where.context}"
        is_fresh = claimed is not None and monotonic() - claimed < self.lease
        note = None if is_fresh else await self.storage.calls.note_of(call_id, mark)
        waited = 0.0
        while note is None and claimed is None and waited < self.lease:
            await asyncio.sleep(POLL_S)
            waited += POLL_S
            note = await self.storage.calls.note_of(call_id, mark)
        if note is None:
            taken = await send(where)
            told = taken.refused
            body = {"reply": taken.body} if told is None else {"refused": [told.code, told.sub_code, told.message]}
            operation = where.steps[where.position].operation
            await self.storage.calls.note(NoteRow(call_id, mark, operation, json.dumps(body).encode(), self.clock()))
        else:
            body = json.loads(note.body)
        return Taken(refused=Result(*body["refused"])) if "refused" in body else Taken(body["reply"])
