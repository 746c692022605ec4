"""The one path of a turn, on every channel: what happened goes in, the row of a turn comes out.

1. A turn is stored before it is answered or its commands are sent; the insert of its row decides (`functions.journal`).
2. The usual turn reads nothing. A turn that is about to run an activity looks first whether it was taken already.
3. What fails before the insert leaves nothing behind that matters; the platform tries again.
4. The notification that a call is terminated takes the turn that ends it, by the same insert; it and the outcome of the
   last workflow race, and whoever comes second changes nothing. A recording or a transfer that is under way is not cut
   off: its outcome, which says what became of it, ends the call, or the sweeper does.
5. The roster of a group call is read by each of its turns, if the bot asks for notifications, or who comes and goes.
6. A call that was answered with media (`functions.media`) has turns without actions, while its dialog waits for a
   signal. Then the signal itself causes the next turn. Whoever stores such a turn looks once more for signals that came
   meanwhile, so that none is missed between the two.

At least once, not exactly once: an activity that ran before its turn could be stored.

What differs between channels are the methods below "What a channel is": `functions.skype_turn`, where the answer to a
callback is the workflow, and `functions.stepped_turn`, where it is commands.
"""

import json
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from dialtone import telemetry
from dialtone.dialogs import CallBot, CallFacts, Event, History, Lost, Signalled, Turn, take_turn
from dialtone.dialogs.outside import complete
from dialtone.dialogs.requests import fingerprint
from dialtone.dialogs.streaming import MEDIA_ENDED
from dialtone.protocol import Action, CallStateChange
from dialtone.storage import CallRecord, Recording, Storage, TurnRow
from dialtone.storage.ledger import STANDARD
from functions.http import log
from functions.journal import LOST, Journal, outcome_of
from functions.notifications import Notifications
from functions.outside import CallOutside, signal_keys
from functions.prompt_links import resolve_prompts
from functions.settings import Settings
from functions.vault import CallVault, vault_keys

MEDIA_LONGEST_S: Final = 4 * 3600.0
"""The longest stream of the media worker, unless it is told otherwise."""
_NOT_CUT_OFF: Final = frozenset({"record", "transfer"})
"""Rule 4."""


