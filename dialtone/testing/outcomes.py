"""How the platform reports what a caller does."""

from typing import Any, Final

from dialtone.protocol import (
    Action,
    AddParticipant,
    Participant,
    Recognize,
    Record,
    Redirect,
    StartRecording,
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


Elsewhere = Transfer | AddParticipant | Redirect
"""What somebody else than the caller answers."""

_DONE: Final = {
    "hangup": "hangs up",
    "reject": "rejects",
    "transfer": "transfers to",
    "leave": "leaves",
    "redirect": "redirects to",
    "addParticipant": "adds",
    "removeParticipant": "removes",
    "mute": "mutes",
    "unmute": "unmutes",
    "hold": "holds",
    "unhold": "takes back",
    "sendDtmf": "sends keys to",
    "startTones": "listens for the keys of",
    "stopTones": "listens no more for the keys of",
    "startCaptions": "has what is said written down",
    "stopCaptions": "has nothing more written down",
    "startRecording": "records the call",
    "pauseRecording": "pauses the recording",
    "resumeRecording": "resumes the recording",
    "stopRecording": "stops the recording",
    "updateRecordingStatus": "has shown whether it is recorded",
}


def doing(action: Action) -> str:
    """What a bot does by an action, and to whom; empty for what is heard."""
    target = getattr(action, "target", None)
    whom = f" {target.identity}" if isinstance(target, Participant) else ""
    done = _DONE.get(action.action, "")
    return f"{done}{whom or (' the caller' if done.endswith((' to', ' of')) else '')}"


def played_out(action: Action) -> Json | None:
    """The outcome of an action that needs nobody's doing; None for a question."""
    if isinstance(action, Recognize | Record | Elsewhere):
        return None
    outcome: Json = {"type": f"{action.action}Outcome", "outcome": "success"}
    return outcome | ({"recordingId": "recording-1"} if isinstance(action, StartRecording) else {})


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
    if isinstance(action, Elsewhere):
        what = {"transfer": "a transfer", "redirect": "a redirect"}.get(action.action, "somebody to join")
        return f"{what} (connect, decline)"
    return action.action
