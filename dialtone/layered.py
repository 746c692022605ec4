"""A flow as an SVG picture, laid out in layers, without any other program.

1. A label is a box like a node, between the two that its link joins: so nothing is written over anything.
2. A link that leads back is turned round for the layout; then each box lies one layer below the lowest of those that
   lead to it.
3. A link over several layers has a place of its own in each. Links bend only between layers, so that none runs through
   a box.
4. In a layer, boxes are ordered by the middle of their neighbours, then moved as near to it as their widths let them.

The picture depends on the flow alone. It follows the reader's light or dark scheme.
"""

import itertools
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from dialtone.dialogs.explorer.flow import Flow
from dialtone.drawing import title_of

_CHARACTER: Final = 7.3
"""Width of a character, at most on the average, in pixels; a line is 17 high."""
_LINE: Final = 17
_WRAP: Final = 30
_BETWEEN: Final = 26
_BELOW: Final = 26
_SWEEPS: Final = 12
_STYLE: Final = """
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1b1f24; text-anchor: middle; }
  .label { font-size: 12px; fill: #454c54; }
  .box { stroke-width: 1.3; }
  .begins, .ends { fill: #e9ecef; stroke: #6c757d; }
  .says { fill: #ffffff; stroke: #adb5bd; }
  .asks { fill: #dbeafe; stroke: #2563eb; }
  .works { fill: #fef3c7; stroke: #b45309; }
  .link { fill: none; stroke: #6c757d; stroke-width: 1.3; }
  .head { fill: #6c757d; }
  .ground { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .label { fill: #b6bfc9; }
    .begins, .ends { fill: #2b3138; stroke: #8b949e; }
    .says { fill: #161b22; stroke: #545d68; }
    .asks { fill: #12294d; stroke: #5b9cff; }
    .works { fill: #3a2a06; stroke: #e0a63a; }
    .link { stroke: #8b949e; }
    .head { fill: #8b949e; }
    .ground { fill: #0d1117; }
  }
"""


@dataclass(slots=True, eq=False)
class _Box:
    """A node (`kind` is its kind), a label, or the place of a link in a layer."""

    kind: str
    lines: list[str] = field(default_factory=list)
    layer: int = 0
    x: float = 0.0
    y: float = 0.0
    above: list["_Box"] = field(default_factory=list)
    below: list["_Box"] = field(default_factory=list)

    @property
    def width(self) -> float:
        if not self.lines:
            return 8.0
        padding = 10 if self.kind == "label" else 26
        return max(len(line) for line in self.lines) * _CHARACTER + padding

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + (4 if self.kind == "label" else 14) if self.lines else 0.0


@dataclass(slots=True)
class _Way:
    """A link's boxes from above to below; `back` says that it leads upwards."""

    boxes: list[_Box]
    back: bool


def svg(flow: Flow, title: str) -> str:
    """The picture of a flow; `title` is what a screen reader says of it."""
    boxes = [_Box(node.kind, _wrapped(title_of(node))) for node in flow.nodes]
    ways = _ways(flow, boxes)
    layers = _layers(ways, boxes)
    _order(layers)
    _place(layers)
    everything = [box for layer in layers for box in layer]
    left = min((box.x - box.width / 2 for box in everything), default=0) - 12
    for box in everything:
        box.x = round(box.x - left, 1)
    width = max((box.x + box.width / 2 for box in everything), default=0) + 12
    heights = _heights(layers)
    height = sum(heights) + _BELOW * (len(heights) + 1)
    spans = {
        id(box): (layer[0].y - high / 2, layer[0].y + high / 2)
        for layer, high in zip(layers, heights, strict=True)
        for box in layer
    }
    drawn = [_link(way, spans) for way in ways] + [_box(box) for box in everything if box.lines]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            '<rect class="ground" width="100%" height="100%"/>',
            *drawn,
            "</svg>",
        ]
    )


def _wrapped(lines: Iterable[str]) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, _WRAP) or [" "]]


def _ways(flow: Flow, boxes: list[_Box]) -> list[_Way]:
    """Rules 1 and 2: the boxes of each link, the upper end first."""
    back = _leading_back(flow)
    ways = []
    for index, link in enumerate(flow.links):
        ends = [boxes[link.source], boxes[link.target]]
        if index in back:
            ends.reverse()
        label = [_Box("label", _wrapped([", ".join(link.labels)]))] if link.labels else []
        if link.source == link.target:
            # What comes back to a node at once is a line of the node.
            continue
        ways.append(_Way([ends[0], *label, ends[1]], index in back))
    return ways


def _leading_back(flow: Flow) -> set[int]:
    """The links that close a ring, on a walk from the beginning."""
    leaving: dict[int, list[tuple[int, int]]] = {}
    for index, link in enumerate(flow.links):
        leaving.setdefault(link.source, []).append((index, link.target))
    found: set[int] = set()
    state: dict[int, str] = {}
    for node in flow.nodes:
        if node.number in state:
            continue
        state[node.number] = "open"
        path = [(node.number, iter(leaving.get(node.number, [])))]
        while path:
            number, links = path[-1]
            step = next(links, None)
            if step is None:
                state[number] = "done"
                path.pop()
            elif state.get(step[1]) == "open":
                found.add(step[0])
            elif step[1] not in state:
                state[step[1]] = "open"
                path.append((step[1], iter(leaving.get(step[1], []))))
    return found


