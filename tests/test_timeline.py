"""The ledger of a call, read back from what its bot stored."""

import json
import re

import pytest

from bots.reception import bot as reception
from dialtone.errors import ConfigurationError
from dialtone.storage import NoteRow, TurnRow
from dialtone.timeline import ledger_of, lines
from simulator.lab import Bot
from simulator.script import read_script_file
from simulator.storm import story
from simulator.wire import open_wire
from tests.simulator.household import household
from tests.simulator.test_storm import SCRIPTS


async def test_the_journal_tells_what_the_simulator_saw_on_the_wire() -> None:
    script = read_script_file(SCRIPTS / "reception" / "leave-a-message.yaml")
    async with household(reception) as house, open_wire() as wire:
        report = await Bot(house.url, wire).ring(script, 7)
        call_id = report.events[0]["call_id"]
        events = await ledger_of(house.rig.storage, call_id)
    assert story(report.events)
    sent = [event for event in report.events if event["kind"] == "http.request"]
    replied = [event for event in report.events if event["kind"] == "http.reply"]
    kinds = [event["kind"] for event in events]
    assert kinds[:3] == ["call.started", "http.request", "http.reply"]
    assert kinds[-1] == "call.ended"
    requests = [event for event in events if event["kind"] == "http.request"]
    replies = [event for event in events if event["kind"] == "http.reply"]
    assert [event["message_id"] for event in requests] == [event["message_id"] for event in sent]
    assert [event["event"] for event in requests] == [
        "conversation",
        *(event["json"]["operationOutcome"]["type"] for event in sent[1:]),
    ]
    assert [event.get("json", {}).get("actions") for event in replies] == [
        event.get("json", {}).get("actions") for event in replied
    ]
    (recorded,) = [event for event in events if event["kind"] == "recorded"]
    (before,) = [event for event in report.events if event["kind"] == "recorded"]
    assert {name: recorded[name] for name in ("operation_id", "bytes", "reason", "format")} == {
        name: before[name] for name in ("operation_id", "bytes", "reason", "format")
    }
    assert kinds[kinds.index("recorded") - 1] == "http.request"
    assert (events[0]["caller"], events[-1]["turns"], events[-1]["recordings"]) == ("8:nora", 4, 1)
    told = lines(events)
    assert told[0] == f"00:00.0  platform  call {call_id} of 8:nora"
    assert told[2] == (
        '00:00.0  bot       answer, playPrompt "Welcome to Contoso.", recognize "For sales, say sales or press 1. '
        'To leave a message, say message or press 2."'
    )
    assert re.fullmatch(r"00:\d\d\.\d  platform  the call is over \(\d\.\d s, 4 turns, 1 recording\)", told[-1])
    assert "appState" not in str(events)
    assert "Nora. Please" not in "".join(told)


async def test_nothing_in_it_lets_anybody_read_a_prompt() -> None:
    prompt = {"fileUri": "https://account.test/prompts/welcome.wav?sig=secret"}
    play = {"operationId": "p", "action": "playPrompt", "prompts": [prompt]}
    reply = json.dumps({"actions": [play], "appState": "signed"}).encode()
    row = TurnRow("call-7", 0, "m", "conversation", "[]", False, reply, "application/json", 200, 0.0, False, "Broken")
    async with household(reception) as house:
        await house.rig.storage.calls.insert(row)
        await house.rig.storage.calls.note(NoteRow("call-7", "n", "callStateChange", b'{"id": "call-7"}', 2.5))
        events = await ledger_of(house.rig.storage, "call-7")
    assert lines(events) == [
        "00:00.0  platform  call call-7",
        "00:00.0  platform  conversation (message m)",
        "00:00.0  bot       FAILED: Broken",
        '00:00.0  bot       playPrompt "welcome.wav"',
        "00:02.5  platform  notification callStateChange",
    ]
    assert "secret" not in str(events)
    assert "signed" not in str(events)


async def test_a_call_that_is_not_there() -> None:
    async with household(reception) as house:
        with pytest.raises(ConfigurationError, match="the journal has no call nobody"):
            await ledger_of(house.rig.storage, "nobody")
