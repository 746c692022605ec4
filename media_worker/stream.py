"""One media stream of one call: what its messages do, and what its handler sees (`dialtone.media.stream`).

What a bad message gets:

1. Not JSON, a member missing or of the wrong type, a frame of another length than the metadata states, metadata for a
   second time: counted and dropped.
2. BAD_LIMIT of these in a row, which is a second of audio: the stream is closed with 1007.
3. A binary message: closed with 1003, for nothing good can follow.
4. Text that is not UTF-8: closed with 1007. A message over the limit, which is 64 KiB until the platform says that
   there are pictures and then 512 KiB: closed with 1009.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final, get_args

from websockets.frames import CloseCode

from dialtone.media import stream as contract
from dialtone.media import wire
from dialtone.media.base64 import encode_bytes
from dialtone.media.messages import (
    AudioFrame,
    AudioMetadata,
    Dtmf,
    KeyFrameNeeded,
    MediaType,
    Message,
    Transcription,
    VideoFrame,
    VideoMetadata,
    VideoSubscription,
    Voice,
    is_key_frame,
)
from dialtone.media.stream import MediaError, StreamClosed
from media_worker.closed import Closed
from media_worker.connection import Link
from media_worker.ears import KeyDetector, VoiceDetector, level, tone
from media_worker.feed import Feed
from media_worker.metrics import Metrics
from media_worker.outbox import Outbox
from media_worker.pictures import Pictures
from media_worker.prompts import Prompts
from media_worker.recorder import Recorder, Recorders
from media_worker.rooms import Room, Rooms
from media_worker.signals import Signals
from media_worker.sound import pcm_of
from media_worker.wheel import Wheel

BAD_LIMIT: Final = 50
"""Bad messages in a row after which a stream is closed."""

FRAMES_KEPT: Final = 50
"""Frames of sound that wait for a slow handler: a second of one speaker."""

EVENTS_KEPT: Final = 64
MAX_PARTICIPANTS: Final = 256

_HEAD: Final = wire.AUDIO_HEAD.encode()
_TAIL: Final = wire.AUDIO_TAIL.encode()
_STOP: Final = wire.STOP_AUDIO.encode()


@dataclass(frozen=True, slots=True)
class Services:
    """What the streams of a process share."""

    wheel: Wheel
    metrics: Metrics
    rooms: Rooms
    signals: Signals | None = None
    recorders: Recorders | None = None
    prompts: Prompts | None = None
    requires_consent: bool = False
    """Whether the bot records nobody who has not agreed."""


class LiveStream(contract.Stream):
    """A stream, as its handler and its link see it.

    `refuse` is told the code and the reason when the peer breaks the wire for good, `fail` what a callback raised;
    both are set by who runs it.
    """

    refuse: Callable[[CloseCode, str], None]
    fail: Callable[[Exception], None]

    def __init__(self, call_id: str, handler: str, metadata: AudioMetadata, services: Services) -> None:
        self.call_id = call_id
        self.handler = handler
        self.metadata = metadata
        self.messages = 0
        """Messages that came, good or bad: an idle stream is one where this stands still."""
        self._services = services
        self._metrics = services.metrics
        self._began = services.prompts.now() if services.prompts is not None else 0.0
        self._link: Link | None = None
        self._size = metadata.frame_bytes
        self._read = wire.Reader().read
        self._bad = 0
        self._closed = Closed()
        self._outbox = Outbox(services.wheel, metadata.frame_bytes, self._write_audio, services.metrics)
        self._audio: Feed[AudioFrame] = Feed(FRAMES_KEPT)
        self._callback: Callable[[AudioFrame], object] | None = None
        self._dtmf: Feed[Dtmf] = Feed(EVENTS_KEPT)
        self._captions: Feed[Transcription] = Feed(EVENTS_KEPT)
        self._pictures = Pictures(services.metrics, self.request_key_frame)
        self._participants: dict[str, None] = {}
        self._roomy = False
        self._first_tick = services.wheel.tick()
        self._recordings: list[Recorder] = []
        self._voices: VoiceDetector | None = None
        self._voice: Feed[Voice] = Feed(EVENTS_KEPT)
        self._keys: dict[str | None, KeyDetector] | None = None
        self._barges_in = False
        self._room: Room | None = None
        self._listens = False
        """Whether somebody besides the handler wants frames."""
        self._last = b""

    # What the link tells.

    def text(self, payload: bytes) -> None:
        """See `Receiver`."""
        self.messages += 1
        try:
            message = self._read(payload)
        except wire.WireError:
            self._count_bad()
            return
        except UnicodeDecodeError:
            self.refuse(CloseCode.INVALID_DATA, "a message is not UTF-8")
            return
        if type(message) is AudioFrame and len(message.pcm) == self._size:
            self._bad = 0
            self._metrics.frames_in += 1
            if message.participant is not None and message.participant not in self._participants:
                self._note(message.participant)
            self._last = message.pcm
            if self._listens:
                self._listen(message)
            if self._callback is not None:
                try:
                    self._callback(message)
                except Exception as error:
                    self._callback = None
                    self.fail(error)
            elif not self._audio.put(message):
                self._metrics.dropped_in += 1
        else:
            self.take(message)

    def _listen(self, frame: AudioFrame) -> None:
        for recording in self._recordings:
            recording.heard(frame)
        if self._room is not None:
            self._room.hear(self, frame)
        if self._voices is not None and (voice := self._voices.hear(frame)) is not None:
            self._voice.put(voice)
            if voice.speaking and self._barges_in and len(self._outbox):
                self.clear()
        if self._keys is not None:
            detector = self._keys.get(frame.participant)
            if detector is None and len(self._keys) < MAX_PARTICIPANTS:
                detector = self._keys[frame.participant] = KeyDetector(self.metadata.sample_rate)
            if detector is not None and (key := detector.hear(frame)) is not None:
                self._dtmf.put(key)

    def take(self, message: Message | None) -> None:
        """Do what a message other than plain sound says."""
        match message:
            case None:
                return
            case Dtmf():
                self._note(message.participant)
                self._dtmf.put(message)
            case Transcription():
                self._note(message.participant)
                self._captions.put(message)
            case VideoMetadata():
                self._note(message.participant)
                self._announce(message)
            case VideoFrame():
                self._note(message.participant)
                self._pictures.take(message)
            case KeyFrameNeeded():
                pass
            case _:
                self._count_bad()
                return
        self._bad = 0

    def binary(self) -> None:
        """See `Receiver`."""
        self._metrics.bad_messages += 1
        self.refuse(CloseCode.UNSUPPORTED_DATA, "a message is binary")

    def too_big(self) -> None:
        """See `Receiver`."""
        self._metrics.bad_messages += 1
        self.refuse(CloseCode.MESSAGE_TOO_BIG, "a message is too big")

    def congested(self, is_so: bool) -> None:
        """See `Receiver`."""
        self._outbox.congested = is_so or self._link is None

    def _count_bad(self) -> None:
        self._metrics.bad_messages += 1
        self._bad += 1
        if self._bad == BAD_LIMIT:
            self.refuse(CloseCode.INVALID_DATA, f"{BAD_LIMIT} bad messages in a row")

    def _note(self, participant: str | None) -> None:
        if participant is not None and len(self._participants) < MAX_PARTICIPANTS:
            self._participants[participant] = None

    def _announce(self, metadata: VideoMetadata) -> None:
        self._pictures.announce(metadata)
        if self._link is not None:
            self._link.limit = wire.MAX_VIDEO_BYTES

    # What the worker does with it.

    def connect(self, link: Link) -> None:
        """Go on over this link."""
        self._link = link
        self._roomy = False
        self._outbox.congested = False
        if self._pictures.sources:
            link.limit = wire.MAX_VIDEO_BYTES
        link.attach(self)

    def disconnect(self) -> Link | None:
        """Go on without a link: what is sent is lost."""
        link, self._link = self._link, None
        self._outbox.congested = True
        return link

    async def finish(self, reason: str) -> None:
        """End it for the handler, and wait until its recordings are stored."""
        self._outbox.close()
        for feed in (self._audio, self._dtmf, self._captions, self._voice, self._pictures):
            feed.end()
        self._callback = None
        self._closed.set(reason)
        for recording in tuple(self._recordings):
            await recording.finish()

    def release(self) -> None:
        """No link tells it anything any more. It then holds nothing that holds it, so that it is freed at once, and not
        by a garbage collection that stops all streams."""
        self.refuse = self.fail = _tell_nobody

    # What the handler sees: the contract is that of `dialtone.media.stream.Stream`.

    @property
    def audio(self) -> AsyncIterator[AudioFrame]:
        """See `Stream`."""
        return self._audio

    @property
    def dtmf(self) -> AsyncIterator[Dtmf]:
        """See `Stream`."""
        return self._dtmf

    @property
    def captions(self) -> AsyncIterator[Transcription]:
        """See `Stream`."""
        return self._captions

    @property
    def video(self) -> AsyncIterator[VideoFrame]:
        """See `Stream`."""
        return self._pictures.feed

    @property
    def voice(self) -> AsyncIterator[Voice]:
        """See `Stream`."""
        self._hear_voices()
        return self._voice

    @property
    def level(self) -> float:
        """See `Stream`."""
        return level(self._last)

    @property
    def participants(self) -> Collection[str]:
        """See `Stream`."""
        return self._participants.keys()

    @property
    def pictures(self) -> Collection[VideoMetadata]:
        """See `Stream`."""
        return self._pictures.sources.values()

    @property
    def dropped(self) -> int:
        """See `Stream`."""
        return self._audio.dropped + self._outbox.dropped

    @property
    def closed(self) -> Closed:
        """See `Stream`."""
        return self._closed

    def on_audio(self, callback: Callable[[AudioFrame], object]) -> None:
        """See `Stream`."""
        # What came before the handler began is not lost.
        for frame in self._audio.take_all():
            callback(frame)
        self._callback = callback

    def send(self, sound: AudioFrame | bytes) -> Awaitable[None]:
        """See `Stream`."""
        return self._outbox.send(sound if type(sound) is bytes else bytes(sound[0]))

    async def play(self, sound: bytes | contract.Uploaded, *, language: str = "") -> bool:
        """See `Stream`."""
        if isinstance(sound, bytes):
            pcm = pcm_of(sound, self.metadata.sample_rate)
        elif self._services.prompts is None:
            raise MediaError("the worker has no storage for prompts; set DIALTONE_STORAGE")
        else:
            pcm = await self._services.prompts.sound(sound, language, self.metadata.sample_rate, self._began)
            self._must_be_open()
        generation = self._outbox.generation
        second = 50 * self._size
        for at in range(0, len(pcm), second):
            await self._outbox.send(pcm[at : at + second])
            if self._outbox.generation != generation:
                return False
        await self._outbox.below(0)
        return self._outbox.generation == generation

    def clear(self) -> int:
        """See `Stream`."""
        self._must_be_open()
        count = self._outbox.clear()
        if self._link is not None:
            self._link.write(_STOP)
        for recording in self._recordings:
            recording.cleared()
        return count

    def barge_in(self, on: bool = True) -> None:
        """See `Stream`."""
        self._barges_in = on
        if on:
            self._hear_voices()

    def hear_keys(self) -> None:
        """See `Stream`."""
        if self._keys is None:
            self._keys = {}
            self._listens = True

    def tone(self, what: str | float, seconds: float = 0.1, volume: float = 0.25) -> bytes:
        """See `Stream`."""
        return tone(what, seconds, self.metadata.sample_rate, volume)

    async def join(self, room: str) -> str:
        """See `Stream`."""
        self._must_be_open()
        self._room = self._services.rooms.enter(room, self)
        self._listens = True
        try:
            return await self._closed
        finally:
            self._room = None
            self._services.rooms.leave(room, self)

    def send_video(
        self,
        picture: VideoFrame | bytes,
        *,
        timestamp: int | None = None,
        media_type: MediaType = MediaType.VIDEO,
    ) -> bool:
        """See `Stream`."""
        self._must_be_open()
        if isinstance(picture, bytes):
            # A tick of the wheel is 5 ms.
            time = (self._services.wheel.tick() - self._first_tick) * 50_000 if timestamp is None else timestamp
            picture = VideoFrame(picture, time, is_key_frame(picture), None, media_type)
        elif timestamp is not None:
            picture = replace(picture, timestamp=timestamp)
        try:
            payload = wire.encode_video(picture)
        except wire.WireError as error:
            raise MediaError(f"{error}; send it at a lower bit rate") from None
        if self._link is None or self._outbox.congested:
            self._metrics.dropped_pictures += 1
            return False
        if not self._roomy:
            self._link.make_room()
            self._roomy = True
        self._metrics.pictures_out += 1
        self._link.write(payload)
        return True

    def subscribe(
        self, participant: str, resolution: str | None = "sd360p", media_type: MediaType = MediaType.VIDEO
    ) -> None:
        """See `Stream`."""
        self._must_be_open()
        try:
            text = wire.encode_subscription(VideoSubscription(participant, resolution, media_type))
        except wire.WireError as error:
            raise MediaError(str(error)) from None
        if self._link is not None:
            self._link.write(text.encode())

    def request_key_frame(self, participant: str | None = None, media_type: MediaType = MediaType.VIDEO) -> None:
        """See `Stream`."""
        self._must_be_open()
        if self._link is not None:
            self._link.write(wire.encode_key_frame_needed(KeyFrameNeeded(participant, media_type)).encode())

    def record(
        self,
        name: str = "stream",
        *,
        dual: bool = False,
        format: contract.RecordingFormat = "wav",
        consent: contract.Consent = "",
        keep: str = "",
    ) -> Recorder:
        """See `Stream`."""
        self._must_be_open()
        if consent not in get_args(contract.Consent):
            raise MediaError(f"{consent!r} is no consent; write given, refused, or nothing where nobody asked")
        if self._services.requires_consent and consent != "given":
            asked = "has refused" if consent else "has not been asked"
            raise MediaError(
                f'the bot records only who agreed, and the caller {asked}; ask, then write consent="given"'
            )
        if self._services.recorders is None:
            raise MediaError("the worker has no storage for recordings; set DIALTONE_STORAGE")
        recording = self._services.recorders.start(
            self, name, dual=dual, format=format, consent=consent, keep=keep, ended=self._recordings.remove
        )
        self._recordings.append(recording)
        self._listens = True
        return recording

    async def signal(self, name: str, data: Any = None) -> None:
        """See `Stream`."""
        if self._services.signals is None:
            raise MediaError(
                "the worker has no address to tell dialogs; set DIALTONE_PUBLIC_URL and DIALTONE_SIGNAL_KEY"
            )
        await self._services.signals.post(self.call_id, name, data)

    def _hear_voices(self) -> None:
        if self._voices is None:
            self._voices = VoiceDetector(self.metadata.sample_rate)
            self._listens = True

    def _must_be_open(self) -> None:
        if self._closed:
            raise StreamClosed("the stream is over")

    def _write_audio(self, pcm: bytes) -> None:
        # Written only while the outbox is not congested, which it is without a link.
        if self._link.write(_HEAD + encode_bytes(pcm) + _TAIL):  # type: ignore[union-attr]
            self._metrics.frames_out += 1
        else:
            self._outbox.drop()
        if self._recordings:
            for recording in self._recordings:
                recording.sent(pcm)


def _tell_nobody(*_: object) -> None:
    pass
