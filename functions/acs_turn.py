"""The turns of calls on ACS, where the answer to an event is a command: `functions.turn` for a platform of commands.

1. The workflow of a turn is stored in its row first; its commands are sent after. Each has an id of (call, turn,
   position), and a mark in the journal when it was sent, with what was replied.
2. Which command an event is about is said by its operationContext. What comes next is claimed by an insert: a turn's
   row, or a `step` note of the call. Whoever finds it there does nothing more, unless its mark is missing: then
   whoever claimed it is at it, or died; after LEASE_S seconds the command is sent for it.
3. So an event that comes again mends what a crash has left, and changes nothing otherwise. An event of a command that
   was not sent changes nothing.
4. Exactly once for commands with a request id; at least once for `:play` and `:recognize`, when the process dies
   between sending one and storing its mark. The second one has the same operationContext, so its events are repeated
   events: the dialog takes one outcome.
5. The end of the call takes the outcome of the command that is under way.
6. A recording's sound comes later, by Event Grid, to the path that the dialog was told.
"""

import asyncio
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from dialtone.appstate import keys_from_setting
from dialtone.channels import acs, acs_results
from dialtone.channels.acs import CallEvent, IncomingCall, RecordingFile
from dialtone.channels.acs_commands import Setup
from dialtone.channels.acs_steps import (
    RECORDING_ID,
    CallRefs,
    Step,
    of_event,
    of_refusal,
    of_reply,
    path_of_recording,
    steps_of,
)
from dialtone.channels.stepper import Finished, Found, after, command_id, context_of, place_of
from dialtone.dialogs import Event, History, StoredRecording
from dialtone.errors import DependencyError, Forbidden
from dialtone.media.sound import fault_of
from dialtone.protocol import Action, ConversationResult, RecordOutcome, Workflow
from dialtone.storage import NoteRow, Recording, TurnRow
from dialtone.storage.recordings import path_of
from functions.acs_client import AcsClient
from functions.acs_settings import AcsSettings
from functions.http import about_call, log
from functions.turn import Turns

LEASE_S: Final = 5.0
"""Seconds that whoever has claimed a command is given to send it."""
POLL_S: Final = 0.1
RECORDING_MAX: Final = 512 * 1024 * 1024
_STEP: Final = "step"
_SENT: Final = "sent"
_TICKET: Final = b"dialtone acs callback"


