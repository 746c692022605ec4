"""The states of a call, and which may follow which: the one table that code, tests and the drawn diagram use.

1. `NEXT` says which state comes directly after which.
2. A report (a Conversation, a result, a notification) is a picture of one moment: states between two reports may have
   been missed. So a report is possible when its state can be reached from that of the one before, in any number of
   steps, or is the same (`may_follow`).
3. `unknown` is a state that is not understood: it may come from anywhere and lead anywhere.
4. Nothing follows `terminated`. From `terminating` a call comes nowhere else, so both are the end of it for a bot
   (`OVER`): a report that comes after one of them changes nothing.
5. A report that is not possible is worth a line in the log, never an error: it may have been overtaken on its way.

Sources: Skype Calling API, "CallState", for what each state means; it does not say which follows which. The table is
what the descriptions leave possible: redirected and transferred calls may come back, everything may be cut off.
"""

from collections.abc import Mapping
from typing import Final

from dialtone.protocol.enums import CallState

INITIAL: Final = CallState.IDLE

NEXT: Final[Mapping[CallState, frozenset[CallState]]] = {
    state: frozenset(following)
    for state, following in {
        CallState.IDLE: (
            CallState.INCOMING,
            CallState.ESTABLISHING,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.INCOMING: (
            CallState.ESTABLISHING,
            CallState.ESTABLISHED,
            CallState.REDIRECTING,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.ESTABLISHING: (
            CallState.ESTABLISHED,
            CallState.REDIRECTING,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.ESTABLISHED: (
            CallState.HOLD,
            CallState.TRANSFERRING,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.HOLD: (
            CallState.UNHOLD,
            CallState.TRANSFERRING,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.UNHOLD: (
            CallState.ESTABLISHED,
            CallState.HOLD,
            CallState.TRANSFERRING,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.TRANSFERRING: (
            CallState.ESTABLISHED,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.REDIRECTING: (
            CallState.ESTABLISHING,
            CallState.TERMINATING,
            CallState.TERMINATED,
        ),
        CallState.TERMINATING: (CallState.TERMINATED,),
        CallState.TERMINATED: (),
    }.items()
}
"""Rule 1: the states that come directly after each."""


def _reachable(state: CallState) -> frozenset[CallState]:
    found: set[CallState] = set()
    left = [state]
    while left:
        new = NEXT[left.pop()] - found
        found |= new
        left += new
    return frozenset(found)


_REACHABLE: Final = {state: _reachable(state) for state in NEXT}

TERMINAL: Final = frozenset(state for state, following in NEXT.items() if not following)
"""States that nothing follows."""

OVER: Final = TERMINAL | frozenset(state for state in NEXT if _REACHABLE[state] <= TERMINAL)
"""Rule 4: states after which nothing can be done with a call."""


def may_follow(before: CallState, after: CallState) -> bool:
    """Whether a report of `after` is possible after one of `before` (rules 2 and 3)."""
    if before is after or CallState.UNKNOWN in (before, after):
        return True
    return after in _REACHABLE[before]


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {INITIAL}"]
    for state, following in NEXT.items():
        lines += [f"    {state} --> {after}" for after in CallState if after in following]
    lines += [f"    {state} --> [*]" for state in CallState if state in TERMINAL]
    return "\n".join(lines)
