"""The report of a crowd as one HTML page: figures, and plots over time. It needs nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10
from typing import Any, Final

from dialtone.report_page import html_page

_WIDTH: Final = 720
_HEIGHT: Final = 160
_GRID: Final = "".join(f"M0 {_HEIGHT * part // 4}H{_WIDTH}" for part in range(5))
_PLOTS: Final = (
    ("on_the_line", "Calls on the line"),
    ("per_second", "Callbacks a second"),
    ("reply_ms_p95", "Reply time, 95th percentile of the last 200, ms"),
)
_STYLE: Final = """\
th, td { padding: .2rem 1.5rem .2rem 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 0; }
figure { display: grid; grid-template-columns: 3.5rem 1fr; gap: .2rem .5rem; margin: .5rem 0; font-size: .85rem; }
figure div { display: flex; justify-content: space-between; font-variant-numeric: tabular-nums; }
.scale { flex-direction: column; text-align: right; margin: -.65rem 0; }
.time { grid-column: 2; }
svg { display: block; height: 10rem; overflow: visible; }
polyline, path { fill: none; stroke: currentColor; vector-effect: non-scaling-stroke; }
polyline { stroke-width: 2; stroke-linejoin: round; }
path { stroke-opacity: .25; }
"""
_BODY: Final = """\
<p class="verdict {passed}">{verdict}</p>
<table>
<caption hidden>Figures</caption>
{figures}
</table>
{plots}
{reasons}"""


def figures(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The figures of a crowd, each with its name, as people read them."""
    told = [
        ("Callers", f"{result['calls']:,} ({result['arrivals']} over {result['over_s']:g} s, seed {result['seed']})"),
        ("Most at once", f"{result['most_at_once']:,}"),
        ("Not as expected", f"{result['calls'] - result['ok']:,}"),
        ("Callbacks", f"{result['callbacks']:,}, {result['callbacks_per_s']:,} a second"),
        ("Reply time, ms", _percentiles(result, "reply_ms")),
        ("Longest dead air of a call, ms", _percentiles(result, "dead_air_ms")),
    ]
    if (spent := result.get("bot_cpu_s")) is not None and spent > 0:
        told.append(
            ("One core of the bot", f"{result['calls'] / spent:,.0f} calls a second, {_at_once(result):,.0f} at once")
        )
    return told


def _at_once(result: Mapping[str, Any]) -> float:
    """How many such calls one core could have on the line at the same time."""
    return float(result["call_seconds"] / result["bot_cpu_s"])


def _percentiles(result: Mapping[str, Any], name: str) -> str:
    return ", ".join(f"{result[f'{name}_p{q}']} (p{q})" for q in (50, 95, 99))


def page(result: Mapping[str, Any]) -> str:
    """The whole page."""
    failed = result["calls"] - result["ok"]
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in figures(result)
    )
    reasons = "".join(f"<li>{count:,}: {escape(reason)}</li>" for reason, count in result["reasons"].items())
    body = _BODY.format(
        passed="failed" if failed else "passed",
        verdict="All calls ended as their script expects."
        if not failed
        else f"{failed:,} calls did not end as expected.",
        figures=rows,
        plots="\n".join(_plot(title, _series(result["seconds"], name)) for name, title in _PLOTS),
        reasons=f"<h2>Why calls failed</h2>\n<ul>{reasons}</ul>" if reasons else "",
    )
    return html_page(f"Crowd: {result['script']}", body, width="46rem", style=_STYLE)


def _series(seconds: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    if name != "per_second":
        return [(each["at_s"], each[name] or 0.0) for each in seconds]
    points, before_s, before = [], 0.0, 0
    for each in seconds:
        points.append((each["at_s"], (each["callbacks"] - before) / max(each["at_s"] - before_s, 0.001)))
        before_s, before = each["at_s"], each["callbacks"]
    return points


def _plot(title: str, points: Sequence[tuple[float, float]]) -> str:
    if not points:
        return ""
    last, most = max(points[-1][0], 0.001), _round_up(max(value for _, value in points))
    line = " ".join(f"{_WIDTH * at / last:.1f},{_HEIGHT * (1 - value / most):.1f}" for at, value in points)
    scale = "".join(f"<span>{most * part / 4:,g}</span>" for part in (4, 3, 2, 1, 0))
    highest = max(value for _, value in points)
    # What is text is outside the picture, which is stretched to the page's width.
    return (
        f"<h2>{escape(title)}</h2>\n"
        f'<figure><div class="scale" aria-hidden="true">{scale}</div>\n'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}: at most {highest:,.1f}, over {last:,.0f} seconds">\n'
        f'<path d="{_GRID}"/><polyline points="{line}"/>\n</svg>\n'
        f'<div class="time" aria-hidden="true"><span>0 s</span><span>{last:,.0f} s</span></div></figure>'
    )


def _round_up(value: float) -> float:
    """The next number that a scale of four parts is easily read at: a power of ten, twice, four or eight times it."""
    power = 10.0 ** floor(log10(max(value, 0.001)))
    return next(step * power for step in (1, 2, 4, 8, 10, 20) if step * power >= value)
