"""One call from beginning to verdict: a clock, a line, a platform at one end and a caller at the other."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.callers import ScriptedCaller
from simulator.clock import Clock
from simulator.faults import NEEDS_HOUSE, NEEDS_TOKENS, Plan
from simulator.house import House
from simulator.issuer import Issuer
from simulator.ledger import Event, Ledger
from simulator.line import Line
from simulator.platforms.settings import PlatformSettings
from simulator.platforms.skype import SkypeCall
from simulator.platforms.skype_actions import Recording
from simulator.script import Script, ScriptError
from simulator.verdict import judge
from simulator.wire import Wire


@dataclass(frozen=True)
class CallReport:
    """What came of a call: whether it went as its script expects, its events, and its recordings.

    `requests` is how many messages the platform had for the bot; of each, `replied_in` is how long its last attempt
    took the bot, in seconds of real time, and `waited` how long the caller waited for the reply, all attempts included.
    """

    ok: bool
    events: list[Event]
    recordings: list[Recording]
    requests: int = 0
    replied_in: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """Why it did not go as its script expects."""
        reasons: list[str] = self.events[-1]["reasons"]
        return reasons


async def place_call(
    script: Script,
    bot_url: str,
    *,
    clock: Clock,
    wire: Wire,
    seed: int | None = None,
    settings: PlatformSettings | None = None,
    sink: Callable[[Event], None] | None = None,
    issuer: Issuer | None = None,
    house: House | None = None,
) -> CallReport:
    """Ring the bot at `bot_url` as the script's caller.

    Every id comes from `seed`, which is random when left out and noted in `call.started`. `sink` gets each event as
    it happens. With an `issuer` each request carries a token. Raises `simulator.speech.SpeechUnavailable` when
    espeak-ng is not installed, `ScriptError` for a fault that needs an issuer or a house that is not given, and
    `simulator.house.HouseFailed`.
    """
    check_faults(script, issuer, house)
    settings = settings or PlatformSettings()
    ledger = Ledger(clock, sink)
    line = Line(clock, ledger, settings.max_call_duration_s)
    seed = secrets.randbits(32) if seed is None else seed
    script = script.seeded(seed)
    platform = SkypeCall(
        script, bot_url, line=line, wire=wire, seed=seed, settings=settings, issuer=issuer, house=house
    )
    caller = ScriptedCaller(script, platform.send)
    ends = [clock.start(platform.run()), clock.start(caller.run(line))]
    try:
        await asyncio.gather(*ends)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    delivery = platform.delivery
    for fault in Plan(script.faults).beyond(delivery.requests):
        platform.problems.append(f"the fault {fault} did not happen: the call had {delivery.requests} requests")
    ok = judge(caller, ledger, platform.problems, delivery.waits)
    return CallReport(
        ok,
        ledger.events,
        platform.recordings,
        delivery.requests,
        replied_in=[real_s for _, real_s in delivery.waits],
        waited=[call_s + real_s for call_s, real_s in delivery.waits],
    )


def check_faults(script: Script, issuer: Issuer | None, house: House | None) -> None:
    """Raise `ScriptError` for a fault of the script that needs what is not there."""
    for fault in script.faults:
        if issuer is None and fault.verb in NEEDS_TOKENS:
            raise ScriptError(f"{fault}: no tokens are sent; ring with an issuer (--jwt)")
        if house is None and fault.verb in NEEDS_HOUSE:
            raise ScriptError(f"{fault}: it needs whoever runs the bot; let dialtone start the bot")
