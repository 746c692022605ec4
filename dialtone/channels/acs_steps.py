"""A workflow as steps for ACS Call Automation, and what their events and replies mean in the calling contract.

1. A step is a command. Those that `ends_with` names are over when such an event comes, the others with their reply.
2. recognize: choices without a word, and digits, are recognized as `dtmf`, which needs no speech service; choices with
   words as `choices`. A choice of such a question that has no word has only its key.
3. A stop tone is part of what ACS heard and no part of the contract's digits. The maximum is reported as
   interdigitTimeout, the contract having no reason for it, as the platform of the Skype contract did.
4. record is the prompt, then a recording of the whole call, then the beep and `speech` or `speechOrDtmf` to notice
   silence, stop tones and a caller who says nothing, then the end of the recording. The beep is in the recording: what
   follows it needs no event to arrive, so that no word is lost to one that is late; when it began is told by an event
   of its own. Nothing cuts a recording off in
   mid-speech: it ends with the first silence after its longest duration. Its sound comes later, by Event Grid.
5. A caller who hangs up while a recording runs ends it: that is its outcome, as in the Skype contract.
6. A transfer is not cut off by the end of the call that an event reports, for its own outcome may be on its way.
7. What the channel cannot do is a step without a command, which fails with the text of the table in `capabilities`.
8. A command that ACS refuses is the failure of its action; one that the end of the call overtook ends the call.
9. hangup ends the call for everyone (`:terminate`), which has a request id, and is over when the call is. leave ends
   the bot's part of it.
10. The kit's own actions are in `acs_own_steps`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dialtone.channels.acs import CallEvent, identifier, kind_of
from dialtone.channels.acs_commands import (
    CallRefs,
    Setup,
    compact,
    file_source,
    recording_of_the_call,
    sources_of,
    stream_options,
    tone_names,
    whole_seconds,
)
from dialtone.channels.acs_own_steps import OF_A_PART, own_step
from dialtone.channels.capabilities import refusal_of
from dialtone.channels.results import NOT_FOUND, Result, failure
from dialtone.channels.stepper import Found, Kept, Step, context_of, plain
from dialtone.protocol import (
    Action,
    Answer,
    AnswerAppHostedMedia,
    ChoiceOutcome,
    CollectDigitsOutcome,
    DigitCollectionCompletionReason,
    Hangup,
    Leave,
    OutcomeValue,
    PlayPrompt,
    RecognitionCompletionReason,
    Recognize,
    RecognizeOutcome,
    Record,
    RecordingCompletionReason,
    RecordingFormat,
    RecordOutcome,
    Redirect,
    Reject,
    StartRecording,
    StartRecordingOutcome,
    StopRecording,
    Transfer,
    failed_outcome,
    rules,
)

MAX_DIGITS: Final = rules.DIGITS_MAX[1]
INTER_TONE_MAX_S: Final = 60
SPEECH_SILENCE_MAX_S: Final = 20
_PLAYED: Final = frozenset({"PlayCompleted", "PlayFailed", "PlayCanceled"})
_RECOGNIZED: Final = frozenset({"RecognizeCompleted", "RecognizeFailed", "RecognizeCanceled"})
_ANSWERED: Final = frozenset({"CallConnected"})
_TRANSFERRED: Final = frozenset({"CallTransferAccepted", "CallTransferFailed"})

RECORDING_ID: Final = "recording"
RECORDING_FROM: Final = "from"
RECORDING_FORMAT: Final = "format"
_REASON: Final = "reason"
_SECONDS: Final = "seconds"


@dataclass(slots=True)
class _Maker:
    """Makes the steps of a workflow."""

    refs: CallRefs
    setup: Setup
    sequence: int
    made: list[Step] = field(default_factory=list)

    @property
    def context(self) -> str:
        return context_of(self.sequence, len(self.made))

    def refuse(self, action: Action, what: str) -> None:
        self.made.append(Step(action, "", refusal=what))

    def play(self, action: Action, sources: list[dict[str, Any]]) -> None:
        body = {
            "playSources": sources,
            "playTo": [],
            "interruptCallMediaOperation": False,
            "playOptions": {"loop": False},
            "operationContext": self.context,
        }
        self.made.append(Step(action, "play_media", body, _PLAYED))

    def recognize(self, action: Action, kind: str, options: dict[str, Any], **members: Any) -> None:
        body = {
            "recognizeInputType": kind,
            "interruptCallMediaOperation": False,
            "recognizeOptions": {"targetParticipant": identifier(self.refs.caller)} | options,
            "operationContext": self.context,
        } | compact(**members)
        self.made.append(Step(action, "start_recognizing_media", body, _RECOGNIZED))


def steps_of(actions: Sequence[Action], sequence: int, refs: CallRefs, setup: Setup) -> list[Step]:
    """The steps of a workflow, the same each time that they are made."""
    maker = _Maker(refs, setup, sequence)
    for action in actions:
        _add(maker, action)
    return maker.made


def _add(maker: _Maker, action: Action) -> None:
    refs, setup = maker.refs, maker.setup
    refused = refusal_of(action, teams_phone=refs.is_teams_phone)
    if refused:
        maker.refuse(action, refused)
        return
    match action:
        case Answer():
            body = {"incomingCallContext": refs.context, **setup.options(), "operationContext": maker.context}
            maker.made.append(Step(action, "answer_call", body, _ANSWERED))
        case AnswerAppHostedMedia():
            body = {
                "incomingCallContext": refs.context,
                **setup.options(),
                **stream_options(action.media_configuration),
                "operationContext": maker.context,
            }
            maker.made.append(Step(action, "answer_call", body, _ANSWERED))
        case Reject():
            body = {"incomingCallContext": refs.context, "callRejectReason": "busy"}
            maker.made.append(Step(action, "reject_call", body))
        case Hangup() if not isinstance(action, Leave):
            maker.made.append(Step(action, "hang_up", None, frozenset({"CallDisconnected"})))
        case PlayPrompt():
            maker.play(action, sources_of(action.prompts, setup))
        case Recognize():
            _recognize(maker, action)
        case Record():
            _record(maker, action)
        case Transfer():
            body = {"targetParticipant": identifier(action.target.identity), "operationContext": maker.context}
            if kind_of(refs.caller) != "unknown":
                body["transferee"] = identifier(refs.caller)
            maker.made.append(Step(action, "transfer_call_to_participant", body, _TRANSFERRED))
        case _ if (step := own_step(action, refs, setup, maker.context)) is not None:
            maker.made.append(step)
        case _:
            maker.refuse(action, f"acs does nothing for {action.action}")


def _recognize(maker: _Maker, action: Recognize) -> None:
    """Rule 2."""
    prompts = sources_of(action.play_prompt.prompts, maker.setup) if action.play_prompt else None
    options: dict[str, Any] = compact(
        interruptPrompt=action.barge_in_allowed is not False,
        initialSilenceTimeoutInSeconds=_silence_s(action, speech=_has_words(action)),
    )
    between = whole_seconds(action.interdigit_timeout_in_seconds, rules.INTERDIGIT_DEFAULT_S)
    if action.collect_digits is not None:
        collect = action.collect_digits
        options["dtmfOptions"] = compact(
            interToneTimeoutInSeconds=between,
            maxTonesToCollect=collect.max_number_of_dtmfs or MAX_DIGITS,
            stopTones=tone_names("".join(collect.stop_tones)) if collect.stop_tones else None,
        )
        maker.recognize(action, "dtmf", options, playPrompts=prompts)
    elif not _has_words(action):
        options["dtmfOptions"] = {"interToneTimeoutInSeconds": between, "maxTonesToCollect": 1}
        maker.recognize(action, "dtmf", options, playPrompts=prompts)
    else:
        options["speechLanguage"] = action.culture or rules.CULTURE
        options["choices"] = [
            compact(
                label=choice.name,
                phrases=choice.speech_variation or [],
                tone=tone_names(choice.dtmf_variation)[0] if choice.dtmf_variation else None,
            )
            for choice in action.choices or ()
        ]
        maker.recognize(action, "choices", options, playPrompts=prompts)


def _silence_s(action: Recognize | Record, *, speech: bool) -> int:
    """How long the caller may be silent at first; ACS waits no longer than this where it listens for speech."""
    asked = whole_seconds(action.initial_silence_timeout_in_seconds, rules.INITIAL_SILENCE_DEFAULT_S)
    return min(asked, SPEECH_SILENCE_MAX_S) if speech else asked


def _record(maker: _Maker, action: Record) -> None:
    """Rule 4."""
    if action.play_prompt:
        maker.play(action, sources_of(action.play_prompt.prompts, maker.setup))
    body = recording_of_the_call(maker.refs, maker.setup, str(_format_of(action)), "mixed")
    maker.made.append(Step(action, "start_recording", body))
    given = action.max_silence_timeout_in_seconds
    silence_s = rules.MAX_SILENCE_DEFAULT_S if given is None else given
    options: dict[str, Any] = {
        "interruptPrompt": False,
        "initialSilenceTimeoutInSeconds": _silence_s(action, speech=True),
        "speechOptions": {"endSilenceTimeoutInMs": round(silence_s * 1000)},
        "speechLanguage": rules.CULTURE,
    }
    if action.stop_tones:
        # Other keys should not end it; ACS has no way to say so, only to wait long for the next one.
        options["dtmfOptions"] = {
            "interToneTimeoutInSeconds": INTER_TONE_MAX_S,
            "maxTonesToCollect": MAX_DIGITS,
            "stopTones": tone_names("".join(action.stop_tones)),
        }
    beep = [file_source(f"{maker.setup.sounds}beep.wav")] if action.play_beep is not False else None
    maker.recognize(action, "speechOrDtmf" if action.stop_tones else "speech", options, playPrompts=beep)
    maker.made.append(Step(action, "stop_recording"))


def of_event(step: Step, event: CallEvent, kept: Kept) -> Found | None:
    """What an event says of the step that is waited for; None when it says nothing of it."""
    if event.ends:
        return None if step.survives else _ended(step, event, kept)
    if event.type not in step.ends_with:
        return None
    result = event.result or Result()
    told = "" if event.type in ("PlayCompleted", "CallConnected", "MediaStreamingStarted") else result.told()
    match step.action:
        case Record() if step.operation == "start_recognizing_media":
            reason = _recording_reason(step.action, event, kept)
            seconds = max(0.0, round(event.at - kept.get(RECORDING_FROM, event.at), 3))
            return Found(plain(step.action), kept={_REASON: str(reason), _SECONDS: seconds})
        case Recognize():
            return Found(_heard(step.action, event))
        case Transfer():
            accepted = event.type == "CallTransferAccepted"
            return Found(plain(step.action) if accepted else failed_outcome(step.action, told), over=accepted)
    if event.type in ("PlayFailed", "PlayCanceled"):
        return Found(failed_outcome(step.action, told))
    if event.type.endswith("Failed"):
        return Found(failure(step.action, result))
    return Found(plain(step.action))


def of_reply(step: Step, body: object, kept: Kept, at: float) -> Found | None:
    """What the reply to a command that was taken says; None when the step is over only with an event.

    `at` is when that happened which the command was sent for, by the platform's clock (Unix seconds).
    """
    if step.refusal:
        return Found(failed_outcome(step.action, step.refusal))
    if step.ends_with:
        return None
    match step.operation:
        case "start_recording":
            recording = body.get("recordingId") if isinstance(body, dict) else None
            if not isinstance(recording, str) or not recording:
                return Found(failed_outcome(step.action, "the platform records and gives the recording no id"))
            begun, of_it = plain(step.action), {RECORDING_ID: recording, RECORDING_FROM: at}
            if isinstance(step.action, StartRecording) and isinstance(begun, StartRecordingOutcome):
                begun.recording_id = recording
                of_it[RECORDING_FORMAT] = str(step.action.recording_format)
            return Found(begun, kept=of_it)
        case "stop_recording" if isinstance(step.action, Record):
            return Found(_recorded(step.action, kept))
    return Found(plain(step.action), over=isinstance(step.action, Reject | Redirect))


def of_refusal(step: Step, result: Result, kept: Kept) -> Found:
    """What the refusal of a command says: rule 8."""
    if step.operation == "stop_recording" and isinstance(step.action, Record):
        # It has stopped: by itself, with the call, or by the same command whose mark was lost. Its sound is there all
        # the same. Whether the call is over is for its own event to say.
        return Found(_recorded(step.action, kept))
    if isinstance(step.action, Hangup) and result.gone:
        return Found(plain(step.action), over=True)
    if isinstance(step.action, StopRecording) and result.gone:
        # `acs_own_steps`, rules 4 and 3.
        return Found(plain(step.action))
    over = result.gone and not (result.sub_code == NOT_FOUND and isinstance(step.action, OF_A_PART))
    return Found(failure(step.action, result, "callTerminated" if over else "temporarySystemFailure"), over=over)


def path_of_recording(step: Step, kept: Kept) -> str:
    """The id of the recording that a command is about, empty for none."""
    return step.recording or str(kept.get(RECORDING_ID, ""))


def _ended(step: Step, event: CallEvent, kept: Kept) -> Found:
    """Rule 5, and the end of the call for any other step."""
    if isinstance(step.action, Hangup):
        return Found(plain(step.action), over=True)
    if isinstance(step.action, Record) and RECORDING_ID in kept:
        seconds = kept.get(_SECONDS, max(0.0, round(event.at - kept.get(RECORDING_FROM, event.at), 3)))
        reason = kept.get(_REASON, str(RecordingCompletionReason.CALL_TERMINATED))
        return Found(_recorded(step.action, {**kept, _REASON: reason, _SECONDS: seconds}), over=True)
    told = event.result.told() if event.result else event.type
    return Found(failed_outcome(step.action, f"the call is over ({told})", "callTerminated"), over=True)


_CHOICE_REASONS: Final = {
    8510: RecognitionCompletionReason.INITIAL_SILENCE_TIMEOUT,
    8532: RecognitionCompletionReason.INTERDIGIT_TIMEOUT,
    8533: RecognitionCompletionReason.DTMF_OPTION_MATCHED,
    8534: RecognitionCompletionReason.INCORRECT_DTMF,
    8545: RecognitionCompletionReason.SPEECH_OPTION_MATCHED,
    8547: RecognitionCompletionReason.UNKNOWN,
    8563: RecognitionCompletionReason.UNKNOWN,
}
_DIGIT_REASONS: Final = {
    8510: DigitCollectionCompletionReason.INITIAL_SILENCE_TIMEOUT,
    8514: DigitCollectionCompletionReason.COMPLETED_STOP_TONE_DETECTED,
    8531: DigitCollectionCompletionReason.INTERDIGIT_TIMEOUT,
    8532: DigitCollectionCompletionReason.INTERDIGIT_TIMEOUT,
}
"""What the kit asks again after. All else is a failure of the platform, after which it does not."""


def _heard(action: Recognize, event: CallEvent) -> RecognizeOutcome:
    """What a recognition heard: rule 3."""
    code = event.result.sub_code if event.result else 0
    why = "" if event.type == "RecognizeCompleted" else event.result.told() if event.result else event.type
    if action.collect_digits is not None:
        digits = event.digits
        stop_tones = action.collect_digits.stop_tones or []
        if digits and digits[-1] in stop_tones:
            digits = digits[:-1]
        digit_reason = _DIGIT_REASONS.get(code, DigitCollectionCompletionReason.TEMPORARY_SYSTEM_FAILURE)
        collected = CollectDigitsOutcome(completion_reason=digit_reason, digits=digits or None)
        return _outcome(action, bool(digits), why, collect_digits_outcome=collected)
    reason = _CHOICE_REASONS.get(code, RecognitionCompletionReason.TEMPORARY_SYSTEM_FAILURE)
    name = event.choice[0] if event.choice else None
    if not _has_words(action) and (key := event.digits[:1]):
        name = next((each.name for each in action.choices or () if each.dtmf_variation == key), None)
        reason = RecognitionCompletionReason.INCORRECT_DTMF
        if name is not None:
            reason = RecognitionCompletionReason.DTMF_OPTION_MATCHED
    chosen = ChoiceOutcome(completion_reason=reason, choice_name=name)
    return _outcome(action, name is not None, why, choice_outcome=chosen)


def _outcome(action: Recognize, ok: bool, why: str, **parts: Any) -> RecognizeOutcome:
    value = OutcomeValue.SUCCESS if ok else OutcomeValue.FAILURE
    reason = None if ok else why or None
    return RecognizeOutcome(
        type="recognizeOutcome", id=action.operation_id, outcome=value, failure_reason=reason, **parts
    )


def _recording_reason(action: Record, event: CallEvent, kept: Kept) -> RecordingCompletionReason:
    code = event.result.sub_code if event.result else 0
    if code == 8510:
        return RecordingCompletionReason.INITIAL_SILENCE_TIMEOUT
    longest = action.max_duration_in_seconds or rules.RECORD_DURATION_DEFAULT_S
    if event.at - kept.get(RECORDING_FROM, event.at) >= longest:
        return RecordingCompletionReason.MAX_RECORDING_TIMEOUT
    if code == 8514:
        return RecordingCompletionReason.COMPLETED_STOP_TONE_DETECTED
    if code in (8531, 8532, 8547, 8563, 8569) or event.type == "RecognizeCompleted":
        return RecordingCompletionReason.COMPLETED_SILENCE_DETECTED
    return RecordingCompletionReason.TEMPORARY_SYSTEM_FAILURE


_KEPT_SOUND: Final = frozenset(RecordingCompletionReason) - {
    RecordingCompletionReason.INITIAL_SILENCE_TIMEOUT,
    RecordingCompletionReason.TEMPORARY_SYSTEM_FAILURE,
    RecordingCompletionReason.UNKNOWN,
}


def _recorded(action: Action, kept: Kept) -> RecordOutcome:
    """The outcome of a recording, by why it ended and how long it was."""
    assert isinstance(action, Record), "only a record action has the steps of a recording"
    reason = RecordingCompletionReason(kept.get(_REASON, "unknown"))
    ok = reason in _KEPT_SOUND and kept.get(_SECONDS, 0.0) > 0
    return RecordOutcome(
        type="recordOutcome",
        id=action.operation_id,
        outcome=OutcomeValue.SUCCESS if ok else OutcomeValue.FAILURE,
        completion_reason=reason,
        length_of_recording_in_secs=kept.get(_SECONDS, 0.0) if ok else 0.0,
        format=_format_of(action),
    )


def _format_of(action: Record) -> RecordingFormat:
    return RecordingFormat.MP3 if action.recording_format is RecordingFormat.MP3 else RecordingFormat.WAV


def _has_words(action: Recognize) -> bool:
    return any(choice.speech_variation for choice in action.choices or ())
