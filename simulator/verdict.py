"""Whether a call went as its script expects.

1. A step that the call did not last for fails it; of a `hear` the reason says what was waited for, and what was heard
   instead, with times.
2. Each member of `expect` is compared with what happened.
3. What the bot did against the contract fails it, and so does a call that the platform had to break off, unless the
   script expects `ended_by: platform`.
"""

from typing import Any

from simulator.callers import ScriptedCaller
from simulator.ledger import Event, Ledger
from simulator.script import Hear, Step, matches


def judge(caller: ScriptedCaller, ledger: Ledger, faults: list[str]) -> bool:
    """Add the call's expectations and its verdict to the ledger: whether all is well.

    `faults` says why the platform broke the call off.
    """
    reasons: list[str] = []

    def compare(what: str, want: Any, got: Any, *, ok: bool, why: str) -> None:
        ledger.add("caller", "expectation", ok=ok, what=what, want=want, got=got)
        if not ok:
            reasons.append(why)

    heard = ledger.of_kind("heard")
    if caller.unmet is not None:
        number, step = caller.unmet
        since = ledger.since_start(caller.waiting_since)
        want = _wanted(step)
        got = [f"{event['start']:.1f} s {_sound(event)}" for event in heard]
        verb = "waited from" if isinstance(step, Hear) else "was at"
        why = f"step {number} ({want}) {verb} {since:.1f} s until the call ended; heard: {', '.join(got) or 'nothing'}"
        compare(f"steps.{number - 1}", want, got, ok=False, why=why)

    expect = caller.script.expect
    ended = ledger.of_kind("call.ended")[-1]
    for name, want, got in (
        ("ended_by", expect.ended_by, ended["by"]),
        ("recordings", expect.recordings, ended["recordings"]),
        ("turns", expect.turns, ended["turns"]),
        ("transferred_to", expect.transferred_to, _transferred_to(ledger)),
    ):
        if want is not None:
            compare(name, want, got, ok=want == got, why=f"{name}: expected {want}, got {got}")
    for want in expect.heard:
        ok = any(matches(want, event.get("text") or event.get("file") or "") for event in heard)
        got = [_sound(event) for event in heard]
        compare("heard", want, got, ok=ok, why=f"heard: expected {want!r}, heard {', '.join(got) or 'nothing'}")

    reasons += [
        f"the bot broke the contract at {event['t']:.1f} s: {event['code']} {event['field']}: {event['message']}"
        for event in ledger.of_kind("violation")
    ]
    if expect.ended_by != "platform":
        reasons += faults
    ledger.add("caller", "verdict", ok=not reasons, reasons=reasons)
    return not reasons


def _wanted(step: Step) -> str:
    return " ".join(f"{name}: {value}" for name, value in step.model_dump(exclude_defaults=True).items())


def _sound(event: Event) -> str:
    if "silence_ms" in event:
        return f"{event['silence_ms']} ms of silence"
    return repr(event["text"]) if "text" in event else str(event["file"])


def _transferred_to(ledger: Ledger) -> str | None:
    return next((str(event["target"]) for event in ledger.of_kind("transferred") if event["ok"]), None)
