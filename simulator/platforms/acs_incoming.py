"""The ACS platform as the simulator opens it: calls of scripts' callers to a bot, told by Event Grid.

1. The caller is who the script says where ACS knows such identities, else a telephone with a number of its own.
2. `call.ended` has the number of commands that the bot sent for the call: ACS knows of no workflows.
3. `call_id` is the call's correlation id, which all of its events have, `chain_id` its callConnectionId, and `to` who
   is called.
"""

from random import Random
from typing import Final
from zlib import crc32

from simulator.faults import Plan
from simulator.line import Line
from simulator.platform import Phone, Recording, Ringing
from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_post import GridSecret
from simulator.script import CallSetup, Send
from simulator.wire import Response

_KINDS: Final = ("4:", "8:acs:", "8:orgid:")


def telephone(identity: str) -> str:
    """Rule 1: the rawId of somebody whom ACS does not know."""
    return identity if identity.startswith(_KINDS) else f"4:+1555{crc32(identity.encode()) % 10**7:07}"


class Acs:
    """The platform, of one resource. `tokens` says whether the bot verifies what the resource signs."""

    def __init__(self, resource: AcsResource, *, tokens: bool = False) -> None:
        self.resource = resource
        self._tokens = tokens

    @property
    def tokens(self) -> bool:
        """Whether faults of tokens can be had."""
        return self._tokens

    @property
    def phones(self) -> list[Phone]:
        """Those that a call of the bot's rings."""
        return self.resource.phones

    @property
    def requests_to_ring(self) -> int:
        """The event of an incoming call."""
        return 1

    @property
    def max_call_s(self) -> float:
        """How long a call may last."""
        return self.resource.settings.max_call_duration_s

    def new_call(self, setup: CallSetup, line: Line, ringing: Ringing) -> "AcsIncoming":
        """A call, which has not begun."""
        return AcsIncoming(setup, line, ringing, self.resource)


class AcsIncoming:
    """One call."""

    def __init__(self, setup: CallSetup, line: Line, ringing: Ringing, resource: AcsResource) -> None:
        settings = resource.settings
        self._random = Random(f"acs {ringing.seed} {setup.name}")  # noqa: S311
        to = f"28:orgid:{settings.teams_account}" if settings.teams_account else f"4:{settings.number}"
        self.call = resource.new_call(
            line,
            caller=telephone(setup.caller.identity),
            to=to,
            bot_url=ringing.bot_url,
            random=self._random,
            plan=Plan(setup.faults),
            house=ringing.house,
            media_faults=setup.media_faults(ringing.seed),
        )
        self.call.transfer_fails = setup.transfer_fails
        self.delivery = self.call.delivery
        self._setup, self._seed, self._resource = setup, ringing.seed, resource
        self._bot_url = GridSecret(ringing.bot_url).url

    @property
    def recordings(self) -> list[Recording]:
        """What was recorded."""
        return self.call.recorder.saved

    async def run(self) -> None:
        """Make the call, until it is over."""
        call, line = self.call, self.call.line
        with call.life(bot_url=self._bot_url, seed=self._seed, script=self._setup.name):
            outcome = await self._resource.rings.ring(call, self._random, name=self._setup.caller.name)
            if outcome == "answered":
                await call.run()
            elif outcome:
                line.hang_up("bot")
            else:
                if line.over_by is None:
                    self.delivery.problems.append(f"nobody answered within {self._resource.settings.ring_s:g} s")
                line.hang_up("platform")
            await call.postbox.settle()
            self._resource.forget(call)

    async def send(self, step: Send) -> Response:
        """Post what a script makes the platform send, as it is: to the callback address, or to Event Grid's."""
        content, noted = step.content(self.call.id)
        callback = "" if step.to == "bot" else self.call.callback
        return await self.delivery.once(self.call.poster.as_it_is(content, noted, step.content_type, callback))
