"""The reception: every way through it."""

import pytest

from bots.reception import bot
from dialtone.dialogs import StoredRecording, Turn
from tests.dialogs.line import (
    NO_SOUND,
    NOT_TRANSFERRED,
    SILENCE,
    TRANSFERRED,
    Line,
    asked,
    chose,
    kinds,
    recorded,
    said,
    unheard,
    unrecorded,
)

GOODBYE = ["Goodbye."]


@pytest.fixture
def line() -> Line:
    line = Line(bot)
    turn = line.ring()
    assert (kinds(turn), said(turn)) == (["answer", "playPrompt", "recognize"], ["Welcome to Contoso."])
    return line


def ended(turn: Turn) -> bool:
    return turn.history.done and turn.error is None


def test_a_message(line: Line) -> None:
    question = asked(line.send(chose("message")))
    assert (question["action"], question["stopTones"], question["maxDurationInSeconds"]) == ("record", ["#"], 120)
    turn = line.send(recorded(3.5), recording=StoredRecording("a.wav", 1))
    assert said(turn) == ["Thank you. 4 seconds saved.", *GOODBYE]
    assert ended(turn)


def test_a_transfer(line: Line) -> None:
    turn = line.send(chose("sales"))
    assert (said(turn), asked(turn)["target"]["identity"]) == (["One moment, please."], "8:sales.contoso")
    assert ended(line.send(TRANSFERRED))


def test_a_transfer_that_fails_ends_in_the_voicemail_box(line: Line) -> None:
    line.send(chose("sales"))
    turn = line.send(NOT_TRANSFERRED)
    assert said(turn) == ["Nobody in sales can take your call now."]
    assert asked(turn)["action"] == "record"


def test_a_caller_who_says_nothing(line: Line) -> None:
    line.send(SILENCE)
    line.send(unheard("incorrectDtmf"))
    turn = line.send(SILENCE)
    assert said(turn) == GOODBYE
    assert ended(turn)


def test_a_message_that_is_empty(line: Line) -> None:
    line.send(chose("message"))
    for _ in range(2):
        assert asked(line.send(unrecorded()))["action"] == "record"
    assert said(line.send(unrecorded())) == GOODBYE


@pytest.mark.parametrize("turns", range(3))
def test_a_caller_who_hangs_up(line: Line, turns: int) -> None:
    for outcome in [chose("sales"), NOT_TRANSFERRED][:turns]:
        line.send(outcome)
    turn = line.hang_up()
    assert turn.actions == []
    assert ended(turn)


def test_a_prompt_that_cannot_be_played(line: Line) -> None:
    turn = line.send(NO_SOUND)
    assert kinds(turn) == ["playPrompt", "hangup"]
    assert turn.error is not None
