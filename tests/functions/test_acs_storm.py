"""A storm over a bot on ACS: repeated, late and lost events, a host that dies, storage that fails, wrong tokens."""

import pytest

from bots import reception
from tests.functions.acs_rig import bot_on_acs
from tests.functions.storms import stood

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
        assert await stood(acs.bot, SHORT, WEATHER) > 10
