"""Data, languages and middleware on the path of a callback."""

from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallBot, Prompt, translations
from dialtone.dialogs import Event
from dialtone.errors import DependencyError, StorageUnavailable, WorkflowError
from dialtone.protocol import Action, Hangup
from tests.functions.rig import HUNG_UP, Rig, actions, chose, conversation, result, said

KEY = {"a": "1"}


async def counts(call: Call) -> None:
    user, private = await call.user_data(), await call.private_data()
    user["count"] = user.get("count", 0) + 1
    user.setdefault("log", []).append(user["count"])
    user.pop("once", None)
    private["pin"] = 1
    call.say(f"{user['count']}")
    await call.choose("Press 1.", KEY)
    user["count"] += 10
    conversation_data = await call.conversation_data()
    conversation_data["times"] = conversation_data.get("times", 0) + 1
    await call.choose("Press 1 again.", KEY)


def rig_of(dialog: Any) -> Rig:
    bot = CallBot()
    bot.incoming(dialog)
    return Rig(bot)


async def data_of(rig: Rig) -> list[dict[str, Any]]:
    load = rig.storage.data.load
    owners = [("user", "8:nora"), ("private", "8:nora\ncall-7"), ("conversation", "call-7")]
    return [await load(bag, owner) for bag, owner in owners]


async def test_data_is_saved_after_the_turn_that_has_it_and_only_when_it_changed() -> None:
    rig = rig_of(counts)
    first = await rig.post(conversation(), message_id="m0")
    written = [operation for operation in rig.backend.operations if operation.split()[0] in ("put", "insert", "delete")]
    assert written[:4] == ["insert calls"] + ["put calldata"] * 3
    await rig.post(result(first, chose("a")), message_id="m1")
    rig.backend.operations.clear()
    silence = rig_of(counts)
    assert await data_of(silence) == [{}, {}, {}]
    assert await data_of(rig) == [{"count": 11, "log": [1]}, {"pin": 1}, {"times": 1}]


async def until_answered(rig: Rig, body: bytes, message_id: str) -> Any:
    try:
        return await rig.post(body, message_id=message_id)
    except StorageUnavailable:
        return await rig.post(body, message_id=message_id)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(24))
async def test_when_storage_fails_at_any_step_the_retry_saves_the_same(at: int, after: bool) -> None:
    """Each operation fails once, undone or done; what a dialog counts is counted once."""
    rig = rig_of(counts)
    await rig.storage.data.save("user", "8:nora", {"once": 1})
    rig.backend.operations.clear()
    count = 0

    def fail(operation: str) -> bool:
        nonlocal count
        count += 1
        return count == at + 1

    if after:
        rig.backend.fail_after = fail
    else:
        rig.backend.fail = fail
    first = await until_answered(rig, conversation(), "m0")
    assert said(first)[0] == "1"
    second = await until_answered(rig, result(first, chose("a")), "m1")
    rig.backend.fail = rig.backend.fail_after = lambda operation: False
    assert await data_of(rig) == [{"count": 11, "log": [1]}, {"pin": 1}, {"times": 1}]
    end = await rig.post(result(second, chose("a")), message_id="m2")
    assert await data_of(rig) == [{"count": 11, "log": [1]}, {}, {"times": 1}]
    await rig.post(result(end, HUNG_UP, state="terminated"), message_id="m3")
    assert [row.failed for row in await rig.storage.calls.history("call-7", 3)] == [""] * 4


async def test_another_callback_for_a_taken_turn_saves_nothing() -> None:
    async def dialog(call: Call) -> None:
        data = await call.user_data()
        data["chosen"] = await call.choose("Press 1.", {"a": "1", "b": "2"})
        await call.choose("Again.", KEY)

    rig = rig_of(dialog)
    first = await rig.post(conversation(), message_id="m0")
    await rig.post(result(first, chose("a")), message_id="m1")
    await rig.post(result(first, chose("b")), message_id="m9")
    assert (await data_of(rig))[0] == {"chosen": "a"}


async def test_a_turn_that_fails_saves_nothing_and_empties_private_data() -> None:
    async def dialog(call: Call) -> None:
        (await call.private_data())["pin"] = 1
        (await call.user_data())["kept"] = 1
        await call.choose("Press 1.", KEY)
        (await call.user_data())["lost"] = 1
        raise ValueError

    rig = rig_of(dialog)
    first = await rig.post(conversation(), message_id="m0")
    assert await data_of(rig) == [{"kept": 1}, {"pin": 1}, {}]
    await rig.post(result(first, chose("a")), message_id="m1")
    assert await data_of(rig) == [{"kept": 1}, {}, {}]


