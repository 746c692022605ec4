"""Crowds: when callers come, what is told of them, and whom they may ring."""

from itertools import pairwise
from typing import Any

import pytest

from bots.hello import bot as hello
from simulator import crowd as crowds
from simulator.crowd import Crowd, check_target, load
from simulator.lab import Bot
from simulator.script import ScriptError, read_script
from simulator.wire import open_wire
from tests.simulator.household import household


def test_a_steady_crowd_and_a_burst() -> None:
    assert Crowd(4, "steady", 10, 1).times() == [0, 2.5, 5, 7.5]
    assert Crowd(3, "burst", 10, 1).times() == [0, 0, 0]


def test_callers_who_have_nothing_to_do_with_each_other() -> None:
    times = Crowd(1000, "poisson", 60, 7).times()
    assert times == Crowd(1000, "poisson", 60, 7).times() == sorted(times)
    assert times != Crowd(1000, "poisson", 60, 8).times()
    assert times[0] >= 0
    assert times[-1] <= 60
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    # The gaps of a Poisson process vary as much as they are long.
    assert 0.8 < (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 / mean < 1.2


async def test_a_crowd_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "PROGRESS_S", 0.2)
    told: list[dict[str, Any]] = []
    script = read_script("name: x\nsteps: [{hear: Watson, barge_in: true}, {hang_up: true}]")
    async with household(hello) as house, open_wire() as wire:
        result = await load(script, Bot(house.url, wire), Crowd(20, "steady", 0.4, 7), told.append)
    assert (result["calls"], result["ok"], result["callbacks"]) == (20, 20, 40)
    assert 1 <= result["most_at_once"] <= 20
    assert 0 < result["reply_ms_p50"] <= result["reply_ms_p95"] <= result["reply_ms_p99"]
    assert result["reply_ms_p50"] <= result["dead_air_ms_p95"]
    assert result["reasons"] == {}
    assert result["seconds"] == told
    assert told
    assert all(0 <= each["on_the_line"] <= 20 for each in told)


async def test_what_went_wrong_is_counted() -> None:
    script = read_script("name: x\nsteps: [{wait: 0.1}, {hang_up: true}]\nexpect: {ended_by: bot}")
    async with household(hello) as house, open_wire() as wire:
        result = await load(script, Bot(house.url, wire), Crowd(3, "burst", 1, 7))
    assert (result["ok"], result["reasons"]) == (0, {"ended_by: expected bot, got caller": 3})


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:7071/api/calls", True),
        ("http://localhost/", True),
        ("https://bot.example/api/calls", False),
        ("https://127.0.0.1.example/", False),
    ],
)
def test_a_crowd_stays_on_this_machine(url: str, local: bool) -> None:
    check_target(url, remote=True)
    if local:
        check_target(url, remote=False)
    else:
        with pytest.raises(ScriptError, match="--remote"):
            check_target(url, remote=False)
