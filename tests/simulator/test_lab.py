"""Many calls of one script, each with a seed of its own."""

from pathlib import Path

import pytest

from bots.reception import bot as reception
from simulator.faults import parse_fault
from simulator.lab import Bot, Placed, percentile, place_calls
from simulator.ledger import to_line
from simulator.script import Script, ScriptError, read_script, read_script_file
from simulator.wire import open_wire
from tests.simulator.household import household

SCRIPTS = Path(__file__).parents[2] / "simulator" / "scripts"


@pytest.fixture
def script() -> Script:
    return read_script_file(SCRIPTS / "reception" / "leave-a-message.yaml")


async def ledgers(script: Script, times: int, jobs: int = 8, seed: int = 7) -> dict[int, str]:
    """The ledger of each call to a new reception, by its seed."""
    found: dict[int, str] = {}

    def done(placed: Placed) -> None:
        assert placed.seed == seed + placed.number
        found[placed.seed] = "".join(map(to_line, placed.report.events))

    async with household(reception) as house, open_wire() as wire:
        bot = Bot(house.url, wire, house=house)
        summary = await place_calls(script, bot, times=times, seed=seed, jobs=jobs, done=done)
    assert (summary.calls, summary.ok, summary.requests) == (times, times, 4 * times)
    assert len(summary.replied_in) == 4 * times
    return found


async def test_the_same_seed_gives_the_same_bytes_in_a_crowd_alone_and_elsewhere(script: Script) -> None:
    crowd = await ledgers(script, 20)
    assert len(set(crowd.values())) == 20
    assert await ledgers(script, 20, jobs=3) == crowd
    assert await ledgers(script, 1, seed=19) == {19: crowd[19]}


async def test_calls_whose_host_is_killed_are_made_one_after_the_other(script: Script) -> None:
    script = script.model_copy(update={"faults": (parse_fault("kill=after@1"),)})
    found: list[int] = []
    async with household(reception) as house, open_wire() as wire:
        bot = Bot(house.url, wire, house=house)
        summary = await place_calls(
            script, bot, times=3, seed=1, jobs=3, done=lambda placed: found.append(placed.number)
        )
    assert (summary.ok, house.kills, found) == (3, 3, [0, 1, 2])


async def test_a_call_that_fails_says_why() -> None:
    placed: list[Placed] = []
    async with household(reception) as house, open_wire() as wire:
        script = read_script("name: x\nsteps: [{hear: nothing of the kind}]")
        summary = await place_calls(script, Bot(house.url, wire), times=2, seed=1, jobs=1, done=placed.append)
        faulty = script.model_copy(update={"faults": (parse_fault("kill=after@1"),)})
        with pytest.raises(ScriptError, match="whoever runs"):
            await place_calls(faulty, Bot(house.url, wire), times=2, seed=1)
    assert summary.document() | {"ok": 0, "calls": 2, "kind": "calls"} == summary.document()
    document = placed[1].document()
    assert (document["seed"], document["ok"], document["turns"]) == (2, False, 4)
    assert document["reasons"][0].startswith("step 1 (hear: nothing of the kind) waited")


@pytest.mark.parametrize(
    ("values", "per_cent", "result"),
    [([], 50, None), ([3.0], 99, 3.0), ([3.0, 1.0, 2.0], 50, 2.0), ([float(n) for n in range(100)], 95, 94.0)],
)
def test_percentiles(values: list[float], per_cent: float, result: float | None) -> None:
    assert percentile(values, per_cent) == result
