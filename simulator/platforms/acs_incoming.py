"""One call of a script's caller to a bot on ACS, from its ringing to its verdict."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from simulator.callers import ScriptedCaller
from simulator.clock import Clock
from simulator.ledger import Event, Ledger
from simulator.line import Line
from simulator.platforms.acs import AcsResource
from simulator.platforms.acs_call import AcsCall
from simulator.platforms.skype_actions import Recording
from simulator.script import Script
from simulator.verdict import judge

CALLER: Final = "4:+15550100"
"""Who calls, when the script's identity is none that ACS has."""
_KINDS: Final = ("4:", "8:acs:", "8:orgid:")


@dataclass(frozen=True)
class AcsReport:
    """What came of a call: whether it went as its script expects, its events, and its recordings."""

    ok: bool
    events: list[Event]
    recordings: list[Recording]


async def place_acs_call(
    script: Script,
    events_url: str,
    *,
    resource: AcsResource,
    clock: Clock,
    seed: int | None = None,
    sink: Callable[[Event], None] | None = None,
) -> AcsReport:
    """Have Event Grid tell the bot, at `events_url`, that the script's caller rings; `sink` gets each event.

    Raises `simulator.speech.SpeechUnavailable` when espeak-ng is not installed.
    """
    settings = resource.settings
    seed = secrets.randbits(32) if seed is None else seed
    script = script.seeded(seed)
    ledger = Ledger(clock, sink)
    line = Line(clock, ledger, settings.max_call_duration_s)
    caller = ScriptedCaller(script)
    identity = script.caller.identity
    to = f"28:orgid:{settings.teams_account}" if settings.teams_account else f"4:{settings.number}"
    call = resource.new_call(line, caller=identity if identity.startswith(_KINDS) else CALLER, to=to)
    call.transfer_fails = script.transfer_fails
    ends = [
        clock.start(_live(call, resource, events_url, script, seed)),
        clock.start(caller.run(line)),
    ]
    try:
        await asyncio.gather(*ends)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    return AcsReport(judge(caller, ledger, call.faults), ledger.events, call.saved)


async def _live(call: AcsCall, resource: AcsResource, events_url: str, script: Script, seed: int) -> None:
    line, began = call.line, call.line.clock.now()
    line.ledger.add(
        "platform",
        "call.started",
        call_id=call.id,
        chain_id=call.correlation_id,
        seed=seed,
        bot=events_url,
        caller=call.caller,
        script=script.name,
    )
    outcome = await resource.ring(call, events_url, name=script.caller.name)
    if outcome == "answered":
        await call.run()
    elif outcome:
        line.hang_up("bot")
    else:
        if line.over_by is None:
            call.faults.append(f"nobody answered within {resource.settings.ring_s:g} s")
        line.hang_up("platform")
    line.ledger.add(
        "platform",
        "call.ended",
        by=line.over_by,
        seconds=round(line.clock.now() - began, 3),
        turns=call.commands,
        recordings=len(call.saved),
    )
