"""Uploads of prompts, as Event Grid tells them: judged at once, instead of by the first call that needs them.

Without it nothing is missing but time: the first turn that finds an upload judges it. With it the reason of a refusal
is in the log as soon as the upload is over. docs/how-to/prompts.md says how to subscribe.
"""

import json
from typing import Any, Final

import azure.functions as func

from dialtone.errors import BadMessage
from dialtone.gate import read_name
from dialtone.storage import PROMPTS_CONTAINER
from functions import verify
from functions.http import events_body, log, route
from functions.settings import settings
from functions.skype_turn import turns

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

_SUBJECT: Final = f"/blobServices/default/containers/{PROMPTS_CONTAINER}/blobs/"
_HANDSHAKE: Final = "Microsoft.EventGrid.SubscriptionValidationEvent"


async def uploads_key(request: func.HttpRequest) -> None:
    """Verify the secret that Event Grid's address carries. Raises `Unauthorized`."""
    current = settings()
    await verify.event_grid(
        request, auth=current.auth, secret=current.prompt_events_key, setting="DIALTONE_PROMPT_EVENTS_KEY"
    )


@route(blueprint, "prompts/events", "POST", verifier=uploads_key)
async def prompt_events(req: func.HttpRequest) -> func.HttpResponse:
    """Take what Event Grid delivers about the container `prompts`: the handshake, and blobs that were written."""
    body = events_body(req)
    slots = []
    for event in _events(body):
        kind = event.get("eventType")
        if kind == _HANDSHAKE:
            code = _member(event, "validationCode")
            return func.HttpResponse(json.dumps({"validationResponse": code}), mimetype="application/json")
        subject = str(event.get("subject", ""))
        if kind == "Microsoft.Storage.BlobCreated" and subject.startswith(_SUBJECT):
            if (file := read_name(subject.removeprefix(_SUBJECT))) is None:
                log.warning("an upload has a name that is none of a prompt; nobody hears it")
            else:
                slots.append(file.slot)
    for slot in dict.fromkeys(slots):
        await turns().storage.prompts.settle(slot)
    return func.HttpResponse(status_code=200)


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadMessage(f"the body is not JSON: {error}", code="NOT_JSON", fix="post what Event Grid posts") from None
    events = found if isinstance(found, list) else [found]
    if not all(isinstance(event, dict) for event in events):
        raise BadMessage("an event is no JSON object", code="WRONG_TYPE", fix="post what Event Grid posts")
    return events


def _member(event: dict[str, Any], name: str) -> str:
    data = event.get("data")
    return str(data.get(name, "")) if isinstance(data, dict) else ""
