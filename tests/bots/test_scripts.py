"""Each sample bot is rung by the scripts that come with it, on the simulated platform: all of them end as they expect,
and together they take each choice that the bot offers. What the caller of the first hears is what
`dialtone.testing.dial` says the bot says.
"""

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dialtone import CallBot
from dialtone.scripts import sample_bots, scripts_of
from dialtone.storage.memory import MemoryContainer
from dialtone.testing import Step, dial, hang_up, press, speak
from simulator.call import CallReport, place_call
from simulator.clock import VirtualClock
from simulator.script import HangUp, Press, Script, Speak, read_script_file
from simulator.wire import Response, Wire
from tests.functions.rig import Rig

ROOT = Path(__file__).parents[2]
NAMES = [bot.partition(":")[0].removeprefix("bots.") for bot in sample_bots()]
SCRIPTS = [(name, path) for name in NAMES for path in scripts_of(f"bots.{name}:bot")]
ALIKE = {frozenset("12345")}
"""Choices of which one stands for all."""
ADDRESS = "http://127.0.0.1:7071/api/calls"
FILES = "files.test"


async def link(self: MemoryContainer, name: str, seconds: float, content_type: str, *, save_as: str = "") -> str:
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


def bot_of(name: str) -> CallBot:
    bot = import_module(f"bots.{name}").bot
    assert isinstance(bot, CallBot)
    return bot


async def ring(name: str, script: Script) -> CallReport:
    report = await place_call(script, ADDRESS, clock=VirtualClock(), wire=Direct(Rig(bot_of(name))), seed=1)
    assert report.reasons == []
    return report


@pytest.fixture(autouse=True)
def short_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryContainer, "link", link)


def test_each_sample_bot_that_takes_calls_has_scripts() -> None:
    bots = {path.stem for path in (ROOT / "bots").glob("*.py")} - {"__init__", "media"}
    assert set(NAMES) == bots
    assert {path.parent.name for path in (ROOT / "simulator" / "scripts").glob("*/*.yaml")} == bots


@pytest.mark.parametrize("name", NAMES)
async def test_the_scripts_take_each_choice_that_the_bot_offers(name: str) -> None:
    offered, taken = set[tuple[frozenset[str], str]](), set[tuple[frozenset[str], str]]()
    for _, path in (each for each in SCRIPTS if each[0] == name):
        report = await ring(name, read_script_file(path))
        menus: dict[str, frozenset[str]] = {}
        for event in report.events:
            for action in event.get("json", {}).get("actions", ()):
                if choices := frozenset(choice["name"] for choice in action.get("choices", ())):
                    menus[action["operationId"]] = choices
            if event["kind"] == "recognized" and event.get("choice"):
                menu = menus[event["operation_id"]]
                taken |= {(menu, choice) for choice in (menu if menu in ALIKE else [event["choice"]])}
        offered |= {(menu, choice) for menu in menus.values() for choice in menu}
    assert offered - taken == set()


@pytest.mark.parametrize("name", NAMES)
async def test_what_a_caller_hears_on_the_simulated_platform_is_what_dial_says(name: str) -> None:
    script = read_script_file(scripts_of(f"bots.{name}:bot")[0]).seeded(1)
    report = await ring(name, script)
    heard = [event["text"] for event in report.events if event["kind"] == "heard" and event.get("text")]
    caller = script.caller
    call = await dial(
        bot_of(name),
        *steps_of(script),
        caller=caller.identity,
        name=caller.name,
        language=caller.language,
        others=script.others,
    )
    if name in ("callback", "reminder"):
        # The channel of the one cannot place calls, the world of the other can.
        heard, call.said = heard[:-1], call.said[:-1]
    if name == "reception":
        # A message has another length where it is spoken than where it is imagined.
        heard = [re.sub(r"\d+ seconds", "some seconds", text) for text in heard]
        call.said = [re.sub(r"\d+ seconds", "some seconds", text) for text in call.said]
    assert call.said == heard
    assert len(call.recordings) == len(report.recordings)
