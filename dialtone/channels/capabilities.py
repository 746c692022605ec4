"""What each channel can do: every action of the contract and every option of it, by channel.

`EXACT`: as the contract says. `Emulated`: by other means, which it tells. `Refused`: the action fails with this text,
as if the platform had refused it; no command is sent. Nothing is dropped in silence.

The table is the reference page docs/reference/channels.md, and `refusal_of` is what the channels refuse by.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from dialtone.channels.skype import MEDIA_LATER, NO_COMMANDS, PHONE, prompts_of
from dialtone.protocol import (
    Action,
    AddParticipant,
    Answer,
    AnswerAppHostedMedia,
    Hold,
    ModalityType,
    Mute,
    Participant,
    PauseRecording,
    PlaceCall,
    Recognize,
    Record,
    RecordingFormat,
    RecordMeeting,
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
    Transfer,
    Unhold,
    Unmute,
    UpdateRecordingStatus,
)

CHANNELS: Final = ("skype", "acs", "acs for Teams phones", "teams")


@dataclass(frozen=True, slots=True)
class Exact:
    """As the contract says."""


@dataclass(frozen=True, slots=True)
class Emulated:
    """By other means."""

    how: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Not at all."""

    text: str


Way = Exact | Emulated | Refused
EXACT: Final = Exact()


class Capability(NamedTuple):
    """A row of the table: an action, one of its options (`prompts.value`, a value after `=`), and how it is done."""

    action: str
    option: str
    skype: Way
    acs: Way
    teams_phone: Way
    teams: Way


def _same(action: str, option: str, acs: Way = EXACT, teams: Way = EXACT) -> Capability:
    return Capability(action, option, EXACT, acs, acs, teams)


def _command(action: str, option: str, acs: Way, teams_phone: Way, teams: Way) -> Capability:
    """A row of an action that the Skype contract does not have."""
    return Capability(action, option, SKYPE_COMMANDS, acs, teams_phone, teams)


