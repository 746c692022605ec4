from simulator.platforms.settings import PlatformSettings
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, of_kind, ring, say, verdict


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
