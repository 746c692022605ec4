"""The media streams of calls on ACS: their address, which one is wanted, and when one is over.

1. A call is answered and placed with the address of its streams (`functions.media`), whether there will be one or not:
   ACS takes it at no other time.
2. The row `media` of a call says which stream is wanted. An event that is about an older one changes nothing, and
   neither does the end of one that has not begun.
3. A stream that is over is a signal to the dialog, as one that the media worker tells of.
4. The commands of a turn that a signal causes need the platform's ids of the call: the row keeps them as its link.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dialtone.channels import acs
from dialtone.channels.acs import CallEvent
from dialtone.channels.acs_commands import MediaStreaming, Transcription
from dialtone.channels.stepper import place_of
from dialtone.dialogs import CallBot, History
from dialtone.dialogs.streaming import handler_of, media_end
from dialtone.protocol import Action, ConversationResult, StartMedia
from dialtone.storage import MediaRow, SignalRow, Storage
from functions import media
from functions.settings import Settings

STREAM_OVER: Final = {"MediaStreamingStopped": "closed", "MediaStreamingFailed": "lost"}
"""Events that say that a media stream is over, and the reason that a dialog is told."""
STREAMING: Final = frozenset({"MediaStreamingStarted", *STREAM_OVER})
"""The events that are about a media stream."""
_ASKING: Final = frozenset({"answerAppHostedMediaOutcome", "startMediaOutcome"})


@dataclass(frozen=True, slots=True)
class AcsStreams:
    """The streams of a bot's calls. `clock` gives Unix seconds."""

    bot: CallBot
    storage: Storage
    settings: Settings
    clock: Callable[[], float]

    def address(self, call_id: str) -> str:
        """Rule 1: where streams go that may be started later; empty for a bot that can have none."""
        if not (self.bot.streams and self.settings.media_url and self.settings.ticket_key):
            return ""
        return media.Media.of(self.settings).standing_address(call_id, self.clock())

    async def ask(self, history: History, actions: list[Action]) -> None:
        """Note which stream the actions of a turn want, and put its address into a media answer."""
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
            row = MediaRow(call_id, handler, acs.NAME, "asked", now, link=link, number=number, turn=turn)
            await calls.put_media(row)

    async def of_placed(
        self, call_id: str, asked: Mapping[str, Any] | None
    ) -> tuple[MediaStreaming | None, Transcription | None]:
        """What the platform is told of the streams of a call that the bot places, and of captions.

        The stream that a dialog `asked` for is noted here: it may be open before we hear that somebody answered.
        """
        if asked is None:
            return streaming_to(self.address(call_id)), None
        now = self.clock()
        if await self.storage.calls.media(call_id) is None:
            await self.storage.calls.put_media(MediaRow(call_id, handler_of(asked), acs.NAME, "asked", now))
        return media.Media.of(self.settings).streams(asked, call_id, now, standing=True)

    async def refused(self, before: History, result: ConversationResult) -> None:
        """Note that a stream could not be had, if a result says so; what else becomes of it is told by events."""
        outcome, calls = result.operation_outcome, self.storage.calls
        if outcome.type in _ASKING and not outcome.succeeded:
            stream = await calls.media(result.id)
            if stream is not None and stream.turn == before.sequence and stream.is_wanted:
                await calls.put_media(replace(stream, state="ended", reason="refused", at=self.clock()))

    async def opened(self, call_id: str, event: CallEvent) -> None:
        """Note that the stream is open, if one was asked for, and what rule 4 needs."""
        stream = await self.storage.calls.media(call_id)
        if stream is None:
            return
        link = stream.link or f"{event.connection_id} {event.server_call_id}"
        state = "open" if stream.state == "asked" else stream.state
        if (link, state) != (stream.link, stream.state):
            await self.storage.calls.put_media(replace(stream, link=link, state=state, at=self.clock()))

    async def over(self, call_id: str, event: CallEvent) -> str:
        """Keep the signal that a stream is over: its name; empty when the event is about none that is. Rules 2 and 3.

        The media worker tells more, but may be gone.
        """
        calls, place, reason = self.storage.calls, place_of(event.context), STREAM_OVER[event.type]
        stream = await calls.media(call_id)
        if stream is None or (place is not None and place[0] < stream.turn):
            return ""
        if place is None and reason == "closed" and stream.state == "asked":
            return ""
        name, told = media_end(stream.number), json.dumps({"reason": reason, "handler": stream.handler})
        await calls.signal(SignalRow(call_id, event.id, name, told, self.clock()))
        if stream.is_wanted:
            await calls.put_media(replace(stream, state="ended", reason=reason, at=self.clock()))
        return name

    async def ids_of(self, call_id: str) -> tuple[str, str] | None:
        """Rule 4: the platform's connection id and server id of a call; None for one without a stream."""
        stream = await self.storage.calls.media(call_id)
        if stream is None:
            return None
        connection, _, server = stream.link.partition(" ")
        return connection, server


def streaming_to(address: str) -> MediaStreaming | None:
    """What the platform is told of streams that may be started later; None for no address."""
    return MediaStreaming(address, unmixed=False, rate=16_000, start=False) if address else None
