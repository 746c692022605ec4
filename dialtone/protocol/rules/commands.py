"""Rules 29 to 32: the kit's own actions. The rules are in `dialtone.protocol.rules`."""

import re
from typing import Final

from dialtone.protocol.actions import Action
from dialtone.protocol.commands import (
    COMMANDS,
    AddParticipant,
    PauseRecording,
    ResumeRecording,
    SendDtmf,
    StartRecording,
    StopRecording,
)
from dialtone.protocol.conversation import Participant
from dialtone.protocol.enums import RecordingFormat
from dialtone.protocol.rules.common import not_blank, tone, within
from dialtone.protocol.rules.limits import IDENTITY_KINDS, INVITATION_S, TONES_SENT_MAX
from dialtone.protocol.violation import ContractViolation

RANKS: Final = dict.fromkeys(COMMANDS, 2) | {"redirect": -2, "leave": 3}
"""Those of the kit's own actions, among the ranks of rule 7."""

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{3,14}", re.ASCII)


def check(action: Action) -> None:
    """Rules 29 to 32, as far as they are about this action."""
    if isinstance(target := getattr(action, "target", None), Participant):
        _target(target)
    match action:
        case AddParticipant(caller_id=str(number)) if not _NUMBER.fullmatch(number):
            raise ContractViolation(
                "CALLER_ID", "the number that is shown is no number", field="callerId", fix="write it as +15550100"
            )
        case AddParticipant():
            within(action.timeout_in_seconds, INVITATION_S, "INVITATION_RANGE", "timeoutInSeconds")
        case SendDtmf():
            _tones(action.tones)
        case StartRecording() if action.recording_format not in (RecordingFormat.WAV, RecordingFormat.MP3):
            raise ContractViolation(
                "CALL_RECORDING_FORMAT",
                f"a call is not recorded as {action.recording_format}",
                field="recordingFormat",
                fix="use wav or mp3",
            )
        case PauseRecording() | ResumeRecording() | StopRecording():
            not_blank(action.recording_id, "recordingId", "RECORDING_ID_BLANK")


def _target(target: Participant) -> None:
    """Rule 29."""
    kind, colon, name = target.identity.partition(":")
    if f"{kind}{colon}" not in IDENTITY_KINDS or not name.strip():
        raise ContractViolation(
            "PARTICIPANT_KIND",
            "this names nobody",
            field="target.identity",
            fix="write it as 4:+15550100 or 8:name",
        )


def _tones(keys: str) -> None:
    """Rule 31."""
    if not 1 <= len(keys) <= TONES_SENT_MAX:
        raise ContractViolation(
            "DTMF_COUNT",
            f"{len(keys)} keys, 1 to {TONES_SENT_MAX} can be sent at once",
            field="tones",
            fix="send them in several turns",
        )
    for key in keys:
        tone(key, "tones")
