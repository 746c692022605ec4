"""Placing a call: what the simulator is told, what comes back, and how it is judged."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dialtone.errors import ConfigurationError, DependencyError
from dialtone.ringing import Event, Time, call_id_of, judge, ring, ring_through
from dialtone.stored import Stored, StoredRecording
from simulator.lab import Bot
from simulator.service import Service
from simulator.serving import listening
from simulator.wire import open_wire
from tests.fakes import gone, make_app, noted
from tests.ledgers import BAD, CALL_ID, GOOD
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, running_bot, say

BOT = "http://127.0.0.1:1/api/calls"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_app(tmp_path, GOOD)


@pytest.fixture
async def bot() -> AsyncIterator[FakeBot]:
    async with running_bot() as running:
        yield running


def place(app: Path, time: Time = "virtual", seed: int | None = None) -> Iterator[Event]:
    return ring(BOT, app / "call.yaml", time=time, seed=seed, app_dir=app, logs=app / "logs")


def test_the_ledger_comes_back(app: Path) -> None:
    assert list(place(app)) == GOOD
    assert noted(app, "call")["argv"] == ["call", str(app / "call.yaml"), "--bot", BOT, "--time", "virtual"]
    assert (app / "logs" / "caller.log").read_text() == "a word on the side\n"


def test_time_and_seed_are_passed_on(app: Path) -> None:
    list(place(app, "real", 7))
    assert noted(app, "call")["argv"][4:] == ["--time", "real", "--seed", "7"]


def test_a_failed_call_is_a_result(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_EXIT", "1")
    assert list(place(app)) == GOOD


def test_a_call_that_cannot_be_placed_is_an_error(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_EXIT", "2")
    with pytest.raises(DependencyError, match="the simulator ended with exit code 2") as caught:
        list(place(app))
    assert caught.value.__notes__ == ["a word on the side"]


def test_what_the_simulator_refuses_is_told_in_its_words(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALL_EXIT", "2")
    monkeypatch.setenv(
        "CALL_SAYS", "\nsimulator: metadata at x\nsimulator: a.yaml line 3: steps.0\na.yaml line 4: name"
    )
    with pytest.raises(ConfigurationError, match=r"^[^\n]*: a.yaml line 3: steps.0\.") as refused:
        list(place(app))
    assert (refused.value.message, refused.value.__notes__) == ("a.yaml line 3: steps.0", ["a.yaml line 4: name"])


def test_events_come_as_they_happen_and_closing_ends_the_caller(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDLESS", "1")
    with closing(ring(BOT, app / "call.yaml", time="real", seed=None, app_dir=app, logs=app)) as events:
        assert next(events) == GOOD[0]
    assert gone(noted(app, "call")["pid"])


def test_a_good_call_is_judged_by_what_is_stored_too() -> None:
    recording = StoredRecording("p.wav", "3", "wav", 144_044, "", 4.5, 4.69, None)
    assert judge(GOOD, None).ok
    assert judge(GOOD, Stored(CALL_ID, 4, "", [recording])).ok
    result = judge(GOOD, Stored(CALL_ID, 4, "", []))
    assert result.reasons == ["the recording 3 was not stored"]
    assert result.document()["verdict"] == {"ok": False, "reasons": ["the recording 3 was not stored"]}


def test_a_bad_call_says_why() -> None:
    assert judge(BAD, None).reasons == ["ended_by: expected bot", "heard: expected 'Hi'"]
    assert judge(BAD[:-1], None).reasons == ["the simulator gave no verdict"]


def test_the_id_of_a_call() -> None:
    assert call_id_of(GOOD) == CALL_ID
    assert call_id_of([]) == ""


async def test_a_simulator_that_runs_rings_its_bot(bot: FakeBot, tmp_path: Path) -> None:
    bot.replies = [bot.workflow(ANSWER, say("Hello."), HANGUP)]
    script = tmp_path / "call.yaml"
    script.write_text("name: x\nsteps: [{hear: Hello}]\nexpect: {ended_by: bot}\n")
    async with open_wire() as wire, listening(Service(Bot(f"{bot.url}/call", wire))) as port:
        url = f"http://127.0.0.1:{port}"
        events = await asyncio.to_thread(lambda: list(ring_through(url, script, time="virtual", seed=7)))
        assert (events[0]["seed"], events[-1]["kind"], events[-1]["ok"]) == (7, "verdict", True)
        script.write_text("name: x\n")
        with pytest.raises(ConfigurationError, match="steps: it is missing"):
            await asyncio.to_thread(lambda: list(ring_through(url, script, time="virtual", seed=7)))
    with pytest.raises(DependencyError, match="cannot be reached"):
        list(ring_through(url, script, time="virtual", seed=7))
