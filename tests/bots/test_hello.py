"""The smallest bot."""

from bots.hello import bot
from dialtone.testing import dial


async def test_it_says_one_sentence_and_hangs_up() -> None:
    call = await dial(bot)
    assert call.actions == [["answer", "playPrompt", "hangup"]]
    assert (call.said, call.ended_by) == (["Watson... come here!"], "bot")
