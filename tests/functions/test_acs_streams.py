"""Bots on ACS that answer with media: the commands that signals cause, and the ends of such a call."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from dialtone import Call, CallBot, Stream
from dialtone.channels.acs import parse_callbacks
from dialtone.storage import SignalRow, TurnRow
from tests.functions.acs_rig import AcsRig, bot_on_acs

bot = CallBot()


@bot.media("echo")
async def echo(stream: Stream) -> None: ...


@bot.incoming
async def talk(call: Call) -> None:
    call.answer(media="echo")
    end = await call.media_ended()
    call.say(f"The stream has {end.reason}.")


@pytest.fixture
async def acs(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcsRig]:
    async with bot_on_acs(bot, monkeypatch) as rig:
        settings = replace(rig.turns.settings, media_url="ws://127.0.0.1:9", ticket_key=b64encode(b"t" * 32).decode())
        rig.turns = replace(rig.turns, settings=settings)
        rig.patch(rig.turns)
        yield rig


def rows_of(acs: AcsRig) -> list[TurnRow]:
    """The turns that are stored, as they are stored."""
    kept: list[TurnRow] = []
    insert = acs.turns.storage.calls.insert

    async def watched(row: TurnRow) -> TurnRow | None:
        kept.append(row)
        return await insert(row)

    object.__setattr__(acs.turns.storage.calls, "insert", watched)
    return kept


async def test_the_end_of_the_stream_lets_the_dialog_go_on(acs: AcsRig) -> None:
    calls = acs.turns.storage.calls
    rows = rows_of(acs)
    insert = calls.insert

    async def ends_while_it_is_stored(row: TurnRow) -> TurnRow | None:
        if not row.reply and not row.done:
            told = json.dumps({"reason": "finished"})
            await calls.signal(SignalRow(row.call_id, "s1", "media_ended", told, row.at))
        return await insert(row)

    object.__setattr__(calls, "insert", ends_while_it_is_stored)
    report = await acs.ring("  - hear: The stream has finished\n  - wait: 60\nexpect: {ended_by: bot}")
    assert report.ok, report.reasons
    answer = json.loads(rows[0].reply)["actions"][0]
    assert answer["action"] == "answerAppHostedMedia"
    assert answer["mediaConfiguration"]["transportUrl"].startswith("ws://127.0.0.1:9/media/")
    assert [row.event for row in rows[1:3]] == ["answerAppHostedMediaOutcome", "signal"]
    media = await calls.media(rows[0].call_id)
    assert media is not None
    assert media.channel == "acs"
    connection, _, server = media.link.partition(" ")
    assert connection
    assert server


async def test_the_platform_tells_of_the_end_of_a_stream_that_could_not_be_opened(acs: AcsRig) -> None:
    rows = rows_of(acs)
    calls = acs.turns.storage.calls
    insert = calls.insert

    async def fails_while_it_is_stored(row: TurnRow) -> TurnRow | None:
        if not row.reply and not row.done:
            event = {
                "id": "e1",
                "source": "calling/callConnections/c1",
                "type": "Microsoft.Communication.MediaStreamingFailed",
                "specversion": "1.0",
                "time": "2026-11-26T00:00:00Z",
                "data": {"callConnectionId": "c1", "serverCallId": "s1", "correlationId": "k1"},
            }
            ((failed,), unreadable) = parse_callbacks(json.dumps([event]).encode())
            assert not unreadable
            await acs.turns.happened(row.call_id, failed)
        return await insert(row)

    object.__setattr__(calls, "insert", fails_while_it_is_stored)
    report = await acs.ring("  - hear: The stream has lost\n  - wait: 60\nexpect: {ended_by: bot}")
    assert report.ok, report.reasons
    assert [row.event for row in rows[1:3]] == ["answerAppHostedMediaOutcome", "signal"]


async def test_the_caller_hangs_up_while_the_stream_goes_on(acs: AcsRig) -> None:
    rows = rows_of(acs)
    await acs.ring("  - wait: 1\n  - hang_up: true")
    assert rows[-1].done
    assert rows[-1].failed == ""
