"""Rules 1 to 3 and 20 to 23: what the platform posts. The rules are in `dialtone.protocol.rules`."""

from dialtone.protocol.conversation import Conversation, ConversationResult
from dialtone.protocol.notifications import Notification, RosterUpdate
from dialtone.protocol.outcomes import PlaceCallOutcome, RecognizeOutcome, RecordOutcome
from dialtone.protocol.rules.common import app_state, not_blank
from dialtone.protocol.violation import ContractViolation


def check_conversation(conversation: Conversation) -> None:
    """Rules 1 to 3, and 20's of appState."""
    not_blank(conversation.id, "id", "ID_BLANK")
    app_state(conversation.app_state)
    if not conversation.participants:
        raise ContractViolation(
            "PARTICIPANTS_EMPTY",
            "a call has at least one participant",
            field="participants",
            fix="name the caller",
        )
    for index, member in enumerate(conversation.participants):
        not_blank(member.identity, f"participants.{index}.identity", "PARTICIPANT_BLANK")
    if conversation.is_multiparty and not (conversation.thread_id or "").strip():
        raise ContractViolation(
            "THREAD_ID_REQUIRED",
            "a multiparty call has a threadId",
            field="threadId",
            fix="add the thread's id",
        )
    if not conversation.presented_modality_types:
        raise ContractViolation(
            "MODALITIES_EMPTY",
            "at least one modality is presented",
            field="presentedModalityTypes",
            fix='send ["audio"]',
        )


def check_result(result: ConversationResult) -> None:
    """Rules 20 to 22 and 28."""
    not_blank(result.id, "id", "ID_BLANK")
    app_state(result.app_state)
    outcome = result.operation_outcome
    not_blank(outcome.id, "operationOutcome.id", "OPERATION_ID_BLANK")
    if isinstance(outcome, RecordOutcome):
        if outcome.succeeded != (outcome.length_of_recording_in_secs > 0):
            raise ContractViolation(
                "RECORD_LENGTH_VS_OUTCOME",
                "a successful recording has a length above 0, a failed one has none",
                field="operationOutcome.lengthOfRecordingInSecs",
                fix="send the length that was recorded",
            )
    elif isinstance(outcome, RecognizeOutcome) and outcome.succeeded:
        _recognized(outcome)
    elif isinstance(outcome, PlaceCallOutcome) and outcome.succeeded and not outcome.accepted_modality_types:
        raise ContractViolation(
            "MODALITIES_EMPTY",
            "a call that was placed was accepted with a modality",
            field="operationOutcome.acceptedModalityTypes",
            fix='send ["audio"]',
        )


def _recognized(outcome: RecognizeOutcome) -> None:
    choice, digits = outcome.choice_outcome, outcome.collect_digits_outcome
    if (choice is None) == (digits is None):
        raise ContractViolation(
            "CHOICE_XOR_DIGITS_OUTCOME",
            "a successful recognize has either choiceOutcome or collectDigitsOutcome",
            field="operationOutcome",
            fix="send exactly one of the two",
        )
    if choice is not None:
        not_blank(choice.choice_name or "", "operationOutcome.choiceOutcome.choiceName", "CHOICE_NAME_MISSING")
    if digits is not None:
        not_blank(digits.digits or "", "operationOutcome.collectDigitsOutcome.digits", "DIGITS_MISSING")


def check_notification(notification: Notification) -> None:
    """Rule 23, and 20's of appState."""
    not_blank(notification.id, "id", "ID_BLANK")
    app_state(notification.app_state)
    if not isinstance(notification, RosterUpdate):
        return
    if not notification.participants:
        raise ContractViolation(
            "PARTICIPANTS_EMPTY",
            "a roster has at least one participant",
            field="participants",
            fix="name them",
        )
    for index, member in enumerate(notification.participants):
        at = f"participants.{index}"
        not_blank(member.identity, f"{at}.identity", "PARTICIPANT_BLANK")
        not_blank(member.media_stream_direction, f"{at}.mediaStreamDirection", "DIRECTION_BLANK")
