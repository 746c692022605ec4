"""The media stream of a call on the simulated ACS: opened when it is wanted, told by events.

1. A stream is set up when the call is answered or placed, by `mediaStreamingOptions`; it is opened then, when
   `startMediaStreaming` says so, or by the command. It ends with the command, with the bot's closing it, or with the
   call.
2. MediaStreamingStarted is posted when it is open. MediaStreamingStopped says that it ended as somebody wanted,
   MediaStreamingFailed (8603) that it could not be opened, or broke and could not be opened again.
3. Where `AcsSettings.open_streams` is off nothing is opened, and what would be posted is posted all the same.
"""

from collections.abc import Callable
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


class AcsStream:
    """The stream of one call. `opens` is for rule 3; `token` makes the platform's token for a connection."""

    def __init__(
        self, line: Line, call_id: str, tell: Tell, token: Callable[[], str], faults: MediaFaults | None, *, opens: bool
    ) -> None:
        self.options: StreamOptions | None = None
        self.problems: list[str] = []
        self._line, self._call_id, self._tell = line, call_id, tell
        self._token, self._faults, self._opens = token, faults, opens
        self._leg: MediaLeg | None = None
        self._context: str | None = None
        self._stopping = False

    def set_up(self, wanted: Any) -> Json:
        """The subscription for mediaStreamingOptions. Raises `Refused`."""
        try:
            self.options = StreamOptions.from_wire(wanted)
        except OptionsError as error:
            raise Refused(400, 8581, f"mediaStreamingOptions: {error}") from None
        state = "active" if self.options.start else "inactive"
        return {"state": state, "subscribedContentTypes": ["audio"]}

    def start(self, participants: tuple[str, ...], context: str | None) -> None:
        """Open it; what comes of it is told. Rule 2."""
        assert self.options is not None, "it was set up"
        self._context, self._stopping = context, False
        if not self._opens:
            self._told("MediaStreamingStarted", "subscriptionStarted", result(200, 0))
            return
        self._leg = MediaLeg(
            self._line,
            call_id=self._call_id,
            participants=participants,
            token=self._token,
            faults=self._faults,
            told=self._hear,
        )
        self._leg.start(self.options)

    def stop(self, context: str | None) -> None:
        """Close it, when it is open."""
        self._context, self._stopping = context, True
        if self._leg is None:
            self._told("MediaStreamingStopped", "subscriptionStopped", result(200, 0))
        else:
            self._line.clock.start(self._leg.stop())

    async def end(self) -> None:
        """The call is over: so is the stream."""
        self._stopping = True
        if self._leg is not None:
            await self._leg.stop()
            if self._leg.stream is not None:
                self.problems += self._leg.stream.problems

    def cancel(self) -> None:
        """Nobody waits for the call any more."""
        if self._leg is not None:
            self._leg.cancel()

    def _hear(self, news: News) -> None:
        assert self._leg is not None
        assert self._leg.stream is not None
        if news == "opened":
            self._told("MediaStreamingStarted", "subscriptionStarted", result(200, 0))
        elif news == "over" and self._line.over_by is None:
            if self._stopping or self._leg.stream.reason == "finished":
                self._told("MediaStreamingStopped", "subscriptionStopped", result(200, 0))
            else:
                self._told("MediaStreamingFailed", *_FAILED)

    def _told(self, kind: str, details: str, outcome: Json) -> None:
        update = {
            "contentType": "Audio",
            "mediaStreamingStatus": kind[0].lower() + kind[1:],
            "mediaStreamingStatusDetails": details,
        }
        self._tell(kind, self._context, mediaStreamingUpdate=update, **outcome)
