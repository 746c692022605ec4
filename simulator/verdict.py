"""Whether a call went as its script expects.

1. A step that the call did not last for fails it; of a `hear` the reason says what was waited for, and what was heard
   instead, with times.
2. Each member of `expect` is compared with what happened.
3. `transcript` is looked for in what was heard, said and pressed, in order of time; what it leaves out may be between.
   Keys that are pressed one after the other are one line.
4. `dead_air` is compared with the longest time from a message's first attempt to its answer: the call's time, and what
   the bot took in real time. In virtual time the ledger has the latter only when it is too long.
5. What the bot did against the contract fails it, and so does a call that the platform had to break off, unless the
   script expects `ended_by: platform`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simulator.callers import ScriptedCaller
from simulator.ledger import Event, Ledger
from simulator.script import Expect, matches


def judge(caller: ScriptedCaller, ledger: Ledger, faults: list[str], waits: Sequence[tuple[float, float]] = ()) -> bool:
    """Add the call's expectations and its verdict to the ledger: whether all is well.

    `faults` says why the platform broke the call off; `waits` is for rule 4.
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
        # Where a platform takes commands it knows of no workflows.
        "turns": (expect.turns if "turns" in ended else None, ended.get("turns")),
        "transferred_to": (expect.transferred_to, _transferred_to(ledger)),
    }
    for name, (want, result) in results.items():
        if want is not None:
            compare(name, want, result, ok=want == result, why=f"{name}: expected {want}, got {result}")
    sounds = [sound for _, sound in heard]
    for text in expect.heard:
        ok = any(matches(text, event.get("text") or event.get("file") or "") for event, _ in heard)
        # What was heard is told once.
        found = "not in it" if caller.unmet is not None else f"got {', '.join(sounds) or 'nothing'}"
        compare("heard", text, sounds, ok=ok, why=f"heard: expected {text!r}, {found}")

    for number, step, answer in caller.wrongly_answered:
        want = "2xx" if step.status is None else step.status
        got_status = answer.status if answer.failure is None else answer.failure
        why = f"step {number} (send to {step.to}): expected status {want}, got {got_status}"
        compare(f"steps.{number - 1}", want, got_status, ok=False, why=why)
    if expect.dead_air is not None:
        longest = max((call_s + real_s for call_s, real_s in waits), default=0.0)
        ok = longest <= expect.dead_air
        air = round(max((call_s for call_s, _ in waits), default=0.0) if ok else longest, 3)
        compare(
            "dead_air",
            expect.dead_air,
            air,
            ok=ok,
            why=f"dead_air: expected at most {expect.dead_air:g} s, got {longest:.1f} s",
        )
    if expect.transcript:
        _compare_transcript(expect, _lines(ledger), compare)

    give(ledger, reasons, [] if expect.ended_by == "platform" else faults)
    return not reasons


def give(ledger: Ledger, reasons: list[str], faults: Sequence[str]) -> None:
    """Rule 5: add to `reasons` what the bot did against the contract, and `faults`; add the verdict to the ledger."""
    reasons += [
        f"the bot broke the contract at {event['t']:.1f} s: {event['code']} {event['field']}: {event['message']}"
        for event in ledger.of_kind("violation")
    ]
    reasons += faults
    ledger.add("caller", "verdict", ok=not reasons, reasons=reasons)


@dataclass(frozen=True)
class _Line:
    """A line of a transcript."""

    at: float
    who: Literal["bot", "caller"]
    words: str

    def __str__(self) -> str:
        return f"{self.at:.1f} s {self.who}: {self.words}"


def _lines(ledger: Ledger) -> list[_Line]:
    """What was heard, said and pressed, in order of time."""
    lines: list[_Line] = []
    keys = ""
    for at, event in sorted(((_began(event), event) for event in ledger.events), key=lambda pair: pair[0]):
        if event["kind"] == "pressed":
            keys += event["key"]
            began = lines.pop().at if len(keys) > 1 else at
            lines.append(_Line(began, "caller", keys))
            continue
        if event["kind"] == "heard" and "silence_ms" not in event:
            lines.append(_Line(at, "bot", str(event.get("text") or event.get("file"))))
        elif event["kind"] == "spoke":
            lines.append(_Line(at, "caller", str(event["text"])))
        else:
            continue
        keys = ""
    return lines


def _began(event: Event) -> float:
    began: float = event["start"] if "start" in event else event["t"]
    return began


def _compare_transcript(expect: Expect, lines: list[_Line], compare: Callable[..., None]) -> None:
    at = 0
    for number, wanted in enumerate(expect.transcript, 1):
        who, words = next(iter(wanted.model_dump().items()))
        found = next((i for i in range(at, len(lines)) if lines[i].who == who and matches(words, lines[i].words)), None)
        if found is None:
            rest = ", ".join(map(str, lines[at:])) or "nothing"
            why = f"transcript line {number} ({who}: {words}) did not come; from there on: {rest}"
            compare(
                f"transcript.{number - 1}", f"{who}: {words}", [str(line) for line in lines[at:]], ok=False, why=why
            )
            return
        at = found + 1
    compare("transcript", len(expect.transcript), len(expect.transcript), ok=True, why="")


def _sound(event: Event) -> str:
    if "silence_ms" in event:
        return f"{event['silence_ms']} ms of silence"
    return repr(event["text"]) if "text" in event else str(event["file"])


def _transferred_to(ledger: Ledger) -> str | None:
    return next((str(event["target"]) for event in ledger.of_kind("transferred") if event["ok"]), None)
