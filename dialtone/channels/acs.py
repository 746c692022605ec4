"""The ACS channel, inwards: the callbacks of Call Automation (`POST /api/acs/callbacks/<ticket>`), and identifiers.

1. The body is an array of CloudEvents, in no order, at least once. Names of events and of members that are not known
   are passed over.
2. A repetition has the same id and callConnectionId. In a batch the end of the call comes last, whatever the array
   says; ParticipantsUpdated goes by sequenceNumber, tones by sequenceId.
3. `operationContext` is the only thing that ties an event to the command that it ends.
4. `source` is not looked at: it is the recording's for RecordingStateChanged, and was written otherwise before.

What Event Grid posts is read by `dialtone.channels.acs_grid`.

Identifiers are read by their rawId: in a call for Teams Phone Extensibility `to` has the kind `unknown` and no number.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from dialtone.channels.results import Result
from dialtone.errors import BadMessage

NAME: Final = "acs"
PREFIX: Final = "Microsoft.Communication."
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TONES: Final[Mapping[str, str]] = {
    **{name: str(digit) for digit, name in enumerate(_DIGITS)},
    **{letter.lower(): letter for letter in "ABCD"},
    "pound": "#",
    "asterisk": "*",
}
"""Keys by the platform's names for them."""

ENDS: Final = frozenset({"CallDisconnected", "CreateCallFailed", "AnswerFailed", "ConnectFailed"})
"""Events after which there is no call. On a failed call CallDisconnected comes besides, in any order."""

_KINDS: Final = (
    ("4:anonymous", "phoneNumber(anonymous)"),
    ("4:", "phoneNumber"),
    ("8:teamsvisitor:", "microsoftTeamsUser(anonymous)"),
    ("8:orgid:", "microsoftTeamsUser"),
    ("8:dod:", "microsoftTeamsUser"),
    ("8:gcch:", "microsoftTeamsUser"),
    ("8:acs:", "communicationUser"),
    ("8:spool:", "communicationUser"),
    ("8:dod-acs:", "communicationUser"),
    ("8:gcch-acs:", "communicationUser"),
    ("28:orgid:", "microsoftTeamsApp"),
    ("28:dod:", "microsoftTeamsApp"),
    ("28:gcch:", "microsoftTeamsApp"),
)
"""How a rawId begins, and whose it is; the first that fits."""

_CLOUDS: Final = {"orgid": "public", "dod": "dod", "gcch": "gcch"}
"""The cloud of a Teams user or app, by the second part of its rawId."""


def kind_of(raw_id: str) -> str:
    """Whose a rawId is, by the platform's names; `unknown` for what is not known.

    An ACS user of three parts is a Teams user who works through Teams Phone Extensibility.
    """
    if raw_id.startswith(("8:acs:", "8:dod-acs:", "8:gcch-acs:")) and raw_id.count("_") == 2:
        return "teamsExtensionUser"
    return next((kind for start, kind in _KINDS if raw_id.startswith(start)), "unknown")


def identifier(raw_id: str) -> dict[str, Any]:
    """An identifier for a command: the SDK's form, without a kind."""
    match kind_of(raw_id):
        case "phoneNumber":
            return {"rawId": raw_id, "phoneNumber": {"value": raw_id[2:]}}
        case "communicationUser":
            return {"rawId": raw_id, "communicationUser": {"id": raw_id}}
        case "microsoftTeamsUser":
            _, cloud, name = raw_id.split(":", 2)
            user = {"userId": name, "isAnonymous": False, "cloud": _CLOUDS[cloud]}
            return {"rawId": raw_id, "microsoftTeamsUser": user}
        case "microsoftTeamsUser(anonymous)":
            return {"rawId": raw_id, "microsoftTeamsUser": {"userId": raw_id.split(":", 2)[2], "isAnonymous": True}}
        case "microsoftTeamsApp":
            _, cloud, name = raw_id.split(":", 2)
            return {"rawId": raw_id, "microsoftTeamsApp": {"appId": name, "cloud": _CLOUDS[cloud]}}
    return {"rawId": raw_id}


