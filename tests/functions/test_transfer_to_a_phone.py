"""A transfer to a telephone: the rule is the channel's. ACS does it; on Skype the dialog is told, and goes on."""

import pytest

from dialtone import Call, CallBot
from dialtone.channels.capabilities import SKYPE_PHONE
from simulator.ledger import Event
from simulator.script import read_script
from tests.functions.acs_rig import bot_on_acs
from tests.functions.stories import on_skype

bot = CallBot()
SCRIPT = read_script("name: test\nsteps:\n  - hear: One moment\n  - wait: 30\n")


@bot.incoming
async def dialog(call: Call) -> None:
    call.say("One moment.")
    if not await call.transfer("4:+15550142"):
        call.say("Please call 0142 yourself.")


def heard(events: list[Event]) -> list[str]:
    return [event["text"] for event in events if event["kind"] == "heard"]


async def test_acs_transfers_to_a_telephone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(bot, monkeypatch, sockets=False) as acs:
        report = await acs.ring(SCRIPT)
    assert heard(report.events) == ["One moment."]
    (transferred,) = [event for event in report.events if event["kind"] == "transferred"]
    assert (transferred["target"], transferred["ok"]) == ("4:+15550142", True)


async def test_skype_refuses_one_and_the_dialog_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    events = await on_skype(bot, SCRIPT)
    assert [event for event in events if event["kind"] == "violation"] == []
    assert heard(events) == ["One moment.", "Please call 0142 yourself."]
    assert f"transfer is refused: {SKYPE_PHONE.text}" in caplog.text
