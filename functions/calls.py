"""Callbacks of the Skype platform: the first request of a call, and the result of each workflow.

With the Teams channel this is the bot's calling webhook, and `functions/teams.py` takes what is posted here.
"""

import azure.functions as func

from dialtone.errors import BodyTooLarge
from functions import teams
from functions.http import route
from functions.settings import settings
from functions.skype_turn import turns
from functions.teams_settings import teams_settings
from functions.verify import platform

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@route(blueprint, "calls", "POST", verifier=platform)
async def calls(req: func.HttpRequest) -> func.HttpResponse:
    """Take the first request of a call, the result of a workflow, or a notification; answer with the next workflow."""
    if teams_settings() is not None:
        return await teams.webhook(req)
    body = req.get_body()
    limit = settings().max_body
    if len(body) > limit:
        raise BodyTooLarge(
            f"the body has {len(body)} bytes, {limit} are allowed", fix="record for less time, or as mp3 or wma"
        )
    reply = await turns().callback({name.lower(): value for name, value in req.headers.items()}, body)
    mimetype = reply.content_type if reply.body else None
    return func.HttpResponse(reply.body, status_code=reply.status, mimetype=mimetype)
