"""Dialogs inside each other: `begin`, `end`, `replace` and `end_conversation`."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import Call, CallBot, CallEnded, DialogResult, ResumeReason
from dialtone.errors import Canceled, DialogError
from tests.dialogs.line import APOLOGY, KEYS, SILENCE, Line, bot_of, chose, kinds, said

Dialog = Callable[..., Awaitable[Any]]


async def world(value: Any = 1) -> Any:
    return value


class Begun:
    """A bot whose dialog begins `child` and notes what came of it."""

    def __init__(self, child: Dialog, **others: Dialog) -> None:
        self.came: DialogResult | None = None
        self.line = Line(bot_of(self.dialog, child=child, **others))

    async def dialog(self, call: Call) -> None:
        self.came = None
        self.came = await call.begin("child")
        call.say("Back.")
        await call.choose("More?", KEYS)
        call.say("End.")


async def nothing(call: Call) -> None:
    """Returns at once."""


async def returns(call: Call) -> str:
    return "done"


async def ends(call: Call) -> None:
    call.end("early")


async def ends_within(call: Call) -> str:
    await ends(call)
    return "never"


async def gives_up(call: Call) -> None:
    call.end(1, ResumeReason.NOT_COMPLETED)


async def gives_a_result(call: Call) -> DialogResult:
    return DialogResult(ResumeReason.FORWARD, [1])


async def cancels(call: Call) -> None:
    raise Canceled


async def replaced(call: Call) -> None:
    call.say("On.")
    call.replace("other")


async def replaced_twice(call: Call) -> None:
    call.replace("child2")


async def begins_another(call: Call) -> Any:
    return (await call.begin("other")).response


@pytest.mark.parametrize(
    ("child", "came"),
    [
        (nothing, DialogResult(ResumeReason.COMPLETED, None, "*:child")),
        (returns, DialogResult(ResumeReason.COMPLETED, "done", "*:child")),
        (ends, DialogResult(ResumeReason.COMPLETED, "early", "*:child")),
        (ends_within, DialogResult(ResumeReason.COMPLETED, "early", "*:child")),
        (gives_up, DialogResult(ResumeReason.NOT_COMPLETED, 1, "*:child")),
        (gives_a_result, DialogResult(ResumeReason.FORWARD, [1], "*:child")),
        (cancels, DialogResult(ResumeReason.CANCELED, None, "*:child")),
        (replaced, DialogResult(ResumeReason.COMPLETED, "done", "*:other")),
        (replaced_twice, DialogResult(ResumeReason.COMPLETED, "done", "*:other")),
        (begins_another, DialogResult(ResumeReason.COMPLETED, "done", "*:child")),
    ],
)
def test_what_comes_of_a_dialog(child: Dialog, came: DialogResult) -> None:
    begun = Begun(child, other=returns, child2=replaced)
    assert said(begun.line.ring())[-1] == "Back."
    assert begun.came == came
    assert bool(begun.came) == (came.resumed is ResumeReason.COMPLETED)
    assert said(begun.line.send(chose("yes"))) == ["End."]
    assert begun.came == came, "run again it is the same"


def test_questions_of_a_dialog_go_on_where_they_were() -> None:
    async def child(call: Call) -> str | None:
        call.say("Child.")
        first = await call.choose("First?", KEYS)
        return f"{first}, {await call.choose('Second?', KEYS)}"

    begun = Begun(child)
    assert said(begun.line.ring()) == ["Child."]
    assert said(begun.line.send(chose("no"))) == []
    assert said(begun.line.send(chose("yes"))) == ["Back."]
    assert begun.came is not None
    assert begun.came.response == "no, yes"


def test_a_dialog_gets_its_arguments_whatever_they_are() -> None:
    async def dialog(call: Call) -> None:
        seen: list[int] = []
        await call.begin("child", seen=seen, number=2)
        call.say(f"{seen}")

    async def child(call: Call, seen: list[int], number: int) -> None:
        seen.append(number)
        await call.choose("Which?", KEYS)
        seen.append(number)

    line = Line(dialog, child=child)
    line.ring()
    assert said(line.send(chose("yes"))) == ["[2, 2]"]


def test_a_dialog_whose_arguments_do_not_fit() -> None:
    async def dialog(call: Call) -> None:
        await call.begin("child", colour="red")

    turn = Line(dialog, child=nothing).ring()
    assert isinstance(turn.error, TypeError)
    assert said(turn) == [APOLOGY]


def test_replacing_a_dialog_inside_keeps_the_history() -> None:
    async def child(call: Call, number: int = 0) -> int:
        await call.choose(f"{number}?", KEYS)
        if number < 3:
            call.replace("child", number=number + 1)
        return number

    begun = Begun(child)
    begun.line.ring()
    for _ in range(4):
        turn = begun.line.send(chose("yes"))
    assert said(turn) == ["Back."]
    assert (turn.history.dialog, len(turn.history.entries)) == ("/", 4)
    assert begun.came is not None
    assert begun.came.response == 3


def test_replacing_inside_runs_finally_blocks_and_keeps_what_was_queued() -> None:
    async def child(call: Call) -> None:
        try:
            call.say("Before.")
            call.replace("other")
        finally:
            call.say("Finally.")

    async def other(call: Call) -> None:
        call.say("Other.")

    assert said(Begun(child, other=other).line.ring()) == ["Before.", "Finally.", "Other.", "Back."]


def test_an_argument_of_a_replacement_inside_must_be_json_too() -> None:
    async def child(call: Call) -> None:
        call.replace("child", value=object())

    turn = Begun(child).line.ring()
    assert isinstance(turn.error, DialogError)
    assert "not JSON" in turn.error.message


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_end_conversation_leaves_all_dialogs(depth: int) -> None:
    async def dialog(call: Call, level: int = 0) -> None:
        if level == depth:
            call.say("Well.")
            call.end_conversation("Goodbye.", "Now.")
        await call.begin("/", level=level + 1)
        call.say("Never said.")

    turn = Line(dialog).ring()
    assert (kinds(turn), said(turn)) == (
        ["answer", "playPrompt", "playPrompt", "hangup"],
        ["Well.", "Goodbye.", "Now."],
    )
    assert turn.history.done


def test_end_conversation_without_a_word_before_anything_was_said_declines() -> None:
    async def dialog(call: Call) -> None:
        call.end_conversation()

    assert kinds(Line(dialog).ring()) == ["reject"]


def test_end_conversation_after_the_call_is_over() -> None:
    async def child(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        except CallEnded:
            call.end_conversation("Nobody hears this.")

    line = Begun(child).line
    line.ring()
    turn = line.hang_up()
    assert (turn.actions, turn.error, turn.history.done) == ([], None, True)


@pytest.mark.parametrize("way", [lambda call: call.end(1), lambda call: call.end_conversation(), cancels])
def test_the_outermost_dialog_ends_the_call(way: Callable[[Call], Any]) -> None:
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        came = way(call)
        await came

    turn = Line(dialog).ring()
    assert (kinds(turn), turn.error) == (["answer", "playPrompt", "hangup"], None)


@pytest.mark.parametrize("way", [lambda call: call.end(1), lambda call: call.end_conversation()])
def test_except_exception_does_not_hold_a_way_out_back(way: Callable[[Call], Any]) -> None:
    async def child(call: Call) -> None:
        try:
            way(call)
        except Exception:
            call.say("Held back.")

    assert "Held back." not in said(Begun(child).line.ring())


def test_the_cancel_choice_leaves_the_dialog_that_asked() -> None:
    async def child(call: Call) -> str | None:
        return await call.choose("Which?", KEYS, cancel=["9", "never mind"])

    begun = Begun(child)
    begun.line.ring()
    assert said(begun.line.send(chose("cancel"))) == ["Back."]
    assert begun.came == DialogResult(ResumeReason.CANCELED, None, "*:child")


def test_the_cancel_choice_may_be_caught() -> None:
    async def child(call: Call) -> str:
        try:
            await call.confirm("Sure?", cancel="9")
        except Canceled:
            return "caught"
        return "answered"

    begun = Begun(child)
    begun.line.ring()
    begun.line.send(chose("cancel"))
    assert begun.came is not None
    assert begun.came.response == "caught"


def test_the_caller_hangs_up_inside() -> None:
    cleaned: list[str] = []

    async def child(call: Call) -> None:
        try:
            await call.choose("Which?", KEYS)
        finally:
            cleaned.append("child")

    async def dialog(call: Call) -> None:
        try:
            await call.begin("child")
        finally:
            cleaned.append(await call.run(world, "dialog"))

    line = Line(dialog, child=child)
    line.ring()
    cleaned.clear()
    turn = line.hang_up()
    assert (turn.actions, turn.error) == ([], None)
    assert [name for name, _ in line.world.ran] == ["world"]
    assert cleaned[-2:] == ["child", "dialog"]


def test_activities_inside_are_run_once() -> None:
    async def child(call: Call) -> Any:
        first = await call.run(world, 1)
        await call.choose("Which?", KEYS)
        return [first, await call.run(world, 2)]

    begun = Begun(child)
    begun.line.ring()
    assert said(begun.line.send(chose("yes"))) == ["Back."]
    assert begun.came is not None
    assert begun.came.response == [1, 2]
    assert [args for _, args in begun.line.world.ran] == [(1,), (2,)]


def test_a_failure_inside_may_be_caught_outside() -> None:
    async def child(call: Call) -> None:
        raise LookupError("not here")

    async def dialog(call: Call) -> None:
        try:
            await call.begin("child")
        except LookupError as error:
            call.say(f"{error}")
        await call.begin("hello")

    async def hello(call: Call) -> None:
        call.say("Hello.")

    assert said(Line(dialog, child=child, hello=hello).ring()) == ["not here", "Hello."]


def test_a_dialog_that_begins_itself_for_ever_is_ended() -> None:
    async def dialog(call: Call) -> None:
        await call.begin("/")

    turn = Line(dialog).ring()
    assert said(turn) == [APOLOGY]
    assert turn.error is not None


@pytest.mark.parametrize("inside", [False, True])
def test_dialogs_that_replace_each_other_for_ever_are_cut_off(inside: bool) -> None:
    async def dialog(call: Call) -> None:
        if inside:
            await call.begin("child")
        call.replace("/")

    async def child(call: Call) -> None:
        call.replace("child")

    turn = Line(dialog, child=child).ring()
    assert said(turn) == [APOLOGY]
    assert "more than 1000 things" in str(turn.error)


def test_a_question_in_a_dialog_inside_does_not_count_for_the_one_outside() -> None:
    bot = CallBot()

    async def step(call: Call, result: DialogResult) -> None:
        await call.choose("Which?", KEYS, retries=0)
        await call.begin("child")

    async def child(call: Call) -> None:
        await call.choose("And?", KEYS, retries=0)

    bot.dialog("fall", [step])
    bot.dialog("child")(child)
    came: list[DialogResult] = []

    @bot.incoming
    async def dialog(call: Call) -> None:
        came[:] = [await call.begin("fall")]

    line = Line(bot)
    line.ring()
    line.send(chose("yes"))
    line.send(SILENCE)
    assert came[0].resumed is ResumeReason.COMPLETED
