"""Events of Azure Communication Services: Event Grid's, and the callbacks of calls under way.

1. Event Grid is answered 200 to all that is JSON: it drops an event that is refused with 4xx. What must come again is
   answered 503.
2. A callback is answered 200 once all of its events are taken, also those that nobody knows.
3. Event Grid proves itself by the secret of its address; a callback by the platform's token and by its ticket.
"""

import hmac
import json
import uuid
from collections.abc import Awaitable, Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import azure.functions as func

from dialtone import telemetry
from dialtone.channels import acs, acs_grid
from dialtone.channels.acs import Unreadable
from dialtone.channels.acs_grid import IncomingCall, RecordingFile
from dialtone.dialogs import Place
from dialtone.dialogs.streaming import stream_of
from dialtone.errors import BadMessage, DialtoneError, Forbidden, Unauthorized, WorkflowError
from dialtone.media.messages import FRAME_BYTES
from functions import verify
from functions.acs_settings import acs_settings
from functions.http import events_body, log, route
from functions.identity import managed_identity
from functions.settings import settings
from functions.skype_turn import turns as skype_turns
from functions.sounds import sound_of
from functions.verify import anyone, loopback

if TYPE_CHECKING:
    from functions.acs_turn import AcsTurns

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

NAME = acs.NAME

Token = Callable[[str | None], Awaitable[object]]


async def event_grid(request: func.HttpRequest) -> None:
    """Verify the secret that Event Grid's address carries. Raises `Unauthorized`."""
    secret = acs_settings().events_key
    await verify.event_grid(request, auth=settings().auth, secret=secret, setting="DIALTONE_ACS_EVENTS_KEY")


async def call_automation(request: func.HttpRequest) -> None:
    """Verify the token of a callback of Call Automation. Raises `Unauthorized`, and `DependencyError`."""
    if settings().auth == "loopback":
        await loopback(request)
        return
    try:
        await _token()(request.headers.get("Authorization"))
    except Forbidden as refused:
        # The platform tells nothing of why, and a stranger learns nothing of how near the token was.
        raise Unauthorized(refused.message, code=refused.code, field=refused.field, fix=refused.fix) from None


@cache
def _token() -> Token:
    from functions.tokens import Tokens  # PyJWT and cryptography cost a cold start

    current = acs_settings()
    tokens = Tokens(
        audience=current.resource_id,
        metadata=current.metadata,
        skew=settings().jwt_skew,
        claims=("aud", "iss", "exp"),
    )
    return tokens.verify


@cache
def turns() -> "AcsTurns":
    """The turns of this process's bot on ACS."""
    # Whose bot is on another platform does not load them at a cold start.
    from functions.acs_client import AcsClient
    from functions.acs_turn import AcsTurns

    there, current = skype_turns(), acs_settings()
    return AcsTurns(
        bot=there.bot,
        storage=there.storage,
        settings=there.settings,
        client=AcsClient(current.endpoint, current.key, None if current.key else managed_identity),
        resource=current,
    )


@route(blueprint, "acs/events", "OPTIONS", verifier=event_grid)
async def acs_permission(req: func.HttpRequest) -> func.HttpResponse:
    """Permit Event Grid to post CloudEvents."""
    allowed = acs_grid.permission({name.lower(): value for name, value in req.headers.items()})
    return func.HttpResponse(status_code=200, headers=allowed)


@route(blueprint, "acs/events", "POST", verifier=event_grid)
async def acs_events(req: func.HttpRequest) -> func.HttpResponse:
    """Take what Event Grid delivers: the handshake, calls that ring, recordings that can be fetched."""
    events = acs_grid.parse_grid(events_body(req))
    reply = acs_grid.validation_reply(events)
    if reply is not None:
        return func.HttpResponse(reply, status_code=200, mimetype="application/json")
    for event in events:
        if isinstance(event, IncomingCall):
            await _taken(turns().incoming(event))
        elif isinstance(event, RecordingFile):
            await _taken(turns().recordings.told(event))
        elif isinstance(event, Unreadable):
            log.warning("an event of Event Grid cannot be read: %s", event.why)
        else:
            log.debug("an event of Event Grid is not for us")
    return func.HttpResponse(status_code=200)


async def _taken(taking: Awaitable[None]) -> None:
    """Take an event. Rule 1: what is wrong with it here is no reason for Event Grid to drop it."""
    try:
        await taking
    except DialtoneError as error:
        if error.http_status >= 500:
            raise
        raise DialtoneError(
            error.message, code=error.code, field=error.field, fix=error.fix or "see the log"
        ) from error


