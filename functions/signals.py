"""Signals: events from outside the line that a dialog waits for by `call.signal(name)`.

`POST /api/calls/{id}/signals/{name}`, a JSON value of up to 32,768 bytes as its body (none is null), and the key of the
call: as `?key=` (the address that `dialtone.signal_url` gives has it) or as `Authorization: Bearer`.

Answers: 202 when it is kept, whether the dialog waits already, later or never; 401 without a key, 403 for one that is
not this call's, 404 for a call that has no turn, 409 when the call is over. Whoever sends one again after a failure
gives both the same `Idempotency-Key` header, and it is kept once.
"""

import json
import uuid
from dataclasses import replace
from hashlib import sha256
from typing import Final

import azure.functions as func

from dialtone.dialogs.history import dumps
from dialtone.dialogs.streaming import media_end
from dialtone.errors import BadMessage, BodyTooLarge, CallOver, CallUnknown, Forbidden, Unauthorized
from dialtone.storage import SignalRow
from functions.channels import turns_of
from functions.http import about_call, route
from functions.outside import signal_keys
from functions.placing import PLACED
from functions.settings import settings
from functions.skype_turn import turns

BODY_MAX: Final = 32_768
NAME_MAX: Final = 100
_ID_CHARS: Final = 12
_REASON_CHARS: Final = 100

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


async def sender(request: func.HttpRequest) -> None:
    """Verify that whoever sends a signal has the key of the call. Raises `Unauthorized` and `Forbidden`."""
    call_of(request)


@route(blueprint, "calls/{id}/signals/{name}", "POST", verifier=sender)
async def signals(req: func.HttpRequest) -> func.HttpResponse:
    """POST /api/calls/{id}/signals/{name}: keep a signal for the call's dialog."""
    call_id, name = call_of(req), _with_slashes(req.route_params["name"])
    about_call(call_id)
    if len(name) > NAME_MAX:
        raise BadMessage(
            f"the name has {len(name)} characters, {NAME_MAX} are allowed", field="name", fix="use a shorter one"
        )
    value = _value(req.get_body())
    calls = turns().storage.calls
    latest = await calls.latest(call_id)
    # The stream of a call that the bot placed may be open before it is told that somebody answered.
    if latest is None and await calls.note_of(call_id, PLACED) is None:
        raise CallUnknown("no call has this id", field="id", fix="send signals to a call that has begun")
    if latest is not None and latest.done:
        await _wake(call_id, name, value)
        raise CallOver("the call is over", field="id", fix="send signals to calls that go on")
    told = req.headers.get("Idempotency-Key") or uuid.uuid4().hex
    # What a history keeps of it is short.
    identity = sha256(f"{name}\n{told}".encode()).hexdigest()[:_ID_CHARS]
    is_new = await calls.signal(SignalRow(call_id, identity, name, value, turns().clock()))
    await _wake(call_id, name, value)
    body = json.dumps({"id": identity, "repeated": not is_new})
    return func.HttpResponse(body, status_code=202, mimetype="application/json")


async def _wake(call_id: str, name: str, value: str) -> None:
    """Go on with a call that waits for signals and for nothing else: one with a media stream."""
    calls = turns().storage.calls
    media = await calls.media(call_id)
    if media is None:
        return
    if name == media_end(media.number) and media.state != "closed":
        told = json.loads(value)
        reason = str(told.get("reason", "")) if isinstance(told, dict) else ""
        await calls.put_media(replace(media, state="ended", reason=reason[:_REASON_CHARS], at=turns().clock()))
    await turns_of(media.channel).signalled(call_id, name)


def call_of(request: func.HttpRequest) -> str:
    """The id of the call whose key the request has. Raises `Unauthorized` and `Forbidden`."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    key = request.params.get("key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    fix = "post to the address that dialtone.signal_url(name) gives in a function that the dialog runs"
    if not key:
        raise Unauthorized("the signal has no key", field="key", fix=fix)
    keys = signal_keys(settings())
    given = request.route_params.get("id", "")
    for call_id in (given, _with_slashes(given)):
        if keys.knows(call_id, key):
            return call_id
    raise Forbidden("the key is not one of this call", field="key", fix=fix)


def _with_slashes(segment: str) -> str:
    """A segment of the path, all of it decoded: the host decodes all but this."""
    return segment.replace("%2F", "/").replace("%2f", "/")


def _value(body: bytes) -> str:
    """The value of a signal, as compact JSON."""
    _check_size(len(body))
    try:
        value = dumps(json.loads(body)) if body.strip() else "null"
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"the body is not JSON: {error}", code="NOT_JSON", fix="post a JSON value in UTF-8") from None
    # Numbers such as 9e9 are longer when they are written out.
    _check_size(len(value))
    return value


def _check_size(size: int) -> None:
    if size > BODY_MAX:
        raise BodyTooLarge(
            f"the signal has {size} bytes, {BODY_MAX} are allowed", fix="send an id instead of a document"
        )