VIDEO: Final = Refused("acs calls carry audio only; accept audio, or leave the modalities out")
WMA: Final = Refused("acs records wav and mp3; ask for one of them")
CONSULT: Final = Refused("acs transfers without consultation; leave replaces_context out")
MISSING_KIND: Final = Refused("acs transfers to 8:acs: and 8:orgid: users and to 4: numbers; use one of them")
TEAMS_MUTE: Final = Refused("Teams plays files only; set up the speech service, or upload the prompts as files")
TEAMS_VIDEO: Final = Refused("Teams calls carry audio only here: pictures need a media platform on Windows")
TEAMS_WORDS: Final = Refused(
    "Teams hears keys only; give each choice a key, or use a stream of a channel that has them"
)
TEAMS_TARGET: Final = Refused("Teams transfers to 8:orgid: users and to 4: numbers; use one of them")
SKYPE_PHONE: Final = Refused(PHONE)
TEAMS_USER: Final = Refused("a Teams phone call cannot be transferred to a Teams user; transfer it in Teams")
PLACING: Final = Refused("placeCall has no rank in a workflow; place the call with call.place")
SKYPE_COMMANDS: Final = Refused(NO_COMMANDS)
ACS_SELF: Final = Refused("acs mutes those in the call and not the bot; name a target")
ACS_UNMUTE: Final = Refused("acs unmutes nobody; who was muted can do so")
ACS_MEMBER: Final = Refused("acs knows 8:acs: and 8:orgid: users and 4: numbers; use one of them")
ACS_PHONE: Final = Refused("acs sends keys to telephones; use a 4: number")
CUT: Final = Refused("a Teams phone call cannot hold or mute anybody")
CUT_USER: Final = Refused("a Teams phone call takes no Teams users; use a 4: number or an 8:acs: user")
TEAMS_MEMBER: Final = Refused("Teams knows 8:orgid: users and 4: numbers; use one of them")
TEAMS_UNMUTE: Final = Refused("Teams unmutes nobody but the bot; who was muted can do so")
TEAMS_HOLD: Final = Refused("Teams has no hold for bots; play something, or transfer the call")
TEAMS_TONES: Final = Refused("on Teams keys are told to questions only; ask with choices or digits")
TEAMS_CAPTIONS: Final = Refused("Teams writes nothing down for a bot while a call goes on")
TEAMS_RECORDING: Final = Refused("Teams does not record a whole call for a bot; use record, or a recording in Teams")
MEETING: Final = Refused("recording a meeting is for Teams; record the whole call with start_recording")
SKYPE_MEDIA: Final = Refused(MEDIA_LATER)
TEAMS_MEDIA: Final = Refused("Teams gives its media to platforms on Windows only; use a channel that has streams")
_SILENCE: Final = Emulated("a file of silence that the functions serve")
_SSML: Final = Emulated("SSML, spoken by a multilingual voice of the same gender")
_SPOKEN: Final = Emulated("a file that the speech service makes and the functions serve; refused without that service")
_PROMPTS: Final = [
    _same("", "prompts.value", teams=_SPOKEN),
    _same(
        "",
        "prompts.fileUri",
        Emulated("the file has to be WAV (16 kHz, 16 bit, mono) or MP3; WMA fails as 8535"),
        Emulated("the file has to be WAV (16 kHz, 16 bit, mono); any other fails"),
    ),
    _same("", "prompts.voice", teams=_SPOKEN),
    _same("", "prompts.culture", teams=_SPOKEN),
    _same("", "prompts.silenceLengthInMilliseconds", _SILENCE, _SILENCE),
    _same("", "prompts.emphasize", _SSML, _SSML),
    _same("", "prompts.sayAs", _SSML, _SSML),
]
_ROUNDED: Final = Emulated("in whole seconds, rounded up")
_UP_TO_TWO_MINUTES: Final = Emulated("in whole seconds, rounded up, from 1 to 120")
_WAV_INSTEAD: Final = Emulated("as wav, which the outcome says")
_BUSY: Final = Emulated("as busy")
_ONE_SOURCE: Final = Emulated("left out before a text or a file: what is heard on hold is one of them")
_NOT_ON_BEHALF: Final = Emulated("refused by the platform for a call that rings on behalf of somebody else")
_FIVE: Final = Emulated("up to five channels")
_STREAMED: Final = Emulated("the answer has media streaming options, and the dialog can say and ask things besides")
_OF_THE_ANSWER: Final = Emulated("16 kHz and mixed, or as the call was answered with media")
_TWENTY: Final = Emulated("20 when only stop tones are given")

