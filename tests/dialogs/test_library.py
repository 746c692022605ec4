"""Dialogs by their names, in libraries."""

from collections import deque
from functools import partial
from typing import Any

import pytest

from dialtone import Call, CallBot, Library
from dialtone.errors import DialogError
from tests.dialogs.line import KEYS, Line, chose, hello, said


def saying(text: str) -> Any:
    async def dialog(call: Call) -> None:
        call.say(text)

    return dialog


def shop() -> Library:
    library = Library("shop")
    library.dialog("buy")(saying("Bought."))

    @library.dialog("enter")
    async def enter(call: Call, then: str = "buy") -> None:
        await call.begin(then)

    return library


def bot_with(library: Library, name: str, **args: Any) -> CallBot:
    """A bot that begins a dialog; it has a `buy` of its own."""
    bot = CallBot()
    bot.library(library)
    bot.dialog("buy")(saying("Not this one."))

    @bot.incoming
    async def dialog(call: Call) -> None:
        came = await call.begin(name, **args)
        call.say(came.child_id)

    return bot


def test_a_dialog_of_a_library_finds_those_beside_it() -> None:
    assert said(Line(bot_with(shop(), "shop:enter")).ring()) == ["Bought.", "shop:enter"]


def test_a_dialog_of_the_bot_is_named_by_a_star() -> None:
    turn = Line(bot_with(shop(), "shop:enter", then="*:buy")).ring()
    assert said(turn) == ["Not this one.", "shop:enter"]


def test_the_bots_own_is_found_without_a_library() -> None:
    assert said(Line(bot_with(shop(), "buy")).ring()) == ["Not this one.", "*:buy"]


def test_a_library_of_a_library_is_found_from_anywhere() -> None:
    inner, outer = Library("inner"), shop()
    inner.dialog("deep")(saying("Deep."))

    @inner.dialog("out")
    async def out(call: Call) -> None:
        await call.begin("shop:buy")

    outer.library(inner)
    assert said(Line(bot_with(outer, "inner:deep")).ring()) == ["Deep.", "inner:deep"]
    assert said(Line(bot_with(outer, "inner:out")).ring()) == ["Bought.", "inner:out"]
    assert said(Line(bot_with(outer, "shop:enter", then="inner:deep")).ring())[0] == "Deep."


def test_libraries_may_have_each_other() -> None:
    one, other = Library("one"), Library("other")
    one.library(other)
    other.library(one)
    one.dialog("a")(hello)
    other.dialog("b")(hello)
    bot = CallBot()
    bot.library(one)
    assert bot.names() == ["one:a", "other:b"]


def test_names_of_all_dialogs() -> None:
    assert bot_with(shop(), "buy").names() == ["buy", "/", "shop:buy", "shop:enter"]


def test_after_a_dialog_ends_names_are_looked_for_where_they_were() -> None:
    bot = CallBot()
    bot.library(shop())
    bot.dialog("buy")(saying("The bot's."))

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.begin("shop:enter")
        await call.begin("buy")
        try:
            await call.begin("shop:enter", then="nothing")
        except DialogError as error:
            call.say(error.message)
        await call.begin("buy")

    expected = ["Bought.", "The bot's.", "there is no dialog named 'nothing' in the library 'shop'", "The bot's."]
    assert said(Line(bot).ring()) == expected


def test_the_dialog_that_replaces_the_outermost_is_found_where_it_was_named() -> None:
    library = shop()
    bot = CallBot()
    bot.library(library)

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.replace("shop:loop")

    @library.dialog("loop")
    async def loop(call: Call, number: int = 0) -> None:
        await call.choose(f"{number}?", KEYS)
        if number == 1:
            call.replace("buy")
        call.replace("loop", number=number + 1)

    line = Line(bot)
    assert line.ring().history.dialog == "shop:loop"
    line.send(chose("yes"))
    assert said(line.send(chose("yes"))) == ["Bought."]


@pytest.mark.parametrize("name", ["nowhere", "shop:nowhere", "none:buy", "*:nowhere", ":buy", "shop:", ""])
def test_a_dialog_that_is_not_there(name: str) -> None:
    error = Line(bot_with(shop(), name)).ring().error
    assert isinstance(error, DialogError)
    assert error.field == name
    assert "'shop'" in error.fix or "known are" in error.fix


def test_what_is_known_is_named() -> None:
    bot = bot_with(shop(), "none:buy")
    error = Line(bot).ring().error
    assert isinstance(error, DialogError)
    assert error.fix == "add it by bot.library; known are '*', 'shop'"
    error = Line(bot_with(shop(), "shop:bye")).ring().error
    assert isinstance(error, DialogError)
    assert error.fix.endswith("known are 'buy', 'enter'")


def test_two_libraries_of_one_name() -> None:
    bot = CallBot()
    library = shop()
    bot.library(library)
    bot.library(library)
    with pytest.raises(DialogError, match="two libraries named 'shop'"):
        bot.library(shop())
    outer = Library("outer")
    outer.library(shop())
    with pytest.raises(DialogError, match="two libraries named 'shop'"):
        bot.library(outer)
    with pytest.raises(DialogError, match="two libraries named"):
        bot.library(Library("*"))


@pytest.mark.parametrize("name", ["", "a:b", ":"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(DialogError, match="no name of a library"):
        Library(name)
    with pytest.raises(DialogError, match="no name of a dialog"):
        CallBot().dialog(name)
    with pytest.raises(DialogError, match="no name of a dialog"):
        CallBot().dialog(name, [])


def test_two_dialogs_of_one_name() -> None:
    library = shop()
    with pytest.raises(DialogError, match="two dialogs named 'buy'"):
        library.dialog("buy", [])


async def keeps_a_list(call: Call, seen: list[str] = []) -> None:  # noqa: B006 - it is to be refused
    """Has a list for all calls."""


async def keeps_by_keyword(call: Call, *, seen: dict[str, str] = {}) -> None:  # noqa: B006 - it is to be refused
    """Has a dict for all calls."""


async def takes(call: Call, seen: Any = None) -> None:
    """Has none."""


class Office:
    async def keeps(self, call: Call, seen: set[int] = set()) -> None:  # noqa: B006 - it is to be refused
        """Has a set for all calls."""


@pytest.mark.parametrize(
    "dialog", [keeps_a_list, keeps_by_keyword, Office().keeps, partial(takes, seen=[1]), partial(keeps_a_list)]
)
def test_a_default_that_can_be_changed_is_refused(dialog: Any) -> None:
    bot = CallBot()
    with pytest.raises(DialogError, match="default of 'seen' can be changed") as caught:
        bot.incoming(dialog)
    assert "test_library.py:" in caught.value.message
    assert "seen=None" in caught.value.fix
    assert bot.names() == []


@pytest.mark.parametrize("default", [deque(), bytearray()])
def test_so_are_other_defaults_that_can_be_changed(default: Any) -> None:
    async def dialog(call: Call, seen: Any = default) -> None:
        """Has one for all calls."""

    with pytest.raises(DialogError, match="can be changed"):
        CallBot().dialog("kept")(dialog)


@pytest.mark.parametrize("default", [None, 1, "text", (1, 2), frozenset({1}), 1.5, True])
def test_a_default_that_cannot_be_changed(default: Any) -> None:
    async def dialog(call: Call, seen: Any = default) -> None:
        """Has one that stays as it is."""

    bot = CallBot()
    assert bot.incoming(dialog) is dialog
