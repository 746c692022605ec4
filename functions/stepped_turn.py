"""The turns of calls on a platform of commands, where the answer to an event is a command: `functions.turn` for those.

1. The workflow of a turn is stored in its row first; its commands are sent after. Each has an id of (call, turn,
   position), and a mark in the journal when it was sent, with what was replied.
2. What comes next is claimed by an insert: a turn's row, or a `step` note of the call. Whoever finds it there does
   nothing more, unless its mark is missing: then whoever claimed it is at it, or died; after LEASE_S seconds the
   command is sent for it.
3. So an event that comes again mends what a crash has left, and changes nothing otherwise.
4. A call that the bot places is noted (PLACED) before the platform is told, under an id that the same wish gives again.
   Its first turn is taken when somebody answers.
5. One event causes TURNS_MAX turns at most: a dialog that asks again for what is refused at once would never end.
"""

import asyncio
import hashlib
import hmac
import json
from abc import abstractmethod
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from dialtone.appstate import keys_from_setting
from dialtone.channels.acs_results import Result
from dialtone.channels.stepper import Finished, Found, Step, after, context_of, place_of
from dialtone.dialogs import Event, History, Place, StoredRecording
from dialtone.errors import Forbidden, WorkflowError
from dialtone.protocol import ConversationResult, failed_outcome
from dialtone.storage import NoteRow, TurnRow
from functions.http import log
from functions.outside import CallOutside
from functions.platform_client import Taken
from functions.turn import Turns, seed_of

LEASE_S: Final = 5.0
"""Seconds that whoever has claimed a command is given to send it."""
POLL_S: Final = 0.1
TURNS_MAX: Final = 100
STEP: Final = "step"
SENT: Final = "sent"
PLACED: Final = "placed"
TYPED: Final = "digits"
"""What a step keeps of the keys that were pressed before the question was over; it is stored sealed."""


class Tickets:
    """The last part of a call's callback address: the call's id, and a proof that we made it."""

    def __init__(self, keys: Sequence[bytes], channel: str) -> None:
        self._keys = [hmac.digest(key, f"dialtone {channel} callback".encode(), "sha256") for key in keys]

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


@lru_cache(maxsize=8)
def _tickets(keys: str, channel: str) -> Tickets:
    """Made once for each setting: their keys are derived."""
    return Tickets(keys_from_setting(keys), channel)


