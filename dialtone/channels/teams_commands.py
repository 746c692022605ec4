"""The commands of Microsoft Graph's cloud communications API: their addresses, and the bodies that they have.

1. Each operation has one method, one path, the statuses that mean that it was taken, and the application permission
   that it needs, empty for none. Any other status is a refusal.
2. None takes an id of a request, so all are done at least once; `clientContext` tells the second one's events.
3. A prompt is a WAV file (PCM, 16 kHz, 16 bit, mono) at an address that the platform reaches. The platform keeps a
   file by its resourceId, so that is made of what the file is: a text has the same one in every call.
4. At most PROMPTS_MAX prompts are played by one command.
5. Members without a value are left out.

Source: Microsoft Graph v1.0, "cloud communications API"; permissions as its pages name them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from dialtone.channels.speech import ssml_of
from dialtone.channels.teams import identity_set
from dialtone.protocol import Prompt

VERSION: Final = "/v1.0"
CALLS: Final = f"{VERSION}/communications/calls"
PROMPTS_MAX: Final = 20
CONTEXT_MAX: Final = 256
REDIRECT_TIMEOUT_S: Final = (15, 90)
REDIRECT_TARGETS_MAX: Final = 25
RECORD_S: Final = (1, 120)
"""Seconds of a recording, and of the silences that it takes."""

_CALL: Final = f"{CALLS}/{{call}}"
_PARTICIPANT: Final = f"{_CALL}/participants/{{participant}}"
_MEETINGS: Final = f"{VERSION}/users/{{user}}/onlineMeetings"
_MEETING: Final = f"{_MEETINGS}/{{meeting}}"

PLACE: Final = "Calls.Initiate.All"
PLACE_GROUP: Final = "Calls.InitiateGroupCall.All"
JOIN: Final = "Calls.JoinGroupCall.All"
MEDIA: Final = "Calls.AccessMedia.All"
READ_MEETINGS: Final = "OnlineMeetings.Read.All"
READ_ATTENDANCE: Final = "OnlineMeetingArtifact.Read.All"
READ_TRANSCRIPTS: Final = "OnlineMeetingTranscript.Read.All"
READ_RECORDINGS: Final = "OnlineMeetingRecording.Read.All"


class Operation(NamedTuple):
    """Rule 1. Names in braces stand in the path for ids, percent-encoded."""

    method: str
    path: str
    ok: tuple[int, ...]
    permission: str = ""


OPERATIONS: Final[Mapping[str, Operation]] = {
    "create": Operation("POST", CALLS, (201,), PLACE),
    "get": Operation("GET", _CALL, (200,)),
    "answer": Operation("POST", f"{_CALL}/answer", (202,)),
    "reject": Operation("POST", f"{_CALL}/reject", (202,)),
    "redirect": Operation("POST", f"{_CALL}/redirect", (202,), PLACE),
    "transfer": Operation("POST", f"{_CALL}/transfer", (202,), PLACE),
    "playPrompt": Operation("POST", f"{_CALL}/playPrompt", (200,)),
    "recordResponse": Operation("POST", f"{_CALL}/recordResponse", (200,), MEDIA),
    "subscribeToTone": Operation("POST", f"{_CALL}/subscribeToTone", (200,), MEDIA),
    "cancelMediaProcessing": Operation("POST", f"{_CALL}/cancelMediaProcessing", (200,)),
    "updateRecordingStatus": Operation("POST", f"{_CALL}/updateRecordingStatus", (200,), JOIN),
    "mute": Operation("POST", f"{_CALL}/mute", (200,)),
    "unmute": Operation("POST", f"{_CALL}/unmute", (200,)),
    "sendDtmfTones": Operation("POST", f"{_CALL}/sendDtmfTones", (200,)),
    "keepAlive": Operation("POST", f"{_CALL}/keepAlive", (200,)),
    "hangUp": Operation("DELETE", _CALL, (204,)),
    "getOperation": Operation("GET", f"{_CALL}/operations/{{operation}}", (200,)),
    "listParticipants": Operation("GET", f"{_CALL}/participants", (200,)),
    "getParticipant": Operation("GET", _PARTICIPANT, (200,)),
    "invite": Operation("POST", f"{_CALL}/participants/invite", (200,), PLACE_GROUP),
    "muteParticipant": Operation("POST", f"{_PARTICIPANT}/mute", (200,)),
    "removeParticipant": Operation("DELETE", _PARTICIPANT, (204,)),
    "findMeetings": Operation("GET", _MEETINGS, (200,), READ_MEETINGS),
    "getMeeting": Operation("GET", _MEETING, (200,), READ_MEETINGS),
    "listAttendanceReports": Operation("GET", f"{_MEETING}/attendanceReports", (200,), READ_ATTENDANCE),
    "listAttendance": Operation(
        "GET", f"{_MEETING}/attendanceReports/{{report}}/attendanceRecords", (200,), READ_ATTENDANCE
    ),
    "listTranscripts": Operation("GET", f"{_MEETING}/transcripts", (200,), READ_TRANSCRIPTS),
    "getTranscript": Operation("GET", f"{_MEETING}/transcripts/{{artifact}}/content", (200,), READ_TRANSCRIPTS),
    "listRecordings": Operation("GET", f"{_MEETING}/recordings", (200,), READ_RECORDINGS),
    "getRecording": Operation("GET", f"{_MEETING}/recordings/{{artifact}}/content", (200,), READ_RECORDINGS),
}
"""By the name that Graph's pages have for it. Those of meetings need an application access policy for the user, too."""


