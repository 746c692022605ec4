"""Notifications of Microsoft Graph: the bot's calling webhook, and the callbacks of calls under way.

1. The calling webhook is `POST /api/calls`, as for the Skype platform. The first post of a call may be of the Skype
   Calling API: it is answered 204, and the same call comes again as Graph has it.
2. Notifications are answered 200 once all of them are taken, also those that nobody knows.
3. They prove themselves by Graph's token; a callback also by its ticket, which is the proof of a spoken text, too.
"""

from functools import cache
from typing import TYPE_CHECKING, Final

import azure.functions as func

from dialtone.channels import teams
from dialtone.errors import BadMessage
from functions.http import events_body, log, route
from functions.identity import AppTokens, managed_identity
from functions.skype_turn import turns as skype_turns
from functions.sounds import sound_of
from functions.teams_settings import TeamsSettings, teams_settings
from functions.verify import anyone, graph

if TYPE_CHECKING:
    from functions.teams_turn import TeamsTurns

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

NAME: Final = teams.NAME


@cache
def turns() -> "TeamsTurns":
    """The turns of this process's bot on Teams. Raises `ConfigurationError` without DIALTONE_TEAMS_TENANT."""
    # Whose bot is on another platform does not load them at a cold start.
    from functions.speech import Speech
    from functions.teams_client import GraphClient
    from functions.teams_turn import TeamsTurns

    there, current = skype_turns(), teams_settings() or TeamsSettings.from_environment({})
    token = managed_identity
    if current.certificate:
        token = AppTokens(current.login, current.tenant, current.app, current.certificate).get
    return TeamsTurns(
        bot=there.bot,
        storage=there.storage,
        settings=there.settings,
        client=GraphClient(current.graph, token),
        resource=current,
        speech=Speech(current.speech, current.speech_key, managed_identity) if current.speech else None,
    )


async def webhook(req: func.HttpRequest) -> func.HttpResponse:
    """Take a post to the calling webhook, which is verified. Rule 1."""
    body = events_body(req)
    if not teams.is_notification(body):
        return func.HttpResponse(status_code=204)
    return await _take(body, "")


@route(blueprint, "teams/callbacks/{ticket}", "POST", verifier=graph)
async def teams_callbacks(req: func.HttpRequest) -> func.HttpResponse:
    """Take the notifications of a call under way, whose ticket is in the address."""
    return await _take(events_body(req), turns().tickets.call_of(req.route_params.get("ticket", "")))


@route(blueprint, "teams/sounds/{name}", "GET", verifier=anyone)
async def teams_sounds(req: func.HttpRequest) -> func.HttpResponse:
    """Give a sound of the kit's own: silence, by which Teams keeps the time of a question."""
    sound = sound_of(req.route_params.get("name", ""))
    if sound is None:
        raise BadMessage(
            "there is no such sound", field="name", code="SOUND_UNKNOWN", fix="use silence-<milliseconds>.wav"
        )
    return func.HttpResponse(sound, status_code=200, mimetype="audio/wav")


async def player(request: func.HttpRequest) -> None:
    """Verify that whoever fetches a text has the ticket of its call. Raises `Forbidden`."""
    turns().tickets.call_of(request.route_params.get("ticket", ""))


@route(blueprint, "teams/spoken/{ticket}/{name}", "GET", verifier=player)
async def teams_spoken(req: func.HttpRequest) -> func.HttpResponse:
    """Give a text of a call as a file. Teams plays files only."""
    call_id = turns().tickets.call_of(req.route_params["ticket"])
    wav = await turns().spoken(call_id, req.route_params.get("name", ""))
    return func.HttpResponse(wav, status_code=200, mimetype="audio/wav")


async def _take(body: bytes, call_id: str) -> func.HttpResponse:
    """Rule 2. A call that was answered without a ticket is known by its own id."""
    notices, unreadable = teams.parse(body)
    for notice in notices:
        if notice.is_incoming and not call_id:
            await turns().incoming(notice)
        else:
            await turns().happened(call_id or notice.call_id, notice)
    for why in unreadable:
        log.warning("a notification cannot be read: %s", why)
    return func.HttpResponse(status_code=200)
