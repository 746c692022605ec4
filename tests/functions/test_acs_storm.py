"""A storm over a bot on ACS: repeated, late and lost events, a host that dies, storage that fails, wrong tokens."""

import pytest

from bots import reception
from simulator.script import read_script
from simulator.storm import Storm
from tests.functions.acs_rig import bot_on_acs

WEATHER = (
    "duplicate=2",
    "reorder=1",
    "delay=3",
    "drop=1",
    "drop_reply=1",
    "storage=1",
    "kill=after",
    "bad_token=signature",
    "lost_caller",
    "no_callback",
)
"""Each kind of fault once: on a platform that waits for no reply the others are like one of these."""

SHORT = """\
name: Leave a message
steps:
  - hear: press 2
  - press: "2"
  - hear: {prompt: beep}
  - speak: Hello.
  - press: "#"
  - hear: saved
expect: {ended_by: bot, recordings: 1}
"""


async def test_the_reception_stands_every_fault_at_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(reception.bot, monkeypatch, auth="jwt", sockets=False) as acs:
        storm = Storm(acs.bot, 7, WEATHER)
        cells = [cell async for cell in storm.blow([read_script(SHORT)])]
    assert {(str(cell.fault), *cell.reasons) for cell in cells if cell.reasons} == set()
    requests = {cell.fault.at for cell in cells if cell.fault is not None}
    assert requests == set(range(len(requests)))
    assert len(requests) > 10
    # The calm call, and each fault at each request: but a bot that never had the first one misses no callback.
    at = [(fault, request) for fault in WEATHER for request in range(fault == "no_callback", len(requests))]
    assert [str(cell.fault) for cell in cells] == ["None", *(f"{fault}@{request}" for fault, request in at)]
