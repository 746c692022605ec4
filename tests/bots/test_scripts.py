"""Each sample bot is rung by the script that the README names, on the simulated platform; and what its caller hears
there is what `dialtone.testing.dial` says the bot says.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dialtone import CallBot
from dialtone.storage.memory import MemoryContainer
from dialtone.testing import Step, dial, hang_up, press, speak
from simulator.call import place_call
from simulator.clock import VirtualClock
from simulator.script import HangUp, Press, Script, Speak, read_script_file
from simulator.wire import Response, Wire
from tests.functions.rig import Rig

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| \[(\w+)\]\(bots/\w+\.py\) \|.*\((simulator/scripts/\S+\.yaml)\)",
    (ROOT / "README.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)

FILES = "files.test"


async def link(self: MemoryContainer, name: str, seconds: float, content_type: str) -> str:
    """In place of the link that holds the sound itself, which is too long for HTTP."""
    return f"https://{FILES}/{name}"


class Direct(Wire):
    """The way from the platform to the bot and to its recordings, without sockets."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def post(self, url: str, headers: Mapping[str, str], content: bytes, timeout_s: float) -> Response:
        reply = await self._rig.turns.callback({name.lower(): value for name, value in headers.items()}, content)
        return Response(reply.status, reply.body, 0.0)

    async def get(self, url: str, most: int, timeout_s: float) -> Response:
        path = urlsplit(url).path[1:]
        return Response(200, await self._rig.storage.recordings.read(path), 0.0)


def steps_of(script: Script) -> list[Step]:
    """What the script's caller does; keys that follow each other are pressed together."""
    steps: list[Step] = []
    for step in script.steps:
        if isinstance(step, Press):
            steps.append(press(step.press))
        elif isinstance(step, Speak):
            assert isinstance(step.speak, str)
            steps.append(speak(step.speak))
        elif isinstance(step, HangUp):
            steps.append(hang_up())
    return steps


@pytest.mark.parametrize(("name", "path"), ROWS, ids=[name for name, _ in ROWS])
async def test_what_a_caller_hears_on_the_simulated_platform_is_what_dial_says(
    name: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MemoryContainer, "link", link)
    bot = import_module(f"bots.{name}").bot
    assert isinstance(bot, CallBot)
    script, rig = read_script_file(ROOT / path), Rig(bot)
    address = "http://127.0.0.1:7071/api/calls"
    report = await place_call(script, address, clock=VirtualClock(), wire=Direct(rig), seed=1)
    assert report.ok, [event for event in report.events if event["kind"] in ("expectation", "violation")]
    heard = [event["text"] for event in report.events if event["kind"] == "heard" and event.get("text")]
    caller = script.caller
    call = await dial(bot, *steps_of(script), caller=caller.identity, name=caller.name, language=caller.language)
    if name == "callback":
        # The channel of the one cannot place calls, the world of the other can.
        heard, call.said = heard[:-1], call.said[:-1]
    if name == "reception":
        # A message has another length where it is spoken than where it is imagined.
        heard = [re.sub(r"\d+ seconds", "some seconds", text) for text in heard]
        call.said = [re.sub(r"\d+ seconds", "some seconds", text) for text in call.said]
    assert call.said == heard
    assert len(call.recordings) == len(report.recordings)
