"""The turns of calls on Teams, where the answer to a notice is a command.

1. Commands are stored, sent and marked as `functions.stepped_turn` says. Graph knows no id of a request, so a command
   is sent again when the process dies between sending it and storing its mark; both have the same clientContext.
2. Which command a notice is about is said by its clientContext. What has none (states, keys) is about the command that
   the call is at; an established call is what the answer, its first command, was for.
3. Which keys answer a question is said by `functions.teams_keys`.
4. From a question several events may lead on: a key, the end of what is played, the end of the call. The first that
   inserts its `went` note decides, and all others go on as that one did.
5. The sound of a recording is stored before its turn: `functions.teams_recordings`.
6. A roster is kept for the turns of a meeting's call, whether or not the bot asks for notifications; one that a later
   one has overtaken is not.
7. A call that lasts is kept alive: Graph ends one that was not within KEEP_ALIVE_S.
8. A call that the bot places is answered when it is established. What is noted of it is said by
   `functions.teams_placing`.
"""

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

from dialtone.channels import teams
from dialtone.channels.results import Result
from dialtone.channels.skype import prompts_of
from dialtone.channels.speech import ssml_of
from dialtone.channels.stepper import Found, place_of
from dialtone.channels.teams import Notice
from dialtone.channels.teams_commands import Setup
from dialtone.channels.teams_outcomes import SOUND, of_keys, of_notice, of_refusal, of_reply
from dialtone.channels.teams_steps import TeamsStep, refused_of, steps_of
from dialtone.dialogs import Event, History, Place, StoredRecording, Turn
from dialtone.errors import BadMessage, DependencyError
from dialtone.protocol import (
    CALL_STATE_CHANGE,
    OUTCOMES,
    ROSTER_UPDATE,
    Action,
    CallState,
    CallStateChange,
    ConversationResult,
    ModalityType,
    Redirect,
    RosterParticipant,
    RosterUpdate,
    Workflow,
    read_action,
)
from dialtone.storage import CallRecord, NoteRow, TurnRow
from functions import media
from functions.commands import At, Claimed
from functions.http import about_call, log
from functions.outside import CallOutside
from functions.placing import PLACED, placed_id
from functions.platform_client import Taken
from functions.speech import Speech
from functions.stepped_turn import SteppedTurns
from functions.teams_client import GraphClient
from functions.teams_keys import TeamsKeys
from functions.teams_placing import TeamsPlacing
from functions.teams_recordings import TeamsRecordings
from functions.teams_settings import TeamsSettings
from functions.turn import seed_of

_WENT: Final = "went"
_ROSTER: Final = "roster"
_ALIVE: Final = "alive"
_MADE: Final = {"answer": ("establishing", "established"), "transfer": ("transferring", "transferAccepted")}
"""The states that a command makes of a call."""


