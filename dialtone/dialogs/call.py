"""The words of a dialog.

What is queued (`say`, `play`, `answer`, `reject`, `hang_up`) is sent, as one workflow, with the next question that is
awaited, or when the dialog returns. What is awaited returns its outcome, in a later process as likely as in this one:
the dialog is run again from its start and fed what was answered before. So a dialog must do the same again when it is
given the same answers; what it wants of the outside world it asks by `run`, `now` and `random`.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar

from dialtone import protocol
from dialtone.dialogs.history import CallFacts, dumps
from dialtone.dialogs.prompts import (
    HEARD_NOTHING,
    NOT_UNDERSTOOD,
    RECORDING_PROBLEM,
    WRONG_KEY,
    Prompt,
    as_prompt,
)
from dialtone.dialogs.requests import Answer, Request
from dialtone.errors import ActivityFailed, DialogError, WorkflowError
from dialtone.protocol import (
    ModalityType,
    Participant,
    RecognitionCompletionReason,
    RecordingCompletionReason,
    RecordingFormat,
    rules,
)

if TYPE_CHECKING:
    from dialtone.dialogs.run import Run

P = ParamSpec("P")
T = TypeVar("T")

Choices = Mapping[str, str | Sequence[str]]
"""Name of each choice, and what selects it: a key ("1") and words, in any order. A word has two letters or more."""

NO_AUDIO: Final = "noAudio"

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
    """What `recognize` heard. Without a choice or digits, `reason` says why."""

    choice: str | None
    digits: str | None
    reason: str

    def __bool__(self) -> bool:
        return self.choice is not None or self.digits is not None


class Call:
    """One call, as its dialog sees it."""

    def __init__(self, run: "Run", facts: CallFacts) -> None:
        self._run = run
        self._facts = facts

    @property
    def id(self) -> str:
        """The platform's id of the call."""
        return self._facts.call_id

    @property
    def caller(self) -> Participant | None:
        """Who rang; None in a group call without an originator."""
        return self._facts.caller

    @property
    def participants(self) -> Sequence[Participant]:
        """Who is in the call.

        Those that it began with; in a group call of a bot that asks for notifications (`CallBot.on_notification`),
        those who were there when the last question was answered, as far as the platform had told by then. Of
        somebody who joined later only the identity is known.
        """
        began, roster = self._facts.participants, self._run.roster
        if roster is None:
            return began
        known = {member.identity.casefold(): member for member in began}
        joined = (Participant(identity=identity, originator=False) for identity in roster)
        return tuple(known.get(member.identity.casefold(), member) for member in joined)

    @property
    def language(self) -> str | None:
        """The caller's language, such as `en` or `en-US`, when the platform said it."""
        return self._facts.caller.language_id if self._facts.caller else None

    @property
    def subject(self) -> str | None:
        """The subject of a group call."""
        return self._facts.subject

    @property
    def is_multiparty(self) -> bool:
        """Whether this is a group call."""
        return self._facts.is_multiparty

    @property
    def started(self) -> datetime:
        """When the call began, UTC."""
        return self._facts.started_at

    # What is queued.

    def answer(self, accept: Sequence[ModalityType | str] = (ModalityType.AUDIO,)) -> None:
        """Answer the call before anything else; the first word that is said does it by itself.

        Raises `WorkflowError` when the call is answered already or something was queued before.
        """
        modalities = [ModalityType(modality) for modality in accept]
        self._run.queue("answer", lambda op: protocol.Answer(operation_id=op, accept_modality_types=modalities))

    def reject(self) -> None:
        """Decline the call. Raises `WorkflowError` when it was answered or something was queued before."""
        self._run.queue("reject", lambda op: protocol.Reject(operation_id=op))

    def hang_up(self) -> None:
        """End the call after what was queued; returning from the dialog does the same."""
        self._run.queue("hangup", lambda op: protocol.Hangup(operation_id=op))

    def say(self, *prompts: Prompt | str) -> None:
        """Queue texts or prompts to be spoken, one after the other. Raises `WorkflowError` for an illegal one."""
        self._run.queue("playPrompt", lambda op: _play_prompt(op, prompts))

    def play(self, file_uri: str) -> None:
        """Queue a WAV or WMA file that the platform fetches, at most 512 kB."""
        part = protocol.Prompt(file_uri=file_uri)
        self._run.queue("playPrompt", lambda op: protocol.PlayPrompt(operation_id=op, prompts=[part]))

    # What is awaited.

    async def choose(
        self,
        prompt: Prompt | str,
        choices: Choices,
        *,
        retries: int = 2,
        barge_in: bool = True,
        initial_silence: float = rules.INITIAL_SILENCE_DEFAULT_S,
    ) -> str | None:
        """Ask for one of `choices`, by key or by word, and return its name.

        After a wrong key, silence (`initial_silence` seconds, 1 to 30) or words that fit no choice, a notice is
        spoken and the question asked again, `retries` times; then None is returned.
        """
        for left in range(retries, -1, -1):
            answer = await self._recognize(prompt, choices, None, barge_in, initial_silence, None)
            if answer.ok:
                return str(answer.value)
            if left:
                self.say(_notice(answer.reason))
        return None

    async def confirm(self, prompt: Prompt | str, *, retries: int = 2, choices: Choices = CONFIRM) -> bool | None:
        """Ask a yes-or-no question (yes: 1, no: 2, or the words); None when there was no answer.

        `choices` may give other words and keys for the names `yes` and `no`.
        """
        choice = await self.choose(prompt, choices, retries=retries)
        return None if choice is None else choice == "yes"

    async def digits(
        self,
        prompt: Prompt | str,
        *,
        maximum: int | None = None,
        stop_tones: str = "#",
        retries: int = 2,
        barge_in: bool = True,
        initial_silence: float = rules.INITIAL_SILENCE_DEFAULT_S,
        interdigit: float = 3,
    ) -> str | None:
        """Ask for digits: up to `maximum` (1 to 20), until a stop tone, or `interdigit` seconds (1 to 5) without one.

        Returns them without the stop tone; None when nothing came in all the tries.
        """
        collect = protocol.CollectDigits(max_number_of_dtmfs=maximum, stop_tones=list(stop_tones) or None)
        for left in range(retries, -1, -1):
            answer = await self._recognize(prompt, None, collect, barge_in, initial_silence, interdigit)
            if answer.ok:
                return str(answer.value)
            if left:
                self.say(_notice(answer.reason))
        return None

    async def recognize(
        self,
        prompt: Prompt | str | None = None,
        *,
        choices: Choices | None = None,
        digits: protocol.CollectDigits | None = None,
        barge_in: bool = True,
        initial_silence: float = rules.INITIAL_SILENCE_DEFAULT_S,
        interdigit: float | None = None,
    ) -> Recognition:
        """Ask once, for one of `choices` or for `digits`, and return whatever came of it."""
        answer = await self._recognize(prompt, choices, digits, barge_in, initial_silence, interdigit)
        value = str(answer.value) if answer.ok else None
        return Recognition(
            choice=value if choices is not None else None,
            digits=value if choices is None else None,
            reason=answer.reason,
        )

    async def record(
        self,
        prompt: Prompt | str | None = None,
        *,
        max_seconds: float = rules.RECORD_DURATION_DEFAULT_S,
        initial_silence: float = rules.INITIAL_SILENCE_DEFAULT_S,
        max_silence: float = rules.MAX_SILENCE_DEFAULT_S,
        stop_tones: str = "",
        format: RecordingFormat | str = RecordingFormat.WAV,
        beep: bool = True,
        retries: int = 2,
    ) -> Recording:
        """Record the caller, for 2 to 600 seconds, until `max_silence` (0 to 30 s), a stop tone or a hang-up.

        The sound is in Blob Storage before this returns. When nothing was said the question is asked again, `retries`
        times; then the recording is false. When the caller hung up after speaking, the recording is returned, and
        `CallEnded` is raised by the next question.
        """
        encoding = RecordingFormat(format)

        def build(op: str) -> protocol.Action:
            return protocol.Record(
                operation_id=op,
                play_prompt=_play_prompt(f"{op}p", [prompt]) if prompt is not None else None,
                max_duration_in_seconds=max_seconds,
                initial_silence_timeout_in_seconds=initial_silence,
                max_silence_timeout_in_seconds=max_silence,
                recording_format=encoding,
                play_beep=beep,
                stop_tones=list(stop_tones) or None,
            )

        reason = RecordingCompletionReason.UNKNOWN
        for left in range(retries, -1, -1):
            request = Request("record", _identity(prompt), protocol.RecordOutcome, build)
            answer = await request
            reason = RecordingCompletionReason(answer.reason)
            if answer.ok:
                seconds, name, path, size, *known = answer.value
                fault = known[0] if known else "" if path else NO_AUDIO
                return Recording(seconds, reason, RecordingFormat(name or encoding), path, size, fault)
            if left:
                silent = reason is RecordingCompletionReason.INITIAL_SILENCE_TIMEOUT
                self.say(HEARD_NOTHING if silent else RECORDING_PROBLEM)
        return Recording(0.0, reason, encoding, "", 0)

    async def transfer(self, target: str) -> bool:
        """Hand the call over to another participant, `8:` or `29:` and their Skype name.

        Returns whether the platform did it; after a transfer this leg is over, and the dialog should return.
        """

        def build(op: str) -> protocol.Action:
            member = Participant(identity=target, originator=False)
            return protocol.Transfer(operation_id=op, target=member)

        return (await Request("transfer", target, protocol.TransferOutcome, build)).ok

    async def run(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an async function that touches the outside world, and keep its result in the history.

        It is not run again on the next callback. Its arguments and its result must be what JSON can say (a tuple comes
        back as a list). Raises `ActivityFailed` when it raised. It runs at least once: a process that dies between
        running it and storing the turn runs it again, so make it idempotent, by `call.id` for instance.
        """
        name = getattr(function, "__qualname__", repr(function))
        try:
            identity = f"{name}{dumps([args, kwargs])}"
        except (TypeError, ValueError) as error:
            raise DialogError(
                f"an argument of {name} is not JSON: {error}", field=name, fix="pass text, numbers, lists or dicts"
            ) from None
        answer = await Request("run", identity, activity=lambda: function(*args, **kwargs))
        if not answer.ok:
            raise ActivityFailed(name, answer.reason)
        return answer.value  # type: ignore[no-any-return]  # what the history kept of T

    def now(self) -> datetime:
        """The time of this turn, UTC; kept in the history, so the same again when the dialog is run again."""
        return datetime.fromtimestamp(self._run.now(), UTC)

    def random(self) -> float:
        """A number from 0 to below 1, kept in the history. Not for secrets."""
        return self._run.random()

    def replace(self, dialog: str, **args: Any) -> NoReturn:
        """Go on with another dialog, with a fresh history, so that a call can last for hours.

        What was queued is kept. Arguments must be what JSON can say. Does not return.
        """
        self._run.replace(dialog, args)

    async def _recognize(
        self,
        prompt: Prompt | str | None,
        choices: Choices | None,
        collect: protocol.CollectDigits | None,
        barge_in: bool,
        initial_silence: float,
        interdigit: float | None,
    ) -> Answer:
        names = frozenset(choices or ())

        def build(op: str) -> protocol.Action:
            return protocol.Recognize(
                operation_id=op,
                play_prompt=_play_prompt(f"{op}p", [prompt]) if prompt is not None else None,
                barge_in_allowed=barge_in,
                initial_silence_timeout_in_seconds=initial_silence,
                interdigit_timeout_in_seconds=interdigit,
                choices=_options(choices) if choices is not None else None,
                collect_digits=collect,
            )

        identity = "\0".join([_identity(prompt), *sorted(names)])
        kind = "recognize" if choices is not None else "digits"
        return await Request(kind, identity, protocol.RecognizeOutcome, build, choices=names)


def _play_prompt(op: str, prompts: Sequence[Prompt | str]) -> protocol.PlayPrompt:
    return protocol.PlayPrompt(operation_id=op, prompts=[as_prompt(prompt).to_protocol() for prompt in prompts])


def _identity(prompt: Prompt | str | None) -> str:
    return prompt.identity if isinstance(prompt, Prompt) else prompt or ""


def _notice(reason: str) -> Prompt:
    if reason == RecognitionCompletionReason.INITIAL_SILENCE_TIMEOUT:
        return HEARD_NOTHING
    return WRONG_KEY if reason == RecognitionCompletionReason.INCORRECT_DTMF else NOT_UNDERSTOOD


def _options(choices: Choices) -> list[protocol.RecognitionOption]:
    options = []
    for index, (name, selectors) in enumerate(choices.items()):
        words = [selectors] if isinstance(selectors, str) else list(selectors)
        keys = [word for word in words if word in rules.DTMF]
        if len(keys) > 1:
            raise WorkflowError(
                f"the choice {name!r} has {len(keys)} keys, 1 is allowed",
                field=f"recognize.choices.{index}.dtmfVariation",
                fix="make it a choice for each key",
                code="CHOICE_KEYS",
            )
        spoken = [word for word in words if word not in rules.DTMF]
        options.append(
            protocol.RecognitionOption(
                name=name, speech_variation=spoken or None, dtmf_variation=keys[0] if keys else None
            )
        )
    return options
