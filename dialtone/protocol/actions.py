"""Actions: what a bot asks of the platform in a workflow. Limits and defaults are in `dialtone.protocol.rules`."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field, SerializeAsAny

from dialtone.protocol.conversation import Participant
from dialtone.protocol.enums import ModalityType, RecordingFormat, SayAs, VoiceGender
from dialtone.protocol.model import ContractModel, missing, rule_error

Seconds = int | float

RECORDING_SCHEME: Final = "recording:"
"""How the `file_uri` of a prompt begins that plays one of the bot's recordings, by its path. It never leaves: whoever
renders the workflow replaces it by a link.
"""


class Action(ContractModel):
    """One thing that the bot has the platform do in a call: the members that every action has.

    `action` is its name on the wire. `operation_id` is chosen by the bot and comes back as the id of the action's
    outcome.
    """

    kind: ClassVar[str] = ""

    operation_id: str
    action: str


class Answer(Action):
    """Accept the call; without modalities, for audio only."""

    kind = "answer"
    action: str = "answer"
    accept_modality_types: list[ModalityType] | None = None

    @property
    def accepted(self) -> list[ModalityType]:
        """The modalities that are accepted: an empty or absent list means audio."""
        return self.accept_modality_types or [ModalityType.AUDIO]


class Reject(Action):
    """Decline the call."""

    kind = "reject"
    action: str = "reject"


class Hangup(Action):
    """End the call."""

    kind = "hangup"
    action: str = "hangup"


class Prompt(ContractModel):
    """One thing to play: text (`value`), a WMA or WAV file (`file_uri`), or silence, which goes before either.

    `blob_name` and `blob_culture` are not on the wire: they name the prompt that an operator may have uploaded to be
    played instead of the text, and its language; whoever renders the workflow replaces it.
    """

    value: str | None = None
    file_uri: str | None = None
    voice: VoiceGender | None = None
    culture: str | None = None
    silence_length_in_milliseconds: int | None = None
    emphasize: bool | None = None
    say_as: SayAs | None = None
    blob_name: str | None = Field(default=None, exclude=True)
    blob_culture: str | None = Field(default=None, exclude=True)


class PlayPrompt(Action):
    """Play prompts, one after the other."""

    kind = "playPrompt"
    action: str = "playPrompt"
    prompts: list[Prompt]


def _says_what_it_is(value: Any) -> Any:
    if isinstance(value, dict) and value.get("action") is None:
        raise missing("action")
    return value


NestedPrompt = Annotated[PlayPrompt, BeforeValidator(_says_what_it_is)]
"""The prompt within another action: whole, with an operationId and an action of its own."""


class Record(Action):
    """Record the caller. The result comes as a multipart callback."""

    kind = "record"
    action: str = "record"
    play_prompt: NestedPrompt | None = None
    max_duration_in_seconds: Seconds | None = None
    initial_silence_timeout_in_seconds: Seconds | None = None
    max_silence_timeout_in_seconds: Seconds | None = None
    recording_format: RecordingFormat | None = None
    play_beep: bool | None = None
    stop_tones: list[str] | None = None


class RecognitionOption(ContractModel):
    """One choice: its name comes back when one of its words is spoken or its key is pressed."""

    name: str
    speech_variation: list[str] | None = None
    dtmf_variation: str | None = None


class CollectDigits(ContractModel):
    """Digits to collect: until the maximum, a stop tone (which is left out), or the interdigit time-out."""

    max_number_of_dtmfs: int | None = None
    stop_tones: list[str] | None = None


class Recognize(Action):
    """Wait for one of `choices`, or for the digits of `collect_digits`."""

    kind = "recognize"
    action: str = "recognize"
    play_prompt: NestedPrompt | None = None
    barge_in_allowed: bool | None = None
    culture: str | None = None
    initial_silence_timeout_in_seconds: Seconds | None = None
    interdigit_timeout_in_seconds: Seconds | None = None
    choices: list[RecognitionOption] | None = None
    collect_digits: CollectDigits | None = None


class Transfer(Action):
    """Hand the call over to `target`; consultative when `replaces_context` is present, else attended."""

    kind = "transfer"
    action: str = "transfer"
    target: Participant
    replaces_context: str | None = None


class PlaceCall(Action):
    """Ring `target`; without modalities, for audio only.

    It is in Microsoft's C# contract (its 2017 branch) with rules of its own and an outcome, but without a rank among
    the actions, so no workflow may have it (`rules.check_actions`).
    """

    kind = "placeCall"
    action: str = "placeCall"
    source: Participant
    target: Participant
    subject: str | None = None
    modality_types: list[ModalityType] | None = None
    app_id: str
    participant_leg_metadata: str | None = None


ACTIONS: Final[dict[str, type[Action]]] = {
    model.kind: model for model in (Answer, Reject, Hangup, PlayPrompt, Record, Recognize, Transfer, PlaceCall)
}


def reader(actions: Mapping[str, type[Action]]) -> Callable[[Any], Any]:
    """A validator that reads an action as the one of `actions` that its name says."""
    folded = {kind.casefold(): model for kind, model in actions.items()}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kind = value.get("action")
        if kind is None:
            raise missing("action")
        # The platform's chooser ignores case here; its validation then wants the exact name (rules.check_action).
        model = folded.get(kind.casefold()) if isinstance(kind, str) else None
        if model is None:
            names = ", ".join(actions)
            raise rule_error(
                "ACTION_UNSUPPORTED", "this action is not known", member="action", fix=f"use one of {names}"
            )
        return model.model_validate(value)

    return read


AnyAction = Annotated[SerializeAsAny[Action], BeforeValidator(reader(ACTIONS))]