_ROWS: Final = (
    _same("answer", ""),
    _same("answer", "acceptModalityTypes=audio"),
    Capability("answer", "acceptModalityTypes=video", EXACT, VIDEO, VIDEO, TEAMS_VIDEO),
    _same("reject", "", _BUSY, _BUSY),
    _same(
        "hangup",
        "",
        Emulated("for everyone in the call"),
        Emulated("the bot leaves: a call of two is over, a meeting goes on"),
    ),
    _same("playPrompt", ""),
    *(row._replace(action="playPrompt") for row in _PROMPTS),
    _same(
        "record",
        "",
        Emulated("a recording of the whole call, both sides mixed, the beep included; its sound is stored later"),
        Emulated("between two updates of the recording's status, which Teams shows to everybody in the call"),
    ),
    *(row._replace(action="record", option=f"playPrompt.{row.option}") for row in _PROMPTS),
    _same(
        "record",
        "maxDurationInSeconds",
        Emulated("ends with the first silence, key or hang-up after it"),
        _UP_TO_TWO_MINUTES,
    ),
    _same("record", "initialSilenceTimeoutInSeconds", Emulated(f"{_ROUNDED.how}, at most 20"), _UP_TO_TWO_MINUTES),
    _same(
        "record",
        "maxSilenceTimeoutInSeconds",
        Emulated("the end of speech, which needs the speech service"),
        _UP_TO_TWO_MINUTES,
    ),
    _same("record", "recordingFormat=wav"),
    _same("record", "recordingFormat=mp3", teams=_WAV_INSTEAD),
    Capability("record", "recordingFormat=wma", EXACT, WMA, WMA, _WAV_INSTEAD),
    _same("record", "playBeep", Emulated("a file that the functions serve")),
    _same(
        "record",
        "stopTones",
        Emulated("the recognition beside the recording; other keys end it too, 60 seconds after the last"),
    ),
    *(row._replace(action="recognize", option=f"playPrompt.{row.option}") for row in _PROMPTS),
    _same("recognize", "bargeInAllowed", teams=Emulated("by a key; speech cuts nothing off")),
    _same("recognize", "culture", teams=Emulated("keys have no language")),
    _same(
        "recognize",
        "initialSilenceTimeoutInSeconds",
        Emulated(f"{_ROUNDED.how}, at most 20 where a choice has words"),
        Emulated("a file of silence after the prompt"),
    ),
    _same("recognize", "interdigitTimeoutInSeconds", _ROUNDED, Emulated("a file of silence after each key")),
    _same("recognize", "choices.name"),
    _same(
        "recognize",
        "choices.speechVariation",
        Emulated("by the speech service; words that match nothing end the try, where Skype went on listening"),
        Emulated("not heard: the choice is made by its key"),
    ),
    _same("recognize", "choices.speechVariation=without a key", teams=TEAMS_WORDS),
    _same("recognize", "choices.dtmfVariation"),
    _same("recognize", "collectDigits.maxNumberOfDtmfs", _TWENTY, _TWENTY),
    _same("recognize", "collectDigits.stopTones"),
    _same("transfer", "target=8:acs:", teams=TEAMS_TARGET),
    Capability("transfer", "target=4:", SKYPE_PHONE, EXACT, EXACT, EXACT),
    Capability("transfer", "target=8:orgid:", EXACT, EXACT, TEAMS_USER, EXACT),
    Capability("transfer", "target=8: and 29: of Skype", EXACT, MISSING_KIND, MISSING_KIND, TEAMS_TARGET),
    Capability("transfer", "replacesContext", EXACT, CONSULT, CONSULT, EXACT),
    Capability("answerAppHostedMedia", "", EXACT, _STREAMED, _STREAMED, TEAMS_MEDIA),
    Capability("startMedia", "", SKYPE_MEDIA, _OF_THE_ANSWER, _OF_THE_ANSWER, TEAMS_MEDIA),
    Capability("startMedia", "handler", SKYPE_MEDIA, EXACT, EXACT, TEAMS_MEDIA),
    Capability("startMedia", "number", SKYPE_MEDIA, EXACT, EXACT, TEAMS_MEDIA),
    Capability("stopMedia", "", SKYPE_MEDIA, EXACT, EXACT, TEAMS_MEDIA),
    Capability("placeCall", "", PLACING, PLACING, PLACING, PLACING),
    _command("addParticipant", "", EXACT, EXACT, EXACT),
    _command("addParticipant", "target=4:", EXACT, EXACT, EXACT),
    _command("addParticipant", "target=8:orgid:", EXACT, CUT_USER, EXACT),
    _command("addParticipant", "target=8:acs:", EXACT, EXACT, TEAMS_MEMBER),
    _command("addParticipant", "target=28: and 29:", ACS_MEMBER, ACS_MEMBER, TEAMS_MEMBER),
    _command("addParticipant", "callerId", EXACT, EXACT, Emulated("the number of the bot's Teams account is shown")),
    _command("addParticipant", "displayName", EXACT, EXACT, Emulated("the bot's own name is shown")),
    _command("addParticipant", "timeoutInSeconds", EXACT, EXACT, Emulated("it rings for as long as Teams lets it")),
    _command("removeParticipant", "", EXACT, EXACT, EXACT),
    _command("removeParticipant", "target", EXACT, EXACT, EXACT),
    _command("mute", "", ACS_SELF, CUT, EXACT),
    _command("mute", "target", EXACT, CUT, EXACT),
    _command("unmute", "", ACS_UNMUTE, CUT, EXACT),
    _command("unmute", "target", ACS_UNMUTE, CUT, TEAMS_UNMUTE),
    _command("hold", "", EXACT, CUT, TEAMS_HOLD),
    _command("hold", "target", EXACT, CUT, TEAMS_HOLD),
    *(
        _command("hold", f"playPrompt.{row.option}", row.acs, CUT, TEAMS_HOLD)
        for row in _PROMPTS
        if row.option != "prompts.silenceLengthInMilliseconds"
    ),
    _command("hold", "playPrompt.prompts.silenceLengthInMilliseconds", _ONE_SOURCE, CUT, TEAMS_HOLD),
    _command("unhold", "", EXACT, CUT, TEAMS_HOLD),
    _command("unhold", "target", EXACT, CUT, TEAMS_HOLD),
    _command("sendDtmf", "", EXACT, EXACT, Emulated("for all in the call to hear")),
    _command("sendDtmf", "target=4:", EXACT, EXACT, Emulated("for all in the call to hear")),
    _command("sendDtmf", "target=8:", ACS_PHONE, ACS_PHONE, Emulated("for all in the call to hear")),
    _command("sendDtmf", "tones", EXACT, EXACT, EXACT),
    _command("startTones", "", EXACT, EXACT, TEAMS_TONES),
    _command("startTones", "target", EXACT, EXACT, TEAMS_TONES),
    _command("stopTones", "", EXACT, EXACT, TEAMS_TONES),
    _command("stopTones", "target", EXACT, EXACT, TEAMS_TONES),
    _command("startCaptions", "", EXACT, EXACT, TEAMS_CAPTIONS),
    _command("startCaptions", "culture", EXACT, EXACT, TEAMS_CAPTIONS),
    _command("stopCaptions", "", EXACT, EXACT, TEAMS_CAPTIONS),
    _command("redirect", "", EXACT, _NOT_ON_BEHALF, EXACT),
    _command("redirect", "target=4:", EXACT, _NOT_ON_BEHALF, EXACT),
    _command("redirect", "target=8:orgid:", EXACT, CUT_USER, EXACT),
    _command("redirect", "target=8:acs:", EXACT, EXACT, TEAMS_MEMBER),
    _same("leave", "")._replace(skype=Emulated("as hangup: the bot's part of the call ends")),
    _command("startRecording", "", EXACT, EXACT, TEAMS_RECORDING),
    _command("startRecording", "recordingFormat", EXACT, EXACT, TEAMS_RECORDING),
    _command("startRecording", "unmixed", _FIVE, _FIVE, TEAMS_RECORDING),
    _command("startRecording", "paused", EXACT, EXACT, TEAMS_RECORDING),
    *(
        _command(f"{verb}Recording", option, EXACT, EXACT, TEAMS_RECORDING)
        for verb in ("pause", "resume", "stop")
        for option in ("", "recordingId")
    ),
    _command("updateRecordingStatus", "", MEETING, MEETING, EXACT),
    _command("updateRecordingStatus", "status", MEETING, MEETING, EXACT),
)
TABLE: Final = (
    *_ROWS,
    *(_command("recordMeeting", row.option, MEETING, MEETING, row.teams) for row in _ROWS if row.action == "record"),
)
"""Sources: the Skype Calling API for the contract, facts of Call Automation as in `acs_commands`, and Microsoft's
"Teams Phone extensibility: capabilities" for the third column; for the last one Microsoft Graph's "Create call",
"recordResponse", "playPrompt", "subscribeToTone" and "transfer".
"""


