"""The Teams platform as the simulator opens it: calls of scripts' callers to a bot's calling webhook.

1. The caller is who the script says where Teams knows such identities, else a user.
2. `call.ended` has the number of commands that the bot sent for the call: Graph knows of no workflows.
"""

from random import Random
from typing import Final

from simulator.faults import Plan
from simulator.line import Line
from simulator.platform import Recording, Ringing
from simulator.platforms.rest import new_id
from simulator.platforms.teams import GraphService, incoming, legacy
from simulator.platforms.teams_call import Person
from simulator.script import CallSetup, Send
from simulator.wire import Response

CALLER: Final = "8:orgid:user-1"
"""Rule 1: the user."""
_KINDS: Final = ("4:", "8:orgid:")


class Teams:
    """The platform, of one tenant. `tokens` says whether the bot verifies what the service signs."""

    def __init__(self, service: GraphService, *, tokens: bool = False) -> None:
        self.service = service
        self._tokens = tokens

    @property
    def tokens(self) -> bool:
        """Whether faults of tokens can be had."""
        return self._tokens

    @property
    def max_call_s(self) -> float:
        """How long a call may last."""
        return self.service.settings.max_call_duration_s

    def new_call(self, setup: CallSetup, line: Line, ringing: Ringing) -> "TeamsIncoming":
        """A call, which has not begun."""
        return TeamsIncoming(setup, line, ringing, self.service)


class TeamsIncoming:
    """One call."""

    def __init__(self, setup: CallSetup, line: Line, ringing: Ringing, service: GraphService) -> None:
        identity = setup.caller.identity
        random = Random(f"teams {ringing.seed} {setup.name}")  # noqa: S311
        identity = identity if identity.startswith(_KINDS) else CALLER
        self._caller = Person(new_id(random), identity, setup.caller.name)
        self.call = service.new_call(
            line,
            people=[self._caller],
            bot_url=ringing.bot_url,
            random=random,
            plan=Plan(setup.faults),
            house=ringing.house,
        )
        self.call.transfer_fails = setup.transfer_fails
        self.delivery = self.call.delivery
        self._setup, self._ringing, self._service = setup, ringing, service

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded."""
        return self.call.media.recordings

    async def run(self) -> None:
        """Make the call, until it is over."""
        call, line = self.call, self.call.line
        with line.life(
            lambda: {"commands": call.commands, "recordings": len(self.recordings)},
            call_id=call.id,
            chain_id=call.id,
            seed=self._ringing.seed,
            bot=call.notation.address(self._ringing.bot_url),
            caller=self._caller.identity,
            script=self._setup.name,
        ):
            await self._ring()
            if call.state in ("establishing", "established"):
                await call.run()
            elif call.state in ("rejected", "redirected"):
                line.hang_up("bot")
            else:
                if line.over_by is None:
                    self.delivery.problems.append(f"nobody answered within {self._service.settings.answer_s:g} s")
                line.hang_up("platform")
            await call.postbox.settle()
            self._service.forget(call)

    async def _ring(self) -> None:
        """Post that the call rings, and wait until it is taken, or nobody does in time."""
        call, settings = self.call, self._service.settings
        clock, url = call.line.clock, call.callback
        until = clock.now() + settings.answer_s
        watch = clock.start(call.watch())
        try:
            if settings.legacy_first:
                await call.post(url, legacy(call, self._caller))
            call.tell("created", "", incoming(call, self._caller, settings))
            call.postbox.post_all()
            while call.state == "incoming" and clock.now() < until and call.line.over_by is None:
                await call.news.wait(until)
        finally:
            watch.cancel()

    async def send(self, step: Send) -> Response:
        """Post what a script makes the platform send, as it is: to the callback address, or to the webhook."""
        content, noted = step.content(self.call.id)
        url = self._ringing.bot_url if step.to == "bot" else self.call.callback
        return await self.delivery.once(self.call.message(url, content, noted, step.content_type))
