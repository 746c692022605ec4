"""The Teams channel, inwards: what Microsoft Graph's cloud communications API posts, read into notices of calls.

`POST /api/calls` (the bot's calling webhook) and the callbackUri of each call get the same documents:

  1. A body without `@odata.type` and without `value` is of the Skype Calling API. It is answered 204, which has the
     platform send the same call again as `commsNotifications`.
  2. A document holds notifications in no order, some of them late. In a document the end of a call comes last, tones go
     by sequenceId, rosters by rosterSequenceNumber, and a state that comes before one that is there is passed over.
  3. `resourceUrl`, in older ones `resource`, names what it is about: a call, an operation of one, its participants.
     `resourceData` is an object or an array, by what it is about, and the other form of the same is read too; one that
     cannot be read spoils no other.
  4. The end of a call and of an operation are told as `deleted`. A result's sub-code is written `subcode` or `subCode`,
     as a number or as text.
  5. `clientContext` is the only thing that ties an operation to its command; states, tones and rosters have none.

Identities are written as those of Azure Communication Services (`8:orgid:` and a user's id, `4:` and a number, `28:`
and a bot's app id), so that a bot finds the same names on both.
Source: Microsoft Graph, "commsNotification", "call", "participant"; msteams-docs, "Incoming call notifications".
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from dialtone.channels.results import Result
from dialtone.errors import BadMessage
from dialtone.protocol import CallState, Conversation, ModalityType, Participant

NAME: Final = "teams"
ANSWER_WITHIN_S: Final = 15
"""Seconds in which a call that rings has to be answered."""
KEEP_ALIVE_S: Final = (15 * 60, 45 * 60)
"""A call that is not kept alive within the longer of these is ended; it need not be asked before the shorter."""
TRANSFERRED: Final = 7015
"""Sub-code of the end of a call that was transferred."""

TONES: Final[Mapping[str, str]] = {
    **{f"tone{digit}": str(digit) for digit in range(10)},
    **{letter.lower(): letter for letter in "ABCD"},
    "star": "*",
    "pound": "#",
}
"""Keys by the platform's names for them; `flash` is none."""

_RESOURCE: Final = re.compile(
    r"(?:^|/)(?:app|communications)/calls/([^/?]+)(?:/([A-Za-z]+)(?:/([^/?]+))?)?", re.ASCII | re.IGNORECASE
)
_IDENTITIES: Final = (
    ("user", "8:orgid:"),
    ("phone", "4:"),
    ("applicationInstance", "28:orgid:"),
    ("application", "28:"),
    ("guest", "8:teamsvisitor:"),
    ("acsUser", "8:acs:"),
    ("spoolUser", "8:spool:"),
    ("encrypted", "8:encrypted:"),
)
"""Members of an identity set, and how the identity begins that they become; the first that is there."""

_STATES: Final = ("incoming", "establishing", "established", "hold", "transferring", "transferAccepted", "terminated")