_KNOWN: Final = ("8:acs:", "8:orgid:", "4:")


def _answer(action: Answer, _: bool) -> Refused | None:
    return None if action.accepted == [ModalityType.AUDIO] else VIDEO


def _record(action: Record, _: bool) -> Refused | None:
    return WMA if action.recording_format is RecordingFormat.WMA else None


def _transfer(action: Transfer, teams_phone: bool) -> Refused | None:
    if action.replaces_context is not None:
        return CONSULT
    if not action.target.identity.startswith(_KNOWN):
        return MISSING_KIND
    return TEAMS_USER if teams_phone and action.target.identity.startswith("8:orgid:") else None


def _joins(action: AddParticipant | Redirect, teams_phone: bool) -> Refused | None:
    if teams_phone and action.target.identity.startswith("8:orgid:"):
        return CUT_USER
    return _member(action.target)


def _member(target: Participant | None) -> Refused | None:
    return None if target is None or target.identity.startswith(_KNOWN) else ACS_MEMBER


def _held(action: Mute | Unmute | Hold | Unhold, teams_phone: bool) -> Refused | None:
    if teams_phone:
        return CUT
    if isinstance(action, Unmute):
        return ACS_UNMUTE
    return ACS_SELF if isinstance(action, Mute) and action.target is None else _member(action.target)


