"""Who is in a call on ACS, as the platform's updates say it.

1. An update is noted by its number, and the highest number is who is there now: they come in any order, more than once.
2. Who was added or removed is noted behind the highest one, though the update that says so is still on its way; it
   counts until a higher one comes.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dialtone.channels.acs import CallEvent
from dialtone.protocol import ROSTER_UPDATE
from dialtone.storage import NoteRow, Storage

ADDED: Final = "AddParticipantSucceeded"
TELLS: Final = frozenset({"ParticipantsUpdated", ADDED, "RemoveParticipantSucceeded"})
"""The events that say who is there."""
_NOTE: Final = "roster-"


@dataclass(frozen=True, slots=True)
class Said:
    """What an event says: the note of it, the rosters that are lower in order, and whether none is higher."""

    mark: str
    there: Sequence[str]
    before: Sequence[Sequence[str]]
    is_news: bool


@dataclass(frozen=True, slots=True)
class AcsRoster:
    """The rosters of one call. `clock` gives Unix seconds."""

    storage: Storage
    call_id: str
    clock: Callable[[], float]

    async def said(self, event: CallEvent) -> Said | None:
        """What one of the events TELLS says; None when it is known, or says nothing."""
        known = await self._known()
        if event.type == "ParticipantsUpdated":
            mark, there = f"{_NOTE}{event.number:09d}", list(event.roster)
        elif not known:
            # The first update is still to come, and will have them.
            return None
        else:
            highest = max(known)
            mark, there = f"{highest}+{event.context}", [each for each in known[highest] if each != event.participant]
            there += [event.participant] if event.type == ADDED else []
            if set(there) == set(known[highest]):
                return None
        if mark in known or not there:
            return None
        before = [known[each] for each in sorted(known) if each < mark]
        return Said(mark, there, before, is_news=len(before) == len(known))

    async def keep(self, said: Said) -> None:
        """Note what was said."""
        body = json.dumps(said.there).encode()
        await self.storage.calls.note(NoteRow(self.call_id, said.mark, ROSTER_UPDATE, body, self.clock()))

    async def all(self) -> list[list[str]]:
        """The rosters that are known, the one that counts at the end."""
        known = await self._known()
        return [known[each] for each in sorted(known)]

    async def _known(self) -> dict[str, list[str]]:
        notes = await self.storage.calls.notes(self.call_id, _NOTE)
        return {note.message_id: json.loads(note.body) for note in notes}
