"""The `dialtone` command, run as a program: what it prints, its exit codes, and that it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dialtone import __version__
from simulator.audio import encode
from tests.azurite import find_azurite
from tests.fakes import COMMAND, ROOT, environment, gone, make_app, noted
from tests.gate import uploads
from tests.ledgers import BAD, GOOD
from tests.sounds import pcm

BOT = ("--bot", "http://127.0.0.1:1/api/calls")
PROGRAMS = ("azurite", "devhost", "media_worker")
SECONDS = 60


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_app(tmp_path, GOOD)


def dialtone(
    folder: Path, *arguments: str, command: Sequence[str] = COMMAND, **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def started(folder: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command, running; its output is in `out` and `err`. It is killed at the end if it still runs."""
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=folder, env=environment(**settings), stdout=out, stderr=err
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_noted(folder: Path, name: str) -> Callable[[], bool]:
    path = folder / f"{name}.json"
    return lambda: path.exists() and path.read_text().endswith("}")


def all_gone(folder: Path, *names: str) -> bool:
    return all(gone(noted(folder, name)["pid"]) for name in names)


def test_a_call_is_shown_and_ends_with_its_verdict(app: Path) -> None:
    done = dialtone(app, "call", "call.yaml", *BOT, "--html", "call.html")
    assert done.returncode == 0, done.stderr
    assert "Welcome to Contoso." in (app / "call.html").read_text()
    lines = done.stdout.splitlines()
    assert lines[1] == '00:00.0  bot       "Welcome to Contoso."'
    assert lines[-1].startswith("PASS: ")
    assert "\x1b" not in done.stdout


def test_json_is_one_document_and_nothing_else(app: Path) -> None:
    done = dialtone(app, "call", "call.yaml", *BOT, "--json", "--seed", "7", "--time", "real")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"verdict": {"ok": True, "reasons": []}, "ledger": GOOD, "stored": None}
    assert noted(app, "call")["argv"][4:] == ["--time", "real", "--seed", "7"]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_call_that_does_not_end_as_expected(tmp_path: Path, form: list[str]) -> None:
    done = dialtone(make_app(tmp_path, BAD), "call", "call.yaml", *BOT, *form, CALL_EXIT="1")
    assert done.returncode == 1
    if form:
        assert json.loads(done.stdout)["verdict"] == {"ok": False, "reasons": BAD[-1]["reasons"]}
    else:
        assert done.stdout.splitlines()[-1] == f"FAIL: {'; '.join(BAD[-1]['reasons'])}"


