"""What the Skype platform does on the line for each action, and how it reports it.

1. A prompt's sounds are made or fetched before the first is heard; one that cannot be had fails the action.
2. recognize: any key cuts the prompt off, and speech does when some choice has words, unless barge-in is off; then
   what comes before the prompt's end is lost. Initial silence counts from the prompt's end.
3. Choices: a key is a choice's or ends it as incorrectDtmf. Words match when they are in what was said, in any
   case; the longest match wins. Words that match nothing are passed over (undocumented).
4. Digits: until a stop tone, which is left out; the time between two digits; or the maximum, for which there is no
   reason in the contract: it is reported as interdigitTimeout, which is a success (undocumented).
5. record: the recording is what the caller's side of the line carried from the beep's end on, silence included.
   It is a success when it holds sound and ended by silence after speech, a stop tone, its longest duration, or the
   end of the call.
6. When somebody hangs up, the pending action's outcome comes with callState terminated, and with callTerminated
   where it has a reason.
7. A transfer that succeeds ends this leg of the call. Nothing but answer, reject and hangup works on a call that is
   not answered (undocumented).
"""

import asyncio
import re
from dataclasses import dataclass
from math import inf
from typing import Any

from dialtone.protocol import (
    Action,
    Answer,
    CallState,
    ChoiceOutcome,
    CollectDigitsOutcome,
    Hangup,
    Outcome,
    OutcomeValue,
    PlayPrompt,
    Prompt,
    RecognitionCompletionReason,
    RecognitionOption,
    Recognize,
    RecognizeOutcome,
    Record,
    RecordingCompletionReason,
    RecordingFormat,
    RecordOutcome,
    Reject,
    Transfer,
    VoiceGender,
    failed_outcome,
)
from dialtone.protocol import DigitCollectionCompletionReason as Digits
from simulator import audio, speech
from simulator.line import CallOver, Cuts, Key, Line, Listening, Signal, Sound, SpeechEnded, SpeechStarted
from simulator.platform import Recording
from simulator.platforms.prompt_files import FileUnavailable, PromptFiles, file_name
from simulator.platforms.settings import PlatformSettings
from simulator.wire import Wire


class PromptFailed(Exception):
    """A prompt cannot be played."""


@dataclass(frozen=True)
class Done:
    """What came of an action: its outcome, the state that the call is in, and what was recorded."""

    outcome: Outcome
    state: CallState = CallState.ESTABLISHED
    recording: Recording | None = None


