import asyncio

import pytest

from simulator import audio
from simulator.callers import ScriptedCaller
from simulator.clock import VirtualClock
from simulator.ledger import Event, Ledger
from simulator.line import CallOver, Line, Sound
from simulator.script import read_script


async def follow(steps: str, *prompts: str) -> tuple[ScriptedCaller, list[Event]]:
    """A caller who hears prompts of one second each, 1 s apart; the bot hangs up 5 s after the last."""
    clock = VirtualClock()
    ledger = Ledger(clock)
    line = Line(clock, ledger)
    caller = ScriptedCaller(read_script(f"name: test\nsteps:\n{steps}"))

    async def platform() -> None:
        try:
            for prompt in prompts:
                await line.play(Sound(audio.silence(1), text=prompt))
                await line.quiet(1)
            await line.quiet(4)
        except CallOver:
            return
        line.hang_up("bot")

    await asyncio.gather(clock.start(platform()), clock.start(caller.run(line)))
    return caller, ledger.events


def times(events: list[Event], kind: str) -> list[float]:
    return [event["t"] for event in events if event["kind"] == kind]


async def test_a_caller_reacts_when_a_prompt_ends() -> None:
    caller, events = await follow('  - hear: two\n  - press: "12#"', "One.", "Two.")
    assert times(events, "pressed") == [3.5, 3.7, 3.9]
    assert [event["key"] for event in events if event["kind"] == "pressed"] == ["1", "2", "#"]
    assert caller.unmet is None


async def test_a_caller_may_react_when_it_begins() -> None:
    _, events = await follow('  - hear: two\n    barge_in: true\n    pause: 0.25\n  - press: "1"', "One.", "Two.")
    assert times(events, "pressed") == [2.25]


async def test_each_step_looks_at_the_prompts_after_the_last_one() -> None:
    steps = '  - hear: menu\n  - press: "1"\n  - hear: menu\n  - press: "2"\n  - hear: menu'
    caller, events = await follow(steps, "Menu.", "Menu.")
    assert times(events, "pressed") == [1.5, 3.5]
    assert caller.unmet is not None
    assert caller.unmet[0] == 5
    assert caller.waiting_since == 3.5


async def test_a_prompt_that_was_heard_meanwhile_counts() -> None:
    _, events = await follow('  - wait: 5\n  - hear: one\n  - press: "1"', "One.", "Two.")
    assert times(events, "pressed") == [5.5]


async def test_a_caller_hangs_up() -> None:
    caller, events = await follow("  - hear: one\n    pause: 0\n  - hang_up: true", "One.", "Two.")
    assert times(events, "hung_up") == [1]
    assert caller.unmet is None


@pytest.mark.parametrize(
    ("steps", "number"),
    [
        ("  - hear: three", 1),
        ('  - hear: two\n    pause: 60\n  - press: "1"', 2),
        ("  - wait: 60\n  - hang_up: true", 2),
        ("  - hear: one\n  - wait: 60", None),
        ("  - hear: two", None),
    ],
)
async def test_what_the_call_was_too_short_for(steps: str, number: int | None) -> None:
    caller, _ = await follow(steps, "One.", "Two.")
    assert (caller.unmet[0] if caller.unmet is not None else None) == number
