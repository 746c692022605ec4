"""Microsoft Graph's cloud communications API as it is on the wire: operations, statuses, documents.

1. An operation is a method and a path below `/v1.0`; its status is the one that Graph's pages name.
2. A request carries `Authorization: Bearer` with a token that this service gave; an error is
   `{"error": {"code", "message"}}`.
3. A notification is a `commsNotification` in a document of them. The end of a call, and of an operation, is `deleted`;
   a roster is an array; sub-codes are written `subcode`.
"""

from typing import Any, Final

from simulator.platforms.rest import Json, Refused, Routes

_CALL: Final = "/v1.0/communications/calls/([^/]+)"
_MEETINGS: Final = "/v1.0/users/([^/]+)/onlineMeetings"
_MEETING: Final = f"{_MEETINGS}/([^/]+)"
OPERATIONS: Final = {
    "create": ("POST", "/v1.0/communications/calls", 201),
    "get": ("GET", _CALL, 200),
    "hangUp": ("DELETE", _CALL, 204),
    "answer": ("POST", f"{_CALL}/answer", 202),
    "reject": ("POST", f"{_CALL}/reject", 202),
    "redirect": ("POST", f"{_CALL}/redirect", 202),
    "transfer": ("POST", f"{_CALL}/transfer", 202),
    "playPrompt": ("POST", f"{_CALL}/playPrompt", 200),
    "recordResponse": ("POST", f"{_CALL}/recordResponse", 200),
    "subscribeToTone": ("POST", f"{_CALL}/subscribeToTone", 200),
    "cancelMediaProcessing": ("POST", f"{_CALL}/cancelMediaProcessing", 200),
    "updateRecordingStatus": ("POST", f"{_CALL}/updateRecordingStatus", 200),
    "mute": ("POST", f"{_CALL}/mute", 200),
    "unmute": ("POST", f"{_CALL}/unmute", 200),
    "sendDtmfTones": ("POST", f"{_CALL}/sendDtmfTones", 200),
    "keepAlive": ("POST", f"{_CALL}/keepAlive", 200),
    "getOperation": ("GET", f"{_CALL}/operations/([^/]+)", 200),
    "listParticipants": ("GET", f"{_CALL}/participants", 200),
    "getParticipant": ("GET", f"{_CALL}/participants/([^/]+)", 200),
    "invite": ("POST", f"{_CALL}/participants/invite", 200),
    "muteParticipant": ("POST", f"{_CALL}/participants/([^/]+)/mute", 200),
    "removeParticipant": ("DELETE", f"{_CALL}/participants/([^/]+)", 204),
    "findMeetings": ("GET", _MEETINGS, 200),
    "getMeeting": ("GET", _MEETING, 200),
    "listAttendanceReports": ("GET", f"{_MEETING}/attendanceReports", 200),
    "listAttendance": ("GET", f"{_MEETING}/attendanceReports/([^/]+)/attendanceRecords", 200),
    "listTranscripts": ("GET", f"{_MEETING}/transcripts", 200),
    "getTranscript": ("GET", f"{_MEETING}/transcripts/([^/]+)/content", 200),
    "listRecordings": ("GET", f"{_MEETING}/recordings", 200),
    "getRecording": ("GET", f"{_MEETING}/recordings/([^/]+)/content", 200),
}
"""By its name: the method, the path as a regular expression, and the status of success."""

TONES: Final = {
    **{str(digit): f"tone{digit}" for digit in range(10)},
    **{letter: letter.lower() for letter in "ABCD"},
    "*": "star",
    "#": "pound",
}
"""The platform's names for keys."""

ROUTES: Final = Routes(OPERATIONS)
_SHORT: Final = {"recordResponse": "record", "muteParticipant": "muteParticipant", "invite": "inviteParticipants"}
_IDENTITIES: Final = {
    "8:orgid:": "user",
    "4:": "phone",
    "28:orgid:": "applicationInstance",
    "28:": "application",
    "8:teamsvisitor:": "guest",
}


def typed(kind: str, **members: Any) -> Json:
    """An object of one of Graph's types; members without a value are left out."""
    given = {name: value for name, value in members.items() if value is not None}
    return {"@odata.type": f"#microsoft.graph.{kind}", **given}


def operation(name: str, number: str, status: str, context: str | None, **members: Any) -> Json:
    """An operation of a command."""
    return typed(f"{_SHORT.get(name, name)}Operation", id=number, status=status, clientContext=context, **members)


def result_info(code: int, subcode: int = 0, message: str = "") -> Json:
    """A resultInfo."""
    return {"code": code, "subcode": subcode, "message": message}


def notification(change: str, path: str, data: Any) -> Json:
    """One notification about `path`, below `/communications/calls/`."""
    url = f"/communications/calls/{path}"
    return typed(
        "commsNotification", changeType=change, resource=f"/app/calls/{path}", resourceUrl=url, resourceData=data
    )


def document(values: list[Json]) -> Json:
    """A document of notifications."""
    return typed("commsNotifications", value=values)


def identity_set(identity: str, name: str = "", tenant: str = "") -> Json:
    """Who somebody is, by an identity such as `8:orgid:<id>`."""
    start = max((each for each in _IDENTITIES if identity.startswith(each)), key=len)
    member = {"id": identity.removeprefix(start), "displayName": name or None, "tenantId": tenant or None}
    return {_IDENTITIES[start]: {key: value for key, value in member.items() if value}}


def identity_in(participant: Any) -> str:
    """The identity that an invitationParticipantInfo names. Raises `Refused` (400)."""
    identities = participant.get("identity") if isinstance(participant, dict) else None
    for start, name in _IDENTITIES.items():
        found = identities.get(name) if isinstance(identities, dict) else None
        if isinstance(found, dict) and isinstance(found.get("id"), str) and found["id"]:
            return f"{start}{found['id']}"
    raise Refused(400, 7503, "a target has no identity")
