"""Calls that the bot places: noted before the platform is told, known again when somebody answers.

1. The id of such a call is made of whoever wants it and of whom it calls, so the same wish, told twice, is one call.
2. A note PLACED says what the call is for. It is stored before the platform is told, so an answer always finds it.
3. The first turn of the call is taken when somebody answers; until then there is a note and no turn.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from dialtone.dialogs import Place
from dialtone.errors import WorkflowError
from dialtone.protocol import CallState, Conversation, ModalityType, Participant
from dialtone.storage import NoteRow, Storage
from functions.http import log

PLACED: Final = "placed"


@dataclass(frozen=True, slots=True)
class Placing:
    """The notes of the calls that a bot places. `clock` gives Unix seconds."""

    storage: Storage
    clock: Callable[[], float]

    async def note(self, call_id: str, place: Place, more: Mapping[str, str] | None = None) -> None:
        """Rule 2; `more` is what the channel wants to know of the call when it is answered."""
        about = {"target": place.target, "args": dict(place.args), **(more or {})}
        await self.storage.calls.note(NoteRow(call_id, PLACED, "placed", json.dumps(about).encode(), self.clock()))

    async def about(self, call_id: str) -> dict[str, Any] | None:
        """What was noted of a call; None when this bot did not place it."""
        note = await self.storage.calls.note_of(call_id, PLACED)
        return None if note is None else dict(json.loads(note.body))

    async def answered(self, call_id: str) -> dict[str, Any] | None:
        """As `about`, of a call that somebody has answered: one that is not known is logged."""
        about = await self.about(call_id)
        if about is None:
            log.info("a call that this bot did not place was answered")
        return about


def placed_id(by: str, target: str) -> str:
    """The id of a call. Rule 1."""
    digest = hashlib.sha256(f"{by}\n{target}".encode()).hexdigest()
    return f"placed-{digest[:32]}"


def placed_conversation(call_id: str, bot: str, others: list[str], **more: Any) -> Conversation:
    """The conversation that the dialog of a call sees which was placed and answered; `more` are further members."""
    return Conversation(
        id=call_id,
        participants=[
            Participant(identity=bot, originator=True),
            *(Participant(identity=identity, originator=False) for identity in others),
        ],
        presented_modality_types=[ModalityType.AUDIO],
        call_state=CallState.ESTABLISHED,
        **more,
    )


def place_refused(platform: str, told: str) -> WorkflowError:
    """What a dialog is told of a call that the platform did not place."""
    return WorkflowError(
        f"{platform} refused to place the call: {told}",
        field="place",
        fix="catch ActionFailed where the dialog can go on without it",
        code="CHANNEL_REFUSED",
    )
