"""A call that a bot places on the simulated ACS, and that rings a person's phone.

1. It rings for as long as any call. Answered it is connected, as one that nobody in particular takes is at once.
2. Declined, or not answered in time, it is told by CreateCallFailed and CallDisconnected; a bot that hangs up first is
   told by CallDisconnected alone.
3. `caller` and `to` in its ledger are the bot's source and who is called.
"""

from simulator.delivery import Delivery
from simulator.line import Line
from simulator.platform import Recording
from simulator.platforms.acs_call import AcsCall
from simulator.platforms.acs_post import GridSecret


class AcsOutgoing:
    """The call. `context` is the operationContext that its outcome has, `seed` what its ids come from."""

    def __init__(self, call: AcsCall, *, context: str | None, bot_url: str, seed: int) -> None:
        self._call, self._context, self._bot_url, self._seed = call, context, GridSecret(bot_url).url, seed
        self._picked_up = False
        self.ring_until = call.line.clock.now() + call.settings.ring_s

    @property
    def caller(self) -> str:
        """Who calls: a rawId."""
        return self._call.caller

    @property
    def line(self) -> Line:
        """Its line."""
        return self._call.line

    @property
    def delivery(self) -> Delivery:
        """What delivers its events."""
        return self._call.delivery

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded."""
        return self._call.recorder.saved

    def pick_up(self) -> None:
        """Answer it."""
        self._picked_up = True
        self._call.news.set()

    async def run(self) -> None:
        """Ring, then live until it is over."""
        call, line = self._call, self.line
        with call.life(bot_url=self._bot_url, seed=self._seed, script="phone"):
            await self._ring()
            if line.over_by is None:
                call.connect(self._context)
            if call.state == "connected" or line.over_by == "bot":
                await call.run()
            else:
                await call.fail("declined" if line.over_by == "caller" else "absent", self._context)

    async def _ring(self) -> None:
        """Until it is answered, or over."""
        call, line = self._call, self.line
        watch = line.clock.start(call.watch())
        try:
            while not self._picked_up and line.over_by is None and line.clock.now() < self.ring_until:
                await call.news.wait(self.ring_until)
        finally:
            watch.cancel()
        if not self._picked_up:
            line.hang_up("platform")
