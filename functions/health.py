"""Whether the functions can answer a call."""

import json

import azure.functions as func

from dialtone import __version__
from functions.http import route
from functions.skype_turn import turns
from functions.verify import anyone

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@route(blueprint, "health", "GET", verifier=anyone)
async def health(req: func.HttpRequest) -> func.HttpResponse:
    """GET /api/health: 200 when the bot is loaded and storage answers, else the error (503 for storage)."""
    await turns().storage.ping()
    return func.HttpResponse(json.dumps({"status": "ok", "version": __version__}), mimetype="application/json")
