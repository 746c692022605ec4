"""What counts as wrong with a bot, in what an exploration has walked.

1. A dialog that fails: an exception of its own, an action or a workflow that breaks the contract, and a failure of a
   function, of a call to be placed or of a file to be played that nobody catches, unless the dialog `on_error` does. A
   text that the platform cannot speak is no fault of the bot: the call is over then, whatever it says.
2. A question is a dead end when each of its answers makes the dialog fail.
3. A loop is endless when nothing that the caller or the other side does leads out of it; hanging up does not count, nor
   does a failure of the platform.
4. A turn that is taken twice must come out the same.
5. A text is missing in a language when it is said or listened for in it and `CallBot.localize` has no translation.
6. A dialog of the bot's own that is never begun is unreached; those of its libraries may be there for others.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from dialtone.dialogs.explorer.graph import (
    NOT_OF_THE_CALLER,
    NOWHERE,
    Edge,
    Exploration,
    Finding,
    FindingKind,
    Line,
    State,
)
from dialtone.dialogs.explorer.possible import PROMPT_FAILS
from dialtone.errors import ActionFailed, ActivityFailed, DialtoneError, ReplayMismatch, WorkflowError

_PURE = "ask the outside world only by call.run, call.now and call.random; keep nothing outside of the dialog"
_TEXT = 60
"""Characters of a text that a message shows."""


class Judge:
    """Collects findings while a bot is walked: of each the first, whose path is a shortest one."""

    def __init__(self, found: Exploration, languages: Sequence[str]) -> None:
        self._found = found
        self._known: set[tuple[FindingKind, Line, str]] = set()
        self._own = languages[0].casefold() if languages else ""

    def failed(self, edge: Edge, error: Exception, *, handled: bool) -> None:
        """The dialog failed. Rule 1. `handled`: the bot has a dialog for that."""
        fix = getattr(error, "fix", "") or "catch it, or keep it from happening"
        message = error.message if isinstance(error, DialtoneError) else f"{type(error).__name__}: {error}"
        kind: FindingKind = "exception"
        if isinstance(error, ReplayMismatch):
            self.differs(edge)
            return
        if isinstance(error, WorkflowError):
            kind = "illegal-workflow"
        elif isinstance(error, ActionFailed | ActivityFailed):
            if handled or edge.label == PROMPT_FAILS:
                return
            kind = "unhandled-failure"
        elif isinstance(error, DialtoneError) and error.field == "lookup_user" and edge.kind == "failure":
            # It is documented that the call ends with the apology then.
            return
        elif "NoneType" in str(error) and (source := self._assumed(edge)) is not None:
            kind, fix = "example-needed", f"give an example result of {source.what}, by --example '{source.what}=JSON'"
            message = f"{source.what} was taken to return None, and then: {message}"
        self._note(kind, message, edge.failure, edge, fix)

    def differs(self, edge: Edge) -> None:
        """Rule 4."""
        message = "the same turn came out differently when it was taken again"
        line = self._found.states[edge.target].line if edge.target >= 0 else NOWHERE
        line = line if line.number else self._found.states[edge.source].line
        self._note("nondeterminism", message, line, edge, _PURE)

    def said(self, edge: Edge, language: str, text: str, line: Line, *, translated: bool) -> None:
        """Rule 5. The bot's own language and its regions need no translation."""
        if not self._own or translated or _is_of(language, self._own):
            return
        place = line if line.number else self._found.states[edge.target].line
        shown = text if len(text) <= _TEXT else f"{text[:_TEXT]}..."
        message = f"{shown!r} has no translation into {language!r}"
        self._note("missing-translation", message, place, edge, "add it to what CallBot.localize knows")

    def unreached(self, name: str, line: Line) -> None:
        """Rule 6."""
        self._note("unreached-dialog", f"no path begins the dialog {name!r}", line, None, "begin it, or remove it")

    def _assumed(self, edge: Edge | None) -> State | None:
        """Where a result was last taken to be None, on the way here."""
        while edge is not None:
            source = self._found.states[edge.source]
            if edge.assumed:
                return source
            edge = source.reached_by
        return None

    def _note(self, kind: FindingKind, message: str, line: Line, edge: Edge | None, fix: str) -> None:
        subject = message if kind in ("missing-translation", "unreached-dialog") else ""
        if (kind, line, subject) not in self._known:
            self._known.add((kind, line, subject))
            self._found.findings.append(Finding(kind, message, line, self._found.path_to(edge), fix))


