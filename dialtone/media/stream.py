"""What a media handler is given: the stream of one call, both ways.

    @bot.media("echo")
    async def echo(stream: Stream) -> None:
        async for frame in stream.audio:
            await stream.send(frame)

1. The handler runs as long as it wants the stream: when it returns, the stream is closed. When the stream ends first,
   the iterators end, and what waits or sends raises StreamClosed; a handler that goes on for more than 5 seconds then
   is cancelled.
2. Nothing here waits for a slow handler: of what it does not take, the oldest is dropped and counted (`dropped`).
3. What is sent is played by the platform in order. It goes out as fast as it is played: 60 ms ahead of it at most for
   what is queued, and at once for up to 25 frames that are sent one by one when nothing is queued.
4. A platform that breaks the connection and comes again within 10 seconds finds the same handler at work. What was to
   be sent meanwhile is dropped and counted.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any, Literal, Protocol

from dialtone.media.messages import (
    AudioFrame,
    AudioMetadata,
    Dtmf,
    MediaType,
    Transcription,
    VideoFrame,
    VideoMetadata,
    Voice,
)

Consent = Literal["", "given", "refused"]
"""What a caller said to being recorded; empty where nobody asked."""

RecordingFormat = Literal["wav", "mp3"]


class Uploaded(Protocol):
    """A prompt that operators may have uploaded: `dialtone.Prompt` is one. Its text is not spoken here."""

    @property
    def name(self) -> str:
        """Under which it is uploaded."""

    @property
    def silence_ms(self) -> int | None:
        """Silence that comes before it."""


class StreamClosed(Exception):
    """The stream is over, so nothing can be sent. A handler may let it pass; it is not counted as a failure."""


class MediaError(Exception):
    """What was asked of a stream cannot be done, such as sending a picture of more than 384 KiB.

    The text says why, and what to do instead. The stream goes on.
    """


class SignalFailed(MediaError):
    """The call's dialog could not be told: nobody answered in time, or the signal was refused."""


class Closed(Protocol):
    """Whether a stream is over: false until it is, `await` waits for it and gives the reason.

    Reasons: `finished` (the handler returned), `closed` (the platform ended it), `lost` (the connection broke and did
    not come back), `failed` (the handler raised), `refused` (the platform broke the wire), `replaced`, `idle`,
    `expired` (the longest time was reached), `stopping` (the worker was told to stop).
    """

    def __bool__(self) -> bool: ...

    def __await__(self) -> Any: ...


class Recorder(Protocol):
    """A recording that is being made."""

    path: str
    """Where the blob is, in the container `recordings`."""

    @property
    def seconds(self) -> float:
        """How long it is so far."""

    async def stop(self) -> float:
        """End it, wait until all of it is stored, and return its length in seconds. Raises MediaError."""


