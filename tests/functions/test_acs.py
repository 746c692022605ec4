"""Whole calls of bots on ACS, against the simulated resource, and what goes wrong on the way."""

import asyncio
import base64
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bots import reception
from dialtone import Call, CallBot
from dialtone.channels.capabilities import refusal_of
from dialtone.errors import ActionFailed
from dialtone.loading import load_bot
from dialtone.protocol import Workflow
from dialtone.scripts import sample_bots, scripts_of
from functions.acs_client import AcsClient
from simulator import program
from simulator.ledger import Event
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import Fault
from simulator.script import read_script_file
from tests.compliance.acs_server import KEY
from tests.functions.acs_rig import AcsRig, bot_on_acs
from tests.functions.stories import LEAVE, RECEPTION, either, on_skype, script, stories

EITHER = either("8:acs:res_agent")
STORIES = stories(EITHER) | {
    "hang up in the menu": (reception.bot, read_script_file(RECEPTION / "lose-patience.yaml")),
    "words, digits and a transfer": (
        EITHER,
        script('  - hear: Sales\n  - speak: "sales, please"\n  - hear: number\n  - press: "1234"\n  - wait: 60\n'),
    ),
}


def story(events: list[Event]) -> list[Any]:
    """What was heard, said and pressed, and how it ended, in the words of both platforms."""
    told: list[tuple[Any, ...]] = []
    for event in events:
        kind, file = event["kind"], str(event.get("file", ""))
        if kind == "heard" and file == "beep.wav":
            kind = "beep"
        if file.startswith("silence-"):
            file = ""
        if kind == "heard":
            told.append((kind, event.get("text") or file, event["cut"]))
        elif kind in ("beep", "pressed", "spoke", "hung_up", "transferred", "recorded"):
            told.append((kind, event.get("key"), event.get("text"), event.get("by"), event.get("ok")))
    # A recording is told when its file is made: here with its end, there after it.
    return sorted(told, key=lambda each: each[0] == "recorded")


@pytest.mark.parametrize("name", STORIES)
async def test_a_call_is_the_same_on_both_channels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bot, read = STORIES[name]
    async with bot_on_acs(bot, monkeypatch) as acs:
        here = (await acs.ring(read)).events
    there = await on_skype(bot, read)
    assert story(here) == story(there)
    assert len(story(here)) >= 3


SAMPLES = [(bot, path) for bot in sample_bots() for path in scripts_of(bot)]
CANNOT = {
    "reception/nobody-in-sales": "acs transfers to",
    "reception/say-sales": "acs transfers to",
}
"""Samples that ask for what ACS refuses, by the table of capabilities."""

UNTOLD = {
    "bilingual/speak-german",
    "bilingual/wait-in-silence",
    "conference/join-a-conference",
    "conference/stay-to-the-end",
    "recorder/cannot-record",
}
"""Samples that live on what ACS does not tell: the caller's language, and that it is a group call."""


