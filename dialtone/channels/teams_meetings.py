"""Meetings of Teams: how one is joined by its link, and what Graph tells of it.

1. A link of the older form, `…/l/meetup-join/<thread>/<message>?context={Tid,Oid}`, has the coordinates of the meeting:
   its chat, its tenant and its organizer. It is decoded once, and its context again.
2. A link of the newer form, `…/meet/<id>?p=<passcode>`, is joined by the meeting's id and passcode.
3. The metadata of a meeting is the organizer's: it is found by the organizer's id and the link, character by character.

Source: Microsoft Graph, "Create call" (join a scheduled meeting, join with joinMeetingId), "onlineMeeting".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from dialtone.channels.teams import identity_of
from dialtone.channels.teams_commands import Setup, compact, media_config
from dialtone.errors import BotError

_OLD: Final = re.compile(r"/l/meetup-join/([^/]+)/([^/]+)/?")
_NEW: Final = re.compile(r"/meet/([0-9]+)/?")


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Rule 1: where a meeting is."""

    thread_id: str
    message_id: str
    tenant_id: str
    organizer_id: str


@dataclass(frozen=True, slots=True)
class MeetingId:
    """Rule 2: the number that a meeting is joined by, and its passcode."""

    id: str
    passcode: str = ""


@dataclass(frozen=True, slots=True)
class Meeting:
    """What Graph tells of a meeting. Times are as Graph writes them (ISO 8601, UTC); `organizer` is an identity."""

    id: str
    subject: str
    organizer: str
    join_link: str
    starts: str = ""
    ends: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Meeting":
        """Read an onlineMeeting."""
        organizers = data.get("participants")
        organizer = organizers.get("organizer") if isinstance(organizers, dict) else None
        identity = identity_of(organizer.get("identity")) if isinstance(organizer, dict) else ""
        texts = {
            name: str(data.get(name) or "") for name in ("id", "subject", "joinWebUrl", "startDateTime", "endDateTime")
        }
        return cls(
            texts["id"], texts["subject"], identity, texts["joinWebUrl"], texts["startDateTime"], texts["endDateTime"]
        )


def read_link(link: str) -> Coordinates | MeetingId:
    """What a join link says. Raises `BotError` for one that is none."""
    try:
        parts = urlsplit(link)
    except ValueError:
        raise _no_link() from None
    query = parse_qs(parts.query)
    if found := _NEW.fullmatch(parts.path):
        return MeetingId(found[1], query.get("p", [""])[0])
    found = _OLD.fullmatch(parts.path)
    try:
        context = json.loads(query.get("context", [""])[0])
        tenant, organizer = str(context["Tid"]), str(context["Oid"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _no_link() from None
    if found is None or not tenant or not organizer:
        raise _no_link()
    return Coordinates(unquote(found[1]), unquote(found[2]), tenant, organizer)


def read_target(target: str) -> Coordinates | None:
    """A meeting that is called: what its link (rule 1) has behind `/l/meetup-join/`, decoded; None for anybody else."""
    thread, _, rest = target.partition("/")
    message, _, context = rest.partition("?context=")
    try:
        about = json.loads(context)
        where = Coordinates(thread, message, str(about["Tid"]), str(about["Oid"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return where if thread.startswith("19:") and message else None


def join(setup: Setup, where: Coordinates | MeetingId) -> dict[str, Any]:
    """The body of `create` that joins a meeting."""
    common = compact(
        **{"@odata.type": "#microsoft.graph.call"},
        callbackUri=setup.callback,
        requestedModalities=["audio"],
        mediaConfig=media_config(),
        tenantId=where.tenant_id if isinstance(where, Coordinates) else setup.tenant,
    )
    if isinstance(where, MeetingId):
        info: dict[str, Any] = {
            "@odata.type": "#microsoft.graph.joinMeetingIdMeetingInfo",
            "joinMeetingId": where.id,
            "passcode": where.passcode or None,
        }
        return {**common, "meetingInfo": info}
    chat = {"@odata.type": "#microsoft.graph.chatInfo", "threadId": where.thread_id, "messageId": where.message_id}
    user = {"@odata.type": "#microsoft.graph.identity", "id": where.organizer_id, "tenantId": where.tenant_id}
    organizer = {"@odata.type": "#microsoft.graph.identitySet", "user": user}
    info = {
        "@odata.type": "#microsoft.graph.organizerMeetingInfo",
        "organizer": organizer,
        "allowConversationWithoutHost": True,
    }
    return {**common, "chatInfo": chat, "meetingInfo": info}


def filter_of(link: str) -> str:
    """Rule 3: the value of `$filter` that finds a meeting by its link; a quote in it is written twice."""
    return f"JoinWebUrl eq '{link.replace(chr(39), chr(39) * 2)}'"


def _no_link() -> BotError:
    return BotError(
        "this is no link to a meeting",
        field="link",
        fix="copy the link of the invitation, https://teams.microsoft.com/l/meetup-join/… or …/meet/…",
        code="MEETING_LINK",
    )
