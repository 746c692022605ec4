"""A storm: every fault at every gap of the calls of some scripts.

A gap is a request of the platform: before it, while it is under way, and before its reply arrives, things go wrong.

1. Each script is first followed in calm. A call that is not as its script expects then is no ground for a storm.
2. Then, for each request of that call and each fault of `WEATHER`, the call is made again with that one fault. The
   faults that the bot's surroundings cannot have (no issuer, no house) are left out. Each call has a seed of its own,
   counted up from the storm's: a bot that keeps its replies would give those of the call before to the same ids.
3. Such a call must tell the same story as the calm one: what was heard, pressed, said, recognised and recorded, and who
   ended it; and nothing in it may break the contract. Times may differ; so may the bytes of a recording that a command
   ends, but not what was spoken in it.
4. A call that was cut short (the caller was lost, or the platform is not heard of any more) need not tell the same
   story, nor meet what its script expects, but the rest of 3 holds: the bot takes its end, and keeps the contract.
5. For each failure, the script is made as short as it fails: steps are taken away, one at a time, while the call is
   well in calm and goes wrong in the fault. What is left, with the fault and the seed, shows the failure again.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from simulator.call import CallReport
from simulator.faults import CUTS, NEEDS_HOUSE, NEEDS_TOKENS, AnyFault, parse_fault
from simulator.lab import Bot
from simulator.ledger import Event
from simulator.script import Expect, Script

WEATHER: Final = (
    "duplicate=2",
    "reorder=1",
    "delay=3",
    "drop=1",
    "drop_reply=1",
    "slow=15",
    "storage=1",
    "kill=before",
    "kill=after",
    "bad_token=missing",
    "bad_token=signature",
    "bad_token=expired",
    "skew=240",
    "skew=-240",
    "lost_caller",
    "no_callback",
)
"""The faults of a storm, as a command line has them, without the request."""

_TOLD: Final = ("heard", "beep", "pressed", "spoke", "recognized", "recorded", "transferred", "hung_up")
_UNTOLD: Final = ("t", "start", "seconds", "file", "operation_id")


@dataclass(frozen=True)
class Cell:
    """A call with one fault, and its `call.started`: why it failed, if it did, and the smallest script that fails."""

    script: str
    fault: AnyFault | None
    seed: int
    started: Event
    reasons: Sequence[str]
    smallest: str = ""
    """A script in YAML, with the fault; empty when all is well or the calm call failed."""

    def document(self) -> dict[str, Any]:
        """It as JSON has it."""
        return {
            "kind": "cell",
            "script": self.script,
            "fault": None if self.fault is None else str(self.fault).rpartition("@")[0],
            "request": None if self.fault is None else self.fault.at,
            "seed": self.seed,
            **{name: self.started[name] for name in ("call_id", "to") if name in self.started},
            "ok": not self.reasons,
            "reasons": list(self.reasons),
            "smallest": self.smallest,
        }


@dataclass
class Storm:
    """A storm over `bot`. `weather` are faults as in `WEATHER`; `calls` counts the calls that were made.

    Of the faults at the gaps only each `every`-th is made, counted over all scripts; the calm calls are all made.
    """

    bot: Bot
    seed: int
    weather: Sequence[str] = WEATHER
    every: int = 1
    calls: int = field(default=0, init=False)

    async def blow(self, scripts: Iterable[Script]) -> AsyncIterator[Cell]:
        """All the cells, calm ones first for each script. Raises what `place_call` raises."""
        number = -1
        for script in scripts:
            calm = await self._ring(script)
            yield _cell(script, None, calm, calm.reasons)
            if not calm.ok:
                continue
            for text in self._possible():
                # A bot that was not rung knows of no call.
                first = self.bot.platform.requests_to_ring if text == "no_callback" else 0
                for request in range(first, calm.requests):
                    number += 1
                    if number % self.every:
                        continue
                    fault = parse_fault(f"{text}@{request}")
                    report = await self._ring(_with(script, fault))
                    reasons = faults_of(report, calm, cut=fault.verb in CUTS)
                    smallest = await self._smallest(script, fault) if reasons else ""
                    yield _cell(script, fault, report, reasons, smallest)

    def _possible(self) -> list[str]:
        left_out = set[str]()
        if not self.bot.platform.tokens:
            left_out |= NEEDS_TOKENS
        if self.bot.house is None:
            left_out |= NEEDS_HOUSE
        return [text for text in self.weather if text.partition("=")[0] not in left_out]

    async def _ring(self, script: Script) -> CallReport:
        self.calls += 1
        return await self.bot.ring(script, self.seed + self.calls - 1)

    async def _smallest(self, script: Script, fault: AnyFault) -> str:
        """Rule 5."""
        smallest = script
        number = len(script.steps) - 1
        while number >= 0 and len(smallest.steps) > 1:
            steps = smallest.steps[:number] + smallest.steps[number + 1 :]
            shorter = smallest.model_copy(update={"steps": steps, "expect": Expect()})
            if await self._fails(shorter, fault):
                smallest = shorter
            number -= 1
        return write_script(_with(smallest, fault))

    async def _fails(self, script: Script, fault: AnyFault) -> bool:
        calm = await self._ring(script)
        if not calm.ok or calm.requests <= fault.at:
            return False
        report = await self._ring(_with(script, fault))
        return bool(faults_of(report, calm, cut=fault.verb in CUTS))


def _cell(
    script: Script, fault: AnyFault | None, report: CallReport, reasons: Sequence[str], smallest: str = ""
) -> Cell:
    started = report.events[0]
    return Cell(script.name, fault, started["seed"], started, reasons, smallest)


def faults_of(report: CallReport, calm: CallReport, *, cut: bool = False) -> list[str]:
    """What is wrong with a call in a storm, given the one in calm: rules 3 and 4."""
    expected = [event for event in report.events if event["kind"] == "expectation" and not event["ok"]]
    reasons = list(report.reasons)
    if cut:
        # What the script expects of the caller comes first among the reasons, one for each.
        return reasons[len(expected) :]
    if reasons:
        return reasons
    told, before = story(report.events), story(calm.events)
    for number, (one, other) in enumerate(zip(told, before, strict=False), 1):
        if one != other:
            return [f"event {number} of the call was {_shown(other)} in calm, and now {_shown(one)}"]
    if len(told) != len(before):
        return [f"the call has {len(told)} events, and {len(before)} in calm"]
    return []


def story(events: Iterable[Event]) -> list[Event]:
    """What happened in a call, without times and the bot's own ids: what was heard, said, pressed, and who hung up.

    Silence that times a question is no part of it: how much of it is heard depends on when a key is told.
    """
    return [
        {
            name: value
            for name, value in event.items()
            if name not in _UNTOLD and not (name == "bytes" and "spoken" in event)
        }
        for event in events
        if event["kind"] in _TOLD and "timer" not in event
    ]


def write_script(script: Script) -> str:
    """A script as YAML, without what is as it is when left out. Sounds that it speaks are named, not copied."""
    document = script.model_dump(exclude_defaults=True, mode="json")
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _with(script: Script, fault: AnyFault) -> Script:
    return script.model_copy(update={"faults": (*script.faults, fault)})


def _shown(event: Event) -> str:
    return " ".join(f"{name} {value}" for name, value in event.items() if name != "who")
