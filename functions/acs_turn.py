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
6. The platform knows the command that places a call by its request id.
7. Who is in the call is told by `functions.acs_roster`. A key that is pressed after `start_tones` is a signal, once by
   its number.
8. A call is not redirected to anybody for whom it has rung here before, which would never end. One that this bot has
   redirected to an ACS user rings in the same subscription again, and is that user's.
9. A call is answered and placed with the address of its streams (`functions.media`), whether there will be one or not:
   ACS takes it at no other time. The row `media` says which stream is wanted; an event that is about an older one
   changes nothing, and neither does the end of one that has not begun.
"""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Final

from dialtone.channels import acs
from dialtone.channels.acs import CallEvent, IncomingCall, identifier, kind_of
from dialtone.channels.acs_commands import CallRefs, MediaStreaming, Setup, create_call
from dialtone.channels.acs_results import LOOP, Result
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
from dialtone.channels.stepper import Found, command_id, place_of
from dialtone.dialogs import CallFacts, Event, History, Place, Placed, StoredRecording
from dialtone.dialogs.commanding import TONE
from dialtone.dialogs.streaming import handler_of, media_end
from dialtone.errors import WorkflowError
from dialtone.protocol import (
    CALL_STATE_CHANGE,
    ROSTER_UPDATE,
    Action,
    Answer,
    AnswerAppHostedMedia,
    CallState,
    CallStateChange,
    Conversation,
    ConversationResult,
    ModalityType,
    Participant,
    RecordOutcome,
    Redirect,
    RosterParticipant,
    RosterUpdate,
    StartMedia,
    StartRecordingOutcome,
    Workflow,
    read_action,
)
from dialtone.storage import MediaRow, NoteRow, SignalRow, TurnRow
from functions import media
from functions.acs_client import AcsClient
from functions.acs_recordings import WHOLE_CALL, AcsRecordings
from functions.acs_roster import TELLS, AcsRoster
from functions.acs_settings import AcsSettings
from functions.http import about_call, log
from functions.platform_client import Taken
from functions.stepped_turn import PLACED, At, SteppedTurns, place_refused, placed_id
from functions.turn import recording_of, seed_of

STREAM_OVER: Final = {"MediaStreamingStopped": "closed", "MediaStreamingFailed": "lost"}
"""Events that say that a media stream is over, and the reason that a dialog is told."""
STREAMING: Final = frozenset({"MediaStreamingStarted", *STREAM_OVER})
_STREAMS: Final = frozenset({"answerAppHostedMediaOutcome", "startMediaOutcome"})
_BEGUN: Final = "begun"
_RINGS: Final = "rings"
_FROM: Final = "from"
_TO: Final = "to"
CALLED: Final = frozenset({"phoneNumber", "communicationUser", "microsoftTeamsUser", "teamsExtensionUser"})
"""The kinds of identities that ACS calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcsTurns(SteppedTurns):
    """Takes the turns of calls on ACS."""

    client: AcsClient
    resource: AcsSettings
    channel: ClassVar[str] = acs.NAME

    async def incoming(self, call: IncomingCall) -> None:
        """Take a call that rings; each delivery of its event, once. Raises the errors of `dialtone.errors`."""
        conversation = call.conversation()
        about_call(conversation.id)
        answers = self.resource.answers
        if (answers and call.to not in answers) or (not answers and await self._sent_on(call)):
            log.info("a call rings for somebody whom this bot does not answer for")
            return
        at = self.clock()
        event = Event(conversation, at, seed_of(call.correlation_id))
        row, mine = await self._begin(event, kind="conversation", message_id=call.correlation_id)
        await self._run(self._at(row, 0, {}, call.correlation_id, at, "", call.server_call_id, call.context), mine)

    async def place(self, place: Place, by: str) -> str:
        """See `SteppedTurns`."""
        source, target = self.resource.source, place.target
        if not source or kind_of(target) not in CALLED:
            why, fix = "there is nothing to call from", "set DIALTONE_ACS_SOURCE to a number or a Teams account"
            if source:
                why, fix = f"ACS does not call {target.partition(':')[0]}:", "call 4:, 8:acs: or 8:orgid: identities"
            raise WorkflowError(why, field="place", fix=fix, code="CHANNEL_CANNOT")
        call_id = placed_id(by, target)
        now = self.clock()
        setup = replace(self._setup(call_id), media=self._later(self._streams(call_id)))
        about = {"target": target, "args": dict(place.args), "source": source}
        if place.stream is not None:
            where, handler = media.Media.of(self.settings), handler_of(place.stream)
            streaming, captions = where.streams(place.stream, call_id, now, standing=True)
            setup = replace(setup, media=streaming, transcription=captions)
            about["media"] = handler
            if await self.storage.calls.media(call_id) is None:
                # It may be opened before we are told that somebody answered.
                await self.storage.calls.put_media(MediaRow(call_id, handler, self.channel, "asked", now))
        await self.storage.calls.note(NoteRow(call_id, PLACED, "placed", json.dumps(about).encode(), self.clock()))
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
        return call_id

    async def _answered(self, call_id: str, event: CallEvent) -> None:
        """Somebody took a call that the bot placed. Rule 6."""
        note = await self.storage.calls.note_of(call_id, PLACED)
        if note is None:
            log.info("a call that this bot did not place was answered")
            return
        about = json.loads(note.body)
        conversation = Conversation(
            id=call_id,
            participants=[
                Participant(identity=about["source"], originator=True),
                Participant(identity=about["target"], originator=False),
            ],
            presented_modality_types=[ModalityType.AUDIO],
            call_state=CallState.ESTABLISHED,
        )
        at, moment = self.clock(), event.at or self.clock()
        handler = about.get("media", "")
        await self._stream_open(call_id, event)
        begins = Event(Placed(conversation, about["args"], handler), at, seed_of(call_id))
        row, mine = await self._begin(begins, kind=PLACED, message_id=f"{PLACED}-{call_id}")
        where = self._at(row, 0, {}, event.id, moment, event.connection_id, event.server_call_id)
        await self._run(where, mine)

    async def happened(self, call_id: str, event: CallEvent) -> None:
        """Take an event of a call. Rules 2, 4 and 6."""
        about_call(call_id)
        if event.type in STREAM_OVER:
            await self._stream_over(call_id, event)
        if event.type in TELLS:
            await self._gathered(call_id, event)
        if event.tone:
            await self._pressed(call_id, event)
            return
        # Until a call that the bot placed is answered, PLACED is its operationContext.
        if event.context == PLACED:
            if event.type == "CallConnected":
                await self._answered(call_id, event)
            elif event.ends and event.result is not None:
                log.info("a call that was placed came to nothing: %s", event.result.told())
            return
        if event.recording is not None:
            recording, begun = event.recording
            note = NoteRow(call_id, f"{_BEGUN}-{recording}", event.type, json.dumps(begun).encode(), self.clock())
            await self.storage.calls.note(note)
            return
        place = place_of(event.context)
        if place is None and event.ends:
            place = await self._current(call_id)
        elif place is None and event.type == "CallConnected":
            place = (0, 0)
        elif place is None and event.type in STREAMING:
            place = await self._current(call_id)
        if place is None and event.ends:
            over = CallStateChange(id=call_id, type=CALL_STATE_CHANGE, current_state=CallState.TERMINATED)
            await self._end(over, event.id)
            return
        if place is None:
            log.debug("%s changes nothing", event.type)
            return
        sequence, position = place
        row = await self.storage.calls.get(call_id, sequence)
        kept = await self._kept(call_id, sequence, position)
        if row is None or kept is None:
            log.info("%s is about a command that was not sent", event.type)
            return
        if RECORDING_ID in kept and (begun := await self._begun(call_id, str(kept[RECORDING_ID]))):
            kept = {**kept, RECORDING_FROM: begun}
        moment = event.at or self.clock()
        where = self._at(row, position, kept, event.id, moment, event.connection_id, event.server_call_id)
        if position >= len(where.steps) or (event.canceled and not await self._goes_on(event.connection_id)):
            return
        action = where.steps[position].action
        if event.type == ("CallConnected" if isinstance(action, AnswerAppHostedMedia) else "MediaStreamingStarted"):
            await self._stream_open(call_id, event)
        found = of_event(where.steps[position], event, kept)
        if found is not None:
            await self._on(where, found)
        elif event.type.endswith("Failed"):
            log.warning("%s, after its command was taken: %s", event.type, (event.result or Result()).told())

    async def signalled(self, call_id: str, name: str) -> TurnRow | None:
        """See `Turns`; then the commands of the turn are sent."""
        row = await super(SteppedTurns, self).signalled(call_id, name)
        stream = await self.storage.calls.media(call_id)
        if row is not None and row.reply and stream is not None:
            connection, _, server = stream.link.partition(" ")
            await self._run(self._at(row, 0, {}, row.message_id, row.at, connection, server), mine=True)
        return row

    async def _stream_open(self, call_id: str, event: CallEvent) -> None:
        """Keep what the commands of a turn need that no event causes, and that the stream is open if it was asked."""
        stream = await self.storage.calls.media(call_id)
        if stream is None:
            return
        link = stream.link or f"{event.connection_id} {event.server_call_id}"
        state = "open" if stream.state == "asked" else stream.state
        if (link, state) != (stream.link, stream.state):
            await self.storage.calls.put_media(replace(stream, link=link, state=state, at=self.clock()))

    async def _stream_over(self, call_id: str, event: CallEvent) -> None:
        """The platform says that a stream is over: the media worker, which tells more, may be gone. Rule 9."""
        calls, place, reason = self.storage.calls, place_of(event.context), STREAM_OVER[event.type]
        stream = await calls.media(call_id)
        if stream is None or (place is not None and place[0] < stream.turn):
            return
        if place is None and reason == "closed" and stream.state == "asked":
            return
        name, told = media_end(stream.number), json.dumps({"reason": reason, "handler": stream.handler})
        await calls.signal(SignalRow(call_id, event.id, name, told, self.clock()))
        if stream.is_wanted:
            await calls.put_media(replace(stream, state="ended", reason=reason, at=self.clock()))
        await self.signalled(call_id, name)

    async def _gathered(self, call_id: str, event: CallEvent) -> None:
        """Rule 7. The bot is told of what is news, once the call has begun here."""
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
        """Rule 7: in any call, for its dialog may add somebody."""
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
        """Rule 7."""
        number = f"{TONE}-{event.context}-{event.number:09d}"
        row = SignalRow(call_id, number, TONE, json.dumps(event.tone), event.at or self.clock())
        await self.storage.calls.signal(row)
        await self.signalled(call_id, TONE)

    async def _sent_on(self, call: IncomingCall) -> bool:
        """Whether this bot has redirected the call to whom it rings for now. Rule 8."""
        return await self.storage.calls.noted(_chain(call.call_id), f"{_TO}-{call.to}")

    async def _comes_back(self, where: At) -> bool:
        """Whether a redirect would come back; if not, note where the call goes. Rule 8."""
        action = where.steps[where.position].action
        assert isinstance(action, Redirect), "only a redirect has this command"
        calls, target = self.storage.calls, action.target.identity
        _, called = json.loads(where.row.reply)["call"]
        chain = _chain(where.row.call_id)
        if target.casefold() == called.casefold() or await calls.noted(chain, f"{_FROM}-{target}"):
            return True
        for mark in (f"{_FROM}-{called}", f"{_TO}-{target}"):
            await calls.note(NoteRow(chain, mark, action.kind, b"", self.clock()))
        return False

    async def _goes_on(self, connection: str) -> bool:
        """Whether the platform says that a call is connected."""
        taken = await self.client.send("get_call_properties", None, connection=connection)
        return isinstance(taken.body, dict) and taken.body.get("callConnectionState") == "connected"

    async def _begun(self, call_id: str, recording: str) -> float:
        """When a recording began, by the platform's clock; 0 while that is not known."""
        note = await self.storage.calls.note_of(call_id, f"{_BEGUN}-{recording}")
        return float(json.loads(note.body)) if note is not None else 0.0

    @property
    def recordings(self) -> AcsRecordings:
        """The recordings of this bot's calls."""
        return AcsRecordings(self.storage, self.client, self.clock)

    async def _command(self, where: At) -> Taken:
        """Send a command, with its id."""
        step, row = where.steps[where.position], where.row
        if step.operation == "redirect_call" and await self._comes_back(where):
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
        actions, (caller, to), streams = _stored(row.reply)
        refs = CallRefs(caller, server, context, is_teams_phone=kind_of(to) == "microsoftTeamsApp", called=to)
        setup = replace(self._setup(row.call_id), media=self._later(streams))
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
        await self._put_media(history, actions)
        workflow = Workflow(actions=list(actions)).to_wire()
        workflow["call"] = self._two(history.facts)
        if any(isinstance(action, Answer) for action in actions):
            workflow["streams"] = self._streams(history.facts.call_id)
        return json.dumps(workflow, ensure_ascii=False, separators=(",", ":")).encode()

    def _streams(self, call_id: str) -> str:
        """Rule 9: where streams go that may be started later; empty for a bot that can have none."""
        if not (self.bot.streams and self.settings.media_url and self.settings.ticket_key):
            return ""
        return media.Media.of(self.settings).standing_address(call_id, self.clock())

    @staticmethod
    def _later(address: str) -> MediaStreaming | None:
        return MediaStreaming(address, unmixed=False, rate=16_000, start=False) if address else None

    async def _put_media(self, history: History, actions: list[Action]) -> None:
        """Say which stream is wanted, and with a media answer where all of the call's go. Rule 9."""
        calls, call_id, now = self.storage.calls, history.facts.call_id, self.clock()
        answer = media.answer_of(actions)
        started = next((action for action in actions if isinstance(action, StartMedia)), None)
        if answer is not None:
            where = media.Media.of(self.settings)
            answer.media_configuration = where.wire(answer.media_configuration, call_id, now, standing=True)
        if answer is None and started is None:
            return
        before, number = await calls.media(call_id), started.number if started is not None else 1
        if before is None or before.number < number:
            # Of a turn that is taken twice, the first has done it.
            link, handler = before.link if before else "", started.handler if started else history.media
            turn = history.sequence
            row = MediaRow(call_id, handler, self.channel, "asked", now, link=link, number=number, turn=turn)
            await calls.put_media(row)

    async def _note_media(self, before: History, result: ConversationResult) -> None:
        """Keep that a stream could not be had; the rest is told by events."""
        outcome, calls = result.operation_outcome, self.storage.calls
        if outcome.type in _STREAMS and not outcome.succeeded:
            stream = await calls.media(result.id)
            if stream is not None and stream.turn == before.sequence and stream.is_wanted:
                await calls.put_media(replace(stream, state="ended", reason="refused", at=self.clock()))

    async def _sound(self, before: History, result: ConversationResult, kept: dict[str, Any]) -> StoredRecording | None:
        """Rule 5: where the sound of a recording will be, noted for when it comes."""
        await self._note_media(before, result)
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


def _chain(call_id: str) -> str:
    """The partition that says whither a call was redirected: one for all calls with its correlation id."""
    return f"acs-chain-{call_id.rpartition('-')[0]}"


@lru_cache(maxsize=512)
def _stored(reply: bytes) -> tuple[tuple[Action, ...], tuple[str, str], str]:
    """What `AcsTurns._written` has stored: the actions, which nobody changes, who the call is between, and where
    its streams go.

    Several events follow a workflow, and each needs it.
    """
    stored = json.loads(reply)
    caller, to = stored["call"]
    return tuple(read_action(action) for action in stored["actions"]), (caller, to), stored.get("streams", "")