def test_a_call_that_cannot_be_placed_is_explained(app: Path) -> None:
    done = dialtone(app, "call", "call.yaml", *BOT, CALL_EXIT="2")
    assert done.returncode == 2
    *said, fix = done.stderr.splitlines()
    assert said == ["problem: the simulator ended with exit code 2 [the simulator]", "  cause: a word on the side"]
    named = re.fullmatch(r"    fix: read its log, (\.dialtone/logs/call/\S+/caller\.log)", fix)
    assert named
    last = app / ".dialtone" / "logs" / "call" / "last" / "caller.log"
    assert last.samefile(app / named[1])
    assert last.read_text() == "a word on the side\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["call", "absent.yaml"], "there is no script absent.yaml"),
        (["call", "--time", "slow"], "--time"),
        (["call", "--times", "2", "--html", "x.html"], "a page shows one call"),
        (["call", "--html", "/dev/null/x.html"], "/dev/null/x.html cannot be written"),
        (["load", "--html", "/dev/null/x.html"], "[--html]"),
        (["timeline", "c", "--html", "/dev/null/x.html"], "[--html]"),
        (["call", "--client-key", __file__], "name its --client-cert too"),
        (["call", "--tls-ca", "absent.pem"], "absent.pem"),
        (["call", "--bot-module", "bots.absent:bot"], "there is no module bots.absent"),
        (["prompts", "list"], "there is no storage to work on"),
        (["prompts", "push", "absent.wav"], "absent.wav"),
        (["dial"], "dial"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = dialtone(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_a_stack_that_cannot_start_is_explained(app: Path) -> None:
    done = dialtone(app, "call", "call.yaml", DIALTONE_HOST="devhost", BROKEN="media_worker")
    assert done.returncode == 2
    assert "problem: worker ended with exit code 1 before it was ready [worker]" in done.stderr
    assert "  cause: media_worker is broken" in done.stderr
    assert all_gone(app, "azurite")


def test_version(tmp_path: Path) -> None:
    done = dialtone(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (0, f"dialtone {__version__}\n")


def test_a_missing_extra_is_one_line(tmp_path: Path) -> None:
    without = [sys.executable, "-c", f"import sys; sys.modules['typer'] = None; {COMMAND[-1]}"]
    done = dialtone(tmp_path, "call", command=without)
    assert done.returncode == 2
    assert done.stderr == 'dialtone: typer is not installed; run: pip install "dialtone[local]"\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_call_that_is_interrupted_leaves_nothing(app: Path, number: signal.Signals) -> None:
    with started(app, "call", "call.yaml", DIALTONE_HOST="devhost", ENDLESS="1") as process:
        wait_for(is_noted(app, "call"))
        process.send_signal(number)
        assert process.wait(SECONDS) == 128 + number
    assert all_gone(app, *PROGRAMS, "call")


def test_a_start_that_is_interrupted_leaves_nothing(app: Path) -> None:
    with started(app, "run", DIALTONE_HOST="devhost", SLOW="1") as process:
        # They start at the same time; one that has not begun to run has nothing to leave.
        for name in PROGRAMS:
            wait_for(is_noted(app, name))
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert all_gone(app, *PROGRAMS)
    assert not (app / ".dialtone" / "stack.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_stays_up_until_it_is_told_to_stop(app: Path, number: signal.Signals) -> None:
    with started(app, "run", "--no-demo", "--bot-module", "bots.hello:bot", DIALTONE_HOST="devhost") as process:
        wait_for(lambda: "prompts push" in (app / "out").read_text())
        running = json.loads((app / ".dialtone" / "stack.json").read_text())
        assert running["pid"] == process.pid
        for name in ("functions", "worker", "simulator"):
            assert running[name] in (app / "out").read_text()
        assert noted(app, "devhost")["environment"]["DIALTONE_BOT"] == "bots.hello:bot"
        second = dialtone(app, "run")
        assert second.returncode == 2
        assert "already running" in second.stderr
        process.send_signal(number)
        assert process.wait(SECONDS) == 0
    assert all_gone(app, *PROGRAMS, "simulator")
    assert not (app / ".dialtone" / "stack.json").exists()


def test_run_ends_when_a_program_dies(app: Path) -> None:
    with started(app, "run", "--no-demo", DIALTONE_HOST="devhost") as process:
        wait_for((app / ".dialtone" / "stack.json").exists)
        os.kill(noted(app, "devhost")["pid"], signal.SIGKILL)
        assert process.wait(SECONDS) == 2
    assert "problem: functions was ended by SIGKILL" in (app / "err").read_text()
    assert all_gone(app, *PROGRAMS, "simulator")


def test_nothing_is_left_when_the_command_is_killed(app: Path) -> None:
    with started(app, "run", "--no-demo", DIALTONE_HOST="devhost") as process:
        wait_for((app / ".dialtone" / "stack.json").exists)
        process.kill()
    assert all_gone(app, *PROGRAMS, "simulator")


@pytest.mark.azurite
def test_prompts_are_pushed_and_listed(tmp_path: Path, azurite_connection: str) -> None:
    (tmp_path / "welcome.en-US.txt").write_text("Good morning.")
    (tmp_path / "bad name.txt").write_text("Good morning.")
    storage = {"DIALTONE_STORAGE": azurite_connection}
    pushed = dialtone(tmp_path, "prompts", "push", "welcome.en-US.txt", **storage)
    assert (pushed.returncode, pushed.stdout) == (
        0,
        "prompts/welcome.en-us.txt  text: Good morning.\n",
    ), pushed.stderr
    listed = dialtone(tmp_path, "prompts", "list", "--json", **storage)
    (prompt,) = json.loads(listed.stdout)["prompts"]
    assert (prompt["slot"], prompt["playing"]["text"]) == ("welcome.en-us", "Good morning.")
    told = dialtone(tmp_path, "prompts", "list", "--bot", "bots.reception:bot", **storage)
    assert "plays    welcome.en-us: text: Good morning.\n" in told.stdout
    assert "text     main-menu: not uploaded, the bot's own text is spoken\n" in told.stdout
    refused = dialtone(tmp_path, "prompts", "push", "bad name.txt", **storage)
    assert refused.returncode == 1
    assert "problem: bad name.txt: 'bad name.txt' is not the name of a prompt\n    fix: use" in refused.stderr


@pytest.mark.azurite
def test_prompts_are_converted_and_brought_back(tmp_path: Path, azurite_connection: str) -> None:
    (tmp_path / "menu.mp3").write_bytes(encode(pcm(), "mp3"))
    (tmp_path / "menu.txt").write_text("Press 1.")
    (tmp_path / "loud.wav").write_bytes(uploads.BAD["clipped"][1])
    storage = {"DIALTONE_STORAGE": azurite_connection}
    checked = dialtone(tmp_path, "prompts", "check", "menu.mp3", "loud.wav")
    assert (checked.returncode, checked.stdout.count("fine ")) == (1, 1)
    assert "fix: record it again with less gain" in checked.stderr
    assert dialtone(tmp_path, "prompts", "push", "menu.mp3", **storage).stdout.startswith(
        "prompts/menu.wav  sound, 1.0"
    )
    assert dialtone(tmp_path, "prompts", "push", "menu.txt", **storage).returncode == 0
    listed = dialtone(tmp_path, "prompts", "versions", "menu", "--json", **storage)
    newest, oldest = json.loads(listed.stdout)
    assert (newest["text"], oldest["file"]) == ("Press 1.", "menu.mp3")
    back = dialtone(tmp_path, "prompts", "rollback", "menu", oldest["id"], **storage)
    assert back.stdout.startswith("menu  sound"), back.stderr
    assert dialtone(tmp_path, "prompts", "remove", "menu", **storage).stdout == "menu is removed\n"


@pytest.fixture
def real_app(tmp_path: Path) -> Path:
    """The project's own application, in a folder where it leaves nothing of an author's in the way."""
    for name in ("function_app.py", "host.json", "functions", "bots"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.mark.stack
@pytest.mark.azurite
def test_a_real_call_leaves_a_message(real_app: Path) -> None:
    done = dialtone(real_app, "call", "--json", AZURITE_BIN=str(find_azurite()), DIALTONE_HOST="devhost")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"] == {"ok": True, "reasons": []}
    (recorded,) = [event for event in document["ledger"] if event["kind"] == "recorded"]
    (stored,) = document["stored"]["recordings"]
    assert document["stored"]["turns"] >= 3
    assert abs(stored["length"] - recorded["seconds"]) <= 0.2
    assert stored["level"] > -40
    spoken = [event["text"] for event in document["ledger"] if event["kind"] == "spoke"]
    logs = "".join(log.read_text() for log in (real_app / ".dialtone" / "logs").rglob("*.log"))
    assert spoken
    assert not any(text in logs for text in spoken)


@pytest.mark.stack
@pytest.mark.azurite
def test_a_real_stack_takes_calls_and_prompts(real_app: Path) -> None:
    (real_app / "welcome.txt").write_text("Welcome to Contoso. Good morning.")
    with started(real_app, "run", "--no-demo", AZURITE_BIN=str(find_azurite()), DIALTONE_HOST="devhost") as process:
        wait_for(lambda: process.poll() is not None or (real_app / ".dialtone" / "stack.json").exists())
        assert process.poll() is None, (real_app / "err").read_text()
        calls = json.loads((real_app / ".dialtone" / "stack.json").read_text())["calls"]
        assert dialtone(real_app, "prompts", "push", "welcome.txt").returncode == 0
        called = dialtone(real_app, "call", "--bot", calls)
        call_id = re.findall(r"\(call ([0-9a-f]{32}), seed", called.stdout)[0]
        told = dialtone(real_app, "timeline", call_id)
        ledger = dialtone(real_app, "timeline", call_id, "--json")
        assert dialtone(real_app, "timeline", "nobody").returncode == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert called.returncode == 0, called.stderr
    assert '"Welcome to Contoso. Good morning."' in called.stdout
    assert "  recordings/" in called.stdout
    assert "4 turns, 1 recording" in told.stdout.splitlines()[-1]
    events = [json.loads(line) for line in ledger.stdout.splitlines()]
    assert [event["kind"] for event in events].count("http.request") == 4
