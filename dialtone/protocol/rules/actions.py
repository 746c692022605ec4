"""Rules 9 to 19 and 25 to 32: actions, each by itself. The rules are in `dialtone.protocol.rules`."""

from collections.abc import Callable
from typing import Final

from dialtone.protocol.actions import (
    Action,
    Answer,
    CollectDigits,
    PlaceCall,
    PlayPrompt,
    Prompt,
    RecognitionOption,
    Recognize,
    Record,
    Transfer,
)
from dialtone.protocol.commands import Hold, RecordMeeting
from dialtone.protocol.enums import RecordingFormat
from dialtone.protocol.media import AnswerAppHostedMedia, JoinCallAppHostedMedia, VideoSubscription
from dialtone.protocol.rules import commands, media
from dialtone.protocol.rules.common import modalities, not_blank, tone, tones, within
from dialtone.protocol.rules.limits import (
    CULTURE,
    DIGITS_MAX,
    INITIAL_SILENCE_S,
    INTERDIGIT_S,
    LEG_METADATA_MAX,
    MAX_SILENCE_S,
    PHONE_KIND,
    PROMPT_SILENCE_MAX_MS,
    PROMPT_TEXT_MAX,
    RECORD_DURATION_S,
    TRANSFER_KINDS,
    WORDS_MAX,
)
from dialtone.protocol.violation import ContractViolation


def check_action(action: Action) -> None:
    """Rules 9 to 19: one action by itself."""
    if action.action != action.kind:
        raise ContractViolation(
            "ACTION_NAME",
            f"{action.action!r} is not spelt {action.kind!r}",
            field="action",
            fix="spell it exactly",
        )
    not_blank(action.operation_id, "operationId", "OPERATION_ID_BLANK")
    check = _CHECKS.get(type(action), commands.check)
    check(action)


def _answer(action: Answer) -> None:
    modalities(action.accepted, "acceptModalityTypes")


def _play_prompt(action: PlayPrompt) -> None:
    if not action.prompts:
        raise ContractViolation(
            "PROMPTS_EMPTY", "playPrompt has at least one prompt", field="prompts", fix="add a text or a file"
        )
    for index, prompt in enumerate(action.prompts):
        try:
            check_prompt(prompt)
        except ContractViolation as violation:
            raise violation.under(f"prompts.{index}") from None


def check_prompt(prompt: Prompt) -> None:
    """Rule 12."""
    text = (prompt.value or "").strip()
    silence = prompt.silence_length_in_milliseconds
    if text and prompt.file_uri:
        raise ContractViolation(
            "PROMPT_TEXT_AND_FILE",
            "a prompt is a text or a file, not both",
            field="value",
            fix="make it two prompts",
        )
    if prompt.value is not None and len(prompt.value) > PROMPT_TEXT_MAX:
        raise ContractViolation(
            "PROMPT_TEXT_TOO_LONG",
            f"the text has {len(prompt.value)} characters, {PROMPT_TEXT_MAX} are allowed",
            field="value",
            fix="make it two prompts",
        )
    if silence is not None and not 0 <= silence <= PROMPT_SILENCE_MAX_MS:
        raise ContractViolation(
            "PROMPT_SILENCE_RANGE",
            f"silence is 0 to {PROMPT_SILENCE_MAX_MS} ms",
            field="silenceLengthInMilliseconds",
            fix="shorten it",
        )
    if not text and not prompt.file_uri and not silence:
        raise ContractViolation(
            "PROMPT_EMPTY", "a prompt has a text, a file or a silence", field="value", fix="add a text"
        )
    if prompt.culture is not None and prompt.culture.casefold() != CULTURE.casefold():
        raise ContractViolation("PROMPT_CULTURE", f"the only culture is {CULTURE}", field="culture", fix="leave it out")


def _record(action: Record) -> None:
    _nested_prompt(action.play_prompt)
    within(action.max_duration_in_seconds, RECORD_DURATION_S, "RECORD_DURATION_RANGE", "maxDurationInSeconds")
    _initial_silence(action.initial_silence_timeout_in_seconds)
    within(
        action.max_silence_timeout_in_seconds,
        MAX_SILENCE_S,
        "RECORD_SILENCE_RANGE",
        "maxSilenceTimeoutInSeconds",
    )
    if action.recording_format is RecordingFormat.UNKNOWN:
        raise ContractViolation(
            "RECORDING_FORMAT_UNKNOWN", "not a format", field="recordingFormat", fix="use wma, wav or mp3"
        )
    if action.stop_tones is not None:
        if not action.stop_tones:
            raise ContractViolation(
                "DTMF_LIST_EMPTY",
                "an empty list of stop tones is not allowed",
                field="stopTones",
                fix="leave it out",
            )
        tones(action.stop_tones)


def _recognize(action: Recognize) -> None:
    _nested_prompt(action.play_prompt)
    _initial_silence(action.initial_silence_timeout_in_seconds)
    within(action.interdigit_timeout_in_seconds, INTERDIGIT_S, "INTERDIGIT_RANGE", "interdigitTimeoutInSeconds")
    if action.culture is not None and action.culture.casefold() != CULTURE.casefold():
        raise ContractViolation(
            "RECOGNIZE_CULTURE", f"the only culture is {CULTURE}", field="culture", fix="leave it out"
        )
    if (action.choices is None) == (action.collect_digits is None):
        raise ContractViolation(
            "CHOICES_XOR_DIGITS",
            "recognize has either choices or collectDigits",
            field="choices",
            fix="send exactly one of the two",
        )
    if action.choices is not None:
        _choices(action.choices)
    if action.collect_digits is not None:
        _collect_digits(action.collect_digits)


