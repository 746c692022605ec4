import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.storage import Entry, Ledger, Receipt, State, Storage, call_key
from dialtone.storage.ledger import is_path, receipt_id
from dialtone.storage.memory import MemoryTable

PATH = "2023/11/14/8d3b/op-1.wav"
ENTRY = Entry(
    PATH,
    State.EXPECTED,
    call_id="8d3b",
    operation_id="op-1",
    caller="8:nora",
    format="wav",
    expected_at=1_700_000_000.0,
)


async def test_an_entry_is_expected_once(storage: Storage) -> None:
    ledger = storage.ledger
    assert await ledger.get(PATH) is None
    assert await ledger.expect(ENTRY) is None
    assert await ledger.expect(Entry(PATH, State.EXPECTED, call_id="other")) == ENTRY
    assert await ledger.get(PATH) == ENTRY
    assert await ledger.todo() == [PATH]
    await ledger.finished(PATH)
    await ledger.finished(PATH)
    assert await ledger.todo() == []


async def test_changes_of_several_do_not_undo_each_other(storage: Storage) -> None:
    ledger = storage.ledger
    assert not await ledger.change(PATH, hold="a case")
    await ledger.expect(ENTRY)
    changes: list[dict[str, object]] = [
        {"state": State.STORED, "size": 3_000_000_000, "sha256": "ab"},
        {"hold": "a case"},
        {"told_at": 12.5},
    ]
    await asyncio.gather(*(ledger.change(PATH, **change) for change in changes))
    entry = await ledger.get(PATH)
    assert entry is not None
    assert (entry.state, entry.size, entry.hold, entry.told_at) == (State.STORED, 3_000_000_000, "a case", 12.5)
    assert entry.call_id == "8d3b"


async def test_lists(storage: Storage) -> None:
    ledger = storage.ledger
    calls = ["c1", "c2", "c1!", "ü/ü"]
    paths = sorted(f"2023/11/14/{call_key(call)}/op-{number}.wav" for call in calls for number in range(3))
    for path in paths:
        await ledger.expect(Entry(path, State.EXPECTED, caller_key="k1" if "c1/" in path else ""))
    await ledger.expect(Entry("2023/11/15/c1/op-9.wav", State.EXPECTED, caller_key="k1"))
    assert sorted(entry.path for entry in await ledger.of_day("20231114")) == paths
    assert await ledger.of_day("20231113") == []
    first = await ledger.of_day("20231114", limit=5)
    rest = await ledger.of_day("20231114", after=first[-1].path)
    assert sorted(entry.path for entry in [*first, *rest]) == paths
    mine = [path for path in paths if path.startswith("2023/11/14/c1/")]
    assert [entry.path for entry in await ledger.of_call("20231114", call_key("c1"))] == mine
    assert await ledger.of_caller("k1") == [*mine, "2023/11/15/c1/op-9.wav"]
    todo = await ledger.todo(limit=5)
    assert [*todo, *await ledger.todo(after=todo[-1])] == await ledger.todo()
    assert len(await ledger.todo()) == 13


async def test_what_falls_due(storage: Storage) -> None:
    ledger = storage.ledger
    await ledger.fall_due(PATH, "20231201")
    await ledger.fall_due("2023/11/14/8d3b/op-2.wav", "20231203")
    assert await ledger.due("20231130") == []
    ((row, path),) = await ledger.due("20231202")
    assert path == PATH
    await ledger.was_due(row)
    assert [path for _, path in await ledger.due("20240101")] == ["2023/11/14/8d3b/op-2.wav"]


async def test_callers_have_the_same_key_in_every_process(storage: Storage) -> None:
    others = [Ledger(storage.backend.table("recordings")) for _ in range(4)]
    keys = await asyncio.gather(*(each.caller_key("8:nora") for each in (storage.ledger, *others)))
    assert len(set(keys)) == 1
    assert await storage.ledger.caller_key("") == ""
    assert await storage.ledger.caller_key("8:nina") not in keys


async def test_receipts(storage: Storage) -> None:
    first, second = (Receipt(receipt_id(at), at, "key", "somebody") for at in (1.0, 2.0))
    first.deleted.append({"path": PATH, "size": 3, "sha256": "ab"})
    for receipt in (first, second):
        await storage.ledger.put_receipt(receipt)
    assert await storage.ledger.receipt(first.id) == first
    assert await storage.ledger.receipt("none") is None
    assert await storage.ledger.receipts() == [second, first]


@given(st.text(min_size=1, max_size=300), st.text(min_size=1, max_size=300))
def test_every_recording_has_a_path(call: str, operation: str) -> None:
    path = f"2023/11/14/{call_key(call)}/{call_key(operation)}.wav"
    assert is_path(path)
    ledger = Ledger(MemoryTable())
    asyncio.run(ledger.expect(Entry(path, State.EXPECTED)))
    assert asyncio.run(ledger.todo()) == [path]


@pytest.mark.parametrize("path", ["notes.wav", "2023/11/14/x.wav", "2023/11/14/a/b/c.wav", "2023/11/14/a!/b.wav"])
def test_what_is_no_path(path: str) -> None:
    assert not is_path(path)
