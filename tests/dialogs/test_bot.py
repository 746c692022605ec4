"""A bot and its dialogs."""

from functools import partial
from typing import Any

import pytest

from dialtone import Call, CallBot, Prompt
from dialtone.errors import DialogError
from tests.dialogs.line import APOLOGY, Line, bot_of, hello, kinds, said


def test_a_registered_dialog_is_still_a_function() -> None:
    bot = CallBot()
    assert bot.incoming(hello) is hello
    assert bot.dialog("other")(hello) is hello


def test_two_dialogs_of_one_name() -> None:
    bot = bot_of(hello)
    with pytest.raises(DialogError, match="two dialogs named '/'") as caught:
        bot.incoming(hello)
    assert caught.value.field == "/"


def not_async(call: Call) -> None:
    """Has no await."""


async def a_generator(call: Call) -> Any:
    yield call


@pytest.mark.parametrize("dialog", [not_async, a_generator, 7, lambda call: hello(call)])
def test_what_is_not_an_async_function(dialog: Any) -> None:
    with pytest.raises(DialogError, match="is not an async function"):
        CallBot().incoming(dialog)


def test_a_method_and_a_partial_are_async_functions() -> None:
    class Office:
        async def greet(self, call: Call, text: str = "Office.") -> None:
            call.say(text)

    assert said(Line(Office().greet).ring()) == ["Office."]
    assert said(Line(partial(Office().greet, text="Partly.")).ring()) == ["Partly."]


def test_a_bot_without_a_dialog_says_so() -> None:
    turn = Line(CallBot()).ring()
    assert isinstance(turn.error, DialogError)
    assert "known are none" in turn.error.fix
    assert said(turn) == [APOLOGY]


def test_known_dialogs_are_named() -> None:
    bot = CallBot()
    bot.dialog("menu")(hello)
    error = Line(bot).ring().error
    assert isinstance(error, DialogError)
    assert error.fix.endswith("known are 'menu'")


def test_an_apology_of_ones_own() -> None:
    bot = CallBot(apology=Prompt("sorry", "So sorry.", silence_ms=100))

    @bot.incoming
    async def dialog(call: Call) -> None:
        raise ValueError

    turn = Line(bot).ring()
    assert (kinds(turn), said(turn)) == (["answer", "playPrompt", "hangup"], ["So sorry."])


@pytest.mark.parametrize("apology", [Prompt("sorry"), Prompt(text=" "), Prompt(text="x" * 2049)])
def test_an_apology_that_cannot_be_spoken_is_found_at_once(apology: Prompt) -> None:
    with pytest.raises(DialogError, match="the apology cannot be spoken") as caught:
        CallBot(apology=apology)
    assert caught.value.field == "apology"
    assert caught.value.fix
