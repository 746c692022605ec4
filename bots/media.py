"""Media handlers, each small: what a bot does with the sound and the pictures of a call while it goes on.

`DIALTONE_BOT=bots.media:bot python -m media_worker` serves them; a call asks for one by its name.
"""

import asyncio
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from dialtone import CallBot, Stream, VideoFrame

bot = CallBot()

ANNOUNCEMENT_HZ = (523.25, 659.26, 783.99)
"""A chord, note by note: what the announcer plays as long as nobody uploads another sound."""


@bot.media("echo")
async def echo(stream: Stream) -> None:
    """Every frame goes back."""
    async for frame in stream.audio:
        await stream.send(frame)


@bot.media("announcer")
async def announcer(stream: Stream) -> None:
    """Plays until it is told otherwise: 1 from the start, 2 silence, # hang up. Who speaks over it stops it too."""
    stream.hear_keys()
    stream.barge_in()
    notes = b"".join(stream.tone(note, 0.4) for note in ANNOUNCEMENT_HZ)
    await stream.send(notes)
    async for key in stream.dtmf:
        if key.tone == "#":
            return
        stream.clear()
        if key.tone == "1":
            await stream.send(notes)


@bot.media("recorder")
async def recorder(stream: Stream) -> None:
    """Beeps, records both sides in two channels until # is pressed, and tells the dialog how long it was."""
    stream.hear_keys()
    await stream.send(stream.tone(1000.0, 0.2))
    recording = stream.record("call", dual=True)
    async for key in stream.dtmf:
        if key.tone == "#":
            break
    seconds = await recording.stop()
    await stream.signal("recorded", {"path": recording.path, "seconds": seconds})


@bot.media("bridge")
async def bridge(stream: Stream) -> None:
    """All calls that ask for it hear each other."""
    await stream.join("bridge")


@bot.media("meter")
async def meter(stream: Stream) -> None:
    """Tells the dialog once a second how loud the caller is."""
    loudest, frames = -96.0, 0
    async for _ in stream.audio:
        loudest, frames = max(loudest, stream.level), frames + 1
        if frames % 50 == 0:
            await stream.signal("level", {"decibels": round(loudest, 1)})
            loudest = -96.0


@bot.media("player")
async def player(stream: Stream) -> None:
    """Shows whoever is seen their own picture, in the order and at the moments in which it came, with their sound."""
    stream.on_audio(stream.send)
    async for picture in stream.video:
        stream.send_video(VideoFrame(picture.data, picture.timestamp, picture.key))


COLOURS = {"1": ("red", 90, 240), "2": ("green", 54, 34), "3": ("blue", 240, 110)}
"""By key: the word for a colour, and how much blue and red it has (Cb and Cr)."""


@bot.media("hue")
async def hue(stream: Stream) -> None:
    """Shows whoever is seen their own picture in the colour that they press (1 red, 2 green, 3 blue; 0 as it is), or
    say, where the platform's transcriber writes it down, with their sound: the hue bot of the old SDK. It needs PyAV.
    """
    painter = Painter()

    async def listen() -> None:
        async for caption in stream.captions:
            painter.colour = next(
                (key for key, (word, *_) in COLOURS.items() if word in caption.text.lower()), painter.colour
            )

    async def obey() -> None:
        async for key in stream.dtmf:
            painter.colour = key.tone

    stream.on_audio(stream.send)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen())
        tasks.create_task(obey())
        async for picture in stream.video:
            # Other calls go on while a picture is made.
            for painted in await asyncio.to_thread(painter.paint, picture.data):
                stream.send_video(painted, timestamp=picture.timestamp)


class Painter:
    """Paints access units of H.264 in a colour, a key of `COLOURS`; any other leaves them as they are."""

    def __init__(self) -> None:
        import av

        self.colour = "0"
        self._decoder = av.CodecContext.create("h264", "r")
        self._decoder.thread_count = 1  # more would give a picture only with one of the next
        self._encoder: Any = None

    def paint(self, picture: bytes) -> list[bytes]:
        """What is to be shown instead of a picture; nothing for one that cannot be decoded."""
        import av

        painted = []
        try:
            frames = self._decoder.decode(av.Packet(picture))
        except av.FFmpegError:
            return []
        for frame in frames:
            # A copy: the decoder goes on from what it has decoded. The luminance, then both colours.
            pixels = frame.to_ndarray(format="yuv420p")
            for number, value in enumerate(COLOURS.get(self.colour, ())[1:]):
                begin = frame.height + number * frame.height // 4
                pixels[begin : begin + frame.height // 4] = value
            size = frame.width, frame.height
            if self._encoder is None or (self._encoder.width, self._encoder.height) != size:
                self._encoder = av.CodecContext.create("libx264", "w")
                self._encoder.width, self._encoder.height = size
                self._encoder.pix_fmt, self._encoder.time_base = "yuv420p", Fraction(1, 30)
                self._encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
            made = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            painted += [bytes(packet) for packet in self._encoder.encode(made)]
        return painted


@bot.media("watcher")
async def watcher(stream: Stream) -> None:
    """Asks for the picture of whoever speaks, and for nobody else's: the screenshots bot of the old SDK."""
    watched: str | None = None
    async for voice in stream.voice:
        if voice.speaking and voice.participant not in (None, watched):
            if watched is not None:
                stream.subscribe(watched, None)
            watched = voice.participant
            assert watched is not None
            stream.subscribe(watched, "hd720p")


@bot.media("captions")
async def captions(stream: Stream) -> None:
    """Tells the dialog each sentence that the platform's transcriber is sure of."""
    async for caption in stream.captions:
        if caption.final:
            await stream.signal("caption", {"text": caption.text, "speaker": caption.participant})


async def in_step(stream: Stream, pictures: Iterable[bytes], sound: bytes, fps: float = 30) -> None:
    """Play access units and the sound that belongs to them: the audio-video player of the old SDK.

    Call it from a handler, with the access units of an H.264 file in Annex B form and PCM of the stream's rate.
    """
    stream.send(sound)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, picture in enumerate(pictures):
        await asyncio.sleep(began + number / fps - loop.time())
        if stream.closed:
            return
        stream.send_video(picture, timestamp=round(number * 10_000_000 / fps))