class Stream(Protocol):
    """One call's sound and pictures, both ways: what a function of `@bot.media` is given.

    What comes is read from iterators (`audio`, `dtmf`, `video`, `captions`, `voice`), which end with the stream. What
    is sent is played in order. The rules at the top of `dialtone.media.stream` say what happens to a handler that is
    slow, and when the stream ends.
    """

    call_id: str
    handler: str
    """The name that the stream asked for."""
    metadata: AudioMetadata
    """The format of the sound, both ways."""

    @property
    def audio(self) -> AsyncIterator[AudioFrame]:
        """The frames that come, each once; at most a second of them is kept for a slow handler."""

    @property
    def dtmf(self) -> AsyncIterator[Dtmf]:
        """The keys that are pressed, as far as the platform says them; at most 64 are kept."""

    @property
    def captions(self) -> AsyncIterator[Transcription]:
        """What the platform's transcriber understood, from the call's own stream or one that it opens for text."""

    @property
    def video(self) -> AsyncIterator[VideoFrame]:
        """The pictures that come; at most 30 are kept. After a loss the next one is a key frame, which is asked for."""

    @property
    def voice(self) -> AsyncIterator[Voice]:
        """Who begins and who ends to speak: 60 ms of speech, half a second without. It is listened for from here on."""

    @property
    def level(self) -> float:
        """How loud the last frame was, in dB of full scale: 0 is the loudest, -96 is silence."""

    @property
    def participants(self) -> Collection[str]:
        """Raw ids of all who were heard, seen or pressed a key, in the order of their first appearance; 256 at most.
        Empty as long as the platform mixes them."""

    @property
    def pictures(self) -> Collection[VideoMetadata]:
        """What the platform said of each source of pictures."""

    @property
    def dropped(self) -> int:
        """Frames of sound that were lost on the way in or out because somebody was too slow."""

    @property
    def closed(self) -> Closed:
        """`if stream.closed`, `reason = await stream.closed`."""

    def on_audio(self, callback: Callable[[AudioFrame], object]) -> None:
        """Call this for each frame the moment it comes, in place of `audio`.

        It must not block. What it raises ends the stream as what the handler raises does.
        """

    def send(self, sound: AudioFrame | bytes) -> Awaitable[None]:
        """Have the platform play a frame, or PCM of any length.

        It is queued when this returns; `await` it to wait until less than half a second is queued. Of more than
        30 seconds the oldest are dropped. What is less than a whole frame waits for more, and is filled with silence
        when nothing follows. Raises StreamClosed.
        """

    async def play(self, sound: bytes | Uploaded, *, language: str = "") -> bool:
        """Play a WAV file (PCM of 16 bits, 8 to 48 kHz, one or two channels), or a prompt that operators uploaded, as
        they did for this language (`en-US`) or for none; return when all of it was sent.

        False if `clear` cut it off. What is played for a prompt is what was there when the stream began, as in a
        dialog. Raises MediaError for another file, for a prompt of which there is no sound, and where the worker
        has no storage; StreamClosed.
        """

    def clear(self) -> int:
        """Throw away what is queued, here and at the platform, and return how many frames were here.

        Nothing of it is sent after this. Raises StreamClosed.
        """

    def barge_in(self, on: bool = True) -> None:
        """From here on, `clear` by itself when somebody begins to speak while something is queued; or no more."""

    def hear_keys(self) -> None:
        """Listen for keys in the sound itself from here on, for platforms that do not say them. They are in `dtmf`."""

    def tone(self, what: str | float, seconds: float = 0.1, volume: float = 0.25) -> bytes:
        """Sound to send: a key, by its character, or a frequency in Hz. Raises MediaError for what is neither."""

    async def join(self, room: str) -> str:
        """Be in a room with other streams of this process until this one is over, and return why it is.

        Everyone hears all the others, while their `audio` goes on. Raises MediaError if the room has another rate.
        """

    def send_video(
        self,
        picture: VideoFrame | bytes,
        *,
        timestamp: int | None = None,
        media_type: MediaType = MediaType.VIDEO,
    ) -> bool:
        """Have the platform show an access unit; False, counted, if the platform is too slow for it.

        Bytes are given the time since the stream began, if `timestamp` (ticks of 100 ns) does not say another. Raises
        MediaError over 384 KiB, StreamClosed.
        """

    def subscribe(
        self, participant: str, resolution: str | None = "sd360p", media_type: MediaType = MediaType.VIDEO
    ) -> None:
        """Ask for the pictures of a participant: `hd1080p`, `hd720p`, `sd540p`, `sd360p`, `sd240p`, `sd180p`; None
        ends it. Raises MediaError for another resolution, StreamClosed.
        """

    def request_key_frame(self, participant: str | None = None, media_type: MediaType = MediaType.VIDEO) -> None:
        """Ask for a picture that stands alone. Raises StreamClosed."""

    def record(
        self,
        name: str = "stream",
        *,
        dual: bool = False,
        format: RecordingFormat = "wav",
        consent: Consent = "",
        keep: str = "",
    ) -> Recorder:
        """Record what is heard and what is sent from here on, mixed, into a file of the container `recordings`.

        With `dual` the left channel has what is heard and the right one what is sent. It is stored every 2 seconds, so
        a worker that dies loses no more than that, and ends with the stream. The `format` is WAV, 32 or 48 kB a second
        for each channel, or MP3, 6 kB, for which the worker needs the extra `mp3` of the kit.

        `consent` is what the caller said when the handler asked whether they may be recorded, for a call that was
        answered with media has nobody else to ask them; it is kept with the recording. `keep` is the class of its
        retention, as in `Call.record`. Raises MediaError without storage, for MP3 without the extra, for a consent that
        is none of the three, and, where the bot requires consent (`CallBot(require_consent=True)`), for any but
        `given`.
        """

    async def signal(self, name: str, data: Any = None) -> None:
        """Tell the call's dialog: what `await call.signal(name)` gives there. `data` is what JSON can say.

        Raises SignalFailed; MediaError where the worker was given no address to post to.
        """
