"""Notifications: what the platform tells between two results."""

from typing import Any

from dialtone.protocol.enums import CallState, ContentSharingRole, ModalityType
from dialtone.protocol.model import ContractModel
from dialtone.protocol.violation import ContractViolation


class Notification(ContractModel):
    """What every notification has."""

    id: str
    type: str


class CallStateChange(Notification):
    """The state of the call changed; `state_change_code` is text, "0" in a normal end."""

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
    """Who is in the call now."""

    participants: list[RosterParticipant]


NOTIFICATIONS: dict[str, type[Notification]] = {
    "callStateChange": CallStateChange,
    "rosterUpdate": RosterUpdate,
}


def read_notification(data: dict[str, Any]) -> Notification:
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
