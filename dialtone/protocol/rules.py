"""What a message of the calling contract may say, beyond its shape.

Conversation
  1. There is at least one participant, and no identity is blank.                      PARTICIPANTS_EMPTY
  2. A multiparty call has a threadId.                                                 THREAD_ID_REQUIRED
  3. At least one modality is presented.                                               MODALITIES_EMPTY

Workflow, in this order
  4. There is at least one action.                                                     ACTIONS_EMPTY
  5. A standalone action (reject) is the only one.                                     ACTION_NOT_ALONE
  6. Each action keeps its own rules (9 to 19).
  7. Ranks never fall: answer 1, then playPrompt, record, recognize, transfer 2, then hangup 3; only
     playPrompt may come more than once.                                               ACTION_ORDER, ACTION_DUPLICATE
  8. The callback is an absolute https address; appState has at most 1024 characters;
     a notification link needs subscriptions.                                          CALLBACK_*, APPSTATE_TOO_LONG

Actions
  9. The name is spelt exactly; the operationId is not blank.                          ACTION_NAME, OPERATION_ID_BLANK
 10. answer: modalities known, none twice, no screen sharing.                          MODALITY_*
 11. playPrompt: at least one prompt.                                                  PROMPTS_EMPTY
 12. Prompt: text, file or silence; not text and file; text up to 2048 characters, silence 0 to 60000 ms;
     culture en-US.                                                                    PROMPT_*
 13. record: up to 2 to 600 s, initial silence 1 to 30 s, later silence 0 to 30 s.     RECORD_*, INITIAL_SILENCE_RANGE
 14. recognize: initial silence 1 to 30 s, between digits 1 to 5 s.                    INTERDIGIT_RANGE
 15. recognize: choices or collectDigits, exactly one.                                 CHOICES_XOR_DIGITS
 16. choices: not empty; name not blank; a key or a word each; up to 5 words; no key or word twice. CHOICE_*
 17. collectDigits: a maximum of 1 to 20, or stop tones, or both.                      DIGITS_*
 18. Keys are one of 0-9 * # A B C D; a list of stop tones has 1 to 5 of them.         DTMF_*
 19. transfer: to a Skype user (8: or 29:) who is not the originator.                  TRANSFER_TARGET_*

Outcomes
 20. The id is not blank; appState echoed has at most 1024 characters.
 21. A successful record has a length above 0 s, a failed one has none.                RECORD_LENGTH_VS_OUTCOME
 22. A successful recognize has exactly one of choiceOutcome and collectDigitsOutcome, with the name or the
     digits. There is no limit of 5 digits (Microsoft's C# library has one by mistake). CHOICE_NAME_MISSING, ...

Notifications
 23. A roster has at least one participant.                                            PARTICIPANTS_EMPTY

Sources: the Skype Calling API document for what a member means; Microsoft's C# contract (BotBuilder-Calling) for
limits, ranks and checking order. Where the two differ the C# contract, which the platform itself used, decides: the
document's "Boolean" stopTones and "array of decimal" digits contradict its own samples. Every function raises
`ContractViolation` for the first rule that is broken and returns nothing.
"""

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from dialtone.protocol.actions import (
    Action,
    Answer,
    CollectDigits,
    PlayPrompt,
    Prompt,
    RecognitionOption,
    Recognize,
    Record,
    Transfer,
)
from dialtone.protocol.conversation import Conversation, ConversationResult
from dialtone.protocol.enums import ModalityType, RecordingFormat
from dialtone.protocol.notifications import Notification, RosterUpdate
from dialtone.protocol.outcomes import RecognizeOutcome, RecordOutcome
from dialtone.protocol.violation import ContractViolation
from dialtone.protocol.workflow import Workflow

APP_STATE_MAX: Final = 1024
PROMPT_TEXT_MAX: Final = 2048
PROMPT_SILENCE_MAX_MS: Final = 60_000
RECORD_DURATION_S: Final = (2, 600)
INITIAL_SILENCE_S: Final = (1, 30)
MAX_SILENCE_S: Final = (0, 30)
INTERDIGIT_S: Final = (1, 5)
DIGITS_MAX: Final = (1, 20)
STOP_TONES_MAX: Final = 5
WORDS_MAX: Final = 5
DTMF: Final = frozenset("0123456789*#ABCD")
CULTURE: Final = "en-US"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

