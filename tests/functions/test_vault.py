"""Digits typed in secret: nothing that is stored or sent has them, on any channel, and the dialog does."""

import json
from base64 import b64encode
from typing import Any

import pytest

from dialtone import Call, CallBot, Prompt
from dialtone.errors import DialogError
from dialtone.storage.memory import MemoryTable
from functions.vault import CallVault, vault_keys
from tests.functions.rig import Rig, conversation, result, said

KEYS = vault_keys(b64encode(b"k" * 32).decode())
PIN = "83719264"
DIALLED = {
    "type": "recognizeOutcome",
    "collectDigitsOutcome": {"completionReason": "completedStopToneDetected", "digits": PIN},
}


def test_sealed_for_one_call_and_of_one_length() -> None:
    vault = CallVault(KEYS, "call-7")
    sealed = [vault.seal(digits) for digits in ("1", "4711", "1" * 20, "4711")]
    assert [vault.open(each) for each in sealed] == ["1", "4711", "1" * 20, "4711"]
    assert len({len(each) for each in sealed}) == 1
    assert sealed[1] != sealed[3]
    with pytest.raises(DialogError, match="for another call"):
        CallVault(KEYS, "call-8").open(sealed[0])


def test_after_a_rotation_of_keys() -> None:
    old, new = (b64encode(letter * 32).decode() for letter in (b"o", b"n"))
    sealed = CallVault(vault_keys(old), "call-7").seal("4711")
    assert CallVault(vault_keys(f"{new},{old}"), "call-7").open(sealed) == "4711"
    with pytest.raises(DialogError, match="keep the old key"):
        CallVault(vault_keys(new), "call-7").open(sealed)


def everything(rig: Rig) -> str:
    tables: dict[str, MemoryTable] = rig.backend._tables
    return repr([table._partitions for table in tables.values()]) + repr(rig.backend._containers)


async def test_nothing_that_is_stored_or_sent_has_the_digits(caplog: pytest.LogCaptureFixture) -> None:
    bot = CallBot()
    checked: list[str] = []

    async def check(pin: str) -> bool:
        checked.append(pin)
        return pin == PIN

    @bot.incoming
    async def dialog(call: Call) -> None:
        pin = await call.digits(Prompt("pin", "Your PIN?", secret=True))
        right = await call.run(check, pin or "")
        await call.choose(f"{right}. Again?", {"yes": "1"})
        raise RuntimeError(f"it was {pin} or {pin[:] if pin else ''}")

    rig = Rig(bot)
    replies = [await rig.post(conversation(), message_id="m0")]
    replies.append(await rig.post(result(replies[-1], DIALLED), message_id="m1"))
    assert said(replies[-1]) == ["True. Again?"]
    chosen: dict[str, Any] = {"completionReason": "dtmfOptionMatched", "choiceName": "yes"}
    answer = {"type": "recognizeOutcome", "choiceOutcome": chosen}
    replies.append(await rig.post(result(replies[-1], answer), message_id="m2"))
    assert checked == [PIN]
    assert "it was" in caplog.text
    decoded = [rig.codec.decode("call-7", json.loads(reply.body)["appState"]).history for reply in replies[:2]]
    for text in (everything(rig), caplog.text, *(reply.body.decode() for reply in replies), *map(str, decoded)):
        assert PIN not in text
    assert "!" in str(decoded[1])


@pytest.mark.parametrize("secret", [False, True])
async def test_the_mark_is_what_makes_the_difference(secret: bool) -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.digits(Prompt("pin", "Your PIN?", secret=secret))
        await call.choose("Again?", {"yes": "1"})

    rig = Rig(bot)
    asked = await rig.post(conversation(), message_id="m0")
    await rig.post(result(asked, DIALLED), message_id="m1")
    assert (PIN in everything(rig)) is not secret
