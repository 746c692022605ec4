"""What a bot keeps of users and conversations: the rules of `dialtone.dialogs.data`."""

from typing import Any

import pytest

from dialtone import Call, CallEnded
from dialtone.dialogs import BagChange, BagKey, Event, Turn, finish_activity, take_turn
from dialtone.dialogs.data import BAG_MAX
from dialtone.errors import DialogError
from tests.dialogs.line import APOLOGY, KEYS, REFUSED, Line, bot_of, chose, conversation, kinds, said

USER = BagKey("user", "8:nora")
PRIVATE = BagKey("private", "8:nora\ncall-7")
CONVERSATION = BagKey("conversation", "call-7")


async def world(value: Any = 1) -> Any:
    return value


def changes(turn: Turn) -> list[BagChange]:
    return turn.changes


def line_with(dialog: Any, stored: dict[str, Any] | None = None, **others: Any) -> Line:
    line = Line(dialog, **others)
    if stored:
        line.world.data[USER] = stored
    return line


async def counts(call: Call) -> None:
    bag = await call.user_data()
    bag["calls"] = bag.get("calls", 0) + 1
    call.say(f"Call {bag['calls']}.")
    await call.choose("Which?", KEYS)
    bag["chosen"] = True
    await call.choose("And?", KEYS)
    call.say(f"{bag}")


def test_it_is_kept_over_calls_and_changed_in_any_turn() -> None:
    line = line_with(counts)
    first = line.ring()
    assert changes(first) == [BagChange(USER, {"calls": 1})]
    second = line.send(chose("yes"))
    assert changes(second) == [BagChange(USER, {"chosen": True})], "only what changed in this turn"
    third = line.send(chose("yes"))
    assert (said(third), changes(third)) == (["{'calls': 1, 'chosen': True}"], [])
    later = Line(counts)
    later.world = line.world
    assert said(later.ring()) == ["Call 2."]
    assert line.world.user_data() == {"calls": 2, "chosen": True}


def test_a_bag_is_loaded_once_and_is_one_object() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        assert await call.user_data() is bag
        await call.choose("Which?", KEYS)
        assert await call.user_data() is bag
        call.say(f"{bag}")

    line = line_with(dialog, {"a": 1})
    line.ring()
    line.world.data[USER] = {"a": 2}
    assert said(line.send(chose("yes"))) == ["{'a': 1}"], "run again, it finds what it found"
    assert [entry[1:] for entry in line.turns[0].history.entries] == [[1, "", {"a": 1}]]


def test_what_has_not_changed_is_not_saved() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        bag["a"] = [1]
        bag["b"] = bag.pop("b")
        await call.choose("Which?", KEYS)

    assert changes(line_with(dialog, {"a": [1], "b": 2}).ring()) == []


def test_what_was_changed_and_changed_back_is_not_saved() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        bag["a"] = 2
        await call.run(world)
        bag["a"] = 1

    assert changes(line_with(dialog, {"a": 1}).ring()) == []


@pytest.mark.parametrize("emptied", [False, True])
def test_what_is_removed(emptied: bool) -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        if emptied:
            bag.clear()
        else:
            del bag["a"]
            bag["b"]["c"].append(2)

    line = line_with(dialog, {"a": 1, "b": {"c": [1]}})
    (change,) = changes(line.ring())
    if emptied:
        assert change == BagChange(USER, removed=("a", "b"))
        assert line.world.data == {}
    else:
        assert change == BagChange(USER, {"b": {"c": [1, 2]}}, ("a",))


def test_the_three_bags_have_owners_of_their_own() -> None:
    async def dialog(call: Call) -> None:
        for bag in (await call.user_data(), await call.private_data(), await call.conversation_data()):
            bag["call"] = call.id
        await call.choose("Which?", KEYS)

    line = Line(dialog)
    assert [change.key for change in changes(line.ring())] == [USER, PRIVATE, CONVERSATION]
    group = Line(dialog).ring(isMultiparty=True, threadId="19:t")
    keys = [USER, BagKey("private", "8:nora\n19:t"), BagKey("conversation", "19:t")]
    assert [change.key for change in changes(group)] == keys