RANKS: Final = {
    "reject": -2,
    "answer": 1,
    "playPrompt": 2,
    "record": 2,
    "recognize": 2,
    "transfer": 2,
    "hangup": 3,
}
STANDALONE: Final = frozenset({"reject"})
REPEATABLE: Final = frozenset({"playPrompt"})

# Defaults of members that are left out. maxSilenceTimeout: the document says 5, a remark in C# says 1;
# this kit always sends it.
RECORD_DURATION_DEFAULT_S: Final = 180
INITIAL_SILENCE_DEFAULT_S: Final = 5
MAX_SILENCE_DEFAULT_S: Final = 5
INTERDIGIT_DEFAULT_S: Final = 1
RECORDING_FORMAT_DEFAULT: Final = RecordingFormat.WMA


def check_conversation(conversation: Conversation) -> None:
    """Rules 1 to 3."""
    _not_blank(conversation.id, "id", "ID_BLANK")
    if not conversation.participants:
        raise ContractViolation(
            "PARTICIPANTS_EMPTY",
            "a call has at least one participant",
            field="participants",
            fix="name the caller",
        )
    for index, member in enumerate(conversation.participants):
        _not_blank(member.identity, f"participants.{index}.identity", "PARTICIPANT_BLANK")
    if conversation.is_multiparty and not (conversation.thread_id or "").strip():
        raise ContractViolation(
            "THREAD_ID_REQUIRED",
            "a multiparty call has a threadId",
            field="threadId",
            fix="add the thread's id",
        )
    if not conversation.presented_modality_types:
        raise ContractViolation(
            "MODALITIES_EMPTY",
            "at least one modality is presented",
            field="presentedModalityTypes",
            fix='send ["audio"]',
        )


def check_workflow(workflow: Workflow, *, loopback_http: bool = False) -> None:
    """Rules 4 to 19. With `loopback_http` a link may also be http to this machine, for a bot under development."""
    check_actions(workflow.actions)
    check_envelope(workflow, loopback_http=loopback_http)


def check_envelope(workflow: Workflow, *, loopback_http: bool = False) -> None:
    """Rule 8: what goes round the actions of a workflow."""
    links = workflow.links
    if links is not None:
        _link(links.callback, "CALLBACK", "links.callback", loopback_http)
        if links.notification is not None:
            _link(links.notification, "NOTIFICATION", "links.notification", loopback_http)
            if not workflow.notification_subscriptions:
                raise ContractViolation(
                    "NOTIFICATION_WITHOUT_SUBSCRIPTION",
                    "a notification link is only for workflows that subscribe",
                    field="links.notification",
                    fix="add notificationSubscriptions or leave the link out",
                )
    _app_state(workflow.app_state)


def check_actions(actions: list[Action]) -> None:
    """Rules 4 to 7 and what they name: the list of actions of a workflow."""
    if not actions:
        raise ContractViolation(
            "ACTIONS_EMPTY", "a workflow has at least one action", field="actions", fix="add an action"
        )
    alone = next((action for action in actions if action.action in STANDALONE), None)
    if alone is not None and len(actions) > 1:
        raise ContractViolation(
            "ACTION_NOT_ALONE",
            f"{alone.action} must be the only action",
            field=f"actions.{actions.index(alone)}",
            fix="send it in a workflow of its own",
        )
    rank = min(RANKS.values())
    seen: set[str] = set()
    for index, action in enumerate(actions):
        try:
            check_action(action)
        except ContractViolation as violation:
            raise violation.under(f"actions.{index}") from None
        if RANKS[action.action] < rank:
            raise ContractViolation(
                "ACTION_ORDER",
                f"{action.action} comes too late: answer is first, hangup is last",
                field=f"actions.{index}",
                fix="order the actions: answer, then prompts and questions, then hangup",
            )
        if action.action in seen and action.action not in REPEATABLE:
            raise ContractViolation(
                "ACTION_DUPLICATE",
                f"{action.action} may come only once in a workflow",
                field=f"actions.{index}",
                fix="send the second one in the next workflow",
            )
        rank = RANKS[action.action]
        seen.add(action.action)


