"""A call's ledger as people read it: one line an event, with its time and whose it is.

1. The lines are whole without colour: what goes wrong is said in words.
2. What a bot or a caller says is text from outside: characters that could steer a terminal are replaced.
3. HTTP is left out unless it fails; an expectation is left out unless it is unmet.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.text import Text

Event = Mapping[str, Any]
"""One line of the ledger: `t` (seconds since the call began), `who`, `kind` and what belongs to the kind."""

_STYLES: Final = {"platform": "dim", "bot": "cyan", "caller": "green"}
_BAD: Final = "bold red"


def show(console: Console, event: Event) -> None:
    """Print the line of an event, if it has one."""
    kind = str(event["kind"])
    if (write := _LINES.get(kind)) is None or (line := write(event)) is None:
        return
    bad = kind in ("violation", "expectation", "http.reply")
    # A prompt is heard by the caller, and the bot is who says it.
    who = "bot" if kind in ("heard", "beep") else str(event["who"])
    text = Text(f"{clock(event['t'])}  ", style="dim")
    text.append(f"{who:<8}  ", style=_STYLES.get(who, ""))
    text.append(printable(line), style=_BAD if bad else _STYLES["platform"] if who == "platform" else "")
    console.print(text, soft_wrap=True)


def clock(seconds: float) -> str:
    """Seconds as `mm:ss.s`."""
    tenths = round(seconds * 10)
    return f"{tenths // 600:02d}:{tenths // 10 % 60:02d}.{tenths % 10}"


def printable(text: str) -> str:
    """The text on one line, without characters that could steer a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _started(event: Event) -> str:
    return f"{event.get('caller', 'somebody')} calls {event.get('bot', 'the bot')} (call {event.get('call_id', '?')})"


def _reply(event: Event) -> str | None:
    status = event.get("status")
    if status is not None and status < 400:
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


def _violation(event: Event) -> str:
    return f"VIOLATION {event['code']} [{event['field']}]: {event['message']}. Fix: {event['fix']}."


def _ended(event: Event) -> str:
    return f"the call is over, ended by the {event['by']}"


def _expectation(event: Event) -> str | None:
    return None if event["ok"] else f"UNMET: {event['what']}: expected {event['want']!r}, got {event['got']!r}"


_LINES: Final[Mapping[str, Callable[[Event], str | None]]] = {
    "call.started": _started,
    "http.reply": _reply,
    "heard": _heard,
    "beep": lambda _: "beep",
    "pressed": lambda event: f"presses {event['key']}",
    "spoke": lambda event: f'"{event["text"]}"',
    "recorded": _recorded,
    "recognized": _recognized,
    "transferred": _transferred,
    "violation": _violation,
    "hung_up": lambda _: "hangs up",
    "call.ended": _ended,
    "expectation": _expectation,
}
