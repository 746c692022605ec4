"""The media streams of a call on the simulated ACS: opened when they are wanted, told by events.

1. A stream is set up when the call is answered or placed, by `mediaStreamingOptions`; it is opened then, when
   `startMediaStreaming` says so, or by the command. It ends with the command, with the bot's closing it, or with the
   call.
2. MediaStreamingStarted is posted when it is open. MediaStreamingStopped says that it ended as somebody wanted,
   MediaStreamingFailed (8603) that it could not be opened, or broke and could not be opened again.
3. Where `AcsSettings.open_streams` is off nothing is opened, and what would be posted is posted all the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from simulator.line import Line
from simulator.media.connection import News
from simulator.media.leg import MediaLeg
from simulator.media.options import MediaFaults, OptionsError, StreamOptions
from simulator.platforms.acs_wire import result
from simulator.platforms.rest import Json, Refused

_FAILED: Final = ("streamConnectionUnsuccessful", result(500, 8603, "could not establish websocket"))


class Tell(Protocol):
    """Has an event of the call posted."""

    def __call__(self, kind: str, context: str | None, **data: Any) -> None:
        """Post an event of this kind, with this operationContext."""


@dataclass(eq=False, slots=True)
class _Opened:
    """A stream that was started: how it is carried, and the operationContext that what becomes of it is told with."""

    context: str | None
    leg: MediaLeg | None = None
    stopping: bool = False


class AcsStream:
    """The streams of one call, one after the other. `opens` is for rule 3; `token` makes the platform's token for a
    connection.
    """

    def __init__(
        self, line: Line, call_id: str, tell: Tell, token: Callable[[], str], faults: MediaFaults | None, *, opens: bool
    ) -> None:
        self.options: StreamOptions | None = None
        self.problems: list[str] = []
        self._line, self._call_id, self._tell = line, call_id, tell
        self._token, self._faults, self._opens = token, faults, opens
        self._last: _Opened | None = None

    def set_up(self, wanted: Any) -> Json:
        """The subscription for mediaStreamingOptions. Raises `Refused`."""
        try:
            self.options = StreamOptions.from_wire(wanted)
        except OptionsError as error:
            raise Refused(400, 8581, f"mediaStreamingOptions: {error}") from None
        state = "active" if self.options.start else "inactive"
        return {"state": state, "subscribedContentTypes": ["audio"]}

    def start(self, participants: tuple[str, ...], context: str | None) -> None:
        """Open one, when the one before is over; what comes of it is told. Rule 2."""
        before, self._last = self._last, _Opened(context)
        if self._opens:
            self._line.clock.start(self._open(self._last, before, participants))
        else:
            self._told(self._last, "MediaStreamingStarted", "subscriptionStarted", result(200, 0))

    def stop(self, context: str | None) -> None:
        """Close it, when it is open."""
        opened = self._last or _Opened(context)
        opened.context, opened.stopping = context, True
        if opened.leg is not None:
            self._line.clock.start(opened.leg.stop())
        elif not self._opens:
            self._told(opened, "MediaStreamingStopped", "subscriptionStopped", result(200, 0))

    async def end(self) -> None:
        """The call is over: so is the stream."""
        if self._last is not None and self._last.leg is not None:
            self._last.stopping = True
            await self._last.leg.stop()

    def cancel(self) -> None:
        """Nobody waits for the call any more."""
        if self._last is not None and self._last.leg is not None:
            self._last.leg.cancel()

    async def _open(self, opened: _Opened, before: _Opened | None, participants: tuple[str, ...]) -> None:
        assert self.options is not None, "it was set up"
        if before is not None and before.leg is not None:
            await before.leg.stop()
        if opened.stopping or self._line.over_by is not None:
            self._told(opened, "MediaStreamingStopped", "subscriptionStopped", result(200, 0))
            return
        opened.leg = MediaLeg(
            self._line,
            call_id=self._call_id,
            participants=participants,
            token=self._token,
            faults=self._faults,
            told=lambda news: self._hear(opened, news),
        )
        opened.leg.start(self.options)

    def _hear(self, opened: _Opened, news: News) -> None:
        assert opened.leg is not None
        stream = opened.leg.stream
        assert stream is not None
        if news == "opened":
            self._told(opened, "MediaStreamingStarted", "subscriptionStarted", result(200, 0))
        elif news == "over":
            self.problems += stream.problems
            if self._line.over_by is not None:
                return
            if opened.stopping or stream.reason == "finished":
                self._told(opened, "MediaStreamingStopped", "subscriptionStopped", result(200, 0))
            else:
                self._told(opened, "MediaStreamingFailed", *_FAILED)

    def _told(self, opened: _Opened, kind: str, details: str, outcome: Json) -> None:
        update = {
            "contentType": "Audio",
            "mediaStreamingStatus": kind[0].lower() + kind[1:],
            "mediaStreamingStatusDetails": details,
        }
        self._tell(kind, opened.context, mediaStreamingUpdate=update, **outcome)