def path_of(operation: str, **ids: str) -> str:
    """The path of an operation, without its query."""
    return OPERATIONS[operation].path.format(**{name: quote(value, safe="") for name, value in ids.items()})


def compact(**members: Any) -> dict[str, Any]:
    """Rule 5."""
    return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Setup:
    """What all calls of a bot have. `callback` takes their notifications.

    `sounds` is where the kit's own files are, `spoken` where the texts of a call are made into files: an address of
    `<turn>-<action>-<prompt>.wav`. `tenant` and `app` are the bot's; `instance` is the Teams resource account by which
    it calls telephones, with `number` as what they are shown.
    """

    callback: str
    sounds: str
    spoken: str
    tenant: str = ""
    app: str = ""
    instance: str = ""

    @property
    def source(self) -> dict[str, Any] | None:
        """Who calls a telephone."""
        if not self.instance:
            return None
        identity = identity_set(f"28:orgid:{self.instance}")
        return {"@odata.type": "#microsoft.graph.participantInfo", "identity": identity}


def media_prompt(uri: str, resource: str) -> dict[str, Any]:
    """A file to play."""
    info = {"@odata.type": "#microsoft.graph.mediaInfo", "uri": uri, "resourceId": resource_id(resource)}
    return {"@odata.type": "#microsoft.graph.mediaPrompt", "mediaInfo": info}


def resource_id(what: str) -> str:
    """Rule 3, in the form of a UUID."""
    digest = hashlib.sha256(what.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def silence(setup: Setup, seconds: float) -> dict[str, Any]:
    """A file of silence."""
    uri = f"{setup.sounds}silence-{max(1, round(seconds * 1000))}.wav"
    return media_prompt(uri, uri)


def prompts_of(prompts: Sequence[Prompt], setup: Setup, place: str) -> list[dict[str, Any]]:
    """The files that are played for prompts; a silence goes before its text or file. `place` names the action."""
    files = []
    for number, prompt in enumerate(prompts):
        if prompt.silence_length_in_milliseconds:
            files.append(silence(setup, prompt.silence_length_in_milliseconds / 1000))
        if prompt.file_uri:
            # With the query of its link, which is new in each turn: an upload has to be heard by the next one.
            files.append(media_prompt(prompt.file_uri, prompt.file_uri))
        elif prompt.value and prompt.value.strip():
            files.append(media_prompt(f"{setup.spoken}{place}-{number}.wav", ssml_of(prompt, prompt.value)))
    return files


def media_config(files: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Media that the platform hosts; it fetches these files beforehand."""
    known = {file["mediaInfo"]["resourceId"]: file["mediaInfo"] for file in files}
    return compact(
        **{"@odata.type": "#microsoft.graph.serviceHostedMediaConfig"}, preFetchMedia=list(known.values()) or None
    )


def answer(setup: Setup, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The body of answer; `files` are those that the bot is going to play first."""
    return {"callbackUri": setup.callback, "acceptedModalities": ["audio"], "mediaConfig": media_config(files)}


def invitation(identity: str, replaces: str | None = None) -> dict[str, Any]:
    """Somebody to call, to invite, or to transfer to; `replaces` is the call that a consultation goes on as."""
    kind = "#microsoft.graph.invitationParticipantInfo"
    return compact(**{"@odata.type": kind}, identity=identity_set(identity), replacesCallId=replaces)


def create(setup: Setup, target: str) -> dict[str, Any]:
    """The body of create for a user (`8:orgid:`) or a telephone (`4:`)."""
    return compact(
        **{"@odata.type": "#microsoft.graph.call"},
        callbackUri=setup.callback,
        source=setup.source if target.startswith("4:") else None,
        targets=[invitation(target)],
        requestedModalities=["audio"],
        mediaConfig=media_config(),
        tenantId=setup.tenant,
    )


def redirect(targets: Sequence[str], timeout: int = 55) -> dict[str, Any]:
    """The body of redirect. Raises ValueError for what the platform refuses."""
    least, most = REDIRECT_TIMEOUT_S
    if not least <= timeout <= most or not 1 <= len(targets) <= REDIRECT_TARGETS_MAX:
        raise ValueError(f"1 to {REDIRECT_TARGETS_MAX} targets ring for {least} to {most} seconds")
    return {"targets": [invitation(each) for each in targets], "timeout": timeout}
