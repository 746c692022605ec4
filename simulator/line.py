"""The line of one call, between a platform and a caller.

1. What the caller sends (keys, speech) reaches the platform as signals, in order. A signal that comes while nothing
   listens is lost: whether the real platform kept keys typed ahead is not documented.
2. What the caller says is kept as sound on the line's own time, so a recording holds exactly what was on the line.
   A script's caller says a whole utterance; a microphone's sound comes in pieces as it is picked up, and whoever has
   the microphone says when speech begins and ends.
3. Either side ends the call with `hang_up`, and the line does at its maximum length. From then on every wait on
   either side raises `CallOver`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import numpy as np

from simulator import audio
from simulator.clock import Bell, Clock
from simulator.ledger import Ledger

if TYPE_CHECKING:
    from simulator.media.stream import MediaStream

Party = Literal["bot", "caller", "platform"]

LIVE_KEPT_S: Final = 900.0
"""How much of a microphone's sound is kept: longer than the longest recording."""
LIVE_GAP_S: Final = 1.0
"""A piece of sound that comes so much too late does not go on where the last one ended: the microphone was off."""


class CallOver(Exception):
    """Somebody hung up."""


@dataclass(frozen=True)
class Key:
    """The caller pressed a key: one of 0-9 * # A B C D."""

    key: str


@dataclass(frozen=True)
class SpeechStarted:
    """The caller began to speak."""


@dataclass(frozen=True)
class SpeechEnded:
    """The caller stopped speaking; `text` is what was said."""

    text: str


Signal = Key | SpeechStarted | SpeechEnded
Cuts = Callable[[Signal], bool]


@dataclass(frozen=True)
class Sound:
    """One thing to hear: a text, a file (its base name), or silence, and its PCM."""

    pcm: bytes
    text: str | None = None
    file: str | None = None
    silence_ms: int | None = None
    timer: bool = False
    """Whether it is silence by which the bot keeps the time of a question, where the platform does not."""

    @property
    def seconds(self) -> float:
        """Its length."""
        return audio.seconds_of(self.pcm)


@dataclass
class Heard:
    """What the caller hears or heard; `end` is None while it goes on, `cut` when it was not heard to its end."""

    sound: Sound
    start: float
    end: float | None = None
    cut: bool = False


@dataclass(frozen=True)
class Listening:
    """What the platform listens for: keys, and words that would be understood; or what it records."""

    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    recording: bool = False


class Ear(Protocol):
    """Who hears a line as it sounds, and not only what was heard."""

    def answered(self) -> None:
        """The call is answered."""

    def sounds(self, sound: Sound) -> None:
        """A sound begins."""

    def silenced(self, *, cut: bool) -> None:
        """The sound has ended, or was cut off."""

    def listening(self, what: Listening) -> None:
        """The platform listens for something else from now on."""

    def streams(self, stream: "MediaStream") -> None:
        """The bot has opened a media stream: what it says comes there."""

    def over(self) -> None:
        """Somebody hung up."""


