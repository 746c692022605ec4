"""How the platform reports what a caller does."""

from typing import Any, Final

from dialtone.protocol import (
    Action,
    Recognize,
    Record,
    Transfer,
)
from dialtone.testing.steps import Step

Json = dict[str, Any]

SECONDS_A_CHARACTER: Final = 0.06
"""How long it takes to say a text."""
SECONDS_A_KEY: Final = 0.3


def spoken_seconds(step: Step) -> float:
    """How long a step takes that says something, or presses a key."""
    if step.kind == "press":
        return SECONDS_A_KEY
    return step.seconds if step.seconds is not None else max(1.0, round(len(step.value) * SECONDS_A_CHARACTER, 1))


def played_out(action: Action) -> Json | None:
    """The outcome of an action that needs nobody's doing; None for a question."""
    if isinstance(action, Recognize | Record | Transfer):
        return None
    return {"type": f"{action.action}Outcome", "outcome": "success"}


def abandoned(action: Action) -> Json:
    """The outcome of an action while which the caller hung up."""
    if isinstance(action, Recognize):
        part = "choiceOutcome" if action.choices is not None else "collectDigitsOutcome"
        return {"type": "recognizeOutcome", "outcome": "failure", part: {"completionReason": "callTerminated"}}
    return {"type": f"{action.action}Outcome", "outcome": "failure", "failureReason": "callTerminated"}


def unrecorded(reason: str) -> Json:
    """The outcome of a recording that holds nothing."""
    outcome = {"type": "recordOutcome", "outcome": "failure", "completionReason": reason}
    return outcome | {"lengthOfRecordingInSecs": 0.0}


def recognized(action: Recognize, step: Step) -> Json:
    """The outcome of a question with choices."""
    assert action.choices is not None
    failed = {"type": "recognizeOutcome", "outcome": "failure"}
    if step.kind == "silence":
        return failed | {"choiceOutcome": {"completionReason": "initialSilenceTimeout"}}
    if step.kind == "press":
        chosen = next((choice for choice in action.choices if choice.dtmf_variation == step.value), None)
        reason, otherwise = "dtmfOptionMatched", "incorrectDtmf"
    else:
        spoken = step.value.casefold()
        heard = [
            (len(word), choice)
            for choice in action.choices
            for word in choice.speech_variation or ()
            if word.casefold() in spoken
        ]
        # The longest match wins, as in the simulator.
        chosen = max(heard, key=lambda pair: pair[0])[1] if heard else None
        reason, otherwise = "speechOptionMatched", "unknown"
    if chosen is None:
        return failed | {"choiceOutcome": {"completionReason": otherwise}}
    part = {"completionReason": reason, "choiceName": chosen.name}
    return {"type": "recognizeOutcome", "outcome": "success", "choiceOutcome": part}


def collected(action: Recognize, step: Step) -> tuple[Json, str]:
    """The outcome of a question for digits, and the keys that came too late for it."""
    collect = action.collect_digits
    assert collect is not None
    keys = step.value if step.kind == "press" else ""
    reason = "interdigitTimeout"
    longest = collect.max_number_of_dtmfs or len(keys)
    end = next((index for index, key in enumerate(keys[:longest]) if key in (collect.stop_tones or ())), None)
    digits, late = keys[:longest], keys[longest:]
    if end is not None:
        digits, late, reason = keys[:end], keys[end + 1 :], "completedStopToneDetected"
    if not digits:
        silent = {"completionReason": "initialSilenceTimeout"}
        return {"type": "recognizeOutcome", "outcome": "failure", "collectDigitsOutcome": silent}, late
    part = {"completionReason": reason, "digits": digits}
    return {"type": "recognizeOutcome", "outcome": "success", "collectDigitsOutcome": part}, late


def waiting(action: Action) -> str:
    """What a bot waits for, and what answers it."""
    if isinstance(action, Recognize) and action.choices is not None:
        return "a choice (press one key, speak, silence)"
    if isinstance(action, Recognize):
        return "digits (press, silence)"
    if isinstance(action, Record):
        tones = f", press {' or '.join(action.stop_tones)}" if action.stop_tones else ""
        return f"a recording (speak, silence{tones})"
    return "a transfer (connect, decline)" if isinstance(action, Transfer) else action.action
