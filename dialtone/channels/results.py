"""What result codes mean on ACS and on Teams: those of an event, a notice, the error body of a refused command.

Azure Communication Services and Microsoft Graph stand before the same calling service: their sub-codes are the same,
and so is the form of their error bodies. One table and one `Result` serve both channels.

1. Codes are told apart by their number, never by their message.
2. `reason` is a word for code to branch on; `cause` and `check` are for whoever reads a log or an outcome.
3. A sub-code that is not in the table has the reason `unknown`, and its numbers are kept.

Sources: Azure Communication Services, "Troubleshooting response codes" (Call Automation, call end); the play and
recognize how-to guides. The guides put 8532 under completed and under failed: both are read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from dialtone.protocol import Action, CommandOutcome, Outcome, failed_outcome


class Meaning(NamedTuple):
    """What a sub-code means, and what to look at. `retryable` says whether asking again may help."""

    reason: str
    cause: str
    check: str = ""
    retryable: bool = False


_UNKNOWN: Final = Meaning("unknown", "the platform gives no cause that is known", "the sub-code in Microsoft's list")
_RACE: Final = "nothing: the call ended while the command was on its way"
_NOT_SET_UP: Final = Meaning(
    "not_set_up", "the command needs what was not given when the call was answered", "DIALTONE_ACS_SPEECH"
)
_KEY: Final = "DIALTONE_ACS_KEY, on Teams the permissions of the app"
_ACCESS: Final = Meaning("access", "the identity or the token of the request is not accepted", _KEY)
_INTERNAL: Final = Meaning("internal", "the platform itself failed", "the correlation id, with Microsoft's support")
_SPEECH: Final = "the link between the ACS resource and the AI services resource"

MEANINGS: Final[Mapping[int, Meaning]] = {
    0: Meaning("success", "it went well"),
    8500: Meaning("invalid_media_mode", "the call's media is in use in another way", "what else runs in the call"),
    8501: Meaning("not_established", "the call is not established", _RACE),
    8508: Meaning("canceled", "the operation was cancelled"),
    8509: Meaning("max_silence", "the caller was silent for too long", retryable=True),
    8510: Meaning("initial_silence", "the caller said and pressed nothing", retryable=True),
    8511: Meaning("prompt_failed", "the prompt of the recognition could not be played", "the prompt's address"),
    8512: Meaning("beep_failed", "the beep could not be played"),
    8513: Meaning("media_timeout", "no sound came from the caller", retryable=True),
    8514: Meaning("stop_tone", "a stop tone was pressed"),
    8515: Meaning("max_recording", "the longest duration was reached"),
    8516: Meaning("throttled", "too many calls at once", "the quota of the resource", retryable=True),
    8519: Meaning("conflict", "another operation changes the same thing", retryable=True),
    8520: Meaning("not_supported", "this kind of call cannot do it", "docs/reference/channels.md"),
    8522: Meaning("not_found", "the call, or what in it the command is about, is not there", "whether it has ended"),
    8523: Meaning("invalid_argument", "an argument is not valid", "the message of the platform"),
    8528: Meaning("terminated", "the call is over", _RACE),
    8529: Meaning("monthly_limit", "the calls of this month are used up", "the quota of the resource"),
    8530: Meaning("active_limit", "too many calls are active", "the quota of the resource", retryable=True),
    8531: Meaning("max_digits", "as many keys as wanted were pressed"),
    8532: Meaning("inter_digit_timeout", "no further key was pressed in time", retryable=True),
    8533: Meaning("dtmf_option_matched", "the key of a choice was pressed"),
    8534: Meaning("incorrect_tone", "a key that is no choice's was pressed", retryable=True),
    8535: Meaning("invalid_format", "the file is no WAV or MP3 of a form that is played", "WAV, 16 kHz, 16 bit, mono"),
    8536: Meaning("download_failed", "the file could not be fetched", "whether the internet can reach its address"),
    8537: Meaning("keep_alive", "the call was not kept alive"),
    8538: Meaning("declined", "whoever was called declined"),
    8539: Meaning("busy", "whoever was called is busy", retryable=True),
    8540: Meaning("busy_everywhere", "whoever was called is busy everywhere", retryable=True),
    8541: Meaning("unavailable", "whoever was called cannot be reached now", retryable=True),
    8542: Meaning("call_canceled", "the call was cancelled"),
    8543: Meaning("no_such_call", "the call does not exist"),
    8544: Meaning("unreachable", "whoever was called cannot be reached", "the number, or the user's id"),
    8545: Meaning("speech_option_matched", "a word of a choice was said"),
    8547: Meaning("speech_not_matched", "what was said is no choice's", retryable=True),
    8553: Meaning("recording_duplicate", "this recording runs already"),
    8559: Meaning("recording_running", "the call is being recorded already"),
    8563: Meaning("speech_not_recognized", "what was said was not understood", retryable=True),
    8564: Meaning("speech_unreachable", "the speech service did not answer", _SPEECH, retryable=True),
    8565: Meaning("speech_failed", "the speech service refused", _SPEECH),
    8567: Meaning("speech_principal", "the ACS resource may not use the AI services resource", _SPEECH),
    8568: Meaning("speech_identity", "the managed identity of the ACS resource failed", _SPEECH),
    8569: Meaning("speech_recognized", "speech was understood"),
    8570: Meaning("speech_error", "the speech service failed", retryable=True),
    8571: Meaning("recording_conflict", "another operation changes the recording", retryable=True),
    8572: Meaning("play_shutdown", "the playing service went down", retryable=True),
    8578: Meaning("transcription_failed", "the transcription failed", "the address of its stream", retryable=True),
    8579: Meaning("transcription_canceled", "the transcription was cancelled"),
    8580: Meaning("transcription_shutdown", "the transcription service went down", retryable=True),
    8581: Meaning("stream_url", "the address of the media stream is not valid", "that it is wss"),
    8582: Meaning("empty_text", "a text to play is empty"),
    8583: Meaning("incompatible", "another media operation excludes this one", "what else runs in the call"),
    8585: Meaning("invalid_state", "the call is in a state that does not allow it", _RACE),
    8586: Meaning("not_acknowledged", "the bot did not take the event of the call in time"),
    8587: Meaning("not_answered", "the call was not answered within 30 seconds", "the cold start of the functions"),
    8589: Meaning("recording_throttled", "too many recordings at once", retryable=True),
    8603: Meaning("stream_failed", "the media stream could not be opened", "whether the media worker can be reached"),
    8604: Meaning("stream_canceled", "the media stream was cancelled"),
    8605: Meaning("speech_model", "a custom speech model is not supported here", "the model of the transcription"),
    8609: Meaning("invalid_join", "the bot's reply to the invitation is not valid", "the log of the functions"),
    8610: Meaning("no_reply", "the bot did not reply to a notification in time", "the cold start of the functions"),
    **dict.fromkeys((7500, 7501, 7502), _ACCESS),
    7504: Meaning("no_permission", "the resource may not do it", "the permissions of the resource"),
    7507: Meaning("source_identity", "the call belongs to another resource", "that the key is that resource's own"),
    7509: Meaning("signature", "the signature of the request is wrong", "DIALTONE_ACS_KEY"),
    9001: Meaning("service_unknown", "a service beneath the platform failed", retryable=True),
    9002: Meaning("service_timeout", "a service beneath the platform took too long", retryable=True),
    9003: Meaning("service_canceled", "a service beneath the platform broke off", retryable=True),
    9998: _INTERNAL,
    9999: _INTERNAL,
}
"""By sub-code. 8522 with the code 405 means a missing set-up, such as no address of AI services."""

NOT_FOUND: Final = 8522
ENDINGS: Final[Mapping[tuple[int, int], Meaning]] = {
    (0, 5300): Meaning("removed", "the participant was removed from the call"),
    (0, 7000): Meaning("ended_by_bot", "the bot ended the call"),
    (0, 560_000): Meaning("remote_hang_up", "the telephone hung up"),
    (410, 301_005): Meaning("media_lost", "no sound came through any more", "the caller's network"),
    (480, 10_037): Meaning("no_endpoint", "whoever was called is signed in nowhere", "the user's id", retryable=True),
    (486, 560_486): Meaning("busy", "the telephone is busy", retryable=True),
    (487, 0): Meaning("caller_canceled", "the caller gave up before the call was answered"),
    (487, 10_004): Meaning("ring_timeout", "nobody answered in time", retryable=True),
    (603, 0): Meaning("declined", "whoever was called declined"),
}
"""How a call, or a part of one, ended: by code and sub-code, which mean nothing by themselves."""

LOOP: Final = 508
"""The code of a refusal of the kit's own: a redirect that would come back. HTTP's "Loop Detected"."""
_LOOP: Final = Meaning("loop", "the call has rung there before, and would come back", "the redirects of all bots")

GONE: Final = frozenset({8501, 8522, 8528, 8585})
"""Sub-codes of a command that the end of its call overtook; 8522 only with the code 404."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result as ACS or Microsoft Graph gives it: how a command, or a part of a call, ended.

    `code` is like an HTTP status, below 400 when it went well. `sub_code` says why, and is 0 where none is given.
    `message` is the platform's own text, for a reader; nothing depends on it.
    """

    code: int = 0
    sub_code: int = 0
    message: str = ""

    @classmethod
    def of(cls, value: object) -> "Result | None":
        """Read `resultInformation` as ACS has it; None when it is no object, for some events lack it.

        Graph's `resultInfo` is brought into this form by `dialtone.channels.teams.result_of`.
        """
        if not isinstance(value, dict):
            return None
        return cls(_number(value.get("code")), _number(value.get("subCode")), str(value.get("message") or ""))

    @classmethod
    def of_error(cls, status: int, body: object) -> "Result":
        """Read the body that a command was refused with, whose HTTP status becomes the code.

        The `code` in the body is a sub-code, or a word: then the sub-code is 0.
        """
        error = body.get("error") if isinstance(body, dict) else None
        fields: dict[str, Any] = error if isinstance(error, dict) else {}
        return cls(status, _number(fields.get("code")), str(fields.get("message") or fields.get("code") or ""))

    @property
    def meaning(self) -> Meaning:
        """What it means, by its sub-code; a refusal without one means nothing that is known."""
        if (self.code, self.sub_code) == (405, NOT_FOUND):
            return _NOT_SET_UP
        if self.code == LOOP:
            return _LOOP
        if (ending := ENDINGS.get((self.code, self.sub_code))) is not None:
            return ending
        if not self.sub_code and self.code >= 400:
            return _UNKNOWN
        return MEANINGS.get(self.sub_code, _UNKNOWN)

    @property
    def gone(self) -> bool:
        """Whether a command was refused because its call had ended: no fault of anybody."""
        return self.sub_code in GONE and (self.sub_code != NOT_FOUND or self.code == 404)

    def told(self) -> str:
        """One line for an outcome or a log: the numbers, the cause, what to check."""
        meaning = self.meaning
        check = f"; check {meaning.check}" if meaning.check else ""
        return f"{self.code}/{self.sub_code} {meaning.reason}: {meaning.cause}{check}"


def failure(action: Action, result: Result, cause: str = "temporarySystemFailure") -> Outcome:
    """The outcome of an action that the platform refused or could not do: with its numbers, where it has members for
    them. `cause` is as in `failed_outcome`.
    """
    outcome = failed_outcome(action, result.told(), cause)
    if isinstance(outcome, CommandOutcome):
        outcome.code, outcome.sub_code = result.code, result.sub_code
        outcome.cause, outcome.check = result.meaning.cause, result.meaning.check or None
    return outcome


def _number(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError, OverflowError):
        return 0
