"""Bots on ACS that answer with media: the commands that signals cause, and the ends of such a call."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from dialtone import ActionFailed, Call, CallBot, Stream
from dialtone.channels.acs import parse_callbacks
from dialtone.media import ticket
from dialtone.storage import MediaRow, SignalRow, TurnRow
from simulator.platforms.acs_settings import AcsSettings
from tests.functions.acs_rig import AcsRig, bot_on_acs

bot = CallBot()


@bot.media("echo")
async def echo(stream: Stream) -> None: ...


@bot.incoming
async def talk(call: Call) -> None:
    call.answer(media="echo")
    end = await call.media_ended()
    call.say(f"The stream has {end.reason}.")


KEY = b"t" * 32


@asynccontextmanager
async def rung(
    bot: CallBot, monkeypatch: pytest.MonkeyPatch, simulated: AcsSettings | None = None
) -> AsyncIterator[AcsRig]:
    async with bot_on_acs(bot, monkeypatch, simulated) as rig:
        settings = replace(rig.turns.settings, media_url="ws://127.0.0.1:9", ticket_key=b64encode(KEY).decode())
        rig.turns = replace(rig.turns, settings=settings)
        rig.patch(rig.turns)
        yield rig


@pytest.fixture
async def acs(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcsRig]:
    async with rung(bot, monkeypatch) as rig:
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


async def test_streams_are_started_and_stopped_while_the_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of the answer is that of all of them; the row says which one is wanted."""
    starter = CallBot()
    starter.media("echo")(echo)
    starter.media("other")(echo)
    reasons: list[str] = []

    @starter.incoming
    async def talk(call: Call) -> None:
        call.say("You will hear yourself.")
        await call.start_media("echo")
        await call.confirm("Is it you?", retries=0)
        await call.stop_media()
        reasons.append((await call.media_ended()).reason)
        await call.start_media("other")
        await call.stop_media()
        reasons.append((await call.media_ended()).handler)
        call.say("So far.")

    async with rung(starter, monkeypatch, AcsSettings(open_streams=False)) as acs:
        calls = acs.turns.storage.calls
        rows, states = rows_of(acs), []
        put = calls.put_media

        async def watched(row: MediaRow) -> None:
            states.append((row.number, row.handler, row.state, row.reason))
            await put(row)

        object.__setattr__(calls, "put_media", watched)
        report = await acs.ring('  - hear: Is it you\n  - press: "1"\n  - hear: So far\nexpect: {ended_by: bot}')
        assert report.ok, report.reasons
        assert reasons[-2:] == ["closed", "other"]
        url = urlsplit(json.loads(rows[0].reply)["streams"])
        query = parse_qs(url.query)
        assert "handler" not in query
        ticket.verify(KEY, query["ticket"][0], rows[0].call_id, acs.rig.now, standing=True)
        with pytest.raises(ticket.TicketError, match="not signed"):
            ticket.verify(KEY, query["ticket"][0], rows[0].call_id, acs.rig.now)
        assert list(dict.fromkeys(states)) == [
            (1, "echo", "asked", ""),
            (1, "echo", "open", ""),
            (1, "echo", "ended", "closed"),
            (2, "other", "asked", ""),
            (2, "other", "open", ""),
            (2, "other", "ended", "closed"),
        ]


async def test_a_stream_that_is_not_opened_is_an_action_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    starter = CallBot()
    starter.media("echo")(echo)

    @starter.incoming
    async def talk(call: Call) -> None:
        try:
            await call.start_media("echo")
        except ActionFailed as failed:
            call.say(f"You cannot hear yourself, because of {failed.sub_code}.")

    async with rung(starter, monkeypatch) as acs:
        acs.rig.now = 1_700_000_000.0
        rows = rows_of(acs)
        monkeypatch.setattr("simulator.media.connection.RETRY_S", 0.0)
        report = await acs.ring("  - hear: because of 8603\nexpect: {ended_by: bot}")
        assert report.ok, report.reasons
        stream = await acs.turns.storage.calls.media(rows[0].call_id)
        assert stream is not None
        assert (stream.state, stream.handler) == ("ended", "echo")


async def test_what_is_told_of_an_older_stream_changes_nothing(acs: AcsRig) -> None:
    calls, turns = acs.turns.storage.calls, acs.turns

    async def happens(kind: str, context: str | None, number: int) -> str:
        event = {
            "id": f"e{number}",
            "source": "calling/callConnections/c1",
            "type": f"Microsoft.Communication.{kind}",
            "specversion": "1.0",
            "time": "2026-11-26T00:00:00Z",
            "data": {"callConnectionId": "c1", "serverCallId": "s1", "correlationId": "k1"}
            | ({"operationContext": context} if context else {}),
        }
        ((read,), _) = parse_callbacks(json.dumps([event]).encode())
        await turns.happened("c", read)
        row = await calls.media("c")
        assert row is not None
        return row.state

    await calls.put_media(MediaRow("c", "echo", "acs", "asked", 1.0, number=2, turn=4))
    assert await happens("MediaStreamingStopped", "3.0", 1) == "asked"
    assert await happens("MediaStreamingFailed", "0.0", 2) == "asked"
    assert await happens("MediaStreamingStopped", None, 3) == "asked"
    assert await calls.signals("c") == []
    assert await happens("MediaStreamingStopped", "6.0", 4) == "ended"
    assert [row.name for row in await calls.signals("c")] == ["media_ended-2"]


async def test_the_caller_hangs_up_while_the_stream_goes_on(acs: AcsRig) -> None:
    rows = rows_of(acs)
    await acs.ring("  - wait: 1\n  - hang_up: true")
    assert rows[-1].done
    assert rows[-1].failed == ""
