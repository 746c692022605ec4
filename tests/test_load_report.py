"""The page of a crowd: its figures, plots that say in words what they show, and nothing that a bot could smuggle in."""

import xml.etree.ElementTree as Tree
from typing import Any

import pytest

from dialtone.load_report import _round_up, figures, page

RESULT: dict[str, Any] = {
    "script": "<b>Message</b>",
    "arrivals": "poisson",
    "over_s": 60.0,
    "seed": 7,
    "calls": 1200,
    "ok": 1199,
    "took_s": 75.0,
    "most_at_once": 300,
    "call_seconds": 20_000.0,
    "callbacks": 4800,
    "callbacks_per_s": 64.0,
    **{f"{name}_p{q}": float(q) for name in ("reply_ms", "dead_air_ms") for q in (50, 95, 99)},
    "reasons": {"heard: expected <Hi>": 1},
    "seconds": [
        {"at_s": 1.0, "on_the_line": 10, "callbacks": 20, "reply_ms_p95": None},
        {"at_s": 3.0, "on_the_line": 30, "callbacks": 120, "reply_ms_p95": 8.0},
    ],
}


def test_the_figures() -> None:
    told = dict(figures(RESULT))
    assert told["Callers"] == "1,200 (poisson over 60 s, seed 7)"
    assert told["Not as expected"] == "1"
    assert told["Reply time, ms"] == "50.0 (p50), 95.0 (p95), 99.0 (p99)"
    assert "One core of the bot" not in told
    assert dict(figures(RESULT | {"bot_cpu_s": 4.0}))["One core of the bot"] == "300 calls a second, 5,000 at once"


def test_the_page_is_whole_and_says_what_its_plots_show() -> None:
    text = page(RESULT)
    plots = [Tree.fromstring(part.split("</svg>")[0] + "</svg>") for part in _after(text, "<svg")]
    assert [plot.attrib["aria-label"] for plot in plots] == [
        "Calls on the line: at most 30.0, over 3 seconds",
        "Callbacks a second: at most 50.0, over 3 seconds",
        "Reply time, 95th percentile of the last 200, ms: at most 8.0, over 3 seconds",
    ]
    lines = [plot.find("polyline") for plot in plots]
    assert next(line.attrib["points"] for line in lines if line is not None) == "240.0,120.0 720.0,40.0"
    scales = [part.split("</div>")[0] for part in text.split('class="scale" aria-hidden="true">')[1:]]
    assert scales[0] == "".join(f"<span>{each}</span>" for each in (40, 30, 20, 10, 0))
    assert "<li>1: heard: expected &lt;Hi&gt;</li>" in text
    assert "&lt;b&gt;Message" in text
    assert "<b>" not in text
    assert "http:" not in text
    assert "https:" not in text


@pytest.mark.parametrize("seconds", [[], RESULT["seconds"][:1]])
def test_a_short_crowd(seconds: list[Any]) -> None:
    text = page(RESULT | {"seconds": seconds, "ok": 1200, "reasons": {}})
    assert "All calls ended as their script expects." in text
    assert text.count("<svg") == (3 if seconds else 0)
    assert "Why calls failed" not in text


def _after(text: str, mark: str) -> list[str]:
    return [mark + part for part in text.split(mark)[1:]]


@pytest.mark.parametrize(("value", "top"), [(0, 0.001), (0.9, 1), (1, 1), (1.1, 2), (64, 80), (81, 100), (4001, 8000)])
def test_a_scale_ends_at_a_round_number(value: float, top: float) -> None:
    assert _round_up(value) == pytest.approx(top)
