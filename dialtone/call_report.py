"""The ledger of a call as one HTML page: lanes on one time axis, and every event in words and with its JSON. It needs
nothing else.

The lanes are a picture of the table below them, which has all that they show.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, Final

from dialtone.report_page import html_page
from dialtone.ringing import Event
from dialtone.transcript import clock, words

_WIDTH: Final = 900
_LANE: Final = 28
_LEFT: Final = 80
_LANES: Final = ("caller", "bot", "platform")
_LONG: Final = {"heard": "bot", "spoke": "caller", "beep": "bot"}
"""Events that take time, and in whose lane they are: a prompt is heard by the caller, and the bot is who says it."""
_BAD: Final = frozenset({"violation", "fault", "failed"})
_STYLE: Final = """\
table { width: 100%; }
th, td { padding: .2rem .8rem .2rem 0; }
th:nth-child(-n + 2), td:nth-child(-n + 2) { white-space: nowrap; }
td:first-child { font-variant-numeric: tabular-nums; }
td:nth-child(3) { width: 70%; }
td:last-child { min-width: 9rem; }
pre { white-space: pre-wrap; margin: .2rem 0; }
summary { cursor: pointer; }
rect { fill: currentColor; fill-opacity: .35; }
circle { fill: currentColor; }
.lanes { overflow-x: auto; }
.lanes svg { min-width: 36rem; }
.bad { font-weight: bold; }
.aside { font-size: .85rem; opacity: .75; }
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: grid; grid-template-columns: auto 1fr; padding: .3rem 0; border-top: 1px solid rgb(128 128 128 / .4); }
  td:nth-child(n + 3) { grid-column: 1 / -1; width: auto; }
  summary { min-height: 44px; align-content: center; }
}
"""
_BODY: Final = """\
{verdict}
{lanes}
<table>
<thead>
<tr><th scope="col">Time</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Event</th></tr>
</thead>
<tbody>
{rows}
</tbody>
</table>"""


Words = Callable[[Event], tuple[str, str] | None]
"""Whose an event is, and how it is told; None for one that has no words."""


def page(events: Sequence[Event], words: Words = words) -> str:
    """The page of a call: its ledger from the simulator, or, with other words, from its bot's journal
    (`dialtone.timeline`).
    """
    started = next((event for event in events if event["kind"] == "call.started"), {})
    verdict = next((event for event in events if event["kind"] == "verdict"), None)
    told = ""
    if verdict is not None:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in verdict["reasons"])
        passed = '<p class="verdict passed">The call ended as its script expects.</p>'
        told = passed if verdict["ok"] else f'<p class="verdict failed">FAIL</p><ul>{reasons}</ul>'
    rows = "\n".join(_row(event, words(event)) for event in events)
    body = _BODY.format(verdict=told, lanes=_lanes(events), rows=rows)
    return html_page(f"Call {started.get('call_id', '')}", body, width="64rem", style=_STYLE)


def _row(event: Event, words: tuple[str, str] | None) -> str:
    kind = str(event["kind"])
    bad = kind in _BAD or event.get("ok") is False
    details = {name: value for name, value in event.items() if name not in ("t", "who", "kind")}
    who, told = words or (str(event["who"]), _short(details))
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in (clock(_began(event)), who, told))
    text = escape(json.dumps(details, ensure_ascii=False, indent=2))
    look = "bad" if bad else "" if words else "aside"
    return (
        f"<tr{f' class={look}' if look else ''}>{cells}<td><details><summary>{'failed: ' if bad else ''}{escape(kind)}"
        f"</summary><pre>{text}</pre></details></td></tr>"
    )


def _short(details: Mapping[str, Any]) -> str:
    """The members of an event that are no document, on one line."""
    flat = [
        f"{name} {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in details.items()
        if not isinstance(value, dict | list)
    ]
    text = ", ".join(flat)
    return text if len(text) <= 160 else f"{text[:159]}…"


def _began(event: Event) -> float:
    return float(event.get("start", event["t"]))


def _lanes(events: Sequence[Event]) -> str:
    last = max((float(event["t"]) for event in events), default=0.0) or 1.0
    scale = (_WIDTH - _LEFT) / last
    parts = []
    for number, name in enumerate(_LANES):
        y = _LANE * number
        parts.append(f'<text x="0" y="{y + 19}">{name}</text>')
        parts.append(f'<line x1="{_LEFT}" y1="{y + 14}" x2="{_WIDTH}" y2="{y + 14}"/>')
    for event in events:
        lane = _LANES.index(_LONG.get(event["kind"], event["who"]))
        x, y = _LEFT + _began(event) * scale, _LANE * lane + 14
        if event["kind"] in _LONG:
            wide = max(2.0, float(event["seconds"]) * scale)
            parts.append(f'<rect x="{x:.1f}" y="{y - 9}" width="{wide:.1f}" height="18"/>')
        else:
            parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="3"/>')
    bottom = _LANE * len(_LANES)
    parts.append(f'<text x="{_LEFT}" y="{bottom + 14}">0 s</text>')
    parts.append(f'<text x="{_WIDTH}" y="{bottom + 14}" text-anchor="end">{last:.1f} s</text>')
    label = f"Lanes of caller, bot and platform over {last:.1f} seconds; the table has the same events"
    return (
        '<div class="lanes" role="region" aria-label="Lanes" tabindex="0">'
        f'<svg viewBox="0 0 {_WIDTH + 4} {bottom + 20}" role="img" aria-label="{label}">{"".join(parts)}</svg></div>'
    )
