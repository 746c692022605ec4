"""What may come of an action, and of work: the outcomes that `dialtone.dialogs.explorer` walks.

1. A question for a choice: each choice, a wrong key, silence. For digits: as many as are asked for, one, none in time.
2. A recording: each reason that ends it, with sound and without; one that the platform says it made and sent none.
3. A transfer, and each of the kit's own actions: it comes about, it does not. A function: its examples (None without
   one), it raises. A bag of data: its examples (empty without one). A signal: its examples (None without one; of a
   key, 1 and #), it does not come.
4. In each question the caller may hang up, and a prompt of the workflow may fail to be played.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from dialtone import protocol
from dialtone.dialogs.commanding import TONE
from dialtone.dialogs.requests import AskMeeting, Invoke, Load, Look, Place, StoredRecording, Work
from dialtone.protocol import RecognitionCompletionReason, RecordingCompletionReason

Kind = Literal["answer", "caller", "other", "failure", "platform", "hang-up"]
"""Who makes it happen: the caller by an answer, or without one; the other side of a transfer or of work, which
succeeds or fails; the platform by a failure; the caller by hanging up.
"""

Examples = Mapping[str, Sequence[Any]]
"""What may come from outside, by name: results of a function, values of a signal, content of `user_data`,
`private_data` or `conversation_data`, digits that are typed at a prompt (by its name, or its text without one).
"""

PATH: Final = "explored.wav"
_MEETING: Final = protocol.Meeting("explored", "Explored", "8:organizer", "https://meeting.test/explored")
_DIGITS: Final = "12345678901234567890"
_BYTES_A_SECOND: Final = 32_000
PROMPT_FAILS: Final = "prompt fails"
"""A text of the workflow could not be spoken; of a file the label is another one."""


@dataclass(frozen=True, slots=True)
class Possible:
    """An outcome: of an action as it is on the wire (`wire`), or of work (`result`, or `error`).

    `assumed` says that the result is None because nobody gave an example; `over` that the call has ended with it.
    """

    label: str
    kind: Kind
    wire: Mapping[str, Any] | None = None
    recording: StoredRecording | None = None
    over: bool = False
    result: Any = None
    error: str = ""
    assumed: bool = False


def of_workflow(actions: Sequence[protocol.Action], examples: Examples) -> Iterator[Possible]:
    """What may come of a workflow whose last action asks something."""
    action = actions[-1]
    if isinstance(action, protocol.Recognize) and action.choices:
        yield from _of_choices(action)
    elif isinstance(action, protocol.Recognize):
        yield from _of_digits(action, examples)
    elif isinstance(action, protocol.Record):
        yield from _of_recording(action)
    elif isinstance(action, protocol.Transfer):
        yield Possible("connected", "other", _wire(action, True), over=True)
        yield Possible("not connected", "other", _wire(action, False, failureReason="declined"))
    elif isinstance(action, protocol.AddParticipant):
        yield Possible("joins", "other", _wire(action, True))
        yield Possible("does not join", "other", _wire(action, False, failureReason="declined"))
    elif isinstance(action, protocol.Redirect):
        yield Possible("redirected", "other", _wire(action, True), over=True)
        yield Possible("not redirected", "other", _wire(action, False, failureReason="refused"))
    elif isinstance(action, protocol.StartRecording):
        stored = StoredRecording(PATH, 0)
        yield Possible("done", "other", _wire(action, True, recordingId="explored"), stored)
        yield Possible("failed", "failure", _wire(action, False, failureReason="failed"))
    elif isinstance(action, protocol.PlayPrompt):
        yield Possible("played", "other", _wire(action, True))
    else:
        yield Possible("done", "other", _wire(action, True))
        yield Possible("failed", "failure", _wire(action, False, failureReason="failed"))
    if played := prompts_of(actions):
        failed = {"type": "playPromptOutcome", "outcome": "failure", "failureReason": "it cannot be played"}
        label = "file fails" if any(prompt.file_uri for prompt in played) else PROMPT_FAILS
        yield Possible(label, "platform", failed)
    members: dict[str, Any] = {}
    if isinstance(action, protocol.Record):
        members = {"completionReason": "callTerminated", "lengthOfRecordingInSecs": 0}
    yield Possible("hangs up", "hang-up", _wire(action, False, **members), over=True)


def of_work(work: Work, examples: Examples) -> Iterator[Possible]:
    """What may come of work."""
    if isinstance(work, Load):
        for bag in examples.get(f"{work.key.bag}_data", [{}]):
            yield Possible("data" if bag else "no data", "other", result=bag)
    elif isinstance(work, Look):
        for data, assumed in _given(examples, work.name):
            # The clock stands still, and a signal that was heard before has another id.
            yield Possible(_shown("signal", data, assumed), "other", result=["explored", data], assumed=assumed)
        yield Possible("no signal", "other", result=None)
    elif isinstance(work, Place):
        yield Possible("placed", "other", result="explored-call")
        yield Possible("cannot be placed", "failure", error="it cannot be placed")
    elif isinstance(work, AskMeeting):
        yield Possible("a meeting", "other", result=_MEETING.document())
        yield Possible("no meeting", "failure", error="it is of no meeting")
    else:
        for result, assumed in _given(examples, name_of(work)):
            yield Possible(_shown("done", result, assumed), "other", result=result, assumed=assumed)
        yield Possible("raises", "failure", error="RuntimeError: explored")


def name_of(work: Work) -> str:
    """What an example of the work's result is given for."""
    if isinstance(work, Invoke):
        return str(getattr(work.function, "__name__", repr(work.function)))
    if isinstance(work, Load):
        return f"{work.key.bag}_data"
    if isinstance(work, AskMeeting):
        return "meeting"
    return work.name if isinstance(work, Look) else "place"


