"""Calls that the bot places on Teams: to users, to telephones and into meetings.

1. `functions.placing` says what is noted of a call before Graph is told. Graph gives each call an id of its own, which
   is noted once more: by the reply to `create`, or by the first notice, whichever comes first.
2. A wish that is told twice is one call, unless the process dies between `create` and that second note: Graph knows no
   id of a request.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dialtone.channels import teams
from dialtone.channels.teams import identity_of
from dialtone.channels.teams_commands import Setup, create
from dialtone.channels.teams_meetings import Coordinates, coordinates_of, join, link_of, read_link
from dialtone.dialogs import Place, Placed
from dialtone.errors import WorkflowError
from dialtone.protocol import Meeting
from dialtone.storage import NoteRow
from functions.placing import Placing, place_refused, placed_conversation
from functions.teams_client import GraphClient
from functions.teams_meetings import meeting_of

_GRAPH: Final = "graph"


@dataclass(frozen=True, slots=True)
class TeamsPlacing:
    """Places a bot's calls, and knows Graph's ids of them. `app` is the id of the bot's app."""

    client: GraphClient
    app: str
    placing: Placing

    async def place(self, place: Place, call_id: str, setup: Setup) -> None:
        """Have Graph ring somebody, or join a meeting by its link.

        Raises `WorkflowError` for whom it does not call, and for what it refuses.
        """
        target = place.target
        where = read_link(target) if place.is_meeting else None
        if place.stream is not None:
            raise WorkflowError(
                "Teams gives bots no media streams here",
                field="media",
                fix="leave media out, or place the call on ACS",
                code="CHANNEL_CANNOT",
            )
        is_called = target.startswith("8:orgid:") or (target.startswith("4:") and bool(setup.instance))
        if where is None and not is_called:
            raise WorkflowError(
                f"Teams does not call {target.partition(':')[0]}: identities here",
                field="place",
                fix="call 8:orgid: users, join links of meetings, and 4: numbers once DIALTONE_TEAMS_INSTANCE is set",
                code="CHANNEL_CANNOT",
            )
        await self.placing.note(call_id, place)
        if await self.placing.storage.calls.noted(call_id, _GRAPH):
            return
        taken = await self.client.send("create", create(setup, target) if where is None else join(setup, where))
        if taken.refused is not None or not isinstance(taken.body, dict):
            told = taken.refused.told() if taken.refused is not None else "no JSON object"
            raise place_refused("Microsoft Graph", told)
        await self._note_created(call_id, str(taken.body.get("id")), taken.body)

    async def answered(self, call_id: str, graph_id: str) -> Placed | None:
        """What the dialog of a call begins with that is established; None when this bot did not place it."""
        about = await self.placing.answered(call_id)
        if about is None:
            return None
        created = await self._created(call_id, graph_id)
        is_meeting = Place(about["target"]).is_meeting
        conversation = placed_conversation(
            call_id,
            f"28:{self.app}",
            await self._there(graph_id) if is_meeting else [about["target"]],
            is_multiparty=is_meeting,
            thread_id=created.get("thread"),
            subject=created.get("subject"),
        )
        return Placed(conversation, about["args"])

    async def graph_id(self, call_id: str) -> str:
        """Graph's id of a call; that of one which rang for the bot is the call's own."""
        note = await self.placing.storage.calls.note_of(call_id, _GRAPH)
        return str(json.loads(note.body)["id"]) if note is not None else call_id

    async def meeting(self, call_id: str) -> Meeting:
        """The meeting that a call is of: by the link that it was joined by, else by what Graph tells of the call.

        Raises `WorkflowError` for a call that is of none, and what `teams_meetings.meeting_of` raises.
        """
        about = await self.placing.about(call_id)
        link = about["target"] if about is not None else ""
        if not Place(link).is_meeting or not isinstance(read_link(link), Coordinates):
            call = await self.client.send("get", call=await self.graph_id(call_id))
            where = coordinates_of(call.body) if isinstance(call.body, dict) else None
            if where is None:
                raise WorkflowError(
                    "this call is of no meeting, or of one whose organizer is not known",
                    field="meeting",
                    fix="catch ActionFailed where the dialog can go on without it",
                    code="CHANNEL_CANNOT",
                )
            link = link_of(where)
        return await meeting_of(self.client, link)

    async def _created(self, call_id: str, graph_id: str) -> dict[str, Any]:
        """What is noted of a call that was placed: Graph's id of it, its subject, its chat.

        Its notices may overtake the reply to its `create`, or that was lost: then Graph is asked.
        """
        note = await self.placing.storage.calls.note_of(call_id, _GRAPH)
        if note is not None:
            return dict(json.loads(note.body))
        call = await self.client.send("get", call=graph_id)
        return await self._note_created(call_id, graph_id, call.body if isinstance(call.body, dict) else {})

    async def _note_created(self, call_id: str, graph_id: str, call: Mapping[str, Any]) -> dict[str, Any]:
        """Note a call as Graph has it. Rule 1."""
        chat = call.get("chatInfo")
        thread = chat.get("threadId") if isinstance(chat, dict) else None
        created = {"id": graph_id, "subject": call.get("subject"), "thread": thread}
        note = NoteRow(call_id, _GRAPH, "created", json.dumps(created).encode(), self.placing.clock())
        await self.placing.storage.calls.note(note)
        return created

    async def _there(self, graph_id: str) -> list[str]:
        """Who is in a meeting that was joined, as Graph tells; nobody when it does not: rosters follow."""
        told = await self.client.send("listParticipants", call=graph_id)
        members = teams.participants_of(told.body.get("value") if isinstance(told.body, dict) else None)
        own = identity_of({"application": {"id": self.app}})
        return [each.identity for each in members if not each.in_lobby and each.identity != own]
