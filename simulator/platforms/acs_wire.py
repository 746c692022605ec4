"""The REST API of ACS Call Automation as it is on the wire: operations, statuses, signatures, errors, envelopes.

1. An operation is a method and a path; its status is the only one that Microsoft's SDK takes for done. Any api-version
   is taken.
2. A request is signed: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=`, over the method, the
   path with its query, the date, the host that the client was made for, and the hash of the body. The SDK signs the
   host with a slash behind it when its endpoint had one, its asynchronous client a path that it then sends decoded,
   and a download the host in x-ms-host: all these are taken.
3. A request with the same Repeatability-Request-ID is answered as before and does nothing.
4. An error is `{"error": {"code", "message"}}`; its code is a sub-code of the platform where it has one.
5. Events go out as an array of CloudEvents of one; those of Event Grid in either schema. Times have seven digits.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, unquote

from simulator.platforms.rest import Json, Refused, Request, Routes

PREFIX: Final = "Microsoft.Communication."
SKEW_S: Final = 15 * 60
"""How old a signature may be, in strict mode. Undocumented."""

_ID: Final = "([^/:]+)"
_CALL: Final = f"/calling/callConnections/{_ID}"
_RECORDING: Final = f"/calling/recordings/{_ID}"
OPERATIONS: Final = {
    "create": ("POST", "/calling/callConnections", 201),
    "answer": ("POST", "/calling/callConnections:answer", 200),
    "connect": ("POST", "/calling/callConnections:connect", 200),
    "redirect": ("POST", "/calling/callConnections:redirect", 204),
    "reject": ("POST", "/calling/callConnections:reject", 204),
    "getCall": ("GET", _CALL, 200),
    "hangUp": ("DELETE", _CALL, 204),
    "terminate": ("POST", f"{_CALL}:terminate", 204),
    "transferToParticipant": ("POST", f"{_CALL}:transferToParticipant", 202),
    "listParticipants": ("GET", f"{_CALL}/participants", 200),
    "getParticipant": ("GET", f"{_CALL}/participants/([^/]+)", 200),
    "add": ("POST", f"{_CALL}/participants:add", 202),
    "remove": ("POST", f"{_CALL}/participants:remove", 202),
    "mute": ("POST", f"{_CALL}/participants:mute", 200),
    "cancelAddParticipant": ("POST", f"{_CALL}/participants:cancelAddParticipant", 202),
    "moveHere": ("POST", f"{_CALL}/participants:moveHere", 202),
    "play": ("POST", f"{_CALL}:play", 202),
    "recognize": ("POST", f"{_CALL}:recognize", 202),
    "cancelAllMediaOperations": ("POST", f"{_CALL}:cancelAllMediaOperations", 202),
    "startContinuousDtmfRecognition": ("POST", f"{_CALL}:startContinuousDtmfRecognition", 200),
    "stopContinuousDtmfRecognition": ("POST", f"{_CALL}:stopContinuousDtmfRecognition", 200),
    "sendDtmfTones": ("POST", f"{_CALL}:sendDtmfTones", 202),
    "hold": ("POST", f"{_CALL}:hold", 200),
    "unhold": ("POST", f"{_CALL}:unhold", 200),
    "startMediaStreaming": ("POST", f"{_CALL}:startMediaStreaming", 202),
    "stopMediaStreaming": ("POST", f"{_CALL}:stopMediaStreaming", 202),
    "startTranscription": ("POST", f"{_CALL}:startTranscription", 202),
    "stopTranscription": ("POST", f"{_CALL}:stopTranscription", 202),
    "updateTranscription": ("POST", f"{_CALL}:updateTranscription", 202),
    "startRecording": ("POST", "/calling/recordings", 200),
    "getRecording": ("GET", _RECORDING, 200),
    "stopRecording": ("DELETE", _RECORDING, 204),
    "pauseRecording": ("POST", f"{_RECORDING}:pause", 202),
    "resumeRecording": ("POST", f"{_RECORDING}:resume", 202),
    "download": ("GET", "/v1/objects/([^/]+)/content/(video|acsmetadata)", 200),
    "deleteRecording": ("DELETE", "/v1/objects/([^/]+)", 200),
    "createIdentity": ("POST", "/identities", 201),
    "issueAccessToken": ("POST", "/identities/([^/]+)/?:issueAccessToken", 200),
    "revokeAccessTokens": ("POST", "/identities/([^/]+)/?:revokeAccessTokens", 204),
    "deleteIdentity": ("DELETE", "/identities/([^/]+)", 204),
    "linkTeams": ("PUT", "/access/teamsExtension/tenants/([^/]+)/assignments/([^/]+)", 201),
    "getTeamsLink": ("GET", "/access/teamsExtension/tenants/([^/]+)/assignments/([^/]+)", 200),
    "unlinkTeams": ("DELETE", "/access/teamsExtension/tenants/([^/]+)/assignments/([^/]+)", 204),
}
"""By its name: the method, the path as a regular expression, and the status of success."""

ROUTES: Final = Routes(OPERATIONS)


def content_hash(body: bytes) -> str:
    """The value of x-ms-content-sha256."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def signature(key: bytes, method: str, target: str, date: str, host: str, body_hash: str) -> str:
    """Rule 2: the signature of a request."""
    text = f"{method}\n{target}\n{date};{host};{body_hash}"
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()


