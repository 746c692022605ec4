"""Which media stream of a call is wanted: what the media worker asks when a platform opens a stream by an address that
names no handler (`functions.media`, rule 1).

`GET /api/calls/{id}/stream`, with the key of the call, as for a signal (`functions.signals`).

Answers: 200 with `{"handler": "echo", "number": 2}`, the number counting the streams of the call; 401 without a key,
403 for one that is not this call's, 404 for a call that never had a stream, 409 when the last one is over.
"""

import json

import azure.functions as func

from dialtone.errors import CallOver, CallUnknown
from functions.http import about_call, route
from functions.signals import call_of, sender
from functions.skype_turn import turns

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@route(blueprint, "calls/{id}/stream", "GET", verifier=sender)
async def stream(req: func.HttpRequest) -> func.HttpResponse:
    """GET /api/calls/{id}/stream: which media stream of the call is wanted."""
    call_id = call_of(req)
    about_call(call_id)
    row = await turns().storage.calls.media(call_id)
    if row is None:
        raise CallUnknown(
            "no dialog of this call has asked for a stream", field="id", fix="await call.start_media(...)"
        )
    if not row.is_wanted:
        raise CallOver("the stream of this call is over", field="id", fix="await call.start_media(...) for another")
    body = json.dumps({"handler": row.handler, "number": row.number})
    return func.HttpResponse(body, mimetype="application/json")
