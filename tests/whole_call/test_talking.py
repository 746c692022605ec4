"""Whole calls with media: the platform, the functions and the worker as programs, and the caller's own voice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.whole_call.line import House, a_house, plain

pytestmark = [pytest.mark.stack, pytest.mark.azurite]


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the bot's dialogs write down."""
    return tmp_path_factory.mktemp("talking") / "notes"


@pytest.fixture(scope="module")
def talking(notes: Path) -> Iterator[House]:
    noted = {"TALKING_NOTES": str(notes)}
    logs = notes.parent / "logs"
    with a_house(logs, bot="tests.whole_call.talking:bot", environment=noted, memory=True) as there:
        yield there


def script(directory: Path, *steps: str, expect: str) -> Path:
    path = directory / "script.yaml"
    path.write_text("name: talk\nsteps:\n" + "".join(f"  - {step}\n" for step in steps) + f"expect: {expect}\n")
    return path


def told(notes: Path) -> str:
    return notes.read_text().splitlines()[-1]


def test_the_caller_hears_their_own_voice_and_the_dialog_goes_on(talking: House, notes: Path, tmp_path: Path) -> None:
    calls = script(
        tmp_path,
        "hear: {stream: true}",
        'speak: "One, two, three."',
        "hear: {own_voice: true}",
        'press: "4"',
        "wait: 0.5",
        'press: "#"',
        "wait: 60",
        expect="{ended_by: bot}",
    )
    rung = talking.ring(plain, calls)
    assert rung.code == 0, rung.kind("verdict")
    over = rung.kind("stream")[-1]
    assert (over["handler"], over["reason"], over["problems"]) == ("parrot", "finished", [])
    assert over["lost_s"] == 0.0
    assert told(notes) == "4|parrot|finished||None|"
    # The first message, the outcome of the media answer, and two notifications: the rest went by signals.
    assert len(talking.line.exchanges) == 4


def test_a_handler_that_fails_ends_one_stream_and_its_dialog_is_told(
    talking: House, notes: Path, tmp_path: Path
) -> None:
    calls = script(tmp_path, "hear: {stream: true}", 'press: "0"', "wait: 60", expect="{ended_by: bot}")
    rung = talking.ring(plain, calls)
    assert rung.code == 0, rung.kind("verdict")
    assert told(notes) == "|parrot|failed|the handler failed|None|"


def test_the_caller_hangs_up_in_the_middle(talking: House, tmp_path: Path) -> None:
    calls = script(
        tmp_path, "hear: {stream: true}", 'press: "4"', "wait: 0.3", "hang_up: true", expect="{ended_by: caller}"
    )
    rung = talking.ring(plain, calls)
    assert rung.code == 0, rung.kind("verdict")
    assert rung.kind("stream")[-1]["reason"] == "closed"
