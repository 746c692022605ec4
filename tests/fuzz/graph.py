"""What Graph posts of calls on Teams, and the Skype platform's shape of it: a target of its own in `targets`."""

import json
from collections.abc import Mapping
from typing import Any

import azure.functions as func
import pytest

from bots.recorder import bot
from functions import calls, teams, verify
from functions.platform_client import Taken
from functions.speech import Speech
from functions.teams_client import GraphClient
from functions.teams_settings import TeamsSettings
from functions.teams_turn import TeamsTurns
from tests.functions.app import handler
from tests.functions.rig import SETTINGS, Rig, conversation

CALL = "g1"
RESOURCE = TeamsSettings("t1", "app1")


class Obliging(GraphClient):
    """Takes every command, and has what it is asked for."""

    async def send(self, operation: str, body: Mapping[str, Any] | None = None, **ids: str) -> Taken:
        done = operation in ("subscribeToTone", "cancelMediaProcessing", "updateRecordingStatus")
        return Taken({"id": "o1", "status": "completed" if done else "running", "value": []})

    async def fetch(self, url: str, token: str, *, limit: int) -> bytes:
        return b"RIFF" + bytes(60)


def _notice(change: str, data: object, part: str = "", **more: Any) -> dict[str, Any]:
    return {"changeType": change, "resourceUrl": f"/communications/calls/{CALL}{part}", "resourceData": data, **more}


def _operation(kind: str, context: str, **more: Any) -> dict[str, Any]:
    data = {"@odata.type": f"#microsoft.graph.{kind}", "status": "completed", "clientContext": context, **more}
    return _notice("deleted", data, "/operations/o1")


def _person(identity: str) -> dict[str, Any]:
    info = {"identity": {"user": {"id": identity, "displayName": identity}}}
    return {"id": f"p-{identity}", "info": info, "isInLobby": False, "rosterSequenceNumber": 3}


def _documents() -> list[bytes]:
    source = {"identity": {"user": {"id": "nora", "displayName": "Nora"}}, "languageId": "en-US"}
    organizer = {"user": {"id": "nora", "tenantId": "t1"}}
    incoming = _notice(
        "created",
        {
            "state": "incoming",
            "source": source,
            "targets": [{"identity": {"application": {"id": "app1"}}}],
            "chatInfo": {"threadId": "19:meeting_a@thread.v2", "messageId": "0"},
            "meetingInfo": {"organizer": organizer},
            "subject": "Stand-up",
        },
    )
    recorded = {"completionReason": "stopToneDetected", "recordingLocation": "https://x", "recordingAccessToken": "t"}
    values = [
        [incoming],
        [_notice("updated", {"state": "established", "mediaState": {"audio": "active"}})],
        [_notice("updated", {"toneInfo": {"sequenceId": 1, "tone": "tone1"}})],
        [_operation("playPromptOperation", "0.2"), _operation("playPromptOperation", "0.3")],
        [_operation("recordOperation", "1.1", **recorded)],
        [_notice("updated", [_person("nora"), _person("lars")], "/participants")],
        [_notice("deleted", {"state": "terminated", "resultInfo": {"code": 200, "subCode": "0"}})],
        [_notice("updated", [{"id": "s1"}], "/contentSharingSessions")],
    ]
    kind = "#microsoft.graph.commsNotifications"
    return [*(json.dumps({"@odata.type": kind, "value": value}).encode() for value in values), conversation()]


DOCUMENTS = _documents()


class Posts:
    """Posts to the webhook and to the callbacks of a bot that has one call, which it has answered."""

    def __init__(self) -> None:
        self._turns = self._fresh()

    def _fresh(self) -> TeamsTurns:
        rig = Rig(bot)

        async def token(_: str) -> str:
            return "t"

        client = Obliging("https://graph.test", token)
        return TeamsTurns(
            bot=bot,
            storage=rig.storage,
            settings=rig.settings,
            client=client,
            speech=Speech("https://speech.test", "key", token),
            resource=RESOURCE,
            clock=lambda: rig.now,
            lease=0.0,
        )

    def wire(self, patch: pytest.MonkeyPatch) -> None:
        """Have the functions of this process take them."""
        patch.setattr(teams, "turns", lambda: self._turns)
        patch.setattr(calls, "teams_settings", lambda: RESOURCE)
        patch.setattr(verify, "settings", lambda: SETTINGS)

    async def post(self, body: bytes, *, callback: bool) -> int:
        """The status of a post to a bot that was called, and told that the call is established."""
        self._turns = self._fresh()
        for known in DOCUMENTS[:2]:
            assert await self._status(known, callback=False) == 200
        return await self._status(body, callback=callback)

    async def _status(self, body: bytes, *, callback: bool) -> int:
        name = "teams_callbacks" if callback else "calls"
        params = {"ticket": self._turns.tickets.of(CALL)} if callback else {}
        url = "http://127.0.0.1/api/calls"
        request = func.HttpRequest(method="POST", url=url, route_params=params, headers={}, body=body)
        status: int = (await handler(name)(request)).status_code
        return status
