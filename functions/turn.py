"""The one path of a callback: verify, parse, take the turn, commit, render.

1. A turn is stored before it is answered; the insert of its row decides. Whoever finds the row taken answers with what
   is in it, byte for byte: a retry, a parallel copy, a late copy of an older callback.
2. The usual turn reads nothing. Only a history that did not fit into appState is read back, and a turn that is about
   to run an activity looks first whether it was taken already.
3. The sound of a recording is stored before its turn, under a name that a retry gives again.
4. What fails before the insert leaves nothing behind that matters; the platform tries again.

At least once, not exactly once: an activity that ran before its turn could be stored.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from typing import Final

from dialtone.appstate import AppStateCodec, keys_from_setting
from dialtone.channels import skype
from dialtone.dialogs import CallBot, Event, History, Lost, StoredRecording, Turn, finish_activity, take_turn
from dialtone.errors import ConfigurationError, DependencyError
from dialtone.protocol import Conversation, ConversationResult, RecordOutcome
from dialtone.storage import CallRecord, Recording, Storage, TurnRow, open_storage
from functions.http import about_call, log
from functions.settings import Settings, settings

LOST: Final = "lost"


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

    async def callback(self, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a request of the platform. Raises the errors of `dialtone.errors`."""
        incoming = skype.parse(headers, body)
        message = incoming.message
        about_call(message.id)
        before = await self._history(message)
        recording = await self._store_recording(before, incoming)
        event = Event(message, self.clock(), _seed(incoming.message_id), recording)
        kind = message.operation_outcome.type if isinstance(message, ConversationResult) else "conversation"
        return await self._take(before, event, kind=kind, message_id=incoming.message_id)

    async def lost(self, record: CallRecord) -> bool:
        """End a call whose callback did not come: its dialog sees `CallEnded`. False when the call is not over.

        A call is lost when its last turn is older than the setting says; the turn is taken once, however many sweep.
        """
        latest = await self.storage.calls.latest(record.call_id)
        if latest is None or latest.done:
            # The process died between the turn and the index, or between the index and the first turn.
            ended, outcome = (latest.at, _outcome(latest)) if latest else (self.clock(), "failed")
            await self.storage.calls.close(replace(record, ended=ended, outcome=outcome))
            return True
        if self.clock() - latest.at < self.settings.sweep_after:
            return False
        rows = await self.storage.calls.history(record.call_id, latest.sequence)
        before = History.from_rows([row.entries for row in rows], call_id=record.call_id, sequence=latest.sequence)
        log.warning("the callback after turn %d did not come; the call is lost", latest.sequence)
        await self._take(before, Event(Lost(), self.clock()), kind=LOST, message_id=f"{LOST}-{latest.sequence + 1}")
        return True

    async def _history(self, message: Conversation | ConversationResult) -> History | None:
        if isinstance(message, Conversation):
            return None
        state = self.codec.decode(message.id, message.app_state)
        if state.history is not None:
            return History.from_json(state.history, call_id=message.id, sequence=state.sequence)
        rows = await self.storage.calls.history(message.id, state.sequence)
        if not rows or rows[-1].sequence != state.sequence:
            raise DependencyError(
                f"the journal lacks turn {state.sequence}, which this bot has answered",
                fix="look whether rows of the table `calls` were deleted",
            )
        return History.from_rows([row.entries for row in rows], call_id=message.id, sequence=state.sequence)

    async def _store_recording(self, before: History | None, incoming: skype.Incoming) -> StoredRecording | None:
        message = incoming.message
        if before is None or not isinstance(message, ConversationResult) or not incoming.audio:
            return None
        outcome = message.operation_outcome
        if not isinstance(outcome, RecordOutcome) or not outcome.succeeded:
            return None
        caller = before.facts.caller
        stored = await self.storage.recordings.save(
            Recording(
                call_id=message.id,
                operation_id=outcome.id,
                caller=caller.identity if caller else "",
                seconds=outcome.length_of_recording_in_secs,
                format=str(incoming.format or outcome.format or "wma"),
                reason=str(outcome.completion_reason),
                started=before.facts.started,
            ),
            incoming.audio,
        )
        return StoredRecording(stored.path, stored.size)

    async def _take(self, before: History | None, event: Event, *, kind: str, message_id: str) -> Reply:
        turn = take_turn(self.bot, before, event)
        looked = False
        while turn.activity is not None:
            if not looked and (taken := await self._taken(turn.history)) is not None:
                return self._answered_before(taken, message_id)
            looked = True
            turn = await self._run_activity(turn, event)
        if turn.error is not None:
            log.error("the dialog failed", exc_info=turn.error)
        whole = turn.history.to_json()
        body = await self._render(turn, whole)
        row = self._row(before, turn, event, whole, body, kind=kind, message_id=message_id)
        return await self._commit(before, turn, row)

    async def _taken(self, history: History) -> TurnRow | None:
        return await self.storage.calls.get(history.facts.call_id, history.sequence)

    async def _run_activity(self, turn: Turn, event: Event) -> Turn:
        assert turn.activity is not None
        try:
            result = await turn.activity.run()
        except DependencyError:
            raise
        except Exception as error:
            log.warning("an activity of the dialog raised %s", type(error).__name__)
            return finish_activity(self.bot, turn, event, error=f"{type(error).__name__}: {error}")
        return finish_activity(self.bot, turn, event, result=result)

    async def _render(self, turn: Turn, whole: str) -> bytes:
        if not turn.actions:
            return b""
        history = turn.history
        caller = history.facts.caller
        await self._put_prompts(turn, caller.language_id if caller else None)
        return skype.render(
            turn.actions,
            callback=self.settings.callback_url,
            app_state=self.codec.encode(history.facts.call_id, history.sequence, whole),
            loopback_http=self.settings.auth == "loopback",
        )

    async def _put_prompts(self, turn: Turn, culture: str | None) -> None:
        """Replace the texts of named prompts by what operators have uploaded."""
        prompts = [prompt for action in turn.actions for prompt in skype.prompts_of(action) if prompt.blob_name]
        if not prompts:
            return
        found = await self.storage.prompts.resolve({prompt.blob_name or "" for prompt in prompts}, culture)
        for prompt in prompts:
            if (uploaded := found.get(prompt.blob_name or "")) is not None:
                prompt.value, prompt.file_uri = uploaded.text, uploaded.file_uri

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
            failed=type(turn.error).__name__ if turn.error else "",
        )

    async def _commit(self, before: History | None, turn: Turn, row: TurnRow) -> Reply:
        taken = await self.storage.calls.insert(row)
        kept = taken or row
        if before is None:
            # Before the answer, so that no call is unknown: what fails here is done by the retry, as the journal says.
            await self._list(turn, kept)
        elif row.done and not before.done and taken is None:
            try:
                await self._list(turn, row)
            except DependencyError:
                log.warning("the index row of an ended call could not be written; the sweeper will write it")
        return self._answered_before(taken, row.message_id) if taken else Reply(row.reply)

    async def _list(self, turn: Turn, row: TurnRow) -> None:
        """Write the rows of the index for a turn that began or ended a call."""
        facts = turn.history.facts
        record = CallRecord(
            call_id=row.call_id,
            channel=skype.NAME,
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


def _outcome(last: TurnRow) -> str:
    """How a call ended, by its last turn."""
    if last.event == LOST:
        return "lost"
    return "failed" if last.failed else "completed"


def _seed(message_id: str) -> int:
    return int.from_bytes(message_id.encode()[-16:])


def load_bot(name: str) -> CallBot:
    """The bot that DIALTONE_BOT names. Raises `ConfigurationError`."""
    module, _, attribute = name.partition(":")
    try:
        bot = getattr(import_module(module), attribute or "bot")
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"{name!r} cannot be loaded: {error}", field="DIALTONE_BOT", fix="name it as module:attribute"
        ) from error
    if not isinstance(bot, CallBot):
        raise ConfigurationError(f"{name!r} is not a CallBot", field="DIALTONE_BOT", fix="name the CallBot itself")
    return bot


@cache
def turns() -> Turns:
    """The turns of this process's bot."""
    current = settings()
    if current.auth == "loopback":
        logging.getLogger("dialtone").warning("callbacks are not verified: DIALTONE_AUTH=loopback, this machine only")
    storage = open_storage(
        current.storage,
        account=current.storage_account,
        client_id=current.client_id,
        prompt_refresh=current.prompt_refresh,
    )
    return Turns(
        bot=load_bot(current.bot),
        storage=storage,
        codec=AppStateCodec(keys_from_setting(current.appstate_key)),
        settings=current,
    )
