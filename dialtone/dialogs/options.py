"""What a bot says and waits for where a question does not say it itself."""

from dataclasses import dataclass
from typing import Final

from dialtone.dialogs.prompts import Prompt
from dialtone.protocol import (
    RecognitionCompletionReason,
    RecordingCompletionReason,
    RecordingFormat,
    VoiceGender,
    rules,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What is said before a question is asked again, by the reason why it was not answered.

    Operators replace them by their names, like any other prompt. The English texts are those of the Node calling SDK.
    """

    recognize_silence: Prompt = Prompt("notice-heard-nothing", "I couldn't hear anything.")
    invalid_dtmf: Prompt = Prompt("notice-wrong-key", "That's an invalid option.")
    invalid_recognize: Prompt = Prompt("notice-not-understood", "I'm sorry. I didn't understand.")
    record_silence: Prompt = Prompt("notice-heard-nothing", "I couldn't hear anything.")
    invalid_recording: Prompt = Prompt(
        "notice-recording-problem", "I'm sorry. There was a problem with your recording."
    )

    max_recording: Prompt = Prompt("notice-recording-too-long", "I'm sorry. Your message was too long.")
    """When the platform calls a recording of the longest duration a failure; usually it is a success."""

    def all(self) -> list[tuple[str, Prompt]]:
        """Each notice with the name of its field."""
        return [(name, getattr(self, name)) for name in self.__dataclass_fields__]

    def of_recognition(self, reason: str) -> Prompt:
        """The notice after a question that got no choice and no digits."""
        if reason == RecognitionCompletionReason.INITIAL_SILENCE_TIMEOUT:
            return self.recognize_silence
        return self.invalid_dtmf if reason == RecognitionCompletionReason.INCORRECT_DTMF else self.invalid_recognize

    def of_recording(self, reason: RecordingCompletionReason) -> Prompt:
        """The notice after a recording that failed."""
        if reason is RecordingCompletionReason.INITIAL_SILENCE_TIMEOUT:
            return self.record_silence
        too_long = reason is RecordingCompletionReason.MAX_RECORDING_TIMEOUT
        return self.max_recording if too_long else self.invalid_recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What the questions of a bot take where their call in the dialog does not say it.

    Times are in seconds. How far each may go is said where `Call` takes it, by `choose`, `digits` and `record`.
    """

    voice: VoiceGender | None = None
    """The voice of prompts that name none; None leaves it to the platform, whose default is male."""
    retries: int = 2
    """How often a question is asked again that was not answered."""
    initial_silence: float = rules.INITIAL_SILENCE_DEFAULT_S
    """How long the caller may say and press nothing after the prompt."""
    barge_in: bool = True
    """Whether a key, or speech where it may answer, cuts the prompt off."""
    interdigit: float = 3
    """How long `digits` waits for the next key; the Node SDK's default."""
    max_seconds: float = rules.RECORD_DURATION_DEFAULT_S
    """How long a recording may be."""
    max_silence: float = rules.MAX_SILENCE_DEFAULT_S
    """How much silence after speech ends a recording."""
    format: RecordingFormat = RecordingFormat.WAV
    """The format of recordings."""
    beep: bool = True
    """Whether a tone tells the caller that the recording begins."""


NOTICES: Final = Notices()
DEFAULTS: Final = Defaults()
