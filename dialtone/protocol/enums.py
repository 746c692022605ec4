"""Enumerations of the calling contract.

Written in exact camelCase, read case-insensitively; a value that is not known reads as the enumeration's
`UNKNOWN` member, as the API's versioning note asks ("handle new values by defaulting to NotUnderstood").
`OutcomeValue.UNKNOWN` is not a success: Microsoft's C# library reads it as one, which this kit does not copy.
"""

from enum import StrEnum
from typing import Final, Self


class ContractEnum(StrEnum):
    """A string enumeration that tolerates case and values it does not know."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        folded = value.casefold()
        for member in cls:
            if member.value.casefold() == folded:
                return member
        return cls("unknown")


class OutcomeValue(ContractEnum):
    """Result of an action. Anything but `SUCCESS` is no success."""

    SUCCESS = "success"
    FAILURE = "failure"
    UNKNOWN = "unknown"


class CallState(ContractEnum):
    """State of a call as the platform reports it."""

    UNKNOWN = "unknown"
    IDLE = "idle"
    INCOMING = "incoming"
    ESTABLISHING = "establishing"
    ESTABLISHED = "established"
    HOLD = "hold"
    UNHOLD = "unhold"
    TRANSFERRING = "transferring"
    REDIRECTING = "redirecting"
    TERMINATING = "terminating"
    TERMINATED = "terminated"


class ModalityType(ContractEnum):
    """What a call carries."""

    UNKNOWN = "unknown"
    AUDIO = "audio"
    VIDEO = "video"
    VIDEO_BASED_SCREEN_SHARING = "videoBasedScreenSharing"


class VoiceGender(ContractEnum):
    """Voice of text to speech; the platform's default is male."""

    UNKNOWN = "unknown"
    MALE = "male"
    FEMALE = "female"


class RecordingFormat(ContractEnum):
    """Encoding of a recording; the platform's default is wma."""

    UNKNOWN = "unknown"
    WMA = "wma"
    WAV = "wav"
    MP3 = "mp3"


AUDIO_TYPES: Final = {
    RecordingFormat.WAV: "audio/wav",
    RecordingFormat.WMA: "audio/x-ms-wma",
    RecordingFormat.MP3: "audio/mpeg",
}
"""Media type of a recording in each format (Microsoft's C# contract)."""


class SayAs(ContractEnum):
    """Pronunciation of a text prompt."""

    UNKNOWN = "unknown"
    YEAR_MONTH_DAY = "yearMonthDay"
    MONTH_DAY_YEAR = "monthDayYear"
    DAY_MONTH_YEAR = "dayMonthYear"
    YEAR_MONTH = "yearMonth"
    MONTH_YEAR = "monthYear"
    MONTH_DAY = "monthDay"
    DAY_MONTH = "dayMonth"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"
    CARDINAL = "cardinal"
    ORDINAL = "ordinal"
    LETTERS = "letters"
    TIME12 = "time12"
    TIME24 = "time24"
    TELEPHONE = "telephone"
    NAME = "name"
    PHONETIC_NAME = "phoneticName"


class RecordingCompletionReason(ContractEnum):
    """Why a recording ended."""

    UNKNOWN = "unknown"
    INITIAL_SILENCE_TIMEOUT = "initialSilenceTimeout"
    MAX_RECORDING_TIMEOUT = "maxRecordingTimeout"
    COMPLETED_SILENCE_DETECTED = "completedSilenceDetected"
    COMPLETED_STOP_TONE_DETECTED = "completedStopToneDetected"
    CALL_TERMINATED = "callTerminated"
    TEMPORARY_SYSTEM_FAILURE = "temporarySystemFailure"


class RecognitionCompletionReason(ContractEnum):
    """Why a choice recognition ended."""

    UNKNOWN = "unknown"
    INITIAL_SILENCE_TIMEOUT = "initialSilenceTimeout"
    INCORRECT_DTMF = "incorrectDtmf"
    INTERDIGIT_TIMEOUT = "interdigitTimeout"
    SPEECH_OPTION_MATCHED = "speechOptionMatched"
    DTMF_OPTION_MATCHED = "dtmfOptionMatched"
    CALL_TERMINATED = "callTerminated"
    TEMPORARY_SYSTEM_FAILURE = "temporarySystemFailure"


class DigitCollectionCompletionReason(ContractEnum):
    """Why a digit collection ended."""

    UNKNOWN = "unknown"
    INITIAL_SILENCE_TIMEOUT = "initialSilenceTimeout"
    INTERDIGIT_TIMEOUT = "interdigitTimeout"
    COMPLETED_STOP_TONE_DETECTED = "completedStopToneDetected"
    CALL_TERMINATED = "callTerminated"
    TEMPORARY_SYSTEM_FAILURE = "temporarySystemFailure"


class ContentSharingRole(ContractEnum):
    """Part that a participant has in screen sharing."""

    UNKNOWN = "unknown"
    NONE = "none"
    PRESENTER = "presenter"
    ATTENDEE = "attendee"


class ResolutionFormat(ContractEnum):
    """Largest picture that a video subscription asks for; the platform's default is sd360p."""

    UNKNOWN = "unknown"
    SD360P = "sd360p"
    SD540P = "sd540p"
    HD720P = "hd720p"
    HD1080P = "hd1080p"


class VideoSubscriptionMode(ContractEnum):
    """Who chooses the participant of a video subscription (its form of 2016)."""

    UNKNOWN = "unknown"
    MANUAL = "manual"
    AUTO = "auto"


class JoinCallCompletionReason(ContractEnum):
    """Why an attempt to join a call ended."""

    UNKNOWN = "unknown"
    COMPLETED = "completed"
    TEMPORARY_SYSTEM_FAILURE = "temporarySystemFailure"
    PERMANENT_FAILURE = "permanentFailure"