def test_activities_between_lose_nothing_and_save_it_once() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        bag["before"] = 1
        bag["between"] = await call.run(world, 2)
        other = await call.conversation_data()
        other["topic"] = await call.run(world, "x")
        bag["after"] = 3
        await call.choose("Which?", KEYS)
        bag["later"] = await call.run(world, 4)

    line = Line(dialog)
    expected = [BagChange(USER, {"before": 1, "between": 2, "after": 3}), BagChange(CONVERSATION, {"topic": "x"})]
    assert changes(line.ring()) == expected
    assert changes(line.send(chose("yes"))) == [BagChange(USER, {"later": 4})]


def test_nothing_is_saved_while_an_activity_is_waited_for() -> None:
    async def dialog(call: Call) -> None:
        (await call.user_data())["a"] = 1
        await call.run(world)

    event = Event(conversation(), 1.0)
    bot = bot_of(dialog)
    loading = take_turn(bot, None, event)
    running = finish_activity(bot, loading, event, result={})
    assert running.activity is not None
    assert (loading.changes, running.changes) == ([], [])
    assert finish_activity(bot, running, event).changes == [BagChange(USER, {"a": 1})]


class TestReplaced:
    async def first(self, call: Call) -> None:
        bag = await call.user_data()
        bag["first"] = 1
        bag["shared"] = "first"
        call.replace("other")

    def test_unsaved_changes_are_carried(self) -> None:
        async def other(call: Call) -> None:
            bag = await call.user_data()
            bag["shared"] += ", other"
            await call.run(world)
            await call.choose("Which?", KEYS)
            call.say(f"{bag}")

        line = line_with(self.first, {"old": 0}, other=other)
        (change,) = changes(line.ring())
        assert change == BagChange(USER, {"first": 1, "shared": "first, other"})
        turn = line.send(chose("yes"))
        assert (said(turn), changes(turn)) == (["{'old': 0, 'first': 1, 'shared': 'first, other'}"], [])

    def test_unsaved_changes_of_a_bag_that_is_not_asked_for_again_are_saved(self) -> None:
        async def other(call: Call) -> None:
            await call.run(world)
            await call.choose("Which?", KEYS)

        line = line_with(self.first, other=other)
        assert changes(line.ring()) == [BagChange(USER, {"first": 1, "shared": "first"})]
        assert changes(line.send(chose("yes"))) == []

    def test_what_is_changed_back_by_the_next_is_not_saved(self) -> None:
        async def other(call: Call) -> None:
            (await call.user_data()).clear()

        assert changes(line_with(self.first, other=other).ring()) == []

    def test_of_three_dialogs_in_one_turn(self) -> None:
        async def other(call: Call) -> None:
            (await call.conversation_data())["other"] = 2
            call.replace("third")

        async def third(call: Call) -> None:
            (await call.user_data())["third"] = 3
            await call.run(world)

        found = changes(line_with(self.first, other=other, third=third).ring())
        assert sorted(found, key=lambda change: change.key) == [
            BagChange(CONVERSATION, {"other": 2}),
            BagChange(USER, {"first": 1, "shared": "first", "third": 3}),
        ]

    def test_in_a_later_turn_only_the_new_is_carried(self) -> None:
        async def first(call: Call) -> None:
            bag = await call.user_data()
            bag["a"] = 1
            await call.choose("Which?", KEYS)
            bag["b"] = 2
            call.replace("other")

        async def other(call: Call) -> None:
            bag = await call.user_data()
            call.say(f"{bag}")

        line = line_with(first, other=other)
        line.ring()
        turn = line.send(chose("yes"))
        assert (said(turn), changes(turn)) == (["{'a': 1, 'b': 2}"], [BagChange(USER, {"b": 2})])

    def test_it_is_loaded_anew_in_a_later_turn(self) -> None:
        async def other(call: Call) -> None:
            await call.choose("Which?", KEYS)
            call.say(f"{await call.user_data()}")

        line = line_with(self.first, other=other)
        line.ring()
        line.world.data[USER]["another call"] = 1
        assert said(line.send(chose("yes"))) == ["{'first': 1, 'shared': 'first', 'another call': 1}"]


