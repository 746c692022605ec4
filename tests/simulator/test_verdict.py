import time

import pytest

from simulator.call import place_call
from simulator.clock import RealClock
from simulator.platforms.settings import PlatformSettings
from simulator.script import read_script
from simulator.wire import open_wire
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, Json, digits, of_kind, record, ring, say, verdict


async def test_a_prompt_that_never_came_is_told_with_both_sides_and_times(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, {**say("Hello."), "prompts": [{"silenceLengthInMilliseconds": 1000}]}, HANGUP]]
    report = await ring(bot, "  - wait: 0.5\n  - hear: press")
    (expectation,) = of_kind(report, "expectation")
    assert expectation["ok"] is False
    assert (expectation["what"], expectation["want"]) == ("steps.1", "hear: press")
    assert expectation["got"] == ["0.0 s 1000 ms of silence"]
    assert verdict(report) == [
        "step 2 (hear: press) waited from 0.5 s to the end; heard: 0.0 s 1000 ms of silence",
    ]


async def test_a_caller_who_heard_nothing(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, HANGUP]]
    report = await ring(bot, "  - hear: /press [0-9]/\n    barge_in: true")
    assert verdict(report) == [
        "step 1 (hear: /press [0-9]/ barge_in: True) waited from 0.0 s to the end; heard: nothing",
    ]


async def test_expectations_that_are_met(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, say("Welcome to Contoso.", "Goodbye.")], [HANGUP]]
    expect = '{ended_by: bot, recordings: 0, turns: 2, heard: ["goodbye", "/^welcome/"]}'
    report = await ring(bot, f"  - hear: welcome\nexpect: {expect}")
    assert [(event["what"], event["ok"]) for event in of_kind(report, "expectation")] == [
        ("ended_by", True),
        ("recordings", True),
        ("turns", True),
        ("heard", True),
        ("heard", True),
    ]
    assert verdict(report) == []


async def test_expectations_that_are_not_met(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, say("Welcome.")], [HANGUP]]
    expect = '{ended_by: caller, recordings: 1, turns: 3, heard: [sales], transferred_to: "8:sales"}'
    report = await ring(bot, f"  - hear: welcome\nexpect: {expect}")
    assert verdict(report) == [
        "ended_by: expected caller, got bot",
        "recordings: expected 1, got 0",
        "turns: expected 3, got 2",
        "transferred_to: expected 8:sales, got None",
        "heard: expected 'sales', got 'Welcome.'",
    ]


async def test_what_the_bot_did_wrong_fails_the_call(bot: FakeBot) -> None:
    bot.replies = [[say("Hello.")], [ANSWER, HANGUP]]
    report = await ring(bot, "  - wait: 1\nexpect: {ended_by: bot}")
    assert verdict(report) == [
        "the bot broke the contract at 0.0 s: FIRST_ACTION actions.0: the first workflow of a call begins with "
        "playPrompt"
    ]


async def test_a_call_that_the_platform_is_expected_to_end(bot: FakeBot) -> None:
    bot.replies = [[ANSWER]]
    settings = PlatformSettings(idle_timeout_s=2)
    assert (await ring(bot, "  - wait: 1\nexpect: {ended_by: platform}", settings)).ok


SPOKEN = '  - hear: Which\n  - press: "12"\n  - hear: Speak\n  - speak: Hello there.\n'


async def transcript_of(bot: FakeBot, wanted: str) -> list[str]:
    bot.replies = [[ANSWER, digits("Which?", most=2)], [record("Speak.", stopTones=["#"])], [say("Bye."), HANGUP]]
    return verdict(await ring(bot, f"{SPOKEN}expect: {{transcript: [{wanted}]}}"))


@pytest.mark.parametrize(
    "wanted",
    [
        '{bot: Which}, {caller: "12"}, {bot: Speak}, {caller: hello}, {bot: Bye}',
        '{bot: Which}, {bot: "/^bye/"}',
        '{caller: "12"}',
    ],
)
async def test_a_transcript_that_is_as_expected(bot: FakeBot, wanted: str) -> None:
    assert await transcript_of(bot, wanted) == []


async def test_a_transcript_that_is_not_is_told_from_where_it_differs(bot: FakeBot) -> None:
    (reason,) = await transcript_of(bot, '{bot: Which}, {caller: "1"}, {bot: Which}')
    assert reason.startswith("transcript line 3 (bot: Which) did not come; from there on: ")
    assert "s bot: Speak., " in reason
    assert "s caller: Hello there., " in reason
    assert "Which?" not in reason
    (reason,) = await transcript_of(bot, '{bot: Bye}, {caller: "12"}')
    assert reason == "transcript line 2 (caller: 12) did not come; from there on: nothing"


async def test_dead_air_counts_the_attempts(bot: FakeBot) -> None:
    for most, reasons in ((2.5, []), (1.5, ["dead_air: expected at most 1.5 s, got 2.0 s"])):
        bot.replies = [[ANSWER], 500, 503, [HANGUP]]
        report = await ring(bot, f"  - wait: 1\nexpect: {{dead_air: {most}}}")
        assert verdict(report) == reasons
    bot.replies = [[ANSWER], [HANGUP]]
    (reason,) = verdict(await ring(bot, "  - wait: 1\nexpect: {dead_air: 0.000001}"))
    assert reason.startswith("dead_air: expected at most 1e-06 s, got ")


async def test_a_message_that_the_script_sends(bot: FakeBot) -> None:
    odd = '  - hear: Hello\n  - send: {id: "{call}", odd: true}\n'
    for status, reasons in ((None, []), (400, ["step 2 (send to callback): expected status 400, got 200"])):
        bot.replies = [[ANSWER, say("Hello.")], [say("And so on, for quite a while.")], None, [HANGUP]]
        report = await ring(bot, odd + ("" if status is None else f"    status: {status}\n"))
        assert verdict(report) == reasons
        sent = next(request for request in bot.requests[-5:] if "odd" in request.json)
        assert sent.json == {"id": of_kind(report, "call.started")[0]["call_id"], "odd": True}
    bot.replies = [[ANSWER, say("Hello.")], [say("And so on, for quite a while.")], 400, [HANGUP]]
    report = await ring(bot, '  - hear: Hello\n  - send: "{}"\n    to: bot\n    status: 400')
    assert verdict(report) == []


async def test_dead_air_in_real_time_is_counted_once(bot: FakeBot) -> None:
    def late(_: object) -> list[Json]:
        time.sleep(0.5)
        return [HANGUP]

    bot.replies = [[ANSWER], late]
    script = read_script("name: x\nsteps: [{wait: 0.1}]\nexpect: {dead_air: 60}")
    async with open_wire() as wire:
        report = await place_call(script, f"{bot.url}/call", clock=RealClock(), wire=wire)
    assert 0.5 <= max(report.replied_in) <= max(report.waited) < 2 * max(report.replied_in)
    assert verdict(report) == []
