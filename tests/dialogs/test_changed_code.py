"""A bot that is deployed anew between two callbacks of a call.

A compatible change goes on; an incompatible one ends with an apology, or in the dialog `on_error`; no answer is ever
taken for that of a question with another meaning.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from dialtone import Call, CallBot, DialogResult, Prompt
from dialtone.errors import ReplayMismatch
from tests.dialogs.line import APOLOGY, CALL_ID, KEYS, PLAYED, Line, bot_of, chose, dialled, kinds, said

Dialog = Callable[..., Awaitable[Any]]
MENU = Prompt("menu", "Sales, or service?")


async def look_up(key: Any = 1) -> Any:
    return key


async def before(call: Call) -> None:
    call.say("Welcome.")
    first = await call.choose(MENU, KEYS)
    found = await call.run(look_up, first)
    second = await call.choose("Second?", KEYS)
    call.say(f"{first}, {found}, {second}")


async def new_text(call: Call) -> None:
    call.say("Welcome to the new office.")
    first = await call.choose(Prompt("menu", "What may we do?"), KEYS, retries=0, barge_in=False)
    found = await call.run(look_up, first)
    second = await call.choose("Second?", KEYS)
    call.say(f"{first}, {found}, {second}")


async def new_words(call: Call) -> None:
    first = await call.choose(MENU, {"no": ["2", "nope"], "yes": ["5", "sure"]})
    found = await call.run(look_up, first)
    second = await call.choose("Second?", KEYS)
    call.say(f"{first}, {found}, {second}")


async def new_branch(call: Call) -> None:
    first = await call.choose(MENU, KEYS)
    if first == "no":
        await call.record("Why not?")
    found = await call.run(look_up, first)
    second = await call.choose("Second?", KEYS)
    if second == "no":
        await call.transfer("8:desk")
    call.say(f"{first}, {found}, {second}")


async def in_helpers(call: Call) -> None:
    async def renamed() -> tuple[Any, Any]:
        answer = await call.choose(MENU, KEYS)
        return answer, await call.run(look_up, answer)

    first, found = await renamed()
    call.say(f"{first}, {found}, {await call.choose('Second?', KEYS)}")


async def in_a_dialog(call: Call) -> None:
    result = await call.begin("asks")
    call.say(f"{result.response}, {await call.choose('Second?', KEYS)}")


async def asks(call: Call) -> str:
    first = await call.choose(MENU, KEYS)
    return f"{first}, {await call.run(look_up, first)}"


async def asks_first(call: Call, result: DialogResult) -> str | None:
    return await call.choose(MENU, KEYS)


async def looks_up(call: Call, result: DialogResult) -> str:
    return f"{result.response}, {await call.run(look_up, result.response)}"


async def asks_second(call: Call, result: DialogResult) -> None:
    call.say(f"{result.response}, {await call.choose('Second?', KEYS)}")


def with_more_dialogs() -> CallBot:
    return bot_of(before, another=asks, third=new_text)


def as_a_waterfall() -> CallBot:
    bot = CallBot()
    bot.dialog("/", [asks_first, looks_up, asks_second])
    return bot


def with_something_around() -> CallBot:
    bot = bot_of(before)

    @bot.around
    async def around(call: Call, proceed: Callable[[], Awaitable[None]]) -> None:
        await proceed()

    return bot


COMPATIBLE: list[Callable[[], CallBot]] = [
    lambda: bot_of(new_text),
    lambda: bot_of(new_words),
    lambda: bot_of(new_branch),
    lambda: bot_of(in_helpers),
    lambda: bot_of(in_a_dialog, asks=asks),
    with_more_dialogs,
    as_a_waterfall,
    with_something_around,
]


@pytest.mark.parametrize("change", COMPATIBLE)
@pytest.mark.parametrize("after", [1, 2])
def test_a_compatible_change_goes_on(change: Callable[[], CallBot], after: int) -> None:
    line = Line(before)
    line.ring()
    if after == 2:
        line.send(chose("yes"))
    line.bot = change()
    turn = line.send(chose("yes"))
    if after == 1:
        turn = line.send(chose("yes"))
    assert said(turn) == ["yes, yes, yes"]
    assert turn.error is None


async def other_menu(call: Call) -> None:
    await call.choose(Prompt("menu-2", "Sales, or service?"), KEYS)


async def choice_renamed(call: Call) -> None:
    await call.choose(MENU, {"yes": "1", "nay": "2"})


async def asks_for_digits(call: Call) -> None:
    await call.digits(MENU)


async def swapped(call: Call) -> None:
    await call.choose("Second?", KEYS)
    await call.choose(MENU, KEYS)


async def question_before(call: Call) -> None:
    await call.confirm("Do you hear me?")
    await before(call)


async def data_before(call: Call) -> None:
    await call.user_data()
    await before(call)


async def signal_before(call: Call) -> None:
    await call.signal("paid")
    await before(call)


async def look_up_differently(call: Call) -> None:
    first = await call.choose(MENU, KEYS)
    await call.run(before, first)  # type: ignore[arg-type]  # it is never run
    await call.choose("Second?", KEYS)


async def over(call: Call) -> None:
    call.say("We are closed.")


async def next_one(call: Call) -> None:
    call.replace("other")


INCOMPATIBLE: list[tuple[Dialog, int]] = [
    (other_menu, 1),
    (choice_renamed, 1),
    (asks_for_digits, 1),
    (swapped, 1),
    (question_before, 1),
    (data_before, 1),
    (signal_before, 1),
    (over, 1),
    (next_one, 1),
    (swapped, 2),
    (look_up_differently, 2),
    (over, 2),
    (data_before, 2),
]


@pytest.mark.parametrize(("changed", "after"), INCOMPATIBLE)
@pytest.mark.parametrize("on_error", [False, True])
def test_an_incompatible_change_apologises_and_ends(changed: Dialog, after: int, on_error: bool) -> None:
    line = Line(before)
    line.ring()
    if after == 2:
        line.send(chose("yes"))
    line.bot = bot_of(changed, other=over)

    async def sorry(call: Call, error: str) -> None:
        await call.choose("Shall we begin again?", KEYS)

    if on_error:
        line.bot.on_error(sorry)
    turn = line.send(chose("yes"))
    assert isinstance(turn.error, ReplayMismatch)
    assert kinds(turn) == (["recognize"] if on_error else ["playPrompt", "hangup"])
    assert said(turn) == ([] if on_error else [APOLOGY])


def test_a_dialog_that_went_away() -> None:
    async def first(call: Call) -> None:
        call.replace("second")

    line = Line(first, second=before)
    line.ring()
    line.bot = bot_of(before)
    turn = line.send(chose("yes"))
    assert said(turn) == [APOLOGY]
    assert "no dialog named 'second'" in str(turn.error)


@pytest.mark.parametrize("name", ["paid", "cancelled"])
def test_a_signal_of_another_name(name: str) -> None:
    async def waits(call: Call) -> None:
        call.say(f"{await call.signal('paid')}")

    async def changed(call: Call) -> None:
        call.say(f"{await call.signal(name, timeout=30, poll=5)}")

    line = Line(waits)
    line.ring()
    line.send(PLAYED)
    line.bot = bot_of(changed)
    line.world.signals[CALL_ID] = [("s0", name, 1)]
    turn = line.send(PLAYED)
    assert isinstance(turn.error, ReplayMismatch) == (name != "paid")


# Any program, and any change of it.

Question = tuple[str, str]
"""Kind and meaning of something that is asked. What is said, `say`, means nothing."""

NAMES = ["size", "colour", "street"]
STEPS = st.tuples(
    st.sampled_from(["choose", "confirm", "digits", "run", "data", "signal", "now", "say"]), st.sampled_from(NAMES)
)
PROGRAMS = st.lists(STEPS, min_size=1, max_size=6)


class Asker:
    """Runs a program and notes which answer each question got: answers say which question they were given to."""

    def __init__(self, program: list[Question]) -> None:
        self.program = program
        self.wrong: list[str] = []

    async def dialog(self, call: Call) -> None:
        for kind, name in self.program:
            answer = await self.ask(call, kind, name)
            if answer is not None and answer != f"{kind} {name}":
                self.wrong.append(f"{kind} {name} got the answer of {answer}")

    async def ask(self, call: Call, kind: str, name: str) -> Any:
        match kind:
            case "choose":
                return await call.choose(Prompt(name, "Which?"), {f"choose {name}": "1", "none": "2"})
            case "confirm":
                sure = await call.confirm(Prompt(name, "Sure?"), choices={"yes": "1", f"no {name}": "2"})
                return None if sure is None else f"confirm {name}"
            case "digits":
                digits = await call.digits(Prompt(name, "Number?"))
                return None if digits is None else f"digits {NAMES[int(digits)]}"
            case "run":
                return await call.run(look_up, f"run {name}")
            case "data":
                bag = await call.user_data()
                return bag.get("kind") and f"data {name}"
            case "signal":
                came = await call.signal(name, timeout=0)
                return came and came.data
            case "now":
                call.now()
                return None
            case _:
                call.say(name)
                return None


def answer_of(kind: str, name: str) -> dict[str, Any]:
    if kind == "choose":
        return chose(f"choose {name}")
    return chose("yes") if kind == "confirm" else dialled(str(NAMES.index(name)))


@st.composite
def changes(draw: st.DrawFn, program: list[Question]) -> list[Question]:
    """A program as somebody changed it: steps are added, removed, swapped, renamed."""
    changed = list(program)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(changed)))
        match draw(st.sampled_from(["add", "remove", "rename", "swap", "another"])):
            case "add":
                changed.insert(at, draw(STEPS))
            case "remove":
                del changed[at : at + 1]
            case "rename":
                changed[at : at + 1] = [(kind, draw(st.sampled_from(NAMES))) for kind, _ in changed[at : at + 1]]
            case "swap":
                changed[at : at + 2] = reversed(changed[at : at + 2])
            case _:
                changed[at : at + 1] = [draw(STEPS)]
    return changed


ASKED = ("choose", "confirm", "digits")


@settings(max_examples=200, deadline=None)
@given(st.data(), PROGRAMS)
def test_an_answer_never_feeds_a_question_of_another_meaning(data: st.DataObject, program: list[Question]) -> None:
    asker = Asker(program)
    line = Line(asker.dialog)
    line.world.data.clear()
    turn = line.ring()
    for _ in range(len(program)):
        if turn.history.done:
            break
        # Which question waits is read off the prompt, not from the program.
        waiting = turn.actions[-1].to_wire()
        (name,) = [prompt.blob_name for prompt in getattr(turn.actions[-1], "play_prompt").prompts]  # noqa: B009
        kind = next(
            kind
            for kind, text in zip(ASKED, ("Which?", "Sure?", "Number?"), strict=True)
            if waiting["playPrompt"]["prompts"][0]["value"] == text
        )
        earlier = [question for question in asker.program if question[0] != "say"]
        changed = Asker(data.draw(changes(asker.program)))
        line.bot, asker = bot_of(changed.dialog), changed
        turn = line.send(answer_of(kind, name))
        assert not changed.wrong, "an answer is that of its question"
        later = [question for question in changed.program if question[0] != "say"]
        count = len(line.turns) - 1
        if later == earlier:
            assert turn.error is None, "a compatible change goes on"
        elif not goes_on(earlier, later, count):
            assert isinstance(turn.error, ReplayMismatch), "an incompatible change is found"
            assert said(turn) == [APOLOGY]
        event(f"{type(turn.error).__name__} {'same' if later == earlier else 'changed'}")


def goes_on(earlier: list[Question], later: list[Question], answered: int) -> bool:
    """Whether the part of a program up to its question number `answered`, which is being answered, is the same."""
    upto = [index for index, (kind, _) in enumerate(earlier) if kind in ASKED][answered - 1] + 1

    def meaning(question: Question) -> Question:
        # A bag and the clock are the same whatever the name.
        return (question[0], "") if question[0] in ("data", "now") else question

    def asked(program: list[Question]) -> list[Question]:
        # A bag is loaded once.
        found: list[Question] = []
        for question in map(meaning, program):
            if question != ("data", "") or question not in found:
                found.append(question)
        return found

    wanted = asked(earlier[:upto])
    return asked(later)[: len(wanted)] == wanted
