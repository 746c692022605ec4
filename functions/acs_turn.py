"""The turns of calls on ACS, where the answer to an event is a command: `functions.turn` for a platform of commands.

1. Commands are stored, sent and marked as `functions.stepped_turn` says.
2. Which command an event is about is said by its operationContext. An event of a command that was not sent changes
   nothing.
3. Exactly once for commands with a request id; at least once for `:play` and `:recognize`, when the process dies
   between sending one and storing its mark. The second one has the same operationContext, so its events are repeated
   events: the dialog takes one outcome.
4. The end of the call takes the outcome of the command that is under way. What is cancelled is so because the call
   ends, for the kit cancels nothing; unless the platform says that the call goes on, its end is waited for.
5. A recording's sound comes later, by Event Grid, to the path that the dialog was told: `functions.acs_recordings`.
6. Who is in the call is told by `functions.acs_roster`, in any call, for its dialog may add somebody. A key that is
   pressed after `start_tones` is a signal, once by its number.
7. Whom a call is redirected to, and when its streams are open, is told by `functions.acs_redirects` and
   `functions.acs_streams`; which calls the bot places, by `functions.acs_placing`.
"""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Final

from dialtone.channels import acs
from dialtone.channels.acs import CallEvent, kind_of
from dialtone.channels.acs_commands import CallRefs, Setup
from dialtone.channels.acs_grid import IncomingCall
from dialtone.channels.acs_steps import (
    RECORDING_FORMAT,
    RECORDING_FROM,
    RECORDING_ID,
    of_event,
    of_refusal,
    of_reply,
    path_of_recording,
    steps_of,
)
from dialtone.channels.results import LOOP, Result
from dialtone.channels.stepper import Found, command_id, place_of
from dialtone.dialogs import CallFacts, Event, History, Place, Placed, StoredRecording
from dialtone.dialogs.commanding import TONE
from dialtone.protocol import (
    CALL_STATE_CHANGE,
    ROSTER_UPDATE,
    Action,
    Answer,
    AnswerAppHostedMedia,
    CallState,
    CallStateChange,
    ConversationResult,
    ModalityType,
    RecordOutcome,
    Redirect,
    RosterParticipant,
    RosterUpdate,
    StartRecordingOutcome,
    Workflow,
    read_action,
)
from dialtone.storage import SignalRow, TurnRow
from functions.acs_client import AcsClient
from functions.acs_placing import AcsPlacing
from functions.acs_recordings import WHOLE_CALL, AcsRecordings
from functions.acs_redirects import AcsRedirects
from functions.acs_roster import TELLS, AcsRoster
from functions.acs_settings import AcsSettings
from functions.acs_streams import STREAM_OVER, STREAMING, AcsStreams, streaming_to
from functions.commands import LONG_AGO, At
from functions.http import about_call, log
from functions.placing import PLACED, placed_conversation, placed_id
from functions.platform_client import Taken
from functions.stepped_turn import SteppedTurns
from functions.turn import Turns, recording_of, seed_of

