"""The commands of a turn in the journal: claimed before one is sent, marked when it was.

1. A command has the number of its turn and its position in it. The first of a turn is claimed by the turn's row, each
   other one by a `step` note. Whoever inserts that has claimed the command and sends it.
2. Once it was sent, its mark is stored, with what the platform replied. Whoever finds a command claimed by somebody
   else waits for the mark. After `lease` seconds without one whoever claimed it has died: the command is sent for it.
3. So an event that comes again mends what a crash has left, and changes nothing otherwise.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dialtone.channels.acs_results import Result
from dialtone.channels.stepper import Step, context_of, place_of
from dialtone.storage import NoteRow, Storage, TurnRow
from functions.platform_client import Taken
from functions.vault import CallVault

LEASE_S: Final = 5.0
"""Seconds that whoever has claimed a command is given to send it."""
POLL_S: Final = 0.1
STEP: Final = "step"
SENT: Final = "sent"
TYPED: Final = "digits"
"""What a step keeps of the keys that were pressed before the question was over; it is stored sealed."""


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

    async def claim(self, where: At, position: int, kept: Mapping[str, Any]) -> bool:
        """Claim a command of the turn, with what is kept for it: whether nobody had. Rule 1."""
        call_id = where.row.call_id
        if (typed := kept.get(TYPED)) is not None:
            kept = {**kept, TYPED: self.vault(call_id).seal(str(typed))}
        name = f"{STEP}-{context_of(where.row.sequence, position)}"
        note = NoteRow(call_id, name, where.cause, json.dumps(dict(kept)).encode(), self.clock())
        return await self.storage.calls.note(note)

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

    async def sent(self, where: At, send: Callable[[At], Awaitable[Taken]], *, mine: bool) -> Taken:
        """What the platform replied to a command, which is sent unless it was. Rule 2.

        `mine` says that this process has just claimed it. Raises what `send` raises: then it is not marked.
        """
        call_id, mark = where.row.call_id, f"{SENT}-{where.context}"
        note = await self.storage.calls.note_of(call_id, mark)
        waited = 0.0
        while note is None and not mine and waited < self.lease:
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