class Line:
    """One call's line. `max_seconds` is how long a call may last."""

    def __init__(self, clock: Clock, ledger: Ledger, max_seconds: float = inf) -> None:
        self.clock = clock
        self.ledger = ledger
        self.heard: list[Heard] = []
        self.speaking = False
        self.over_by: Party | None = None
        self._stream: MediaStream | None = None
        self._ends_at = clock.now() + max_seconds
        self._signals: deque[Signal] = deque()
        self._utterances: list[tuple[float, bytes]] = []
        self._platform_bell = Bell()
        self._caller_bell = Bell()
        self._live: deque[tuple[float, bytes]] = deque()
        self._live_end = -inf
        self.taps: list[Callable[[Signal], None]] = []
        """Told each signal of the caller as it comes, whoever listens."""
        self.ear: Ear | None = None
        self.listening = Listening()
        """What `listen_for` was told last."""

    @property
    def stream(self) -> "MediaStream | None":
        """The media stream that the bot asked for last. What the caller says and presses goes into it too."""
        return self._stream

    @stream.setter
    def stream(self, stream: "MediaStream | None") -> None:
        self._stream = stream
        if self.ear is not None and stream is not None:
            self.ear.streams(stream)

    @contextmanager
    def life(self, counts: Callable[[], Mapping[str, int]], **about: Any) -> Iterator[None]:
        """Note that a platform's call starts, with what is `about` it, and how it ended, with `counts`."""
        began = self.clock.now()
        self.ledger.add("platform", "call.started", **about)
        yield
        seconds = round(self.clock.now() - began, 3)
        self.ledger.add("platform", "call.ended", by=self.over_by, seconds=seconds, **counts())

    def hang_up(self, by: Party) -> None:
        """End the call. The first to hang up has ended it."""
        if self.over_by is None:
            self.over_by = by
            self.ledger.add(by, "hung_up", by=by)
            if self.ear is not None:
                self.ear.over()
            self._platform_bell.ring()
            self._caller_bell.ring()

    # The platform's side.

    def answer(self) -> None:
        """The bot takes the call."""
        self.ledger.add("platform", "answered")
        if self.ear is not None:
            self.ear.answered()

    def listen_for(self, what: Listening) -> None:
        """Say what the platform listens for from now on."""
        self.listening = what
        if self.ear is not None:
            self.ear.listening(what)

    async def next_signal(self, until: float = inf) -> Signal | None:
        """The caller's next signal, or None when there is none `until` that time."""
        while True:
            if self.clock.now() >= self._ends_at:
                self.hang_up("platform")
            self._check_open()
            if self._signals:
                return self._signals.popleft()
            if self.clock.now() >= until:
                return None
            await self.clock.wait(self._platform_bell, min(until, self._ends_at))

    async def ended(self) -> None:
        """Wait until the call is over."""
        while self.over_by is None:
            await self.clock.wait(self._platform_bell, self._ends_at)
            if self.clock.now() >= self._ends_at:
                self.hang_up("platform")

    def listen(self) -> None:
        """Begin to listen: what the caller sent before is lost."""
        self._signals.clear()

    async def quiet(self, seconds: float) -> None:
        """Let time pass without listening."""
        until = self.clock.now() + seconds
        while await self.next_signal(until) is not None:
            pass

    async def play(self, sound: Sound, cuts: Cuts | None = None) -> Signal | None:
        """Play a sound to the caller: None when it ended, or the signal that cut it off. Other signals are lost."""
        self._check_open()
        heard = Heard(sound, self.clock.now())
        self.heard.append(heard)
        if self.ear is not None:
            self.ear.sounds(sound)
        self._caller_bell.ring()
        until = heard.start + sound.seconds
        try:
            while (signal := await self.next_signal(until)) is not None:
                if cuts is not None and cuts(signal):
                    return signal
            return None
        finally:
            heard.end = self.clock.now()
            heard.cut = heard.end < until
            if self.ear is not None:
                self.ear.silenced(cut=heard.cut)
            what = {
                "text": sound.text,
                "file": sound.file,
                "silence_ms": sound.silence_ms,
                "timer": sound.timer or None,
            }
            self.ledger.add(
                "caller",
                "heard",
                **{name: value for name, value in what.items() if value is not None},
                start=self.ledger.since_start(heard.start),
                seconds=round(heard.end - heard.start, 3),
                cut=heard.cut,
            )
            self._caller_bell.ring()

    async def beep(self, seconds: float) -> None:
        """Sound the beep before a recording, which a caller hears as the file `beep`."""
        self.ledger.add("platform", "beep", seconds=seconds)
        tone = Sound(audio.tone(seconds), file="beep")
        if self.ear is not None:
            self.ear.sounds(tone)
        beep = Heard(tone, self.clock.now())
        self.heard.append(beep)
        await self.quiet(seconds)
        beep.end = self.clock.now()
        self._caller_bell.ring()

    def caller_sound(self, start: float, end: float) -> bytes:
        """What came from the caller between two times: speech, and digital silence between."""
        mixed = np.zeros(round((end - start) * audio.RATE), dtype=np.int32)
        for at, pcm in (*self._utterances, *self._live):
            offset = round((at - start) * audio.RATE)
            said = np.frombuffer(pcm, dtype="<i2")[max(0, -offset) : max(0, len(mixed) - offset)]
            mixed[max(0, offset) : max(0, offset) + len(said)] += said
        return mixed.clip(-32768, 32767).astype("<i2").tobytes()

    def spoken(self, start: float, end: float) -> float:
        """For how many seconds the caller spoke between two times."""
        spoken = ((at, at + audio.seconds_of(pcm)) for at, pcm in self._utterances)
        return round(sum(max(0.0, min(end, ended) - max(start, began)) for began, ended in spoken), 3)

    # The caller's side.

    async def news(self, until: float = inf) -> None:
        """Wait until what is heard changes, or `until` that time."""
        self._check_open()
        await self.clock.wait(self._caller_bell, until)

    def changed(self) -> None:
        """Wake whoever waits for news: something may have come by the stream."""
        self._caller_bell.ring()

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        until = self.clock.now() + seconds
        self._check_open()
        while self.clock.now() < until:
            await self.clock.wait(self._caller_bell, until)
            self._check_open()

    def press(self, key: str) -> None:
        """Press one key."""
        self._check_open()
        self.ledger.add("caller", "pressed", key=key)
        if self.stream is not None:
            self.stream.press(key)
        self._send(Key(key))

    async def speak(self, pcm: bytes, text: str, who: str | None = None) -> None:
        """Say something; returns when it is said. `who` speaks in a group call, if it is not the caller."""
        start = self.begin_speech()
        if self.stream is not None:
            self.stream.say(pcm, who)
        self._utterances.append((start, pcm))
        try:
            await self.pause(audio.seconds_of(pcm))
        finally:
            self._spoke(start, text, who)
        self._send(SpeechEnded(text))

    def begin_speech(self) -> float:
        """The caller begins to speak: when that is. What is said comes by `carry`; `end_speech` ends it."""
        self._check_open()
        self.speaking = True
        self._send(SpeechStarted())
        return self.clock.now()

    def end_speech(self, start: float, text: str) -> None:
        """The caller has said `text`, which began at `start`; empty when nobody knows what it was."""
        self._spoke(start, text)
        self._send(SpeechEnded(text))

    def carry(self, pcm: bytes) -> None:
        """A piece of a microphone's sound, which has just ended."""
        if self.stream is not None:
            self.stream.push(pcm)
        now = self.clock.now()
        start = now - audio.seconds_of(pcm)
        # Pieces come late when a machine is busy, and then too many at once; a microphone has no gaps.
        if start - self._live_end < LIVE_GAP_S:
            start = self._live_end
        self._live.append((start, pcm))
        self._live_end = start + audio.seconds_of(pcm)
        while self._live[0][0] < now - LIVE_KEPT_S:
            self._live.popleft()

    def _spoke(self, start: float, text: str, who: str | None = None) -> None:
        self.speaking = False
        self.ledger.add(
            "caller",
            "spoke",
            text=text,
            start=self.ledger.since_start(start),
            seconds=round(self.clock.now() - start, 3),
            **({} if who is None else {"participant": who}),
        )

    def _send(self, signal: Signal) -> None:
        self._signals.append(signal)
        for tap in self.taps:
            tap(signal)
        self._platform_bell.ring()

    def _check_open(self) -> None:
        if self.over_by is not None:
            raise CallOver
