"""What an exploration found: the states of a bot's calls, the outcomes between them, and what is wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from dialtone.dialogs.explorer.possible import Kind

FindingKind = Literal[
    "dead-end",
    "endless-loop",
    "example-needed",
    "exception",
    "illegal-workflow",
    "missing-translation",
    "nondeterminism",
    "too-many-turns",
    "unhandled-failure",
    "unreached-dialog",
]

NOT_OF_THE_CALLER: Final = frozenset({"hang-up", "platform"})
"""Outcomes that are no way out for a caller who stays on the line."""


class Line(NamedTuple):
    """A line of the bot's code; `number` is 0 when it is not known."""

    file: str = ""
    number: int = 0
    function: str = ""

    def relative(self, base: str) -> str:
        """As `file:line`, with the file from the folder `base` on; empty when it is not known."""
        return f"{self.file.removeprefix(base)}:{self.number}" if self.number else ""


NOWHERE: Final = Line()


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: of which kind, in which line, the shortest path of outcomes that leads there, and the fix."""

    kind: FindingKind
    message: str
    line: Line
    path: tuple[str, ...]
    fix: str


@dataclass(slots=True)
class Edge:
    """An outcome in a state, and the state that it leads to.

    `said` has what is said on the way, each by its prompt's name, or its text without one; `failed` says that the
    dialog failed there.
    """

    label: str
    kind: Kind
    source: int
    target: int
    said: tuple[str, ...] = ()
    failed: bool = False
    failure: Line = NOWHERE
    assumed: bool = False


@dataclass(slots=True)
class State:
    """Where a call waits (`asks` the caller, `works`), begins or `ends`.

    `what` is what it asks or runs, or how it ends; `action` the action of the contract that it waits for; `mark` the
    fingerprint that a journal has of its request. `explored` is false where the walk was given up.
    """

    number: int
    kind: Literal["begins", "asks", "works", "ends"]
    what: str
    line: Line = NOWHERE
    action: str = ""
    mark: str = ""
    depth: int = 0
    edges: list[Edge] = field(default_factory=list)
    reached_by: Edge | None = None
    explored: bool = False


@dataclass(slots=True)
class Exploration:
    """What came of an exploration. `findings` are sorted by line; `not_reached` says, in words, what was left out."""

    states: list[State] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    not_reached: list[str] = field(default_factory=list)
    notices: frozenset[str] = frozenset()
    """What is said before a question is asked again."""
    prompts: dict[str, dict[str, str]] = field(default_factory=dict)
    """The named prompts that are played, each with its texts by their languages (empty: none was told)."""

    @property
    def edges(self) -> Iterator[Edge]:
        """All outcomes that were walked."""
        return (edge for state in self.states for edge in state.edges)

    @property
    def complete(self) -> bool:
        """Whether nothing was left out for want of depth, states or time."""
        return all(state.explored for state in self.states)

    def path_to(self, edge: Edge | None) -> tuple[str, ...]:
        """The shortest path of outcomes that ends with this one."""
        path: list[str] = []
        while edge is not None:
            source = self.states[edge.source]
            path.append(f"{source.what}: {edge.label}" if source.kind != "begins" else source.what)
            edge = source.reached_by
        return tuple(reversed(path))