class TestPrivate:
    """Private data is emptied when the call is over."""

    async def keeps(self, call: Call) -> None:
        (await call.private_data())["pin"] = "1234"
        await call.choose("Which?", KEYS)

    def test_when_the_dialog_returns(self) -> None:
        line = Line(self.keeps)
        line.ring()
        assert line.world.data == {PRIVATE: {"pin": "1234"}}
        assert changes(line.send(chose("yes"))) == [BagChange(PRIVATE, emptied=True)]
        assert line.world.data == {}

    def test_when_the_caller_hangs_up(self) -> None:
        line = Line(self.keeps)
        line.ring()
        line.hang_up()
        assert line.world.data == {}

    def test_when_the_callback_is_lost(self) -> None:
        line = Line(self.keeps)
        line.ring()
        line.lose()
        assert line.world.data == {}

    def test_when_it_was_only_read(self) -> None:
        async def reads(call: Call) -> None:
            call.say(f"{await call.private_data()}")

        line = Line(reads)
        line.world.data[PRIVATE] = {"left": "by a process that died"}
        line.ring()
        assert line.world.data == {}

    def test_when_the_dialog_was_replaced_since(self) -> None:
        async def first(call: Call) -> None:
            await self.keeps(call)
            call.replace("other")

        async def other(call: Call) -> None:
            await call.choose("And?", KEYS)

        line = Line(first, other=other)
        line.ring()
        line.send(chose("yes"))
        assert line.world.data == {PRIVATE: {"pin": "1234"}}
        line.send(chose("yes"))
        assert line.world.data == {}

    @pytest.mark.parametrize("on_error", [False, True])
    def test_when_the_dialog_fails(self, on_error: bool) -> None:
        async def fails(call: Call) -> None:
            await self.keeps(call)
            raise ValueError

        async def sorry(call: Call, error: str) -> None:
            call.say("Sorry.")

        bot = bot_of(fails)
        if on_error:
            bot.on_error(sorry)
        line = Line(bot)
        line.ring()
        assert said(line.send(chose("yes"))) == ["Sorry." if on_error else APOLOGY]
        assert line.world.data == {}

    def test_when_the_dialog_fails_in_the_turn_that_asked_for_it(self) -> None:
        async def fails(call: Call) -> None:
            (await call.private_data())["pin"] = "1234"
            raise ValueError

        line = Line(fails)
        line.world.data[PRIVATE] = {"left": 1}
        line.ring()
        assert line.world.data == {}

    def test_when_the_dialog_was_changed_in_mid_call(self) -> None:
        async def changed(call: Call) -> None:
            await call.digits("Something else?")

        line = Line(self.keeps)
        line.ring()
        line.bot = bot_of(changed)
        assert line.send(chose("yes")).error is not None
        assert line.world.data == {}

    def test_when_the_workflow_is_refused(self) -> None:
        line = Line(self.keeps)
        line.ring()
        turn = line.send(REFUSED)
        assert turn.history.done
        assert line.world.data == {}

    def test_what_is_not_private_stays(self) -> None:
        async def dialog(call: Call) -> None:
            (await call.user_data())["a"] = 1
            (await call.private_data())["b"] = 1
            (await call.conversation_data())["c"] = 1

        line = Line(dialog)
        line.ring()
        assert line.world.data == {USER: {"a": 1}, CONVERSATION: {"c": 1}}


