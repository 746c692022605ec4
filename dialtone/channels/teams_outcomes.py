"""What Graph's notices and replies mean for the steps of a workflow on Teams, and the outcomes that a dialog gets.

`teams_steps` makes the steps; the rules that are cited here by number are its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dialtone.channels import teams
from dialtone.channels.results import Result, failure
from dialtone.channels.stepper import Found, Kept, plain
from dialtone.channels.teams import Notice
from dialtone.channels.teams_steps import TeamsStep
from dialtone.protocol import (
    Action,
    ChoiceOutcome,
    CollectDigitsOutcome,
    DigitCollectionCompletionReason,
    Hangup,
    OutcomeValue,
    RecognitionCompletionReason,
    Recognize,
    RecognizeOutcome,
    Record,
    RecordingCompletionReason,
    RecordingFormat,
    RecordOutcome,
    Transfer,
    failed_outcome,
)

CANCELLED: Final = 8508
SOUND: Final = "sound"
"""What a step keeps of a recording that is stored: its path, its size in bytes, what is wrong with it."""
SECONDS: Final = "seconds"
_DIGITS: Final = "digits"
_REASON: Final = "reason"


def of_notice(steps: Sequence[TeamsStep], position: int, notice: Notice, kept: Kept, keys: str) -> Found | None:
    """What a notice says of the step that is waited for; None when it says nothing of it. `keys` as in `of_keys`."""
    step = steps[position]
    if notice.ends:
        return _ended(step, notice, kept)
    if notice.about == "call":
        return _of_state(step, notice)
    if notice.kind in step.ends_with and notice.status in ("completed", "failed"):
        return _of_operation(steps, position, notice.data, kept, keys)
    return None


def of_reply(steps: Sequence[TeamsStep], position: int, body: object, kept: Kept) -> Found | None:
    """What the reply to a command that was taken says; None when the step is over only with a notice. Rule 8."""
    step = steps[position]
    if step.operation in ("reject", "redirect"):
        return Found(plain(step.action), over=True)
    if step.operation == "removeParticipant":
        return Found(plain(step.action))
    if step.operation in ("answer", "hangUp", "transfer"):
        return None
    data = body if isinstance(body, dict) else {}
    if data.get("status") in ("completed", "failed"):
        return _of_operation(steps, position, data, kept, "")
    return None


def of_refusal(steps: Sequence[TeamsStep], position: int, refused: Result, kept: Kept) -> Found:
    """What the refusal of a command says: the failure of its action, or that the call is over."""
    step, gone = steps[position], is_gone(refused)
    if step.role == "off":
        return Found(_recorded(step.action, kept), over=gone)
    if step.role == "end":
        return Found(_collected(step.action, kept), over=gone)
    if step.role == "cut" and not gone:
        # Nothing was there to be cut off; what comes next is queued all the same.
        return Found(plain(step.action))
    if isinstance(step.action, Hangup) and gone:
        return Found(plain(step.action), over=True)
    cause = "callTerminated" if gone else "temporarySystemFailure"
    return Found(failure(step.action, refused, cause), over=gone)


def is_gone(refused: Result) -> bool:
    """Whether a command was refused because its call had ended."""
    return refused.gone or refused.code == 404


def of_keys(steps: Sequence[TeamsStep], position: int, keys: str, *, ended: bool = False) -> Found | None:
    """What the keys that the question has been given so far, in order, say of the step; None when it waits on.

    `ended` says that what the step plays has ended. Rules 2 and 3.
    """
    step = steps[position]
    if not step.is_listening or not isinstance(step.action, Recognize):
        return None
    decided = _decided(step.action, keys, step.most)
    if decided is not None:
        digits, reason = decided
        heard: Kept = {_DIGITS: digits, _REASON: reason}
        if ended and step.role == "wait":
            return Found(_collected(step.action, heard), to=step.behind)
        return Found(plain(step.action), kept=heard, to=step.behind - 1)
    if len(keys) > step.count:
        return Found(plain(step.action), to=step.first + 2 * len(keys) - 1)
    if not ended:
        return None
    if step.role == "prompt":
        return Found(plain(step.action))
    reason = "interdigitTimeout" if keys else "initialSilenceTimeout"
    return Found(_collected(step.action, {_DIGITS: keys, _REASON: reason}), to=step.behind)


def _decided(action: Recognize, keys: str, most: int) -> tuple[str, str] | None:
    """The digits and the reason, when the keys decide the question. Rule 4."""
    if action.collect_digits is None:
        return (keys[0], "") if keys else None
    stops = action.collect_digits.stop_tones or []
    at = next((place for place, key in enumerate(keys) if key in stops), None)
    if at is not None and at < most:
        return keys[:at], "completedStopToneDetected"
    return (keys[:most], "interdigitTimeout") if len(keys) >= most else None


def _of_state(step: TeamsStep, notice: Notice) -> Found | None:
    if notice.state != "established":
        return None
    result = notice.result or Result()
    if isinstance(step.action, Transfer) and result.code >= 400:
        return Found(failed_outcome(step.action, result.told()))
    if step.operation == "answer":
        return Found(plain(step.action))
    return None


def _of_operation(
    steps: Sequence[TeamsStep], position: int, data: Mapping[str, Any], kept: Kept, keys: str
) -> Found | None:
    """An operation that is completed or failed."""
    step = steps[position]
    result = teams.result_of(data) or Result()
    ok = data.get("status") == "completed"
    if step.role == "record":
        reason = _reason(str(data.get("completionReason") or ""), ok)
        return Found(plain(step.action), kept={_REASON: str(reason)})
    if step.role == "off":
        return Found(_recorded(step.action, kept))
    if step.role == "end":
        return Found(_collected(step.action, kept))
    if step.role == "cut":
        return Found(plain(step.action))
    if step.is_listening and (ok or (result.sub_code == CANCELLED and len(keys) > step.count)):
        return of_keys(steps, position, keys, ended=True)
    return Found(plain(step.action) if ok else failure(step.action, result))


def _ended(step: TeamsStep, notice: Notice, kept: Kept) -> Found | None:
    """Rule 6, and the end of the call for any other step."""
    result = notice.result or Result()
    if isinstance(step.action, Hangup):
        return Found(plain(step.action), over=True)
    if isinstance(step.action, Transfer) and result.sub_code == teams.TRANSFERRED:
        return Found(plain(step.action), over=True)
    if step.role == "record":
        return None
    if step.role == "off":
        return Found(_recorded(step.action, kept), over=True)
    if step.role == "end":
        return Found(_collected(step.action, kept), over=True)
    return Found(failed_outcome(step.action, f"the call is over ({result.told()})", "callTerminated"), over=True)


def _collected(action: Action, kept: Kept) -> RecognizeOutcome:
    """The outcome of a question, by the keys that were pressed and why it ended."""
    assert isinstance(action, Recognize), "only a question collects"
    digits, reason = str(kept.get(_DIGITS, "")), str(kept.get(_REASON, ""))
    base: dict[str, Any] = {"type": "recognizeOutcome", "id": action.operation_id}
    if action.collect_digits is not None:
        collected = CollectDigitsOutcome(
            completion_reason=DigitCollectionCompletionReason(reason), digits=digits or None
        )
        value = OutcomeValue.SUCCESS if digits else OutcomeValue.FAILURE
        return RecognizeOutcome(**base, outcome=value, collect_digits_outcome=collected)
    name = next((each.name for each in action.choices or () if digits and each.dtmf_variation == digits), None)
    why = RecognitionCompletionReason.DTMF_OPTION_MATCHED if name else RecognitionCompletionReason.INCORRECT_DTMF
    if not digits:
        why = RecognitionCompletionReason(reason)
    chosen = ChoiceOutcome(completion_reason=why, choice_name=name)
    return RecognizeOutcome(
        **base, outcome=OutcomeValue.SUCCESS if name else OutcomeValue.FAILURE, choice_outcome=chosen
    )


_REASONS: Final = {
    "stopToneDetected": RecordingCompletionReason.COMPLETED_STOP_TONE_DETECTED,
    "maxRecordDurationReached": RecordingCompletionReason.MAX_RECORDING_TIMEOUT,
    "maxSilenceTimeout": RecordingCompletionReason.COMPLETED_SILENCE_DETECTED,
    "initialSilenceTimeout": RecordingCompletionReason.INITIAL_SILENCE_TIMEOUT,
    "mediaReceiveTimeout": RecordingCompletionReason.CALL_TERMINATED,
    "operationCanceled": RecordingCompletionReason.CALL_TERMINATED,
}
"""By the completionReason of a recordOperation; any other is a failure of the platform."""


def _reason(reason: str, ok: bool) -> RecordingCompletionReason:
    fallback = RecordingCompletionReason.UNKNOWN if ok else RecordingCompletionReason.TEMPORARY_SYSTEM_FAILURE
    return _REASONS.get(reason, fallback)


def _recorded(action: Action, kept: Kept) -> RecordOutcome:
    """The outcome of a recording: a success when there is sound of it."""
    assert isinstance(action, Record), "only a record action has the steps of a recording"
    ok = SOUND in kept
    return RecordOutcome(
        type=f"{action.kind}Outcome",
        id=action.operation_id,
        outcome=OutcomeValue.SUCCESS if ok else OutcomeValue.FAILURE,
        completion_reason=RecordingCompletionReason(kept.get(_REASON, "unknown")),
        length_of_recording_in_secs=kept.get(SECONDS, 0.0) if ok else 0.0,
        format=RecordingFormat.WAV,
    )
