"""The callback: the call that asks for one, and the one that is placed."""

import pytest

from bots.callback import OFFER, bot
from dialtone.testing import CallResult, Step, connect, decline, dial, hang_up, press, silence
from tests.functions.rig import Rig, actions, chose, conversation, result, said

HELLO = "Hello, Nora. This is Contoso. You asked us to call you about your order."


async def asked() -> CallResult:
    call = await dial(bot, press("1"), press("1"))
    assert call.said[-1] == "Thank you. We are calling you back now. Please hang up."
    return call


async def test_the_caller_is_called_back() -> None:
    call = await asked()
    (placed,) = call.world.placed
    assert (placed.target, placed.args) == ("8:nora", {"name": "Nora", "about": "order"})
    back = await dial(bot, press("1"), connect(), placed=placed, world=call.world)
    assert (back.said[0], back.ended_by) == (HELLO, "transfer")
    # Who has taken the call needs no answer from us.
    assert back.actions[0] == ["playPrompt", "recognize"]


@pytest.mark.parametrize(
    ("steps", "last"),
    [
        ([press("1"), decline()], ["I'm sorry, nobody is free yet.", "Goodbye."]),
        ([press("2")], ["Goodbye."]),
        ([silence(), silence(), silence()], ["Goodbye."]),
    ],
)
async def test_the_time_is_not_good(steps: list[Step], last: list[str]) -> None:
    call = await asked()
    back = await dial(bot, *steps, placed=call.world.placed[0])
    assert back.said[-len(last) :] == last


async def test_what_it_is_about_need_not_be_said() -> None:
    call = await dial(bot, press("1"), silence(), silence(), silence())
    back = await dial(bot, hang_up(), placed=call.world.placed[0])
    assert back.said[0].endswith("about your question.")


@pytest.mark.parametrize("steps", [[press("2")], [silence()] * 3])
async def test_nobody_is_called_who_does_not_want_it(steps: list[Step]) -> None:
    call = await dial(bot, *steps)
    assert (call.said[-1], call.world.placed) == ("Please call again later. Goodbye.", [])


async def test_where_the_channel_cannot_place_calls_the_bot_says_so() -> None:
    rig = Rig(bot)
    offer = await rig.post(conversation(), message_id="0")
    about = await rig.post(result(offer, chose("yes")), message_id="1")
    refused = await rig.post(result(about, chose("order")), message_id="2")
    assert said(offer) == [OFFER.text]
    assert actions(refused) == ["playPrompt", "hangup"]
    assert said(refused) == ["I'm sorry, we cannot call you from here. Please call again later."]