def _choices(choices: list[RecognitionOption]) -> None:
    if not choices:
        raise ContractViolation("CHOICES_EMPTY", "there is no choice", field="choices", fix="add one")
    for index, choice in enumerate(choices):
        at = f"choices.{index}"
        not_blank(choice.name, f"{at}.name", "CHOICE_NAME_BLANK")
        words = choice.speech_variation or []
        if not words and choice.dtmf_variation is None:
            raise ContractViolation(
                "CHOICE_EMPTY",
                f"{choice.name!r} has neither a word nor a key",
                field=at,
                fix="add one of them",
            )
        if len(words) > WORDS_MAX:
            raise ContractViolation(
                "CHOICE_SPEECH_TOO_MANY",
                f"{choice.name!r} has {len(words)} words, {WORDS_MAX} are allowed",
                field=f"{at}.speechVariation",
                fix="remove some",
            )
        for word in words:
            not_blank(word, f"{at}.speechVariation", "CHOICE_SPEECH_BLANK")
        if choice.dtmf_variation is not None:
            tone(choice.dtmf_variation, f"{at}.dtmfVariation")
    keys = [(choice.dtmf_variation, choice.name) for choice in choices if choice.dtmf_variation is not None]
    _selects_one(keys, "CHOICE_DTMF_DUPLICATE", "key")
    spoken = [(word, choice.name) for choice in choices for word in choice.speech_variation or []]
    _selects_one(spoken, "CHOICE_SPEECH_DUPLICATE", "word")


def _selects_one(selectors: list[tuple[str, str]], code: str, what: str) -> None:
    """Each key, and each word, selects one choice."""
    names: dict[str, str] = {}
    for selector, name in selectors:
        if selector in names:
            raise ContractViolation(
                code,
                f"the {what} {selector!r} selects {names[selector]!r} and {name!r}",
                field="choices",
                fix=f"give each choice a {what} of its own",
            )
        names[selector] = name


def _collect_digits(digits: CollectDigits) -> None:
    if digits.max_number_of_dtmfs is None and not digits.stop_tones:
        raise ContractViolation(
            "DIGITS_NO_LIMIT",
            "collectDigits needs a maximum or stop tones",
            field="collectDigits",
            fix="set maxNumberOfDtmfs or stopTones",
        )
    within(digits.max_number_of_dtmfs, DIGITS_MAX, "DIGITS_MAX_RANGE", "collectDigits.maxNumberOfDtmfs")
    if digits.stop_tones:
        tones(digits.stop_tones, "collectDigits.stopTones")


def _transfer(action: Transfer) -> None:
    if not action.target.identity.startswith((*TRANSFER_KINDS, PHONE_KIND)):
        raise _transfer_kind()
    if action.target.originator:
        raise ContractViolation(
            "TRANSFER_TARGET_ORIGINATOR",
            "the target is not the originator",
            field="target.originator",
            fix="set it to false",
        )


def check_transfer(action: Transfer) -> None:
    """Rule 19 as the Skype platform has it: no telephone. Raises `ContractViolation`."""
    if action.target.identity.startswith(PHONE_KIND):
        raise _transfer_kind()


def _transfer_kind() -> ContractViolation:
    return ContractViolation(
        "TRANSFER_TARGET_KIND",
        "a call is transferred to a Skype user",
        field="target.identity",
        fix="use an identity that starts with 8: or 29:",
    )


def _place_call(action: PlaceCall) -> None:
    not_blank(action.source.identity, "source.identity", "PARTICIPANT_BLANK")
    not_blank(action.target.identity, "target.identity", "PARTICIPANT_BLANK")
    not_blank(action.app_id, "appId", "APP_ID_BLANK")
    modalities(action.modality_types or [], "modalityTypes")
    if action.participant_leg_metadata is not None and len(action.participant_leg_metadata) > LEG_METADATA_MAX:
        raise ContractViolation(
            "LEG_METADATA_TOO_LONG",
            f"it has {len(action.participant_leg_metadata)} characters, {LEG_METADATA_MAX} are allowed",
            field="participantLegMetadata",
            fix="send an id instead",
        )


def _hold(action: Hold) -> None:
    commands.check(action)
    _nested_prompt(action.play_prompt)


def _nested_prompt(prompt: PlayPrompt | None) -> None:
    if prompt is not None:
        try:
            check_action(prompt)
        except ContractViolation as violation:
            raise violation.under("playPrompt") from None


def _initial_silence(value: float | None) -> None:
    within(value, INITIAL_SILENCE_S, "INITIAL_SILENCE_RANGE", "initialSilenceTimeoutInSeconds")


_CHECKS: Final[dict[type[Action], Callable[..., None]]] = {
    Answer: _answer,
    PlayPrompt: _play_prompt,
    Record: _record,
    RecordMeeting: _record,
    Recognize: _recognize,
    Transfer: _transfer,
    PlaceCall: _place_call,
    Hold: _hold,
    AnswerAppHostedMedia: media.answer,
    JoinCallAppHostedMedia: media.join,
    VideoSubscription: media.subscription,
}