def _keys(action: SendDtmf, _: bool) -> Refused | None:
    return None if action.target is None or action.target.identity.startswith("4:") else ACS_PHONE


_CHECKS: Final[dict[type[Action], Callable[..., Refused | None]]] = {
    Answer: _answer,
    Record: _record,
    Transfer: _transfer,
    PlaceCall: lambda *_: PLACING,
    AddParticipant: _joins,
    Redirect: _joins,
    RemoveParticipant: lambda action, _: _member(action.target),
    **dict.fromkeys((Mute, Unmute, Hold, Unhold), _held),
    SendDtmf: _keys,
    StartTones: lambda action, _: _member(action.target),
    StopTones: lambda action, _: _member(action.target),
    **dict.fromkeys((UpdateRecordingStatus, RecordMeeting), lambda *_: MEETING),
}


def refusal_of(action: Action, *, teams_phone: bool = False) -> str:
    """Why ACS does not do this action, a text of the table; empty when it does."""
    check = _CHECKS.get(type(action))
    refused = check(action, teams_phone) if check is not None else None
    return refused.text if refused is not None else ""


def _teams_recognize(action: Recognize) -> Refused | None:
    mute = [choice for choice in action.choices or () if not choice.dtmf_variation]
    return TEAMS_WORDS if mute else None


def _teams_transfer(action: Transfer) -> Refused | None:
    return None if action.target.identity.startswith(("8:orgid:", "4:")) else TEAMS_TARGET


def _teams_joins(action: AddParticipant | Redirect) -> Refused | None:
    return None if action.target.identity.startswith(("8:orgid:", "4:")) else TEAMS_MEMBER


_TEAMS_CHECKS: Final[dict[type[Action], Callable[..., Refused | None]]] = {
    Answer: lambda action: None if action.accepted == [ModalityType.AUDIO] else TEAMS_VIDEO,
    Recognize: _teams_recognize,
    Transfer: _teams_transfer,
    PlaceCall: lambda _: PLACING,
    AddParticipant: _teams_joins,
    Redirect: _teams_joins,
    Unmute: lambda action: None if action.target is None else TEAMS_UNMUTE,
    **dict.fromkeys((Hold, Unhold), lambda _: TEAMS_HOLD),
    **dict.fromkeys((StartTones, StopTones), lambda _: TEAMS_TONES),
    **dict.fromkeys((StartCaptions, StopCaptions), lambda _: TEAMS_CAPTIONS),
    **dict.fromkeys((StartRecording, PauseRecording, ResumeRecording, StopRecording), lambda _: TEAMS_RECORDING),
    **dict.fromkeys((AnswerAppHostedMedia, StartMedia, StopMedia), lambda _: TEAMS_MEDIA),
}


def refusal_on_teams(action: Action, *, speaks: bool = True) -> str:
    """Why Teams does not do this action, a text of the table; empty when it does.

    Without a speech service (`speaks`) it does no action with a text: it plays files only.
    """
    check = _TEAMS_CHECKS.get(type(action))
    refused = check(action) if check is not None else None
    if refused is None and not speaks and any(prompt.value and not prompt.file_uri for prompt in prompts_of(action)):
        refused = TEAMS_MUTE
    return refused.text if refused is not None else ""