class Tickets:
    """The last part of a call's callback address: the call's id, and a proof that we made it."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [hmac.digest(key, _TICKET, "sha256") for key in keys]

    def of(self, call_id: str) -> str:
        """The ticket of a call."""
        return f"{urlsafe_b64encode(call_id.encode()).rstrip(b'=').decode()}.{_proof(self._keys[0], call_id)}"

    def call_of(self, ticket: str) -> str:
        """The call of a ticket. Raises `Forbidden` when it is none of ours."""
        name, _, proof = ticket.partition(".")
        try:
            call_id = urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        except ValueError:
            call_id = ""
        known = (hmac.compare_digest(_proof(key, call_id).encode(), proof.encode()) for key in self._keys)
        if not call_id or not any(known):
            raise Forbidden("the callback's address is none of ours", code="TICKET", fix="post to the callbackUri")
        return call_id


def _proof(key: bytes, call_id: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, call_id.encode(), "sha256")[:18]).decode()


@dataclass(frozen=True, slots=True)
class At:
    """Where a call is: the row of its turn, that turn's steps, which one, what is kept, and what caused it."""

    row: TurnRow
    steps: Sequence[Step]
    position: int
    kept: dict[str, Any]
    cause: str
    moment: float
    connection: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcsTurns(Turns):
    """Takes the turns of calls on ACS."""

    client: AcsClient
    resource: AcsSettings
    lease: float = LEASE_S
    channel: ClassVar[str] = acs.NAME

    @property
    def tickets(self) -> Tickets:
        """The tickets of this bot's calls."""
        return Tickets(keys_from_setting(self.settings.appstate_key))

    async def incoming(self, call: IncomingCall) -> None:
        """Take a call that rings; each delivery of its event, once. Raises the errors of `dialtone.errors`."""
        conversation = call.conversation()
        about_call(conversation.id)
        if self.resource.answers and call.to not in self.resource.answers:
            log.info("a call rings for somebody whom this bot does not answer for")
            return
        at = self.clock()
        event = Event(conversation, at, _seed(call.correlation_id))
        await self._take(None, event, kind="conversation", message_id=call.correlation_id)
        row = await self._row_of(conversation.id, 0)
        mine = row.at == at
        await self._run(self._at(row, 0, {}, call.correlation_id, at, "", call.server_call_id, call.context), mine)

    async def happened(self, call_id: str, event: CallEvent) -> None:
        """Take an event of a call. Rules 2, 3 and 5."""
        about_call(call_id)
        place = place_of(event.context)
        if place is None and event.ends:
            place = await self._current(call_id)
        elif place is None and event.type == "CallConnected":
            place = (0, 0)
        if place is None:
            log.debug("%s changes nothing", event.type)
            return
        sequence, position = place
        row = await self.storage.calls.get(call_id, sequence)
        kept = await self._kept(call_id, sequence, position)
        if row is None or kept is None:
            log.info("%s is about a command that was not sent", event.type)
            return
        moment = event.at or self.clock()
        where = self._at(row, position, kept, event.id, moment, event.connection_id, event.server_call_id)
        if position >= len(where.steps):
            return
        found = of_event(where.steps[position], event, kept)
        if found is not None:
            await self._on(where, found)

    async def recorded(self, file: RecordingFile) -> None:
        """Fetch a recording and store it, once. Raises `DependencyError`: then Event Grid delivers it again."""
        note = await self.storage.calls.note_of(_recording_key(file.recording_id), _SENT)
        if note is None:
            raise DependencyError("the recording is not known yet", fix="wait for the next delivery of the event")
        about = json.loads(note.body)
        about_call(about["call_id"])
        for number, chunk in enumerate(file.chunks):
            sound = await self.client.fetch(chunk.content, limit=RECORDING_MAX)
            # A recording of more than 4 hours has several files; the dialog was told the path of the first.
            name = f"{about['operation_id']}-{number}" if number else about["operation_id"]
            wanted = replace(Recording(**about), operation_id=name)
            fault = "" if len(file.chunks) > 1 else str(fault_of(memoryview(sound), wanted.format, wanted.seconds))
            stored = await self.storage.recordings.save(replace(wanted, fault=fault), sound)
            log.info("a recording of %d bytes is stored", stored.size)

    # From one command to the next.

    async def _on(self, where: At, found: Found) -> None:
        """Go on from a step, of which this was found, until there is something to wait for."""
        while True:
            following = after(where.row.call_id, where.steps, where.position, found, where.kept)
            if isinstance(following, Finished):
                turned = await self._turn(where, following.result, {**where.kept, **found.kept})
                if turned is None:
                    return
                where, mine = turned
            else:
                mine = await self._claim(where, following.position, dict(following.kept))
                kept = await self._kept(where.row.call_id, where.row.sequence, following.position)
                where = replace(where, position=following.position, kept=kept or {})
            onward = await self._send(where, mine=mine)
            if onward is None:
                return
            found = onward

    async def _run(self, where: At, mine: bool) -> None:
        """Send the first command of a turn, and go on."""
        if where.steps and (found := await self._send(where, mine=mine)) is not None:
            await self._on(where, found)

    async def _turn(self, where: At, result: ConversationResult, kept: dict[str, Any]) -> tuple[At, bool] | None:
        """Take the turn that follows a workflow: where the call is then; None when there is nothing to send."""
        row, at = where.row, self.clock()
        before = await self._history_at(row.call_id, row.sequence)
        recording = await self._promised(before, result, kept)
        event = Event(result, at, _seed(where.cause), recording)
        await self._take(before, event, kind=result.operation_outcome.type, message_id=where.cause)
        new = await self._row_of(row.call_id, row.sequence + 1)
        server = str(where.kept.get("server", ""))
        there = self._at(new, 0, {}, where.cause, where.moment, where.connection, server)
        return (there, new.at == at) if there.steps else None

    async def _send(self, where: At, *, mine: bool) -> Found | None:
        """Send a step's command unless it was sent; what its reply says. Rules 1 and 2."""
        row, step = where.row, where.steps[where.position]
        if step.refusal:
            log.warning("%s is refused: %s", step.action.action, step.refusal)
            return of_reply(step, None, where.kept, where.moment)
        mark = f"{_SENT}-{context_of(row.sequence, where.position)}"
        sent = await self.storage.calls.note_of(row.call_id, mark)
        waited = 0.0
        while sent is None and not mine and waited < self.lease:
            await asyncio.sleep(POLL_S)
            waited += POLL_S
            sent = await self.storage.calls.note_of(row.call_id, mark)
        if sent is None:
            taken = await self.client.send(
                step.operation,
                step.body,
                command_id=command_id(row.call_id, row.sequence, where.position),
                connection=where.connection,
                recording=path_of_recording(where.kept),
            )
            told = taken.refused
            body = {"reply": taken.body} if told is None else {"refused": [told.code, told.sub_code, told.message]}
            note = NoteRow(row.call_id, mark, step.operation, json.dumps(body).encode(), self.clock())
            await self.storage.calls.note(note)
        else:
            body = json.loads(sent.body)
        if "refused" in body:
            refused = acs_results.Result(*body["refused"])
            if not refused.gone:
                log.warning("ACS refused %s: %s", step.operation, refused.told())
            return of_refusal(step, refused, where.kept)
        return of_reply(step, body["reply"], where.kept, where.moment)

    async def _claim(self, where: At, position: int, kept: dict[str, Any]) -> bool:
        """Claim a command: whether nobody had."""
        context = context_of(where.row.sequence, position)
        body = json.dumps(kept).encode()
        return await self.storage.calls.note(
            NoteRow(where.row.call_id, f"{_STEP}-{context}", where.cause, body, self.clock())
        )

    async def _kept(self, call_id: str, sequence: int, position: int) -> dict[str, Any] | None:
        """What is kept for a command; None when nobody has claimed it."""
        if position == 0:
            return {}
        note = await self.storage.calls.note_of(call_id, f"{_STEP}-{context_of(sequence, position)}")
        return None if note is None else dict(json.loads(note.body))

    async def _current(self, call_id: str) -> tuple[int, int] | None:
        """The command that the call is at; None when it is over, or not known."""
        latest = await self.storage.calls.latest(call_id)
        if latest is None or not latest.reply:
            return None
        position = 0
        while await self._kept(call_id, latest.sequence, position + 1) is not None:
            position += 1
        return latest.sequence, position

    async def _row_of(self, call_id: str, sequence: int) -> TurnRow:
        row = await self.storage.calls.get(call_id, sequence)
        if row is None:
            raise DependencyError("a turn that was stored is not there", fix="look at the table `calls`")
        return row

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
        stored = json.loads(row.reply)
        actions: list[Action] = list(Workflow.from_wire({"actions": stored["actions"]}).actions)
        caller, to = stored["call"]
        refs = CallRefs(caller, server, context, is_teams_phone=acs.kind_of(to) == "microsoftTeamsApp")
        base = f"{self.settings.public_url}/api/acs"
        setup = Setup(
            callback=f"{base}/callbacks/{self.tickets.of(row.call_id)}",
            sounds=f"{base}/sounds/",
            speech=self.resource.speech,
        )
        steps = steps_of(actions, row.sequence, refs, setup)
        return At(row, steps, position, {**kept, "server": server}, cause, moment, connection)

    def _written(self, history: History, actions: list[Action], whole: str) -> bytes:
        """What is stored for a turn: its workflow, and who is in the call."""
        caller = history.facts.caller
        others = [member.identity for member in history.facts.participants if not member.originator]
        workflow = Workflow(actions=list(actions)).to_wire()
        workflow["call"] = [caller.identity if caller else "", others[0] if others else ""]
        return json.dumps(workflow, ensure_ascii=False, separators=(",", ":")).encode()

    async def _promised(
        self, before: History, result: ConversationResult, kept: dict[str, Any]
    ) -> StoredRecording | None:
        """Rule 6: where the sound of a recording will be, noted for when it comes."""
        outcome = result.operation_outcome
        if not isinstance(outcome, RecordOutcome) or not outcome.succeeded or RECORDING_ID not in kept:
            return None
        caller = before.facts.caller
        recording = Recording(
            call_id=result.id,
            operation_id=outcome.id,
            caller=caller.identity if caller else "",
            seconds=outcome.length_of_recording_in_secs,
            format=str(outcome.format),
            reason=str(outcome.completion_reason),
            started=before.facts.started,
        )
        names = ("call_id", "operation_id", "caller", "seconds", "format", "reason", "started")
        about = json.dumps({name: getattr(recording, name) for name in names}).encode()
        key = _recording_key(str(kept[RECORDING_ID]))
        await self.storage.calls.note(NoteRow(key, _SENT, "recording", about, self.clock()))
        return StoredRecording(path_of(recording), 0)


def _recording_key(recording_id: str) -> str:
    """The partition that says whose a recording is."""
    return f"acs-recording-{recording_id}"


def _seed(text: str) -> int:
    return int.from_bytes(text.encode()[-16:])
