"""What ACS plays and recognizes on a line, and what it says of it (Call Automation, play and recognize actions).

1. Sources are fetched (`prompt_files`) or made before the first is heard. A file is WAV, PCM, 16 kHz, 16 bit, mono, or
   MP3.
2. Speech, spoken or recognized, needs the address of an AI services resource that was given when the call was answered.
3. A key, or speech, cuts the prompt of a recognition off when `interruptPrompt` is true; by default it is false. What
   comes before the end of a prompt that is not cut off is lost.
4. dtmf: until a stop tone, which is among the tones; the maximum; or the time between two. choices: one key or one
   utterance decides, whichever ends first. speech: until there was silence after speech; speechOrDtmf: until either.
5. Sub-codes are those of "Troubleshooting response codes". The time-out between tones is a failure with the tones that
   came, where the pages contradict each other.
"""

import re
from dataclasses import replace
from math import inf
from typing import Any, Final

from simulator import audio, speech
from simulator.line import Cuts, Key, Line, Listening, Signal, Sound, SpeechEnded, SpeechStarted
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.acs_wire import result
from simulator.platforms.prompt_files import FileUnavailable, NotPlayable, PromptFiles, file_name, wav_samples
from simulator.platforms.rest import Json
from simulator.wire import Wire

TONES: Final = dict(
    zip(
        "0123456789ABCD#*",
        ("zero one two three four five six seven eight nine a b c d pound asterisk").split(),  # noqa: SIM905
        strict=True,
    )
)
"""The platform's names for keys."""

Event = tuple[str, Json]
"""Type and data of an event."""


class MediaFailed(Exception):
    """What cannot be played: code, sub-code and the number of the source."""

    def __init__(self, code: int, sub_code: int, message: str, source: int = 0) -> None:
        super().__init__(message)
        self.data = {**result(code, sub_code, message), "failedPlaySourceIndex": source}


