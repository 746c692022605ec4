"""A storm over a bot on Teams: keys, their loss and their repetition decide what a caller hears."""

import pytest

from bots import hello, survey, voicemail
from simulator.script import read_script
from tests.functions.storms import stood
from tests.functions.teams_rig import bot_on_teams

WEATHER = ("duplicate=2", "reorder=1", "delay=3", "drop=1", "drop_reply=1", "lost_caller")

SHORT = """\
name: Save a message
steps:
  - hear: {prompt: beep}
    pause: 0.25
  - speak: Hello.
  - press: "#"
  - hear: "press 3"
  - press: "3"
expect: {ended_by: bot, recordings: 1, heard: [saved]}
"""


async def test_a_voicemail_box_stands_every_fault_at_every_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the loss of the key that ends the recording: it comes when the menu is asked, and is no answer to it."""
    async with bot_on_teams(voicemail.bot, monkeypatch) as rig:
        assert await stood(rig.bot, SHORT, WEATHER) > 8


async def test_a_text_that_a_crash_kept_back_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def before(name: str, _: bytes) -> None:
        if name == "teams_spoken":
            asked.append(name)
            if len(asked) == 1:
                raise ConnectionResetError

    async with bot_on_teams(hello.bot, monkeypatch) as rig:
        rig.before = before
        report = await rig.ring("  - hear: Watson\n")
    assert len(asked) == 2
    assert report.ok


TYPED = """\
name: Type a number
steps:
  - hear: six digits
    pause: 0.5
  - press: "654321"
  - hear: You typed 6 5 4 3 2 1
"""


async def test_a_key_that_is_told_as_late_as_the_time_between_two_keys_is_still_one_of_its_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bot_on_teams(survey.bot, monkeypatch) as rig:
        calm = await rig.ring(read_script(TYPED))
        requests = [event for event in calm.events if event["kind"] == "http.request"]
        tones = [number for number, event in enumerate(requests) if "toneInfo" in str(event["json"])]
        delayed = read_script(f"{TYPED}faults:\n  - {{delay: {survey.bot.defaults.interdigit}, at: {tones[-1]}}}\n")
        late = await rig.bot.ring(delayed, 8)
    assert (calm.reasons, late.reasons) == ([], [])
    # Without this one the bot knows of no call, and a storm does not ask it to end one.
    assert requests[rig.bot.platform.requests_to_ring - 1]["json"]["value"][0]["resourceData"]["state"] == "incoming"
    assert any(event["kind"] == "fault" for event in late.events)