def _layers(ways: list[_Way], boxes: list[_Box]) -> list[list[_Box]]:
    """Rules 2 and 3."""
    every = list(dict.fromkeys([*boxes, *(box for way in ways for box in way.boxes)]))
    following: dict[_Box, list[_Box]] = {box: [] for box in every}
    before = dict.fromkeys(every, 0)
    for way in ways:
        for upper, lower in zip(way.boxes, way.boxes[1:], strict=False):
            following[upper].append(lower)
            before[lower] += 1
    ready = [box for box in every if not before[box]]
    while ready:
        box = ready.pop()
        for lower in following[box]:
            lower.layer = max(lower.layer, box.layer + 1)
            before[lower] -= 1
            if not before[lower]:
                ready.append(lower)
    for way in ways:
        whole = [way.boxes[0]]
        for upper, lower in zip(way.boxes, way.boxes[1:], strict=False):
            places = [_Box("place", layer=layer) for layer in range(upper.layer + 1, lower.layer)]
            every += places
            whole += [*places, lower]
        way.boxes = whole
        for upper, lower in itertools.pairwise(whole):
            upper.below.append(lower)
            lower.above.append(upper)
    layers: list[list[_Box]] = [[] for _ in range(1 + max((box.layer for box in every), default=-1))]
    for box in every:
        layers[box.layer].append(box)
    return layers


def _order(layers: list[list[_Box]]) -> None:
    """Rule 4, its first half."""
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            middles = {}
            for index, box in enumerate(layer):
                near = box.above if downwards else box.below
                middles[box] = sum(each.x for each in near) / len(near) if near else index
            layer.sort(key=middles.__getitem__)
            for index, box in enumerate(layer):
                box.x = index


def _place(layers: list[list[_Box]]) -> None:
    """Rule 4, its second half; and where each layer lies."""
    for layer in layers:
        _pack(layer, lambda _: 0.0)
    for sweep in range(2 * _SWEEPS):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            _pack(layer, _wish(downwards))
    y = float(_BELOW)
    for layer, height in zip(layers, _heights(layers), strict=True):
        for box in layer:
            box.y = y + height / 2
        y += height + _BELOW


def _wish(downwards: bool) -> Callable[[_Box], float]:
    def wished(box: _Box) -> float:
        near = box.above if downwards else box.below
        return sum(each.x for each in near) / len(near) if near else box.x

    return wished


def _pack(layer: Sequence[_Box], wished: Callable[[_Box], float]) -> None:
    """Put the boxes of a layer as near to where they want to be as their order and widths allow.

    Boxes that would overlap form a group, which is put where its members want to be on the average.
    """
    offsets, offset = [], 0.0
    for index, box in enumerate(layer):
        if index:
            offset += (layer[index - 1].width + box.width) / 2 + _BETWEEN
        offsets.append(offset)
    groups: list[tuple[float, int]] = []
    for box, shift in zip(layer, offsets, strict=True):
        total, count = wished(box) - shift, 1
        while groups and groups[-1][0] / groups[-1][1] > total / count:
            before = groups.pop()
            total, count = total + before[0], count + before[1]
        groups.append((total, count))
    places = [total / count for total, count in groups for _ in range(count)]
    for box, place, shift in zip(layer, places, offsets, strict=True):
        box.x = place + shift


def _heights(layers: list[list[_Box]]) -> list[float]:
    return [max((box.height for box in layer), default=0.0) for layer in layers]


def _link(way: _Way, spans: dict[int, tuple[float, float]]) -> str:
    """Rule 3: straight through a layer, bent between two."""
    points = []
    for index, box in enumerate(way.boxes):
        top, bottom = spans[id(box)]
        if index:
            points.append((box.x, top if index < len(way.boxes) - 1 else box.y - box.height / 2))
        if index < len(way.boxes) - 1:
            points.append((box.x, bottom if index else box.y + box.height / 2))
    first, last = way.boxes[0], way.boxes[-1]
    bent = [
        (first.x, spans[id(first)][1]),
        *points[1:-1],
        (last.x, spans[id(last)][0]),
    ]
    points = [points[0], *bent, points[-1]]
    if way.back:
        points.reverse()
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (y0 + y1) / 2
        straight = abs(x0 - x1) < 0.05
        path += f"V{y1:.1f}" if straight else f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    x, y = points[-1]
    tail = y + 7 if way.back else y - 7
    head = f'<path class="head" d="M{x:.1f} {y:.1f}L{x - 4:.1f} {tail:.1f}H{x + 4:.1f}Z"/>'
    return f'<path class="link" d="{path}"/>{head}'


def _box(box: _Box) -> str:
    left, top = box.x - box.width / 2, box.y - box.height / 2
    round_by = {"begins": box.height / 2, "ends": box.height / 2, "asks": 10, "works": 2}.get(box.kind, 4)
    look = "ground" if box.kind == "label" else f"box {box.kind}"
    drawn = [
        f'<rect class="{look}" x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" '
        f'rx="{min(round_by, 18):.1f}"/>'
    ]
    baseline = top + (box.height - len(box.lines) * _LINE) / 2 + 13
    style = ' class="label"' if box.kind == "label" else ""
    for index, line in enumerate(box.lines):
        drawn.append(f'<text{style} x="{box.x:.1f}" y="{baseline + index * _LINE:.1f}">{escape(line)}</text>')
    return "".join(drawn)