def prompts_of(actions: Sequence[protocol.Action]) -> list[protocol.Prompt]:
    """All that a workflow plays, in its order."""
    played = [action if isinstance(action, protocol.PlayPrompt) else _nested(action) for action in actions]
    return [prompt for each in played if each is not None for prompt in each.prompts]


def asked(action: protocol.Action) -> str:
    """What a question is known by: the name of its prompt, its text without one, else what it does."""
    nested = action if isinstance(action, protocol.PlayPrompt) else _nested(action)
    for prompt in nested.prompts if nested is not None else ():
        if shown := shown_prompt(prompt):
            return shown
    target = getattr(action, "target", None)
    return f"{action.action} to {target.identity}" if isinstance(target, protocol.Participant) else action.action


def shown_prompt(prompt: protocol.Prompt) -> str:
    """A prompt's name, or its text, or its file; nothing for silence."""
    return prompt.blob_name or prompt.value or (prompt.file_uri or "").rpartition("/")[2]


def _nested(action: protocol.Action) -> protocol.PlayPrompt | None:
    return action.play_prompt if isinstance(action, protocol.Recognize | protocol.Record | protocol.Hold) else None


def _given(examples: Examples, name: str) -> list[tuple[Any, bool]]:
    if name == TONE and name not in examples:
        return [("1", False), ("#", False)]
    return [(result, False) for result in examples[name]] if name in examples else [(None, True)]


def _shown(word: str, value: Any, assumed: bool) -> str:
    return word if assumed or value is None else f"{word}: {value!r}"[:40]


def _wire(action: protocol.Action, succeeded: bool, **members: Any) -> dict[str, Any]:
    outcome = "success" if succeeded else "failure"
    return {"type": f"{action.action}Outcome", "outcome": outcome, **members}


def _of_choices(action: protocol.Recognize) -> Iterator[Possible]:
    reason = RecognitionCompletionReason
    for choice in action.choices or ():
        by = reason.DTMF_OPTION_MATCHED if choice.dtmf_variation else reason.SPEECH_OPTION_MATCHED
        part = {"completionReason": str(by), "choiceName": choice.name}
        yield Possible(choice.name, "answer", _wire(action, True, choiceOutcome=part))
    for label, why in (("wrong key", reason.INCORRECT_DTMF), ("silence", reason.INITIAL_SILENCE_TIMEOUT)):
        yield Possible(label, "caller", _wire(action, False, choiceOutcome={"completionReason": str(why)}))
    part = {"completionReason": str(reason.TEMPORARY_SYSTEM_FAILURE)}
    yield Possible("system failure", "platform", _wire(action, False, choiceOutcome=part))


def _of_digits(action: protocol.Recognize, examples: Examples) -> Iterator[Possible]:
    collect = action.collect_digits
    most = (collect.max_number_of_dtmfs if collect else None) or 4
    usual = list(dict.fromkeys([_DIGITS[:most], _DIGITS[:1]]))
    for digits in examples.get(asked(action), usual):
        ended = "completedStopToneDetected" if collect and collect.stop_tones else "interdigitTimeout"
        part = {"completionReason": ended, "digits": digits}
        yield Possible(f"digits {digits}", "answer", _wire(action, True, collectDigitsOutcome=part))
    silent, broken = ({"completionReason": why} for why in ("initialSilenceTimeout", "temporarySystemFailure"))
    yield Possible("silence", "caller", _wire(action, False, collectDigitsOutcome=silent))
    yield Possible("system failure", "platform", _wire(action, False, collectDigitsOutcome=broken))


def _of_recording(action: protocol.Record) -> Iterator[Possible]:
    reason = RecordingCompletionReason
    longest = action.max_duration_in_seconds or 60
    ends = [
        ("speaks", reason.COMPLETED_SILENCE_DETECTED, 3.0),
        ("speaks too long", reason.MAX_RECORDING_TIMEOUT, longest),
    ]
    if action.stop_tones:
        ends.insert(0, ("stop tone", reason.COMPLETED_STOP_TONE_DETECTED, 3.0))
    for label, why, seconds in ends:
        stored = StoredRecording(PATH, round(_BYTES_A_SECOND * seconds) + 44)
        yield Possible(label, "answer", _recorded(action, why, seconds), stored)
    yield Possible("no sound arrives", "platform", _recorded(action, reason.COMPLETED_SILENCE_DETECTED, 3.0))
    stored = StoredRecording(PATH, 3 * _BYTES_A_SECOND + 44)
    yield Possible("speaks and hangs up", "hang-up", _recorded(action, reason.CALL_TERMINATED, 3.0), stored, over=True)
    yield Possible("silence", "caller", _recorded(action, reason.INITIAL_SILENCE_TIMEOUT, 0))
    yield Possible("system failure", "platform", _recorded(action, reason.TEMPORARY_SYSTEM_FAILURE, 0))


def _recorded(action: protocol.Record, reason: RecordingCompletionReason, seconds: float) -> dict[str, Any]:
    members = {"completionReason": str(reason), "lengthOfRecordingInSecs": seconds}
    return _wire(action, seconds > 0, format=str(action.recording_format or "wav"), **members)