class SkypeActions:
    """Runs the actions of one call. `transfer_fails` makes every transfer fail."""

    def __init__(self, line: Line, settings: PlatformSettings, wire: Wire, *, transfer_fails: bool = False) -> None:
        self.answered = False
        self._line = line
        self._settings = settings
        self._wire = wire
        self._transfer_fails = transfer_fails

    async def run(self, action: Action) -> Done:
        """Run one action of a workflow that is legal."""
        if isinstance(action, Reject | Hangup):
            self._line.hang_up("bot")
            return Done(_plain(action), CallState.TERMINATED)
        try:
            if isinstance(action, Answer):
                return await self._answer(action)
            if not self.answered:
                return Done(failed_outcome(action, "the call was not answered"), CallState.INCOMING)
            if isinstance(action, PlayPrompt):
                await self._play(action)
                return Done(_plain(action))
            if isinstance(action, Recognize):
                return Done(await self._recognize(action))
            if isinstance(action, Record):
                return await self._record(action)
            assert isinstance(action, Transfer)
            return await self._transfer(action)
        except PromptFailed as error:
            return Done(failed_outcome(action, str(error)))
        except CallOver:
            return Done(_terminated(action), CallState.TERMINATED)

    async def _answer(self, action: Answer) -> Done:
        if self.answered:
            return Done(failed_outcome(action, "the call is answered already"))
        await self._line.quiet(0)
        self.answered = True
        self._line.answer()
        return Done(_plain(action))

    async def _transfer(self, action: Transfer) -> Done:
        await self._line.quiet(self._settings.transfer_s)
        ok = not self._transfer_fails
        self._line.ledger.add("platform", "transferred", target=action.target.identity, ok=ok)
        if not ok:
            return Done(failed_outcome(action, "the target did not take the call"))
        self._line.hang_up("bot")
        return Done(_plain(action), CallState.TERMINATED)

    async def _play(
        self, action: PlayPrompt | None, cuts: Cuts | None = None, listening: Listening | None = None
    ) -> Signal | None:
        """Play an action's prompts and listen from then on: the signal that cut them off, or None."""
        sounds = [sound for prompt in action.prompts for sound in await self._sounds(prompt)] if action else []
        self._line.listen()
        if listening is not None:
            self._line.listen_for(listening)
        for sound in sounds:
            signal = await self._line.play(sound, cuts)
            if signal is not None:
                return signal
        return None

    async def _sounds(self, prompt: Prompt) -> list[Sound]:
        sounds = []
        if prompt.silence_length_in_milliseconds:
            pcm = audio.silence(prompt.silence_length_in_milliseconds / 1000)
            sounds.append(Sound(pcm, silence_ms=prompt.silence_length_in_milliseconds))
        if prompt.file_uri:
            pcm = await self._file(prompt.file_uri)
            sounds.append(Sound(pcm, file=file_name(prompt.file_uri)))
        elif prompt.value and prompt.value.strip():
            voice = speech.FEMALE if prompt.voice is VoiceGender.FEMALE else speech.MALE
            sounds.append(Sound(speech.synthesize(prompt.value, voice), text=prompt.value))
        return sounds

    async def _file(self, uri: str) -> bytes:
        """Fetch a prompt file, as PCM."""
        most, limit_s = self._settings.prompt_file_max_bytes, self._settings.prompt_file_timeout_s
        try:
            return audio.decode(await PromptFiles(self._line, self._wire, most, limit_s).fetch(uri), ("wav", "wma"))
        except FileUnavailable as unavailable:
            raise PromptFailed(str(unavailable)) from None
        except audio.AudioError as error:
            raise PromptFailed(f"the prompt file cannot be played: {error}") from None

    async def _recognize(self, action: Recognize) -> RecognizeOutcome:
        hears_words = any(choice.speech_variation for choice in action.choices or [])

        def cuts(signal: Signal) -> bool:
            return isinstance(signal, Key) or (hears_words and isinstance(signal, SpeechStarted))

        barge_in = action.barge_in_allowed is not False
        try:
            first = await self._play(
                action.play_prompt, cuts if barge_in else None, _listening(action) if barge_in else Listening()
            )
            self._line.listen_for(_listening(action))
            return await self._hear(action, first)
        finally:
            self._line.listen_for(Listening())

    async def _hear(self, action: Recognize, first: Signal | None) -> RecognizeOutcome:
        silence_s = _or(action.initial_silence_timeout_in_seconds, self._settings.initial_silence_s)
        until = self._line.clock.now() + silence_s
        if first is None:
            first = await self._line.next_signal(until)
        if action.collect_digits is not None:
            return await self._collect(action, first, until)
        return await self._choose(action, first, until)

    async def _choose(self, action: Recognize, signal: Signal | None, until: float) -> RecognizeOutcome:
        choices = action.choices or []
        speaking = False
        chosen: RecognitionOption | None = None
        while True:
            if signal is None:
                reason = RecognitionCompletionReason.INITIAL_SILENCE_TIMEOUT
                break
            if isinstance(signal, Key):
                chosen = next((choice for choice in choices if choice.dtmf_variation == signal.key), None)
                reason = RecognitionCompletionReason.INCORRECT_DTMF
                if chosen is not None:
                    reason = RecognitionCompletionReason.DTMF_OPTION_MATCHED
                break
            if isinstance(signal, SpeechEnded) and speaking:
                chosen = _matching(choices, signal.text)
                if chosen is not None:
                    reason = RecognitionCompletionReason.SPEECH_OPTION_MATCHED
                    break
            speaking = isinstance(signal, SpeechStarted)
            signal = await self._line.next_signal(inf if speaking else until)
        name = chosen.name if chosen is not None else None
        ok = chosen is not None
        self._note("recognized", action, ok=ok, reason=reason, choice=name)
        return RecognizeOutcome(
            type="recognizeOutcome",
            id=action.operation_id,
            outcome=_value(ok),
            choice_outcome=ChoiceOutcome(completion_reason=reason, choice_name=name),
        )

    async def _collect(self, action: Recognize, signal: Signal | None, until: float) -> RecognizeOutcome:
        assert action.collect_digits is not None
        stop_tones, most = action.collect_digits.stop_tones or [], action.collect_digits.max_number_of_dtmfs
        between_s = _or(action.interdigit_timeout_in_seconds, self._settings.interdigit_s)
        digits = ""
        while True:
            if signal is None:
                reason = Digits.INTERDIGIT_TIMEOUT if digits else Digits.INITIAL_SILENCE_TIMEOUT
                break
            if isinstance(signal, Key):
                if signal.key in stop_tones:
                    reason = Digits.COMPLETED_STOP_TONE_DETECTED
                    break
                digits += signal.key
                if len(digits) == most:
                    reason = Digits.INTERDIGIT_TIMEOUT
                    break
                until = self._line.clock.now() + between_s
            signal = await self._line.next_signal(until)
        ok = bool(digits)
        self._note("recognized", action, ok=ok, reason=reason, digits=digits)
        return RecognizeOutcome(
            type="recognizeOutcome",
            id=action.operation_id,
            outcome=_value(ok),
            collect_digits_outcome=CollectDigitsOutcome(completion_reason=reason, digits=digits or None),
        )

    async def _record(self, action: Record) -> Done:
        await self._play(action.play_prompt)
        if action.play_beep is not False:
            await self._line.beep(self._settings.beep_s)
        clock = self._line.clock
        start = clock.now()
        state = CallState.ESTABLISHED
        self._line.listen_for(Listening(tuple(action.stop_tones or ()), recording=True))
        try:
            reason = await self._until_recorded(action, start)
        except CallOver:
            reason, state = RecordingCompletionReason.CALL_TERMINATED, CallState.TERMINATED
        finally:
            self._line.listen_for(Listening())
        recording_format = action.recording_format or self._settings.recording_format
        recording = None
        pcm = self._line.caller_sound(start, clock.now())
        if pcm and reason is not RecordingCompletionReason.INITIAL_SILENCE_TIMEOUT:
            if recording_format is RecordingFormat.WAV:
                data = audio.encode(pcm, recording_format.value)
            else:
                # Minutes of sound take a second to encode, and other calls go on meanwhile.
                async with clock.io():
                    data = await asyncio.to_thread(audio.encode, pcm, recording_format.value)
            recording = Recording(action.operation_id, recording_format, round(audio.seconds_of(pcm), 3), data)
        seconds = recording.seconds if recording is not None else 0.0
        size = len(recording.data) if recording is not None else 0
        self._note("recorded", action, seconds=seconds, format=recording_format, bytes=size, reason=reason)
        outcome = RecordOutcome(
            type="recordOutcome",
            id=action.operation_id,
            outcome=_value(recording is not None),
            completion_reason=reason,
            length_of_recording_in_secs=seconds,
            format=recording_format,
        )
        return Done(outcome, state, recording)

    async def _until_recorded(self, action: Record, start: float) -> RecordingCompletionReason:
        longest = start + _or(action.max_duration_in_seconds, self._settings.record_duration_s)
        quiet_until = start + _or(action.initial_silence_timeout_in_seconds, self._settings.initial_silence_s)
        speaking = spoke = self._line.speaking
        while True:
            signal = await self._line.next_signal(longest if speaking else min(longest, quiet_until))
            if isinstance(signal, Key) and signal.key in (action.stop_tones or []):
                return RecordingCompletionReason.COMPLETED_STOP_TONE_DETECTED
            if isinstance(signal, SpeechStarted):
                speaking = spoke = True
            elif isinstance(signal, SpeechEnded):
                speaking = False
                silence_s = _or(action.max_silence_timeout_in_seconds, self._settings.max_silence_s)
                quiet_until = self._line.clock.now() + silence_s
            elif signal is None:
                if self._line.clock.now() >= longest:
                    return RecordingCompletionReason.MAX_RECORDING_TIMEOUT
                if spoke:
                    return RecordingCompletionReason.COMPLETED_SILENCE_DETECTED
                return RecordingCompletionReason.INITIAL_SILENCE_TIMEOUT

    def _note(self, kind: str, action: Action, **members: Any) -> None:
        """Note an event of an operation, without the members that have no value."""
        kept = {name: value for name, value in members.items() if value is not None}
        self._line.ledger.add("platform", kind, operation_id=action.operation_id, **kept)


def _listening(action: Recognize) -> Listening:
    if action.collect_digits is not None:
        return Listening(tuple("0123456789*#"))
    choices = action.choices or []
    keys = tuple(choice.dtmf_variation for choice in choices if choice.dtmf_variation)
    return Listening(keys, tuple(words for choice in choices for words in choice.speech_variation or []))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _value(ok: bool) -> OutcomeValue:
    return OutcomeValue.SUCCESS if ok else OutcomeValue.FAILURE


def _plain(action: Action) -> Outcome:
    return Outcome(type=f"{action.kind}Outcome", id=action.operation_id, outcome=OutcomeValue.SUCCESS)


def _terminated(action: Action) -> Outcome:
    return failed_outcome(action, "the call is over", "callTerminated")


def _matching(choices: list[RecognitionOption], said: str) -> RecognitionOption | None:
    """The choice with the longest word, or words, in what was said."""
    best, longest = None, 0
    for choice in choices:
        for variation in choice.speech_variation or []:
            words = _words(variation)
            if len(words) > longest and f" {words} " in f" {_words(said)} ":
                best, longest = choice, len(words)
    return best


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
