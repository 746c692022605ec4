"""What is a success, and how a refused workflow is spelt."""

import pytest

from dialtone.protocol import ConversationResult, WorkflowValidationOutcome
from tests.protocol.test_model import RESULT


@pytest.mark.parametrize(("outcome", "succeeded"), [("success", True), ("failure", False), ("partial", False)])
def test_only_success_is_a_success(outcome: str, succeeded: bool) -> None:
    said = {"type": "playPromptOutcome", "id": "p", "outcome": outcome}
    assert ConversationResult.from_wire(RESULT | {"operationOutcome": said}).operation_outcome.succeeded is succeeded


@pytest.mark.parametrize("kind", ["workflowValidationOutcome", "worfklowValidationOutcome"])
def test_both_spellings_of_a_refused_workflow(kind: str) -> None:
    refused = {"type": kind, "id": "call-7", "outcome": "failure", "failureReason": "why"}
    outcome = ConversationResult.from_wire(RESULT | {"operationOutcome": refused}).operation_outcome
    assert isinstance(outcome, WorkflowValidationOutcome)
    assert (outcome.type, outcome.failure_reason) == (kind, "why")
