"""A storm over the sample bots, and over a bot whose guards are taken away."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bots.reception import bot as reception
from dialtone import Call, CallBot
from dialtone.loading import load_bot
from dialtone.protocol import CallStateChange, RosterUpdate
from dialtone.scripts import sample_bots, scripts_of
from dialtone.storage import CallRecord
from functions.turn import Turns
from simulator.call import CallReport
from simulator.faults import FAULTS
from simulator.lab import Bot
from simulator.script import Script, read_script, read_script_file
from simulator.storm import WEATHER, Cell, Storm, faults_of, story
from simulator.wire import open_wire
from tests.guarantees.test_guards import answer_as_if_the_turn_were_won, insert_over_what_is_there
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, Json, say
from tests.simulator.household import Household, household

SCRIPTS = Path(__file__).parents[2] / "simulator" / "scripts"
HELLO = "name: Hello\nsteps: [{hear: Watson}]\nexpect: {ended_by: bot}\n"
LONG = """\
name: Leave a message after a while
steps:
  - hear: Welcome
  - hear: press 2
  - wait: 0.5
  - press: "2"
  - hear: after the tone
  - speak: Hello.
  - press: "#"
  - hear: saved
expect: {ended_by: bot, recordings: 1}
"""
SEED = 7
SAMPLES = sample_bots()
EVERY = 7
"""Of the sample bots' storm each so many-th call is made here; a prime, so that each fault comes at many gaps."""


def sweep_nothing(patch: pytest.MonkeyPatch) -> None:
    """The sweeper leaves every call open."""

    async def leave(self: Turns, record: CallRecord) -> bool:
        return False

    patch.setattr(Turns, "lost", leave)


@pytest.fixture
async def house() -> AsyncIterator[Household]:
    async with household(reception) as running:
        yield running


async def blow(house: Household, *scripts: str, weather: tuple[str, ...] = WEATHER) -> list[Cell]:
    async with open_wire() as wire:
        storm = Storm(Bot(house.url, wire, house=house), SEED, weather)
        cells = [cell async for cell in storm.blow([read_script(text) for text in scripts])]
        assert storm.calls >= len(cells)
    return cells


def test_a_storm_has_every_fault() -> None:
    assert {text.partition("=")[0] for text in WEATHER} == set(FAULTS)


async def test_the_reception_stands_every_fault_at_every_gap(house: Household) -> None:
    cells = await blow(house, (SCRIPTS / "reception" / "leave-a-message.yaml").read_text())
    assert {(str(cell.fault), *cell.reasons) for cell in cells if cell.reasons} == set()
    requests = {cell.fault.at for cell in cells if cell.fault is not None}
    weather = [text for text in WEATHER if text.partition("=")[0] not in ("bad_token", "skew")]
    assert requests == set(range(len(requests)))
    assert len(cells) == len(requests) * len(weather), "a calm one, and no callback that is the first request"
    assert house.kills == 2 * len(requests)
    assert house.outages == len(requests)
    assert house.sweeps == len(requests) - 1
    assert house.statuses.count(503) == len(requests)


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=SAMPLES)
async def test_all_sample_bots_stand_a_part_of_the_storm(number: int) -> None:
    """`dialtone storm --samples` makes all of it, with tokens and real storage."""
    scripts = [read_script_file(path) for path in scripts_of(SAMPLES[number])]
    async with household(load_bot(SAMPLES[number])) as house, open_wire() as wire:
        storm = Storm(Bot(house.url, wire, house=house), SEED, every=EVERY)
        cells = [cell async for cell in storm.blow(scripts)]
    assert [(str(cell.fault), *cell.reasons) for cell in cells if cell.reasons] == []
    assert {cell.script for cell in cells if cell.fault is None} == {script.name for script in scripts}
    assert len(cells) > len(scripts)


async def test_only_each_so_many_th_call_has_a_fault(house: Household) -> None:
    script = read_script_file(SCRIPTS / "reception" / "say-sales.yaml")
    made = []
    async with open_wire() as wire:
        for every in (1, 5):
            storm = Storm(Bot(house.url, wire, house=house), SEED, every=every)
            made.append([str(cell.fault) async for cell in storm.blow([script])][1:])
    assert made[1] == made[0][::5]