Change = Literal["created", "updated", "deleted", "other"]
About = Literal["call", "operation", "participants", "other"]


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a call. `id` is Graph's, by which it is muted or removed; `identity` as in the calling contract."""

    id: str
    identity: str
    name: str = ""
    is_muted: bool = False
    in_lobby: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What one notification says. `id` is the same whenever it comes again."""

    id: str
    about: About
    change: Change
    call_id: str
    operation_id: str
    data: Mapping[str, Any]
    members: tuple[Member, ...] = ()

    @property
    def state(self) -> str:
        """The state of the call, empty when nothing is said of it; `terminated` for a call that is deleted."""
        if self.about != "call":
            return ""
        return "terminated" if self.change == "deleted" else _text(self.data, "state")

    @property
    def is_incoming(self) -> bool:
        """Whether a call rings."""
        return self.state == "incoming" and self.change != "deleted"

    @property
    def ends(self) -> bool:
        """Whether there is no call after it."""
        return self.state == "terminated"

    @property
    def kind(self) -> str:
        """The type of an operation, such as `playPromptOperation`; empty for what is none."""
        return _text(self.data, "@odata.type").rpartition(".")[2] if self.about == "operation" else ""

    @property
    def status(self) -> str:
        """The status of an operation: notStarted, running, completed or failed."""
        return _text(self.data, "status")

    @property
    def context(self) -> str:
        """The clientContext of an operation's command, empty for what has none."""
        return _text(self.data, "clientContext")

    @property
    def result(self) -> Result | None:
        """What is said of how it went."""
        return result_of(self.data)

    @property
    def tone(self) -> tuple[int, str] | None:
        """Number and key of a tone; None for a notification of something else, and for what is no key."""
        info = self.data.get("toneInfo") if self.about == "call" else None
        key = TONES.get(_text(info, "tone").lower()) if isinstance(info, dict) else None
        return None if key is None or not isinstance(info, dict) else (_number(info.get("sequenceId")), key)

    @property
    def roster_number(self) -> int:
        """Its place among the rosters of its call."""
        return _number(self.data.get("rosterSequenceNumber"))

    @property
    def conversation(self) -> Conversation:
        """A call that rings, as the contract has it: who calls, and the bot. A meeting's call is a group call."""
        source = member_of(self.data.get("source"), "")
        targets = self.data.get("targets")
        called = [member_of(each, "") for each in targets] if isinstance(targets, list) else []
        chat = self.data.get("chatInfo")
        language = _text(_object(self.data.get("source")), "languageId") or None
        presented = self.data.get("requestedModalities")
        return Conversation(
            id=self.call_id,
            participants=[
                Participant(
                    identity=source.identity, display_name=source.name or None, language_id=language, originator=True
                ),
                *(Participant(identity=each.identity, originator=False) for each in called),
            ],
            is_multiparty=isinstance(self.data.get("meetingInfo"), dict),
            thread_id=_text(_object(chat), "threadId") or None,
            subject=_text(self.data, "subject") or None,
            presented_modality_types=[
                ModalityType(str(each)) for each in (presented if isinstance(presented, list) else ["audio"])
            ],
            call_state=CallState.INCOMING,
        )


def result_of(data: Mapping[str, Any]) -> Result | None:
    """The resultInfo of a call or an operation. Rule 4."""
    info = data.get("resultInfo")
    if not isinstance(info, dict):
        return None
    return Result.of(
        {"subCode": info.get("subcode") or info.get("subCode"), **{k: info.get(k) for k in ("code", "message")}}
    )


def is_notification(body: bytes) -> bool:
    """Rule 1: whether a body is of Graph; else it is one of the Skype Calling API. Raises `BadMessage` for no JSON."""
    document = _document(body)
    return "@odata.type" in document or "value" in document


def parse(body: bytes) -> tuple[list[Notice], list[str]]:
    """The notices of a body, in the order to take them (rule 2), and why the others could not be read.

    Raises `BadMessage` for what is no JSON object, or has no notifications.
    """
    document = _document(body)
    values = document.get("value")
    if not isinstance(values, list):
        raise BadMessage(
            "the document has no notifications", field="value", code="MISSING:value", fix="post commsNotifications"
        )
    read: dict[str, Notice] = {}
    unreadable = []
    for value in values:
        notice = _notice(value)
        if isinstance(notice, Notice):
            read.setdefault(notice.id, notice)
        else:
            unreadable.append(notice)
    return in_order(read.values()), unreadable


def in_order(notices: Iterable[Notice]) -> list[Notice]:
    """Rule 2."""
    given = list(notices)
    tones = iter(sorted((each for each in given if each.tone), key=lambda each: each.tone or (0, "")))
    rosters = [each for each in given if each.about == "participants"]
    latest = {each.call_id: each for each in sorted(rosters, key=lambda each: each.roster_number)}
    ordered: list[Notice] = []
    reached: dict[str, int] = {}
    for notice in given:
        if notice.about == "participants" and latest[notice.call_id] is not notice:
            continue
        if notice.state in _STATES[:3] and not notice.tone:
            place = _STATES.index(notice.state)
            if place < reached.get(notice.call_id, 0):
                continue
            reached[notice.call_id] = place
        ordered.append(next(tones) if notice.tone else notice)
    return sorted(ordered, key=lambda notice: notice.ends)


