"""Scripted calls: placed by the simulator, followed line by line, and judged at their end."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

from dialtone.errors import ConfigurationError, DependencyError
from dialtone.platforms import Name, journal_id
from dialtone.program import Program
from dialtone.stored import Stored

Time = Literal["virtual", "real"]

_SAYS: Final = "simulator: "
"""How a line begins with which the simulator says why it ends."""

Event = Mapping[str, Any]
"""One line of a call's ledger: `t` (seconds since the call began), `who`, `kind`, and what belongs to the kind."""


def ring(
    bot: str,
    script: Path,
    *,
    time: Time,
    seed: int | None,
    app_dir: Path,
    logs: Path,
    options: Sequence[str] = (),
) -> Generator[Event, None, None]:
    """Ring the bot at the address `bot` and yield the events of the ledger as they happen.

    `options` are more arguments of `python -m simulator call`; with `--times` it yields a line for each call and one
    for all of them. Raises DependencyError if the simulator cannot place the call. Close the generator, and the
    caller is gone.
    """
    arguments = ["call", str(script.resolve()), "--bot", bot, "--time", time]
    if seed is not None:
        arguments += ["--seed", str(seed)]
    return simulate([*arguments, *options], app_dir=app_dir, logs=logs)


def simulate(arguments: Sequence[str], *, app_dir: Path, logs: Path) -> Generator[Event, None, None]:
    """Run the simulator and yield the JSON lines that it writes, as they come.

    It logs to `caller.log` in the folder `logs`. Raises ConfigurationError for what it refuses, such as a script, and
    DependencyError if it ends otherwise than with 0 or 1. Close the generator, and it is stopped.
    """
    log = logs / "caller.log"
    # The ledger says what the caller spoke and pressed, which no log does: it goes when the call is over.
    with TemporaryDirectory() as folder:
        output = Path(folder, "ledger.jsonl")
        command = [sys.executable, "-m", "simulator", *arguments]
        caller = Program("the simulator", command, directory=app_dir, log=log, output=output)
        try:
            caller.launch()
            for line in caller.lines():
                yield json.loads(line)
            if caller.exit_code not in (0, 1):
                raise _refused(caller.printed()) or caller.failure(f"the simulator {caller.ending}")
        finally:
            caller.stop()


def _refused(printed: str) -> ConfigurationError | None:
    """What the simulator says last is wrong with what it was given; None where it has not said anything of it."""
    _, marked, said = printed.rpartition(f"\n{_SAYS}") if f"\n{_SAYS}" in printed else printed.partition(_SAYS)
    if not marked:
        return None
    problem, *more = said.splitlines()
    error = ConfigurationError(problem, fix="mend it, and call again")
    if more:
        error.add_note("\n".join(more))
    return error


def ring_through(simulator: str, script: Path, *, time: Time, seed: int | None) -> Generator[Event, None, None]:
    """Have the simulator that runs at an address ring the bot that it was started for: the events, as they happen.

    Raises ConfigurationError for a script that it refuses, DependencyError if it cannot be reached or breaks off. Close
    the generator, and the caller is gone.
    """
    url = f"{simulator}/calls?time={time}" + (f"&seed={seed}" if seed is not None else "")
    request = urllib.request.Request(url, data=script.read_bytes(), method="POST")  # noqa: S310 - of the running stack
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with without_proxy.open(request) as reply:
            for line in reply:
                yield json.loads(line)
    except urllib.error.HTTPError as refused:
        error = json.load(refused)["error"]
        raise ConfigurationError(error["message"], field=str(script), fix=error["fix"]) from None
    except OSError as error:
        raise DependencyError(
            f"the simulator cannot be reached: {error}", field=simulator, fix="look whether `dialtone run` still runs"
        ) from error


@dataclass(frozen=True)
class Result:
    """How a call went: its ledger, what is stored of it (None where no storage is known), why it failed if it did."""

    ledger: Sequence[Event]
    stored: Stored | None
    reasons: Sequence[str]

    @property
    def ok(self) -> bool:
        """Whether the call ended as its script expects, and what it recorded is in storage."""
        return not self.reasons

    def document(self) -> dict[str, Any]:
        """The result for machines, as JSON takes it."""
        return {
            "verdict": {"ok": self.ok, "reasons": list(self.reasons)},
            "ledger": list(self.ledger),
            "stored": asdict(self.stored) if self.stored else None,
        }


def call_id_of(ledger: Sequence[Event], platform: Name = "skype") -> str:
    """By what the bot's journal knows the ledger's call; empty if it never started."""
    return next((journal_id(platform, event) for event in ledger if event["kind"] == "call.started"), "")


def judge(ledger: Sequence[Event], stored: Stored | None) -> Result:
    """The simulator's verdict, and what is wrong in storage."""
    verdict = next((event for event in ledger if event["kind"] == "verdict"), None)
    if verdict is None:
        reasons = ["the simulator gave no verdict"]
    else:
        reasons = list(verdict["reasons"]) or ([] if verdict["ok"] else ["the simulator gave no reason"])
    if stored:
        gone = {event["operation_id"] for event in ledger if event["kind"] == "deleted"}
        kept = (event for event in ledger if event["kind"] == "recorded" and event["operation_id"] not in gone)
        reasons += stored.faults(kept)
    return Result(ledger, stored, reasons)