@pytest.mark.parametrize(
    ("remove", "fault"),
    [
        (answer_as_if_the_turn_were_won, "duplicate=2"),
        (answer_as_if_the_turn_were_won, "drop_reply=1"),
        (insert_over_what_is_there, "kill=after"),
        (sweep_nothing, "no_callback"),
    ],
)
async def test_without_a_guard_a_smallest_script_shows_it_again(
    house: Household, remove: Callable[[pytest.MonkeyPatch], None], fault: str
) -> None:
    told = "NOT_SWEPT" if fault == "no_callback" else "REPLY_DIFFERS"
    with pytest.MonkeyPatch.context() as patch:
        remove(patch)
        cells = await blow(house, LONG, weather=(fault,))
        red = [cell for cell in cells if cell.reasons]
        assert cells[0].reasons == []
        assert red
        for cell in red:
            again = await ring(cell.smallest, cell.seed)
            assert told in again[-1], cell
        first = read_script(red[0].smallest)
        assert len(first.steps) == 1
        assert first.faults == (red[0].fault,)
        assert first.name == "Leave a message after a while"
    for cell in red:
        # What a script that is cut short no longer reaches is no fault of the bot.
        assert [reason for reason in await ring(cell.smallest, cell.seed) if told in reason] == []


async def ring(script: str, seed: int) -> list[str]:
    """Why a call to a new reception failed."""
    async with household(reception) as house, open_wire() as wire:
        return (await Bot(house.url, wire, house=house).ring(read_script(script), seed)).reasons


async def test_a_bot_that_is_notified_stands_it_too() -> None:
    told: list[str] = []
    bot = CallBot()

    @bot.incoming
    async def greet(call: Call) -> None:
        call.say("Watson, come here.")

    @bot.on_notification
    async def note(notification: CallStateChange | RosterUpdate) -> None:
        told.append(notification.type)

    async with household(bot) as house:
        cells = await blow(house, HELLO.replace("steps", 'others: ["8:omar"]\nsteps'))
    assert [(str(cell.fault), *cell.reasons) for cell in cells if cell.reasons] == []
    assert max(cell.fault.at for cell in cells if cell.fault is not None) == 4
    assert {"callStateChange", "rosterUpdate"} == set(told)


async def test_a_call_that_fails_in_calm_is_no_ground_for_a_storm(house: Household) -> None:
    cells = await blow(house, HELLO.replace("Watson", "nothing of the kind"), HELLO.replace("Watson", "welcome"))
    assert [(cell.fault, bool(cell.reasons)) for cell in cells[:2]] == [(None, True), (None, False)]
    document = cells[0].document()
    assert (document["fault"], document["request"], document["ok"], document["smallest"]) == (None, None, False, "")


async def test_a_bot_that_tells_another_story_is_seen(bot: FakeBot) -> None:
    """It keeps its replies, and says something else when it was asked twice."""
    kept: dict[str, Json] = {}

    def reply(_: Json) -> Json | None:
        message = bot.last.headers["X-Microsoft-Skype-Message-ID"]
        turn = len(kept)
        if message not in kept:
            twice = len(bot.requests) > turn + 1
            turns = [[ANSWER, say("Hello.")], [say("Hello again." if twice else "Well.")], [HANGUP]]
            kept[message] = bot.workflow(*turns[turn]) if turn < len(turns) else {}
        return kept[message] or None

    reasons = {}
    async with open_wire() as wire:
        ringer = Bot(f"{bot.url}/call", wire)
        script = read_script("name: x\nsteps: [{hear: Hello}]\nexpect: {ended_by: bot}")
        for fault in ("delay=1", "duplicate=1"):
            bot.requests.clear()
            bot.replies = [reply] * 100
            calm = await _fresh(bot, kept, ringer, script)
            plan = read_script(f"name: x\nfaults: [{{{fault.replace('=', ': ')}, at: 0}}]\nsteps: [{{hear: Hello}}]")
            reasons[fault] = faults_of(await _fresh(bot, kept, ringer, plan), calm)
    assert reasons["delay=1"] == []
    assert reasons["duplicate=1"] == [
        "event 2 of the call was kind heard text Well. cut False in calm, and now kind heard text Hello again. "
        "cut False"
    ]


async def _fresh(bot: FakeBot, kept: dict[str, Json], ringer: Bot, script: Script) -> CallReport:
    kept.clear()
    bot.requests.clear()
    return await ringer.ring(script, SEED)


async def test_a_story_has_no_times(house: Household) -> None:
    async with open_wire() as wire:
        script = read_script_file(SCRIPTS / "reception" / "leave-a-message.yaml")
        report = await Bot(house.url, wire).ring(script, SEED)
    told = story(report.events)
    assert {event["kind"] for event in told} == {
        "heard",
        "pressed",
        "recognized",
        "beep",
        "spoke",
        "recorded",
        "hung_up",
    }
    assert not any({"t", "start", "seconds"} & event.keys() for event in told)
