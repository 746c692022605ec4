import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.errors import BotError, StorageUnavailable
from dialtone.storage import CALLS_TABLE, CallRecord, CallStore, NoteRow, SignalRow, Storage, TurnRow
from dialtone.storage.call_rows import ROW_MAX_BYTES, entity_of_turn, turn_of_entity
from dialtone.storage.memory import MemoryTable

CALL = "8d3b"
START = 1_700_000_000.25
DAY = "20231114"

NASTY_IDS = ["", ".", "..", "a/b\\c#d?e", "\x00\x1f\x7f\x80", "%2F+~'\";@&", "üñ€😀", "=2f", "a b ", "x" * 5000]


def turn(sequence: int, **changes: Any) -> TurnRow:
    row = TurnRow(
        call_id=CALL,
        sequence=sequence,
        message_id=f"message-{sequence}",
        event="record",
        entries=f'["entry {sequence}"]',
        reset=False,
        reply=b'{"actions":[]}',
        content_type="application/json",
        status=200,
        at=START + sequence,
        done=False,
        failed="",
    )
    return replace(row, **changes)


def record(number: int = 0, **changes: Any) -> CallRecord:
    return replace(CallRecord(f"call-{number}", "skype", "8:caller", START + number), **changes)


def ended(opened: CallRecord, outcome: str = "completed") -> CallRecord:
    return replace(opened, ended=opened.started + 60, outcome=outcome)