@dataclass(frozen=True, slots=True)
class TeamsAt(At):
    """Where a call on Teams is."""

    steps: list[TeamsStep]

    @property
    def step(self) -> TeamsStep:
        """The command that it is at."""
        return self.steps[self.position]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsTurns(SteppedTurns):
    """Takes the turns of calls on Teams. Without `speech` texts are refused, and files are played."""

    client: GraphClient
    resource: TeamsSettings
    speech: Speech | None = None
    channel: ClassVar[str] = teams.NAME

    @property
    def calls_placed(self) -> TeamsPlacing:
        """The calls that this bot places, and which meeting a call is of."""
        return TeamsPlacing(self.client, self.resource.app, self.placing)

    # What comes in.

    async def incoming(self, notice: Notice) -> None:
        """Take a call that rings; each delivery of its notice, once. Raises the errors of `dialtone.errors`."""
        conversation = notice.conversation
        about_call(conversation.id)
        at = self.clock()
        event = Event(conversation, at, seed_of(notice.id))
        row, claimed = await self._begin(event, kind="conversation", message_id=notice.id)
        await self._run(self._at(row, 0, {}, notice.id, at, notice.call_id), claimed)

    async def place(self, place: Place, by: str) -> str:
        """See `SteppedTurns`. A meeting is called by its join link."""
        call_id = placed_id(by, place.target)
        await self.calls_placed.place(place, call_id, self._setup(call_id))
        return call_id

    async def _answered(self, call_id: str, notice: Notice) -> None:
        """A call that the bot placed is established. Rule 8."""
        placed = await self.calls_placed.answered(call_id, notice.call_id)
        if placed is None:
            return
        at = self.clock()
        row, claimed = await self._begin(
            Event(placed, at, seed_of(call_id)), kind=PLACED, message_id=f"{PLACED}-{call_id}"
        )
        await self._run(self._at(row, 0, {}, notice.id, at, notice.call_id), claimed)

    async def happened(self, call_id: str, notice: Notice) -> None:
        """Take a notice of a call. Rules 2 to 6 and 8."""
        about_call(call_id)
        if call_id != notice.call_id and notice.state == "established" and notice.result is None:
            await self._answered(call_id, notice)
            return
        if notice.about == "participants":
            await self._gathered(call_id, notice)
            return
        if notice.about == "call" and notice.state:
            await self._stated(call_id, notice)
        where = await self._where(call_id, notice)
        if where is None:
            log.debug("a notice changes nothing")
            return
        place = where.row.sequence, where.position
        if notice.tone is not None:
            await self._keys(where).pressed(*notice.tone, place)
            # The command that the call is at is sent for whoever claimed it and died; then its keys are looked at.
            found = await self._send(where, None)
        else:
            keys = await self._keys(where).of(where.step, place[0], whole=True)
            found = of_notice(where.steps, where.position, notice, where.kept, keys)
            if found is not None and where.step.role == "record":
                found = await self._with_sound(where, notice, found)
                await self._keys(where).ended(where.step.action, found.kept, place)
        if found is not None:
            await self._on(where, found)

    async def spoken(self, call_id: str, name: str) -> bytes:
        """The file of a text that a call plays, `<turn>-<action>-<prompt>.wav`. Raises `BadMessage` for any other."""
        about_call(call_id)
        parts = name.removesuffix(".wav").split("-")
        try:
            sequence, number, place = map(int, parts)
            row = await self.storage.calls.get(call_id, sequence)
            action = self._actions(row)[number] if row else None
            prompt = prompts_of(action)[place] if action else None
        except (ValueError, IndexError):
            prompt = None
        if prompt is None or not prompt.value or self.speech is None:
            raise BadMessage("no such text is played", field="name", code="TEXT_UNKNOWN", fix="use the uri of a prompt")
        return await self.speech.wav(ssml_of(prompt, prompt.value))

    async def keep_alive(self, record: CallRecord) -> None:
        """Rule 7: ask for an open call to go on, once in each of its quarters of an hour. Raises `DependencyError`."""
        about_call(record.call_id)
        quarter = int((self.clock() - record.started) // teams.KEEP_ALIVE_S[0])
        place = await self.commands.current(record.call_id)
        if quarter < 1 or place is None:
            return
        mark = f"{_ALIVE}-{quarter}"
        if await self.storage.calls.noted(record.call_id, mark):
            return
        taken = await self.client.send("keepAlive", call=await self.calls_placed.graph_id(record.call_id))
        if taken.refused is not None:
            log.warning("the call could not be kept alive: %s", taken.refused.told())
        await self.storage.calls.note(NoteRow(record.call_id, mark, "keepAlive", b"", self.clock()))

    def _outside(self, history: History) -> CallOutside:
        meeting = partial(self.calls_placed.meeting, history.facts.call_id)
        return replace(SteppedTurns._outside(self, history), asking=meeting)

    # What a platform is.

    async def _command(self, where: At) -> Taken:
        """Send a command. One that was sent before, and whose mark was lost, is refused by the state that it made."""
        step, ids = _teams(where).step, {"call": where.connection}
        if step.member:
            there = await self.client.send("listParticipants", call=where.connection)
            if there.refused is not None:
                return there
            members = teams.participants_of(there.body.get("value") if isinstance(there.body, dict) else None)
            wanted = (each.id for each in members if each.identity.casefold() == step.member.casefold())
            if (member := next(wanted, None)) is None:
                return Taken(refused=Result(400, 0, "nobody in the call has this identity"))
            ids["participant"] = member
        taken = await self.client.send(step.operation, step.body, **ids)
        if taken.refused is not None and step.operation in _MADE:
            call = await self.client.send("get", call=where.connection)
            if isinstance(call.body, dict) and call.body.get("state") in _MADE[step.operation]:
                return Taken()
        return taken

    async def _possible(self, turn: Turn, event: Event, outside: CallOutside) -> Turn:
        """Without a media answer; what else Teams does not do its steps refuse."""
        return await media.possible(self.bot, turn, event, outside, refused_of)

    def _of_reply(self, where: At, body: object) -> Found | None:
        return of_reply(_teams(where).steps, where.position, body, where.kept)

    def _of_refusal(self, where: At, refused: Result) -> Found:
        return of_refusal(_teams(where).steps, where.position, refused, where.kept)

    def _first(self, row: TurnRow, before: At) -> At:
        return self._at(row, 0, {}, before.cause, before.moment, before.connection)

    async def _sound(self, before: History, result: ConversationResult, kept: dict[str, Any]) -> StoredRecording | None:
        return StoredRecording(*kept[SOUND]) if SOUND in kept else None

    async def _send(self, where: At, claimed: Claimed) -> Found | None:
        """Send a command unless it was sent; what its reply says, or the keys that its question has been given."""
        found = await SteppedTurns._send(self, where, claimed)
        here = _teams(where)
        if found is None and here.step.is_listening:
            keys = await self._keys(here).of(here.step, here.row.sequence)
            found = of_keys(here.steps, here.position, keys)
        return found

    async def _decided(self, where: At, found: Found) -> Found:
        """Rule 4."""
        if not _teams(where).step.is_listening:
            return found
        row, calls = where.row, self.storage.calls
        mark = f"{_WENT}-{where.context}"
        document = {"outcome": found.outcome.to_wire(), "over": found.over, "kept": dict(found.kept), "to": found.to}
        # It may say what the caller typed.
        body = self._vault(row.call_id).seal(json.dumps(document))
        if await calls.note(NoteRow(row.call_id, mark, where.cause, body.encode(), self.clock())):
            return found
        note = await calls.note_of(row.call_id, mark)
        if note is None:
            raise DependencyError("a note that was stored is not there", fix="look at the table `calls`")
        told = json.loads(self._vault(row.call_id).open(note.body.decode()))
        read = OUTCOMES[told["outcome"]["type"]].from_wire(told["outcome"])
        return Found(read, told["over"], told["kept"], told["to"])

    async def _roster(self, before: History | None) -> tuple[str, ...] | None:
        """Rule 6."""
        if before is None or not before.facts.is_multiparty:
            return None
        return await self.storage.calls.roster(before.facts.call_id)

    # Where a call is.

    async def _where(self, call_id: str, notice: Notice) -> TeamsAt | None:
        """Rule 2; None for a command that was not sent, and when the call is over."""
        established = notice.state == "established" and (notice.result is None or notice.result.code < 400)
        if notice.about == "operation":
            place = place_of(notice.context)
        elif established and notice.tone is None:
            place = await self._answer_of(call_id)
        elif notice.about == "call":
            place = await self.commands.current(call_id)
        else:
            place = None
        command = await self.commands.find(call_id, *place) if place is not None else None
        if place is None or command is None:
            return None
        row, kept = command
        where = self._at(row, place[1], kept, notice.id, self.clock(), notice.call_id)
        return where if place[1] < len(where.steps) else None

    async def _answer_of(self, call_id: str) -> tuple[int, int] | None:
        """Where the answer was sent: it is the first command of a call, but for one that could not be redirected."""
        first = await self.storage.calls.get(call_id, 0)
        if first is not None and any(isinstance(action, Redirect) for action in self._actions(first)):
            return await self.commands.current(call_id)
        return 0, 0

    def _at(
        self, row: TurnRow, position: int, kept: dict[str, Any], cause: str, moment: float, connection: str
    ) -> TeamsAt:
        """Where a call is; its steps are made of the workflow that is stored."""
        steps = steps_of(self._actions(row), row.sequence, self._setup(row.call_id)) if row.reply else []
        return TeamsAt(row, steps, position, kept, cause, moment, connection)

    def _setup(self, call_id: str) -> Setup:
        base = f"{self.settings.public_url}/api/teams"
        ticket = self.tickets.of(call_id)
        return Setup(
            callback=f"{base}/callbacks/{ticket}",
            sounds=f"{base}/sounds/",
            spoken=f"{base}/spoken/{ticket}/" if self.speech is not None else "",
            tenant=self.resource.tenant,
            app=self.resource.app,
            instance=self.resource.instance,
        )

    @staticmethod
    def _actions(row: TurnRow) -> list[Action]:
        return [read_action(action) for action in json.loads(row.reply)["actions"]] if row.reply else []

    async def _written(self, history: History, actions: list[Action], whole: str) -> bytes:
        """What is stored for a turn: its workflow."""
        document = Workflow(actions=list(actions)).to_wire()
        return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()

    # What comes in.

    def _keys(self, where: TeamsAt) -> TeamsKeys:
        """Rule 3."""
        call_id = where.row.call_id
        return TeamsKeys(self.storage, self._vault(call_id), call_id, self.clock)

    async def _with_sound(self, where: TeamsAt, notice: Notice, found: Found) -> Found:
        """Rule 5."""
        location, token = (str(notice.data.get(name) or "") for name in ("recordingLocation", "recordingAccessToken"))
        if not location or found.kept.get("reason") == "initialSilenceTimeout":
            return found
        if await self.commands.kept(where.row.call_id, where.row.sequence, where.position + 1) is not None:
            return found
        before = await self.journal.history_at(where.row.call_id, where.row.sequence)
        operation_id, reason = where.step.action.operation_id, str(found.kept["reason"])
        kept = await TeamsRecordings(self.storage, self.client).fetch(location, token, before, operation_id, reason)
        return replace(found, kept={**found.kept, **kept})

    async def _gathered(self, call_id: str, notice: Notice) -> None:
        """Rule 6. One that comes before the call has begun here is followed by others."""
        if await self.storage.calls.latest(call_id) is None:
            return
        members = [member for member in notice.members if not member.in_lobby]
        update = RosterUpdate(
            id=call_id,
            type=ROSTER_UPDATE,
            participants=[
                RosterParticipant(
                    identity=member.identity, media_type=ModalityType.AUDIO, media_stream_direction="sendReceive"
                )
                for member in members
            ],
        )
        mark = f"{_ROSTER}-{notice.roster_number:09d}"
        told = await self.storage.calls.notes(call_id, f"{_ROSTER}-")
        if all(each.message_id.partition(".")[0] <= mark for each in told):
            await self.notifications.take(update, f"{mark}.{notice.id}")

    async def _stated(self, call_id: str, notice: Notice) -> None:
        """Tell the bot, if it asks, that the state of the call changed."""
        if self.bot.notified is None or await self.storage.calls.noted(call_id, f"state-{notice.id}"):
            return
        if await self.storage.calls.latest(call_id) is None:
            return
        state = CallState("transferring" if notice.state == "transferAccepted" else notice.state)
        code = str(notice.result.sub_code) if notice.result is not None else None
        change = CallStateChange(id=call_id, type=CALL_STATE_CHANGE, current_state=state, state_change_code=code)
        await self.notifications.tell(change)
        note = NoteRow(call_id, f"state-{notice.id}", change.type, change.to_json(), self.clock())
        await self.storage.calls.note(note)


def _teams(where: At) -> TeamsAt:
    assert isinstance(where, TeamsAt), "only this module makes the places of its calls"
    return where
