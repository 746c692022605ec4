"""One media stream, as a platform holds it: a WebSocket to the address that the bot gave, for as long as both want it.

   stream = MediaStream(StreamOptions("ws://127.0.0.1:8080/media/call-1?handler=echo"), call_id="call-1")
   task = asyncio.create_task(stream.run())
   stream.push(pcm)                    # from a microphone, as it comes; or stream.say(pcm), all of an utterance
   frame = await stream.pull()         # for a loudspeaker; None when the stream is over
   await stream.close()

1. Sound that is given and taken here is PCM, signed 16 bit little-endian, one channel, 16 kHz, whatever the stream's
   own rate is. It goes out and is heard in frames of 20 ms, 50 a second, from the first moment to the last: what the
   bot sends faster waits, until it is played or the bot takes it back.
2. Mixed, all voices are one; unmixed, the first participant is always told, and of the others the first three who
   speak.
3. The first participant's camera is told unasked; others' when the bot has subscribed to them.
4. A connection that breaks is opened again (`simulator.media.connection`). A stream that the bot closes is over.
5. What the bot sends against the wire is noted in `problems` and changes nothing.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import numpy as np

from dialtone.media import wire
from dialtone.media.messages import (
    FRAME_BYTES,
    TONES,
    AudioFrame,
    Dtmf,
    KeyFrameNeeded,
    MediaType,
    StopAudio,
    Transcription,
    VideoFrame,
    VideoMetadata,
    VideoSubscription,
    is_key_frame,
)
from simulator import audio
from simulator.media.connection import Connection, News, State
from simulator.media.options import MediaFaults, StreamOptions
from simulator.media.sound import Microphone, Playout
from simulator.media.waiting import Waiting
from simulator.media.writing import Writer

FRAME_S: Final = 0.02
SPEAKERS: Final = 4
CALLER: Final = "4:+15550100"
CORRELATION_HEADER: Final = "x-ms-call-correlation-id"
CALL_HEADER: Final = "x-ms-call-connection-id"

_PROBLEMS: Final = 20


class MediaStream:
    """See the rules above.

    `participants` are raw ids, the caller first; `token` makes one for each connection. `told` is called with what
    happens, at once: it is opened, interrupted, reestablished, over; the bot subscribed to somebody's pictures or needs
    a key frame. All of it is used in one event loop.
    """

    def __init__(
        self,
        options: StreamOptions,
        *,
        call_id: str,
        participants: Sequence[str] = (CALLER,),
        token: Callable[[], str] | None = None,
        faults: MediaFaults | None = None,
        told: Callable[[News], None] = lambda _: None,
    ) -> None:
        self.options, self.call_id, self.participants = options, call_id, tuple(participants)
        self.problems: list[str] = []
        self.playout = Playout(FRAME_BYTES[options.rate])
        self.subscriptions: dict[tuple[str, MediaType], str] = {}
        """The resolution that the bot wants to see each participant at."""
        self._faults = faults or MediaFaults()
        self._random = Random(f"media {self._faults.seed} {call_id}")  # noqa: S311
        self._writer = Writer(self._faults.casing)
        self._token, self._tell = token, told
        self._microphones = {who: Microphone(FRAME_BYTES[options.rate]) for who in self.participants}
        self._inward = {who: audio.Resampler(audio.RATE, options.rate) for who in self.participants}
        self._outward = audio.Resampler(options.rate, audio.RATE)
        self._silence = bytes(FRAME_BYTES[options.rate])
        self._cameras: dict[tuple[str, MediaType], VideoMetadata] = {}
        self._loudspeaker: Waiting[bytes] = Waiting()
        self._screen: Waiting[VideoFrame] = Waiting()
        self._began = datetime.now(UTC)
        self._ticks = self._thinned = 0
        self._connection = Connection(
            options.url,
            self._faults,
            self._random,
            headers=self._headers,
            greeting=self._greeting,
            take=self._take,
            told=self._told,
        )

    # What became of it.

    @property
    def state(self) -> State:
        """`new`, `open`, `interrupted` or `over`; it is over when the last that the bot sent was heard."""
        if self.reason == "finished" and not self._loudspeaker.ended.is_set():
            return "open"
        return self._connection.state

    @property
    def reason(self) -> str:
        """Why it is over: `closed` (from here), `finished` (the bot closed it), `refused` (by a status or a code of the
        protocol), `lost` (it could not be opened, or not again). Empty until then."""
        return self._connection.reason

    @property
    def detail(self) -> str:
        """What the bot, or the network, said of that."""
        return self._connection.detail

    @property
    def code(self) -> int | None:
        """The status of HTTP, or the code of closing, that ended it."""
        return self._connection.code

    @property
    def sent(self) -> int:
        """Frames of sound that were handed to the network."""
        return self._connection.sent

    @property
    def lost(self) -> int:
        """Frames of sound that were not: by a fault, or because nobody took them."""
        return self._connection.lost + self._thinned

    @property
    def left(self) -> int:
        """Frames of sound that were not, because the stream ended in order before."""
        return self._connection.left

    # For whoever is at the other end of the line.

    def push(self, pcm: bytes, participant: str | None = None) -> None:
        """What a live microphone hears, any length. What would be later than 200 ms is lost."""
        who = participant or self.participants[0]
        self._microphones[who].live(self._inward[who].feed(pcm))

    def say(self, pcm: bytes, participant: str | None = None) -> None:
        """Something to say from now on, all of it, at the pace of speech."""
        who = participant or self.participants[0]
        self._microphones[who].whole(self._inward[who].feed(pcm))

    async def pull(self) -> bytes | None:
        """The next 20 ms of what the bot says, when they are heard; a second is kept. None when the stream is over."""
        return await self._loudspeaker.take()

    def heard_since(self, played: int) -> bytes:
        """What was heard after frame number `played` (`playout.played` counts them), without silence between."""
        return audio.Resampler(self.options.rate, audio.RATE).feed(self.playout.since(played))

    def press(self, key: str, participant: str | None = None) -> None:
        """Press one of 0-9 * # A B C D. It is not told where the bot did not ask for keys."""
        if key not in TONES:
            raise ValueError(f"{key!r} is not a key")
        if self.options.keys:
            self._connection.write(self._writer.key(Dtmf(key, participant=participant)))

    def camera(
        self,
        width: int,
        height: int,
        fps: float,
        participant: str | None = None,
        media_type: MediaType = MediaType.VIDEO,
    ) -> None:
        """Say what the pictures that follow look like; again when that changes."""
        who = participant or self.participants[0]
        camera = VideoMetadata(width, height, fps, who, media_type)
        self._cameras[who, media_type] = camera
        if self.state == "open":
            self._connection.write(self._writer.camera(camera))

    def show(
        self,
        picture: bytes,
        timestamp: int,
        participant: str | None = None,
        media_type: MediaType = MediaType.VIDEO,
    ) -> bool:
        """Show one access unit of H.264 in Annex B form, after `camera`. Whether the bot sees it (rule 3).

        `timestamp` counts 100 ns.
        """
        who = participant or self.participants[0]
        unasked = who == self.participants[0] and media_type is MediaType.VIDEO
        if self.state != "open" or (who, media_type) not in self._cameras:
            return False
        if not unasked and (who, media_type) not in self.subscriptions:
            return False
        self._connection.write(
            self._writer.picture(VideoFrame(picture, timestamp, is_key_frame(picture), who, media_type))
        )
        return True

    async def next_picture(self) -> VideoFrame | None:
        """The next picture that the bot shows; a second of them is kept. None when the stream is over."""
        return await self._screen.take()

    def request_key_frame(self) -> None:
        """Ask the bot for a picture that stands alone."""
        self._connection.write(self._writer.key_frame_needed(KeyFrameNeeded()))

    def caption(self, caption: Transcription) -> None:
        """Tell the bot what the platform's transcriber understood."""
        self._connection.write(self._writer.transcription(caption))

    async def opened(self) -> bool:
        """Wait until it is open: True; or over before it was: False."""
        await self._connection.began.wait()
        return self._connection.was_open

    async def close(self) -> None:
        """End it, and wait until it is over."""
        self._connection.closing.set()
        await self._loudspeaker.ended.wait()

    # The platform's work.

    async def run(self) -> None:
        """Open the stream and carry it until it is over."""
        pump = asyncio.create_task(self._pump())
        try:
            await self._connection.run()
            if self.reason == "finished":
                # What it sent last is heard, as long as nobody hangs up.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._connection.closing.wait(), len(self.playout) * FRAME_S)
        finally:
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            self._loudspeaker.end()
            self._screen.end()
            self._tell("over")

    def _headers(self) -> dict[str, str]:
        headers = {CALL_HEADER: self.call_id, CORRELATION_HEADER: str(UUID(int=self._random.getrandbits(128)))}
        return headers if self._token is None else {**headers, "Authorization": f"Bearer {self._token()}"}

    def _greeting(self) -> list[str]:
        subscription = str(UUID(int=self._random.getrandbits(128), version=4))
        return [
            self._writer.metadata(subscription, self.options.rate),
            *(f"{{not JSON, number {number}" for number in range(self._faults.garbage)),
            *map(self._writer.camera, self._cameras.values()),
        ]

    def _told(self, news: News) -> None:
        if news != "over":
            self._tell(news)

    # Towards the bot.

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        await self._connection.began.wait()
        due = loop.time()
        while True:
            due += FRAME_S
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._tick()

    def _tick(self) -> None:
        """20 ms pass."""
        time = (self._began + timedelta(milliseconds=20 * self._ticks)).isoformat(timespec="milliseconds")
        self._ticks += 1
        for who, pcm in self._voices() if self._connection.state != "over" else ():
            frame = AudioFrame(pcm or self._silence, time.replace("+00:00", "Z"), who, pcm is None)
            if self._faults.loss and self._random.random() < self._faults.loss:
                self._thinned += 1
            else:
                self._connection.write(self._writer.audio(frame), sound=True)
        heard = self.playout.play()
        if heard is not None:
            self._loudspeaker.put(self._outward.feed(heard))

    def _voices(self) -> list[tuple[str | None, bytes | None]]:
        """Rule 2: who speaks, and what; None for silence."""
        spoken = [(who, each.take()) for who, each in self._microphones.items()]
        if not self.options.mixed:
            first, *others = spoken
            return [first, *[one for one in others if one[1] is not None][: SPEAKERS - 1]]
        voices = [np.frombuffer(pcm, "<i2") for _, pcm in spoken if pcm is not None]
        if not voices:
            return [(None, None)]
        mixed = np.sum(voices, axis=0, dtype=np.int32)
        return [(None, np.clip(mixed, -32768, 32767).astype("<i2").tobytes())]

    def _take(self, text: str | bytes) -> None:
        if isinstance(text, bytes):
            self._problem("it sent a binary message")
            return
        try:
            message = wire.parse(text)
        except wire.WireError as error:
            self._problem(f"it sent a message that is wrong: {error}")
            return
        if len(text) > wire.MAX_MESSAGE_BYTES and not isinstance(message, VideoFrame):
            self._problem(f"it sent a message of {len(text)} bytes; {wire.MAX_MESSAGE_BYTES} are allowed")
            return
        match message:
            case AudioFrame():
                if self.options.bidirectional:
                    self.playout.put(message.pcm)
                else:
                    self._problem("it sent sound to a stream that is not bidirectional")
            case StopAudio():
                self.playout.stop()
            case VideoFrame():
                self._screen.put(message)
            case VideoSubscription():
                key = message.participant, message.media_type
                self.subscriptions.pop(key, None)
                if message.resolution is not None:
                    self.subscriptions[key] = message.resolution
                self._tell("subscribed")
            case KeyFrameNeeded():
                self._tell("key_frame_needed")
            case _:
                self._problem("it sent a message that only a platform sends, or of an unknown kind")

    def _problem(self, text: str) -> None:
        if text not in self.problems and len(self.problems) < _PROBLEMS:
            self.problems.append(text)
