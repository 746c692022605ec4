"""What a message of the calling contract may say, beyond its shape.

In brackets, who says so: D the Skype Calling API document, C Microsoft's C# contract (BotBuilder-Calling), R its
BotBuilder-RealTimeMediaCalling, K this kit. Where D and C differ C decides, since the platform itself used it: the
document's "Boolean" stopTones and "array of decimal" digits contradict its own samples.

Conversation
  1. There is at least one participant, and no identity is blank. [D C]                PARTICIPANTS_EMPTY
  2. A multiparty call has a threadId. [C]                                             THREAD_ID_REQUIRED
  3. At least one modality is presented. [D C]                                         MODALITIES_EMPTY

Workflow, in this order [C]
  4. There is at least one action. [D C]                                               ACTIONS_EMPTY
  5. A standalone action (reject) is the only one. [C]                                 ACTION_NOT_ALONE
  6. Each action keeps its own rules (9 to 19); all do before their order is looked at.
  7. Ranks never fall: answer 1, then playPrompt, record, recognize, transfer 2, then hangup 3; an action without a
     rank (placeCall) cannot be in a workflow; only playPrompt may come more than once, since 2017. [C]
                                                            ACTION_ORDER, ACTION_WITHOUT_RANK, ACTION_DUPLICATE
  8. The callback is an absolute https address [C since 2017; K lets a bot under development have http to its own
     machine]; appState has at most 1024 characters [D C]; a notification link needs subscriptions [R].
                                                            CALLBACK_*, NOTIFICATION_*, APPSTATE_TOO_LONG

Actions
  9. The name is spelt exactly; the operationId is not blank. [C]                      ACTION_NAME, OPERATION_ID_BLANK
 10. answer: modalities known, none twice, no screen sharing. [C]                      MODALITY_*
 11. playPrompt: at least one prompt. [D C]                                            PROMPTS_EMPTY
 12. Prompt: text, file or silence; not text and file [D C]; text up to 2048 characters, silence 0 to 60000 ms [C];
     culture en-US [D].                                                                PROMPT_*
 13. record: up to 2 to 600 s, initial silence 1 to 30 s, later silence 0 to 30 s. [C] RECORD_*, INITIAL_SILENCE_RANGE
 14. recognize: initial silence 1 to 30 s, between digits 1 to 5 s. [C]                INTERDIGIT_RANGE
 15. recognize: choices or collectDigits, exactly one. [D C]                           CHOICES_XOR_DIGITS
 16. choices: not empty; name not blank; a key or a word each; up to 5 words; no key or word twice. [C]
                                                            CHOICE_*
 17. collectDigits: a maximum of 1 to 20, or stop tones, or both. [C]                  DIGITS_*
 18. Keys are one of 0-9 * # A B C D; a list of stop tones has 1 to 5 of them. [C]     DTMF_*
 19. transfer: to a Skype user (8: or 29:) who is not the originator. [C 2017]         TRANSFER_TARGET_*

Outcomes
 20. The id is not blank [C]; an appState has at most 1024 characters, whatever it comes with [D C].
                                                            OPERATION_ID_BLANK, APPSTATE_TOO_LONG
 21. A successful record has a length above 0 s, a failed one has none. [C]            RECORD_LENGTH_VS_OUTCOME
 22. A successful recognize has exactly one of choiceOutcome and collectDigitsOutcome, with the name or the
     digits. [C] There is no limit of 5 digits (C has one by mistake). [K]             CHOICE_NAME_MISSING, ...

Notifications
 23. A roster has at least one participant, each with an identity and a direction. [R] PARTICIPANTS_EMPTY, ..._BLANK

Bots with media of their own [R], and calls that a bot places [C 2017]
 24. The first workflow is one action alone; after the media answer has succeeded a workflow has none.
                                                            ACTIONS_EMPTY, ACTION_NOT_ALONE, ACTIONS_NOT_EMPTY
 25. mediaConfiguration has at most 1024 characters as indented JSON.                  MEDIA_CONFIG_TOO_LONG
 26. A call is joined by a joinToken or a meetingInfo.                                 JOIN_TOKEN_*
 27. videoSubscription: socket 0 to 9, of a participant, for video or a shared screen. VIDEO_*, PARTICIPANT_BLANK
 28. placeCall: source, target and appId are not blank, the modalities as in 10, participantLegMetadata has at most
     1024 characters; its success names a modality.         PARTICIPANT_BLANK, APP_ID_BLANK, LEG_METADATA_TOO_LONG

The kit's own actions (`dialtone.protocol.commands`), by what Azure Communication Services takes [K]. Their ranks are 2,
redirect's that of reject, alone as it is, and leave's that of hangup.
 29. Who an action is about is named by a kind (4:, 8:, 28:, 29:) and a name. [K]      PARTICIPANT_KIND
 30. addParticipant: rings for 1 to 180 s; the number that is shown is E.164. [K]      INVITATION_RANGE, CALLER_ID
 31. sendDtmf: 1 to 18 keys, as in 18. [K]                                             DTMF_COUNT, DTMF_INVALID
 32. startRecording: as wav or mp3; the others name a recording. recordMeeting: as record, 13. [K]
                                                            CALL_RECORDING_FORMAT, RECORDING_ID_BLANK

Every function raises `ContractViolation` for the first rule that is broken and returns nothing.
"""

