"""The turns of calls on the Skype channel, where the answer to a callback is the next workflow.

1. The appState of a workflow carries the number of its turn and the history, signed. Only a history that did not fit is
   read back from the journal. A callback whose row is there already gets what is in it, byte for byte.
2. The sound of a recording is stored before its turn, under a name that a retry gives again.
3. The platform takes no workflows of a call that was answered with media: its end is told by a request of ours.
4. A state of the call that cannot follow the one before is logged, and taken.
"""

import logging
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import ClassVar

from dialtone import telemetry
from dialtone.appstate import AppStateCodec, keys_from_setting
from dialtone.channels import skype
from dialtone.dialogs import Event, History, StoredRecording, Turn
from dialtone.loading import load_bot
from dialtone.media.sound import fault_of
from dialtone.protocol import (
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
from dialtone.storage import MediaRow, TurnRow, open_storage
from functions import media
from functions.http import about_call, log, tell
from functions.outside import CallOutside
from functions.settings import settings
from functions.turn import Turns, recording_of, seed_of


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: a workflow, or nothing."""

    body: bytes
    status: int = 200
    content_type: str = skype.CONTENT_TYPE

    @classmethod
    def of(cls, row: TurnRow) -> "Reply":
        """What is answered by the row of a turn."""
        return cls(row.reply, row.status, row.content_type)


@dataclass(frozen=True, slots=True)
class SkypeTurns(Turns):
    """Takes the turns of a bot's calls on the Skype channel."""

    channel: ClassVar[str] = skype.NAME

    @property
    def callback_url(self) -> str:
        """Where the results of this bot's workflows are posted to."""
        return self.settings.callback_url

    @property
    def codec(self) -> AppStateCodec:
        """What signs and reads the appStates of this bot's calls."""
        return _codec(self.settings.appstate_key)

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
        message, message_id = incoming.message, incoming.message_id
        about_call(message.id)
        if isinstance(message, CallStateChange | RosterUpdate):
            await self.notifications.take(message, message_id)
            if isinstance(message, CallStateChange) and message.current_state in states.TERMINAL:
                await self._end(message, message_id)
            return Reply(b"", 202)
        before = await self._history(message)
        if before is not None and not states.may_follow(before.state, message.call_state):
            log.warning("the call cannot be %s after it was %s", message.call_state, before.state)
        if before is not None and isinstance(message, ConversationResult):
            await self._note_media(before, message)
        recording = await self._store_recording(before, incoming)
        roster = await self._roster(before)
        event = Event(message, self.clock(), seed_of(message_id), recording, roster)
        kind = message.operation_outcome.type if isinstance(message, ConversationResult) else "conversation"
        return Reply.of(await self._take(before, event, kind=kind, message_id=message_id))

    async def _history(self, message: Conversation | ConversationResult) -> History | None:
        """Rule 1; None before the first turn of a call."""
        if isinstance(message, Conversation):
            return None
        state = self.codec.decode(message.id, message.app_state)
        if state.history is not None:
            return History.from_json(state.history, call_id=message.id, sequence=state.sequence)
        return await self.journal.history_at(message.id, state.sequence)

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

    async def _note_media(self, before: History, result: ConversationResult) -> None:
        """Keep what the platform says of the media answer."""
        outcome = result.operation_outcome
        if isinstance(outcome, AnswerAppHostedMediaOutcome):
            state = "open" if outcome.succeeded else "ended"
            reason = "" if outcome.succeeded else "refused"
            link = (result.links or {}).get("call", "")
            row = MediaRow(result.id, before.media, self.channel, state, self.clock(), reason, link)
            await self.storage.calls.put_media(row)

    async def _written(self, history: History, actions: list[Action], whole: str) -> bytes:
        """The workflow; nothing where the platform takes none (rule 3)."""
        await self._put_media(history, actions)
        asked = media.answer_of(actions) is not None
        if history.media and not asked:
            return b""
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

    async def _possible(self, turn: Turn, event: Event, outside: CallOutside) -> Turn:
        return await media.possible(self.bot, turn, event, outside, skype.refused_of)

    async def _end_call(self, history: History) -> None:
        """Rule 3: tell the platform that the call is over, once."""
        row = await self.storage.calls.media(history.facts.call_id)
        if row is not None and row.link and row.state != "closed" and await media.end_call(row.link):
            await self.storage.calls.put_media(replace(row, state="closed", at=self.clock()))


def _format(*told: RecordingFormat | None) -> str:
    """The first format that the contract knows; else its default, for the sound must be kept under some name."""
    known = (str(each) for each in told if each not in (None, RecordingFormat.UNKNOWN))
    return next(known, str(RecordingFormat.WMA))


@lru_cache(maxsize=8)
def _codec(keys: str) -> AppStateCodec:
    """Made once for each setting."""
    return AppStateCodec(keys_from_setting(keys))


@cache
def turns() -> SkypeTurns:
    """The turns of this process's bot on the Skype channel; its storage and settings are those of all channels."""
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
    _codec(current.appstate_key)  # a key that is none is told before a call comes
    return SkypeTurns(load_bot(current.bot), storage, current)
