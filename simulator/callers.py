"""Who is at the caller's end of a line: the caller who follows a script. A person is in `simulator.phone`."""

from collections.abc import Awaitable, Callable
from math import inf
from typing import Final, Protocol

from simulator.line import CallOver, Line
from simulator.media.likeness import likeness
from simulator.media.stream import FRAME_S, MediaStream
from simulator.script import (
    HangUp,
    Hear,
    LiveSound,
    OpenStream,
    OwnVoice,
    Press,
    PromptName,
    Script,
    Send,
    Speak,
    Step,
    Wait,
)
from simulator.wire import Response

BETWEEN_KEYS_S: Final = 0.2
OWN_VOICE: Final = 0.8
"""The part of what was spoken that has to come back."""
LOOK_FRAMES: Final = 10
STREAM_S: Final = 30.0
"""How long a caller waits for something of a media stream before hanging up: it lasts for hours if nobody ends it."""


class Caller(Protocol):
    """Whoever takes part in a call."""

    async def run(self, line: Line) -> None:
        """Take part, until there is nothing more to do or the call is over."""


class ScriptedCaller:
    """Follows `script` on a line, step by step.

    A `hear` step looks at the prompts after the one that the last `hear` step matched, passes over those that do not
    match, and ends with the first that does: when it ends, or when it begins with `barge_in`. When the steps are
    done the caller stays on the line. What comes by a media stream counts for `sound` from the last such `hear` on, and
    for `own_voice` from the last `speak` on. `send` posts what a `send` step makes the platform send.
    """

    def __init__(self, script: Script, send: Callable[[Send], Awaitable[Response]] | None = None) -> None:
        self.script = script
        self.wrongly_answered: list[tuple[int, Send, Response]] = []
        """The `send` steps that were not answered as they say, with their numbers from 1."""
        self._send = send
        self.waiting_since = 0.0
        """When the caller came to the step that is not done, on the clock of the line."""
        self._next_prompt = 0
        self._done = 0
        self._spoken = b""
        self._played = self._loud = self._look_at = 0

    @property
    def unmet(self) -> tuple[int, Step] | None:
        """The first step that the call did not last for, and its number from 1. Waiting is never one."""
        steps = enumerate(self.script.steps[self._done :], self._done + 1)
        return next(((number, step) for number, step in steps if not isinstance(step, Wait)), None)

    async def run(self, line: Line) -> None:
        """Take part in the call, until the steps are done or the call is over."""
        try:
            for step in self.script.steps:
                self.waiting_since = line.clock.now()
                await self._follow(step, line)
                self._done += 1
                if isinstance(step, Hear):
                    await line.pause(step.pause)
        except CallOver:
            return

    async def _follow(self, step: Step, line: Line) -> None:
        if isinstance(step, Hear):
            patient = isinstance(step.hear, str | PromptName)
            until = inf if patient else line.clock.now() + STREAM_S
            while not self._heard(step, line):
                if line.clock.now() >= until:
                    line.hang_up("caller")
                await line.news(until)
        elif isinstance(step, Press):
            for position, key in enumerate(step.press):
                if position:
                    await line.pause(BETWEEN_KEYS_S)
                line.press(key)
        elif isinstance(step, Speak):
            said = step.speak if isinstance(step.speak, str) else step.speak.wav
            self._spoken = self.script.pcm_of(step)
            if line.stream is not None:
                self._played, self._look_at = line.stream.playout.played, line.stream.playout.loud + LOOK_FRAMES
            await line.speak(self._spoken, said, step.who)
        elif isinstance(step, Send):
            assert self._send is not None, "a line without a platform sends nothing"
            answer = await self._send(step)
            if not (answer.accepted if step.status is None else answer.status == step.status):
                self.wrongly_answered.append((self._done + 1, step, answer))
        elif isinstance(step, HangUp):
            line.hang_up("caller")
        else:
            await line.pause(step.wait)

    def _heard(self, step: Hear, line: Line) -> bool:
        if isinstance(step.hear, OpenStream | LiveSound | OwnVoice):
            return line.stream is not None and self._comes(step.hear, line.stream)
        for position, heard in enumerate(line.heard[self._next_prompt :], self._next_prompt):
            if step.matches(heard.sound.text, heard.sound.file):
                if heard.end is None and not step.barge_in:
                    return False
                self._next_prompt = position + 1
                return True
        return False

    def _comes(self, wanted: OpenStream | LiveSound | OwnVoice, stream: MediaStream) -> bool:
        """Whether it has come by the stream."""
        loud = stream.playout.loud
        if isinstance(wanted, OpenStream):
            return stream.state == "open"
        if isinstance(wanted, LiveSound):
            if (loud - self._loud) * FRAME_S < wanted.sound:
                return False
            self._loud = loud
            return True
        if loud < self._look_at:
            return False
        # It is costly to look.
        self._look_at = loud + LOOK_FRAMES
        return likeness(self._spoken, stream.heard_since(self._played)) >= OWN_VOICE
