"""The keys that are pressed in a call on Teams, and which of them answer a question.

1. A key is noted once, sealed, with the place where the call was. A question reads the keys that came to its places, in
   the order of their numbers, as far as none is missing; when its time is up, all of them.
2. The key that ended a recording answers nothing of what follows, though its notice may come after the recording's end:
   where none came in time, it is the first key after it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from dialtone.channels.teams_steps import TeamsStep
from dialtone.protocol import Action, Record, RecordingCompletionReason
from dialtone.storage import NoteRow, Storage
from functions.vault import CallVault

_KEY: Final = "tone"
_STOP: Final = "stopTone"
_STOPPED: Final = str(RecordingCompletionReason.COMPLETED_STOP_TONE_DETECTED)

Place = tuple[int, int]
"""Where a call was: the turn, and the command in it."""


class Pressed(NamedTuple):
    """A key, or the keys that end a recording, and where the call was then."""

    key: str
    place: Place


@dataclass(frozen=True, slots=True)
class TeamsKeys:
    """The keys of one call. `clock` gives Unix seconds."""

    storage: Storage
    vault: CallVault
    call_id: str
    clock: Callable[[], float]

    async def pressed(self, number: int, key: str, place: Place) -> None:
        """Note a key. Rule 1."""
        await self._note(f"{number:09d}", _KEY, self.vault.seal(key), place)

    async def ended(self, action: Action, kept: Mapping[str, Any], place: Place) -> None:
        """A recording is over, as `kept` says why: note when a key ended it. Rule 2."""
        if isinstance(action, Record) and kept.get("reason") == _STOPPED:
            await self._note(f"{_STOP}-{place[0]}-{place[1]}", _STOP, "".join(action.stop_tones or []), place)

    async def of(self, step: TeamsStep, turn: int, *, whole: bool = False) -> str:
        """The keys of the question that a step of a turn is about; empty when it is about none. Rules 1 and 2."""
        if not step.is_listening:
            return ""
        pressed, stops = dict[int, Pressed](), list[Pressed]()
        for note in await self.storage.calls.notes(self.call_id, f"{_KEY}-"):
            told, sequence, position = json.loads(note.body)
            if note.event == _STOP:
                stops.append(Pressed(told, (sequence, position)))
            else:
                number = int(note.message_id.rpartition("-")[2])
                pressed[number] = Pressed(self.vault.open(told), (sequence, position))
        before, keys, enders = -1, "", _enders(pressed, stops)
        for number, (key, (sequence, position)) in sorted(pressed.items()):
            if sequence == turn and step.listens <= position < step.behind:
                if not whole and before >= 0 and number != before + 1:
                    break
                keys += key if number not in enders else ""
            before = number
        return keys

    async def _note(self, name: str, event: str, told: str, place: Place) -> None:
        body = json.dumps([told, *place]).encode()
        await self.storage.calls.note(NoteRow(self.call_id, f"{_KEY}-{name}", event, body, self.clock()))


def _enders(pressed: Mapping[int, Pressed], stops: Sequence[Pressed]) -> set[int]:
    """The numbers of the keys that ended recordings and were told of after it. Rule 2."""
    found = set[int]()
    for tones, place in stops:
        if any(each.place == place and each.key in tones for each in pressed.values()):
            continue
        later = [number for number, each in pressed.items() if each.place > place and number not in found]
        if later and pressed[min(later)].key in tones:
            found.add(min(later))
    return found
