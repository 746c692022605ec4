"""Calls that the bot places on ACS: to telephones, to ACS users and to Teams users.

The platform knows the command that places a call by its request id, so a wish that is told twice is one call.
`functions.placing` says what is noted of it.
"""

from dataclasses import dataclass, replace
from typing import Final

from dialtone.channels.acs import identifier, kind_of
from dialtone.channels.acs_commands import Setup, create_call
from dialtone.channels.stepper import command_id
from dialtone.dialogs import Place
from dialtone.dialogs.streaming import handler_of
from dialtone.errors import WorkflowError
from functions.acs_client import AcsClient
from functions.acs_settings import AcsSettings
from functions.acs_streams import AcsStreams
from functions.placing import PLACED, Placing, place_refused

CALLED: Final = frozenset({"phoneNumber", "communicationUser", "microsoftTeamsUser", "teamsExtensionUser"})
"""The kinds of identities that ACS calls."""


@dataclass(frozen=True, slots=True)
class AcsPlacing:
    """Places a bot's calls."""

    client: AcsClient
    resource: AcsSettings
    streams: AcsStreams
    placing: Placing

    async def place(self, place: Place, call_id: str, setup: Setup) -> None:
        """Have ACS ring somebody. Raises `WorkflowError` for whom it does not call, and for what it refuses."""
        source, target = self.resource.source, place.target
        if not source:
            raise WorkflowError(
                "there is nothing to call from",
                field="place",
                fix="set DIALTONE_ACS_SOURCE to a number or a Teams account",
                code="CHANNEL_CANNOT",
            )
        if kind_of(target) not in CALLED:
            raise WorkflowError(
                f"ACS does not call {target.partition(':')[0]}: identities",
                field="place",
                fix="call 4:, 8:acs: or 8:orgid: identities",
                code="CHANNEL_CANNOT",
            )
        streaming, captions = await self.streams.of_placed(call_id, place.stream)
        setup = replace(setup, media=streaming, transcription=captions)
        handler = {"media": handler_of(place.stream)} if place.stream is not None else {}
        await self.placing.note(call_id, place, {"source": source, **handler})
        caller_id = source.removeprefix("4:") if source.startswith("4:") else ""
        body = create_call(
            setup,
            identifier(target),
            PLACED,
            caller_id=caller_id,
            teams_app="" if caller_id else source.removeprefix("28:orgid:"),
        )
        taken = await self.client.send("create_call", body, command_id=command_id(f"{call_id} placed", 0, 0))
        if taken.refused is not None:
            raise place_refused("ACS", taken.refused.told())