class TestFailing:
    """A dialog that fails in a turn saves nothing of that turn."""

    @pytest.mark.parametrize("on_error", [False, True])
    @pytest.mark.parametrize("replaced", [False, True])
    @pytest.mark.parametrize("activity", [False, True])
    def test_of_its_turn(self, on_error: bool, replaced: bool, activity: bool) -> None:
        async def dialog(call: Call) -> None:
            bag = await call.user_data()
            bag["kept"] = 1
            await call.choose("Which?", KEYS)
            bag["lost"] = 1
            if activity:
                await call.run(world)
            if replaced:
                call.replace("fails")
            raise ValueError

        async def fails(call: Call) -> None:
            (await call.user_data())["lost too"] = 1
            raise ValueError

        async def sorry(call: Call, error: str) -> None:
            bag = await call.user_data()
            call.say(f"{bag}")
            bag["error"] = error

        bot = bot_of(dialog, fails=fails)
        if on_error:
            bot.on_error(sorry)
        line = Line(bot)
        line.ring()
        turn = line.send(chose("yes"))
        if on_error:
            assert said(turn) == ["{'kept': 1}"]
            assert line.world.user_data() == {"kept": 1, "error": "ValueError: "}
        else:
            assert (changes(turn), line.world.user_data()) == ([], {"kept": 1})

    @pytest.mark.parametrize("value", [object(), float("nan"), {1}, "\ud800", b"x"])
    def test_what_json_cannot_say(self, value: Any) -> None:
        async def dialog(call: Call) -> None:
            bag = await call.user_data()
            bag["good"] = 1
            bag["bad"] = value
            await call.choose("Which?", KEYS)

        turn = Line(dialog).ring()
        assert isinstance(turn.error, DialogError)
        assert turn.error.message.startswith("user data under 'bad' cannot be kept: ")
        assert (turn.error.field, bool(turn.error.fix)) == ("user_data", True)
        assert (changes(turn), kinds(turn)) == ([], ["answer", "playPrompt", "hangup"])

    def test_what_is_too_large(self) -> None:
        async def dialog(call: Call, size: int = BAG_MAX) -> None:
            (await call.user_data())["text"] = "x" * size

        turn = Line(dialog).ring()
        assert isinstance(turn.error, DialogError)
        assert f"{BAG_MAX} are kept" in turn.error.message
        assert changes(turn) == []

    @pytest.mark.parametrize("size", [BAG_MAX - len('{"text":""}')])
    def test_what_is_just_not_too_large_is_loaded_again(self, size: int) -> None:
        async def dialog(call: Call) -> None:
            bag = await call.user_data()
            call.say(f"{len(bag.get('text', ''))}")
            bag["text"] = "x" * size

        line = Line(dialog)
        assert line.ring().error is None
        later = Line(dialog)
        later.world = line.world
        assert said(later.ring()) == [f"{size}"]

    def test_a_dialog_cannot_go_on_with_what_cannot_be_kept(self) -> None:
        """Run again, it would find the answer of the second question at the first."""

        async def dialog(call: Call) -> None:
            bag = await call.user_data()
            bag["bad"] = object()
            try:
                await call.choose("Which?", KEYS)
                call.say("First.")
            except DialogError:
                del bag["bad"]
            await call.choose("Which?", KEYS)
            call.say("Second.")

        line = Line(dialog)
        turn = line.ring()
        assert isinstance(turn.error, DialogError)
        assert (kinds(turn), said(turn)) == (["answer", "playPrompt", "hangup"], [APOLOGY])

    def test_a_bag_that_grew_too_large_by_several_calls_is_not_taken_for_empty(self) -> None:
        async def dialog(call: Call) -> None:
            bag = await call.user_data()
            call.say(f"{len(bag)}")

        turn = line_with(dialog, {"a": "x" * 20_000, "b": "y" * 20_000}).ring()
        assert isinstance(turn.error, DialogError)
        assert turn.error.field == "user_data"
        assert "32768 are kept" in turn.error.message
        assert said(turn) == [APOLOGY]


def test_keys_that_are_no_text_come_back_as_text() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        if not bag:
            bag[1] = "one"  # type: ignore[index]  # what an author may do
        call.say(f"{bag}")

    line = Line(dialog)
    assert changes(line.ring()) == [BagChange(USER, {"1": "one"})]
    later = Line(dialog)
    later.world = line.world
    assert said(later.ring()) == ["{'1': 'one'}"]


def test_a_clean_up_may_save() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        try:
            await call.choose("Which?", KEYS)
        except CallEnded as end:
            bag["ended"] = end.reason
            raise

    line = Line(dialog)
    line.ring()
    assert changes(line.hang_up()) == [BagChange(USER, {"ended": "callerHungUp"})]


def test_what_a_finally_block_does_while_the_dialog_is_put_aside_is_not_saved() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        try:
            await call.choose("Which?", KEYS)
        finally:
            bag["done"] = True

    line = Line(dialog)
    assert changes(line.ring()) == []
    assert changes(line.send(chose("yes"))) == [BagChange(USER, {"done": True})]


def test_while_the_call_waits_for_a_signal_data_is_saved_once() -> None:
    async def dialog(call: Call) -> None:
        bag = await call.user_data()
        bag["waits"] = 1
        await call.signal("paid", timeout=25)
        bag["waited"] = 1
        await call.choose("Which?", KEYS)

    line = Line(dialog)
    played = {"type": "playPromptOutcome", "outcome": "success"}
    assert changes(line.ring()) == [BagChange(USER, {"waits": 1})]
    assert changes(line.send(played)) == []
    assert changes(line.send(played)) == []
    assert changes(line.send(played)) == [BagChange(USER, {"waited": 1})]


def test_nobodys_data_is_refused() -> None:
    async def dialog(call: Call) -> None:
        await call.user_data()

    members = [{"identity": "8:ann", "originator": False}, {"identity": "28:bot", "originator": False}]
    error = Line(dialog).ring(isMultiparty=True, threadId="19:t", participants=members).error
    assert isinstance(error, DialogError)
    assert error.field == "user"
