"""The one path of a callback: verify, parse, take the turn, commit, render.

1. A turn is stored before it is answered; the insert of its row decides. Whoever finds the row taken answers with what
   is in it, byte for byte: a retry, a parallel copy, a late copy of an older callback.
2. The usual turn reads nothing. Only a history that did not fit into appState is read back, and a turn that is about
   to run an activity looks first whether it was taken already.
3. The sound of a recording is stored before its turn, under a name that a retry gives again.
4. What fails before the insert leaves nothing behind that matters; the platform tries again. What the dialog changed of
   its data is stored in the row that is inserted, saved after it and marked as saved, all before the reply: only a turn
   that is taken saves anything, and whoever finds it without the mark (a retry, the sweeper) saves it.
5. A notification takes no turn: the bot's handler is told, then it is stored, and a repetition finds it. The roster of
   a group call is read by each of its turns, if the bot asks for notifications, or who comes and goes.
6. The notification that a call is terminated takes the turn that ends it, by the same insert; it and the outcome of the
   last workflow race, and whoever comes second changes nothing. A recording or a transfer that is under way is not cut
   off: its outcome, which says what became of it, ends the call, or the sweeper does.
7. A state of the call that cannot follow the one before is logged, and taken.

8. A call that was answered with media (`functions.media`) has turns without actions, while its dialog waits for a
   signal. Then the signal itself causes the next turn. Whoever stores such a turn looks once more for signals that came
   meanwhile, so that none is missed between the two. On the Skype channel the platform takes no workflows of such a
   call: its end is told by a request of ours.

At least once, not exactly once: an activity that ran before its turn could be stored, and a handler of notifications
that ran before its notification was.
"""

import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar, Final, TypeVar

from dialtone import telemetry
from dialtone.appstate import AppStateCodec, keys_from_setting
from dialtone.channels import skype
from dialtone.dialogs import CallBot, CallFacts, Event, History, Lost, Signalled, StoredRecording, Turn, take_turn
from dialtone.dialogs.bot import ON_ERROR
from dialtone.dialogs.data import BagChange
from dialtone.dialogs.history import dumps
from dialtone.dialogs.outside import complete
from dialtone.dialogs.participants import ParticipantChange
from dialtone.dialogs.requests import fingerprint
from dialtone.dialogs.streaming import MEDIA_ENDED
from dialtone.errors import BadMessage, DependencyError
from dialtone.loading import load_bot as load_bot
from dialtone.media.sound import fault_of
from dialtone.protocol import (
    RECORDING_SCHEME,
    Action,
    AnswerAppHostedMediaOutcome,
    CallStateChange,
    Conversation,
    ConversationResult,
    RecordingFormat,
    RecordOutcome,
    RosterUpdate,
    states,
)
from dialtone.storage import CallRecord, MediaRow, NoteRow, Recording, Storage, TurnRow, open_storage
from dialtone.storage.ledger import STANDARD
from functions import media
from functions.http import about_call, log, tell
from functions.outside import CallOutside, signal_keys
from functions.settings import Settings, settings
from functions.vault import CallVault, vault_keys

T = TypeVar("T")

LOST: Final = "lost"
MEDIA_LONGEST_S: Final = 4 * 3600.0
"""The longest stream of the media worker, unless it is told otherwise."""
_NOT_CUT_OFF: Final = frozenset({"record", "transfer"})
"""Rule 6."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: a workflow, or nothing."""

    body: bytes
    status: int = 200
    content_type: str = skype.CONTENT_TYPE


