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
from simulator.script import matches


def judge(caller: ScriptedCaller, ledger: Ledger, faults: list[str]) -> bool:
    """Add the call's expectations and its verdict to the ledger: whether all is well.

    `faults` says why the platform broke the call off.
    """
    reasons: list[str] = []

    def compare(what: str, want: Any, got: Any, *, ok: bool, why: str) -> None:
        ledger.add("caller", "expectation", ok=ok, what=what, want=want, got=got)
        if not ok:
            reasons.append(why)

    heard = [(event, _sound(event)) for event in ledger.of_kind("heard")]
    if caller.unmet is not None:
        number, step = caller.unmet
        wanted = " ".join(f"{name}: {value}" for name, value in step.model_dump(exclude_defaults=True).items())
        since = ledger.since_start(caller.waiting_since)
        got = [f"{event['start']:.1f} s {sound}" for event, sound in heard]
        why = f"step {number} ({wanted}) waited from {since:.1f} s to the end; heard: {', '.join(got) or 'nothing'}"
        compare(f"steps.{number - 1}", wanted, got, ok=False, why=why)

    expect = caller.script.expect
    ended = ledger.of_kind("call.ended")[-1]
    results: dict[str, tuple[Any, Any]] = {
        "ended_by": (expect.ended_by, ended["by"]),
        "recordings": (expect.recordings, ended["recordings"]),
        "turns": (expect.turns, ended["turns"]),
        "transferred_to": (expect.transferred_to, _transferred_to(ledger)),
    }
    for name, (want, result) in results.items():
        if want is not None:
            compare(name, want, result, ok=want == result, why=f"{name}: expected {want}, got {result}")
    sounds = [sound for _, sound in heard]
    for text in expect.heard:
        ok = any(matches(text, event.get("text") or event.get("file") or "") for event, _ in heard)
        compare("heard", text, sounds, ok=ok, why=f"heard: expected {text!r}, got {', '.join(sounds) or 'nothing'}")

    reasons += [
        f"the bot broke the contract at {event['t']:.1f} s: {event['code']} {event['field']}: {event['message']}"
        for event in ledger.of_kind("violation")
    ]
    if expect.ended_by != "platform":
        reasons += faults
    ledger.add("caller", "verdict", ok=not reasons, reasons=reasons)
    return not reasons


def _sound(event: Event) -> str:
    if "silence_ms" in event:
        return f"{event['silence_ms']} ms of silence"
    return repr(event["text"]) if "text" in event else str(event["file"])


def _transferred_to(ledger: Ledger) -> str | None:
    return next((str(event["target"]) for event in ledger.of_kind("transferred") if event["ok"]), None)
