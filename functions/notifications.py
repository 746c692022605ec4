"""What is told to a bot beside its dialogs: states of a call, who comes and goes, each event.

1. A notification takes no turn: the bot's handlers are told, then it is stored, and a repetition finds it. A handler
   is told twice when the process dies between the two.
2. A handler that raises is logged, and the call goes on; but for `DependencyError`: then the platform tries again.
3. A roster is stored for the turns of a group call, and compared with the one before for `@bot.on_participant`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dialtone.dialogs import CallBot, CallFacts, Event
from dialtone.dialogs.participants import ParticipantChange
from dialtone.errors import BadMessage, DependencyError
from dialtone.protocol import CallStateChange, RosterUpdate
from dialtone.storage import NoteRow
from functions.http import log
from functions.journal import Journal

T = TypeVar("T")

RosterOf = Callable[[CallFacts], Awaitable[tuple[str, ...] | None]]
"""The identities of those who are in a call now, as the channel has noted them; None while nothing was said."""


@dataclass(frozen=True, slots=True)
class Notifications:
    """The notifications of a bot's calls on one channel."""

    bot: CallBot
    journal: Journal
    roster_of: RosterOf

    async def take(self, notification: CallStateChange | RosterUpdate, message_id: str) -> None:
        """Tell the bot of a notification and store it, once by its id.

        Raises `BadMessage` for a call that has no turn.
        """
        calls, call_id = self.journal.storage.calls, notification.id
        if await calls.latest(call_id) is None:
            raise BadMessage(
                "no call has this id", field="id", code="CALL_UNKNOWN", fix="begin a call with a Conversation"
            )
        if await calls.noted(call_id, message_id):
            return
        await self.tell(notification)
        if isinstance(notification, RosterUpdate):
            await calls.put_roster(call_id, notification.identities)
        body = notification.to_json()
        await calls.note(NoteRow(call_id, message_id, notification.type, body, self.journal.clock()))

    async def tell(self, notification: CallStateChange | RosterUpdate) -> None:
        """Tell the bot's handlers, if it has any. Rule 2."""
        await _told(self.bot.notified, notification, "the handler of notifications")
        if isinstance(notification, RosterUpdate):
            await self._tell_participants(notification)

    async def tell_event(self, event: Event) -> None:
        """Tell those who are told each event before its turn is taken. Rule 2."""
        for receiver in self.bot.receivers:
            await _told(receiver, event, "a function that is told events")

    async def _tell_participants(self, update: RosterUpdate) -> None:
        """Tell the bot, if it asks, who came and went since the roster before, or since the call began."""
        if self.bot.came_and_went is None:
            return
        began = (await self.journal.history_at(update.id, 0)).facts
        before: Sequence[str] | None = await self.roster_of(began)
        if before is None:
            before = [member.identity for member in began.participants]
        if change := ParticipantChange.between(update.id, before, update.identities):
            await _told(self.bot.came_and_went, change, "the handler of notifications")


async def _told(handler: Callable[[T], Awaitable[None]] | None, told: T, name: str) -> None:
    if handler is None:
        return
    try:
        await handler(told)
    except DependencyError:
        raise
    except Exception:
        log.exception("%s failed", name)
