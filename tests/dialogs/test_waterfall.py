"""Waterfalls: the rules of `dialtone.dialogs.waterfall`."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import Call, CallBot, DialogResult, ResumeReason
from dialtone.errors import DialogError
from tests.dialogs.line import (
    APOLOGY,
    KEYS,
    SILENCE,
    Line,
    chose,
    dialled,
    hello,
    kinds,
    recorded,
    said,
    unheard,
    unrecorded,
)

Step = Callable[[Call, DialogResult], Awaitable[Any]]
COMPLETED, NOT_COMPLETED, CANCELED, FORWARD, BACK = ResumeReason


class Fall:
    """A bot whose dialog is a waterfall; what each step was told is noted, `came` is what came of it all."""

    def __init__(self, *steps: Step, **args: Any) -> None:
        self.told: list[tuple[ResumeReason, Any]] = []
        self.came: DialogResult | None = None
        bot = CallBot()
        bot.dialog("fall", [self.noted(step) for step in steps])

        @bot.incoming
        async def dialog(call: Call) -> None:
            self.told.clear()
            self.came = await call.begin("fall", **args)
            call.say("End.")

        self.line = Line(bot)

    def noted(self, step: Step) -> Step:
        async def told(call: Call, result: DialogResult) -> Any:
            assert result.child_id == "" or not self.told or isinstance(result, DialogResult)
            self.told.append((result.resumed, result.response))
            return await step(call, result)

        return told


async def returns_nothing(call: Call, result: DialogResult) -> None:
    """Passes."""


async def chooses(call: Call, result: DialogResult) -> str | None:
    return await call.choose("Which?", KEYS, retries=1, cancel="9")


async def chooses_and_keeps_it(call: Call, result: DialogResult) -> None:
    await call.choose("Which?", KEYS, retries=0)


def test_each_step_is_told_what_came_of_the_one_before() -> None:
    async def first(call: Call, result: DialogResult) -> int:
        return int(result.response["number"]) + 1

    async def second(call: Call, result: DialogResult) -> dict[str, Any]:
        choice = await call.choose("Which?", KEYS)
        return {"choice": choice, "number": result.response}

    async def third(call: Call, result: DialogResult) -> str | None:
        return await call.digits("Number?")

    fall = Fall(first, second, third, number=1)
    fall.line.ring()
    fall.line.send(chose("yes"))
    turn = fall.line.send(dialled("12"))
    assert fall.told == [
        (COMPLETED, {"number": 1}),
        (COMPLETED, 2),
        (COMPLETED, {"choice": "yes", "number": 2}),
    ]
    assert fall.came == DialogResult(COMPLETED, "12", "*:fall")
    assert fall.came
    assert said(turn) == ["End."]


def test_a_question_without_an_answer_was_not_completed() -> None:
    fall = Fall(chooses, returns_nothing)
    fall.line.ring()
    fall.line.send(SILENCE)
    fall.line.send(unheard("incorrectDtmf"))
    assert fall.told[1:] == [(NOT_COMPLETED, None)]
    assert fall.came == DialogResult(COMPLETED, None, "*:fall"), "the second step asked nothing"


@pytest.mark.parametrize("last", [chooses_and_keeps_it, chooses])
def test_the_last_step_decides_the_result(last: Step) -> None:
    fall = Fall(last)
    fall.line.ring()
    fall.line.send(SILENCE)
    if last is chooses:
        fall.line.send(SILENCE)
    assert fall.came == DialogResult(NOT_COMPLETED, None, "*:fall")
    assert not fall.came


def test_a_recording_that_came_to_nothing_was_not_completed() -> None:
    async def records(call: Call, result: DialogResult) -> Any:
        return await call.record(retries=0)

    fall = Fall(records)
    fall.line.ring()
    fall.line.send(unrecorded())
    assert fall.came is not None
    assert (fall.came.resumed, fall.came.response.seconds) == (NOT_COMPLETED, 0.0)


def test_only_the_last_question_of_a_step_counts() -> None:
    async def two(call: Call, result: DialogResult) -> None:
        await call.choose("Which?", KEYS, retries=0)
        await call.choose("And?", KEYS, retries=0)

    for answers, resumed in [((SILENCE, chose("yes")), COMPLETED), ((chose("yes"), SILENCE), NOT_COMPLETED)]:
        fall = Fall(two)
        fall.line.ring()
        for answer in answers:
            fall.line.send(answer)
        assert fall.came is not None
        assert fall.came.resumed is resumed


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        (lambda call: call.recognize("Which?", choices=KEYS), chose("yes")),
        (lambda call: call.record("Speak."), recorded()),
        (lambda call: call.digits("Number?"), dialled("1")),
    ],
)
def test_a_question_of_any_kind_may_be_the_last(word: Callable[[Call], Awaitable[Any]], answer: Any) -> None:
    async def two(call: Call, result: DialogResult) -> None:
        await call.choose("Which?", KEYS, retries=0)
        await word(call)

    fall = Fall(two)
    fall.line.ring()
    fall.line.send(SILENCE)
    fall.line.send(answer)
    assert fall.came is not None
    assert fall.came.resumed is COMPLETED


def test_a_step_whose_question_got_no_answer_may_return_something() -> None:
    async def default(call: Call, result: DialogResult) -> str:
        return await call.choose("Which?", KEYS, retries=0) or "yes"

    fall = Fall(default)
    fall.line.ring()
    fall.line.send(SILENCE)
    assert fall.came == DialogResult(COMPLETED, "yes", "*:fall")


def test_the_cancel_choice() -> None:
    fall = Fall(chooses, returns_nothing)
    fall.line.ring()
    fall.line.send(chose("cancel"))
    assert fall.told[1:] == [(CANCELED, None)]


def test_next_goes_forward() -> None:
    async def skips(call: Call, result: DialogResult) -> None:
        try:
            call.next("on")
        finally:
            call.say("Skipped.")

    fall = Fall(skips, returns_nothing)
    assert said(fall.line.ring()) == ["Skipped.", "End."]
    assert fall.told == [(COMPLETED, {}), (FORWARD, "on")]


def test_next_in_what_a_step_calls() -> None:
    async def helper(call: Call) -> None:
        call.next(1)

    async def step(call: Call, result: DialogResult) -> None:
        await helper(call)

    fall = Fall(step)
    fall.line.ring()
    assert fall.came == DialogResult(FORWARD, 1, "*:fall")
    assert not fall.came


def test_next_is_for_steps() -> None:
    async def dialog(call: Call) -> None:
        call.next()

    turn = Line(dialog).ring()
    assert isinstance(turn.error, DialogError)
    assert turn.error.field == "next"
    assert said(turn) == [APOLOGY]


def test_next_in_a_dialog_that_a_step_begins_is_not_the_steps() -> None:
    bot = CallBot()

    async def begins(call: Call, result: DialogResult) -> None:
        await call.begin("child")

    bot.dialog("/", [begins])

    @bot.dialog("child")
    async def child(call: Call) -> None:
        call.next()

    assert isinstance(Line(bot).ring().error, DialogError)


@pytest.mark.parametrize("unanswered", [False, True])
def test_back_asks_again(unanswered: bool) -> None:
    async def confirms(call: Call, result: DialogResult) -> Any:
        if await call.confirm(f"{result.response}?", retries=0):
            return result
        return DialogResult(BACK, "again")

    async def asks(call: Call, result: DialogResult) -> str | None:
        call.say(f"{result.resumed.name}.")
        return await call.choose("Which?", KEYS)

    fall = Fall(asks, confirms)
    fall.line.ring()
    fall.line.send(chose("yes"))
    turn = fall.line.send(SILENCE if unanswered else chose("no"))
    assert said(turn) == ["BACK."]
    assert fall.told[-1] == (BACK, "again")
    fall.line.send(chose("no"))
    fall.line.send(chose("yes"))
    assert fall.came == DialogResult(COMPLETED, "no", "*:fall")


def test_back_before_the_first_step_ends_the_dialog() -> None:
    async def back(call: Call, result: DialogResult) -> DialogResult:
        return DialogResult(BACK, 1)

    fall = Fall(back, returns_nothing)
    assert said(fall.line.ring()) == ["End."]
    assert fall.came == DialogResult(BACK, 1, "*:fall")
    assert len(fall.told) == 1


def test_without_steps_nothing_is_completed() -> None:
    fall = Fall()
    fall.line.ring()
    assert fall.came == DialogResult(NOT_COMPLETED, None, "*:fall")


def test_a_step_may_return_any_result() -> None:
    async def result_of_its_own(call: Call, result: DialogResult) -> DialogResult:
        await call.choose("Which?", KEYS, retries=0)
        return DialogResult(CANCELED, "mine")

    fall = Fall(result_of_its_own, returns_nothing)
    fall.line.ring()
    fall.line.send(SILENCE)
    assert fall.told[-1] == (CANCELED, "mine")


def test_the_steps_of_one_call_are_not_those_of_another() -> None:
    fall = Fall(chooses, chooses)
    fall.line.ring()
    other = Line(fall.line.bot)
    other.ring()
    fall.line.send(chose("yes"))
    fall.line.send(chose("no"))
    assert fall.came == DialogResult(COMPLETED, "no", "*:fall")
    other.send(chose("no"))
    assert kinds(other.turns[-1]) == ["recognize"]


def test_end_leaves_the_whole_waterfall() -> None:
    async def ends(call: Call, result: DialogResult) -> None:
        call.end("early", ResumeReason.CANCELED)

    fall = Fall(ends, returns_nothing)
    fall.line.ring()
    assert (fall.came, len(fall.told)) == (DialogResult(CANCELED, "early", "*:fall"), 1)


def test_a_replaced_waterfall_comes_back_as_what_replaced_it() -> None:
    async def replaces(call: Call, result: DialogResult) -> None:
        call.replace("hello")

    fall = Fall(replaces)
    fall.line.bot.dialog("hello")(hello)
    assert said(fall.line.ring()) == ["Hello.", "End."]
    assert fall.came == DialogResult(COMPLETED, None, "*:hello")


def test_one_that_goes_to_and_fro_without_asking_is_cut_off() -> None:
    async def back(call: Call, result: DialogResult) -> DialogResult:
        return DialogResult(BACK)

    turn = Fall(returns_nothing, back).line.ring()
    assert isinstance(turn.error, DialogError)
    assert "more than 1000 things" in turn.error.message


def test_a_waterfall_may_be_the_dialog_of_a_call() -> None:
    bot = CallBot()
    bot.dialog("/", [chooses, returns_nothing])
    line = Line(bot)
    line.ring()
    assert kinds(line.send(chose("yes"))) == ["hangup"]


async def takes_one(call: Call) -> None:
    """Lacks the result."""


def not_async(call: Call, result: DialogResult) -> None:
    """Has no await."""


async def keeps(call: Call, result: DialogResult, seen: list[str] = []) -> None:  # noqa: B006 - it is to be refused
    """Has a list for all calls."""


@pytest.mark.parametrize("step", [takes_one, not_async, keeps, 7])
def test_what_is_no_step_is_refused_when_it_is_registered(step: Any) -> None:
    bot = CallBot()
    with pytest.raises(DialogError) as caught:
        bot.dialog("fall", [returns_nothing, step])
    assert caught.value.field == "fall"
    assert caught.value.fix
    assert bot.names() == []
