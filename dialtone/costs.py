"""What calls cost in Azure in a month, by what infra/ deploys and what was measured.

1. Amounts come from the load and from FIGURES; prices from a dated file (dialtone/prices.json, or one's own). A price
   that is not known is said to be so; it is never guessed, and the total says that it lacks it.
2. A month has 30 days. Calls come within the busy hours of a day, at random, with a peak of PEAK times the average.
3. The functions are billed while at least one request is in an instance, at least a second each time (Flex
   Consumption). Requests that overlap share that time: with r requests a second, an instance is busy for 1 - exp(-r) of
   it.
4. The media worker's replicas are always on and billed as active, which is the upper bound: Container Apps bills a
   replica less while hardly anything reaches it.

Not in the sum: what NOT_IN_IT names. Of telephone minutes, which are often more than all the rest, an example is shown
beside it.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from dialtone.errors import ConfigurationError

DAYS: Final = 30
PEAK: Final = 3.0
NOT_IN_IT: Final = (
    "Not in the sum: telephone numbers, minutes and the recording of calls at Communication Services (or the Teams",
    "licence), speech services, data leaving the region, alerts, Event Grid, the key vault (some hundred operations a",
    "month), versions of blobs, private networking, support, taxes. Prices differ by region: prices.json says whose",
    "each of them is.",
)
MOST_REPLICAS: Final = 10
"""As infra/main.bicep says; more calls need a higher workerMaximumReplicas."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one turn, stream and recording needs, and how infra/ runs them."""

    turn_seconds: float = 0.05
    """How long an instance holds a callback: 0.4 ms of a core (make bench, callbacks), the rest is storage's answer in
    the same region. An assumption until it is measured in Azure."""
    concurrency: int = 16
    """Callbacks at once in an instance (infra/main.bicep)."""
    instance_gb: float = 2.0
    always_ready: int = 1
    streams_per_replica: int = 100
    """Streams of a replica, over which another is started (infra/worker.bicep)."""
    replica_vcpu: float = 1.0
    replica_gib: float = 2.0
    rows_per_call: int = 4
    """Rows of the index beside a row a turn."""
    rows_per_sweep: int = 8
    recording_mb_per_minute: float = 1.92
    """16 kHz, 16 bits, one channel."""
    log_kb_per_turn: float = 3.0


@dataclass(frozen=True, slots=True)
class Load:
    """The calls. `media_share` is the share of calls with a media stream, 0 to 1. Raises ConfigurationError."""

    calls_per_day: float
    minutes: float
    turns: float = 6.0
    recording: bool = False
    media_share: float = 0.0
    busy_hours: float = 10.0
    kept_days: float = 30.0
    """Days for which a recording is kept."""

    def __post_init__(self) -> None:
        limits = {
            "calls_per_day": (0, math.inf),
            "minutes": (0, math.inf),
            "turns": (1, math.inf),
            "media_share": (0, 1),
            "busy_hours": (0.1, 24),
            "kept_days": (0, math.inf),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if not least <= value <= most or value == math.inf:
                raise ConfigurationError(
                    f"{value:g} is not from {least:g} to {most:g}", field=name, fix="give a number in that range"
                )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill: an amount of a unit; `dollars` None where the price is not known, `where` it is told."""

    name: str
    amount: float
    unit: str
    dollars: float | None
    where: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month: its lines, how many instances and replicas the peak needs, and what is beside the sum."""

    lines: list[Line]
    instances: int
    replicas: int
    asides: list[Line]

    @property
    def dollars(self) -> float:
        """The sum of the lines whose price is known."""
        return sum(line.dollars for line in self.lines if line.dollars is not None)

    @property
    def unknown(self) -> list[Line]:
        """The lines that cost something and whose price is not known."""
        return [line for line in self.lines if line.dollars is None]


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices of a file, and the day that they are of."""

    as_of: str
    prices: Mapping[str, Mapping[str, Any]]
    asides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Prices of what is shown beside the sum."""

    @classmethod
    def read(cls, path: Path | None = None) -> "Prices":
        """Read a file; without one, the kit's. Raises ConfigurationError."""
        try:
            text = path.read_text(encoding="utf-8") if path else files("dialtone").joinpath("prices.json").read_text()
            document = json.loads(text)
            prices = cls(document["as_of"], document["prices"], document.get("asides", {}))
            for name, entry in [*prices.prices.items(), *prices.asides.items()]:
                known = entry["price"] is None or (isinstance(entry["price"], int | float) and entry["price"] >= 0)
                if not known or entry["free"] < 0:
                    raise ValueError(f"{name} has no price that is a number of 0 or more, or null")
            return prices
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                "the file of prices cannot be read", field=str(path), fix="copy dialtone/prices.json and fill it in"
            ) from error

    def line(self, name: str, amount: float) -> Line:
        """The line for an amount. Raises ConfigurationError when the file does not have it."""
        entry = self.prices.get(name) or self.asides.get(name)
        if entry is None:
            raise ConfigurationError(f"the file of prices has no {name}", field=name, fix="copy it from prices.json")
        billed = max(0.0, amount - entry["free"])
        dollars = 0.0 if not billed else None if entry["price"] is None else billed * entry["price"]
        return Line(name, amount, entry["unit"], dollars, entry["where"])


