"""What Teams plays and records on a line with media that it hosts (Microsoft Graph, playPrompt and recordResponse).

1. A prompt is a file: WAV, PCM, 16 kHz, 16 bit, mono; any other fails as 8535, one that cannot be fetched as 8536.
2. The files of a command are fetched (`prompt_files`) before the first is heard; those with a known resourceId, only
   once.
3. A recording begins after its beep. It ends with a stop tone, with silence, or after its longest duration; a recording
   in which nothing is said has no sound.
4. What a file says is known to the simulator when its own speech service (`SpeechService`) made it.
"""

import hashlib
import re
from typing import Final

from dialtone.protocol import RecordingFormat
from simulator import audio, speech
from simulator.line import CallOver, Key, Line, Sound, SpeechEnded, SpeechStarted
from simulator.platform import Recording
from simulator.platforms.prompt_files import FileUnavailable, NotPlayable, PromptFiles, file_name, wav_samples
from simulator.platforms.rest import Json
from simulator.platforms.teams_settings import TeamsSettings
from simulator.wire import Wire

_SILENCE: Final = re.compile(r"silence-([0-9]+)\.wav")


class SpeechService:
    """Stands in for Azure's text to speech: SSML in, WAV out. It remembers what each file says."""

    def __init__(self) -> None:
        self._said: dict[bytes, str] = {}

    def speak(self, ssml: str) -> bytes:
        """The file of a text."""
        text, voice = speech.of_ssml(ssml)
        wav = audio.encode(speech.synthesize(text, voice), "wav")
        self._said[hashlib.sha256(wav).digest()] = text
        return wav

    def said(self, wav: bytes) -> str | None:
        """What a file says; None for one that was not made here."""
        return self._said.get(hashlib.sha256(wav).digest())


class MediaFailed(Exception):
    """What cannot be played, by its sub-code."""

    def __init__(self, subcode: int, message: str) -> None:
        super().__init__(message)
        self.subcode = subcode


class TeamsMedia:
    """The media of one call."""

    def __init__(self, line: Line, settings: TeamsSettings, wire: Wire, service: SpeechService) -> None:
        self.recordings: list[Recording] = []
        self._line, self._settings, self._wire, self._service = line, settings, wire, service
        self._cache: dict[str, Sound] = {}

    async def play(self, prompts: list[Json]) -> None:
        """Play files. Raises `MediaFailed`, and `CallOver`."""
        for sound in await self._sounds(prompts):
            await self._line.play(sound)

    async def record(self, data: Json, number: str) -> tuple[str, bytes]:
        """Record: why it ended, which may be with the call, and its file. Raises `MediaFailed`, and `CallOver`."""
        clock, line = self._line.clock, self._line
        await self.play(data.get("prompts") or [])
        if data.get("playBeep", True):
            await line.beep(self._settings.beep_s)
        start = clock.now()
        try:
            reason = await self._until_recorded(data, start)
        except CallOver:
            reason = "mediaReceiveTimeout"
        pcm = line.caller_sound(start, clock.now())
        sound = b""
        if pcm and reason != "initialSilenceTimeout":
            sound = audio.encode(pcm, "wav")
            seconds = round(audio.seconds_of(pcm), 3)
            self.recordings.append(Recording(number, RecordingFormat.WAV, seconds, sound))
            line.ledger.add(
                "platform",
                "recorded",
                operation_id=number,
                seconds=seconds,
                format="wav",
                bytes=len(sound),
                reason=reason,
            )
        return reason, sound

    async def _until_recorded(self, data: Json, start: float) -> str:
        line, stops = self._line, data.get("stopTones") or []
        longest = start + data.get("maxRecordDurationInSeconds", 5)
        quiet_until = start + data.get("initialSilenceTimeoutInSeconds", 5)
        speaking = spoke = line.speaking
        while True:
            signal = await line.next_signal(longest if speaking else min(longest, quiet_until))
            if isinstance(signal, Key) and signal.key in stops:
                return "stopToneDetected"
            if isinstance(signal, SpeechStarted):
                speaking = spoke = True
            elif isinstance(signal, SpeechEnded):
                speaking, quiet_until = False, line.clock.now() + data.get("maxSilenceTimeoutInSeconds", 5)
            elif signal is None:
                if line.clock.now() >= longest:
                    return "maxRecordDurationReached"
                return "maxSilenceTimeout" if spoke else "initialSilenceTimeout"

    async def _sounds(self, prompts: list[Json]) -> list[Sound]:
        """Rule 2."""
        sounds = []
        for prompt in prompts:
            info = prompt["mediaInfo"]
            key = str(info.get("resourceId") or info["uri"])
            if key not in self._cache:
                self._cache[key] = await self._fetched(str(info["uri"]))
            sounds.append(self._cache[key])
        return sounds

    async def _fetched(self, uri: str) -> Sound:
        its = self._settings
        files = PromptFiles(self._line, self._wire, its.prompt_max_bytes, its.prompt_timeout_s, its.prompt_waits_s)
        try:
            data = await files.fetch(uri)
            pcm = wav_samples(data)
        except FileUnavailable as unavailable:
            raise MediaFailed(8536, str(unavailable)) from None
        except NotPlayable as unplayable:
            raise MediaFailed(8535, str(unplayable)) from None
        name = file_name(uri)
        if (silence := _SILENCE.fullmatch(name)) is not None:
            return Sound(pcm, silence_ms=int(silence[1]), timer=True)
        text = self._service.said(data)
        return Sound(pcm, text=text) if text is not None else Sound(pcm, file=name)