def identity_of(identity_set: object) -> str:
    """The identity of an identity set; `8:unknown:` for one that names nobody that is known."""
    found = _object(identity_set)
    for name, start in _IDENTITIES:
        if isinstance(found.get(name), dict) and (number := _text(found[name], "id")):
            return number if number.startswith(start) else f"{start}{number}"
    return "8:unknown:"


def identity_set(identity: str) -> dict[str, Any]:
    """An identity as Graph's commands have it. Raises KeyError for one of a kind that it does not have."""
    longest = max((each for each in _IDENTITIES if identity.startswith(each[1])), key=lambda each: len(each[1]))
    name, start = longest
    member = {"@odata.type": "#microsoft.graph.identity", "id": identity.removeprefix(start)}
    return {"@odata.type": "#microsoft.graph.identitySet", name: member}


def has_identity_set(identity: str) -> bool:
    """Whether `identity_set` knows the kind of an identity."""
    return any(identity.startswith(start) and len(identity) > len(start) for _, start in _IDENTITIES)


def member_of(info: object, member_id: str) -> Member:
    """A participantInfo, or the `info` of a participant."""
    identities = _object(_object(info).get("identity"))
    name = next(
        (_text(identities[each], "displayName") for each, _ in _IDENTITIES if isinstance(identities.get(each), dict)),
        "",
    )
    return Member(member_id, identity_of(identities), name)


def participants_of(values: object) -> tuple[Member, ...]:
    """The members of a list of Graph's participants; what is none is passed over."""
    found = []
    for value in values if isinstance(values, list) else ():
        if isinstance(value, dict) and isinstance(value.get("info"), dict):
            one = member_of(value["info"], _text(value, "id"))
            muted, lobby = value.get("isMuted") is True, value.get("isInLobby") is True
            found.append(Member(one.id, one.identity, one.name, muted, lobby))
    return tuple(found)


def _notice(value: object) -> Notice | str:
    data = _object(value)
    resource = _text(data, "resourceUrl") or _text(data, "resource")
    found = _RESOURCE.search(resource)
    if found is None:
        return "resourceUrl names no call"
    part, operation = (found[2] or "").lower(), found[3] or ""
    about: About = "call"
    if part:
        about = {"operations": "operation", "participants": "participants"}.get(part, "other")  # type: ignore[assignment]
    change = _text(data, "changeType").lower()
    content = _content(about, data.get("resourceData"), alone=bool(operation), over=change == "deleted")
    if content is None:
        return f"resourceData of {about} is of another type"
    known: Change = change if change in ("created", "updated", "deleted") else "other"  # type: ignore[assignment]
    canonical = json.dumps([resource, change, content], sort_keys=True, separators=(",", ":"))
    return Notice(
        id=hashlib.sha256(canonical.encode()).hexdigest()[:24],
        about=about,
        change=known,
        call_id=found[1],
        operation_id=operation,
        data=content if isinstance(content, dict) else {"rosterSequenceNumber": _latest(content)},
        members=participants_of(content) if about == "participants" else (),
    )


def _content(about: About, given: object, *, alone: bool, over: bool) -> dict[str, Any] | list[Any] | None:
    """Rule 3: what is told, an object for a call or an operation and an array for a roster; None for what is neither.

    A participant `alone` is no roster. What is `over` may have nothing told of it.
    """
    if about == "participants":
        whole = given if isinstance(given, list) else [given] if isinstance(given, dict) and "info" in given else None
        return None if alone else whole
    if about == "other":
        return given if isinstance(given, dict | list) else {}
    told = given[0] if isinstance(given, list) and len(given) == 1 else given
    if told is None and over:
        return {}
    return told if isinstance(told, dict) else None


def _latest(content: object) -> int:
    numbers = [_number(each.get("rosterSequenceNumber")) for each in _objects(content)]
    return max(numbers, default=0)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"the body is not JSON: {error}", code="NOT_JSON", fix="post JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise BadMessage("the body is not a JSON object", code="WRONG_TYPE", fix="post commsNotifications")
    return found


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0
