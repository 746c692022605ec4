"""What the platform tells between two turns: the end of the call, and who is in it."""

from typing import Any

import pytest

from dialtone import Call, CallBot, CallEnded
from dialtone.dialogs import CallStateChange, RosterUpdate
from dialtone.errors import DialogError
from dialtone.protocol import CallState
from tests.dialogs.line import HUNG_UP, KEYS, Line, bot_of, chose, hello, kinds, said, unheard

GROUP: dict[str, Any] = {"isMultiparty": True, "threadId": "19:t@thread.skype", "subject": "Lunch"}
NORA, BOT, LARS = "8:nora", "28:bot", "8:lars"


async def told(notification: CallStateChange | RosterUpdate) -> None:
    """Takes it."""


def test_only_a_bot_with_a_handler_subscribes() -> None:
    bot = bot_of(hello)
    assert bot.subscriptions(multiparty=True) == ()
    assert bot.on_notification(told) is told
    assert bot.subscriptions(multiparty=False) == ("callStateChange",)
    assert bot.subscriptions(multiparty=True) == ("callStateChange", "rosterUpdate")


def test_there_is_one_handler_and_it_is_async() -> None:
    bot = CallBot()
    with pytest.raises(DialogError, match="is not an async function") as caught:
        bot.on_notification(lambda notification: told(notification))
    assert caught.value.field == "on_notification"
    bot.on_notification(told)
    with pytest.raises(DialogError, match="two handlers"):
        bot.on_notification(told)


def test_the_end_of_the_call_is_seen_at_the_await() -> None:
    seen: list[str] = []

    async def clean_up(reason: str) -> None:
        seen.append(reason)

    async def dialog(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        except CallEnded as ended:
            await call.run(clean_up, ended.reason)
            call.say("Too late.")
            raise

    line = Line(dialog)
    line.ring()
    turn = line.end()
    assert (turn.actions, turn.error, turn.history.done) == ([], None, True)
    assert turn.history.state is CallState.TERMINATED
    assert seen == ["callerHungUp"]
    late = line.send(chose("yes"))
    assert late.actions == []
    assert seen == ["callerHungUp"]


def test_a_dialog_that_fails_when_the_call_ends_says_nothing() -> None:
    async def dialog(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        finally:
            raise ValueError

    line = Line(dialog)
    line.ring()
    assert line.end().actions == []
    assert isinstance(line.turns[-1].error, ValueError)


@pytest.mark.parametrize("state", ["terminated", "terminating"])
def test_whatever_comes_after_the_end_gets_nothing(state: str) -> None:
    async def dialog(call: Call) -> None:
        await call.choose("Which?", KEYS)

    line = Line(dialog)
    line.ring()
    line.send(unheard("callTerminated"), state)
    for outcome in (chose("yes"), HUNG_UP, unheard("incorrectDtmf")):
        assert line.send(outcome).actions == []
        assert line.turns[-1].history.state is CallState(state)
    assert line.end().actions == []


def test_a_dialog_that_is_over_hangs_up_again_while_the_call_is_not() -> None:
    line = Line(hello)
    line.ring()
    assert kinds(line.send({"type": "playPromptOutcome", "outcome": "failure"})) == ["hangup"]


@pytest.mark.parametrize("state", ["hold", "somethingNew"])
def test_the_state_is_kept_and_one_that_is_not_understood_is_not(state: str) -> None:
    line = Line(asks_twice)
    assert line.ring().history.state is CallState.INCOMING
    known = CallState.HOLD if state == "hold" else CallState.INCOMING
    assert line.send(chose("yes"), state).history.state is known


async def asks_twice(call: Call) -> None:
    await call.choose("Which?", KEYS)
    await call.choose("And now?", KEYS)


async def names(call: Call) -> None:
    """Says who is there, before and after each question."""
    for _ in range(4):
        call.say(" ".join(member.identity for member in call.participants))
        await call.choose("Which?", KEYS)


def there(line: Line) -> list[str]:
    return str(said(line.turns[-1])[0]).split()


def test_participants_follow_the_roster_at_the_next_turn() -> None:
    line = Line(names)
    line.ring(**GROUP)
    assert there(line) == [NORA, BOT]
    line.send(chose("yes"), roster=(NORA, BOT))
    assert there(line) == [NORA, BOT]
    line.send(chose("yes"), roster=(NORA, LARS, BOT))
    assert there(line) == [NORA, LARS, BOT]
    line.send(chose("yes"), roster=("8:LARS", "28:BOT"))
    assert there(line) == ["8:LARS", BOT]


def test_only_a_roster_that_changed_is_kept() -> None:
    line = Line(names)
    line.ring(**GROUP)
    same = line.send(chose("yes"), roster=("28:bot", "8:NORA"))
    assert len(same.history.entries[-1]) == 4
    changed = line.send(chose("yes"), roster=(NORA,))
    assert changed.history.entries[-1][5] == [NORA]
    again = line.send(chose("yes"), roster=(NORA,))
    assert len(again.history.entries[-1]) == 4


def test_the_roster_is_the_same_again_on_replay_and_the_caller_stays() -> None:
    seen: list[list[tuple[str, str | None]]] = []

    async def dialog(call: Call) -> None:
        seen.clear()
        for _ in range(3):
            seen.append([(member.identity, member.display_name) for member in call.participants])
            await call.choose("Which?", KEYS)
        assert call.caller is not None
        call.say(call.caller.identity)

    line = Line(dialog)
    line.ring(**GROUP)
    line.send(chose("yes"), roster=(LARS, NORA))
    line.send(chose("yes"), roster=(LARS,))
    assert seen == [[(NORA, "Nora"), (BOT, None)], [(LARS, None), (NORA, "Nora")], [(LARS, None)]]
    assert said(line.send(chose("yes"))) == [NORA]


def test_the_roster_lives_through_replace_and_activities() -> None:
    async def nothing() -> None:
        """Does nothing."""

    async def first(call: Call) -> None:
        await call.choose("Which?", KEYS)
        await call.run(nothing)
        call.replace("second")

    async def second(call: Call) -> None:
        await call.run(nothing)
        call.say(" ".join(member.identity for member in call.participants))
        await call.choose("And now?", KEYS)
        call.say(" ".join(member.identity for member in call.participants))

    line = Line(first, second=second)
    line.ring(**GROUP)
    assert said(line.send(chose("yes"), roster=(NORA, LARS))) == ["8:nora 8:lars"]
    assert line.turns[-1].history.roster == (NORA, LARS)
    assert said(line.send(chose("yes"))) == ["8:nora 8:lars"]


def test_a_roster_is_in_the_history_that_was_written() -> None:
    line = Line(names)
    line.ring(**GROUP)
    history = line.send(chose("yes"), roster=(LARS,)).history
    assert history._replace(roster=(NORA,)).restarted(history)
    assert '["8:lars"]' in history.to_json()
