"""What `dialtone explore` finds: each planted fault, nothing in the sample bots, and no less for merging states."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialtone import ActivityFailed, Call, CallBot, Prompt, translations
from dialtone.dialogs.explorer import explore
from dialtone.dialogs.explorer.graph import Exploration
from tests.dialogs.line import bot_of

FAULTY = Path(__file__).parent / "faulty"
OPTIONS: dict[str, dict[str, Any]] = {
    "missing_translation": {"languages": ("en", "de")},
    "too_many_turns": {"max_turns": 13},
}
KINDS = {
    "dead_end": "dead-end",
    "endless_loop": "endless-loop",
    "exception": "exception",
    "file_fails": "unhandled-failure",
    "function_raises": "unhandled-failure",
    "illegal_workflow": "illegal-workflow",
    "missing_translation": "missing-translation",
    "nondeterminism": "nondeterminism",
    "too_many_turns": "too-many-turns",
    "unreached": "unreached-dialog",
}
ALSO = {"dead_end": {"exception"}}
"""What follows from a fault is found too."""
PAID = {"payment": [{"paid": True}, {"paid": False}]}


def kinds(found: Exploration) -> set[str]:
    return {finding.kind for finding in found.findings}


def test_there_are_ten_faults_of_all_kinds_that_need_no_example() -> None:
    assert {path.stem for path in FAULTY.glob("[a-z]*.py")} == KINDS.keys()
    assert len(KINDS) == 10


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_planted_fault_is_found(name: str) -> None:
    lines = (FAULTY / f"{name}.py").read_text().splitlines()
    (planted,) = [number for number, line in enumerate(lines, 1) if line.endswith("# fault")]
    found = explore(import_module(f"tests.dialogs.faulty.{name}").bot, **OPTIONS.get(name, {}))
    (finding,) = [each for each in found.findings if each.kind == KINDS[name]]
    assert (Path(finding.line.file).name, finding.line.number) == (f"{name}.py", planted)
    assert finding.fix
    assert finding.path or name == "unreached"
    assert kinds(found) - {KINDS[name]} == ALSO.get(name, set())
    assert found.complete


def test_without_an_example_it_asks_for_one() -> None:
    async def paying(call: Call) -> None:
        signal = await call.signal("payment")
        if signal is not None and signal.data["paid"]:
            call.say("Thank you.")

    (finding,) = explore(bot_of(paying)).findings
    assert explore(bot_of(paying), examples=PAID).findings == []
    assert (finding.kind, finding.fix) == (
        "example-needed",
        "give an example result of payment, by --example 'payment=JSON'",
    )


def test_the_path_is_a_shortest_one() -> None:
    found = explore(import_module("tests.dialogs.faulty.exception").bot)
    (finding,) = found.findings
    question = "Shall we deliver to the same address? Press 1 for yes, or 2 for no."
    assert finding.path == ("an incoming call", f"{question}: yes", "user_data: no data")


def test_on_error_catches_failures_and_is_walked() -> None:
    bot = CallBot()

    @bot.incoming
    async def order(call: Call) -> None:
        await call.run(work)

    @bot.on_error
    async def sorry(call: Call, error: str) -> None:
        if error.startswith("ActivityFailed"):
            await call.choose("It did not work. Press 1.", {"one": "1"})
            raise ValueError("of on_error")

    found = explore(bot)
    (finding,) = [each for each in found.findings if each.kind != "dead-end"]
    assert finding.message == "ValueError: of on_error"
    assert finding.path[-1] == "It did not work. Press 1.: one"


def test_what_is_left_out_is_said() -> None:
    bot = import_module("bots.survey").bot
    shallow = explore(bot, depth=2)
    assert not shallow.complete
    assert shallow.not_reached[0].startswith("paths of more than 2 outcomes were given up: ")
    assert explore(bot, states=5).not_reached[0].startswith("the walk was given up after ")
    assert explore(bot, enough=lambda: True).not_reached[0].startswith("the time was up after 2 states")


def test_a_dialog_that_was_not_reached_for_want_of_depth_is_no_finding() -> None:
    found = explore(import_module("tests.dialogs.faulty.unreached").bot, depth=1)
    assert found.findings == []
    assert found.not_reached[1:] == ["the dialog 'nickname' was not reached"]


async def work() -> None:
    raise AssertionError("an exploration runs no function")


async def fail_after_three(call: Call) -> None:
    for _ in ["same", "same", "same"]:
        await call.confirm("Yes? Press 1.", retries=0)
    raise ValueError("after three")


async def two_answers_in_one_expression(call: Call) -> None:
    answers = [await call.confirm("One? Press 1.", retries=0), await call.confirm("Two? Press 1.", retries=0)]
    # The walk comes to what follows `yes` first.
    if answers == [None, True]:
        raise ValueError("nothing, then yes")


async def in_an_object(call: Call) -> None:
    class Basket:
        items = 0

    basket = Basket()
    while basket.items < 3:
        if await call.confirm("More? Press 1.", retries=0):
            basket.items += 1
        else:
            return
    raise ValueError("three")


async def in_a_generator(call: Call) -> None:
    numbers = (number for number in range(3))
    for _ in numbers:
        await call.confirm("More? Press 1.", retries=0)
    raise ValueError("three")


HIDDEN = [fail_after_three, two_answers_in_one_expression, in_an_object, in_a_generator]


@pytest.mark.parametrize("dialog", HIDDEN)
def test_what_only_the_interpreter_sees_tells_states_apart(dialog: Any) -> None:
    assert "exception" in kinds(explore(bot_of(dialog)))


def test_the_tries_of_a_question_are_states() -> None:
    """Which try it is, only the kit's own frames know."""

    async def dialog(call: Call) -> None:
        await call.confirm("Yes? Press 1.", retries=3)

    assert max(state.depth for state in explore(bot_of(dialog)).states if state.kind == "asks") == 3


