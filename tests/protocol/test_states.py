"""The table of call states: what it leads to, what it forbids, and the page that is drawn from it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.protocol import CallState
from dialtone.protocol.states import INITIAL, NEXT, OVER, TERMINAL, diagram, may_follow

STATES = st.sampled_from(list(CallState))


def test_every_state_that_is_understood_is_in_the_table() -> None:
    assert NEXT.keys() == set(CallState) - {CallState.UNKNOWN}
    assert {after for following in NEXT.values() for after in following} == NEXT.keys() - {INITIAL}


def test_the_ends() -> None:
    assert {CallState.TERMINATED} == TERMINAL
    assert {CallState.TERMINATED, CallState.TERMINATING} == OVER


@pytest.mark.parametrize("state", NEXT)
def test_every_call_can_be_cut_off_at_once_and_comes_to_an_end(state: CallState) -> None:
    assert may_follow(state, CallState.TERMINATED)
    assert state in TERMINAL or CallState.TERMINATED in NEXT[state]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("incoming", "established"),
        ("incoming", "hold"),
        ("established", "unhold"),
        ("established", "established"),
        ("hold", "established"),
        ("transferring", "established"),
        ("redirecting", "established"),
        ("terminating", "terminated"),
        ("terminated", "unknown"),
        ("unknown", "incoming"),
    ],
)
def test_what_is_possible(before: str, after: str) -> None:
    assert may_follow(CallState(before), CallState(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("terminated", "established"),
        ("terminated", "terminating"),
        ("terminating", "established"),
        ("established", "incoming"),
        ("established", "establishing"),
        ("established", "redirecting"),
        ("incoming", "idle"),
        ("hold", "establishing"),
    ],
)
def test_what_is_not(before: str, after: str) -> None:
    assert not may_follow(CallState(before), CallState(after))


@given(STATES, STATES, STATES)
def test_missing_a_report_makes_nothing_impossible(first: CallState, second: CallState, third: CallState) -> None:
    known = CallState.UNKNOWN not in (first, second, third)
    if known and may_follow(first, second) and may_follow(second, third):
        assert may_follow(first, third)


def test_the_diagram_is_the_table() -> None:
    arrows = {tuple(line.strip().split(" --> ")) for line in diagram().splitlines()[1:]}
    drawn = {(str(state), str(after)) for state, following in NEXT.items() for after in following}
    assert arrows == drawn | {("[*]", "idle"), ("terminated", "[*]")}
