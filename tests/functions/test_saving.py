"""What dialogs change of users' data is saved once, by the turn that was stored, whatever dies in between."""

import asyncio
import json

import pytest

from dialtone import Call, CallBot
from dialtone.errors import StorageUnavailable
from dialtone.storage import CallRecord
from tests.functions.rig import Rig, chose, conversation, result, said

NORA = "8:nora"


@pytest.fixture
def rig() -> Rig:
    bot = CallBot()

    @bot.incoming
    async def counting(call: Call) -> None:
        data = await call.user_data()
        data["calls"] = data.get("calls", 0) + 1
        choice = await call.choose("Press 1 or 2.", {"one": "1", "two": "2"})
        data["last"] = choice
        data[f"chose {choice}"] = True
        await call.choose("Press 1.", {"one": "1"})

    return Rig(bot)


async def kept(rig: Rig) -> dict[str, object]:
    return await rig.storage.data.load("user", NORA)


async def test_a_callback_that_loses_the_turn_saves_nothing(rig: Rig) -> None:
    first = await rig.post(conversation(), message_id="m0")
    one, two = (result(first, chose(name)) for name in ("one", "two"))
    for _ in range(20):
        replies = await asyncio.gather(rig.post(one, message_id="m1"), rig.post(two, message_id="m1-rival"))
        assert replies[0] == replies[1]
    row = await rig.storage.calls.get("call-7", 1)
    assert row is not None
    won = {"m1": "one", "m1-rival": "two"}[row.message_id]
    assert await kept(rig) == {"calls": 1, "last": won, f"chose {won}": True}


async def test_a_turn_that_dies_before_it_is_stored_counts_once_with_another_call_in_between(rig: Rig) -> None:
    rig.backend.fail = lambda operation: operation == "insert calls"
    with pytest.raises(StorageUnavailable):
        await rig.post(conversation(), message_id="m0")
    assert await kept(rig) == {}
    rig.backend.fail = lambda operation: False
    await rig.post(conversation("call-8"), message_id="m8")
    await rig.post(conversation(), message_id="m0")
    assert await kept(rig) == {"calls": 2}


@pytest.mark.parametrize("lost", ["put calldata", "insert calls"])
async def test_a_turn_that_dies_after_it_was_stored_is_saved_by_the_retry(rig: Rig, lost: str) -> None:
    rig.backend.fail_after = lambda operation: operation == lost
    with pytest.raises(StorageUnavailable):
        await rig.post(conversation(), message_id="m0")
    rig.backend.fail_after = lambda operation: False
    reply = await rig.post(conversation(), message_id="m0")
    assert said(reply) == ["Press 1 or 2."]
    assert await kept(rig) == {"calls": 1}


async def test_a_late_copy_does_not_undo_what_came_after(rig: Rig) -> None:
    await rig.post(conversation(), message_id="m0")
    await rig.post(conversation("call-8"), message_id="m8")
    assert await kept(rig) == {"calls": 2}
    rig.backend.operations.clear()
    await rig.post(conversation(), message_id="m0")
    assert await kept(rig) == {"calls": 2}
    assert "put calldata" not in rig.backend.operations


async def test_a_turn_that_nobody_tries_again_is_saved_by_the_sweeper(rig: Rig) -> None:
    rig.backend.fail = lambda operation: operation == "put calldata"
    first = conversation()
    with pytest.raises(StorageUnavailable):
        await rig.post(first, message_id="m0")
    rig.backend.fail = lambda operation: False
    assert await kept(rig) == {}
    rig.now += 86_400
    assert await rig.turns.lost(CallRecord("call-7", "skype", NORA, rig.now - 86_400))
    assert await kept(rig) == {"calls": 1}


async def test_a_turn_that_changes_nothing_writes_once(rig: Rig) -> None:
    first = await rig.post(conversation(), message_id="m0")
    second = await rig.post(result(first, chose("one")), message_id="m1")
    rig.backend.operations.clear()
    await rig.post(result(second, chose("one")), message_id="m2")
    assert [operation for operation in rig.backend.operations if "calldata" in operation or "calls" in operation] == [
        "insert calls"
    ]
    row = await rig.storage.calls.get("call-7", 1)
    assert row is not None
    assert json.loads(row.changes) == [["user", NORA, {"last": "one", "chose one": True}, [], False]]