@dataclass(frozen=True, slots=True)
class Turns(ABC):
    """Takes the turns of a bot's calls on one channel. `clock` gives seconds since 1970, UTC."""

    bot: CallBot
    storage: Storage
    settings: Settings
    clock: Callable[[], float] = time.time
    channel: ClassVar[str]

    @property
    def journal(self) -> Journal:
        """The rows of the turns of this channel's calls."""
        return Journal(self.storage, self.channel, self.clock)

    @property
    def notifications(self) -> Notifications:
        """What is told to the bot beside its dialogs."""
        return Notifications(self.bot, self.journal, self._roster_of)

    async def signalled(self, call_id: str, name: str) -> TurnRow | None:
        """Rule 6: take the turn that a signal causes, if the call waits for it: its row, if nobody else has taken it.

        A call that is over and was not ended, because a process died, is ended.
        """
        latest = await self.storage.calls.latest(call_id)
        if latest is None or latest.reply:
            return None
        await self.journal.save(latest)
        before = await self.journal.history_at(call_id, latest.sequence)
        if latest.done:
            await self._end_call(before)
            return None
        if before.pending != fingerprint("signal", name) and not name.startswith(MEDIA_ENDED):
            return None
        at, number = self.clock(), before.sequence + 1
        event = Event(Signalled(), at, seed_of(f"{call_id} {number}"))
        row = await self._take(before, event, kind="signal", message_id=f"signal-{number}")
        return row if row.at == at else None

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
        await self.journal.save(latest)
        if latest.done:
            # The process died between the turn that ended the call and the index; what came after did not end it.
            rows = await self.storage.calls.history(record.call_id, latest.sequence)
            end = next(row for row in rows if row.done)
            await self.storage.calls.close(replace(record, ended=end.at, outcome=outcome_of(end)))
            return True
        before = await self.journal.history_at(record.call_id, latest.sequence)
        log.warning("the callback after turn %d did not come; the call is lost", latest.sequence)
        await self._take(before, Event(Lost(), self.clock()), kind=LOST, message_id=f"{LOST}-{latest.sequence + 1}")
        return True

    async def _end(self, change: CallStateChange, message_id: str) -> None:
        """Rule 4. A turn that somebody else takes meanwhile is not the end of it: then the next one is taken."""
        calls = self.storage.calls
        while (latest := await calls.latest(change.id)) is not None and not latest.done:
            if _awaits(latest.reply) in _NOT_CUT_OFF:
                log.info("the call is over; the outcome of its last action is waited for")
                return
            await self.journal.save(latest)
            before = await self.journal.history_at(change.id, latest.sequence)
            await self._take(before, Event(change, self.clock()), kind=change.type, message_id=message_id)

    async def _take(self, before: History | None, event: Event, *, kind: str, message_id: str) -> TurnRow:
        """Take the turn after a history (None: the first of a call): its row, as whoever took it has stored it."""
        call_id = before.facts.call_id if before is not None else getattr(event.message, "id", "")
        telemetry.count("dialtone.turns", channel=self.channel, event=kind)
        with telemetry.span("turn", {"dialtone.channel": self.channel, "dialtone.event": kind}, call_id=call_id):
            return await self._take_here(before, event, kind=kind, message_id=message_id)

    async def _take_here(self, before: History | None, event: Event, *, kind: str, message_id: str) -> TurnRow:
        if before is not None:
            # Before the first turn nothing was asked.
            event = replace(event, vault=self._vault(before.facts.call_id))
        await self.notifications.tell_event(event)
        turn = take_turn(self.bot, before, event)
        outside = self._outside(turn.history)
        if turn.activity is not None:
            if (taken := await self._taken(turn.history)) is not None:
                await self.journal.save(taken)
                if before is None:
                    # Whoever took the turn may have died before the call was listed.
                    await self.journal.index(turn.history.facts, taken)
                return _answered_before(taken, message_id)
            turn = await complete(self.bot, turn, event, outside)
        turn = await self._possible(turn, event, outside)
        if turn.error is not None:
            # An exception's text may hold what the caller typed.
            text = "".join(traceback.format_exception(turn.error))
            told = turn.history.without_typed(text, event.vault.open)
            log.error("the dialog failed\n%s", told)
        whole = turn.history.to_json()
        body = await self._render(turn, whole)
        row = self.journal.row(before, turn, event, whole, body, kind=kind, message_id=message_id)
        kept = await self.journal.commit(before, turn.history.facts, row)
        if kept is not row:
            _answered_before(kept, message_id)
        if turn.history.media and not body:
            await self._after_idle(turn, outside.seen)
        return kept

    async def _after_idle(self, turn: Turn, seen: set[str]) -> None:
        """Rule 6: a turn that has no actions was stored."""
        history = turn.history
        if history.done:
            if turn.actions:
                await self._end_call(history)
            return
        rows = await self.storage.calls.signals(history.facts.call_id)
        for name in {row.name for row in rows if row.id not in seen}:
            await self.signalled(history.facts.call_id, name)

    async def _taken(self, history: History) -> TurnRow | None:
        """Rule 2."""
        return await self.storage.calls.get(history.facts.call_id, history.sequence)

    async def _render(self, turn: Turn, whole: str) -> bytes:
        history = turn.history
        actions = await self.bot.sent(history.facts.call_id, turn.actions)
        if not actions:
            return b""
        await resolve_prompts(self.storage, actions, self.channel, history.facts.started)
        return await self._written(history, actions, whole)

    def _vault(self, call_id: str) -> CallVault:
        return CallVault(vault_keys(self.settings.appstate_key), call_id)

    # What a channel is.

    @abstractmethod
    async def _written(self, history: History, actions: list[Action], whole: str) -> bytes:
        """The reply that is stored for a turn; `whole` is its history as JSON.

        Where an action asks for a media stream, it is noted and given its address.
        """

    @abstractmethod
    async def _end_call(self, history: History) -> None:
        """Rule 6: end a call that is over for its dialog, and of which the platform takes no workflow; once."""

    async def _possible(self, turn: Turn, event: Event, outside: CallOutside) -> Turn:
        """The turn as the platform can take it."""
        return turn

    def _outside(self, history: History) -> CallOutside:
        """The outside world of the call, as far as the channel reaches it."""
        keys = signal_keys(self.settings)
        return CallOutside(history.facts.call_id, self.storage, keys, self.settings.public_url, self.channel)

    async def _roster(self, before: History | None) -> tuple[str, ...] | None:
        """Rule 5."""
        if before is None or not before.facts.is_multiparty or not self.bot.follows_roster:
            return None
        return await self._roster_of(before.facts)

    async def _roster_of(self, facts: CallFacts) -> tuple[str, ...] | None:
        """Who is in a call now; None while nothing was said."""
        return await self.storage.calls.roster(facts.call_id)


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


def seed_of(text: str) -> int:
    """What the random numbers of a turn begin with, by what caused it."""
    return int.from_bytes(text.encode()[-16:])


def _answered_before(row: TurnRow, message_id: str) -> TurnRow:
    """Log that somebody else has taken a turn; its row."""
    if row.message_id != message_id:
        log.warning("turn %d was taken by another callback; it is answered as that one was", row.sequence)
    else:
        log.info("turn %d is answered again", row.sequence)
    return row


def _awaits(reply: bytes) -> str:
    """The last action of a reply."""
    return str(json.loads(reply)["actions"][-1]["action"]) if reply else ""
