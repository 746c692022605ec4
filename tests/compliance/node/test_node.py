"""Microsoft's Node calling SDK at the other end of the simulator's line, and the same menu as a Dialtone bot.

Each script here is followed by the same caller on both bots, in virtual time and with the same seed, and both must tell
the same story: what was heard, pressed, recognized and recorded, and who hung up. So the SDK, which was written for the
real platform, is a judge of the simulator, and the simulator is a judge of both bots.
"""

import json
import socket
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dialtone.program import Program
from simulator.call import CallReport, place_call
from simulator.clock import VirtualClock
from simulator.lab import Bot
from simulator.script import read_script_file
from simulator.storm import Storm
from simulator.wire import open_wire
from tests.compliance.node.conftest import ready
from tests.test_cli import dialtone

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SCRIPTS = sorted(HERE.glob("*.yaml"))
SEED = 7
TOLD = {
    "heard": ("text", "cut"),
    "beep": ("seconds",),
    "pressed": ("key",),
    "spoke": ("text",),
    "recognized": ("ok", "reason", "choice"),
    "recorded": ("seconds", "format", "bytes", "reason"),
    "hung_up": ("by",),
    "call.ended": ("by", "turns", "recordings"),
}
"""What of each kind of event is the caller's and the bot's doing, and not the way in which the bot says it."""


@pytest.fixture(scope="module")
def our_bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of bench/menu.py, hosted as functions with storage in memory."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Program(
        "devhost",
        [sys.executable, "-m", "devhost", "--port", str(port), "--no-timers", "--worker", "registry"],
        directory=ROOT,
        log=tmp_path_factory.mktemp("devhost") / "log",
        environment={
            "DIALTONE_BOT": "bench.menu:bot",
            "DIALTONE_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "DIALTONE_AUTH": "loopback",
            "DIALTONE_APPSTATE_KEY": b64encode(bytes(32)).decode(),
            "DIALTONE_STORAGE": "memory",
            "DIALTONE_STORAGE_ACCOUNT": "",
        },
        ready=ready(r"devhost: ready (\S+) "),
    )
    (address,) = program.start()
    yield f"{address}/api/calls"
    program.stop()


async def ring(script: Path, bot: str) -> CallReport:
    async with open_wire() as wire:
        return await place_call(read_script_file(script), bot, clock=VirtualClock(), wire=wire, seed=SEED)


def story(report: CallReport) -> list[dict[str, Any]]:
    """The call without what each bot is free to choose: ids, links, the JSON on the wire."""
    told = []
    for event in report.events:
        if event["kind"] in TOLD:
            told.append({"kind": event["kind"]} | {name: event.get(name) for name in TOLD[event["kind"]]})
    return told


def reasons(report: CallReport) -> list[str]:
    return list(report.events[-1]["reasons"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
async def test_both_bots_tell_the_same_story(script: Path, node_bot: str, our_bot: str) -> None:
    theirs, ours = await ring(script, node_bot), await ring(script, our_bot)
    assert (theirs.ok, reasons(theirs)) == (True, [])
    assert (ours.ok, reasons(ours)) == (True, [])
    assert story(ours) == story(theirs)
    assert [recording.data for recording in ours.recordings] == [recording.data for recording in theirs.recordings]


def test_the_scripts_have_a_recording_and_both_ways_to_hang_up() -> None:
    expected = [read_script_file(path).expect for path in SCRIPTS]
    assert {expect.ended_by for expect in expected} == {"bot", "caller"}
    assert any(expect.recordings for expect in expected)


@pytest.mark.parametrize(
    ("weather", "stood"),
    [(("delay=3", "drop=1", "lost_caller"), True), (("duplicate=2",), False), (("drop_reply=1",), False)],
)
async def test_the_sdk_stands_what_needs_no_memory_of_replies(
    node_bot: str, weather: tuple[str, ...], stood: bool
) -> None:
    """It takes a repeated callback for a new one: a reply that was lost is not given again."""
    script = read_script_file(HERE / "leave_a_message.yaml")
    async with open_wire() as wire:
        cells = [cell async for cell in Storm(Bot(node_bot, wire), SEED, weather).blow([script])]
    reasons = [reason for cell in cells for reason in cell.reasons]
    assert (reasons == []) is stood
    assert any("REPLY_DIFFERS" in reason for reason in reasons) is not stood


def test_a_crowd_calls_a_bot_on_the_sdk(node_bot: str, tmp_path: Path) -> None:
    """The same by the command: `dialtone load` rings any bot that speaks the contract."""
    script = str(HERE / "hurry.yaml")
    arguments = ("load", script, "--bot", node_bot, "--callers", "20", "--arrivals", "steady", "--for", "1", "--json")
    done = dialtone(tmp_path, *arguments, "--seed", str(SEED))
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["calls"], result["ok"], result["reasons"]) == (20, 20, {})
    assert result["callbacks"] == 20 * 3
    assert result["most_at_once"] > 1
    assert "<svg" in (tmp_path / ".dialtone" / "load.html").read_text()
