"""The Skype channel: the calling contract as it is on the wire.

Requests (Skype Calling API, "Programming notes"):
  1. A body with `participants` begins a call (Conversation); any other is a ConversationResult.
  2. A result with a recording is multipart/form-data: the JSON part is found by its name `conversationResult` or its
     content type, the sound by its name `recordedAudio` or by being the audio part. The document's own Content-Type
     header, which has `, application/json` after the boundary, is read too.
  3. `X-Microsoft-Skype-Message-ID` is the same on each retry of a callback; without it the body itself identifies it.

Replies: 200 with a workflow, or 200 without a body when there is nothing to say.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dialtone.errors import BadMessage, WorkflowError
from dialtone.protocol import (
    Action,
    ContractViolation,
    Conversation,
    ConversationResult,
    PlayPrompt,
    Prompt,
    RecordingFormat,
    Workflow,
    WorkflowLinks,
    rules,
)

NAME: Final = "skype"
CHAIN_ID: Final = "x-microsoft-skype-chain-id"
MESSAGE_ID: Final = "x-microsoft-skype-message-id"
CONTENT_TYPE: Final = "application/json; charset=utf-8"

AUDIO_TYPES: Final = {
    RecordingFormat.WMA: "audio/x-ms-wma",
    RecordingFormat.WAV: "audio/wav",
    RecordingFormat.MP3: "audio/mpeg",
}
_FORMATS: Final = {kind: form for form, kind in AUDIO_TYPES.items()}
_BOUNDARY: Final = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^\s;,]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request of the platform, read: `audio` is the sound of a recording, `format` what its part says it is."""

    message: Conversation | ConversationResult
    message_id: str
    chain_id: str
    audio: bytes | None = None
    format: RecordingFormat | None = None


def parse(headers: Mapping[str, str], body: bytes) -> Incoming:
    """Read a request. Header names are lower case. Raises `BadMessage`."""
    content_type = headers.get("content-type", "")
    audio: bytes | None = None
    form: RecordingFormat | None = None
    text = body
    if content_type.lower().startswith("multipart/"):
        text, audio, form = _parts(content_type, body)
    data = _json(text)
    try:
        message = _message(data)
    except ContractViolation as violation:
        raise BadMessage.from_violation(violation) from None
    return Incoming(
        message=message,
        message_id=headers.get(MESSAGE_ID) or hashlib.sha256(body).hexdigest(),
        chain_id=headers.get(CHAIN_ID) or message.id,
        audio=audio,
        format=form,
    )


def render(actions: Sequence[Action], *, callback: str, app_state: str, loopback_http: bool = False) -> bytes:
    """The reply: a workflow, or nothing. Raises `WorkflowError` for illegal links or an appState that is too long.

    The actions are the engine's, which has checked each of them as it was queued. `loopback_http` allows a callback on
    this machine to be http, for a bot under development.
    """
    if not actions:
        return b""
    workflow = Workflow(actions=list(actions), links=WorkflowLinks(callback=callback), app_state=app_state)
    try:
        rules.check_envelope(workflow, loopback_http=loopback_http)
    except ContractViolation as violation:
        raise WorkflowError.from_violation(violation) from None
    return workflow.to_json()


def _message(data: dict[str, Any]) -> Conversation | ConversationResult:
    names = {name.casefold() for name in data}
    if "participants" in names or not names & {"operationoutcome", "appstate"}:
        conversation = Conversation.from_wire(data)
        rules.check_conversation(conversation)
        return conversation
    result = ConversationResult.from_wire(data)
    rules.check_result(result)
    return result


def _json(text: bytes) -> dict[str, Any]:
    if not text.strip():
        raise BadMessage(
            "the request has no body", code="BODY_EMPTY", fix="post a Conversation or a ConversationResult"
        )
    try:
        decoded = text.decode("utf-8-sig")
        data = json.loads(decoded)
        if "\\ud" in decoded.lower():
            # Half a surrogate pair can be written in JSON, and in nothing that is made of it.
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"the body is not JSON: {error}", code="NOT_JSON", fix="post JSON in UTF-8") from None
    if not isinstance(data, dict):
        raise BadMessage(
            "the body is not a JSON object", code="WRONG_TYPE", fix="post a Conversation or a ConversationResult"
        )
    return data


def _parts(content_type: str, body: bytes) -> tuple[bytes, bytes | None, RecordingFormat | None]:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadMessage(
            "the multipart body has no boundary", field="Content-Type", code="NO_BOUNDARY", fix="name the boundary"
        )
    boundary = found[1] or found[2]
    text: bytes | None = None
    audio: bytes | None = None
    form: RecordingFormat | None = None
    for name, kind, data in _decoded(boundary.encode(), body):
        if name == "conversationResult" or (text is None and kind.startswith("application/json")):
            text = data
        elif name == "recordedAudio" or (audio is None and kind.startswith("audio/")):
            audio, form = data, _FORMATS.get(kind)
    if text is None:
        raise BadMessage(
            "the multipart body has no JSON part",
            field="conversationResult",
            code="MISSING:conversationResult",
            fix="send the result as a part named conversationResult of type application/json",
        )
    return text, audio, form


def _decoded(boundary: bytes, body: bytes) -> list[tuple[str, str, bytes]]:
    """Name, media type and content of each part."""
    # Only a recording needs it, and a cold start should not pay for it.
    from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder

    decoder = MultipartDecoder(boundary)
    parts: list[tuple[str, str, list[bytes]]] = []
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, Field | File):
                kind = event.headers.get("content-type", "").partition(";")[0].strip().lower()
                parts.append((event.name or "", kind, []))
            elif isinstance(event, Data):
                parts[-1][2].append(event.data)
    except ValueError as error:
        raise BadMessage(
            f"the multipart body cannot be read: {error}", code="BAD_MULTIPART", fix="end it with the closing boundary"
        ) from None
    return [(name, kind, b"".join(chunks)) for name, kind, chunks in parts]


def prompts_of(action: Action) -> list[Prompt]:
    """The prompts that an action plays: its own, or those that go before a question."""
    nested = getattr(action, "play_prompt", None)
    played = action if isinstance(action, PlayPrompt) else nested
    return played.prompts if isinstance(played, PlayPrompt) else []
