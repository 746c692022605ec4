"""The questions of a dialog: each is awaited, goes out with what was queued before it, and returns what came of it.

Where a question does not say it itself, the bot's `Defaults` say how it is asked. After silence, a wrong key, or
what is not understood, the notice for that reason is spoken and the question asked again; after a failure of the
platform (`temporarySystemFailure`) it is not. When the caller hangs up `CallEnded` is raised, when the platform could
not run what was queued `ActionFailed`, and when the question itself is illegal `WorkflowError`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dialtone import protocol
from dialtone.dialogs.history import RecordingMarks, dumps
from dialtone.dialogs.prompts import Prompt
from dialtone.dialogs.requests import Request
from dialtone.dialogs.words import word
from dialtone.errors import Canceled, DialogError, WorkflowError
from dialtone.protocol import (
    Participant,
    RecognitionCompletionReason,
    RecordingCompletionReason,
    RecordingFormat,
    rules,
)

if TYPE_CHECKING:
    from dialtone.dialogs.run import Run

Choices = Mapping[str, str | Sequence[str]]
"""Name of each choice, and what selects it: a key ("1") and words, in any order. A word has two letters or more."""

NO_AUDIO: Final = "noAudio"
_KEYPAD: Final = frozenset("0123456789*#")
_LIKE_THIS: Final = 'write choices as {"sales": ("1", "sales"), "message": "2"}'
CANCEL: Final = "cancel"

CONFIRM: Choices = {"yes": ("1", "yes", "yep", "sure", "ok", "true"), "no": ("2", "no", "nope", "not", "false")}
"""The words and keys of the Node calling SDK."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What the caller left. True only if sound was stored, whatever is wrong with it.

    `seconds` is the length that the platform said, `reason` why it ended, `path` the blob in the recordings container
    and `size` its bytes. `fault` says what is wrong with the sound, empty when nothing is known to be: `truncated`,
    `wrongFormat` or `wrongLength`, of sound that was stored as it came (`dialtone.media.sound.Fault`); `noAudio` when
    the platform says that it recorded and sent no sound: then nothing was stored, and the recording is false.
    """

    seconds: float
    reason: RecordingCompletionReason
    format: RecordingFormat
    path: str
    size: int
    fault: str = ""

    def __bool__(self) -> bool:
        return bool(self.path)


@dataclass(frozen=True, slots=True)
class Recognition:
    """What `recognize` heard: true when the caller has answered.

    `choice` is the name of the choice that was taken, `digits` what was typed; the one that was not asked for is None,
    and both are when there was no answer. `reason` is the platform's own word for how the question ended, such as
    `dtmfOptionMatched` or `initialSilenceTimeout`: a value of `dialtone.protocol.RecognitionCompletionReason` or
    `DigitCollectionCompletionReason`.
    """

    choice: str | None
    digits: str | None
    reason: str

    def __bool__(self) -> bool:
        return self.choice is not None or self.digits is not None


class Asking:
    """The questions; see `Call`."""

    def __init__(self, run: "Run") -> None:
        self._run = run

    @word
    async def choose(
        self,
        prompt: Prompt | str,
        choices: Choices,
        *,
        cancel: str | Sequence[str] | None = None,
        retries: int | None = None,
        barge_in: bool | None = None,
        initial_silence: float | None = None,
    ) -> str | None:
        """Ask for one of `choices`, by key or by word, and return its name; None after `retries` more tries.

        `initial_silence` is 1 to 30 seconds from the end of the prompt. With `cancel`, a key and words, there is one
        more choice, which raises `Canceled`.
        """
        _check_choices(choices)
        asked = choices if cancel is None else _with_cancel(choices, cancel)
        chosen = await self._ask(prompt, asked, None, retries, barge_in, initial_silence, None)
        if chosen == CANCEL and cancel is not None:
            raise Canceled
        return chosen

    @word
    async def confirm(
        self,
        prompt: Prompt | str,
        *,
        choices: Choices = CONFIRM,
        cancel: str | Sequence[str] | None = None,
        retries: int | None = None,
        barge_in: bool | None = None,
        initial_silence: float | None = None,
    ) -> bool | None:
        """Ask a yes-or-no question (yes: 1, no: 2, or the words); None when there was no answer.

        `choices` may give other words and keys for the names `yes` and `no`; `cancel` as in `choose`.
        """
        choice = await self.choose(
            prompt, choices, cancel=cancel, retries=retries, barge_in=barge_in, initial_silence=initial_silence
        )
        return None if choice is None else choice == "yes"

    @word
    async def consent(
        self,
        prompt: Prompt | str,
        *,
        choices: Choices = CONFIRM,
        retries: int | None = None,
        barge_in: bool | None = None,
        initial_silence: float | None = None,
    ) -> bool:
        """Ask the caller to agree to be recorded, as `confirm` asks; whether they did.

        No answer is no consent. What the caller said last is kept with each recording of the call from here on, as
        `given` or `refused`. Where the bot requires it (`CallBot(require_consent=True)`), `record` may not be asked
        before it was given.
        """
        agreed = await self.choose(prompt, choices, retries=retries, barge_in=barge_in, initial_silence=initial_silence)
        self._run.consent = "given" if agreed == "yes" else "refused"
        return agreed == "yes"

    @word
    async def digits(
        self,
        prompt: Prompt | str,
        *,
        maximum: int | None = None,
        stop_tones: str = "#",
        retries: int | None = None,
        barge_in: bool | None = None,
        initial_silence: float | None = None,
        interdigit: float | None = None,
    ) -> str | None:
        """Ask for digits: up to `maximum` (1 to 20), until a stop tone, or `interdigit` seconds (1 to 5) without one.

        Returns them without the stop tone; None when nothing came in all the tries. After a prompt that is `secret`
        they are a `Secret`.
        """
        collect = protocol.CollectDigits(max_number_of_dtmfs=maximum, stop_tones=list(stop_tones) or None)
        between = self._run.bot.defaults.interdigit if interdigit is None else interdigit
        typed = await self._ask(prompt, None, collect, retries, barge_in, initial_silence, between)
        return self._run.secret(typed) if typed is not None and _is_secret(prompt) else typed

    @word
    async def recognize(
        self,
        prompt: Prompt | str | None = None,
        *,
        choices: Choices | None = None,
        digits: protocol.CollectDigits | None = None,
        barge_in: bool | None = None,
        initial_silence: float | None = None,
        interdigit: float | None = None,
    ) -> Recognition:
        """Ask once, for one of `choices` or for `digits`, and return whatever came of it."""
        if choices is not None:
            _check_choices(choices)
        self._run.stack.top.unanswered = False
        answer = await self._question(prompt, choices, digits, barge_in, initial_silence, interdigit)
        value = str(answer.value) if answer.ok else None
        secret = choices is None and _is_secret(prompt)
        return Recognition(
            choice=value if choices is not None else None,
            digits=self._run.secret(value) if value and secret else value if choices is None else None,
            reason=answer.reason,
        )

    @word
    async def record(
        self,
        prompt: Prompt | str | None = None,
        *,
        max_seconds: float | None = None,
        initial_silence: float | None = None,
        max_silence: float | None = None,
        stop_tones: str = "",
        format: RecordingFormat | str | None = None,
        beep: bool | None = None,
        retries: int | None = None,
        keep: str = "",
    ) -> Recording:
        """Record the caller, for 2 to 600 seconds, until `max_silence` (0 to 30 s), a stop tone or a hang-up.

        The sound is in Blob Storage before this returns. When nothing was said the question is asked again, `retries`
        times; then the recording is false. When the caller hung up after speaking, the recording is returned, and
        `CallEnded` is raised by the next question.

        `keep` is the class of its retention, one of those that DIALTONE_RETENTION has; without one it is `standard`.
        Raises `DialogError` where the bot requires consent and the caller has not given it (`consent`).
        """
        defaults, run = self._run.bot.defaults, self._run
        encoding = defaults.format if format is None else RecordingFormat(format)
        parts = [prompt] if prompt is not None else []
        language = run.language

        def build(op: str) -> protocol.Action:
            return protocol.Record(
                operation_id=op,
                play_prompt=run.play_prompt(f"{op}p", parts, language) if parts else None,
                max_duration_in_seconds=_or(max_seconds, defaults.max_seconds),
                initial_silence_timeout_in_seconds=_or(initial_silence, defaults.initial_silence),
                max_silence_timeout_in_seconds=_or(max_silence, defaults.max_silence),
                recording_format=encoding,
                play_beep=defaults.beep if beep is None else beep,
                stop_tones=list(stop_tones) or None,
            )

        reason = RecordingCompletionReason.UNKNOWN
        marks = marks_of(run, "record", keep)
        question = Request("record", _identity(prompt), protocol.RecordOutcome, build, recording=marks)
        run.stack.top.unanswered = False
        for left in range(_tries(retries, defaults.retries), -1, -1):
            answer = await question
            reason = RecordingCompletionReason(answer.reason)
            if answer.ok:
                seconds, name, path, size, *known = answer.value
                fault = known[0] if known else "" if path else NO_AUDIO
                return Recording(seconds, reason, RecordingFormat(name or encoding), path, size, fault)
            if reason is RecordingCompletionReason.TEMPORARY_SYSTEM_FAILURE:
                break
            if left:
                run.say([run.bot.notices.of_recording(reason)])
        run.stack.top.unanswered = True
        return Recording(0.0, reason, encoding, "", 0)

    @word
    async def transfer(self, target: str) -> bool:
        """Hand the call over to another participant: whom the channel transfers to is in docs/reference/channels.md.

        On Skype that is `8:` or `29:` and a Skype name; a telephone (`4:+15550100`) is refused there, as if it failed.

        Returns whether the platform did it; after a transfer this leg is over, and the dialog should return.
        """

        def build(op: str) -> protocol.Action:
            member = Participant(identity=target, originator=False)
            return protocol.Transfer(operation_id=op, target=member)

        return (await Request("transfer", target, protocol.TransferOutcome, build)).ok

    @word
    async def perform(self, action: protocol.Action) -> protocol.Outcome:
        """Send an action of the contract as it is, and return its raw outcome, failed or not.

        Its `operation_id` is replaced. What the words above do is done by none of this: nothing is asked again, no
        sound is stored with its outcome, and an operator's prompts are not looked up.
        """

        def build(op: str) -> protocol.Action:
            return action.model_copy(update={"operation_id": op})

        outcome = protocol.OUTCOMES[f"{action.action}Outcome"]
        identity = dumps(action.model_dump(mode="json", exclude={"operation_id"}, exclude_none=True))
        answer = await Request(action.action, identity, outcome, build, raw=True)
        return outcome.from_wire(answer.value)

    async def _ask(
        self,
        prompt: Prompt | str,
        choices: Choices | None,
        collect: protocol.CollectDigits | None,
        retries: int | None,
        barge_in: bool | None,
        initial_silence: float | None,
        interdigit: float | None,
    ) -> str | None:
        """Ask until there is an answer."""
        run = self._run
        run.stack.top.unanswered = False
        question = self._question(prompt, choices, collect, barge_in, initial_silence, interdigit)
        for left in range(_tries(retries, run.bot.defaults.retries), -1, -1):
            answer = await question
            if answer.ok:
                return str(answer.value)
            if answer.reason == RecognitionCompletionReason.TEMPORARY_SYSTEM_FAILURE:
                break
            if left:
                run.say([run.bot.notices.of_recognition(answer.reason)])
        run.stack.top.unanswered = True
        return None

    def _question(
        self,
        prompt: Prompt | str | None,
        choices: Choices | None,
        collect: protocol.CollectDigits | None,
        barge_in: bool | None,
        initial_silence: float | None,
        interdigit: float | None,
    ) -> Request:
        run, defaults = self._run, self._run.bot.defaults
        names = frozenset(choices or ())
        parts = [prompt] if prompt is not None else []
        language = run.language

        def build(op: str) -> protocol.Action:
            return protocol.Recognize(
                operation_id=op,
                play_prompt=run.play_prompt(f"{op}p", parts, language) if parts else None,
                barge_in_allowed=defaults.barge_in if barge_in is None else barge_in,
                initial_silence_timeout_in_seconds=_or(initial_silence, defaults.initial_silence),
                interdigit_timeout_in_seconds=interdigit,
                choices=_options(choices, run, language) if choices is not None else None,
                collect_digits=collect,
            )

        identity = "\0".join([_identity(prompt), *sorted(names)])
        kind = "recognize" if choices is not None else "digits"
        secret = choices is None and _is_secret(prompt)
        return Request(kind, identity, protocol.RecognizeOutcome, build, choices=names, secret=secret)


def marks_of(run: "Run", word: str, keep: str) -> RecordingMarks | None:
    """What goes with a recording that `word` asks for. Raises `DialogError` where consent is lacking."""
    if run.bot.require_consent and run.consent != "given":
        raise DialogError(
            f"the caller is to be recorded and has {'refused' if run.consent else 'not been asked'}",
            field=word,
            fix=f"`if await call.consent(...)` before `await call.{word}(...)`, and go on without one otherwise",
            code="CONSENT",
        )
    marks = RecordingMarks(run.consent, keep)
    return marks if any(marks) else None


def address_of(source: str | Recording) -> str:
    """What stands for a file until the workflow is rendered. Raises `WorkflowError` for one that cannot be played."""
    if isinstance(source, str):
        return source
    limit = rules.PLAYED_FILE_BYTES
    wrong = ""
    if not source:
        wrong = "it holds no sound"
    elif source.size > limit:
        wrong = f"it has {source.size} bytes, {limit} can be played"
    elif source.format is RecordingFormat.MP3:
        wrong = "it is an mp3, and only wav and wma can be played"
    if wrong:
        raise WorkflowError(
            f"the recording cannot be played: {wrong}",
            field="playPrompt.prompts.0.fileUri",
            fix="look at its size and format first; record for less time, or as wma",
            code="RECORDING_UNPLAYABLE",
        )
    return f"{protocol.RECORDING_SCHEME}{source.path}"


def _or(given: float | None, default: float) -> float:
    return default if given is None else given


def _tries(given: int | None, default: int) -> int:
    if given is not None and given < 0:
        raise DialogError(
            f"{given} retries cannot be made", field="retries", fix="use 0 to ask once, 1 to ask again once"
        )
    return default if given is None else given


def _identity(prompt: Prompt | str | None) -> str:
    return prompt.identity if isinstance(prompt, Prompt) else prompt or ""


def _is_secret(prompt: Prompt | str | None) -> bool:
    return isinstance(prompt, Prompt) and prompt.secret


def _check_choices(choices: object) -> None:
    """Raise `DialogError` for what is no mapping of names: types are not checked at run time."""
    # A loop, for this is done again whenever the dialog is run again.
    if isinstance(choices, Mapping):
        for name in choices:
            if not isinstance(name, str):
                break
        else:
            return
    raise DialogError("choices are not names with what selects them", field="recognize.choices", fix=_LIKE_THIS)


def _are_texts(values: object) -> bool:
    return isinstance(values, Sequence) and all(isinstance(value, str) for value in values)


def _with_cancel(choices: Choices, cancel: str | Sequence[str]) -> Choices:
    if CANCEL in choices:
        raise WorkflowError(
            f"there is a choice named {CANCEL!r} besides the cancel choice",
            field="recognize.choices",
            fix="leave cancel out, or rename the choice",
            code="CHOICE_NAMES",
        )
    return {**choices, CANCEL: cancel}


def _options(choices: Choices, run: "Run", language: str) -> list[protocol.RecognitionOption]:
    options = []
    for index, (name, selectors) in enumerate(choices.items()):
        words = [selectors] if isinstance(selectors, str) else selectors
        if not _are_texts(words):
            raise WorkflowError(
                f"what selects the choice {name!r} is no key and no word",
                field=f"recognize.choices.{index}",
                fix=_LIKE_THIS,
                code="CHOICE_TYPES",
            )
        keys = [word for word in words if word in rules.DTMF]
        if len(keys) > 1:
            raise WorkflowError(
                f"the choice {name!r} has {len(keys)} keys, 1 is allowed",
                field=f"recognize.choices.{index}.dtmfVariation",
                fix="make it a choice for each key",
                code="CHOICE_KEYS",
            )
        spoken = [run.localized(word, language) for word in words if word not in rules.DTMF]
        if typed := next((word for word in spoken if word and _KEYPAD.issuperset(word)), None):
            raise WorkflowError(
                f"{typed!r} of the choice {name!r} is more than one key, and no word",
                field=f"recognize.choices.{index}.dtmfVariation",
                fix="give each choice one key; ask for several by call.digits",
                code="CHOICE_KEYS",
            )
        options.append(
            protocol.RecognitionOption(
                name=name, speech_variation=spoken or None, dtmf_variation=keys[0] if keys else None
            )
        )
    return options
