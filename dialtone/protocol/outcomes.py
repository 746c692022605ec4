"""Outcomes of actions, as the platform reports them in a `ConversationResult`."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, SerializeAsAny

from dialtone.protocol.enums import (
    DigitCollectionCompletionReason,
    JoinCallCompletionReason,
    ModalityType,
    OutcomeValue,
    RecognitionCompletionReason,
    RecordingCompletionReason,
    RecordingFormat,
)
from dialtone.protocol.model import ContractModel, missing, rule_error


class Outcome(ContractModel):
    """What every outcome has: `id` is the operationId of the action; only `success` is a success."""

    type: str
    id: str
    outcome: OutcomeValue
    failure_reason: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the action succeeded; an outcome that is not understood did not."""
        return self.outcome is OutcomeValue.SUCCESS


class AnswerOutcome(Outcome):
    """Outcome of an answer action."""


class RejectOutcome(Outcome):
    """Outcome of a reject action."""


class HangupOutcome(Outcome):
    """Outcome of a hangup action."""


class PlayPromptOutcome(Outcome):
    """Outcome of a playPrompt action."""


class TransferOutcome(Outcome):
    """Outcome of a transfer action; success ends this leg of the call."""


class RecordOutcome(Outcome):
    """Outcome of a record action; the recording itself is the other part of the multipart body."""

    completion_reason: RecordingCompletionReason
    length_of_recording_in_secs: float
    format: RecordingFormat | None = None


class ChoiceOutcome(ContractModel):
    """What a recognize action with choices heard."""

    completion_reason: RecognitionCompletionReason
    choice_name: str | None = None


class CollectDigitsOutcome(ContractModel):
    """What a recognize action with collectDigits heard; `digits` is one string."""

    completion_reason: DigitCollectionCompletionReason
    digits: str | None = None


class RecognizeOutcome(Outcome):
    """Outcome of a recognize action; a failed one may carry neither part."""

    choice_outcome: ChoiceOutcome | None = None
    collect_digits_outcome: CollectDigitsOutcome | None = None


class WorkflowValidationOutcome(Outcome):
    """The workflow was illegal and none of its actions was run."""


class PlaceCallOutcome(Outcome):
    """Outcome of a placeCall action; a success names what the other side accepted."""

    accepted_modality_types: list[ModalityType] | None = None


class AnswerAppHostedMediaOutcome(Outcome):
    """Outcome of an answerAppHostedMedia action; after a success the bot's reply has no actions."""


class VideoSubscriptionOutcome(Outcome):
    """Outcome of a videoSubscription action."""


class JoinCallAppHostedMediaOutcome(Outcome):
    """Outcome of a joinCallAppHostedMedia action."""

    completion_reason: JoinCallCompletionReason | None = None


class CommandOutcome(Outcome):
    """Outcome of an action of `dialtone.protocol.commands`.

    A failure has the numbers of the platform where it gave some, what they are likely caused by, and what to check.
    """

    code: int | None = None
    sub_code: int | None = None
    cause: str | None = None
    check: str | None = None


class StartRecordingOutcome(CommandOutcome):
    """Outcome of a startRecording action: the platform's id of the recording."""

    recording_id: str | None = None


MISSPELT_VALIDATION: Final = "worfklowValidationOutcome"
"""The spelling of the platform itself (Microsoft's C# contract); the document has the correct one. Both are read."""

OUTCOMES: Final[dict[str, type[Outcome]]] = {
    "answerOutcome": AnswerOutcome,
    "rejectOutcome": RejectOutcome,
    "hangupOutcome": HangupOutcome,
    "playPromptOutcome": PlayPromptOutcome,
    "transferOutcome": TransferOutcome,
    "recordOutcome": RecordOutcome,
    "recognizeOutcome": RecognizeOutcome,
    MISSPELT_VALIDATION: WorkflowValidationOutcome,
    "workflowValidationOutcome": WorkflowValidationOutcome,
    "placeCallOutcome": PlaceCallOutcome,
    "answerAppHostedMediaOutcome": AnswerAppHostedMediaOutcome,
    "videoSubscriptionOutcome": VideoSubscriptionOutcome,
    "joinCallAppHostedMediaOutcome": JoinCallAppHostedMediaOutcome,
    "addParticipantOutcome": CommandOutcome,
    "removeParticipantOutcome": CommandOutcome,
    "muteOutcome": CommandOutcome,
    "unmuteOutcome": CommandOutcome,
    "holdOutcome": CommandOutcome,
    "unholdOutcome": CommandOutcome,
    "sendDtmfOutcome": CommandOutcome,
    "startTonesOutcome": CommandOutcome,
    "stopTonesOutcome": CommandOutcome,
    "startCaptionsOutcome": CommandOutcome,
    "stopCaptionsOutcome": CommandOutcome,
    "redirectOutcome": CommandOutcome,
    "leaveOutcome": CommandOutcome,
    "startRecordingOutcome": StartRecordingOutcome,
    "pauseRecordingOutcome": CommandOutcome,
    "resumeRecordingOutcome": CommandOutcome,
    "stopRecordingOutcome": CommandOutcome,
    "updateRecordingStatusOutcome": CommandOutcome,
    "recordMeetingOutcome": RecordOutcome,
    "startMediaOutcome": CommandOutcome,
    "stopMediaOutcome": CommandOutcome,
}
"""By type. Those of `dialtone.protocol.commands` are the kit's own, and on no platform's wire."""


def _read_outcome(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    if kind is None:
        raise missing("type")
    model = OUTCOMES.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise rule_error(
            "OUTCOME_UNSUPPORTED",
            "this type of outcome is not known",
            member="type",
            fix="spell it as the action's name and Outcome, as in playPromptOutcome",
        )
    return model.model_validate(value)


AnyOutcome = Annotated[SerializeAsAny[Outcome], BeforeValidator(_read_outcome)]
