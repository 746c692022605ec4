"""A workflow as steps for Teams; `teams_outcomes` says what becomes of each.

Graph plays files, records up to two minutes, and tells which keys are pressed. All else is made of these:

 1. answer is the answer, then a subscription to keys. A call that is answered is established by a notice. One that the
    bot has placed begins with the subscription.
 2. A question is its prompt, then files of silence that are its time-outs. Each key cuts the silence off and begins
    another, as long as the time between two keys and LATE_S; a silence that ends is a time-out. A prompt is cut off by
    a key when that is allowed; otherwise keys that come during it are lost. Operations are queued by Graph, so each
    cut is a command of its own, and one that ends the question clears the way for what is played next.
 3. The steps of a question are laid out for as many keys as it takes; which comes next is said by how many came:
    `prompt… wait0 (cut1 wait1) (cut2 wait2) … end`.
 4. Choices are made by their keys; words are not heard. A stop tone is no part of the digits. The maximum is reported
    as interdigitTimeout, the contract having no reason for it, as on the other channels.
 5. record is the prompt, the status of the recording (which Graph's terms want to succeed before anything is kept), the
    recording, and the status again. It is WAV, two minutes at most.
 6. A recording is not cut off by the end of the call that a notice reports: its operation may be on its way. A
    transfer is over with the call: sub-code 7015 says that it went well.
 7. What the channel cannot do is a step without a command, which fails with the text of the table in `capabilities`.
 8. An operation whose reply says that it is completed or failed has no notice.
 9. A piece of a meeting's recording is the recording, and that it goes on said once more: the status was set before the
    first piece, and is taken back after the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from dialtone.channels import teams
from dialtone.channels.capabilities import refusal_on_teams
from dialtone.channels.skype import prompts_of as prompts_of_action
from dialtone.channels.stepper import Step, context_of
from dialtone.channels.teams_commands import (
    PROMPTS_MAX,
    RECORD_S,
    Setup,
    answer,
    compact,
    invitation,
    prompts_of,
    redirect,
    silence,
)
from dialtone.protocol import (
    Action,
    AddParticipant,
    Answer,
    AnswerAppHostedMedia,
    Hangup,
    Mute,
    Participant,
    PlayPrompt,
    Prompt,
    Recognize,
    Record,
    RecordMeeting,
    Redirect,
    Reject,
    RemoveParticipant,
    SendDtmf,
    Transfer,
    Unmute,
    UpdateRecordingStatus,
    rules,
)

LATE_S: Final = 1.0
"""Seconds that a key has on top of the time between two: they are counted between notices, and one may be late."""

TONE_NAMES: Final = {key: name for name, key in teams.TONES.items()}

STREAM: Final = "Teams hosts the media of a call itself here; answer without media, or on acs"
_STATUS: Final = "updateRecordingStatusOperation"
_NO_CONTEXT: Final = frozenset({"answer", "reject", "redirect", "hangUp", "removeParticipant"})

Role = Literal["", "prompt", "wait", "cut", "end", "status", "record", "off"]
"""What a step is to a question (rules 2 and 3) or to a recording (rule 5)."""


@dataclass(frozen=True, slots=True)
class TeamsStep(Step):
    """A command; `member` is the identity of whose participant's id is in its path.

    Of a question: `count` keys have come when it is sent, `first` is the position of its first wait,
    `listens` that from which on its keys count, and `most` how many it takes.
    """

    role: Role = ""
    count: int = 0
    first: int = 0
    listens: int = 0
    most: int = 0
    member: str = ""

    @property
    def is_listening(self) -> bool:
        """Whether keys may move on from here."""
        return self.role in ("prompt", "wait")

    @property
    def behind(self) -> int:
        """The position behind its question."""
        return self.first + 2 * self.most


@dataclass(slots=True)
class _Maker:
    """Makes the steps of a workflow."""

    setup: Setup
    sequence: int
    number: int = 0
    made: list[TeamsStep] = field(default_factory=list)

    def add(
        self,
        action: Action,
        operation: str,
        ends_with: str = "",
        body: Mapping[str, Any] | None = None,
        **question: Any,
    ) -> None:
        """Add a command with its context; those of a call that is not established, and its end, take none."""
        whole = {**(body or {}), "clientContext": context_of(self.sequence, len(self.made))}
        content = whole if operation not in _NO_CONTEXT else body
        events = frozenset({ends_with}) if ends_with else frozenset()
        self.made.append(TeamsStep(action, operation, content, events, **question))

    def files(self, prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
        """The files of the prompts of the action that is being made."""
        return prompts_of(prompts, self.setup, f"{self.sequence}-{self.number}")

    def play(self, action: Action, files: Sequence[Mapping[str, Any]], **question: Any) -> None:
        """Play files, as many to a command as it takes."""
        for start in range(0, len(files), PROMPTS_MAX):
            body = {"prompts": list(files[start : start + PROMPTS_MAX])}
            self.add(action, "playPrompt", "playPromptOperation", body, **question)


def refused_of(actions: Sequence[Action], *, hosted: bool) -> tuple[Action, str] | None:
    """A media answer: it would be of a platform for media on Windows. All else is refused by its step, if it is."""
    return next(((action, STREAM) for action in actions if isinstance(action, AnswerAppHostedMedia)), None)


def steps_of(actions: Sequence[Action], sequence: int, setup: Setup) -> list[TeamsStep]:
    """The steps of a workflow, the same each time that they are made."""
    maker = _Maker(setup, sequence)
    if sequence == 0 and actions and not isinstance(actions[0], Answer | Reject | Redirect):
        # The bot placed the call, so nothing has answered it and asked for keys.
        maker.add(actions[0], "subscribeToTone", "subscribeToToneOperation")
    for number, action in enumerate(actions):
        maker.number = number
        refused = refusal_on_teams(action, speaks=bool(setup.spoken))
        if refused:
            maker.made.append(TeamsStep(action, "", refusal=refused))
        elif isinstance(action, Answer):
            _answer(maker, action, actions)
        else:
            _add(maker, action)
    return maker.made


def _answer(maker: _Maker, action: Answer, actions: Sequence[Action]) -> None:
    """Rule 1. What is going to be played first is fetched meanwhile."""
    files = []
    for number, other in enumerate(actions):
        maker.number = number
        files += maker.files(prompts_of_action(other))
    maker.add(action, "answer", "established", answer(maker.setup, files))
    maker.add(action, "subscribeToTone", "subscribeToToneOperation")


def _add(maker: _Maker, action: Action) -> None:
    match action:
        case Reject():
            maker.add(action, "reject", "", {"reason": "busy"})
        case Hangup():
            maker.add(action, "hangUp", "terminated")
        case PlayPrompt():
            maker.play(action, maker.files(action.prompts))
        case Recognize():
            _recognize(maker, action)
        case RecordMeeting():
            _record_meeting(maker, action)
        case Record():
            _record(maker, action)
        case UpdateRecordingStatus():
            maker.add(action, "updateRecordingStatus", _STATUS, {"status": action.status})
        case RemoveParticipant():
            maker.add(action, "removeParticipant", member=action.target.identity)
        case Mute(target=Participant(identity=identity)):
            maker.add(action, "muteParticipant", "muteParticipantOperation", member=identity)
        case Transfer():
            target = invitation(action.target.identity, action.replaces_context)
            maker.add(action, "transfer", "terminated", {"transferTarget": target})
        case Redirect():
            maker.add(action, "redirect", "", redirect([action.target.identity]))
        case AddParticipant():
            body = {"participants": [invitation(action.target.identity)]}
            maker.add(action, "invite", "inviteParticipantsOperation", body)
        case Mute() | Unmute():
            maker.add(action, action.kind, f"{action.kind}ParticipantOperation")
        case SendDtmf():
            names = [TONE_NAMES[key] for key in action.tones]
            maker.add(action, "sendDtmfTones", "sendDtmfTonesOperation", {"tones": names})
        case _:
            maker.made.append(TeamsStep(action, "", refusal=f"Teams does nothing for {action.action}"))


def _recognize(maker: _Maker, action: Recognize) -> None:
    """Rules 2 and 3."""
    files = maker.files(prompts_of_action(action))
    began = len(maker.made)
    first = began + -(-len(files) // PROMPTS_MAX)
    most = 1
    if action.collect_digits is not None:
        most = action.collect_digits.max_number_of_dtmfs or rules.DIGITS_MAX[1]
    question: dict[str, Any] = {
        "first": first,
        "listens": first if action.barge_in_allowed is False else began,
        "most": most,
    }
    maker.play(action, files, role="prompt", **question)
    initial = _or(action.initial_silence_timeout_in_seconds, rules.INITIAL_SILENCE_DEFAULT_S)
    between = _or(action.interdigit_timeout_in_seconds, rules.INTERDIGIT_DEFAULT_S)
    cancelled = "cancelMediaProcessingOperation"
    maker.play(action, [silence(maker.setup, initial)], role="wait", **question)
    for count in range(1, most):
        maker.add(action, "cancelMediaProcessing", cancelled, role="cut", count=count, **question)
        maker.play(action, [silence(maker.setup, between + LATE_S)], role="wait", count=count, **question)
    maker.add(action, "cancelMediaProcessing", cancelled, role="end", count=most, **question)


def _record(maker: _Maker, action: Record) -> None:
    """Rule 5."""
    maker.play(action, maker.files(prompts_of_action(action)))
    maker.add(action, "updateRecordingStatus", _STATUS, {"status": "recording"}, role="status")
    _record_response(maker, action)
    maker.add(action, "updateRecordingStatus", _STATUS, {"status": "notRecording"}, role="off")


def _record_meeting(maker: _Maker, action: RecordMeeting) -> None:
    """Rule 9."""
    maker.play(action, maker.files(prompts_of_action(action)))
    _record_response(maker, action)
    maker.add(action, "updateRecordingStatus", _STATUS, {"status": "recording"}, role="off")


def _record_response(maker: _Maker, action: Record) -> None:
    body = compact(
        bargeInAllowed=False,
        initialSilenceTimeoutInSeconds=_whole(
            _or(action.initial_silence_timeout_in_seconds, rules.INITIAL_SILENCE_DEFAULT_S)
        ),
        maxSilenceTimeoutInSeconds=_whole(_or(action.max_silence_timeout_in_seconds, rules.MAX_SILENCE_DEFAULT_S)),
        maxRecordDurationInSeconds=_whole(_or(action.max_duration_in_seconds, rules.RECORD_DURATION_DEFAULT_S)),
        playBeep=action.play_beep is not False,
        stopTones=action.stop_tones or None,
    )
    maker.add(action, "recordResponse", "recordOperation", body, role="record")


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _whole(seconds: float) -> int:
    """Whole seconds, not fewer than were asked for, as far as Graph takes them."""
    least, most = RECORD_S
    return min(most, max(least, -int(-seconds // 1)))
