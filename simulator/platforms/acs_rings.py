"""Calls that ring at the simulated ACS resource: Event Grid tells of them, and a context takes them once.

1. An incoming call is an event of Event Grid. Its incomingCallContext answers, rejects or redirects it once, while it
   rings; however late its event arrives.
2. A call that is redirected to an ACS user rings again, to that user, in the same subscription.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from simulator.platforms.acs_call import AcsCall
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.acs_wire import grid_event, identified
from simulator.platforms.rest import Json, Refused, member

REJECTS: Final = frozenset({"none", "busy", "forbidden"})


@dataclass
class Ring:
    """A call that rings, and what became of it."""

    call: AcsCall
    outcome: str = ""
    redirected_to: str = ""


class Rings:
    """The calls that ring now. `now` gives Unix seconds."""

    def __init__(self, settings: AcsSettings, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now
        self._rings: dict[str, Ring] = {}

    async def ring(self, call: AcsCall, random: Random, *, name: str = "") -> str:
        """Have Event Grid tell the bot of a call, and wait until it is answered; what became of it.

        `answered`, `rejected`, `redirected`, or empty when nobody took it in time. For a participant of its clock.
        """
        clock = call.line.clock
        until = clock.now() + self._settings.ring_s
        watch = clock.start(call.watch())
        to = call.to
        try:
            while True:
                context = f"ctx.{base64.urlsafe_b64encode(random.randbytes(768)).decode()}"
                ring = self._rings[context] = Ring(call)
                call.tell_grid(self._event(call, to, context, name))
                while not ring.outcome and clock.now() < until and call.line.over_by is None:
                    await call.news.wait(until)
                del self._rings[context]
                if ring.outcome != "redirected" or not ring.redirected_to.startswith("8:acs:") or clock.now() >= until:
                    return ring.outcome
                to = ring.redirected_to
                await clock.sleep(self._settings.redirect_s)
        finally:
            watch.cancel()

    def take(self, data: Json, outcome: str) -> Ring:
        """Take the call of a command's incomingCallContext. Raises `Refused` when it rings no more, or was taken."""
        ring = self._rings.get(member(data, "incomingCallContext", str))
        if ring is None or ring.outcome or ring.call.line.over_by is not None:
            raise Refused(404, 8522, "The call rings no more, or was taken.")
        ring.outcome = outcome
        ring.call.news.set()
        return ring

    def _event(self, call: AcsCall, to: str, context: str, name: str) -> Json:
        data = {
            "to": identified(to),
            "from": identified(call.caller),
            "serverCallId": call.server_call_id,
            "callerDisplayName": name,
            "incomingCallContext": context,
            "correlationId": call.correlation_id,
        }
        subject, cloud = f"/caller/{call.caller}/recipient/{to}", self._settings.cloud_events
        return grid_event(call.new_id(), "IncomingCall", subject, self._now(), data, cloud=cloud)