_RINGS: Final = "rings"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcsTurns(SteppedTurns):
    """Takes the turns of calls on ACS."""

    client: AcsClient
    resource: AcsSettings
    channel: ClassVar[str] = acs.NAME

    @property
    def recordings(self) -> AcsRecordings:
        """The recordings of this bot's calls."""
        return AcsRecordings(self.storage, self.client, self.clock)

    @property
    def streams(self) -> AcsStreams:
        """The media streams of this bot's calls."""
        return AcsStreams(self.bot, self.storage, self.settings, self.clock)

    @property
    def redirects(self) -> AcsRedirects:
        """The redirects of this bot's calls."""
        return AcsRedirects(self.storage, self.clock)

    # What comes in.

    async def incoming(self, call: IncomingCall) -> None:
        """Take a call that rings; each delivery of its event, once. Raises the errors of `dialtone.errors`."""
        conversation = call.conversation()
        about_call(conversation.id)
        if self.resource.answers:
            is_ours = call.to in self.resource.answers
        else:
            is_ours = not await self.redirects.was_sent_to(call.call_id, call.to)
        if not is_ours:
            log.info("a call rings for somebody whom this bot does not answer for")
            return
        at = self.clock()
        event = Event(conversation, at, seed_of(call.correlation_id))
        row, claimed = await self._begin(event, kind="conversation", message_id=call.correlation_id)
        await self._run(self._at(row, 0, {}, call.correlation_id, at, "", call.server_call_id, call.context), claimed)

    async def place(self, place: Place, by: str) -> str:
        """See `SteppedTurns`."""
        call_id = placed_id(by, place.target)
        placing = AcsPlacing(self.client, self.resource, self.streams, self.placing)
        await placing.place(place, call_id, self._setup(call_id))
        return call_id

    async def happened(self, call_id: str, event: CallEvent) -> None:
        """Take an event of a call. Rules 2 and 4."""
        about_call(call_id)
        if event.type in STREAM_OVER and (name := await self.streams.over(call_id, event)):
            await self.signalled(call_id, name)
        if event.type in TELLS:
            await self._gathered(call_id, event)
        if event.tone:
            await self._pressed(call_id, event)
        elif event.context == PLACED:
            # It has this context until it is answered.
            await self._answered_or_not(call_id, event)
        elif event.recording is not None:
            await self.recordings.begun(call_id, *event.recording)
        elif (place := await self._place_of(call_id, event)) is not None:
            await self._ended(call_id, event, *place)
        elif event.ends:
            over = CallStateChange(id=call_id, type=CALL_STATE_CHANGE, current_state=CallState.TERMINATED)
            await self._end(over, event.id)
        else:
            log.debug("%s changes nothing", event.type)

    async def _answered_or_not(self, call_id: str, event: CallEvent) -> None:
        """What became of a call that the bot placed, as one of its first events tells."""
        if event.type != "CallConnected":
            if event.ends and event.result is not None:
                log.info("a call that was placed came to nothing: %s", event.result.told())
            return
        about = await self.placing.answered(call_id)
        if about is None:
            return
        conversation = placed_conversation(call_id, about["source"], [about["target"]])
        at, moment = self.clock(), event.at or self.clock()
        await self.streams.opened(call_id, event)
        begins = Event(Placed(conversation, about["args"], about.get("media", "")), at, seed_of(call_id))
        row, claimed = await self._begin(begins, kind=PLACED, message_id=f"{PLACED}-{call_id}")
        where = self._at(row, 0, {}, event.id, moment, event.connection_id, event.server_call_id)
        await self._run(where, claimed)

    async def _place_of(self, call_id: str, event: CallEvent) -> tuple[int, int] | None:
        """The turn and the position of the command that an event is about; None when it is about none. Rule 2."""
        place = place_of(event.context)
        if place is None and event.type == "CallConnected":
            return 0, 0
        if place is None and (event.ends or event.type in STREAMING):
            return await self.commands.current(call_id)
        return place

    async def _ended(self, call_id: str, event: CallEvent, sequence: int, position: int) -> None:
        """Go on from a command, if the event ends it."""
        command = await self.commands.find(call_id, sequence, position)
        if command is None:
            log.info("%s is about a command that was not sent", event.type)
            return
        row, kept = command
        if RECORDING_ID in kept and (began := await self.recordings.began(call_id, str(kept[RECORDING_ID]))):
            kept = {**kept, RECORDING_FROM: began}
        moment = event.at or self.clock()
        where = self._at(row, position, kept, event.id, moment, event.connection_id, event.server_call_id)
        if position >= len(where.steps) or (event.canceled and not await self._goes_on(event.connection_id)):
            return
        action = where.steps[position].action
        if event.type == ("CallConnected" if isinstance(action, AnswerAppHostedMedia) else "MediaStreamingStarted"):
            await self.streams.opened(call_id, event)
        found = of_event(where.steps[position], event, kept)
        if found is not None:
            await self._on(where, found)
        elif event.type.endswith("Failed"):
            log.warning("%s, after its command was taken: %s", event.type, (event.result or Result()).told())

    async def signalled(self, call_id: str, name: str) -> TurnRow | None:
        """See `Turns`; then the commands of the turn are sent."""
        row = await Turns.signalled(self, call_id, name)
        if row is not None and row.reply and (ids := await self.streams.ids_of(call_id)) is not None:
            await self._run(self._at(row, 0, {}, row.message_id, row.at, *ids), LONG_AGO)
        return row

    async def _gathered(self, call_id: str, event: CallEvent) -> None:
        """Rule 6. The bot is told of what is news, once the call has begun here."""
        roster = self._roster_notes(call_id)
        said = await roster.said(event)
        if said is None:
            return
        if said.is_news and self.bot.follows_roster and await self.storage.calls.latest(call_id) is not None:
            two = self._two((await self.journal.history_at(call_id, 0)).facts)
            members = [
                RosterParticipant(identity=each, media_type=ModalityType.AUDIO, media_stream_direction="sendReceive")
                for each in acs.roster_as_called([*said.before, said.there], *two)
            ]
            update = RosterUpdate(id=call_id, type=ROSTER_UPDATE, participants=members)
            await self.notifications.tell(update)
        await roster.keep(said)

    async def _roster(self, before: History | None) -> tuple[str, ...] | None:
        """Rule 6."""
        return None if before is None else await self._roster_of(before.facts)

    async def _roster_of(self, facts: CallFacts) -> tuple[str, ...] | None:
        rosters = await self._roster_notes(facts.call_id).all()
        return acs.roster_as_called(rosters, *self._two(facts)) if rosters else None

    def _roster_notes(self, call_id: str) -> AcsRoster:
        return AcsRoster(self.storage, call_id, self.clock)

    def _two(self, facts: CallFacts) -> tuple[str, str]:
        """Whom a call is with, and the bot, which called where it placed the call."""
        caller = facts.caller
        others = [member.identity for member in facts.participants if not member.originator]
        two = caller.identity if caller else "", others[0] if others else ""
        return two[::-1] if two[0] == self.resource.source else two

    async def _pressed(self, call_id: str, event: CallEvent) -> None:
        """Rule 6."""
        number = f"{TONE}-{event.context}-{event.number:09d}"
        row = SignalRow(call_id, number, TONE, json.dumps(event.tone), event.at or self.clock())
        await self.storage.calls.signal(row)
        await self.signalled(call_id, TONE)

    async def _goes_on(self, connection: str) -> bool:
        """Whether the platform says that a call is connected."""
        taken = await self.client.send("get_call_properties", None, connection=connection)
        return isinstance(taken.body, dict) and taken.body.get("callConnectionState") == "connected"

    async def _command(self, where: At) -> Taken:
        """Send a command, with its id."""
        step, row = where.steps[where.position], where.row
        if isinstance(step.action, Redirect) and step.operation == "redirect_call":
            _, (_, called), _ = _stored(row.reply)
            if await self.redirects.comes_back(row.call_id, called, step.action):
                return Taken(refused=Result(LOOP))
        return await self.client.send(
            step.operation,
            step.body,
            command_id=command_id(row.call_id, row.sequence, where.position),
            connection=where.connection,
            recording=path_of_recording(step, where.kept),
        )

    def _of_reply(self, where: At, body: object) -> Found | None:
        return of_reply(where.steps[where.position], body, where.kept, where.moment)

    def _of_refusal(self, where: At, refused: Result) -> Found:
        return of_refusal(where.steps[where.position], refused, where.kept)

    def _first(self, row: TurnRow, before: At) -> At:
        server, context = (str(before.kept.get(name, "")) for name in ("server", _RINGS))
        return self._at(row, 0, {}, before.cause, before.moment, before.connection, server, context)

    def _at(
        self,
        row: TurnRow,
        position: int,
        kept: dict[str, Any],
        cause: str,
        moment: float,
        connection: str,
        server: str,
        context: str = "",
    ) -> At:
        """Where a call is; its steps are made of the workflow that is stored."""
        if not row.reply:
            return At(row, (), position, kept, cause, moment, connection)
        actions, (caller, to), address = _stored(row.reply)
        refs = CallRefs(caller, server, context, is_teams_phone=kind_of(to) == "microsoftTeamsApp", called=to)
        setup = replace(self._setup(row.call_id), media=streaming_to(address))
        steps = steps_of(actions, row.sequence, refs, setup)
        kept = {**kept, "server": server}
        if isinstance(actions[0], Redirect):
            # The call rings on when it cannot be redirected.
            kept[_RINGS] = context
        return At(row, steps, position, kept, cause, moment, connection)

    def _setup(self, call_id: str) -> Setup:
        base = f"{self.settings.public_url}/api/acs"
        return Setup(
            callback=f"{base}/callbacks/{self.tickets.of(call_id)}",
            sounds=f"{base}/sounds/",
            speech=self.resource.speech,
        )

    async def _written(self, history: History, actions: list[Action], whole: str) -> bytes:
        """What is stored for a turn: its workflow, whom the call is with, and the bot."""
        await self.streams.ask(history, actions)
        workflow = Workflow(actions=list(actions)).to_wire()
        workflow["call"] = self._two(history.facts)
        if any(isinstance(action, Answer) for action in actions):
            workflow["streams"] = self.streams.address(history.facts.call_id)
        return json.dumps(workflow, ensure_ascii=False, separators=(",", ":")).encode()

    async def _sound(self, before: History, result: ConversationResult, kept: dict[str, Any]) -> StoredRecording | None:
        """Rule 5: where the sound of a recording will be, noted for when it comes."""
        await self.streams.refused(before, result)
        outcome = result.operation_outcome
        if not isinstance(outcome, RecordOutcome | StartRecordingOutcome) or RECORDING_ID not in kept:
            return None
        if not outcome.succeeded:
            await self.recordings.unwanted(str(kept[RECORDING_ID]), result.id)
            return None
        seconds, encoding, reason = 0.0, kept.get(RECORDING_FORMAT), WHOLE_CALL
        if isinstance(outcome, RecordOutcome):
            seconds, encoding = outcome.length_of_recording_in_secs, outcome.format
            reason = str(outcome.completion_reason)
        recording = recording_of(before, outcome.id, seconds=seconds, format=str(encoding), reason=reason)
        return StoredRecording(await self.recordings.promised(str(kept[RECORDING_ID]), recording), 0)


@lru_cache(maxsize=512)
def _stored(reply: bytes) -> tuple[tuple[Action, ...], tuple[str, str], str]:
    """What `AcsTurns._written` has stored: the actions, which nobody changes, who the call is between, and where
    its streams go.

    Several events follow a workflow, and each needs it.
    """
    stored = json.loads(reply)
    caller, to = stored["call"]
    return tuple(read_action(action) for action in stored["actions"]), (caller, to), stored.get("streams", "")
