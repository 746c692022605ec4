"""Actions of the kit's own: who is in a call, keys in both directions, recordings of the whole call and of meetings,
redirecting a call.

The Skype contract has none of them, so they are never on its wire. Platforms that take commands do them, each as far as
`dialtone.channels.capabilities` says. Rules are in `dialtone.protocol.rules`. Where hold, unhold and the keys have no
`target`, it is whom the call is with.
"""

from typing import Final, Literal

from dialtone.protocol.actions import ACTIONS, Action, Hangup, NestedPrompt, Record, Seconds, reader
from dialtone.protocol.conversation import Participant
from dialtone.protocol.enums import RecordingFormat
from dialtone.protocol.media import MEDIA_ACTIONS


class AddParticipant(Action):
    """Have the platform ring `target` and join them to the call, for `timeout_in_seconds` at most.

    `caller_id` is the number that a telephone is shown, `display_name` the name that a user is.
    """

    kind = "addParticipant"
    action: str = "addParticipant"
    target: Participant
    caller_id: str | None = None
    display_name: str | None = None
    timeout_in_seconds: Seconds | None = None


class RemoveParticipant(Action):
    """Put somebody out of the call."""

    kind = "removeParticipant"
    action: str = "removeParticipant"
    target: Participant


class Mute(Action):
    """Let nobody hear `target`; without one, the bot itself."""

    kind = "mute"
    action: str = "mute"
    target: Participant | None = None


class Unmute(Action):
    """Let `target` be heard again; without one, the bot itself."""

    kind = "unmute"
    action: str = "unmute"
    target: Participant | None = None


class Hold(Action):
    """Put somebody on hold, who hears the prompt, again and again, and nothing else."""

    kind = "hold"
    action: str = "hold"
    target: Participant | None = None
    play_prompt: NestedPrompt | None = None


class Unhold(Action):
    """Take somebody back who is on hold."""

    kind = "unhold"
    action: str = "unhold"
    target: Participant | None = None


class SendDtmf(Action):
    """Press keys for somebody to hear, as a telephone does: another system's menu, for instance."""

    kind = "sendDtmf"
    action: str = "sendDtmf"
    target: Participant | None = None
    tones: str


class StartTones(Action):
    """Tell each key that somebody presses from here on, also while no question is asked."""

    kind = "startTones"
    action: str = "startTones"
    target: Participant | None = None


class StopTones(Action):
    """Tell no keys any more but those that answer a question."""

    kind = "stopTones"
    action: str = "stopTones"
    target: Participant | None = None


class StartCaptions(Action):
    """Have the platform write down what is said, for the call's media stream; in the language `culture`."""

    kind = "startCaptions"
    action: str = "startCaptions"
    culture: str | None = None


class StopCaptions(Action):
    """Have nothing more written down."""

    kind = "stopCaptions"
    action: str = "stopCaptions"


class Redirect(Action):
    """Have a call that rings ring somebody else instead."""

    kind = "redirect"
    action: str = "redirect"
    target: Participant


class Leave(Hangup):
    """End the bot's part in the call; the others go on talking."""

    kind = "leave"
    action: str = "leave"


class StartRecording(Action):
    """Record the whole call, whoever speaks, until it is stopped or the call is over.

    `unmixed` has a channel for each who speaks; `paused` begins without recording anything.
    """

    kind = "startRecording"
    action: str = "startRecording"
    recording_format: RecordingFormat = RecordingFormat.WAV
    unmixed: bool = False
    paused: bool = False


class _OfRecording(Action):
    """About a recording of the whole call, by the platform's id."""

    recording_id: str


class PauseRecording(_OfRecording):
    """Record nothing until it is resumed: while a card's number is said, for instance."""

    kind = "pauseRecording"
    action: str = "pauseRecording"


class ResumeRecording(_OfRecording):
    """Go on recording."""

    kind = "resumeRecording"
    action: str = "resumeRecording"


class StopRecording(_OfRecording):
    """End the recording."""

    kind = "stopRecording"
    action: str = "stopRecording"


RecordingStatus = Literal["recording", "notRecording", "failed"]


class UpdateRecordingStatus(Action):
    """Have everybody in the call shown whether it is recorded."""

    kind = "updateRecordingStatus"
    action: str = "updateRecordingStatus"
    status: RecordingStatus


class RecordMeeting(Record):
    """Record a piece of a meeting, in which everybody is shown that it is recorded."""

    kind = "recordMeeting"
    action: str = "recordMeeting"


class StartMedia(Action):
    """Open a media stream of a call that was answered, to the media handler `handler`.

    `number` counts the streams of the call, from 1: one that it was answered with is the first.
    """

    kind = "startMedia"
    action: str = "startMedia"
    handler: str
    number: int


class StopMedia(Action):
    """End the media stream that is open."""

    kind = "stopMedia"
    action: str = "stopMedia"


COMMANDS: Final[dict[str, type[Action]]] = {
    model.kind: model
    for model in (
        AddParticipant,
        RemoveParticipant,
        Mute,
        Unmute,
        Hold,
        Unhold,
        SendDtmf,
        StartTones,
        StopTones,
        StartCaptions,
        StopCaptions,
        Redirect,
        Leave,
        StartRecording,
        PauseRecording,
        ResumeRecording,
        StopRecording,
        UpdateRecordingStatus,
        RecordMeeting,
        StartMedia,
        StopMedia,
    )
}

read_action: Final = reader({**ACTIONS, **MEDIA_ACTIONS, **COMMANDS})
"""Reads any action, as a journal has them. Raises ValueError for another."""