from dialtone.protocol.rules.actions import check_action, check_prompt
from dialtone.protocol.rules.limits import (
    APP_STATE_MAX,
    CULTURE,
    DIGITS_MAX,
    DTMF,
    IDENTITY_KINDS,
    INITIAL_SILENCE_DEFAULT_S,
    INITIAL_SILENCE_S,
    INTERDIGIT_DEFAULT_S,
    INTERDIGIT_S,
    INVITATION_S,
    LEG_METADATA_MAX,
    LOOPBACK,
    MAX_SILENCE_DEFAULT_S,
    MAX_SILENCE_S,
    MEDIA_CONFIGURATION_MAX,
    PHONE_KIND,
    PLAYED_FILE_BYTES,
    PROMPT_SILENCE_MAX_MS,
    PROMPT_TEXT_MAX,
    RANKS,
    RECORD_DURATION_DEFAULT_S,
    RECORD_DURATION_S,
    RECORDING_FORMAT_DEFAULT,
    REPEATABLE,
    STANDALONE,
    STOP_TONES_MAX,
    TONES_SENT_MAX,
    TRANSFER_KINDS,
    VIDEO_SOCKETS,
    WORDS_MAX,
)
from dialtone.protocol.rules.messages import check_conversation, check_notification, check_result
from dialtone.protocol.rules.workflow import check_actions, check_envelope, check_media_workflow, check_workflow

__all__ = [
    "APP_STATE_MAX",
    "CULTURE",
    "DIGITS_MAX",
    "DTMF",
    "IDENTITY_KINDS",
    "INITIAL_SILENCE_DEFAULT_S",
    "INITIAL_SILENCE_S",
    "INTERDIGIT_DEFAULT_S",
    "INTERDIGIT_S",
    "INVITATION_S",
    "LEG_METADATA_MAX",
    "LOOPBACK",
    "MAX_SILENCE_DEFAULT_S",
    "MAX_SILENCE_S",
    "MEDIA_CONFIGURATION_MAX",
    "PHONE_KIND",
    "PLAYED_FILE_BYTES",
    "PROMPT_SILENCE_MAX_MS",
    "PROMPT_TEXT_MAX",
    "RANKS",
    "RECORDING_FORMAT_DEFAULT",
    "RECORD_DURATION_DEFAULT_S",
    "RECORD_DURATION_S",
    "REPEATABLE",
    "STANDALONE",
    "STOP_TONES_MAX",
    "TONES_SENT_MAX",
    "TRANSFER_KINDS",
    "VIDEO_SOCKETS",
    "WORDS_MAX",
    "check_action",
    "check_actions",
    "check_conversation",
    "check_envelope",
    "check_media_workflow",
    "check_notification",
    "check_prompt",
    "check_result",
    "check_workflow",
]
