"""Meetings of the simulated Teams tenant: who is in them, and what Graph tells of them.

1. A meeting is found by its organizer and its join link, and is joined by the coordinates in that link, which is
   percent-encoded in lower case.
2. Its people come and go at their times. The meeting's call is over when nobody but the bot is left.
3. When it is over there is an attendance report, and a transcript of what the people said. The sound of the meeting is
   what they said, as long as a recording was on.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from simulator.platforms.rest import Json, Refused
from simulator.platforms.teams_wire import identity_set
from simulator.script import MeetingPart, Script

_WEB: Final = "https://teams.microsoft.com/l/meetup-join"
_LINK: Final = re.compile(r"/l/meetup-join/19:meeting_([^/@]+)@thread\.v2/0$")
_USER: Final = "8:orgid:"


@dataclass(frozen=True)
class Attendee:
    """Somebody who takes part: from when to when, in seconds after the bot joined, and what they do meanwhile."""

    user: str
    name: str
    joins_s: float = 0.0
    leaves_s: float | None = None
    script: Script | None = None


@dataclass
class Meeting:
    """A meeting of the organizer, a user's id, in a tenant."""

    id: str
    subject: str
    organizer: str
    tenant: str
    starts: str = "2027-01-04T09:00:00Z"
    ends: str = "2027-01-04T09:30:00Z"
    attendees: list[Attendee] = field(default_factory=list)
    link: str = ""
    """What it is joined by, where that is not made of the rest."""
    reports: list[Json] = field(default_factory=list)
    transcripts: dict[str, str] = field(default_factory=dict)
    recordings: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, part: MeetingPart, organizer: str, people: list[tuple[str, str]], tenant: str, number: str) -> Self:
        """The meeting of a script, with people by identity and name; `number` is its id where its link has none.

        Raises ValueError for a link that is none of a meeting of this tenant.
        """
        owner = organizer
        if part.link:
            found = _LINK.search(unquote(urlsplit(part.link).path))
            try:
                context = json.loads(parse_qs(urlsplit(part.link).query)["context"][0])
                owner, own = str(context["Oid"]), context["Tid"] == tenant
            except (ValueError, KeyError, TypeError):
                own = False
            if found is None or not own:
                raise ValueError(f"{part.link} is no link to a meeting of the tenant {tenant}")
            number = found[1]
        attendees = [Attendee(identity.removeprefix(_USER), name) for identity, name in people]
        return cls(
            number,
            part.subject,
            owner.removeprefix(_USER),
            tenant,
            part.starts,
            part.ends,
            attendees,
            link=part.link or "",
        )

    @property
    def coordinates(self) -> Json:
        """Where it is, as a call has it."""
        organizer = {"user": {"id": self.organizer, "tenantId": self.tenant}}
        return {
            "chatInfo": {"threadId": self.thread_id, "messageId": "0"},
            "meetingInfo": {"@odata.type": "#microsoft.graph.organizerMeetingInfo", "organizer": organizer},
        }

    @property
    def thread_id(self) -> str:
        """The id of its chat."""
        return f"19:meeting_{self.id}@thread.v2"

    @property
    def join_link(self) -> str:
        """The link of its invitation."""
        if self.link:
            return self.link
        context = json.dumps({"Tid": self.tenant, "Oid": self.organizer}, separators=(",", ":"))
        thread, about = (
            re.sub("%..", lambda found: found[0].lower(), quote(each, safe="")) for each in (self.thread_id, context)
        )
        return f"{_WEB}/{thread}/0?context={about}"

    def described(self) -> Json:
        """The onlineMeeting."""
        return {
            "id": self.id,
            "subject": self.subject,
            "startDateTime": self.starts,
            "endDateTime": self.ends,
            "joinWebUrl": self.join_link,
            "chatInfo": {"threadId": self.thread_id, "messageId": "0"},
            "participants": {
                "organizer": {"identity": identity_set(f"8:orgid:{self.organizer}"), "role": "presenter"},
                "attendees": [
                    {"identity": identity_set(f"8:orgid:{each.user}", each.name), "role": "attendee"}
                    for each in self.attendees
                ],
            },
        }

    def joined_by(self, data: Json) -> bool:
        """Whether a `create` is for this meeting."""
        info, chat = data.get("meetingInfo") or {}, data.get("chatInfo") or {}
        return chat.get("threadId") == self.thread_id or info.get("joinMeetingId") == self.id

    def attended(self, seconds: dict[str, float], said: list[tuple[str, str]], sound: bytes) -> None:
        """Rule 3: it is over. `seconds` says how long each user was there, `said` who said what."""
        number = f"r{len(self.reports) + 1}"
        records = [
            {
                "id": user,
                "identity": {"id": user},
                "emailAddress": f"{user}@example.com",
                "role": "Attendee",
                "totalAttendanceInSeconds": round(length),
            }
            for user, length in seconds.items()
        ]
        self.reports.append({"id": number, "totalParticipantCount": len(records), "records": records})
        if said:
            lines = "\n\n".join(f"<v {name}>{text}</v>" for name, text in said)
            self.transcripts[f"t{number}"] = f"WEBVTT\n\n{lines}\n"
        if sound:
            self.recordings[f"v{number}"] = sound

    def listed(self, name: str, report: str = "") -> list[Json]:
        """The items of a list about it. Raises `Refused` (404)."""
        if name == "listAttendanceReports":
            return [{key: value for key, value in each.items() if key != "records"} for each in self.reports]
        if name == "listAttendance":
            found = next((each for each in self.reports if each["id"] == report), None)
            if found is None:
                raise Refused(404, "NotFound", "there is no such report")
            return list(found["records"])
        kept = self.transcripts if name == "listTranscripts" else self.recordings
        return [{"id": each, "meetingId": self.id} for each in kept]

    def content(self, name: str, artifact: str) -> bytes:
        """A transcript or a recording. Raises `Refused` (404)."""
        if name == "getTranscript" and artifact in self.transcripts:
            return self.transcripts[artifact].encode()
        if name == "getRecording" and artifact in self.recordings:
            return self.recordings[artifact]
        raise Refused(404, "NotFound", "there is no such file")


def link_in(query: str) -> str:
    """The join link that a `$filter` asks for. Raises `Refused` (400)."""
    wanted = parse_qs(query).get("$filter", [""])[0]
    head, tail = "JoinWebUrl eq '", "'"
    if not (wanted.startswith(head) and wanted.endswith(tail)):
        raise Refused(400, "BadRequest", "meetings are found by $filter=JoinWebUrl eq '…'")
    return wanted[len(head) : -1].replace("''", "'")