async def test_a_call_that_on_error_ended_well_counts_as_failed() -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        raise LookupError("no")

    @bot.on_error
    async def sorry(call: Call, error: str) -> None:
        call.say("Sorry.")
        await call.choose("Press 1.", KEY)

    rig = Rig(bot)
    first = await rig.post(conversation(), message_id="m0")
    assert said(first) == ["Sorry.", "Press 1."]
    await rig.post(result(first, chose("a")), message_id="m1")
    assert [row.failed for row in await rig.storage.calls.history("call-7", 1)] == ["LookupError"] * 2
    (record,) = await rig.storage.calls.calls_of_day("20231114")
    assert record.outcome == "failed"


async def test_prompts_and_texts_follow_the_language_within_a_turn() -> None:
    bot = CallBot(localize=translations({"de": {"Hello.": "Hallo."}, "fr": {"Hello.": "Bonjour."}}))

    @bot.incoming
    async def dialog(call: Call) -> None:
        for language in ("de", "fr", "en", "de"):
            call.language = language
            call.say(Prompt("hello", "Hello."), "Hello.")
        await call.choose(Prompt("menu", "Press 1."), KEY)

    rig = Rig(bot)
    await rig.storage.prompts.put("hello.de.txt", b"Gruezi.")
    await rig.storage.prompts.put("hello.fr.txt", b"Salut.")
    await rig.storage.prompts.put("menu.de.txt", b"Eins.")
    await rig.storage.prompts.put("menu.fr.txt", b"Un.")
    rig.now += 1
    reply = await rig.post(conversation(), message_id="m0")
    expected = ["Gruezi.", "Hallo.", "Salut.", "Bonjour.", "Hello.", "Hello.", "Gruezi.", "Hallo.", "Eins."]
    assert said(reply) == expected


class TestMiddleware:
    def bot(self) -> CallBot:
        bot = CallBot()

        @bot.incoming
        async def dialog(call: Call) -> None:
            await call.choose("Press 1.", KEY)

        return bot

    async def test_receivers_are_told_each_request(self, caplog: pytest.LogCaptureFixture) -> None:
        bot, told = self.bot(), []

        @bot.receive
        async def first(event: Event) -> None:
            told.append(("first", type(event.message).__name__))
            raise ValueError("only logged")

        @bot.receive
        async def second(event: Event) -> None:
            told.append(("second", type(event.message).__name__))

        rig = Rig(bot)
        reply = await rig.post(conversation(), message_id="m0")
        assert actions(reply) == ["answer", "recognize"]
        assert told == [("first", "Conversation"), ("second", "Conversation")]
        assert "a function that is told events failed" in caplog.text
        await rig.post(result(reply, chose("a")), message_id="m1")
        await rig.post(result(reply, chose("a")), message_id="m1")
        assert [kind for _, kind in told[2:]] == ["ConversationResult"] * 4

    async def test_a_receiver_whose_dependency_is_away_takes_no_turn(self) -> None:
        bot, away = self.bot(), [True]

        @bot.receive
        async def receiver(event: Event) -> None:
            if away:
                away.pop()
                raise StorageUnavailable("not now")

        rig = Rig(bot)
        with pytest.raises(DependencyError):
            await rig.post(conversation(), message_id="m0")
        assert rig.backend.operations == []
        assert actions(await rig.post(conversation(), message_id="m0")) == ["answer", "recognize"]

    async def test_senders_change_what_is_sent_and_stored(self) -> None:
        bot = self.bot()

        @bot.send
        async def hang_up(call_id: str, found: list[Action]) -> list[Action]:
            return [*found[:1], Hangup(operation_id=f"{call_id}-x")]

        @bot.send
        async def nothing(call_id: str, found: list[Action]) -> list[Action]:
            assert [action.action for action in found] == ["answer", "hangup"]
            return found

        rig = Rig(bot)
        reply = await rig.post(conversation(), message_id="m0")
        assert actions(reply) == ["answer", "hangup"]
        assert await rig.post(conversation(), message_id="m0") == reply

    async def test_what_a_sender_makes_illegal_is_not_sent(self) -> None:
        bot = self.bot()

        @bot.send
        async def backwards(call_id: str, found: list[Action]) -> list[Action]:
            return found[::-1]

        rig = Rig(bot)
        with pytest.raises(WorkflowError):
            await rig.post(conversation(), message_id="m0")
        assert await rig.storage.calls.latest("call-7") is None

    async def test_a_call_cannot_be_placed_on_this_channel(self) -> None:
        async def dialog(call: Call) -> None:
            try:
                await call.place("8:ann")
            except ActionFailed as error:
                call.say(error.reason)

        (text,) = said(await rig_of(dialog).post(conversation(), message_id="m0"))
        assert "the skype channel cannot place calls" in text
