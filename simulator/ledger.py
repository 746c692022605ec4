"""What happened in one call: every event as one dict, in order.

    {"t": seconds since the call began, to the millisecond, "who": "platform" | "bot" | "caller", "kind": ..., ...}

kind            members besides t, who, kind
call.started    call_id, chain_id, seed, bot, caller (its identity), to (where a bot has several), script (its name)
answered        (nothing more)
http.request    attempt (from 1), message_id, chain_id, url, json, bytes (of audio), fault when a fault sent or lost it
http.reply      status, json, or text when it is not JSON; status null and error when there was no reply; ms in real
                time; fault when it is the reply to what a fault sent, or a fault lost it
fault           fault, value, request (its number, from 0): what the plan of faults does
heard           text or file or silence_ms (timer: by which a question is timed), start, seconds, cut: of a prompt
beep            seconds
pressed         key
spoke           text, start, seconds, participant when it is not the caller
stream          what (opened, interrupted, reestablished, over), url, handler; when the stream is over also reason,
                code, detail, problems, and seconds of sound: sent_s, lost_s (never sent, though it went on), heard_s
recorded        operation_id, seconds, format, bytes, reason; spoken (seconds of it in which the caller spoke) where the
                end of a recording is a command
deleted         operation_id: the bot had the platform delete a recording
recognized      operation_id, ok, reason, choice or digits
transferred     target, ok
violation       code, field, message, fix: what the bot sent against the contract
hung_up         by
command         operation, status, json: what the bot asked the platform's API for, where it has one
call.ended      by, seconds, turns (workflows taken from the bot) or commands (where it sends those), recordings
expectation     ok, what, want, got
verdict         ok, reasons

In virtual time the same seed, script and bot give the same bytes. What a bot makes anew each time is written by a name
then (`simulator.notation`); what else it makes up, such as a random operation id, is its own doing.
"""

import json
from collections.abc import Callable
from typing import Any, Final, Literal

from simulator.clock import Clock

Event = dict[str, Any]
Who = Literal["platform", "bot", "caller"]


def to_line(event: Event) -> str:
    """The event as a line of JSON Lines."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"


class Ledger:
    """The events of a call. Each is handed to `sink` as it happens, and kept in `events`."""

    def __init__(self, clock: Clock, sink: Callable[[Event], None] | None = None) -> None:
        self.events: Final[list[Event]] = []
        self._clock = clock
        self._began = clock.now()
        self._sink = sink

    def since_start(self, moment: float) -> float:
        """A moment of the clock as seconds since the call began, to the millisecond."""
        return round(moment - self._began, 3)

    def add(self, who: Who, kind: str, **members: Any) -> None:
        """Note an event that happens now."""
        event: Event = {"t": self.since_start(self._clock.now()), "who": who, "kind": kind, **members}
        self.events.append(event)
        if self._sink is not None:
            self._sink(event)

    def of_kind(self, kind: str) -> list[Event]:
        """The events of one kind, in order."""
        return [event for event in self.events if event["kind"] == kind]
