"""One call from beginning to verdict: a clock, a line, a platform at one end and a caller at the other."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.callers import Caller, ScriptedCaller
from simulator.clock import Clock
from simulator.faults import NEEDS_HOUSE, NEEDS_TOKENS, Plan
from simulator.house import House
from simulator.ledger import Event, Ledger
from simulator.line import Line
from simulator.platform import LiveCall, Platform, Recording, Ringing
from simulator.platforms.skype import Skype
from simulator.script import Script, ScriptError
from simulator.verdict import give, judge
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
    platform: Platform | None = None,
    seed: int | None = None,
    sink: Callable[[Event], None] | None = None,
    house: House | None = None,
) -> CallReport:
    """Ring the bot at `bot_url` as the script's caller, on a platform; without one, on that of Skype.

    Every id comes from `seed`, which is random when left out and noted in `call.started`. `sink` gets each event as
    it happens. Raises `simulator.speech.SpeechUnavailable` when espeak-ng is not installed, `ScriptError` for a fault
    that needs tokens or a house that are not there, and `simulator.house.HouseFailed`.
    """
    platform = platform or Skype()
    check_faults(script, tokens=platform.tokens, house=house)
    ledger = Ledger(clock, sink)
    line = Line(clock, ledger, platform.max_call_s)
    seed = secrets.randbits(32) if seed is None else seed
    script = script.seeded(seed)
    call = platform.new_call(script, line, Ringing(bot_url, wire, seed, house))
    caller = ScriptedCaller(script, call.send)
    await _together(call, caller, line)
    delivery = call.delivery
    for fault in Plan(script.faults).beyond(delivery.requests):
        delivery.problems.append(f"the fault {fault} did not happen: the call had {delivery.requests} requests")
    ok = judge(caller, ledger, delivery.problems, delivery.waits)
    return CallReport(
        ok,
        ledger.events,
        call.recordings,
        delivery.requests,
        replied_in=[real_s for _, real_s in delivery.waits],
        waited=[call_s + real_s for call_s, real_s in delivery.waits],
    )


async def talk(call: LiveCall, caller: Caller, line: Line) -> None:
    """Let a caller who follows no script take part in a call; all that is expected is that the contract is kept.

    Raises `simulator.speech.SpeechUnavailable`.
    """
    await _together(call, caller, line)
    give(line.ledger, [], call.delivery.problems)


async def _together(call: LiveCall, caller: Caller, line: Line) -> None:
    ends = [line.clock.start(call.run()), line.clock.start(caller.run(line))]
    try:
        await asyncio.gather(*ends)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


def check_faults(script: Script, *, tokens: bool = False, house: House | None = None) -> None:
    """Raise `ScriptError` for a fault of the script that needs what is not there."""
    for fault in script.faults:
        if not tokens and fault.verb in NEEDS_TOKENS:
            raise ScriptError(f"{fault}: no tokens are sent; ring with an issuer (--jwt)")
        if house is None and fault.verb in NEEDS_HOUSE:
            raise ScriptError(f"{fault}: it needs whoever runs the bot; let dialtone start the bot")
