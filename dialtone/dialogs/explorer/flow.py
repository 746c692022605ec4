"""The flow of a bot as people draw it: what an exploration walked, with the states of one question taken together.

1. A question, or work, is one node however often it is asked again. What is said on the way to it is a node before it.
2. Left out, for they are everywhere: hanging up, and failures of the platform.
3. What leads back to the same question is a part of its node (`again`), not a link. Where the same outcome leads on
   after the last try, it is called `no answer`.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

from dialtone.dialogs.explorer.graph import NOT_OF_THE_CALLER, NOWHERE, Exploration, Line, State

NO_ANSWER: Final = "no answer"
_WITHOUT: Final = ("silence", "wrong key")


@dataclass(slots=True)
class Node:
    """Something that the bot does. `texts` has what it says, or one text: what it asks or runs, or how it ends."""

    number: int
    kind: Literal["begins", "says", "asks", "works", "ends"]
    texts: tuple[str, ...]
    line: Line = NOWHERE
    action: str = ""
    again: list[str] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    """Fingerprints that a journal has of its question; none of what asks nothing."""


@dataclass(slots=True)
class Link:
    """The outcomes that lead from a node to another; none from what is only said."""

    source: int
    target: int
    labels: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Flow:
    """Nodes by their numbers, in the order in which they are reached, and the links between them."""

    nodes: list[Node] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def links_from(self, number: int) -> list[Link]:
        """The links that leave a node."""
        return [link for link in self.links if link.source == number]


def flow_of(found: Exploration) -> Flow:
    """The flow of what was walked."""
    flow, known = Flow(), _Known()
    for state in found.states:
        for edge in state.edges:
            if edge.kind in NOT_OF_THE_CALLER:
                continue
            source, target = known.of_state(flow, state), known.of_state(flow, found.states[edge.target])
            said = tuple(text for text in edge.said if text not in found.notices)
            if source is target and not said:
                if edge.label not in source.again:
                    source.again.append(edge.label)
                continue
            label = edge.label if source.kind != "begins" else ""
            first = known.of_said(flow, said, target) if said else target
            _link(flow, source, first, label)
            if said:
                _link(flow, first, target, "")
    for link in flow.links:
        again = flow.nodes[link.source].again
        if any(label in again for label in link.labels if label in _WITHOUT):
            others = [label for label in link.labels if label not in _WITHOUT]
            link.labels = [*others, NO_ANSWER]
    return flow


class _Known:
    def __init__(self) -> None:
        self._nodes: dict[object, Node] = {}

    def of_state(self, flow: Flow, state: State) -> Node:
        # Choices of one line that are asked with another prompt are other questions.
        line = state.line if state.kind in ("asks", "works") else NOWHERE
        node = self._node(flow, (state.kind, state.what, line), state.kind, (state.what,), line, state.action)
        if state.mark:
            node.marks.add(state.mark)
        return node

    def of_said(self, flow: Flow, said: tuple[str, ...], before: Node) -> Node:
        return self._node(flow, ("says", said, before.number), "says", said, NOWHERE, "")

    def _node(
        self,
        flow: Flow,
        key: object,
        kind: Literal["begins", "says", "asks", "works", "ends"],
        texts: tuple[str, ...],
        line: Line,
        action: str,
    ) -> Node:
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = Node(len(flow.nodes), kind, texts, line, action)
            flow.nodes.append(node)
        return node


def _link(flow: Flow, source: Node, target: Node, label: str) -> None:
    link = next((link for link in flow.links if (link.source, link.target) == (source.number, target.number)), None)
    if link is None:
        link = Link(source.number, target.number)
        flow.links.append(link)
    if label and label not in link.labels:
        link.labels.append(label)
