"""An exploration as text, as a Mermaid flow chart, and as JSON. For SVG see `dialtone.layered`."""

import json
from collections.abc import Iterator
from typing import Any, Final

from dialtone.dialogs.explorer.flow import Flow, Node
from dialtone.dialogs.explorer.graph import Exploration, Finding

VERBS: Final = {"begins": "", "says": "say ", "asks": "ask ", "works": "run ", "ends": ""}
_ACTIONS: Final = {"record": "record ", "transfer": "", "playPrompt": "wait, playing "}
_SHAPES: Final = {
    "begins": ('(["', '"])'),
    "says": ('["', '"]'),
    "asks": ('{{"', '"}}'),
    "works": ('[["', '"]]'),
    "ends": ('(["', '"])'),
}
TEXT_MAX: Final = 48
"""Characters of a text that a drawing shows."""


def title_of(node: Node) -> list[str]:
    """What a drawing says of a node, in lines."""
    verb = _ACTIONS.get(node.action, VERBS[node.kind])
    shown = [text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 3]}..." for text in node.texts]
    lines = [f"{verb}{text}" for text in shown]
    return [*lines, f"again: {', '.join(node.again)}"] if node.again else lines


def text(flow: Flow, base: str = "") -> str:
    """A tree: each node once, with what follows on each outcome; `(n)` stands for the node of that number.

    `base` is cut from the beginning of the names of files.
    """
    numbers: dict[int, int] = {}
    lines: list[str] = []
    pointed_at = {node.number: sum(link.target == node.number for link in flow.links) for node in flow.nodes}

    def show(number: int, lead: str, label: str, indent: str) -> None:
        node = flow.nodes[number]
        title = "; ".join(title_of(node))
        if number in numbers:
            lines.append(f"{lead}{label}({numbers[number]}) {title_of(node)[0]}")
            return
        numbers[number] = len(numbers) + 1
        mark = f"({numbers[number]}) " if pointed_at[number] > 1 else ""
        place = node.line.relative(base)
        lines.append(f"{lead}{label}{mark}{title}" + (f"  {place}" if place else ""))
        links = flow.links_from(number)
        for index, link in enumerate(links):
            last = index == len(links) - 1
            outcome = f"{', '.join(link.labels)}: " if link.labels else ""
            show(link.target, f"{indent}{'`- ' if last else '|- '}", outcome, f"{indent}{'   ' if last else '|  '}")

    for node in flow.nodes:
        if node.kind == "begins":
            show(node.number, "", "", "")
    return "\n".join(lines)


def mermaid(flow: Flow) -> str:
    """A Mermaid flow chart."""
    lines = ["flowchart TD"]
    for node in flow.nodes:
        before, after = _SHAPES[node.kind]
        title = "<br>".join(_escaped(line) for line in title_of(node))
        lines.append(f"    n{node.number}{before}{title}{after}")
    for link in flow.links:
        label = f'|"{_escaped(", ".join(link.labels))}"|' if link.labels else ""
        lines.append(f"    n{link.source} -->{label} n{link.target}")
    return "\n".join(lines)


def report(found: Exploration, base: str = "") -> Iterator[str]:
    """What is wrong, in lines, and what was not reached. `base` as in `text`."""
    for finding in found.findings:
        place = finding.line.relative(base)
        yield f"{finding.kind}{f'  {place}' if place else ''}"
        yield f"  {finding.message}"
        if finding.path:
            yield f"  path: {' > '.join(finding.path)}"
        yield f"  fix: {finding.fix}"
    for left in found.not_reached:
        yield f"not reached: {left}"
    states, outcomes = len(found.states), sum(1 for _ in found.edges)
    wrong = {0: "nothing is wrong", 1: "1 finding"}.get(len(found.findings), f"{len(found.findings)} findings")
    yield f"{states} states, {outcomes} outcomes: {wrong}"


def as_json(found: Exploration, base: str = "") -> str:
    """All of it as one JSON document; docs/how-to/explore.md describes it. `base` as in `text`."""
    document: dict[str, Any] = {
        "version": 1,
        "complete": found.complete,
        "findings": [_finding(finding, base) for finding in found.findings],
        "notReached": found.not_reached,
        "states": [
            {
                "number": state.number,
                "kind": state.kind,
                "what": state.what,
                "action": state.action or None,
                "line": state.line.relative(base) or None,
                "depth": state.depth,
                "explored": state.explored,
            }
            for state in found.states
        ],
        "outcomes": [
            {
                "from": edge.source,
                "to": edge.target,
                "label": edge.label,
                "by": edge.kind,
                "said": list(edge.said),
                "failed": edge.failed,
            }
            for edge in found.edges
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _finding(finding: Finding, base: str) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "message": finding.message,
        "line": finding.line.relative(base) or None,
        "function": finding.line.function or None,
        "path": list(finding.path),
        "fix": finding.fix,
    }


def _escaped(line: str) -> str:
    for char, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        line = line.replace(char, entity)
    return line