def check_action(action: Action) -> None:
    """Rules 9 to 19: one action by itself."""
    if action.action != action.kind:
        raise ContractViolation(
            "ACTION_NAME",
            f"{action.action!r} is not spelt {action.kind!r}",
            field="action",
            fix="spell it exactly",
        )
    _not_blank(action.operation_id, "operationId", "OPERATION_ID_BLANK")
    check = _CHECKS.get(type(action))
    if check is not None:
        check(action)


def _answer(action: Answer) -> None:
    accepted = action.accepted
    for modality in accepted:
        if modality is ModalityType.UNKNOWN:
            raise ContractViolation(
                "MODALITY_UNKNOWN",
                "a modality is not known",
                field="acceptModalityTypes",
                fix="use audio or video",
            )
        if modality is ModalityType.VIDEO_BASED_SCREEN_SHARING:
            raise ContractViolation(
                "MODALITY_SCREENSHARE",
                "screen sharing cannot be accepted",
                field="acceptModalityTypes",
                fix="use audio or video",
            )
    _unique(accepted, "MODALITY_DUPLICATE", "acceptModalityTypes", "a modality is named twice")


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
    _range(action.max_duration_in_seconds, RECORD_DURATION_S, "RECORD_DURATION_RANGE", "maxDurationInSeconds")
    _initial_silence(action.initial_silence_timeout_in_seconds)
    _range(
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
        _tones(action.stop_tones)


def _recognize(action: Recognize) -> None:
    _nested_prompt(action.play_prompt)
    _initial_silence(action.initial_silence_timeout_in_seconds)
    _range(action.interdigit_timeout_in_seconds, INTERDIGIT_S, "INTERDIGIT_RANGE", "interdigitTimeoutInSeconds")
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
        _not_blank(choice.name, f"{at}.name", "CHOICE_NAME_BLANK")
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
            _not_blank(word, f"{at}.speechVariation", "CHOICE_SPEECH_BLANK")
        if choice.dtmf_variation is not None:
            _tone(choice.dtmf_variation, f"{at}.dtmfVariation")
    keys = [choice.dtmf_variation for choice in choices if choice.dtmf_variation is not None]
    _unique(keys, "CHOICE_DTMF_DUPLICATE", "choices", "two choices have the same key")
    words = [word for choice in choices for word in choice.speech_variation or []]
    _unique(words, "CHOICE_SPEECH_DUPLICATE", "choices", "two choices have the same word")


def _collect_digits(digits: CollectDigits) -> None:
    if digits.max_number_of_dtmfs is None and not digits.stop_tones:
        raise ContractViolation(
            "DIGITS_NO_LIMIT",
            "collectDigits needs a maximum or stop tones",
            field="collectDigits",
            fix="set maxNumberOfDtmfs or stopTones",
        )
    _range(digits.max_number_of_dtmfs, DIGITS_MAX, "DIGITS_MAX_RANGE", "collectDigits.maxNumberOfDtmfs")
    if digits.stop_tones:
        _tones(digits.stop_tones, "collectDigits.stopTones")


def _transfer(action: Transfer) -> None:
    if not action.target.identity.startswith(("8:", "29:")):
        raise ContractViolation(
            "TRANSFER_TARGET_KIND",
            "a call is transferred to a Skype user",
            field="target.identity",
            fix="use an identity that starts with 8: or 29:",
        )
    if action.target.originator:
        raise ContractViolation(
            "TRANSFER_TARGET_ORIGINATOR",
            "the target is not the originator",
            field="target.originator",
            fix="set it to false",
        )


_CHECKS: Final[dict[type[Action], Callable[..., None]]] = {
    Answer: _answer,
    PlayPrompt: _play_prompt,
    Record: _record,
    Recognize: _recognize,
    Transfer: _transfer,
}


def check_result(result: ConversationResult) -> None:
    """Rules 20 to 22."""
    _not_blank(result.id, "id", "ID_BLANK")
    _app_state(result.app_state)
    outcome = result.operation_outcome
    _not_blank(outcome.id, "operationOutcome.id", "OPERATION_ID_BLANK")
    if isinstance(outcome, RecordOutcome):
        if outcome.succeeded != (outcome.length_of_recording_in_secs > 0):
            raise ContractViolation(
                "RECORD_LENGTH_VS_OUTCOME",
                "a successful recording has a length above 0, a failed one has none",
                field="operationOutcome.lengthOfRecordingInSecs",
                fix="send the length that was recorded",
            )
    elif isinstance(outcome, RecognizeOutcome) and outcome.succeeded:
        _recognized(outcome)


def _recognized(outcome: RecognizeOutcome) -> None:
    choice, digits = outcome.choice_outcome, outcome.collect_digits_outcome
    if (choice is None) == (digits is None):
        raise ContractViolation(
            "CHOICE_XOR_DIGITS_OUTCOME",
            "a successful recognize has either choiceOutcome or collectDigitsOutcome",
            field="operationOutcome",
            fix="send exactly one of the two",
        )
    if choice is not None:
        _not_blank(choice.choice_name or "", "operationOutcome.choiceOutcome.choiceName", "CHOICE_NAME_MISSING")
    if digits is not None:
        _not_blank(digits.digits or "", "operationOutcome.collectDigitsOutcome.digits", "DIGITS_MISSING")


def check_notification(notification: Notification) -> None:
    """Rule 23."""
    _not_blank(notification.id, "id", "ID_BLANK")
    if isinstance(notification, RosterUpdate) and not notification.participants:
        raise ContractViolation(
            "PARTICIPANTS_EMPTY",
            "a roster has at least one participant",
            field="participants",
            fix="name them",
        )


def _nested_prompt(prompt: PlayPrompt | None) -> None:
    if prompt is not None:
        try:
            check_action(prompt)
        except ContractViolation as violation:
            raise violation.under("playPrompt") from None


def _initial_silence(value: float | None) -> None:
    _range(value, INITIAL_SILENCE_S, "INITIAL_SILENCE_RANGE", "initialSilenceTimeoutInSeconds")


def _range(value: float | None, limits: tuple[int, int], code: str, field: str) -> None:
    low, high = limits
    if value is not None and not low <= value <= high:
        raise ContractViolation(code, f"{value} is not {low} to {high}", field=field, fix=f"use {low} to {high}")


def _tones(tones: list[str], field: str = "stopTones") -> None:
    if len(tones) > STOP_TONES_MAX:
        raise ContractViolation(
            "DTMF_LIST_TOO_LONG",
            f"{len(tones)} stop tones, {STOP_TONES_MAX} are allowed",
            field=field,
            fix="remove some",
        )
    for tone in tones:
        _tone(tone, field)


def _tone(tone: str, field: str) -> None:
    if tone not in DTMF:
        raise ContractViolation("DTMF_INVALID", f"{tone!r} is not a key", field=field, fix="use one of 0-9 * # A B C D")


def _unique(values: Iterable[str], code: str, field: str, message: str) -> None:
    values = list(values)
    if len(set(values)) != len(values):
        raise ContractViolation(code, message, field=field, fix="name each once")


def _not_blank(value: str, field: str, code: str) -> None:
    if not value.strip():
        raise ContractViolation(code, f"{field} is blank", field=field, fix="send a value")


def _app_state(value: str | None) -> None:
    if value is not None and len(value) > APP_STATE_MAX:
        raise ContractViolation(
            "APPSTATE_TOO_LONG",
            f"appState has {len(value)} characters, {APP_STATE_MAX} are allowed",
            field="appState",
            fix="keep the rest elsewhere",
        )


def _link(uri: str, code: str, field: str, loopback_http: bool) -> None:
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        host = None
    if not host:
        raise ContractViolation(
            f"{code}_NOT_ABSOLUTE",
            "the link is not an absolute address",
            field=field,
            fix="send a full address",
        )
    if parts.scheme != "https" and not (loopback_http and parts.scheme == "http" and host in LOOPBACK):
        raise ContractViolation(f"{code}_NOT_HTTPS", "the link is not https", field=field, fix="use https")