def test_states_that_are_the_same_are_walked_once() -> None:
    async def dialog(call: Call) -> None:
        while await call.confirm("Again? Press 1 for yes, or 2 for no."):
            call.say("Once more.")

    found = explore(bot_of(dialog))
    assert found.complete
    assert len(found.states) < 20


STEPS = st.lists(
    st.tuples(st.sampled_from(["choose", "record", "data", "run", "loop", "say", "fail", "begin"]), st.integers(0, 2)),
    min_size=1,
    max_size=4,
)


def random_bot(steps: list[tuple[str, int]]) -> CallBot:
    bot = CallBot(localize=translations({"de": {"Say 0.": "Sage 0."}}))

    @bot.incoming
    async def dialog(call: Call) -> None:
        tally = {"score": 0}
        for kind, number in steps:
            await step(call, kind, number, tally)

    async def step(call: Call, kind: str, number: int, tally: dict[str, int]) -> None:
        if kind == "choose":
            chosen = await call.choose(Prompt("menu", "Press 1 or 2."), {"a": "1", "b": "2"}, retries=number % 2)
            tally["score"] += chosen == "a"
        elif kind == "record":
            tally["score"] += bool(await call.record("Speak.", retries=0))
        elif kind == "data":
            data = await call.user_data()
            data["n"] = data.get("n", 0) + number
        elif kind == "run":
            try:
                await call.run(work)
            except ActivityFailed:
                if number == 0:
                    raise
        elif kind == "loop":
            while await call.choose(f"Loop {number}. Press 1 to leave.", {"leave": "1"}, retries=0) != "leave":
                tally["score"] += number == 2
        elif kind == "say":
            call.say(f"Say {number}.")
        elif kind == "fail" and tally["score"] == number:
            raise ValueError("the score")
        elif kind == "begin":
            await call.begin("other", number=number)

    @bot.dialog("other")
    async def other(call: Call, number: int) -> None:
        if await call.confirm("Other? Press 1.", retries=0) and number == 1:
            call.replace("/")

    return bot


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_merging_hides_no_finding(steps: list[tuple[str, int]]) -> None:
    def found(merge: bool) -> set[tuple[str, int]]:
        walked = explore(random_bot(steps), depth=3, languages=("en", "de"), merge=merge)
        return {(each.kind, each.line.number) for each in walked.findings if each.kind != "endless-loop"}

    assert found(merge=False) <= found(merge=True)