def faults_of(found: Exploration, max_turns: int) -> list[Finding]:
    """What is wrong with the whole: rules 2 and 3, and calls of more than `max_turns` turns unless that is 0."""
    turns = _too_many_turns(found, max_turns) if max_turns else None
    return [*_once(_dead_ends(found)), *_once(_endless_loops(found)), *([turns] if turns is not None else [])]


def _is_of(language: str, own: str) -> bool:
    language = language.casefold()
    return language.partition("-")[0] == own.partition("-")[0]


def _once(findings: Iterator[Finding]) -> list[Finding]:
    """Of each line the first."""
    first: dict[Line, Finding] = {}
    for finding in findings:
        first.setdefault(finding.line, finding)
    return list(first.values())


def _dead_ends(found: Exploration) -> Iterator[Finding]:
    for state in found.states:
        answers = [edge for edge in state.edges if edge.kind == "answer"]
        if answers and all(edge.failed for edge in answers):
            message = f"every answer to {state.what!r} makes the dialog fail"
            yield Finding(
                "dead-end", message, state.line, found.path_to(state.reached_by), "let an answer lead somewhere"
            )


def _endless_loops(found: Exploration) -> Iterator[Finding]:
    """Rule 3. What was not walked may lead out."""
    backwards: dict[int, list[int]] = {}
    for edge in found.edges:
        if edge.kind not in NOT_OF_THE_CALLER:
            backwards.setdefault(edge.target, []).append(edge.source)
    outside = _reached(
        [state.number for state in found.states if state.kind == "ends" or not state.explored], backwards
    )
    stuck = {state.number for state in found.states} - outside
    forwards = {
        number: [edge.target for edge in found.states[number].edges if edge.kind not in NOT_OF_THE_CALLER]
        for number in stuck
    }
    told: set[int] = set()
    for number in sorted(stuck):
        ahead = _reached(forwards[number], forwards)
        # The first state of a loop that can be reached from all that lies ahead of it.
        if number in ahead and number not in told and all(number in _reached(forwards[n], forwards) for n in ahead):
            told |= ahead
            state = found.states[number]
            message = f"a caller who stays on the line comes back to {state.what!r} again and again"
            yield Finding(
                "endless-loop", message, state.line, found.path_to(state.reached_by), "give the loop a way out"
            )


def _reached(begin: Sequence[int], following: dict[int, list[int]]) -> set[int]:
    seen = set(begin)
    waiting = list(begin)
    while waiting:
        for number in following.get(waiting.pop(), ()):
            if number not in seen:
                seen.add(number)
                waiting.append(number)
    return seen


def _too_many_turns(found: Exploration, most: int) -> Finding | None:
    """The first call that passes the limit. Work takes no turn of its own."""
    ways: dict[tuple[int, int], tuple[int, int, Edge] | None] = {}
    waiting: deque[tuple[int, int]] = deque()
    for state in found.states:
        if state.kind == "begins":
            ways[state.number, 0] = None
            waiting.append((state.number, 0))
    while waiting:
        number, turns = waiting.popleft()
        for edge in found.states[number].edges:
            target = found.states[edge.target]
            after = turns + (target.kind != "works")
            if edge.kind == "hang-up" or (target.number, after) in ways:
                continue
            ways[target.number, after] = (number, turns, edge)
            if after > most:
                path = _way(found, ways, (target.number, after))
                line = target.line if target.line.number else found.states[number].line
                fix = "ask less, or let the caller leave the loop sooner"
                return Finding("too-many-turns", f"a call may take more than {most} turns", line, path, fix)
            waiting.append((target.number, after))
    return None


def _way(
    found: Exploration, ways: dict[tuple[int, int], tuple[int, int, Edge] | None], end: tuple[int, int]
) -> tuple[str, ...]:
    path = []
    step = ways[end]
    while step is not None:
        number, turns, edge = step
        source = found.states[number]
        path.append(f"{source.what}: {edge.label}" if source.kind != "begins" else source.what)
        step = ways[number, turns]
    return tuple(reversed(path))
