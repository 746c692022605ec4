"""A call as people read it: one line for each event of its ledger, then what is stored of it and the verdict.

1. The lines are whole without colour: what goes wrong is said in words.
2. What a bot or a caller says is text from outside: characters that could steer a terminal are replaced.
3. HTTP is left out unless it fails, and not by a fault of the plan; an expectation is left out unless it is unmet.
"""

from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Console
from rich.text import Text

from dialtone.ringing import Event, Result

_STYLES: Final = {"platform": "dim", "bot": "cyan", "caller": "green"}
_BAD: Final = "bold red"


def words(event: Event) -> tuple[str, str] | None:
    """Whose line the line of an event is, and what is in it; None for an event without one."""
    kind = str(event["kind"])
    if (write := _LINES.get(kind)) is None or (line := write(event)) is None:
        return None
    # A prompt is heard by the caller, and the bot is who says it.
    return "bot" if kind in ("heard", "beep") else str(event["who"]), line


def show(console: Console, event: Event) -> None:
    """Print the line of an event, if it has one."""
    if (said := words(event)) is None:
        return
    who, line = said
    bad = event["kind"] in ("violation", "expectation", "http.reply", "fault")
    # What is said has the time of its first word; its event comes with its last.
    text = Text()
    text.append(f"{clock(event.get('start', event['t']))}  ", style="dim")
    text.append(f"{who:<8}  ", style=_STYLES.get(who, ""))
    text.append(printable(line), style=_BAD if bad else _STYLES["platform"] if who == "platform" else "")
    console.print(text, soft_wrap=True)


def report(console: Console, result: Result) -> None:
    """Print what is stored of a call and, last, the verdict on it."""

    def say(line: str, style: str = "") -> None:
        console.print(Text(printable(line), style=style), soft_wrap=True)

    say("")
    if (stored := result.stored) is None:
        say("Stored: not looked at. Fix: set DIALTONE_STORAGE to the bot's connection string.")
    else:
        say(f"Stored: {_count(stored.turns, 'turn')} in the journal of call {stored.call_id}")
        if stored.raised:
            say(f"  the dialog failed: {stored.raised}; the bot's log, functions.log, says where and why", _BAD)
        for recording in stored.recordings:
            level = "silence" if recording.level is None else f"{recording.level:.0f} dB"
            say(f"  recordings/{recording.path}")
            say(
                f"    {recording.size:,} bytes, {recording.seconds:.1f} s, sha256 {recording.sha256[:12]}; "
                f"read back: {recording.length:.1f} s, {level}"
            )
    if result.ok:
        end = next(event for event in result.ledger if event["kind"] == "call.ended")
        sent = _count(end["turns"], "workflow") if "turns" in end else _count(end["commands"], "command")
        facts = [f"{end['seconds']:.1f} s", sent, _count(end["recordings"], "recording")]
        say(f"PASS: the call ended as its script expects ({', '.join(facts)})", "bold green")
    else:
        say(f"FAIL: {'; '.join(result.reasons)}", _BAD)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def clock(seconds: float) -> str:
    """Seconds as `mm:ss.s`."""
    tenths = round(seconds * 10)
    return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def printable(text: str) -> str:
    """The text on one line, without characters that could steer a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _started(event: Event) -> str:
    return f"{event['caller']} calls {event['bot']} (call {event['call_id']}, seed {event['seed']})"


def _fault(event: Event) -> str:
    value = "" if event["value"] is True else f"={event['value']}"
    return f"FAULT {event['fault']}{value} at request {event['request']}"


def _reply(event: Event) -> str | None:
    status = event.get("status")
    # What a fault sent, or lost, is told by the fault's own line.
    if "fault" in event or (status is not None and status < 400):
        return None
    answer = f"status {status}" if status is not None else f"no reply: {event.get('error', 'unknown')}"
    return f"HTTP FAILED: {answer}"


def _heard(event: Event) -> str:
    if text := event.get("text"):
        what = f'"{text}"'
    elif file := event.get("file"):
        what = f"plays {file}"
    else:
        what = f"is silent for {event.get('silence_ms', 0)} ms"
    return f"{what} (cut after {event['seconds']:.1f} s)" if event.get("cut") else what


def _recorded(event: Event) -> str:
    size = f"{event['bytes']:,} bytes of {event['format']}"
    return f"[REC] {event['seconds']:.1f} s, {size}, ended by {event['reason']}"


def _recognized(event: Event) -> str:
    got = event.get("choice") or event.get("digits") or "nothing"
    return f"understands {got} ({event['reason']})" if event.get("reason") else f"understands {got}"


def _transferred(event: Event) -> str:
    return f"transfers the caller to {event['target']}" + ("" if event["ok"] else ", which fails")


def _stream(event: Event) -> str:
    text = f"the media stream {event['handler']!r} is {event['what']}"
    if event["what"] != "over":
        return text
    why = f"{event['reason']} {event['code'] or ''}".strip()
    return f"{text} ({why}): {event['heard_s']:.1f} s heard, {event['sent_s']:.1f} s sent, {event['lost_s']:.1f} s lost"


def _violation(event: Event) -> str:
    return f"VIOLATION {event['code']} [{event['field']}]: {event['message']}. Fix: {event['fix']}."


def _ended(event: Event) -> str:
    return f"the call is over, ended by the {event['by']}"


def _expectation(event: Event) -> str | None:
    if event["ok"]:
        return None
    got = " / ".join(map(str, event["got"])) if isinstance(event["got"], list) else event["got"]
    return f"UNMET {event['what']}: expected {event['want']}, got {got}"


_LINES: Final[Mapping[str, Callable[[Event], str | None]]] = {
    "call.started": _started,
    "fault": _fault,
    "http.reply": _reply,
    "heard": _heard,
    "beep": lambda _: "beep",
    "pressed": lambda event: f"presses {event['key']}",
    "spoke": lambda event: f'"{event["text"]}"',
    "recorded": _recorded,
    "recognized": _recognized,
    "transferred": _transferred,
    "stream": _stream,
    "violation": _violation,
    "hung_up": lambda _: "hangs up",
    "call.ended": _ended,
    "expectation": _expectation,
}
