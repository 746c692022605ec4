"""One open page: what it asks for, and the call that it is in."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from simulator.call import talk
from simulator.clock import RealClock
from simulator.faults import AnyFault
from simulator.lab import Bot
from simulator.ledger import Event, Ledger
from simulator.line import Line
from simulator.media.options import MediaFaults
from simulator.phone import frames
from simulator.phone.caller import Ears, PhoneCaller
from simulator.phone.loudspeaker import Loudspeaker
from simulator.platform import PlacedCall, PlacesCalls, Ringing
from simulator.script import Identity, MeetingPart

TEXT_MAX: Final = 500
KEYS: Final = frozenset("0123456789*#ABCD")
YOU: Final = Identity(identity="8:you", name="You")
_UNSENT_MAX: Final = 100
"""Pieces of sound that wait for a page which does not take them; what comes then is lost, as on any phone."""

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


@dataclass(frozen=True)
class Person:
    """Who is at the phone (`simulator.script.CallSetup`)."""

    name: str = "phone"
    caller: Identity = YOU
    others: tuple[str, ...] = ()
    meeting: MeetingPart | None = None
    transfer_fails: bool = False
    faults: tuple[AnyFault, ...] = ()

    def media_faults(self, seed: int) -> MediaFaults:
        """None."""
        return MediaFaults(seed=seed)


class Session:
    """An open page, which rings `bot`, and which the bot rings where its platform lets it place calls.

    A call that comes while the page is in another waits until that is over, for as long as it rings.
    """

    def __init__(self, bot: Bot, ears: Ears | None) -> None:
        self.calls: set[asyncio.Task[None]] = set()
        """The call, and calls before it that are not quite over."""
        self._bot = bot
        self._ears = ears
        self._unsent: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._loudspeaker = Loudspeaker(self._play)
        self._caller: PhoneCaller | None = None
        self._line: Line | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._rings: PlacedCall | None = None
        """The call that rings, or waits until it may."""

    async def serve(self, receive: Receive, send: Send) -> None:
        """Talk with the page until it is closed, which hangs up."""
        self._show("ready", bot=self._bot.url, ears=self._ears is not None)
        writing = asyncio.create_task(self._write(send))
        platform = self._bot.platform
        phones = platform.phones if isinstance(platform, PlacesCalls) else []
        phones.append(self)
        try:
            while (message := await receive())["type"] == "websocket.receive":
                if message.get("bytes") is not None:
                    self._hear(message["bytes"])
                else:
                    self._do(message["text"])
        finally:
            phones.remove(self)
            writing.cancel()
            self._loudspeaker.close()
            if self._caller is not None:
                self._caller.hang_up()
            if self._rings is not None:
                self._rings.line.hang_up("platform")

    # What the platform asks of it: see `simulator.platform.Phone`.

    @property
    def free(self) -> bool:
        """Whether no call rings, or waits until it may."""
        return self._rings is None

    def new_line(self, max_seconds: float) -> Line:
        """A line whose events are shown while the page is on it."""
        clock = RealClock()
        line = Line(clock, Ledger(clock, lambda event: self._tell(line, event)), max_seconds)
        return line

    def ring(self, call: PlacedCall) -> None:
        """Ring for a call, once the page is in no other."""
        self._rings = call
        self._run(self._take(call))

    def _do(self, text: str) -> None:
        """Do what the page asks for."""
        try:
            asked = json.loads(text)
            kind = asked["type"]
        except (ValueError, RecursionError, TypeError, KeyError):
            self._show("problem", message="The page sent something that is no message: load it again.")
            return
        caller = self._caller
        if kind == "call" and caller is None:
            line = self.new_line(self._bot.platform.max_call_s)
            self._run(self._call(self._join(line), line))
        elif kind == "answer" and caller is not None and self._rings is not None and self._rings.line is self._line:
            self._rings.pick_up()
            self._rings = None
        elif kind == "press" and caller is not None and asked.get("key") in KEYS:
            caller.press(asked["key"])
        elif kind == "say" and caller is not None and isinstance(said := asked.get("text"), str) and said.strip():
            caller.say(said.strip()[:TEXT_MAX])
        elif kind == "understood" and caller is not None:
            caller.understood(ok=asked.get("ok") is True)
        elif kind == "camera" and caller is not None and (sizes := _sizes(asked)) is not None:
            caller.camera(*sizes)
        elif kind == "hang_up" and caller is not None:
            caller.hang_up()

    def _hear(self, message: bytes) -> None:
        what = frames.read(message)
        if self._caller is None or what is None:
            return
        if isinstance(what, frames.Picture):
            self._caller.picture(what.data, what.timestamp)
        else:
            self._caller.microphone(what)

    def _run(self, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(life)
        self.calls.add(task)
        task.add_done_callback(self.calls.discard)

    def _join(self, line: Line) -> PhoneCaller:
        """Put the page on a line."""
        caller = self._caller = PhoneCaller(self._show, self._loudspeaker, self._picture, self._ears)
        self._line = line
        self._idle.clear()
        caller.join(line)
        return caller

    def _leave(self) -> None:
        self._caller = self._line = None
        self._idle.set()
        self._show("over")

    async def _call(self, caller: PhoneCaller, line: Line) -> None:
        """Ring the bot."""
        ringing = Ringing(self._bot.url, self._bot.wire, secrets.randbits(32), self._bot.house)
        try:
            await talk(self._bot.platform.new_call(Person(), line, ringing), caller, line)
        finally:
            self._leave()

    async def _take(self, call: PlacedCall) -> None:
        """Be rung by the bot."""
        line = call.line
        if self._caller is not None:
            self._show("waiting", caller=call.caller)
            await self._until_idle(line, call.ring_until - line.clock.now())
        if self._caller is not None or line.over_by is not None:
            self._rings = None
            line.hang_up("platform")
            await call.run()
            return
        caller = self._join(line)
        self._show("ringing", caller=call.caller)
        try:
            await talk(call, caller, line)
        finally:
            if self._rings is call:
                self._rings = None
            self._leave()

    async def _until_idle(self, line: Line, seconds: float) -> None:
        """Wait until the page is in no call, or that one is over, for so many seconds."""
        waits = {asyncio.create_task(self._idle.wait()), asyncio.create_task(line.ended())}
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    # To the page.

    def _tell(self, line: Line, event: Event) -> None:
        if line is self._line:
            self._show("event", event=event)

    def _show(self, kind: str, **members: Any) -> None:
        self._unsent.put_nowait(json.dumps({"type": kind, **members}, ensure_ascii=False))

    def _play(self, pcm: bytes) -> None:
        self._put(frames.sound(pcm))

    def _picture(self, data: bytes, timestamp: int, key: bool) -> None:
        self._put(frames.picture(data, timestamp, key=key))

    def _put(self, message: bytes) -> None:
        if self._unsent.qsize() < _UNSENT_MAX:
            self._unsent.put_nowait(message)

    async def _write(self, send: Send) -> None:
        while True:
            message = await self._unsent.get()
            name = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", name: message})


def _sizes(asked: Message) -> tuple[int, int, float] | None:
    """Width, height and pictures a second of a camera."""
    width, height, fps = (asked.get(name) for name in ("width", "height", "fps"))
    if type(width) is int and type(height) is int and 0 < width <= 1920 and 0 < height <= 1920:
        return (width, height, float(fps)) if isinstance(fps, int | float) and 0 < fps <= 60 else None
    return None