class AcsMedia:
    """The media of one call. `speaks` says whether it has AI services."""

    def __init__(self, line: Line, settings: AcsSettings, wire: Wire) -> None:
        self.speaks = False
        self._line, self._settings, self._wire = line, settings, wire

    async def play(self, sources: list[Json]) -> Event:
        """Play to all."""
        try:
            for sound in await self._sounds(sources):
                await self._line.play(sound)
        except MediaFailed as failed:
            return "PlayFailed", failed.data
        return "PlayCompleted", result(200, 0, "Action completed successfully.")

    async def recognize(self, data: Json) -> Event:
        """Play the prompt, then recognize."""
        try:
            return await self._recognize(data)
        finally:
            self._listen_for(Listening())

    def _listen_for(self, what: Listening) -> None:
        """Tell who has an ear on the line; that it is recorded is told by the recorder."""
        self._line.listen_for(replace(what, recording=self._line.listening.recording))

    async def _recognize(self, data: Json) -> Event:
        options: Json = data.get("recognizeOptions") or {}
        kind = data["recognizeInputType"]
        prompts = data.get("playPrompts") or ([data["playPrompt"]] if data.get("playPrompt") else [])
        if kind != "dtmf" and not self.speaks:
            return "RecognizeFailed", result(405, 8522, "no AI services were given when the call was answered")
        by_key, by_speech = kind != "speech", kind != "dtmf"

        def cuts(signal: Signal) -> bool:
            return (by_key and isinstance(signal, Key)) or (by_speech and isinstance(signal, SpeechStarted))

        try:
            sounds = await self._sounds(prompts)
        except MediaFailed as failed:
            return "RecognizeFailed", failed.data
        if prompts:
            self._line.listen()
        listening = _listening(kind, options)
        if options.get("interruptPrompt"):
            self._listen_for(listening)
        first = None
        for sound in sounds:
            first = await self._line.play(sound, cuts if options.get("interruptPrompt") else None)
            if first is not None:
                break
        self._listen_for(listening)
        silence = options.get("initialSilenceTimeoutInSeconds")
        until = self._line.clock.now() + (self._settings.initial_silence_s if silence is None else silence)
        if first is None and not (by_speech and self._line.speaking):
            first = await self._next(cuts, until)
            if first is None:
                return "RecognizeFailed", result(400, 8510, "Action failed, initial silence timeout reached.")
        if isinstance(first, Key):
            if kind == "choices":
                return self._chosen_by_key(options, TONES[first.key])
            return await self._tones(options, first)
        if kind != "choices":
            return self._understood(*await self._speech(options))
        said, tone = await self._speech({"dtmfOptions": {"stopTones": list(TONES.values())}})
        return self._chosen_by_key(options, tone) if tone else self._chosen_by_word(options, said)

    async def _next(self, wanted: Cuts, until: float) -> Signal | None:
        while (signal := await self._line.next_signal(until)) is not None:
            if wanted(signal):
                return signal
        return None

    async def _next_key(self, until: float) -> Key | None:
        while (signal := await self._line.next_signal(until)) is not None:
            if isinstance(signal, Key):
                return signal
        return None

    async def _tones(self, options: Json, first: Key) -> Event:
        """Rule 4, dtmf."""
        dtmf: Json = options.get("dtmfOptions") or {}
        stop, most = dtmf.get("stopTones") or [], dtmf.get("maxTonesToCollect") or inf
        between = dtmf.get("interToneTimeoutInSeconds") or self._settings.inter_tone_s
        tones: list[str] = []
        signal = first
        code = 8531
        while len(tones) < most:
            tones.append(TONES[signal.key])
            if tones[-1] in stop:
                code = 8514
                break
            if len(tones) < most:
                key = await self._next_key(self._line.clock.now() + between)
                if key is None:
                    code = 8532
                    break
                signal = key
        heard = {"recognitionType": "dtmf", "dtmfResult": {"tones": tones}}
        if code == 8532:
            return "RecognizeFailed", {
                **heard,
                **result(400, 8532, "Action failed, inter-digit silence timeout reached."),
            }
        return "RecognizeCompleted", {**heard, **result(200, code, "Action completed.")}

    async def _speech(self, options: Json) -> tuple[str, str]:
        """What is said, until there is silence after it, or the stop tone that ended it."""
        end: Json = options.get("speechOptions") or {}
        stop = (options.get("dtmfOptions") or {}).get("stopTones") or ()
        silence_s = (end.get("endSilenceTimeoutInMs") or self._settings.end_silence_s * 1000) / 1000
        said: list[str] = []
        speaking, until = True, inf
        while (signal := await self._line.next_signal(inf if speaking else until)) is not None:
            if isinstance(signal, SpeechStarted):
                speaking = True
            elif isinstance(signal, SpeechEnded):
                said.append(signal.text)
                speaking, until = False, self._line.clock.now() + silence_s
            elif TONES[signal.key] in stop:
                return " ".join(said), TONES[signal.key]
        return " ".join(said), ""

    @staticmethod
    def _understood(said: str, tone: str) -> Event:
        if tone:
            heard: Json = {"recognitionType": "dtmf", "dtmfResult": {"tones": [tone]}}
            return "RecognizeCompleted", {**heard, **result(200, 8514, "Action completed, stop tone detected.")}
        heard = {"recognitionType": "speech", "speechResult": {"speech": said, "confidence": 0.9}}
        return "RecognizeCompleted", {**heard, **result(200, 8569, "Action completed, speech recognized.")}

    @staticmethod
    def _chosen_by_key(options: Json, tone: str) -> Event:
        label = next((each["label"] for each in options.get("choices") or () if each.get("tone") == tone), None)
        if label is None:
            return "RecognizeFailed", result(400, 8534, "Action failed, incorrect tone entered.")
        heard = {"recognitionType": "choices", "choiceResult": {"label": label}}
        return "RecognizeCompleted", {**heard, **result(200, 8533, "Action completed, DTMF option matched.")}

    @staticmethod
    def _chosen_by_word(options: Json, said: str) -> Event:
        found = [
            (len(_words(phrase)), each["label"], phrase)
            for each in options.get("choices") or ()
            for phrase in each.get("phrases") or ()
            if f" {_words(phrase)} " in f" {_words(said)} "
        ]
        if not found:
            return "RecognizeFailed", result(400, 8547, "Action failed, speech option not matched.")
        _, label, phrase = max(found)
        chosen = {"label": label, "recognizedPhrase": phrase, "confidence": 0.9}
        heard = {"recognitionType": "choices", "choiceResult": chosen}
        return "RecognizeCompleted", {**heard, **result(200, 8545, "Action completed, speech option matched.")}

    async def _sounds(self, sources: list[Json]) -> list[Sound]:
        """Rules 1 and 2."""
        sounds = []
        for number, source in enumerate(sources):
            if source["kind"] == "file":
                uri = source["file"]["uri"]
                sounds.append(Sound(await self._file(uri, number), file=file_name(uri)))
                continue
            text, voice = _text_of(source)
            if not self.speaks:
                raise MediaFailed(405, 8522, "no AI services were given when the call was answered", number)
            if not text.strip():
                raise MediaFailed(400, 8582, "the text is empty", number)
            sounds.append(Sound(speech.synthesize(text, voice), text=text))
        return sounds

    async def _file(self, uri: str, number: int) -> bytes:
        """The samples of a file."""
        its = self._settings
        files = PromptFiles(self._line, self._wire, its.prompt_max_bytes, its.prompt_timeout_s, its.prompt_waits_s)
        try:
            data = await files.fetch(uri)
            return wav_samples(data) if data[:4] == b"RIFF" else audio.decode(data, ("mp3",))
        except FileUnavailable as unavailable:
            raise MediaFailed(400, 8536, str(unavailable), number) from None
        except NotPlayable as unplayable:
            raise MediaFailed(400, 8535, str(unplayable), number) from None
        except audio.AudioError as error:
            raise MediaFailed(400, 8535, f"the file is no WAV and no MP3: {error}", number) from None


def _text_of(source: Json) -> tuple[str, Any]:
    """The words of a source, and their voice."""
    if source["kind"] == "ssml":
        ssml = source["ssml"]["ssmlText"]
        words = re.sub(r"<[^>]*>", "", ssml).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
        return words.replace("&#x27;", "'").replace("&amp;", "&"), speech.FEMALE if "Ava" in ssml else speech.MALE
    text = source["text"]
    return text["text"], speech.FEMALE if text.get("voiceKind") == "female" else speech.MALE


def _listening(kind: str, options: Json) -> Listening:
    """The keys and the words that decide a recognition."""
    keys = {tone: key for key, tone in TONES.items()}
    if kind == "choices":
        choices = options.get("choices") or ()
        pressed = tuple(keys[each["tone"]] for each in choices if each.get("tone") in keys)
        return Listening(pressed, tuple(phrase for each in choices for phrase in each.get("phrases") or ()))
    if kind == "speech":
        return Listening()
    dtmf: Json = options.get("dtmfOptions") or {}
    stop = tuple(keys[tone] for tone in dtmf.get("stopTones") or () if tone in keys)
    return Listening(stop if kind == "speechOrDtmf" and stop else tuple("0123456789*#"))


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
