"""The attendant: whom it connects callers with, and what becomes of those whom it cannot connect."""

import pytest

from bots.attendant import bot
from dialtone.testing import Step, connect, decline, dial, press, silence, speak


@pytest.mark.parametrize(
    ("steps", "target"),
    [
        ([press("1")], "8:orgid:sales"),
        ([press("2")], "8:orgid:support"),
        ([press("3"), press("102")], "8:orgid:lars"),
    ],
)
async def test_it_connects_with_whom_is_wanted(steps: list[Step], target: str) -> None:
    call = await dial(bot, *steps, connect())
    assert call.ended_by == "transfer"
    assert call.workflows[-1]["actions"][-1]["target"]["identity"] == target


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([press("1"), decline()], "They cannot take your call now."),
        ([press("3"), press("999")], "Nobody has this extension."),
        ([silence(), silence()], ""),
    ],
)
async def test_else_it_takes_a_message(steps: list[Step], told: str) -> None:
    call = await dial(bot, *steps, speak("Please call me back."))
    assert (call.said[-1], len(call.recordings)) == ("Thank you. Goodbye.", 1)
    assert not told or told in call.said
    nothing = await dial(bot, *steps, silence())
    assert nothing.said[-1] == "Goodbye."
