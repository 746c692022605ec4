"""A person at the phone's page calls the bot on Microsoft's Node calling SDK."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialtone.program import Program
from tests.browser.chromium import microphone, open_phone
from tests.compliance.node.conftest import ready
from tests.fakes import ROOT

pytestmark = pytest.mark.browser


@pytest.fixture
def simulator(node_bot: str, tmp_path: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "simulator", "serve", "--bot", node_bot]
    program = Program(
        "simulator", command, directory=ROOT, log=tmp_path / "log", ready=ready(r"simulator: ready (\S+)\n")
    )
    (address,) = program.start()
    yield address
    program.stop()


async def test_a_message_is_left_on_the_node_bot(simulator: str, tmp_path: Path) -> None:
    async with open_phone(simulator, microphone(tmp_path)) as phone:
        await phone.page.click("#call")
        await phone.heard("To leave a message, press 1.")
        await phone.page.keyboard.press("1")
        await phone.is_recorded()
        await phone.page.wait_for_timeout(1500)
        await phone.page.keyboard.press("#")
        await phone.has_ended()
        events = await phone.ledger()
    (recorded,) = [event for event in events if event["kind"] == "recorded"]
    said = [event["text"] for event in events if event["kind"] == "heard"]
    assert said[-1].startswith(f"Got {recorded['bytes']} bytes")
    assert recorded["bytes"] > 32_000
    assert (events[-1]["ok"], events[-1]["reasons"]) == (True, [])