@dataclass(frozen=True, slots=True)
class Turns:
    """Takes the turns of a bot's calls. `clock` gives seconds since 1970, UTC."""

    bot: CallBot
    storage: Storage
    codec: AppStateCodec
    settings: Settings
    clock: Callable[[], float] = time.time
    channel: ClassVar[str] = skype.NAME

    @property
    def callback_url(self) -> str:
        """Where the results of this bot's workflows are posted to."""
        return self.settings.callback_url

    async def callback(self, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a request of the platform. Raises the errors of `dialtone.errors`."""
        incoming = skype.parse(headers, body)
        with telemetry.span(
            "callback",
            {"dialtone.channel": self.channel},
            call_id=incoming.message.id,
            kind="server",
            traceparent=headers.get("traceparent", ""),
        ):
            return await self.received(incoming)

    async def received(self, incoming: skype.Incoming) -> Reply:
        """Answer a request that has been read."""
        message = incoming.message
        about_call(message.id)
        if isinstance(message, CallStateChange | RosterUpdate):
            return await self._notified(message, incoming.message_id)
        before = await self._history(message)
        if before is not None and not states.may_follow(before.state, message.call_state):
            log.warning("the call cannot be %s after it was %s", message.call_state, before.state)
        if before is not None and isinstance(message, ConversationResult):
            await self._note_media(before, message)
        recording = await self._store_recording(before, incoming)
        roster = await self._roster(before)
        event = Event(message, self.clock(), _seed(incoming.message_id), recording, roster)
        kind = message.operation_outcome.type if isinstance(message, ConversationResult) else "conversation"
        return await self._take(before, event, kind=kind, message_id=incoming.message_id)

    async def signalled(self, call_id: str, name: str) -> TurnRow | None:
        """Rule 8: take the turn that a signal causes, if the call waits for it: its row, if nobody else has taken it.

        A call that is over and was not ended, because a process died, is ended.
        """
        latest = await self.storage.calls.latest(call_id)
        if latest is None or latest.reply:
            return None
        await self._save(latest)
        before = await self._history_at(call_id, latest.sequence)
        if latest.done:
            await self._end_hosted(before)
            return None
        if before.pending != fingerprint("signal", name) and not name.startswith(MEDIA_ENDED):
            return None
        at, number = self.clock(), before.sequence + 1
        event = Event(Signalled(), at, _seed(f"{call_id} {number}"))
        await self._take(before, event, kind="signal", message_id=f"signal-{number}")
        row = await self.storage.calls.get(call_id, number)
        return row if row is not None and row.at == at else None

    async def lost(self, record: CallRecord) -> bool:
        """End a call whose callback did not come: its dialog sees `CallEnded`. False when the call is not over.

        A call is lost when its last turn is older than the setting says; the turn is taken once, however many sweep.
        """
        latest = await self.storage.calls.latest(record.call_id)
        if latest is None:
            # The process died between the index and the first turn.
            await self.storage.calls.close(replace(record, ended=self.clock(), outcome="failed"))
            return True
        # While a call with media waits for a signal, no callback is awaited.
        quiet = self.settings.sweep_after + (0 if latest.reply else MEDIA_LONGEST_S)
        if not latest.done and self.clock() - latest.at < quiet:
            return False
        await self._save(latest)
        if latest.done:
            # The process died between the turn that ended the call and the index; what came after did not end it.
            rows = await self.storage.calls.history(record.call_id, latest.sequence)
            end = next(row for row in rows if row.done)
            await self.storage.calls.close(replace(record, ended=end.at, outcome=_outcome(end)))
            return True
        before = await self._history_at(record.call_id, latest.sequence)
        log.warning("the callback after turn %d did not come; the call is lost", latest.sequence)
        await self._take(before, Event(Lost(), self.clock()), kind=LOST, message_id=f"{LOST}-{latest.sequence + 1}")
        return True

    async def _notified(self, notification: CallStateChange | RosterUpdate, message_id: str) -> Reply:
        """Rule 5. Raises `BadMessage` for a call that has no turn."""
        calls = self.storage.calls
        if await calls.latest(notification.id) is None:
            raise BadMessage(
                "no call has this id", field="id", code="CALL_UNKNOWN", fix="begin a call with a Conversation"
            )
        if not await calls.noted(notification.id, message_id):
            await self._tell(self.bot.notified, notification)
            if isinstance(notification, RosterUpdate):
                await self._tell_participants(notification)
                await calls.put_roster(notification.id, notification.identities)
            body = notification.to_json()
            await calls.note(NoteRow(notification.id, message_id, notification.type, body, self.clock()))
        if isinstance(notification, CallStateChange) and notification.current_state in states.TERMINAL:
            await self._end(notification, message_id)
        return Reply(b"", 202)

    async def _tell_participants(self, update: RosterUpdate) -> None:
        """Tell the bot, if it asks, who came and went since the roster before, or since the call began."""
        if self.bot.came_and_went is None:
            return
        began = (await self._history_at(update.id, 0)).facts
        before: Sequence[str] | None = await self._roster_of(began)
        if before is None:
            before = [member.identity for member in began.participants]
        if change := ParticipantChange.between(update.id, before, update.identities):
            await self._tell(self.bot.came_and_went, change)

    @staticmethod
    async def _tell(handler: Callable[[T], Awaitable[None]] | None, told: T) -> None:
        if handler is None:
            return
        try:
            await handler(told)
        except DependencyError:
            raise
        except Exception:
            log.exception("the handler of notifications failed")

    async def _end(self, change: CallStateChange, message_id: str) -> None:
        """Rule 6. A turn that somebody else takes meanwhile is not the end of it: then the next one is taken."""
        calls = self.storage.calls
        while (latest := await calls.latest(change.id)) is not None and not latest.done:
            if _awaits(latest.reply) in _NOT_CUT_OFF:
                log.info("the call is over; the outcome of its last action is waited for")
                return
            await self._save(latest)
            before = await self._history_at(change.id, latest.sequence)
            await self._take(before, Event(change, self.clock()), kind=change.type, message_id=message_id)

    async def _roster(self, before: History | None) -> tuple[str, ...] | None:
        """Rule 5."""
        if before is None or not before.facts.is_multiparty or not self.bot.follows_roster:
            return None
        return await self._roster_of(before.facts)

    async def _roster_of(self, facts: CallFacts) -> tuple[str, ...] | None:
        """Who is in a call now; None while nothing was said."""
        return await self.storage.calls.roster(facts.call_id)

    async def _history(self, message: Conversation | ConversationResult) -> History | None:
        if isinstance(message, Conversation):
            return None
        state = self.codec.decode(message.id, message.app_state)
        if state.history is not None:
            return History.from_json(state.history, call_id=message.id, sequence=state.sequence)
        return await self._history_at(message.id, state.sequence)

    async def _history_at(self, call_id: str, sequence: int) -> History:
        """The history at a turn, from the journal."""
        rows = await self.storage.calls.history(call_id, sequence)
        if not rows or rows[-1].sequence != sequence:
            raise DependencyError(
                f"the journal lacks turn {sequence}, which this bot has answered",
                fix="look whether rows of the table `calls` were deleted",
            )
        return History.from_rows([row.entries for row in rows], call_id=call_id, sequence=sequence)

    async def _store_recording(self, before: History | None, incoming: skype.Incoming) -> StoredRecording | None:
        """Whatever sound comes with a record outcome is stored, even if it is faulty or the recording failed."""
        message = incoming.message
        if before is None or not isinstance(message, ConversationResult):
            return None
        outcome = message.operation_outcome
        if not isinstance(outcome, RecordOutcome):
            return None
        if not incoming.audio:
            if outcome.succeeded:
                log.warning("the platform recorded and sent no sound")
            return None
        kind, seconds = _format(incoming.format, outcome.format), outcome.length_of_recording_in_secs
        reason, fault = str(outcome.completion_reason), str(fault_of(incoming.audio, kind, seconds))
        recording = recording_of(before, outcome.id, seconds=seconds, format=kind, reason=reason, fault=fault)
        stored = await self.storage.recordings.save(recording, incoming.audio)
        if stored.fault:
            log.warning("the sound of a recording is stored with a fault, %s: %d bytes", stored.fault, stored.size)
        return StoredRecording(stored.path, stored.size, stored.fault)

    async def _take(self, before: History | None, event: Event, *, kind: str, message_id: str) -> Reply:
        call_id = before.facts.call_id if before is not None else getattr(event.message, "id", "")
        telemetry.count("dialtone.turns", channel=self.channel, event=kind)
        with telemetry.span("turn", {"dialtone.channel": self.channel, "dialtone.event": kind}, call_id=call_id):
            return await self._taken_here(before, event, kind=kind, message_id=message_id)

    async def _taken_here(self, before: History | None, event: Event, *, kind: str, message_id: str) -> Reply:
        if before is not None:
            # Before the first turn nothing was asked.
            event = replace(event, vault=self._vault(before.facts.call_id))
        await self._tell_receivers(event)
        turn = take_turn(self.bot, before, event)
        outside = self._outside(turn.history)
        if turn.activity is not None:
            if (taken := await self._taken(turn.history)) is not None:
                await self._save(taken)
                if before is None:
                    # Whoever took the turn may have died before the call was listed.
                    await self._list(turn, taken)
                return self._answered_before(taken, message_id)
            turn = await complete(self.bot, turn, event, outside)
        turn = await self._possible(turn, event, outside)
        if turn.error is not None:
            # An exception's text may hold what the caller typed.
            text = "".join(traceback.format_exception(turn.error))
            told = turn.history.without_typed(text, event.vault.open)
            log.error("the dialog failed\n%s", told)
        whole = turn.history.to_json()
        body = await self._render(turn, whole)
        row = self._row(before, turn, event, whole, body, kind=kind, message_id=message_id)
        reply = await self._commit(before, turn, row)
        if turn.history.media and not body:
            await self._after_idle(turn, outside.seen)
        return reply

    async def _possible(self, turn: Turn, event: Event, outside: CallOutside) -> Turn:
        """The turn as the platform can take it."""
        return await media.possible(self.bot, turn, event, outside)

    async def _after_idle(self, turn: Turn, seen: set[str]) -> None:
        """Rule 8: a turn that has no actions was stored."""
        history = turn.history
        if history.done:
            if turn.actions:
                await self._end_hosted(history)
            return
        rows = await self.storage.calls.signals(history.facts.call_id)
        for name in {row.name for row in rows if row.id not in seen}:
            await self.signalled(history.facts.call_id, name)

    async def _end_hosted(self, history: History) -> None:
        """Tell the platform that the call is over, once."""
        row = await self.storage.calls.media(history.facts.call_id)
        if row is not None and row.link and row.state != "closed" and await media.end_call(row.link):
            await self.storage.calls.put_media(replace(row, state="closed", at=self.clock()))

    async def _note_media(self, before: History, result: ConversationResult) -> None:
        """Keep what the platform says of the media answer."""
        outcome = result.operation_outcome
        if isinstance(outcome, AnswerAppHostedMediaOutcome):
            state = "open" if outcome.succeeded else "ended"
            reason = "" if outcome.succeeded else "refused"
            link = (result.links or {}).get("call", "")
            row = MediaRow(result.id, before.media, self.channel, state, self.clock(), reason, link)
            await self.storage.calls.put_media(row)

    def _vault(self, call_id: str) -> CallVault:
        return CallVault(vault_keys(self.settings.appstate_key), call_id)

    async def _taken(self, history: History) -> TurnRow | None:
        return await self.storage.calls.get(history.facts.call_id, history.sequence)

    def _outside(self, history: History) -> CallOutside:
        keys = signal_keys(self.settings)
        call_id = history.facts.call_id
        return CallOutside(call_id, self.storage, keys, self.settings.public_url, self.channel)

    async def _tell_receivers(self, event: Event) -> None:
        for receiver in self.bot.receivers:
            try:
                await receiver(event)
            except DependencyError:
                raise
            except Exception:
                log.exception("a function that is told events failed")

    async def _render(self, turn: Turn, whole: str) -> bytes:
        history = turn.history
        actions = await self.bot.sent(history.facts.call_id, turn.actions)
        if not actions:
            return b""
        await self._put_media(history, actions)
        await self._put_prompts(actions, history.facts.started)
        await self._put_recordings(actions)
        return self._written(history, actions, whole)

    def _written(self, history: History, actions: list[Action], whole: str) -> bytes:
        """The reply, as the channel has it."""
        asked = media.answer_of(actions) is not None
        if history.media and not asked:
            return b""  # Rule 8
        return skype.render(
            actions,
            callback=self.callback_url,
            app_state=self.codec.encode(history.facts.call_id, history.sequence, whole),
            subscriptions=self.bot.subscriptions(multiparty=history.facts.is_multiparty, media=asked),
            loopback_http=self.settings.auth == "loopback",
        )

    async def _put_media(self, history: History, actions: list[Action]) -> None:
        """Say where the stream of a media answer goes."""
        answer = media.answer_of(actions)
        if answer is not None:
            call_id, now = history.facts.call_id, self.clock()
            where = media.Media.of(self.settings)
            answer.media_configuration = where.wire(answer.media_configuration, call_id, now)
            await self.storage.calls.put_media(MediaRow(call_id, history.media, self.channel, "asked", now))

    async def _put_prompts(self, actions: list[Action], began: float) -> None:
        """Replace the texts of named prompts by what operators had uploaded when the call began, in its language."""
        prompts = [prompt for action in actions for prompt in skype.prompts_of(action) if prompt.blob_name]
        for culture in {prompt.blob_culture for prompt in prompts}:
            spoken = [prompt for prompt in prompts if prompt.blob_culture == culture]
            names = {prompt.blob_name or "" for prompt in spoken}
            found = await self.storage.prompts.resolve(names, culture, channel=self.channel, as_of=began)
            for prompt in spoken:
                if (uploaded := found.get(prompt.blob_name or "")) is not None:
                    prompt.value, prompt.file_uri = uploaded.text, uploaded.file_uri

    async def _put_recordings(self, actions: list[Action]) -> None:
        """Replace the paths of recordings that are played by links to them."""
        for prompt in (prompt for action in actions for prompt in skype.prompts_of(action)):
            if prompt.file_uri and prompt.file_uri.startswith(RECORDING_SCHEME):
                prompt.file_uri = await self.storage.recordings.link(prompt.file_uri.removeprefix(RECORDING_SCHEME))

    def _row(
        self, before: History | None, turn: Turn, event: Event, whole: str, body: bytes, *, kind: str, message_id: str
    ) -> TurnRow:
        history = turn.history
        entries, reset = history.row_json(before, whole)
        return TurnRow(
            call_id=history.facts.call_id,
            sequence=history.sequence,
            message_id=message_id,
            event=kind,
            entries=entries,
            reset=reset,
            reply=body,
            content_type=skype.CONTENT_TYPE,
            status=200,
            at=event.at,
            done=history.done,
            failed=_failed(turn),
            changes=dumps([change.document() for change in turn.changes]) if turn.changes else "",
            took=max(0.0, round(self.clock() - event.at, 3)),
        )

    async def _commit(self, before: History | None, turn: Turn, row: TurnRow) -> Reply:
        taken = await self.storage.calls.insert(row)
        kept = taken or row
        await self._save(kept, new=taken is None)
        if before is None:
            # Before the answer, so that no call is unknown: what fails here is done by the retry, as the journal says.
            await self._list(turn, kept)
        elif row.done and not before.done and taken is None:
            try:
                await self._list(turn, row)
            except DependencyError:
                log.warning("the index row of an ended call could not be written; the sweeper will write it")
        return self._answered_before(taken, row.message_id) if taken else Reply(row.reply)

    async def _save(self, row: TurnRow, *, new: bool = False) -> None:
        """Rule 4, for a row that is stored; `new` says that this process has just inserted it."""
        calls = self.storage.calls
        if not row.changes or (not new and await calls.is_saved(row.call_id, row.sequence)):
            return
        for change in map(BagChange.of, json.loads(row.changes)):
            await self.storage.data.save(*change.key, change.values, change.removed, emptied=change.emptied)
        await calls.mark_saved(row.call_id, row.sequence)

    async def _list(self, turn: Turn, row: TurnRow) -> None:
        """Write the rows of the index for a turn that began or ended a call."""
        facts = turn.history.facts
        if row.done:
            outcome = _outcome(row)
            telemetry.count("dialtone.calls", channel=self.channel, outcome=outcome)
            about = {"dialtone.channel": self.channel, "dialtone.call.outcome": outcome}
            telemetry.call_ended(row.call_id, about, started=facts.started, ended=row.at)
        record = CallRecord(
            call_id=row.call_id,
            channel=self.channel,
            caller=facts.caller.identity if facts.caller else "",
            started=facts.started if row.sequence else round(row.at, 3),
            ended=row.at if row.done else None,
            outcome=_outcome(row) if row.done else "",
        )
        await (self.storage.calls.close(record) if row.done else self.storage.calls.open(record))

    @staticmethod
    def _answered_before(row: TurnRow, message_id: str) -> Reply:
        """Rule 1."""
        if row.message_id != message_id:
            log.warning("turn %d was taken by another callback; it is answered as that one was", row.sequence)
        else:
            log.info("turn %d is answered again", row.sequence)
        return Reply(row.reply, row.status, row.content_type)


def recording_of(
    before: History, operation_id: str, *, seconds: float, format: str, reason: str, fault: str = ""
) -> Recording:
    """A recording that a turn's dialog asked for, with what the dialog said of it."""
    caller, (consent, keep) = before.facts.caller, before.recording or ("", "")
    return Recording(
        call_id=before.facts.call_id,
        operation_id=operation_id,
        caller=caller.identity if caller else "",
        seconds=seconds,
        format=format,
        reason=reason,
        started=before.facts.started,
        fault=fault,
        consent=consent,
        keep=keep or STANDARD,
    )


def _failed(turn: Turn) -> str:
    """What the call failed with: in this turn, or in the one after which the dialog `on_error` began."""
    if turn.error is not None:
        return type(turn.error).__name__
    history = turn.history
    return str(history.args.get("error", "")).partition(":")[0] if history.dialog == ON_ERROR else ""


def _outcome(last: TurnRow) -> str:
    """How a call ended, by its last turn."""
    if last.event == LOST:
        return "lost"
    return "failed" if last.failed else "completed"


def _awaits(reply: bytes) -> str:
    """The last action of a reply."""
    return str(json.loads(reply)["actions"][-1]["action"]) if reply else ""


def _format(*told: RecordingFormat | None) -> str:
    """The first format that the contract knows; else its default, for the sound must be kept under some name."""
    known = (str(each) for each in told if each not in (None, RecordingFormat.UNKNOWN))
    return next(known, str(RecordingFormat.WMA))


def _seed(message_id: str) -> int:
    return int.from_bytes(message_id.encode()[-16:])


@cache
def turns() -> Turns:
    """The turns of this process's bot."""
    tell("dialtone-functions")
    current = settings()
    if current.auth == "loopback":
        logging.getLogger("dialtone").warning("callbacks are not verified: DIALTONE_AUTH=loopback, this machine only")
    storage = open_storage(
        current.storage,
        account=current.storage_account,
        client_id=current.client_id,
        prompt_refresh=current.prompt_refresh,
        callers=current.callers,
        prompt_channels=current.prompt_channels,
    )
    return Turns(
        bot=load_bot(current.bot),
        storage=storage,
        codec=AppStateCodec(keys_from_setting(current.appstate_key)),
        settings=current,
    )
