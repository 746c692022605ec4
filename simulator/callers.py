"""A caller who follows a script."""

from collections.abc import Awaitable, Callable
from typing import Final

from simulator.line import CallOver, Line
from simulator.script import HangUp, Hear, Press, Script, Send, Speak, Step, Wait
from simulator.wire import Response

BETWEEN_KEYS_S: Final = 0.2


class ScriptedCaller:
    """Follows `script` on a line, step by step.

    A `hear` step looks at the prompts after the one that the last `hear` step matched, passes over those that do not
    match, and ends with the first that does: when it ends, or when it begins with `barge_in`. When the steps are
    done the caller stays on the line. `send` posts what a `send` step makes the platform send.
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
            while not self._heard(step, line):
                await line.news()
        elif isinstance(step, Press):
            for position, key in enumerate(step.press):
                if position:
                    await line.pause(BETWEEN_KEYS_S)
                line.press(key)
        elif isinstance(step, Speak):
            said = step.speak if isinstance(step.speak, str) else step.speak.wav
            await line.speak(self.script.pcm_of(step), said)
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
        for position, heard in enumerate(line.heard[self._next_prompt :], self._next_prompt):
            if step.matches(heard.sound.text, heard.sound.file):
                if heard.end is None and not step.barge_in:
                    return False
                self._next_prompt = position + 1
                return True
        return False
