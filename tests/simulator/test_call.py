import asyncio
from typing import Any

import pytest

from simulator import speech
from simulator.call import place_call
from simulator.clock import RealClock, VirtualClock
from simulator.ledger import to_line
from simulator.script import read_script
from simulator.wire import open_wire
from tests.simulator.fake_bot import ANSWER, HANGUP, REJECT, FakeBot, Json, choose, digits, of_kind, record, ring, say

SCRIPT = """\
name: everything
steps:
  - hear: Which
    barge_in: true
  - speak: a message, please
  - hear: tone
  - speak: Hello, this is Nora.
  - press: "#"
  - hear: code
  - press: "123"
  - hear: Goodbye
expect: {ended_by: bot, recordings: 1, turns: 4}
"""


def reception(conversations: dict[str, int]) -> Any:
    """A bot for any number of calls at once: the reply depends on the call's own turn."""

    def reply(message: Json) -> Any:
        turn = conversations[message["id"]] = conversations.get(message["id"], 0) + 1
        turns: list[list[Json]] = [
            [ANSWER, say("Welcome."), choose("Which department would you like to speak to?")],
            [record("After the tone.", stopTones=["#"], recordingFormat="mp3")],
            [digits("Your code?", most=3)],
            [say("Goodbye."), HANGUP],
        ]
        return turns[turn - 1] if turn <= 4 else None

    return reply


def ledger(events: list[dict[str, Any]]) -> str:
    return "".join(map(to_line, events))


def running() -> bool:
    """Whether some participant of a call still runs."""
    names = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    return bool(names & {"SkypeCall.run", "ScriptedCaller.run", "VirtualClock.start.<locals>.participate"})


async def test_the_same_seed_gives_the_same_ledger(bot: FakeBot) -> None:
    steps = SCRIPT.split("steps:\n")[1]
    runs = []
    for seed in (1, 1, 2):
        bot.replies = [reception({})] * 5
        report = await ring(bot, steps, seed=seed)
        assert report.ok
        runs.append(ledger(report.events))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


async def test_many_calls_share_one_clock(bot: FakeBot) -> None:
    bot.replies = [reception({})] * 200
    script = read_script(SCRIPT)
    clock = VirtualClock()
    async with open_wire() as wire:
        calls = [place_call(script, f"{bot.url}/call", clock=clock, wire=wire, seed=seed) for seed in range(20)]
        reports = await asyncio.gather(*calls)
        bot.replies = [reception({})] * 5
        alone = await place_call(script, f"{bot.url}/call", clock=VirtualClock(), wire=wire, seed=7)
    assert all(report.ok for report in reports)
    assert len({of_kind(report, "call.started")[0]["call_id"] for report in reports}) == 20
    assert ledger(reports[7].events) == ledger(alone.events)


async def test_a_seed_is_made_up_and_told(bot: FakeBot) -> None:
    bot.replies = [reception({})] * 5
    script = read_script("name: x\nsteps: [{hear: welcome}, {hang_up: true}]")
    async with open_wire() as wire:
        first = await place_call(script, f"{bot.url}/call", clock=VirtualClock(), wire=wire)
        seed = of_kind(first, "call.started")[0]["seed"]
        bot.replies = [reception({})] * 5
        again = await place_call(script, f"{bot.url}/call", clock=VirtualClock(), wire=wire, seed=seed)
    assert ledger(first.events) == ledger(again.events)


async def test_a_call_in_real_time(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, choose("Press 1.")], [HANGUP]]
    script = read_script('name: x\nsteps: [{hear: press, pause: 0.1}, {press: "1"}]\nexpect: {ended_by: bot}')
    clock = RealClock()
    async with open_wire() as wire:
        report = await place_call(script, f"{bot.url}/call", clock=clock, wire=wire)
    assert report.ok
    assert bot.outcomes[0]["choiceOutcome"]["choiceName"] == "sales"
    (heard,) = of_kind(report, "heard")
    assert heard["seconds"] >= 0.5
    assert of_kind(report, "pressed")[0]["t"] >= heard["t"] + 0.1
    assert clock.now() >= heard["seconds"] + 0.1
    assert all(event["ms"] > 0 for event in of_kind(report, "http.reply"))
    assert of_kind(report, "http.request")[1]["url"] == f"{bot.url}/call"


async def test_a_call_that_cannot_be_made_leaves_nothing_behind(bot: FakeBot, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(text: str, voice: str) -> bytes:
        raise speech.SpeechUnavailable(f"{text} in {voice}")

    monkeypatch.setattr(speech, "synthesize", fail)
    bot.replies = [[ANSWER, say("Hello.")]]
    with pytest.raises(speech.SpeechUnavailable):
        await ring(bot, "  - hear: nothing")
    assert not running()


async def test_a_call_that_is_cancelled_leaves_nothing_behind(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, say("A long story that nobody wants to hear to its end.")]]
    script = read_script("name: x\nsteps: [{hear: story}]")
    async with open_wire() as wire:
        call = asyncio.create_task(place_call(script, f"{bot.url}/call", clock=RealClock(), wire=wire))
        while not bot.requests:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert not running()


async def test_each_call_may_be_a_new_callers(bot: FakeBot) -> None:
    callers = []
    for seed in (7, 8):
        bot.replies = [[REJECT]]
        script = read_script('name: x\ncaller: {identity: "8:nora.{seed}"}\nsteps: [{wait: 1}]')
        async with open_wire() as wire:
            report = await place_call(script, f"{bot.url}/call", clock=VirtualClock(), wire=wire, seed=seed)
        callers += [of_kind(report, "call.started")[0]["caller"], bot.requests[-2].json["participants"][0]["identity"]]
    assert callers == ["8:nora.7", "8:nora.7", "8:nora.8", "8:nora.8"]