@lru_cache(maxsize=1024)
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
class SteppedTurns(Turns):
    """Takes the turns of calls on one platform of commands."""

    lease: float = LEASE_S

    @property
    def tickets(self) -> Tickets:
        """The tickets of this bot's calls."""
        return _tickets(self.settings.appstate_key, self.channel)

    # What a platform is.

    @abstractmethod
    async def _command(self, where: At) -> Taken:
        """Send the command of the step. Raises `DependencyError` when the platform is out of reach or out of order."""

    @abstractmethod
    def _of_reply(self, where: At, body: object) -> Found | None:
        """What the reply to a command that was taken says; None when the step is over only with an event."""

    @abstractmethod
    def _of_refusal(self, where: At, refused: Result) -> Found:
        """What the refusal of a command says."""

    @abstractmethod
    def _first(self, row: TurnRow, before: At) -> At:
        """Where the call is when the turn of a row begins."""

    async def _decided(self, where: At, found: Found) -> Found:
        """What was found, or what another event was found to say of the same step before: there is one way on."""
        return found

    @abstractmethod
    async def _sound(self, before: History, result: ConversationResult, kept: dict[str, Any]) -> StoredRecording | None:
        """Where the sound of a recording is, or will be; None for any other result."""

    async def _end_call(self, history: History) -> None:
        """Nothing: a call is ended by a command, as by any other action."""

    @abstractmethod
    async def place(self, place: Place, by: str) -> str:
        """Have the platform ring somebody: the id of that call, the same for the same `by`. Rule 4.

        Raises `WorkflowError` for whom the platform does not call, and for what it refuses, with the cause.
        """

    def _outside(self, history: History) -> CallOutside:
        turn = f"{history.facts.call_id} {history.sequence}"

        async def placing(place: Place, number: int) -> str:
            return await self.place(place, f"{turn} {number}")

        return replace(Turns._outside(self, history), placing=placing)

    async def _begin(self, event: Event, *, kind: str, message_id: str) -> tuple[TurnRow, bool]:
        """Take the first turn of a call: its row, and whether it was taken here."""
        row = await self._take(None, event, kind=kind, message_id=message_id)
        return row, row.at == event.at

    # From one command to the next.

    async def _on(self, where: At, found: Found) -> None:
        """Go on from a step, of which this was found, until there is something to wait for. Rule 5."""
        turns = 0
        while turns < TURNS_MAX:
            found = await self._decided(where, found)
            following = after(where.row.call_id, where.steps, where.position, found, where.kept)
            if isinstance(following, Finished):
                turns += 1
                turned = await self._turn(where, following.result, {**where.kept, **found.kept})
                if turned is None:
                    return
                where, mine = turned
            else:
                kept: dict[str, Any] | None = dict(following.kept)
                mine = await self._claim(where, following.position, dict(following.kept))
                if not mine:
                    kept = await self._kept(where.row.call_id, where.row.sequence, following.position)
                where = replace(where, position=following.position, kept=kept or {})
            onward = await self._send(where, mine=mine)
            if onward is None:
                return
            found = onward
        log.error("the dialog asks again and again for what is refused; it is asked no more, and the call ends as lost")

    async def _run(self, where: At, mine: bool) -> None:
        """Send the first command of a turn, and go on."""
        if where.steps and (found := await self._send(where, mine=mine)) is not None:
            await self._on(where, found)

    async def _turn(self, where: At, result: ConversationResult, kept: dict[str, Any]) -> tuple[At, bool] | None:
        """Take the turn that follows a workflow: where the call is then; None when there is nothing to send."""
        row, at = where.row, self.clock()
        before = await self.journal.history_at(row.call_id, row.sequence)
        recording = await self._sound(before, result, kept)
        event = Event(result, at, seed_of(where.cause), recording, await self._roster(before))
        new = await self._take(before, event, kind=result.operation_outcome.type, message_id=where.cause)
        there = self._first(new, where)
        return (there, new.at == at) if there.steps else None

    async def _send(self, where: At, *, mine: bool) -> Found | None:
        """Send a step's command unless it was sent; what its reply says. Rules 1 and 2."""
        row, step = where.row, where.steps[where.position]
        if step.refusal:
            log.warning("%s is refused: %s", step.action.action, step.refusal)
            return Found(failed_outcome(step.action, step.refusal))
        mark = f"{SENT}-{context_of(row.sequence, where.position)}"
        sent = await self.storage.calls.note_of(row.call_id, mark)
        waited = 0.0
        while sent is None and not mine and waited < self.lease:
            await asyncio.sleep(POLL_S)
            waited += POLL_S
            sent = await self.storage.calls.note_of(row.call_id, mark)
        if sent is None:
            taken = await self._command(where)
            told = taken.refused
            body = {"reply": taken.body} if told is None else {"refused": [told.code, told.sub_code, told.message]}
            note = NoteRow(row.call_id, mark, step.operation, json.dumps(body).encode(), self.clock())
            await self.storage.calls.note(note)
        else:
            body = json.loads(sent.body)
        if "refused" in body:
            refused = Result(*body["refused"])
            if not refused.gone:
                log.warning("%s refused %s: %s", self.channel, step.operation, refused.told())
            return self._of_refusal(where, refused)
        return self._of_reply(where, body["reply"])

    async def _claim(self, where: At, position: int, kept: dict[str, Any]) -> bool:
        """Claim a command: whether nobody had."""
        context = context_of(where.row.sequence, position)
        if (typed := kept.get(TYPED)) is not None:
            kept = {**kept, TYPED: self._vault(where.row.call_id).seal(str(typed))}
        body = json.dumps(kept).encode()
        return await self.storage.calls.note(
            NoteRow(where.row.call_id, f"{STEP}-{context}", where.cause, body, self.clock())
        )

    async def _kept(self, call_id: str, sequence: int, position: int) -> dict[str, Any] | None:
        """What is kept for a command; None when nobody has claimed it."""
        if position == 0:
            return {}
        note = await self.storage.calls.note_of(call_id, f"{STEP}-{context_of(sequence, position)}")
        if note is None:
            return None
        kept = dict(json.loads(note.body))
        if (typed := kept.get(TYPED)) is not None:
            kept[TYPED] = self._vault(call_id).open(typed)
        return kept

    async def _current(self, call_id: str) -> tuple[int, int] | None:
        """The command that the call is at; None when it is over, or not known."""
        latest = await self.storage.calls.latest(call_id)
        if latest is None or not latest.reply:
            return None
        claimed = await self.storage.calls.notes(call_id, f"{STEP}-{latest.sequence}.")
        places = [place_of(note.message_id.removeprefix(f"{STEP}-")) for note in claimed]
        return latest.sequence, max((place[1] for place in places if place), default=0)


def placed_id(by: str, target: str) -> str:
    """The id of a call that the bot places (rule 4)."""
    digest = hashlib.sha256(f"{by}\n{target}".encode()).hexdigest()
    return f"placed-{digest[:32]}"


def place_refused(platform: str, told: str) -> WorkflowError:
    """What a dialog is told of a call that the platform did not place."""
    return WorkflowError(
        f"{platform} refused to place the call: {told}",
        field="place",
        fix="catch ActionFailed where the dialog can go on without it",
        code="CHANNEL_REFUSED",
    )