def estimate(load: Load, prices: Prices, figures: Figures = Figures()) -> Estimate:
    """What a month of these calls costs. Raises ConfigurationError when the file lacks a price altogether."""
    calls = load.calls_per_day * DAYS
    turns = calls * load.turns
    busy = load.busy_hours * 3600 * DAYS
    month = DAYS * 24 * 3600.0
    rate = turns / busy
    sweeps = month / 60

    instances = max(figures.always_ready, math.ceil(PEAK * rate * figures.turn_seconds / figures.concurrency))
    active = busy * (1 - math.exp(-rate * max(1.0, figures.turn_seconds)))
    minutes = calls * load.minutes
    streams = PEAK * load.media_share * minutes * 60 / busy
    replicas = max(1, math.ceil(streams / figures.streams_per_replica))
    replica_seconds = month + (replicas - 1) * busy
    recorded_gb = minutes * figures.recording_mb_per_minute / 1000 if load.recording else 0.0

    amounts = {
        "functions.baseline": figures.always_ready * month * figures.instance_gb,
        "functions.always_ready": active * figures.instance_gb if figures.always_ready else 0.0,
        "functions.on_demand": (sweeps + (0.0 if figures.always_ready else active)) * figures.instance_gb,
        "functions.executions": turns + sweeps,
        "worker.cpu": replica_seconds * figures.replica_vcpu,
        "worker.memory": replica_seconds * figures.replica_gib,
        "tables.transactions": turns + calls * figures.rows_per_call + sweeps * figures.rows_per_sweep,
        "blobs.lists_and_writes": turns + (calls * 2 if load.recording else 0),
        "blobs.stored": recorded_gb * load.kept_days / DAYS,
        "logs.ingested": turns * figures.log_kb_per_turn / 1e6,
        "registry": float(DAYS),
    }
    lines = [prices.line(name, amount) for name, amount in amounts.items()]
    return Estimate(lines, instances, replicas, [prices.line(name, minutes) for name in prices.asides])


def sensitivity(load: Load, prices: Prices) -> list[tuple[str, Estimate]]:
    """The estimate when one thing is otherwise."""
    cases = [
        ("as given", load),
        ("half the calls", replace(load, calls_per_day=load.calls_per_day / 2)),
        ("10 times the calls", replace(load, calls_per_day=load.calls_per_day * 10)),
        ("calls twice as long", replace(load, minutes=load.minutes * 2)),
        ("twice the turns", replace(load, turns=load.turns * 2)),
        ("all in a third of the hours", replace(load, busy_hours=max(0.1, load.busy_hours / 3))),
        ("a media stream in every call", replace(load, media_share=1.0)),
        ("no recording" if load.recording else "with recording", replace(load, recording=not load.recording)),
    ]
    return [(name, estimate(case, prices)) for name, case in cases]


def report(load: Load, prices: Prices) -> str:
    """The estimate as text."""
    found = estimate(load, prices)
    lines = [
        f"{load.calls_per_day:,.0f} calls a day of {load.minutes:g} min and {load.turns:g} turns, within "
        f"{load.busy_hours:g} hours; prices of {prices.as_of}",
        "",
        f"  {'':24} {'amount':>16}  {'unit':14} {'$ a month':>10}",
    ]
    for line in found.lines:
        dollars = "not known" if line.dollars is None else f"{line.dollars:,.2f}"
        lines.append(f"  {line.name:24} {line.amount:>16,.1f}  {line.unit:14} {dollars:>10}")
    lack = f", and {len(found.unknown)} lines whose price is not known" if found.unknown else ""
    lines += [
        "",
        f"${found.dollars:,.2f} a month{lack}. At the peak: instances of the functions {found.instances}, "
        f"replicas of the worker {found.replicas}.",
    ]
    if found.replicas > MOST_REPLICAS:
        lines.append(f"More than {MOST_REPLICAS} replicas: raise workerMaximumReplicas (infra/main.bicep).")
    lines += ["", f"  {'if':30} {'$ a month':>10}  {'instances':>9}  {'replicas':>8}"]
    for name, case in sensitivity(load, prices):
        lines.append(f"  {name:30} {case.dollars:>10,.2f}  {case.instances:>9}  {case.replicas:>8}")
    lines += ["", *NOT_IN_IT]
    for aside in found.asides:
        if aside.dollars:
            example = aside.dollars / aside.amount
            lines += [
                f"If all calls come by telephone: {aside.amount:,.0f} {aside.name}, about ${aside.dollars:,.0f} more",
                f"at an example's ${example:g}. Look at {aside.where}.",
            ]
    if found.unknown:
        lines += ["", "Prices to fill in, in a copy of dialtone/prices.json (--prices):"]
        lines += [f"  {line.name:24} {line.where}" for line in found.unknown]
    return "\n".join(lines) + "\n"
