"""`bot.lookup_user`: who a caller is."""

from typing import Any

import pytest

from dialtone import Call, CallBot, User
from dialtone.dialogs import BagKey
from dialtone.errors import DialogError, StorageUnavailable
from dialtone.protocol import Participant
from tests.dialogs.line import APOLOGY, KEYS, Line, chose, hello, kinds, said

ANNA = User("customer-7", "Anna", "de")


class Known:
    """A bot that looks its callers up; `answer` is what it finds."""

    def __init__(self, answer: Any = ANNA) -> None:
        self.answer = answer
        self.asked: list[Participant | None] = []
        self.bot = CallBot()
        self.bot.lookup_user(self.look_up)
        self.bot.incoming(self.dialog)
        self.line = Line(self.bot)

    async def look_up(self, caller: Participant | None) -> User | None:
        self.asked.append(caller)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]  # a test may give anything

    async def dialog(self, call: Call, number: int = 0) -> None:
        call.say(f"{number}: {call.user.identity}, {call.user.name}, {call.language}")
        (await call.user_data())["number"] = number
        await call.choose("Which?", KEYS)
        call.replace("/", number=number + 1)


def test_once_in_a_call_whose_data_and_language_are_that_users() -> None:
    known = Known()
    assert said(known.line.ring()) == ["0: customer-7, Anna, de"]
    for number in (1, 2, 3):
        assert said(known.line.send(chose("yes"))) == [f"{number}: customer-7, Anna, de"]
    assert [caller and caller.identity for caller in known.asked] == ["8:nora"]
    assert known.line.world.data == {BagKey("user", "customer-7"): {"number": 3}}


def test_nobody_found_is_the_caller_and_is_not_looked_up_again() -> None:
    known = Known(None)
    assert said(known.line.ring()) == ["0: 8:nora, Nora, en-US"]
    assert said(known.line.send(chose("yes"))) == ["1: 8:nora, Nora, en-US"]
    assert said(known.line.send(chose("yes"))) == ["2: 8:nora, Nora, en-US"]
    assert len(known.asked) == 1


def test_a_user_without_a_language_speaks_none() -> None:
    known = Known(User("customer-8"))
    assert said(known.line.ring()) == ["0: customer-8, , None"]


def test_the_language_that_the_dialog_chose_stays() -> None:
    async def dialog(call: Call, number: int = 0) -> None:
        call.say(f"{call.language}")
        if number == 0:
            call.language = "fr"
        await call.choose("Which?", KEYS)
        if number == 1:
            call.language = ""
        call.replace("/", number=number + 1)

    bot = CallBot()
    bot.lookup_user(Known().look_up)
    bot.incoming(dialog)
    line = Line(bot)
    assert said(line.ring()) == ["de"]
    assert said(line.send(chose("yes"))) == ["fr"]
    assert said(line.send(chose("yes"))) == ["de"], "the user's again"


@pytest.mark.parametrize("answer", [LookupError("gone"), 7, ["a"], object()])
def test_one_that_fails_ends_the_call_before_the_dialog_begins(answer: Any) -> None:
    known = Known(answer)
    turn = known.line.ring()
    assert (kinds(turn), said(turn)) == (["answer", "playPrompt", "hangup"], [APOLOGY])
    assert turn.error is not None
    assert "lookup_user" in str(turn.error)


def test_a_dependency_that_may_come_back_takes_no_turn() -> None:
    known = Known(StorageUnavailable("not now"))
    with pytest.raises(StorageUnavailable):
        known.line.ring()
    assert known.line.turns == []
    known.answer = ANNA
    assert said(known.line.ring()) == ["0: customer-7, Anna, de"]


def test_one_that_fails_leaves_the_error_dialog_without_it() -> None:
    known = Known(LookupError("gone"))

    @known.bot.on_error
    async def sorry(call: Call, error: str) -> None:
        call.say(f"Sorry, {call.user.name}.")
        await call.choose("Which?", KEYS)

    assert said(known.line.ring()) == ["Sorry, Nora."]
    assert len(known.asked) == 1
    assert known.line.send(chose("yes")).error is None
    assert len(known.asked) == 1


def test_a_group_call_without_an_originator() -> None:
    members = [{"identity": "8:ann", "originator": False}, {"identity": "28:bot", "originator": False}]
    group = {"isMultiparty": True, "threadId": "19:t", "participants": members}
    known = Known()
    assert said(known.line.ring(**group)) == ["0: customer-7, Anna, de"]
    assert known.asked == [None]
    nobody = Known(None)
    turn = nobody.line.ring(**group)
    assert isinstance(turn.error, DialogError)
    assert turn.error.field == "user"


def test_there_is_one_and_it_is_async() -> None:
    bot = Known().bot
    with pytest.raises(DialogError, match="two functions that look up users"):
        bot.lookup_user(Known().look_up)
    with pytest.raises(DialogError, match="is not an async function"):
        CallBot().lookup_user(lambda caller: hello)  # type: ignore[type-var]
