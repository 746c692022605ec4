"""A person at the phone page, as a caller on a line.

1. What is typed to be said is spoken in a synthetic voice, and takes the time that it takes to say.
2. A microphone is always on the line: a recording holds what it picked up. That somebody speaks is a signal only while
   the platform records, or listens for words that somebody here can recognise: else any noise would cut a prompt off.
3. While the bot has a media stream, what it says is heard as it comes, and pictures go both ways.
4. Recognised words count once the person has said that they are what was said; until then the platform takes it that
   the caller still speaks.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from simulator import speech
from simulator.line import CallOver, Line, Listening, Sound
from simulator.media.stream import MediaStream
from simulator.phone.loudspeaker import Loudspeaker
from simulator.phone.voice import Change, Voice

Show = Callable[..., None]
"""Tells the page something: its type, and its members."""


class Ears(Protocol):
    """Recognises speech."""

    def recognise(self, pcm: bytes, words: tuple[str, ...]) -> str:
        """Which of `words` was said, or an empty text. Takes a while: for a thread."""


class PhoneCaller:
    """The person. `show` tells the page what happens, `loudspeaker` lets it sound, `screen` shows it a picture of the
    bot's: an access unit, its timestamp, and whether it is a key frame. Without `ears` words are typed.
    """

    def __init__(
        self, show: Show, loudspeaker: Loudspeaker, screen: Callable[[bytes, int, bool], None], ears: Ears | None
    ) -> None:
        self._show = show
        self._screen = screen
        self._loudspeaker = loudspeaker
        self._ears = ears
        self._line: Line | None = None
        self._voice = Voice()
        self._listening = Listening()
        self._sayings: asyncio.Queue[str | None] = asyncio.Queue()
        self._speaks_since: float | None = None
        self._recognition: asyncio.Task[None] | None = None
        self._answer: asyncio.Future[bool] | None = None
        self._playing: list[asyncio.Task[None]] = []

    async def run(self, line: Line) -> None:
        """Take part in the call until it is over."""
        try:
            while (text := await self._sayings.get()) is not None:
                pcm = await asyncio.to_thread(speech.synthesize, text, speech.CALLER)
                await line.speak(pcm, text)
        except CallOver:
            pass
        finally:
            line.ear = None
            for playing in self._playing:
                playing.cancel()
            self._stop_recognising()

    def join(self, line: Line) -> None:
        """Listen to a line; before `run`."""
        self._line = line
        line.ear = self

    # What the person does.

    def press(self, key: str) -> None:
        """Press a key."""
        if self._line is not None and self._line.over_by is None:
            self._line.press(key)

    def say(self, text: str) -> None:
        """Say a text, after those before it."""
        self._sayings.put_nowait(text)

    def hang_up(self) -> None:
        """End the call."""
        if self._line is not None:
            self._line.hang_up("caller")

    def understood(self, *, ok: bool) -> None:
        """Say whether the recognised words are what was said."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(ok)

    def microphone(self, pcm: bytes) -> None:
        """What the microphone picked up."""
        line = self._line
        if line is None or line.over_by is not None:
            return
        line.carry(pcm)
        change = self._voice.hear(pcm)
        if change is Change.BEGAN:
            self._begin()
        elif change is Change.ENDED and self._speaks_since is not None and self._recognition is None:
            if self._listening.words and self._ears is not None:
                self._recognition = asyncio.create_task(self._recognise(bytes(self._voice.said), self._ears))
            else:
                self._end("")

    def camera(self, width: int, height: int, fps: float) -> None:
        """Say what the pictures of the camera look like."""
        if self._line is not None and self._line.stream is not None:
            self._line.stream.camera(width, height, fps)

    def picture(self, data: bytes, timestamp: int) -> None:
        """Show the bot a picture."""
        if self._line is not None and self._line.stream is not None:
            self._line.stream.show(data, timestamp)

    # What the line does.

    def answered(self) -> None:
        """See `simulator.line.Ear`."""
        self._show("answered")

    def sounds(self, sound: Sound) -> None:
        """See `simulator.line.Ear`."""
        what: dict[str, Any] = {"text": sound.text, "file": sound.file}
        self._show("sounds", **{name: value for name, value in what.items() if value}, seconds=round(sound.seconds, 3))
        if sound.silence_ms is None:
            self._loudspeaker.play(sound.pcm)

    def silenced(self, *, cut: bool) -> None:
        """See `simulator.line.Ear`."""
        if cut:
            self._loudspeaker.stop()
        self._show("silenced", cut=cut)

    def listening(self, what: Listening) -> None:
        """See `simulator.line.Ear`."""
        if what == self._listening:
            return
        self._listening = what
        self._show("listening", keys=what.keys, words=what.words, recording=what.recording)
        if not self._attends:
            self._stop_recognising()
            self._end("")
        elif self._voice.speaking:
            self._begin()

    def streams(self, stream: MediaStream) -> None:
        """See `simulator.line.Ear`."""
        self._playing = [asyncio.create_task(self._play(stream)), asyncio.create_task(self._watch(stream))]

    def over(self) -> None:
        """See `simulator.line.Ear`."""
        self._loudspeaker.stop()
        self._sayings.put_nowait(None)
        self._end("")

    # Rules 2 and 4.

    async def _play(self, stream: MediaStream) -> None:
        self._show("live", on=True)
        try:
            while (pcm := await stream.pull()) is not None:
                self._loudspeaker.live(pcm)
        finally:
            self._show("live", on=False)

    async def _watch(self, stream: MediaStream) -> None:
        while (picture := await stream.next_picture()) is not None:
            self._screen(picture.data, picture.timestamp, picture.key)

    @property
    def _attends(self) -> bool:
        return self._listening.recording or (self._ears is not None and bool(self._listening.words))

    def _begin(self) -> None:
        assert self._line is not None
        if self._attends and self._speaks_since is None and not self._line.speaking:
            self._speaks_since = self._line.begin_speech()

    def _end(self, text: str) -> None:
        since, self._speaks_since = self._speaks_since, None
        if since is not None:
            assert self._line is not None
            self._line.end_speech(since, text)

    async def _recognise(self, pcm: bytes, ears: Ears) -> None:
        text = await asyncio.to_thread(ears.recognise, pcm, self._listening.words)
        if text:
            self._answer = asyncio.get_running_loop().create_future()
            self._show("confirm", text=text)
            if not await self._answer:
                text = ""
        else:
            self._show(
                "problem", message="That was none of the words that the bot listens for. Say one, or press a key."
            )
        self._recognition = None
        self._end(text)

    def _stop_recognising(self) -> None:
        if self._recognition is not None:
            self._recognition.cancel()
            self._recognition = None
            self._show("confirm", text="")
