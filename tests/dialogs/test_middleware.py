"""What is put around a bot's dialogs, what is told its events, and what may change its workflows."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import Call, CallBot
from dialtone.errors import DialogError, WorkflowError
from dialtone.protocol import Action, Hangup
from tests.dialogs.line import APOLOGY, KEYS, Line, bot_of, chose, complete, hello, kinds, said

Proceed = Callable[[], Awaitable[None]]


async def world(value: Any = 1) -> Any:
    return value


async def asks(call: Call) -> None:
    await call.choose("Which?", KEYS)
    call.say("End.")


def test_the_first_one_is_the_outermost() -> None:
    bot = bot_of(hello)
    for name in ("first", "second"):

        async def around(call: Call, proceed: Proceed, name: str = name) -> None:
            call.say(f"{name} before.")
            await proceed()
            call.say(f"{name} after.")

        bot.around(around)
    assert said(Line(bot).ring()) == ["first before.", "second before.", "Hello.", "second after.", "first after."]


def test_it_may_ask_and_run_like_a_dialog() -> None:
    bot = bot_of(asks)

    @bot.around
    async def around(call: Call, proceed: Proceed) -> None:
        pin = await call.run(world, 7)
        if await call.confirm(f"{pin}?"):
            await proceed()
        call.say(f"{await call.run(world, 8)}")

    line = Line(bot)
    line.ring()
    assert kinds(line.send(chose("yes"))) == ["recognize"]
    assert said(line.send(chose("yes"))) == ["End.", "8"]
    assert [args for _, args in line.world.ran] == [(7,), (8,)]
    other = Line(bot)
    other.ring()
    assert said(other.send(chose("no"))) == ["8"], "without proceed() the dialog does not run"


def test_it_is_around_each_dialog_that_replaces_another() -> None:
    async def first(call: Call) -> None:
        await call.choose("Which?", KEYS)
        call.replace("second")

    bot = bot_of(first, second=hello)

    @bot.around
    async def around(call: Call, proceed: Proceed) -> None:
        call.say("Around.")
        try:
            await proceed()
        finally:
            call.say("Left.")

    line = Line(bot)
    assert said(line.ring()) == ["Around."]
    assert said(line.send(chose("yes"))) == ["Left.", "Around.", "Hello.", "Left."]


@pytest.mark.parametrize("way", ["end", "end_conversation"])
def test_a_dialog_that_ends_early(way: str) -> None:
    async def dialog(call: Call) -> None:
        getattr(call, way)()

    bot = bot_of(dialog)

    @bot.around
    async def around(call: Call, proceed: Proceed) -> None:
        call.say("Before.")
        await proceed()
        call.say("After.")

    assert said(Line(bot).ring()) == (["Before.", "After."] if way == "end" else ["Before."])


@pytest.mark.parametrize("way", ["end", "end_conversation"])
def test_it_may_end_the_call_itself(way: str) -> None:
    bot = bot_of(hello)

    @bot.around
    async def around(call: Call, proceed: Proceed) -> None:
        call.say("Closed.")
        getattr(call, way)()

    turn = Line(bot).ring()
    assert (said(turn), kinds(turn)[-1], turn.error) == (["Closed."], "hangup", None)


def test_it_may_catch_what_the_dialog_raises() -> None:
    async def dialog(call: Call) -> None:
        raise LookupError("a bug")

    bot = bot_of(dialog)

    @bot.around
    async def around(call: Call, proceed: Proceed) -> None:
        try:
            await proceed()
        except LookupError as error:
            call.say(f"{error}")

    turn = Line(bot).ring()
    assert (said(turn), turn.error) == (["a bug"], None)


def test_one_that_fails_fails_the_call() -> None:
    bot = bot_of(hello)

    @bot.around
    async def around(call: Call, proceed: Proceed) -> None:
        raise LookupError

    assert said(Line(bot).ring()) == [APOLOGY]


def test_words_of_a_waterfall_are_not_for_it() -> None:
    bot = bot_of(hello)

    @bot.around
    async def around(call: Call, proceed: Proceed) -> None:
        call.next()

    assert isinstance(Line(bot).ring().error, DialogError)


def test_senders_get_what_the_one_before_made() -> None:
    bot = bot_of(hello)

    @bot.send
    async def first(call_id: str, actions: list[Action]) -> list[Action]:
        return [*actions[:-1], Hangup(operation_id=call_id)]

    @bot.send
    async def second(call_id: str, actions: list[Action]) -> list[Action]:
        assert actions[-1].operation_id == call_id
        return actions[:1] + actions[-1:]

    actions = Line(bot).ring().actions
    assert [action.action for action in complete(bot.sent("call-7", actions))] == ["answer", "hangup"]
    assert complete(bot.sent("call-7", [])) == [], "they are not asked when there is nothing to send"


def test_what_a_sender_makes_illegal_is_refused() -> None:
    bot = bot_of(hello)

    @bot.send
    async def nothing(call_id: str, actions: list[Action]) -> list[Action]:
        return []

    with pytest.raises(WorkflowError):
        complete(bot.sent("call-7", Line(bot).ring().actions))


@pytest.mark.parametrize("register", ["around", "receive", "send"])
def test_each_must_be_async(register: str) -> None:
    with pytest.raises(DialogError, match="is not an async function") as caught:
        getattr(CallBot(), register)(lambda *args: None)
    assert caught.value.field == register
    assert "async def" in caught.value.fix