def check_signature(request: Request, key: bytes, *, now: float, strict: bool) -> None:
    """Rule 2. `strict` also looks at the date. Raises `Refused` (401)."""
    headers = request.headers
    given = headers.get("authorization", "")
    head = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
    body_hash = headers.get("x-ms-content-sha256", "")
    date = headers.get("x-ms-date", "")
    if not given.startswith(head):
        raise Refused(401, "Denied", "the request is not signed")
    if body_hash != content_hash(request.body):
        raise Refused(401, 7509, "x-ms-content-sha256 is not the hash of the body")
    try:
        signed_at = parsedate_to_datetime(date).timestamp()
    except ValueError:
        raise Refused(401, 7509, "x-ms-date is no date") from None
    if strict and abs(now - signed_at) > SKEW_S:
        raise Refused(401, 7509, "the signature is too old, or of the future")
    hosts = {headers.get("host", ""), headers.get("x-ms-host", "")}
    path, mark, query = request.target.partition("?")
    targets = {request.target, f"{unquote(path)}{mark}{query}", f"{encoded(path)}{mark}{query}"}
    made = (
        signature(key, request.method, target, date, each, body_hash)
        for target in targets
        for host in hosts
        for each in (host, f"{host}/")
    )
    if not any(hmac.compare_digest(each, given.removeprefix(head)) for each in made):
        raise Refused(401, 7509, "the signature is not that of this request")


def encoded(path: str) -> str:
    """A path whose participant was decoded on its way, encoded again: the SDK's asynchronous client (rule 2)."""
    head, mark, participant = path.partition("/participants/")
    return f"{head}{mark}{quote(unquote(participant), safe='')}"


def timestamp(seconds: float) -> str:
    """A time in Unix seconds, as events have it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0+00:00"


def call_event(number: str, kind: str, at: float, data: Json) -> Json:
    """An event of a call, as a callback has it."""
    subject = f"calling/callConnections/{data['callConnectionId']}"
    recording = data.get("recordingId")
    return {
        "id": number,
        "source": f"calling/recordings/{recording}" if recording else subject,
        "type": PREFIX + kind,
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "subject": subject,
        "time": timestamp(at),
        "data": {"version": "2025-06-15", **data, "publicEventType": PREFIX + kind},
    }


def grid_event(number: str, kind: str, subject: str, at: float, data: Json, *, cloud: bool) -> Json:
    """An event of Event Grid, in the schema of CloudEvents or in its own."""
    topic = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Communication/communicationServices/simulator"
    if cloud:
        envelope = {"source": topic, "type": PREFIX + kind, "time": timestamp(at), "specversion": "1.0"}
        return {"id": number, "subject": subject, **envelope, "data": data}
    envelope = {"topic": topic, "eventType": PREFIX + kind, "eventTime": timestamp(at)}
    return {"id": number, "subject": subject, **envelope, "data": data, "dataVersion": "1.0", "metadataVersion": "1"}


def result(code: int, sub_code: int, message: str = "") -> Json:
    """The member resultInformation of an event."""
    return {"resultInformation": {"code": code, "subCode": sub_code, "message": message}}


def raw_id(identifier: Any) -> str:
    """The rawId of an identifier of a command, by its number where there is none. Raises `Refused` (400)."""
    if isinstance(identifier, dict):
        if isinstance(identifier.get("rawId"), str) and identifier["rawId"]:
            return str(identifier["rawId"])
        number = identifier.get("phoneNumber")
        if isinstance(number, dict) and isinstance(number.get("value"), str):
            return f"4:{number['value']}"
        user = identifier.get("communicationUser")
        if isinstance(user, dict) and isinstance(user.get("id"), str):
            return str(user["id"])
    raise Refused(400, 8523, "an identifier has no rawId")


def identified(raw: str) -> Json:
    """An identifier as the platform's replies and events have it."""
    if raw.startswith("4:"):
        return {"kind": "phoneNumber", "rawId": raw, "phoneNumber": {"value": raw[2:]}}
    if raw.startswith("8:acs:"):
        return {"kind": "communicationUser", "rawId": raw, "communicationUser": {"id": raw}}
    if raw.startswith("8:orgid:"):
        return {"kind": "microsoftTeamsUser", "rawId": raw, "microsoftTeamsUser": {"userId": raw.split(":", 2)[2]}}
    return {"kind": "unknown", "rawId": raw}
