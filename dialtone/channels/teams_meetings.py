"""Meetings of Teams: how one is joined by its link, and what Graph tells of it.

1. A link of the older form, `…/l/meetup-join/<thread>/<message>?context={Tid,Oid}`, has the coordinates of the meeting:
   its chat, its tenant and its organizer. It is decoded once, and its context again.
2. A link of the newer form, `…/meet/<id>?p=<passcode>`, is joined by the meeting's id and passcode.
3. The metadata of a meeting is the organizer's: it is found by the organizer's id and the link, character by character.
4. A call that somebody in a meeting called the bot into has its coordinates and no link. It is made of them as Teams
   writes one: percent-encoded in lower case.

Source: Microsoft Graph, "Create call" (join a scheduled meeting, join with joinMeetingId), "onlineMeeting".
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from dialtone.channels.teams import identity_of, member_of
from dialtone.channels.teams_commands import Setup, compact, media_config
from dialtone.errors import BotError
from dialtone.protocol import Meeting, Participant

_OLD: Final = re.compile(r"/l/meetup-join/([^/]+)/([^/]+)/?")
_NEW: Final = re.compile(r"/meet/([0-9]+)/?")
_WEB: Final = "https://teams.microsoft.com/l/meetup-join"
_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?Z", re.ASCII)
_ENCODED: Final = re.compile("%[0-9A-F]{2}")


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


_OWN: Final = frozenset({"id", "subject", "joinWebUrl", "startDateTime", "endDateTime", "participants"})
"""Members of an onlineMeeting that have a place of their own in a `Meeting`."""


def meeting_in(data: Mapping[str, Any]) -> Meeting:
    """Read an onlineMeeting. Its organizer is an identity, empty when none is told."""
    told = data.get("participants")
    people = told if isinstance(told, dict) else {}
    organizer, invited = people.get("organizer"), people.get("attendees")
    texts = {name: str(data.get(name) or "") for name in ("id", "subject", "joinWebUrl")}
    members = [member_of(each, "") for each in invited] if isinstance(invited, list) else []
    return Meeting(
        texts["id"],
        texts["subject"],
        identity_of(organizer.get("identity")) if isinstance(organizer, dict) else "",
        texts["joinWebUrl"],
        _time(data.get("startDateTime")),
        _time(data.get("endDateTime")),
        tuple(
            Participant(identity=each.identity, display_name=each.name or None, originator=False) for each in members
        ),
        {
            name: value
            for name, value in data.items()
            if isinstance(value, str | int | float) and name not in _OWN and not name.startswith("@")
        },
    )


def _time(value: object) -> datetime | None:
    """A time as Graph writes it, with up to seven digits behind the seconds."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        return datetime.fromisoformat(f"{found[1]}{(found[2] or '')[:7]}").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


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


def link_of(where: Coordinates) -> str:
    """Rule 4."""
    context = json.dumps({"Tid": where.tenant_id, "Oid": where.organizer_id}, separators=(",", ":"))
    parts = (quote(each, safe="") for each in (where.thread_id, where.message_id, context))
    thread, message, about = (_ENCODED.sub(lambda found: found[0].lower(), each) for each in parts)
    return f"{_WEB}/{thread}/{message}?context={about}"


def coordinates_of(call: Mapping[str, Any]) -> Coordinates | None:
    """Where the meeting is that a call is of, as Graph has the call; None for a call of none."""
    chat, info = (call.get(name) for name in ("chatInfo", "meetingInfo"))
    organizer = info.get("organizer") if isinstance(info, dict) else None
    user = organizer.get("user") if isinstance(organizer, dict) else None
    if not isinstance(chat, dict) or not isinstance(user, dict):
        return None
    message, tenant = chat.get("messageId") or "0", user.get("tenantId") or call.get("tenantId") or ""
    where = Coordinates(str(chat.get("threadId") or ""), str(message), str(tenant), str(user.get("id") or ""))
    return where if where.thread_id and where.tenant_id and where.organizer_id else None


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
