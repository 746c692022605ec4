"""Notifications are read by their type."""

from typing import Any

import pytest

from dialtone.protocol import (
    CallState,
    CallStateChange,
    ContentSharingRole,
    ContractViolation,
    ModalityType,
    RosterUpdate,
    read_notification,
)


def test_a_change_of_state() -> None:
    data = {"id": "call-7", "type": "callStateChange", "currentState": "Terminated", "stateChangeCode": "0"}
    change = read_notification(data)
    assert isinstance(change, CallStateChange)
    assert (change.current_state, change.state_change_code) == (CallState.TERMINATED, "0")


def test_a_roster() -> None:
    member = {
        "identity": "8:nora",
        "mediaType": "video",
        "mediaStreamDirection": "recvonly",
        "mediaStreamId": "3",
        "contentSharingRole": "presenter",
        "legId": "L1",
    }
    roster = read_notification({"ID": "call-7", "Type": "rosterUpdate", "Participants": [member]})
    assert isinstance(roster, RosterUpdate)
    (read,) = roster.participants
    assert read.to_wire() == member
    assert (read.media_type, read.content_sharing_role) == (ModalityType.VIDEO, ContentSharingRole.PRESENTER)


@pytest.mark.parametrize(
    ("data", "code", "field"),
    [
        ({"id": "c"}, "MISSING:type", "type"),
        ({"type": "callStateChange", "currentState": "hold"}, "MISSING:id", "id"),
        ({"id": "c", "type": "weather"}, "NOTIFICATION_UNSUPPORTED", "type"),
        ({"id": "c", "type": "callStateChange"}, "MISSING:currentState", "currentState"),
        ({"id": "c", "type": "rosterUpdate", "participants": [{}]}, "MISSING:identity", "participants.0.identity"),
        ([], "WRONG_TYPE", ""),
    ],
)
def test_a_notification_that_cannot_be_read(data: Any, code: str, field: str) -> None:
    with pytest.raises(ContractViolation) as caught:
        read_notification(data)
    assert (caught.value.code, caught.value.field, caught.value.stage) == (code, field, "parse")
    assert caught.value.fix
