"""Notifications: what the platform tells between two results.

They go to the workflow's `links.notification`; until 2017 they went to its callback, with the members that results
have (`appId`, `appState`, `links`).
"""

from typing import Any, Final

from dialtone.protocol.enums import CallState, ContentSharingRole, ModalityType
from dialtone.protocol.model import ContractModel
from dialtone.protocol.violation import ContractViolation


class Notification(ContractModel):
    """What every notification has: the call's id, and what it is about."""

    id: str
    type: str
    app_id: str | None = None
    app_state: str | None = None
    links: dict[str, str] | None = None


class CallStateChange(Notification):
    """A notification that the call has another state now, `current_state`.

    `state_change_code` is the platform's reason as text: "0" for a normal end, None where it gives none.
    """

    current_state: CallState
    state_change_code: str | None = None


class RosterParticipant(ContractModel):
    """One participant's stream. `media_stream_id` is a number written as text."""

    identity: str
    media_type: ModalityType
    media_stream_direction: str
    media_stream_id: str | None = None
    content_sharing_role: ContentSharingRole | None = None
    leg_id: str | None = None


class RosterUpdate(Notification):
    """A notification of who is in a group call now.

    `participants` has an entry for each stream of sound or pictures, so one participant may be there several times;
    `identities` has each of them once.
    """

    participants: list[RosterParticipant]

    @property
    def identities(self) -> tuple[str, ...]:
        """The participants, each once. Identities are compared without case."""
        return tuple({member.identity.casefold(): member.identity for member in self.participants}.values())


CALL_STATE_CHANGE: Final = "callStateChange"
ROSTER_UPDATE: Final = "rosterUpdate"

NOTIFICATIONS: Final[dict[str, type[CallStateChange] | type[RosterUpdate]]] = {
    CALL_STATE_CHANGE: CallStateChange,
    ROSTER_UPDATE: RosterUpdate,
}


def read_notification(data: dict[str, Any]) -> CallStateChange | RosterUpdate:
    """Read a notification by its type.

    Raises `ContractViolation`: `MISSING:type`, `NOTIFICATION_UNSUPPORTED`, or what its model misses.
    """
    head = Notification.from_wire(data)
    model = NOTIFICATIONS.get(head.type)
    if model is None:
        raise ContractViolation(
            "NOTIFICATION_UNSUPPORTED",
            "this type of notification is not known",
            field="type",
            fix=f"use one of {', '.join(NOTIFICATIONS)}",
            stage="parse",
        )
    return model.from_wire(data)
