"""The words of a dialog for the meeting that its call is of: what it is, who is to come, recording it."""

from dataclasses import dataclass
from typing import Final

from dialtone import protocol
from dialtone.dialogs.asking import Recording, marks_of
from dialtone.dialogs.commanding import Commanding, Joined
from dialtone.dialogs.prompts import Prompt
from dialtone.dialogs.requests import AskMeeting, Request
from dialtone.dialogs.words import word
from dialtone.errors import ActionFailed, DialogError
from dialtone.protocol import CommandOutcome, Meeting, RecordingCompletionReason, RecordingFormat, rules

PIECE_S: Final = 120
"""Seconds of a piece of a meeting's recording: what Graph records at once."""
MEETING_S: Final = (rules.RECORD_DURATION_S[0], 4 * 3600)


@dataclass(frozen=True, slots=True)
class MeetingRecording:
    """What was recorded of a meeting, in pieces of up to two minutes; true when there is one.

    `shown` says whether the platform agreed to show everybody in the meeting that it is recorded; without that nothing
    was, and `reason` is why. Otherwise `reason` is why the last piece ended.
    """

    shown: bool
    pieces: tuple[Recording, ...] = ()
    reason: str = ""

    def __bool__(self) -> bool:
        return any(self.pieces)

    @property
    def seconds(self) -> float:
        """How long all of it is."""
        return sum(piece.seconds for piece in self.pieces)


class Attending(Commanding):
    """Takes part in a meeting; see `Call`."""

    @word
    async def meeting(self) -> Meeting:
        """The meeting that this call is of, as the platform has it now: its subject, organizer, join link, times, who
        is invited. It is asked once; asked again, later, it may be another.

        Raises `ActionFailed` for a call that is no meeting's, on a channel without meetings, and when the platform
        does not tell (a permission that is missing, for instance).
        """
        answer = await Request("meeting", "", work=AskMeeting())
        if not answer.ok:
            raise ActionFailed("meeting", answer.reason)
        return Meeting.of(answer.value)

    @word
    async def invite(self, *targets: str) -> tuple[Joined, ...]:
        """Have several people rung, one after the other, and join the call: what came of each, as `add_participant`."""
        return tuple([await self.add_participant(target) for target in targets])

    @word
    async def record_meeting(
        self,
        prompt: Prompt | str | None = None,
        *,
        max_seconds: float = 600,
        max_silence: float | None = None,
        stop_tones: str = "#",
        beep: bool | None = None,
        keep: str = "",
    ) -> MeetingRecording:
        """Record what is said in the meeting, after it is shown to everybody that it is recorded, until it is not.

        It ends with a stop tone, when nobody speaks for `max_silence` seconds (0 to 30), after `max_seconds` (2 to
        14,400), or with the meeting; then it is shown that nothing is recorded any more. The sound of each piece is
        in Blob Storage before this returns; between two of them as much is lost as the platform takes for a command.
        The `prompt` and the beep are heard once. `keep` is the class of retention, as in `record`.

        False, and nothing recorded, where the platform does not let it be shown (`MeetingRecording.shown`), as on a
        channel that cannot show it. Raises `DialogError` where the bot requires consent and it was not given.
        """
        least, most = MEETING_S
        if not least <= max_seconds <= most:
            raise DialogError(
                f"a meeting is recorded for {least:g} to {most} seconds",
                field="record_meeting",
                fix="choose max_seconds",
            )
        marks, run = marks_of(self._run, "record_meeting", keep), self._run
        if prompt is not None:
            run.say([prompt])
        shown = await self._show("recording")
        if shown:
            return MeetingRecording(False, reason=shown)
        defaults, pieces, left = run.bot.defaults, list[Recording](), max_seconds

        def build(op: str) -> protocol.Action:
            heard_first = not pieces and (defaults.beep if beep is None else beep) is not False
            return protocol.RecordMeeting(
                operation_id=op,
                max_duration_in_seconds=min(PIECE_S, left),
                initial_silence_timeout_in_seconds=_silence(max_silence, rules.INITIAL_SILENCE_S),
                max_silence_timeout_in_seconds=_silence(max_silence, rules.MAX_SILENCE_S),
                recording_format=RecordingFormat.WAV,
                play_beep=heard_first,
                stop_tones=list(stop_tones) or None,
            )

        reason = RecordingCompletionReason.MAX_RECORDING_TIMEOUT
        while reason is RecordingCompletionReason.MAX_RECORDING_TIMEOUT and left >= least:
            answer = await Request("recordMeeting", "", protocol.RecordOutcome, build, recording=marks)
            reason = RecordingCompletionReason(answer.reason)
            if answer.ok:
                seconds, name, path, size, *fault = answer.value
                form = RecordingFormat(name or RecordingFormat.WAV)
                pieces.append(Recording(seconds, reason, form, path, size, fault[0] if fault else ""))
                left -= max(seconds, least)
        if reason is not RecordingCompletionReason.CALL_TERMINATED:
            failed = reason is RecordingCompletionReason.TEMPORARY_SYSTEM_FAILURE
            await self._show("failed" if failed else "notRecording")
        return MeetingRecording(True, tuple(pieces), str(reason))

    async def _show(self, status: protocol.RecordingStatus) -> str:
        """Have everybody shown whether it is recorded; why they are not, empty when they are."""
        answer = await Request(
            "updateRecordingStatus",
            status,
            CommandOutcome,
            lambda op: protocol.UpdateRecordingStatus(operation_id=op, status=status),
        )
        return "" if answer.ok else answer.reason or "the platform gave no reason"


def _silence(given: float | None, limits: tuple[float, float]) -> float:
    """As long as the contract takes, or what was given."""
    least, most = limits
    return most if given is None else min(most, max(least, given))
