"""Texts with values in them: `dialtone.dialogs.phrases`."""

from typing import Any

import pytest

from dialtone import Call, CallBot, translations
from dialtone.dialogs.phrases import phrase
from dialtone.errors import DialogError
from dialtone.testing import dial, press

GERMAN = {
    "{count} lamp for {name}": "Für {name} eine Lampe",
    "{count} lamps for {name}": "Für {name} {count} Lampen",
    "Is it {name}?": "Ist es {name}?",
    "broken {name}": "kaputt {nmae}",
}


def bot_of(text: str, **values: Any) -> CallBot:
    bot = CallBot(localize=translations({"de": GERMAN}))

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.say(phrase(call, text, **values))

    return bot


@pytest.mark.parametrize(
    ("language", "count", "spoken"),
    [
        ("en", 1, "1 lamp for Nora"),
        ("en", 0, "0 lamps for Nora"),
        ("en", 2, "2 lamps for Nora"),
        ("de-AT", 1, "Für Nora eine Lampe"),
        ("de-AT", 2, "Für Nora 2 Lampen"),
    ],
)
async def test_one_and_many(language: str, count: int, spoken: str) -> None:
    bot = bot_of("{count} lamp for {name}", many="{count} lamps for {name}", count=count, name="Nora")
    assert (await dial(bot, language=language)).said == [spoken]


async def test_a_question_in_the_language_that_the_dialog_chose() -> None:
    bot = CallBot(localize=translations({"de": GERMAN}))

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.language = "de"
        await call.confirm(phrase(call, "Is it {name}?", name="{Lars}"))
        call.say(phrase(call, "100% {{sure}}"))

    assert (await dial(bot, press("1"), language="en")).said == ["Ist es {Lars}?", "100% {sure}"]


async def test_without_translations_or_a_language() -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.say(phrase(call, "Hello, {name}.", name="Nora"))

    assert (await dial(bot, language=None)).said == ["Hello, Nora."]


@pytest.mark.parametrize(
    ("language", "text", "values", "message"),
    [
        ("en", "Hello, {name}.", {}, "KeyError: 'name'"),
        ("en", "Hello, {}.", {}, "cannot be filled in"),
        ("en", "Hello, {", {}, "cannot be filled in: ValueError"),
        ("en", "{name.first}", {"name": "Nora"}, "cannot be filled in: AttributeError"),
        ("en", "{name:d}", {"name": "Nora"}, "cannot be filled in: ValueError"),
        ("en", "{name[first]}", {"name": "Nora"}, "cannot be filled in: TypeError"),
        ("de", "broken {name}", {"name": "Nora"}, "'kaputt {nmae}' cannot be filled in: KeyError"),
        ("en", "a lamp", {"many": "lamps"}, "needs a count"),
    ],
)
async def test_what_cannot_be_filled_in(language: str, text: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(DialogError) as refused:
        await dial(bot_of(text, **values), language=language)
    assert message in str(refused.value)
    assert refused.value.fix
