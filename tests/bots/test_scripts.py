"""Each sample bot is rung by the script that the README names, on the simulated platform; and what its caller hears
there is what `dialtone.testing.dial` says the bot says.
"""

import re
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from dialtone import CallBot
from dialtone.storage.memory import MemoryContainer
from dialtone.testing import Step, dial, hang_up, press, speak
from simulator.call import place_call
from simulator.clock import VirtualClock
from simulator.script import HangUp, Press, Script, Speak, read_script_file
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


def served(rig: Rig) -> httpx.MockTransport:
    """The way from the platform to the bot and to its recordings, without sockets."""

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == FILES:
            return httpx.Response(200, content=await rig.storage.recordings.read(request.url.path[1:]))
        reply = await rig.turns.callback(dict(request.headers), await request.aread())
        return httpx.Response(reply.status, content=reply.body, headers={"content-type": reply.content_type})

    return httpx.MockTransport(answer)


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
    async with httpx.AsyncClient(transport=served(rig)) as http:
        report = await place_call(script, "http://127.0.0.1:7071/api/calls", clock=VirtualClock(), http=http, seed=1)
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