def raw_id_of(value: object) -> str:
    """The rawId of an identifier, which older messages leave out where another member says it; empty for none."""
    if not isinstance(value, dict):
        return ""
    if isinstance(raw := value.get("rawId"), str) and raw:
        return raw
    match value:
        case {"phoneNumber": {"value": str(number)}}:
            return f"4:{number}"
        case {"communicationUser": {"id": str(user)}}:
            return user
        case {"microsoftTeamsUser": {"userId": str(user), "isAnonymous": True}}:
            return f"8:teamsvisitor:{user}"
        case {"microsoftTeamsUser": {"userId": str(user)} as about}:
            return f"8:{_realm(about)}:{user}"
        case {"microsoftTeamsApp": {"appId": str(app)} as about}:
            return f"28:{_realm(about)}:{app}"
    return ""


def _realm(about: Mapping[str, Any]) -> str:
    """The second part of the rawId of a Teams user or app, by its cloud."""
    given = str(about.get("cloud")).lower()
    return next((realm for realm, cloud in _CLOUDS.items() if cloud == given), "orgid")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that lacks what its type needs, and what that is."""

    type: str
    why: str


@dataclass(frozen=True, slots=True)
class CallEvent:
    """An event of a call under way. `type` is short, as in `PlayCompleted`; `at` is in Unix seconds, 0 when not told.

    `context` is the operationContext of the command that it is about, empty when it is about none.
    """

    id: str
    type: str
    connection_id: str
    server_call_id: str
    correlation_id: str
    context: str
    at: float
    result: Result | None
    data: Mapping[str, Any]

    @property
    def ends(self) -> bool:
        """Whether there is no call after it."""
        return self.type in ENDS

    @property
    def recording(self) -> tuple[str, float] | None:
        """The recording that began, and when (Unix seconds), of a RecordingStateChanged; None for any other."""
        recording, begun = self.data.get("recordingId"), unix_seconds(str(self.data.get("startDateTime") or ""))
        if self.type != "RecordingStateChanged" or self.data.get("state") != "active" or not begun:
            return None
        return (recording, begun) if isinstance(recording, str) and recording else None

    @property
    def canceled(self) -> bool:
        """Whether the platform broke an operation off."""
        return self.type in ("PlayCanceled", "RecognizeCanceled")

    @property
    def digits(self) -> str:
        """The keys that a recognition heard, in order, a stop tone included."""
        heard = self.data.get("dtmfResult")
        names = heard.get("tones") if isinstance(heard, dict) else None
        return "".join(TONES.get(str(name).lower(), "") for name in names) if isinstance(names, list) else ""

    @property
    def choice(self) -> tuple[str, str | None] | None:
        """The label of the choice that was recognized, and the words that were said for it; None without a choice."""
        heard = self.data.get("choiceResult")
        if not isinstance(heard, dict) or not isinstance(heard.get("label"), str):
            return None
        phrase = heard.get("recognizedPhrase")
        return heard["label"], phrase if isinstance(phrase, str) else None

    @property
    def speech(self) -> str:
        """The words that were recognized."""
        heard = self.data.get("speechResult")
        return str(heard.get("speech") or "") if isinstance(heard, dict) else ""

    @property
    def tone(self) -> str:
        """The key of a ContinuousDtmfRecognitionToneReceived; empty for any other event."""
        return TONES.get(str(self.data.get("tone") or "").lower(), "")

    @property
    def roster(self) -> tuple[str, ...]:
        """Those in the call, of a ParticipantsUpdated."""
        members = self.data.get("participants")
        found = (
            (raw_id_of(member.get("identifier")) for member in members if isinstance(member, dict))
            if isinstance(members, list)
            else ()
        )
        return tuple(raw_id for raw_id in found if raw_id)

    @property
    def participant(self) -> str:
        """Whom an event is about that tells who was added or removed; empty for any other event."""
        return raw_id_of(self.data.get("participant"))

    @property
    def number(self) -> int:
        """Its place among those of its type: sequenceNumber or sequenceId; 0 for none."""
        value = self.data.get("sequenceNumber", self.data.get("sequenceId"))
        return value if isinstance(value, int) else 0


def parse_callbacks(body: bytes) -> tuple[list[CallEvent], list[Unreadable]]:
    """Read a callback's events, in the order to take them (rule 5), each once, and those that cannot be read.

    Raises `BadMessage` for what is no JSON object or array of them.
    """
    read: dict[tuple[str, str], CallEvent] = {}
    unreadable = []
    for data in events_of(body):
        event = _call_event(data)
        if isinstance(event, Unreadable):
            unreadable.append(event)
        else:
            read.setdefault((event.id, event.connection_id), event)
    return in_order(read.values()), unreadable


def in_order(events: Iterable[CallEvent]) -> list[CallEvent]:
    """Events in the order to take them: rule 5."""
    given = list(events)
    numbered = {
        kind: sorted((each for each in given if each.type == kind), key=lambda each: each.number)
        for kind in {each.type for each in given if each.number}
    }
    taken = {kind: iter(each) for kind, each in numbered.items()}
    ordered = [next(taken[event.type]) if event.type in taken else event for event in given]
    return sorted(ordered, key=lambda event: event.ends)


def latest_roster(events: Iterable[CallEvent]) -> CallEvent | None:
    """The ParticipantsUpdated that counts: that with the highest number."""
    updates = [event for event in events if event.type == "ParticipantsUpdated"]
    return max(updates, key=lambda event: event.number, default=None)


def roster_as_called(rosters: Sequence[Sequence[str]], other: str, bot: str) -> tuple[str, ...]:
    """The latest of a call's rosters, which are in order, with the bot under the identity `bot` that was called.

    Microsoft does not say by which identity a bot is in a roster of its call. While there are two in it, the one who is
    not `other` (the one whom the call is with) is the bot; where there was only `other`, the bot is in none.
    """
    own = ""
    for roster in rosters:
        if bot in roster or (len(roster) == 1 and other in roster):
            break
        if len(roster) == 2 and other in roster:
            own = next(each for each in roster if each != other)
            break
    return tuple(bot if own and each == own else each for each in rosters[-1]) if rosters else ()


def events_of(body: bytes) -> list[dict[str, Any]]:
    """The events of a body, an array or one event. Raises `BadMessage` for what is no JSON of events."""
    try:
        found = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadMessage(
            f"the body is not JSON: {error}", code="NOT_JSON", fix="post events as JSON in UTF-8"
        ) from None
    events = found if isinstance(found, list) else [found]
    if not all(isinstance(event, dict) for event in events):
        raise BadMessage("the body is not made of events", code="WRONG_TYPE", fix="post an array of events")
    return events


def data_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """The `data` of an event; empty for what is no object."""
    data = event.get("data")
    return data if isinstance(data, dict) else {}


def text_of(data: Mapping[str, Any], name: str) -> str:
    """A text among the members; empty for what is none."""
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _call_event(event: Mapping[str, Any]) -> CallEvent | Unreadable:
    kind, data = text_of(event, "type"), data_of(event)
    needs = {"id": text_of(event, "id"), "type": kind, "data.callConnectionId": text_of(data, "callConnectionId")}
    if missing := [name for name, value in needs.items() if not value]:
        return Unreadable(kind, f"{', '.join(missing)} is missing")
    return CallEvent(
        id=needs["id"],
        type=kind.removeprefix(PREFIX),
        connection_id=needs["data.callConnectionId"],
        server_call_id=text_of(data, "serverCallId"),
        correlation_id=text_of(data, "correlationId"),
        context=text_of(data, "operationContext"),
        at=unix_seconds(text_of(event, "time")),
        result=Result.of(data.get("resultInformation")),
        data=data,
    )


def unix_seconds(text: str) -> float:
    """A time of the platform, which has seven digits after the point, in Unix seconds; 0 for what is none."""
    head, point, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    try:
        moment = datetime.fromisoformat(f"{head}{point}{digits[:6]}{tail[len(digits) :]}".replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
