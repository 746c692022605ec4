"""Calls that the bot places."""

from typing import Any

import pytest

from dialtone import Call, CallBot
from dialtone.dialogs import Place, Placed
from dialtone.errors import DialogError
from tests.dialogs.line import APOLOGY, KEYS, Asked, Line, chose, conversation, kinds, said


def placed(**args: Any) -> Placed:
    members = [
        {"identity": "28:bot", "originator": True},
        {"identity": "8:ann", "originator": False, "displayName": "Ann", "languageId": "de"},
    ]
    return Placed(conversation(participants=members, callState="established"), args)


def bot_with(outgoing: Any) -> CallBot:
    bot = CallBot()
    bot.outgoing(outgoing)
    return bot


async def reminds(call: Call, what: str = "something") -> None:
    call.say(f"Remember {what}.")
    await call.choose("Which?", KEYS)
    call.say("Goodbye.")


def test_placing_a_call_gives_its_id() -> None:
    asked = Asked(lambda call: call.place("8:ann", what="milk", count=[1]))
    assert asked.after() == "placed-1"
    assert asked.line.world.placed == [Place("8:ann", {"what": "milk", "count": [1]})]


def test_it_is_placed_once() -> None:
    async def dialog(call: Call) -> None:
        call.say(await call.place("8:ann"))
        await call.choose("Which?", KEYS)
        call.say(await call.place("8:bob"))

    line = Line(dialog)
    assert said(line.ring()) == ["placed-1"]
    assert said(line.send(chose("yes"))) == ["placed-2"]
    assert [place.target for place in line.world.placed] == ["8:ann", "8:bob"]


def test_who_answers_gets_the_outgoing_dialog() -> None:
    line = Line(bot_with(reminds))
    turn = line.take(placed(what="milk"))
    assert (kinds(turn), said(turn)) == (["playPrompt", "recognize"], ["Remember milk."])
    assert kinds(turn)[0] != "answer", "it is answered already"
    turn = line.send(chose("yes"))
    assert (kinds(turn), said(turn)) == (["playPrompt", "hangup"], ["Goodbye."])


def test_arguments_are_those_that_json_says() -> None:
    async def outgoing(call: Call, value: Any) -> None:
        call.say(f"{value}")
        await call.choose("Which?", KEYS)
        call.say(f"{value}")

    line = Line(bot_with(outgoing))
    assert said(line.take(placed(value=(1, (2,))))) == ["[1, [2]]"]
    assert said(line.send(chose("yes"))) == ["[1, [2]]"]


def test_a_dialog_that_says_nothing_hangs_up() -> None:
    async def silent(call: Call) -> None:
        """Returns at once."""

    assert kinds(Line(bot_with(silent)).take(placed())) == ["hangup"]


def test_a_bot_without_an_outgoing_dialog_apologises() -> None:
    turn = Line(CallBot()).take(placed())
    assert said(turn) == [APOLOGY]
    assert "no dialog named '/outgoing'" in str(turn.error)


def test_arguments_that_do_not_fit() -> None:
    turn = Line(bot_with(reminds)).take(placed(colour="red"))
    assert isinstance(turn.error, TypeError)


def test_the_call_is_with_whom_the_bot_rang() -> None:
    async def outgoing(call: Call) -> None:
        call.say(call.user.name, f"{call.language}")
        (await call.user_data())["rung"] = True
        await call.choose("Which?", KEYS)
        call.replace("/outgoing")

    line = Line(bot_with(outgoing))
    assert said(line.take(placed())) == ["Ann", "de"]
    assert line.world.user_data("8:ann") == {"rung": True}
    assert said(line.send(chose("yes"))) == ["Ann", "de"]


@pytest.mark.parametrize("argument", [object(), float("nan"), {1}, "\ud800"])
def test_an_argument_that_is_not_json(argument: Any) -> None:
    error = Asked(lambda call: call.place("8:ann", value=argument)).after()
    assert isinstance(error, DialogError)
    assert error.field == "place"


def test_whom_the_bot_rang_is_not_looked_up() -> None:
    bot = bot_with(reminds)
    asked: list[Any] = []

    @bot.lookup_user
    async def look_up(caller: Any) -> None:
        asked.append(caller)

    assert said(Line(bot).take(placed())) == ["Remember something."]
    assert asked == []
