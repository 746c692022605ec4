"""The smallest bot."""

from bots.hello import bot
from tests.dialogs.line import HUNG_UP, Line, kinds, said


def test_it_says_one_sentence_and_hangs_up() -> None:
    line = Line(bot)
    turn = line.ring()
    assert (kinds(turn), said(turn)) == (["answer", "playPrompt", "hangup"], ["Watson... come here!"])
    assert line.send(HUNG_UP, "terminated").actions == []
