"""The kit's own actions as commands of ACS Call Automation (`acs_steps` has the others).

1. Each is one command. Who joined, who left, that keys were sent and that captions began or ended is told by an event;
   the rest is over with its reply. Their failures carry the platform's numbers.
2. A telephone that is added is shown the number that was called, unless another is given.
3. What is not found may be somebody in the call, or a recording of it, and not the call.
4. A media stream is started when the platform has opened it, and stopped when it took the command: its end is told by
   the signal that the stream is over.
5. A recording that is not found has been stopped: by itself, with the call, or by the same command whose mark was lost.
"""

from typing import Any, Final

from dialtone.channels.acs import identifier
from dialtone.channels.acs_commands import (
    CallRefs,
    Setup,
    compact,
    recording_of_the_call,
    sources_of,
    tone_names,
    whole_seconds,
)
from dialtone.channels.stepper import Step
from dialtone.protocol import (
    Action,
    AddParticipant,
    Hold,
    Leave,
    Mute,
    Participant,
    PauseRecording,
    Redirect,
    RemoveParticipant,
    ResumeRecording,
    SendDtmf,
    StartCaptions,
    StartMedia,
    StartRecording,
    StartTones,
    StopCaptions,
    StopMedia,
    StopRecording,
    StopTones,
    Unhold,
)

INVITATION_DEFAULT_S: Final = 60
_STARTED: Final = frozenset({"MediaStreamingStarted", "MediaStreamingFailed"})
_ADDED: Final = frozenset({"AddParticipantSucceeded", "AddParticipantFailed"})
_REMOVED: Final = frozenset({"RemoveParticipantSucceeded", "RemoveParticipantFailed"})
_KEYS_SENT: Final = frozenset({"SendDtmfTonesCompleted", "SendDtmfTonesFailed"})
_WRITES: Final = frozenset({"TranscriptionStarted", "TranscriptionFailed"})
_WRITES_NO_MORE: Final = frozenset({"TranscriptionStopped", "TranscriptionFailed"})

OF_A_PART: Final = (
    RemoveParticipant,
    Mute,
    Hold,
    Unhold,
    SendDtmf,
    StartTones,
    StopTones,
    PauseRecording,
    ResumeRecording,
    StopRecording,
)
"""Actions about somebody in the call, or a recording of it: rule 3."""


def own_step(action: Action, refs: CallRefs, setup: Setup, context: str) -> Step | None:
    """The step of one of the kit's own actions; None for any other."""
    if isinstance(action, StartRecording | PauseRecording | ResumeRecording | StopRecording):
        return _of_a_recording(action, refs, setup)
    if isinstance(action, Leave):
        return Step(action, "leave_call", None, frozenset({"CallDisconnected"}))
    target = getattr(action, "target", None)
    who = identifier(target.identity if isinstance(target, Participant) else refs.caller)
    known = {"targetParticipant": who, "operationContext": context}
    match action:
        case StartMedia():
            return Step(action, "start_media_streaming", {"operationContext": context}, _STARTED)
        case StopMedia():
            return Step(action, "stop_media_streaming", {"operationContext": context})
        case Redirect():
            return Step(action, "redirect_call", {"incomingCallContext": refs.context, "target": who})
        case AddParticipant():
            return Step(action, "add_participant", _invitation(action, who, refs, context), _ADDED)
        case RemoveParticipant():
            body: dict[str, Any] = {"participantToRemove": who, "operationContext": context}
            return Step(action, "remove_participant", body, _REMOVED)
        case Mute():
            return Step(action, "mute_participant", {"targetParticipants": [who], "operationContext": context})
        case Hold():
            music = sources_of(action.play_prompt.prompts, setup)[-1] if action.play_prompt else None
            return Step(action, "hold", compact(**known, playSourceInfo=music))
        case Unhold():
            return Step(action, "unhold", known)
        case SendDtmf():
            return Step(action, "send_dtmf_tones", {"tones": tone_names(action.tones), **known}, _KEYS_SENT)
        case StartTones():
            return Step(action, "start_continuous_dtmf_recognition", known)
        case StopTones():
            return Step(action, "stop_continuous_dtmf_recognition", known)
        case StartCaptions():
            return Step(
                action, "start_transcription", compact(locale=action.culture, operationContext=context), _WRITES
            )
        case StopCaptions():
            return Step(action, "stop_transcription", {"operationContext": context}, _WRITES_NO_MORE)
    return None


def _invitation(action: AddParticipant, who: dict[str, Any], refs: CallRefs, context: str) -> dict[str, Any]:
    """Rule 2."""
    shown = action.caller_id or refs.called.removeprefix("4:") if "phoneNumber" in who else None
    return compact(
        participantToAdd=who,
        sourceCallerIdNumber={"value": shown} if shown and shown.startswith("+") else None,
        sourceDisplayName=action.display_name,
        invitationTimeoutInSeconds=whole_seconds(action.timeout_in_seconds, INVITATION_DEFAULT_S),
        operationContext=context,
    )


def _of_a_recording(
    action: StartRecording | PauseRecording | ResumeRecording | StopRecording, refs: CallRefs, setup: Setup
) -> Step:
    if isinstance(action, StartRecording):
        channels = "unmixed" if action.unmixed else "mixed"
        body = recording_of_the_call(refs, setup, str(action.recording_format), channels)
        return Step(action, "start_recording", {**body, "pauseOnStart": True} if action.paused else body)
    verb = action.kind.removesuffix("Recording")
    return Step(action, f"{verb}_recording", recording=action.recording_id)
