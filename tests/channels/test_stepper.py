import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.channels.stepper import Finished, Found, Send, after, command_id, context_of, place_of
from dialtone.protocol import CallState, Outcome, OutcomeValue

DONE = Outcome(type="playPromptOutcome", id="0-1", outcome=OutcomeValue.SUCCESS)
FAILED = Outcome(type="playPromptOutcome", id="0-1", outcome=OutcomeValue.FAILURE, failure_reason="8536")
STEPS = ["a", "b", "c"]


def test_a_step_that_succeeded_is_followed_by_the_next_with_what_is_kept() -> None:
    assert after("c", STEPS, 0, Found(DONE, kept={"n": 1}), {"m": 2}) == Send(1, {"m": 2, "n": 1})


@pytest.mark.parametrize(
    ("position", "found", "state"),
    [
        (2, Found(DONE), CallState.ESTABLISHED),
        (0, Found(FAILED), CallState.ESTABLISHED),
        (0, Found(DONE, over=True), CallState.TERMINATED),
        (1, Found(FAILED, over=True), CallState.TERMINATED),
    ],
)
def test_the_last_step_a_failure_and_the_end_of_the_call_finish_the_workflow(
    position: int, found: Found, state: CallState
) -> None:
    done = after("c", STEPS, position, found, {})
    assert isinstance(done, Finished)
    assert (done.result.id, done.result.call_state, done.result.operation_outcome) == ("c", state, found.outcome)


@given(st.integers(0, 999_999), st.integers(0, 99_999))
def test_a_context_is_read_back(sequence: int, position: int) -> None:
    assert place_of(context_of(sequence, position)) == (sequence, position)


@pytest.mark.parametrize(
    "context", ["", "1", "1.", ".1", "01.1", "1.01", "-1.0", "1.2.3", "1.0 ", "\u0661.\u0660", "9" * 20]
)
def test_a_context_that_is_not_ours_is_none(context: str) -> None:
    assert place_of(context) is None


def test_the_id_of_a_command_is_its_own_and_always_the_same() -> None:
    ids = [command_id(call, number, place) for call in ("a", "b") for number in (0, 1) for place in (0, 1)]
    assert len(set(ids)) == 8
    assert ids[0] == command_id("a", 0, 0)
    assert all(str(uuid.UUID(each)) == each and uuid.UUID(each).version == 8 for each in ids)
