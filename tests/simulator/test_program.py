import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import httpx
import jwt
import pytest

from simulator import audio, program
from simulator.issuer import ISSUER, load_key
from tests.simulator.fake_bot import ANSWER, HANGUP, FakeBot, record, running_bot

ROOT = Path(__file__).parents[2]
SCRIPT = "name: x\nsteps: [{wait: 1}, {speak: Hello there.}]\nexpect: {recordings: 1}\n"


@pytest.fixture
def served_bot() -> Iterator[FakeBot]:
    """A bot in a thread of its own: the program has its own event loop."""
    ready: Future[tuple[FakeBot, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        async with running_bot() as bot:
            over = asyncio.Event()
            ready.set_result((bot, asyncio.get_running_loop(), over))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    bot, loop, over = ready.result(10)
    yield bot
    loop.call_soon_threadsafe(over.set)
    thread.join()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "call.yaml"
    path.write_text(SCRIPT)
    return path


def call(bot: FakeBot, script: Path, *options: str) -> int:
    return program.run(["call", str(script), "--bot", f"{bot.url}/call", "--time", "virtual", *options])


def test_a_call_writes_its_ledger_and_saves_its_recordings(
    served_bot: FakeBot, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = record(recordingFormat="mp3") | {"operationId": "../../etc/passwd"}
    served_bot.replies = [[ANSWER, asked], [HANGUP]]
    saved = tmp_path / "saved"
    assert call(served_bot, script, "--seed", "3", "--save", str(saved)) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (events[0]["seed"], events[-1]["kind"], events[-1]["ok"]) == (3, "verdict", True)
    (file,) = saved.iterdir()
    assert file.name == "1-______etc_passwd.mp3"
    length = next(event["seconds"] for event in events if event["kind"] == "recorded")
    assert audio.seconds_of(audio.decode(file.read_bytes())) == pytest.approx(length, abs=0.05)


def test_a_call_that_is_not_as_expected(served_bot: FakeBot, script: Path) -> None:
    served_bot.replies = [[ANSWER, HANGUP]]
    assert call(served_bot, script) == 1


def test_a_script_that_is_not_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "call.yaml"
    path.write_text("name: x\nsteps: [{press: 1}]")
    assert program.run(["call", str(path), "--bot", "http://127.0.0.1:1/call"]) == 2
    assert "line 2: steps.0.press" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["ring"],
        ["call", "x.yaml"],
        ["call", "x.yaml", "--bot", "localhost:7071"],
        ["call", "x.yaml", "--bot", "http://127.0.0.1:1", "--time", "slow"],
        ["call", "x.yaml", "--bot", "http://127.0.0.1:1", "--seed", "-1"],
        ["serve", "--bot", "http://127.0.0.1:1", "--port", "70000"],
    ],
)
def test_bad_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.run(arguments)
    assert ended.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("simulator: ")
    assert said.endswith("--help says more")


def test_the_service_says_when_it_is_ready(served_bot: FakeBot) -> None:
    served_bot.replies = [[ANSWER, HANGUP]]
    command = [sys.executable, "-m", "simulator", "serve", "--bot", f"{served_bot.url}/call"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            name, ready, url = process.stdout.readline().split()
            assert (name, ready) == ("simulator:", "ready")
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
                assert client.get("/healthz").text == "ok\n"
                reply = client.post("/calls?time=virtual", content="name: x\nsteps: [{wait: 1}]")
                assert json.loads(reply.text.splitlines()[-1])["ok"] is True
        finally:
            process.terminate()
            process.wait(10)


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise ModuleNotFoundError('No module named av', name='av')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "simulator", "serve", "--bot", "http://127.0.0.1:1"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "av is not installed: pip install 'dialtone[local]'" in done.stderr


def test_many_calls_write_a_line_each_and_a_ledger(
    served_bot: FakeBot, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served_bot.replies = [[ANSWER, record()], [HANGUP], None, [ANSWER, record()], [HANGUP], None]
    served_bot.replies += served_bot.replies[:3]
    folder = tmp_path / "ledgers"
    assert call(served_bot, script, "--times", "3", "--jobs", "1", "--seed", "5", "--ledgers", str(folder)) == 0
    *lines, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["kind"], line["seed"], line["ok"]) for line in lines] == [("call", seed, True) for seed in (5, 6, 7)]
    assert (summary["kind"], summary["calls"], summary["ok"], summary["seed"]) == ("calls", 3, 3, 5)
    events = [json.loads(line) for line in (folder / "6.jsonl").read_text().splitlines()]
    assert (events[0]["seed"], events[-1]["kind"]) == (6, "verdict")


def test_a_fault_of_the_command_line(served_bot: FakeBot, script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    served_bot.replies = [[ANSWER, record()], [HANGUP]]
    assert call(served_bot, script, "--fault", "drop=1@1") == 0
    assert '"fault":"drop","value":1,"request":1' in capsys.readouterr().out
    assert call(served_bot, script, "--fault", "kill=after@0") == 2
    assert "kill=after@0: it needs whoever runs the bot" in capsys.readouterr().err
    assert call(served_bot, script, "--fault", "kill=after@0", "--house", "http://127.0.0.1:1") == 2
    assert "did not do /kill: unreachable" in capsys.readouterr().err


def test_a_storm_writes_its_cells(
    served_bot: FakeBot, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("name: Other\nplatforms: [acs, teams]\nsteps:\n  - wait: 1\n")
    served_bot.replies = [[ANSWER, record()], [HANGUP], None, [ANSWER, record()], [HANGUP], None, [ANSWER]]
    assert program.run(["storm", str(script), str(other), "--bot", f"{served_bot.url}/call", "--seed", "1"]) == 1
    left_out, *cells, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert left_out == {"kind": "left_out", "script": "Other", "platforms": ["acs", "teams"]}
    assert (cells[0]["fault"], cells[0]["ok"]) == (None, True)
    red = next(cell for cell in cells if not cell["ok"])
    assert (red["fault"], red["request"]) == ("duplicate=2", 0)
    assert any("REPLY_DIFFERS" in reason for reason in red["reasons"])
    assert (summary["kind"], summary["ok"]) == ("storm", False)


def test_tokens_are_sent_and_their_key_set_is_served(
    served_bot: FakeBot, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served_bot.replies = [[ANSWER, record()], [HANGUP]]
    key = tmp_path / "key.pem"
    assert call(served_bot, script, "--jwt", "my-app", "--issuer-key", str(key)) == 0
    assert "tokens for my-app, metadata at http://127.0.0.1:" in capsys.readouterr().err
    token = served_bot.requests[0].headers["Authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, load_key(key).public_key(), algorithms=["RS256"], audience="my-app")["iss"] == ISSUER
    key.write_text("nothing")
    assert call(served_bot, script, "--jwt", "my-app", "--issuer-key", str(key)) == 2
    assert "delete it" in capsys.readouterr().err
