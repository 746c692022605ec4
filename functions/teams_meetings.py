"""What Microsoft Graph tells of a meeting: its metadata, who attended, what was said, what was recorded by Teams.

1. A meeting is the organizer's. Besides the permission that each function names, an application access policy has to
   let the app act for that user (`New-CsApplicationAccessPolicy`); without either Graph answers 403.
2. Attendance is there when the meeting is over. Transcripts and recordings are those that somebody started in Teams;
   there are none of channel meetings, nor of meetings that are in no calendar. Reading their contents is metered.
3. `ActionFailed` is raised for what Graph refuses, with the permission, and `DependencyError` when it does not answer.
"""

from dataclasses import dataclass
from typing import Any, Final

from dialtone.channels.teams_meetings import Coordinates, filter_of, meeting_in, read_link
from dialtone.errors import BotError
from dialtone.protocol import Meeting
from functions.teams_client import GraphClient

TRANSCRIPT_MAX: Final = 16 * 1024 * 1024
RECORDING_MAX: Final = 2 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Attended:
    """Somebody who was in a meeting, and for how many seconds."""

    name: str
    email: str
    role: str
    seconds: float


async def meeting_of(client: GraphClient, link: str, organizer: str = "") -> Meeting:
    """The meeting of a join link. Permission: OnlineMeetings.Read.All.

    The organizer, a user's id, is in links of the older form. Raises `BotError` for a link that is none, for one of the
    newer form without an organizer, and when the organizer has no such meeting.
    """
    where = read_link(link)
    user = where.organizer_id if isinstance(where, Coordinates) else organizer
    if not user:
        raise BotError(
            "the link names no organizer", field="organizer", fix="give the organizer's id", code="ORGANIZER"
        )
    found = await client.listed("findMeetings", {"$filter": filter_of(link)}, user=user)
    if not found:
        raise BotError(
            "the organizer has no meeting with this link", field="link", fix="copy it as it is", code="MEETING_UNKNOWN"
        )
    return meeting_in(found[0])


async def attendance_of(client: GraphClient, organizer: str, meeting: str) -> list[Attended]:
    """Who was in a meeting, of all its reports. Permission: OnlineMeetingArtifact.Read.All."""
    attended = []
    for report in await client.listed("listAttendanceReports", user=organizer, meeting=meeting):
        records = await client.listed("listAttendance", user=organizer, meeting=meeting, report=str(report["id"]))
        attended += [_attended(record) for record in records]
    return attended


async def transcripts_of(client: GraphClient, organizer: str, meeting: str) -> list[str]:
    """What was said in a meeting, as WebVTT: a text for each. Permission: OnlineMeetingTranscript.Read.All."""
    return [
        (await client.content("getTranscript", accept="text/vtt", limit=TRANSCRIPT_MAX, **each)).decode()
        for each in await _artifacts(client, "listTranscripts", organizer, meeting)
    ]


async def recordings_of(client: GraphClient, organizer: str, meeting: str) -> list[str]:
    """The ids of what Teams recorded of a meeting. Permission: OnlineMeetingRecording.Read.All."""
    return [each["artifact"] for each in await _artifacts(client, "listRecordings", organizer, meeting)]


async def recording_of(client: GraphClient, organizer: str, meeting: str, recording: str) -> bytes:
    """The bytes of a recording, up to 2 GiB of them. Permission: OnlineMeetingRecording.Read.All."""
    ids = {"user": organizer, "meeting": meeting, "artifact": recording}
    return await client.content("getRecording", accept="*/*", limit=RECORDING_MAX, **ids)


async def _artifacts(client: GraphClient, operation: str, organizer: str, meeting: str) -> list[dict[str, str]]:
    listed = await client.listed(operation, user=organizer, meeting=meeting)
    return [{"user": organizer, "meeting": meeting, "artifact": str(each["id"])} for each in listed]


def _attended(record: dict[str, Any]) -> Attended:
    identity = record.get("identity")
    name = str(identity.get("displayName") or "") if isinstance(identity, dict) else ""
    seconds = record.get("totalAttendanceInSeconds")
    return Attended(
        name,
        str(record.get("emailAddress") or ""),
        str(record.get("role") or ""),
        float(seconds) if isinstance(seconds, int | float) else 0.0,
    )
