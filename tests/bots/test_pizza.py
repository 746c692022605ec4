"""The pizza bot, in the style of the Node calling SDK: every way through it."""

import pytest

from bots.pizza import bot
from dialtone.testing import Step, World, dial, hang_up, press, silence, speak

WELCOME = "Welcome to Contoso Pizza."
SIZE = "What size? For small, press 1. For large, press 2."
CODE = "Please type the five digits of your postcode."
ON_ITS_WAY = "Your pizza is on its way. Goodbye."
NOTHING = "Nothing was ordered. Goodbye."


async def test_a_pizza() -> None:
    call = await dial(bot, speak("a large one"), press("12345"), press("1"))
    question = "A large pizza to 1 2 3 4 5? Press 1 for yes, or 2 to begin again."
    assert call.said == [WELCOME, SIZE, CODE, question, ON_ITS_WAY]
    assert call.world.user_data() == {"postcode": "12345"}


async def test_who_has_ordered_before_need_not_say_where() -> None:
    world = World()
    await dial(bot, press("1"), press("12345"), press("1"), world=world)
    call = await dial(bot, press("1"), press("1"), world=world)
    assert (CODE in call.said, call.said[-1]) == (False, ON_ITS_WAY)


async def test_an_order_is_begun_again() -> None:
    call = await dial(bot, press("1"), press("12345"), press("2"), press("2"), press("54321"), press("1"))
    assert (call.said.count(WELCOME), call.said.count(SIZE), call.said[-1]) == (1, 2, ON_ITS_WAY)
    assert call.world.user_data() == {"postcode": "54321"}


@pytest.mark.parametrize(
    "steps",
    [
        [press("0")],
        [silence()] * 3,
        [press("1"), *[press("12#")] * 3],
        [press("1"), *[silence()] * 9],
    ],
    ids=["canceled", "no size", "no postcode", "silence"],
)
async def test_nothing_is_ordered(steps: list[Step]) -> None:
    call = await dial(bot, *steps)
    assert (call.said[-1], call.ended_by, call.world.data) == (NOTHING, "bot", {})


async def test_a_caller_who_hangs_up() -> None:
    call = await dial(bot, press("1"), press("12345"), hang_up())
    assert (call.ended_by, call.world.data) == ("caller", {})
