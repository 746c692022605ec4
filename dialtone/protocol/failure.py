"""The outcome of an action that failed, as whoever runs the action says it."""

from typing import Any

from dialtone.protocol.actions import Action, Recognize, Record
from dialtone.protocol.enums import (
    DigitCollectionCompletionReason,
    OutcomeValue,
    RecognitionCompletionReason,
    RecordingCompletionReason,
)
from dialtone.protocol.outcomes import (
    OUTCOMES,
    ChoiceOutcome,
    CollectDigitsOutcome,
    Outcome,
    RecognizeOutcome,
    RecordOutcome,
)


def failed_outcome(action: Action, why: str, cause: str = "temporarySystemFailure") -> Outcome:
    """The outcome of an action that failed; `cause` is its completion reason, where it has one."""
    base: dict[str, Any] = {
        "type": f"{action.kind}Outcome",
        "id": action.operation_id,
        "outcome": OutcomeValue.FAILURE,
        "failure_reason": why,
    }
    if isinstance(action, Record):
        reason = RecordingCompletionReason(cause)
        return RecordOutcome(**base, completion_reason=reason, length_of_recording_in_secs=0)
    if isinstance(action, Recognize) and action.collect_digits is not None:
        digits = CollectDigitsOutcome(completion_reason=DigitCollectionCompletionReason(cause))
        return RecognizeOutcome(**base, collect_digits_outcome=digits)
    if isinstance(action, Recognize):
        return RecognizeOutcome(
            **base, choice_outcome=ChoiceOutcome(completion_reason=RecognitionCompletionReason(cause))
        )
    return OUTCOMES[base["type"]](**base)
