"""The Skype channel: the calling contract as it is on the wire.

Requests (Skype Calling API, "Programming notes"):
  1. A body with `type` and without `callState` is a notification, of the form of 2016, which has an appState, or of
     2017. Any other with `participants` begins a call (Conversation); what is left is a ConversationResult.
  2. A result with a recording is multipart/form-data: the JSON part is found by its name `conversationResult` or its
     content type, the sound by its name `recordedAudio` or by being the audio part; a name counts for more. The
     document's own Content-Type header, which has `, application/json` after the boundary, is read too.
  3. `X-Microsoft-Skype-Message-ID` is the same on each retry of a callback; without it the body itself identifies it.
  4. JSON is UTF-8, whatever the Content-Type header calls it; a header that names another charset is refused.

Replies: 200 with a workflow, or 200 without a body when there is nothing to say; 202 without a body to a notification
(Microsoft's BotBuilder-RealTimeMediaCalling).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dialtone.channels.multipart import Part, parameter, split
from dialtone.errors import BadMessage, WorkflowError
from dialtone.protocol import (
    AUDIO_TYPES,
    COMMANDS,
    Action,
    AnswerAppHostedMedia,
    CallStateChange,
    ContractViolation,
    Conversation,
    ConversationResult,
    Hangup,
    Hold,
    Leave,
    PlayPrompt,
    Prompt,
    Recognize,
    Record,
    RecordingFormat,
    RosterUpdate,
    StartMedia,
    StopMedia,
    Transfer,
    Workflow,
    WorkflowLinks,
    read_notification,
    rules,
)

NAME: Final = "skype"
CHAIN_ID: Final = "x-microsoft-skype-chain-id"
MESSAGE_ID: Final = "x-microsoft-skype-message-id"
CONTENT_TYPE: Final = "application/json; charset=utf-8"

_FORMATS: Final = {kind: form for form, kind in AUDIO_TYPES.items()}
_UTF_8: Final = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
"""Charsets that are UTF-8, or a part of it."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request of the platform, read.

    `audio` is the sound of a recording, a view of the request's body; `format` is what its part says it is.
    """

    message: Conversation | ConversationResult | CallStateChange | RosterUpdate
    message_id: str
    chain_id: str
    audio: memoryview | None = None
    format: RecordingFormat | None = None


def parse(headers: Mapping[str, str], body: bytes) -> Incoming:
    """Read a request. Header names are lower case. Raises `BadMessage`."""
    content_type = headers.get("content-type", "")
    audio: memoryview | None = None
    form: RecordingFormat | None = None
    if content_type.lower().startswith("multipart/"):
        data, audio, form = _parts(content_type, body)
    else:
        data = _json(body, parameter(content_type, "charset"))
    try:
        message = _message(data)
    except ContractViolation as violation:
        names = next((each for name, each in data.items() if name.casefold() == "id"), "")
        raise BadMessage.from_violation(violation, names if isinstance(names, str) else "") from None
    return Incoming(
        message=message,
        message_id=headers.get(MESSAGE_ID) or hashlib.sha256(body).hexdigest(),
        chain_id=headers.get(CHAIN_ID) or message.id,
        audio=audio,
        format=form,
    )


def render(
    actions: Sequence[Action],
    *,
    callback: str,
    app_state: str,
    subscriptions: Sequence[str] = (),
    loopback_http: bool = False,
) -> bytes:
    """The reply: a workflow, or nothing. Raises `WorkflowError` for illegal links or an appState that is too long.

    The actions are the engine's, which has checked each of them as it was queued; to leave is to hang up here. What
    `subscriptions` names is notified to the callback's address too. `loopback_http` allows a callback on this machine
    to be http, for a bot under development.
    """
    if not actions:
        return b""
    workflow = Workflow(
        actions=[Hangup(operation_id=each.operation_id) if isinstance(each, Leave) else each for each in actions],
        links=WorkflowLinks(callback=callback, notification=callback if subscriptions else None),
        app_state=app_state,
        notification_subscriptions=list(subscriptions) or None,
    )
    try:
        rules.check_envelope(workflow, loopback_http=loopback_http)
    except ContractViolation as violation:
        raise WorkflowError.from_violation(violation) from None
    return workflow.to_json()


HOSTED: Final = "a call that was answered with media is its media handler's: play and ask there"
ALONE: Final = "skype takes a media answer alone: await call.media_ended() after it"


MEDIA_LATER: Final = "skype streams a call from its answer to its end: call.answer(media=...), and hang up to end it"
PHONE: Final = "skype transfers to 8: and 29: users; use one of them, or another channel"


NO_COMMANDS: Final = "the Skype contract has no such action; use a channel that takes commands, as acs"


NO_CAPTIONS: Final = "skype has no transcriber; leave captions out, or use acs"


def refusal_of(action: Action) -> str:
    """Why the platform would not take an action in any call; empty when it would."""
    if isinstance(action, StartMedia | StopMedia):
        return MEDIA_LATER
    if isinstance(action, Transfer) and action.target.identity.startswith(rules.PHONE_KIND):
        return PHONE
    return NO_COMMANDS if action.kind in COMMANDS and not isinstance(action, Leave) else ""


def refused_of(actions: Sequence[Action], *, hosted: bool) -> tuple[Action, str] | None:
    """The first action that the platform would not take, and why: in any call a transfer to a telephone and what the
    contract does not have, in a call with media of the bot's own almost all.

    The media answer stands alone, and nothing follows it but the end of the call, which is no action but a DELETE
    (`dialtone.protocol.rules`, rule 24).
    """
    if not hosted:
        return next(((action, why) for action in actions if (why := refusal_of(action))), None)
    if actions and isinstance(actions[0], AnswerAppHostedMedia):
        if actions[0].media_configuration.get("captions"):
            return actions[0], NO_CAPTIONS
        return (actions[1], ALONE) if len(actions) > 1 else None
    return next(((action, refusal_of(action) or HOSTED) for action in actions if not isinstance(action, Hangup)), None)


def _message(data: dict[str, Any]) -> Conversation | ConversationResult | CallStateChange | RosterUpdate:
    names = {name.casefold() for name in data}
    if "type" in names and "callstate" not in names:
        notification = read_notification(data)
        rules.check_notification(notification)
        return notification
    if "participants" in names or not names & {"operationoutcome", "appstate"}:
        conversation = Conversation.from_wire(data)
        rules.check_conversation(conversation)
        return conversation
    result = ConversationResult.from_wire(data)
    rules.check_result(result)
    return result


def _json(text: bytes, charset: str) -> dict[str, Any]:
    if charset.lower() not in _UTF_8:
        raise BadMessage(
            f"the charset {charset[:40]!r} is not UTF-8", field="Content-Type", code="CHARSET", fix="post JSON in UTF-8"
        )
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


def _parts(content_type: str, body: bytes) -> tuple[dict[str, Any], memoryview | None, RecordingFormat | None]:
    """Rule 2."""
    parts = split(content_type, body)
    text = _find(parts, "conversationResult", lambda kind: kind == "application/json")
    audio = _find(parts, "recordedAudio", lambda kind: kind.startswith("audio/"))
    if text is None:
        raise BadMessage(
            "the multipart body has no JSON part",
            field="conversationResult",
            code="MISSING:conversationResult",
            fix="send the result as a part named conversationResult of type application/json",
        )
    data = _json(bytes(text.content), text.charset)
    return (data, audio.content, _FORMATS.get(audio.media_type)) if audio else (data, None, None)


def _find(parts: Sequence[Part], name: str, is_type: Callable[[str], bool]) -> Part | None:
    named = (part for part in parts if part.name == name)
    typed = (part for part in parts if is_type(part.media_type))
    return next(named, None) or next(typed, None)


def prompts_of(action: Action) -> list[Prompt]:
    """The prompts that an action plays: its own, those that go before a question, or what is heard on hold."""
    if isinstance(action, PlayPrompt):
        return action.prompts
    played = action.play_prompt if isinstance(action, Recognize | Record | Hold) else None
    return played.prompts if played is not None else []
