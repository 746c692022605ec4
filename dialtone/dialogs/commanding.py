"""The words of a dialog for what platforms of commands do: who is in the call, keys, recordings of the whole call.

Each is awaited, goes out after what was queued before it, and has been done when it returns. Which channel does what is
in docs/reference/channels.md; what a channel does not do fails with a text that says so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dialtone import protocol
from dialtone.dialogs.asking import Asking, Recording, address_of, marks_of
from dialtone.dialogs.prompts import Prompt
from dialtone.dialogs.requests import Answer, Request
from dialtone.dialogs.words import word
from dialtone.errors import ActionFailed, DialogError
from dialtone.protocol import CommandOutcome, Participant, RecordingFormat, StartRecordingOutcome

TONE: Final = "tone"
"""The signal by which a key is told that was pressed after `start_tones`."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What came of `add_participant`: true when they are in the call.

    Otherwise `reason` says in one line why not. `number` and `sub_code` are the platform's, 0 where it gave none,
    `cause` what they are likely caused by, and `check` what to look at; both may be empty.
    """

    identity: str
    joined: bool
    reason: str = ""
    number: int = 0
    sub_code: int = 0
    cause: str = ""
    check: str = ""

    def __bool__(self) -> bool:
        return self.joined


@dataclass(frozen=True, slots=True)
class CallRecording:
    """A recording of the whole call, which runs or is paused.

    `id` is the platform's. `path` is the blob in the recordings container that the sound will be in, some time after
    the end of the recording; empty where the platform keeps it itself.
    """

    id: str
    path: str
    format: RecordingFormat


class Commanding(Asking):
    """Does what platforms of commands do; see `Call`."""

    @word
    async def add_participant(
        self,
        target: str,
        *,
        caller_id: str | None = None,
        display_name: str | None = None,
        timeout: float = 60,  # noqa: ASYNC109 - the platform waits, no task of ours
    ) -> Joined:
        """Have the platform ring `target` (`4:+15550100`, `8:...`), and return when they have joined or have not.

        A telephone is shown the number `caller_id` (`+15550199`; without one, the number that was called), a user is
        shown `display_name`. It rings for `timeout` seconds, 1 to 180. Who is busy, declines or cannot be reached makes
        the result false; so does a channel that adds nobody. Raises `WorkflowError` for what is no identity or number.
        """

        def build(op: str) -> protocol.Action:
            return protocol.AddParticipant(
                operation_id=op,
                target=_member(target),
                caller_id=caller_id,
                display_name=display_name,
                timeout_in_seconds=timeout,
            )

        answer = await Request("addParticipant", target, CommandOutcome, build)
        if answer.ok:
            return Joined(target, True)
        return Joined(target, False, answer.reason, *_numbers(answer))

    @word
    async def remove_participant(self, target: str) -> None:
        """Put somebody out of the call. Raises `ActionFailed` when the platform does not, with its numbers."""
        await self._command(
            "removeParticipant",
            target,
            lambda op: protocol.RemoveParticipant(operation_id=op, target=_member(target)),
        )

    @word
    async def mute(self, target: str | None = None) -> None:
        """Let nobody hear somebody who is in the call; without a `target`, the bot itself. Raises `ActionFailed`."""
        member = _member_or_none(target)
        await self._command("mute", target, lambda op: protocol.Mute(operation_id=op, target=member))

    @word
    async def unmute(self, target: str | None = None) -> None:
        """Let somebody be heard again; without a `target`, the bot itself. Raises `ActionFailed`.

        No platform unmutes somebody else: who was muted can do so.
        """
        member = _member_or_none(target)
        await self._command("unmute", target, lambda op: protocol.Unmute(operation_id=op, target=member))

    @word
    async def hold(
        self,
        target: str | None = None,
        *,
        prompt: Prompt | str | None = None,
        play: str | Recording | None = None,
    ) -> None:
        """Put somebody on hold; without a `target`, whom the call is with.

        They hear `prompt`, or the file `play` (as in `Call.play`), again and again, and nothing else; with neither, the
        platform's own music. Raises `ActionFailed`, and `DialogError` when both are given.
        """
        if prompt is not None and play is not None:
            raise DialogError("a prompt and a file are given", field="hold", fix="give one of the two")
        member, run, language = _member_or_none(target), self._run, self._run.language

        def build(op: str) -> protocol.Action:
            music = None
            if prompt is not None:
                music = run.play_prompt(f"{op}p", [prompt], language)
            elif play is not None:
                part = protocol.Prompt(file_uri=address_of(play))
                music = protocol.PlayPrompt(operation_id=f"{op}p", prompts=[part])
            return protocol.Hold(operation_id=op, target=member, play_prompt=music)

        await self._command("hold", target, build)

    @word
    async def unhold(self, target: str | None = None) -> None:
        """Take somebody back who is on hold; without a `target`, whom the call is with. Raises `ActionFailed`."""
        member = _member_or_none(target)
        await self._command("unhold", target, lambda op: protocol.Unhold(operation_id=op, target=member))

    @word
    async def send_dtmf(self, tones: str, *, target: str | None = None) -> None:
        """Press keys (1 to 18 of `0` to `9`, `*`, `#`, `A` to `D`) for somebody to hear: another system's menu.

        Without a `target`, whom the call is with. Raises `ActionFailed`, and `WorkflowError` for what is no key.
        """
        member = _member_or_none(target)
        await self._command(
            "sendDtmf",
            f"{target or ''}\0{tones}",
            lambda op: protocol.SendDtmf(operation_id=op, target=member, tones=tones),
        )

    @word
    async def start_tones(self, target: str | None = None) -> None:
        """Have each key told that somebody presses from here on; without a `target`, whom the call is with.

        `Call.tone` waits for the next one. Raises `ActionFailed`.
        """
        member = _member_or_none(target)
        await self._command("startTones", target, lambda op: protocol.StartTones(operation_id=op, target=member))

    @word
    async def stop_tones(self, target: str | None = None) -> None:
        """Have no more keys told but those that answer a question. Raises `ActionFailed`."""
        member = _member_or_none(target)
        await self._command("stopTones", target, lambda op: protocol.StopTones(operation_id=op, target=member))

    @word
    async def redirect(self, target: str) -> bool:
        """Have a call that was not answered ring somebody else instead; whether the platform did it.

        After that the call is somebody else's, and the dialog should return; when it was refused the call still rings,
        and can be answered. A call that has rung there before is not sent back: that is refused as a loop. Raises
        `WorkflowError` when the call was answered or something was queued before.
        """

        def build(op: str) -> protocol.Action:
            return protocol.Redirect(operation_id=op, target=_member(target))

        return (await Request("redirect", target, CommandOutcome, build)).ok

    def leave(self) -> None:
        """End the bot's part in the call after what was queued; the others go on talking. `hang_up` ends it for all."""
        self._run.queue("leave", lambda op: protocol.Leave(operation_id=op))

    @word
    async def start_recording(
        self,
        *,
        format: RecordingFormat | str = RecordingFormat.WAV,
        unmixed: bool = False,
        paused: bool = False,
        keep: str = "",
    ) -> CallRecording:
        """Record the whole call from here on, as `wav` or `mp3`, until it is stopped or the call is over.

        All who speak are mixed, or with `unmixed` have a channel each. `paused` waits for `resume_recording`. `keep` is
        the class of retention, as in `record`. Raises `ActionFailed`, and `DialogError` where the bot requires consent
        and the caller has not given it.
        """
        encoding = RecordingFormat(format)

        def build(op: str) -> protocol.Action:
            return protocol.StartRecording(operation_id=op, recording_format=encoding, unmixed=unmixed, paused=paused)

        marks = marks_of(self._run, "start_recording", keep)
        answer = await Request("startRecording", keep, StartRecordingOutcome, build, recording=marks)
        _check(answer, "startRecording")
        recording_id, path = answer.value
        return CallRecording(recording_id, path, encoding)

    @word
    async def pause_recording(self, recording: CallRecording) -> None:
        """Record nothing until it is resumed, while a card's number is said for instance. Raises `ActionFailed`."""
        await self._on_recording(protocol.PauseRecording, recording)

    @word
    async def resume_recording(self, recording: CallRecording) -> None:
        """Go on recording. Raises `ActionFailed`."""
        await self._on_recording(protocol.ResumeRecording, recording)

    @word
    async def stop_recording(self, recording: CallRecording) -> None:
        """End the recording; its sound is stored later, at its `path`. Raises `ActionFailed`."""
        await self._on_recording(protocol.StopRecording, recording)

    async def _on_recording(
        self,
        action: type[protocol.PauseRecording | protocol.ResumeRecording | protocol.StopRecording],
        recording: CallRecording,
    ) -> None:
        await self._command(action.kind, recording.id, lambda op: action(operation_id=op, recording_id=recording.id))

    async def _command(self, kind: str, identity: str | None, build: Callable[[str], protocol.Action]) -> None:
        """Do it, or raise `ActionFailed`."""
        _check(await Request(kind, identity or "", CommandOutcome, build), kind)


def _check(answer: Answer, kind: str) -> None:
    if not answer.ok:
        raise ActionFailed(kind, answer.reason, *_numbers(answer))


def _numbers(answer: Answer) -> tuple[int, int, str, str]:
    """What the platform told of a failure."""
    number, sub_code, cause, check = answer.value or (0, 0, "", "")
    return number, sub_code, cause, check


def _member(identity: str) -> Participant:
    return Participant(identity=identity, originator=False)


def _member_or_none(identity: str | None) -> Participant | None:
    return None if identity is None else _member(identity)