@route(blueprint, "acs/callbacks/{ticket}", "POST", verifier=call_automation)
async def acs_callbacks(req: func.HttpRequest) -> func.HttpResponse:
    """Take the events of a call under way, whose ticket is in the address."""
    call_id = turns().tickets.call_of(req.route_params.get("ticket", ""))
    events, unreadable = acs.parse_callbacks(events_body(req))
    parent = req.headers.get("traceparent", "")
    about = {"dialtone.channel": NAME}
    with telemetry.span("callback", about, call_id=call_id, kind="server", traceparent=parent):
        for event in events:
            await turns().happened(call_id, event)
    for each in unreadable:
        log.warning("an event of a call cannot be read: %s", each.why)
    return func.HttpResponse(status_code=200)


async def placer(request: func.HttpRequest) -> None:
    """Verify the key of whoever has the bot call somebody. Raises `Unauthorized`."""
    if settings().auth == "loopback":
        await loopback(request)
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = acs_settings().place_key
    if not wanted or scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), wanted.encode()):
        raise Unauthorized(
            "the request lacks the key for placing calls",
            code="PLACE_KEY",
            field="Authorization",
            fix="send Authorization: Bearer and the value of DIALTONE_ACS_PLACE_KEY",
        )


@route(blueprint, "acs/calls", "POST", verifier=placer)
async def acs_calls(req: func.HttpRequest) -> func.HttpResponse:
    """Have the bot call somebody: `{"target": "4:+15550100", "args": {...}}`; who answers gets its outgoing dialog.

    `media`, `unmixed`, `rate`, `captions` and `interim` are as in `Call.place`: the media handler of that call. The
    reply is 202 with the call's id, the same for the same Idempotency-Key; 400 for whom ACS does not call, and for what
    it refuses.
    """
    place = _place(events_body(req))
    key = req.headers.get("Idempotency-Key") or uuid.uuid4().hex
    try:
        call_id = await turns().place(place, f"http {key}")
    except WorkflowError as error:
        raise BadMessage(error.message, code=error.code, field="target", fix=error.fix) from None
    return func.HttpResponse(json.dumps({"call": call_id}), status_code=202, mimetype="application/json")


def _place(body: bytes) -> Place:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadMessage("the body is not JSON", code="NOT_JSON", fix="post a target and args as JSON") from None
    args = data.pop("args", {}) if isinstance(data, dict) else None
    target = data.pop("target", None) if isinstance(data, dict) else None
    if not isinstance(target, str) or not target or not isinstance(args, dict):
        raise BadMessage(
            "the body is no target and args", code="WRONG_TYPE", field="target", fix='post {"target": "4:+15550100"}'
        )
    return Place(target, args, _stream(data) if data else None)


_STREAM: Final[dict[str, Any]] = {"media": "", "unmixed": False, "rate": 16_000, "captions": "", "interim": False}
"""What may be said of the stream of a call that is placed, and what is so when it is left out."""


def _stream(asked: dict[str, Any]) -> dict[str, Any]:
    wrong = next((name for name, value in asked.items() if type(value) is not type(_STREAM.get(name))), "")
    if not wrong and asked.get("rate", 16_000) not in FRAME_BYTES:
        wrong = "rate"
    if wrong:
        fix = f"post {', '.join(_STREAM)} as Call.place has them"
        raise BadMessage("a member is unknown, or of another type", code="WRONG_TYPE", field=wrong, fix=fix)
    try:
        return stream_of(turns().bot.streams, *(_STREAM | asked).values())
    except ValueError as error:
        known = ", ".join(sorted(turns().bot.streams)) or "none is registered"
        raise BadMessage(str(error), code="WRONG_TYPE", field="media", fix=f"use one of: {known}") from None


@route(blueprint, "acs/sounds/{name}", "GET", verifier=anyone)
async def acs_sounds(req: func.HttpRequest) -> func.HttpResponse:
    """Give a sound of the kit's own: the beep before a recording, or silence."""
    sound = sound_of(req.route_params.get("name", ""))
    if sound is None:
        raise BadMessage("there is no such sound", field="name", code="SOUND_UNKNOWN", fix="use beep.wav")
    return func.HttpResponse(sound, status_code=200, mimetype="audio/wav")