@pytest.mark.parametrize(("name", "path"), SAMPLES, ids=[f"{path.parent.name}/{path.stem}" for _, path in SAMPLES])
async def test_a_sample_is_the_same_on_both_channels(name: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bot, read, sample = load_bot(name), read_script_file(path), f"{path.parent.name}/{path.stem}"
    there = await on_skype(bot, read)
    asked = [Workflow.from_wire(event["json"]) for event in there if (event.get("json") or {}).get("actions")]
    refusals = {refusal_of(action) for workflow in asked for action in workflow.actions} - {""}
    async with bot_on_acs(bot, monkeypatch, sockets=False) as acs:
        report = await acs.ring(read)
    told = read.caller.language.startswith("en") and not read.others
    assert told is (sample not in UNTOLD)
    assert report.ok is read.is_for("acs"), report.reasons
    if sample in CANNOT:
        (refusal,) = refusals
        assert refusal.startswith(CANNOT[sample])
        assert story(report.events) != story(there)
    else:
        assert refusals == set()
        assert (story(report.events) == story(there)) is told is read.is_for("acs")


@pytest.fixture
async def acs(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcsRig]:
    async with bot_on_acs(reception.bot, monkeypatch) as rig:
        yield rig


def sent(acs: AcsRig) -> Counter[str]:
    """How often each command was taken by the resource, which does one with an id that it knows no second time."""
    known: set[str] = set()
    found: Counter[str] = Counter()
    for name, request, reply in acs.resource.requests:
        number = request.headers.get("repeatability-request-id", "")
        found[name] += reply.status < 300 and number not in known
        known |= {number} - {""}
    return +found


ONCE = {"answer": 1, "play": 4, "recognize": 2, "startRecording": 1, "stopRecording": 1, "terminate": 1, "download": 1}
"""The commands of the call that leaves a message."""


async def test_a_whole_call(acs: AcsRig) -> None:
    report = await acs.ring(read_script_file(LEAVE))
    assert report.ok, report.events[-1]
    (recording,) = await acs.rig.storage.recordings.list()
    assert (recording.format, recording.fault) == ("wav", "")
    assert {status for _, status in acs.statuses} == {200}
    assert sent(acs) == ONCE


@pytest.mark.parametrize(
    "settings",
    [
        AcsSettings(duplicate=1.0),
        AcsSettings(reorder=0.5),
        AcsSettings(duplicate=0.5, reorder=0.5, batch=True, unknown_events=True, cloud_events=True),
        AcsSettings(reply_delay_s=0.05),
    ],
    ids=["repeated", "reordered", "all at once", "before their replies"],
)
async def test_events_as_the_platform_may_post_them(settings: AcsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(reception.bot, monkeypatch, settings) as acs:
        report = await acs.ring(read_script_file(LEAVE))
        assert report.ok, report.events[-1]
        assert sent(acs) == ONCE


CRASHES = list(range(1, 31))


@pytest.mark.parametrize("number", CRASHES)
async def test_a_crash_is_mended_by_the_next_delivery(number: int, acs: AcsRig) -> None:
    """Storage fails once, at its n-th insert of the call: the delivery is answered 503 and comes again."""
    acs.rig.backend.fail_at("insert calls", number)
    report = await acs.ring(read_script_file(LEAVE))
    assert report.ok, report.events[-1]
    inserts = acs.rig.backend.operations.count("insert calls")
    assert inserts > number or 503 not in {status for _, status in acs.statuses}
    once = {name: count for name, count in sent(acs).items() if name not in ("play", "recognize", "download")}
    assert once == {name: count for name, count in ONCE.items() if name not in ("play", "recognize", "download")}
    assert sum(sent(acs).values()) <= sum(ONCE.values()) + 1, "at least once, for one of :play and :recognize"


async def test_a_lost_reply_does_a_command_once(acs: AcsRig) -> None:
    acs.resource.settings.faults.append(Fault("answer", 503, applied=True))
    acs.resource.settings.faults.append(Fault("terminate", 500, applied=True))
    report = await acs.ring(read_script_file(LEAVE))
    assert report.ok, report.events[-1]
    for name in ("answer", "terminate"):
        asked = [request for each, request, _ in acs.resource.requests if each == name]
        assert len(asked) == 2
        assert len({request.headers["repeatability-request-id"] for request in asked}) == 1


async def test_a_refusal_is_what_the_dialog_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        try:
            await call.choose("Which?", {"a": "1"})
        except ActionFailed as error:
            told.append(error.reason)

    async with bot_on_acs(bot, monkeypatch) as acs:
        acs.resource.settings.faults.append(Fault("play", 403))
        await acs.ring("  - wait: 5\n")
    why = "403/403 unknown: the platform gives no cause that is known; check the sub-code in Microsoft's list"
    assert set(told) == {why}


async def test_a_call_for_somebody_else_rings_on(acs: AcsRig, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = replace(acs.turns, resource=replace(acs.turns.resource, answers=frozenset({"4:+15550111"})))
    monkeypatch.setattr("functions.acs.turns", lambda: turns)
    report = await acs.ring("  - wait: 60\n")
    assert not report.ok
    assert sent(acs) == {}


async def test_who_posts_to_a_ticket_that_is_none(acs: AcsRig) -> None:
    tickets = acs.turns.tickets
    ticket = tickets.of("call-1")
    assert tickets.call_of(ticket) == "call-1"
    other, proof = tickets.of("call-2").split(".")[0], ticket.split(".")[1]
    for wrong in ("", ".", "x.y", ticket[:-1], ticket + "A", f"{other}.{proof}"):
        with pytest.raises(Exception, match="none of ours"):
            tickets.call_of(wrong)


async def test_the_simulator_rings_a_bot_on_acs_from_the_command_line(
    acs: AcsRig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "short.yaml"
    script.write_text("name: short\nsteps:\n  - hear: Welcome\n  - hang_up: true\nexpect: {ended_by: caller}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = AcsClient(f"http://127.0.0.1:{port}", base64.b64decode(KEY))
    acs.point_to(client)
    resource = ["--platform", "acs", "--platform-port", str(port), "--platform-key", KEY]
    arguments = ["call", str(script), "--bot", f"{acs.url}/api/acs/events", *resource]
    try:
        assert await asyncio.to_thread(program.run, arguments) == 0
    finally:
        await client.close()
    ledger = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (ledger[0]["kind"], ledger[-1]["kind"], ledger[-1]["ok"]) == ("call.started", "verdict", True)