class TestJournal:
    async def test_first_insert_wins(self, storage: Storage) -> None:
        assert await storage.calls.insert(turn(0)) is None
        assert await storage.calls.insert(turn(0, reply=b"another", message_id="late")) == turn(0)
        assert await storage.calls.get(CALL, 0) == turn(0)

    async def test_one_of_fifty_parallel_inserts_wins(self, storage: Storage) -> None:
        rows = [turn(3, reply=f"reply {number}".encode()) for number in range(50)]
        answers = await asyncio.gather(*(storage.calls.insert(row) for row in rows))
        winners = [row for row, answer in zip(rows, answers, strict=True) if answer is None]
        assert len(winners) == 1
        assert [answer for answer in answers if answer is not None] == winners * 49
        assert await storage.calls.get(CALL, 3) == winners[0]

    async def test_nothing_is_found_before_anything_is_written(self, storage: Storage) -> None:
        assert await storage.calls.get(CALL, 0) is None
        assert await storage.calls.latest(CALL) is None
        assert await storage.calls.history(CALL, 5) == []

    async def test_latest_is_that_of_its_call(self, storage: Storage) -> None:
        for sequence in (0, 1, 2, 10):
            await storage.calls.insert(turn(sequence))
        await storage.calls.insert(turn(99, call_id=f"{CALL}0"))
        assert await storage.calls.latest(CALL) == turn(10)

    async def test_history_starts_at_the_last_reset(self, storage: Storage) -> None:
        rows = [turn(sequence, reset=sequence in (2, 5)) for sequence in range(8)]
        for row in rows:
            await storage.calls.insert(row)
        assert await storage.calls.history(CALL, 7) == rows[5:]
        assert await storage.calls.history(CALL, 5) == rows[5:6]
        assert await storage.calls.history(CALL, 4) == rows[2:5]
        assert await storage.calls.history(CALL, 1) == rows[:2]

    async def test_history_longer_than_a_page(self, storage: Storage) -> None:
        rows = [turn(sequence) for sequence in range(130)]
        for first in range(0, len(rows), 10):  # all at once would be too much for Azurite on a busy machine
            await asyncio.gather(*(storage.calls.insert(row) for row in rows[first : first + 10]))
        assert await storage.calls.history(CALL, 128) == rows[:129]

    async def test_long_values_come_back(self, storage: Storage) -> None:
        row = turn(
            0,
            reply=bytes(range(256)) * 1960,
            entries="a" * 100_001,
            event="é" * 15_001,
            message_id="😀" * 7_501,
            failed="line one\r\nline two\x00",
        )
        assert await storage.calls.insert(row) is None
        assert await storage.calls.get(CALL, 0) == row

    async def test_empty_values_come_back(self, storage: Storage) -> None:
        row = turn(0, reply=b"", entries="", event="", message_id="", content_type="", at=0.0, status=0, done=True)
        await storage.calls.insert(row)
        assert await storage.calls.get(CALL, 0) == row

    @pytest.mark.parametrize("call_id", NASTY_IDS)
    async def test_any_call_id_will_do(self, storage: Storage, call_id: str) -> None:
        row = turn(0, call_id=call_id)
        assert await storage.calls.insert(row) is None
        assert await storage.calls.insert(row) == row
        assert await storage.calls.history(call_id, 0) == [row]

    async def test_row_too_large_is_refused_whole(self, storage: Storage) -> None:
        with pytest.raises(BotError) as refusal:
            await storage.calls.insert(turn(0, entries="x" * (ROW_MAX_BYTES // 2)))
        assert refusal.value.field == "entries"
        assert await storage.calls.get(CALL, 0) is None


class TestLists:
    async def test_call_is_open_until_it_is_closed(self, storage: Storage) -> None:
        await storage.calls.open(record())
        assert await storage.calls.open_calls(started_before=START + 1) == [record()]
        assert await storage.calls.calls_of_day(DAY) == [record()]
        await storage.calls.close(ended(record()))
        assert await storage.calls.open_calls(started_before=START + 1) == []
        assert await storage.calls.calls_of_day(DAY) == [ended(record())]

    async def test_opening_twice_is_once(self, storage: Storage) -> None:
        await asyncio.gather(*(storage.calls.open(record()) for _ in range(5)))
        assert await storage.calls.open_calls(started_before=START + 1) == [record()]
        assert await storage.calls.calls_of_day(DAY) == [record()]

    async def test_call_that_has_ended_is_not_opened_again(self, storage: Storage) -> None:
        await storage.calls.open(record())
        await storage.calls.close(ended(record()))
        await storage.calls.open(record())
        assert await storage.calls.open_calls(started_before=START + 1) == []
        assert await storage.calls.calls_of_day(DAY) == [ended(record())]

    async def test_closing_again_mends(self, storage: Storage) -> None:
        await storage.calls.close(ended(record(), "lost"))
        await storage.calls.close(ended(record(), "completed"))
        assert await storage.calls.calls_of_day(DAY) == [ended(record(), "completed")]

    async def test_closing_needs_an_end(self, storage: Storage) -> None:
        with pytest.raises(ValueError, match="outcome"):
            await storage.calls.close(record())

    async def test_lists_are_newest_first_over_all_partitions(self, storage: Storage) -> None:
        records = [record(number) for number in range(20)]
        await asyncio.gather(*(storage.calls.open(each) for each in records))
        newest_first = records[::-1]
        assert await storage.calls.calls_of_day(DAY) == newest_first
        assert await storage.calls.calls_of_day(DAY, limit=6) == newest_first[:6]
        assert await storage.calls.calls_of_day(DAY, limit=0) == []
        assert await storage.calls.open_calls(started_before=START + 10) == newest_first[10:]
        assert await storage.calls.open_calls(started_before=START + 10, limit=3) == newest_first[10:13]

    async def test_pages_follow_each_other(self, storage: Storage) -> None:
        # Several of them at the same time: their keys tell them apart.
        records = [record(number, started=START + number // 3) for number in range(12)]
        await asyncio.gather(*(storage.calls.open(each) for each in records))
        pages: list[CallRecord] = []
        while page := await storage.calls.calls_of_day(DAY, limit=5, after=pages[-1] if pages else None):
            pages += page
        assert sorted(pages, key=lambda each: int(each.call_id[5:])) == records
        assert [each.started for each in pages] == sorted((each.started for each in records), reverse=True)
        rest = await storage.calls.open_calls(started_before=START + 100, after=pages[8])
        assert rest == pages[9:]

    async def test_started_before_leaves_out_that_very_time(self, storage: Storage) -> None:
        await storage.calls.open(record())
        assert await storage.calls.open_calls(started_before=START) == []
        assert await storage.calls.open_calls(started_before=START + 0.001) == [record()]

    async def test_days_are_apart(self, storage: Storage) -> None:
        tomorrow = record(1, started=START + 86_400)
        await storage.calls.open(record())
        await storage.calls.open(tomorrow)
        assert await storage.calls.calls_of_day("20231115") == [tomorrow]
        assert await storage.calls.calls_of_day("20231116") == []

    @pytest.mark.parametrize("call_id", NASTY_IDS)
    async def test_any_call_id_will_do(self, storage: Storage, call_id: str) -> None:
        opened = record(call_id=call_id, caller=call_id)
        await storage.calls.open(opened)
        assert await storage.calls.open_calls(started_before=START + 1) == [opened]
        await storage.calls.close(ended(opened))
        assert await storage.calls.open_calls(started_before=START + 1) == []
        assert await storage.calls.calls_of_day(DAY) == [ended(opened)]

    @pytest.mark.parametrize("day", ["", "2023-11-14", "today", "２０２３１１１４", "202311140"])  # noqa: RUF001
    async def test_day_must_be_written_right(self, storage: Storage, day: str) -> None:
        with pytest.raises(BotError, match="yyyymmdd") as refusal:
            await storage.calls.calls_of_day(day)
        assert refusal.value.field == "day"


class RefusingTable(MemoryTable):
    """A table that is being deleted: it says that a row exists, and has none."""

    async def insert(self, entity: Mapping[str, Any]) -> bool:
        return False


async def test_row_refused_but_not_there_is_unavailable() -> None:
    store = CallStore(RefusingTable(), MemoryTable())
    with pytest.raises(StorageUnavailable, match=CALLS_TABLE):
        await store.insert(turn(0))


lengths = st.integers(0, 70_000)
texts = st.one_of(st.text(max_size=50), lengths.map("😀".__mul__), lengths.map("a".__mul__))


@given(texts, texts, st.integers(0, 300_000).map(bytes))
def test_every_property_is_within_the_limits(entries: str, event: str, reply: bytes) -> None:
    row = turn(7, entries=entries, event=event, reply=reply)
    entity = entity_of_turn(row)
    assert turn_of_entity(CALL, entity) == row
    assert len(entity) <= 252
    for value in entity.values():
        if isinstance(value, str):
            assert len(value.encode("utf-16-le", "surrogatepass")) <= 65_536
        elif isinstance(value, bytes):
            assert len(value) <= 65_536


class TestNotes:
    async def test_a_note_is_kept_once(self, storage: Storage) -> None:
        note = NoteRow(CALL, "m-1", "callStateChange", b'{"id":"8d3b"}', START)
        assert not await storage.calls.noted(CALL, "m-1")
        assert await storage.calls.note(note)
        assert not await storage.calls.note(replace(note, body=b"another"))
        assert await storage.calls.noted(CALL, "m-1")
        assert not await storage.calls.noted("another", "m-1")
        assert await storage.calls.notes(CALL) == [note]

    async def test_notes_come_in_the_order_of_time_and_may_be_long(self, storage: Storage) -> None:
        notes = [NoteRow(CALL, message, "rosterUpdate", b"x" * 200_000, START + at) for at, message in enumerate("cab")]
        for note in notes:
            await storage.calls.note(note)
        await storage.calls.put_roster(CALL, ["8:nora"])
        assert await storage.calls.notes(CALL) == notes

    async def test_the_roster_is_the_last_one(self, storage: Storage) -> None:
        assert await storage.calls.roster(CALL) is None
        for roster in (("8:nora",), tuple(f"8:user-{number}" for number in range(5000)), ("8:ü", "28:bot")):
            await storage.calls.put_roster(CALL, roster)
            assert await storage.calls.roster(CALL) == roster

    async def test_turns_do_not_see_them(self, storage: Storage) -> None:
        await storage.calls.note(NoteRow(CALL, "m-1", "callStateChange", b"{}", START))
        await storage.calls.put_roster(CALL, ["8:nora"])
        await storage.calls.insert(turn(0, reset=True))
        await storage.calls.insert(turn(1))
        assert await storage.calls.latest(CALL) == turn(1)
        assert await storage.calls.history(CALL, 1) == [turn(0, reset=True), turn(1)]

    @pytest.mark.parametrize("message_id", NASTY_IDS)
    async def test_any_message_id(self, storage: Storage, message_id: str) -> None:
        note = NoteRow(CALL, message_id, "callStateChange", b"{}", START)
        assert await storage.calls.note(note)
        assert await storage.calls.notes(CALL) == [note]


def signal(number: int, **changes: Any) -> SignalRow:
    return replace(SignalRow(CALL, f"s{number}", "paid", f"{number}", START + number), **changes)


class TestSignals:
    async def test_a_signal_is_kept_once(self, storage: Storage) -> None:
        assert await storage.calls.signal(signal(0))
        assert not await storage.calls.signal(signal(0, value='"another"', name="other"))
        assert await storage.calls.signals(CALL) == [signal(0)]
        assert await storage.calls.signals("another") == []

    async def test_one_of_many_parallel_copies_is_new(self, storage: Storage) -> None:
        copies = [signal(0, value=f"{number}") for number in range(20)]
        answers = await asyncio.gather(*(storage.calls.signal(copy) for copy in copies))
        assert answers.count(True) == 1
        (kept,) = await storage.calls.signals(CALL)
        assert kept == copies[answers.index(True)]

    async def test_they_come_in_the_order_of_time(self, storage: Storage) -> None:
        rows = [signal(at, id=identity) for at, identity in enumerate("cab")]
        for row in reversed(rows):
            await storage.calls.signal(row)
        assert await storage.calls.signals(CALL) == rows

    async def test_of_one_moment_they_come_in_one_order(self, storage: Storage) -> None:
        for identity in "cab":
            await storage.calls.signal(signal(0, id=identity))
        assert [row.id for row in await storage.calls.signals(CALL)] == ["a", "b", "c"]

    async def test_turns_notes_and_signals_do_not_see_each_other(self, storage: Storage) -> None:
        note = NoteRow(CALL, "m-1", "callStateChange", b"{}", START)
        await storage.calls.signal(signal(0))
        await storage.calls.note(note)
        await storage.calls.put_roster(CALL, ["8:nora"])
        await storage.calls.insert(turn(0, reset=True))
        assert await storage.calls.latest(CALL) == turn(0, reset=True)
        assert await storage.calls.history(CALL, 0) == [turn(0, reset=True)]
        assert await storage.calls.notes(CALL) == [note]
        assert await storage.calls.signals(CALL) == [signal(0)]
        assert await storage.calls.roster(CALL) == ("8:nora",)

    async def test_a_call_that_has_only_signals_has_no_turn(self, storage: Storage) -> None:
        await storage.calls.signal(signal(0))
        assert await storage.calls.latest(CALL) is None
        assert await storage.calls.history(CALL, 5) == []

    @pytest.mark.parametrize("value", ["null", '"ü😀"', f'"{"x" * 32_766}"', '{"a": [1, null]}'])
    async def test_values_come_back(self, storage: Storage, value: str) -> None:
        await storage.calls.signal(signal(0, value=value))
        (row,) = await storage.calls.signals(CALL)
        assert row.data == json.loads(value)

    @pytest.mark.parametrize("text", NASTY_IDS)
    async def test_any_id_and_name(self, storage: Storage, text: str) -> None:
        row = signal(0, id=text, name=text, call_id=text)
        assert await storage.calls.signal(row)
        assert await storage.calls.signals(text) == [row]
