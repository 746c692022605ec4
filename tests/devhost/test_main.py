"""The program: its command line, what it prints, how it refuses and how it stops."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.devhost.conftest import ROOT, RunningHost, running, write_sample_app

StartHost = Callable[..., RunningHost]

APP = """
import azure.functions as func
app = func.FunctionApp()
"""


def refusal(folder: Path, *arguments: str, python: str = sys.executable) -> str:
    """Run devhost over an app that it refuses; return what it says."""
    command = [python, "-m", "devhost", "--app-dir", str(folder), "--port", "0", *arguments]
    environment = {**os.environ, "PYTHONPATH": ""}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1, ended
    assert "devhost: ready" not in ended.stdout
    return ended.stderr


def stop(host: RunningHost, signal_number: int = signal.SIGTERM) -> int:
    host.process.send_signal(signal_number)
    return host.process.wait(timeout=30)


def test_each_function_is_printed_and_the_last_line_says_ready(registry_host: RunningHost) -> None:
    assert f"\tjson_in: [POST] {registry_host.url}/api/json" in registry_host.lines
    assert f"\techo: {registry_host.url}/api/echo/{{id:int?}}" in registry_host.lines
    assert "\ttick: timerTrigger" in registry_host.lines
    assert "\ton_event: eventGridTrigger" in registry_host.lines
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert registry_host.lines[-1] == f"devhost: ready {registry_host.url} (worker=registry, python {python})"
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d+", registry_host.url)


def test_settings_of_the_app_folder(start_host: StartHost, tmp_path: Path) -> None:
    (tmp_path / "app" / "host.json").write_text('{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}')
    (tmp_path / "app" / "local.settings.json").write_text('{"Values": {"DEVHOST_A": "file", "DEVHOST_B": "file"}}')
    client = start_host(DEVHOST_B="environment").client
    assert client.get("/environment/DEVHOST_A").json() == "file"
    assert client.get("/environment/DEVHOST_B").json() == "environment"
    assert client.get("/environment/AZURE_FUNCTIONS_ENVIRONMENT").json() == "Development"
    assert client.get("/admin/host/status").status_code == 200


def test_keys_are_asked_for_only_where_they_are_enabled(start_host: StartHost, registry_host: RunningHost) -> None:
    assert registry_host.client.get("/api/locked").status_code == 200
    host = start_host("--enable-auth", DEVHOST_KEY="the key")
    client = host.client
    assert "devhost: key the key" in host.lines
    assert client.get("/api/echo").status_code == 200
    for path in ("/api/locked", "/admin/functions", "/runtime/webhooks/eventgrid?functionName=on_event"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers={"x-functions-key": "wrong"}).status_code == 401
    assert client.get("/api/locked", headers={"x-functions-key": "the key"}).status_code == 200
    assert client.get("/api/locked?code=the+key").status_code == 200
    assert client.get("/admin/functions?code=the+key").status_code == 200


def test_a_key_is_made_when_none_is_set(start_host: StartHost) -> None:
    host = start_host("--enable-auth")
    (key,) = (line.removeprefix("devhost: key ") for line in host.lines if line.startswith("devhost: key "))
    assert len(key) >= 32
    assert host.client.get("/api/locked", params={"code": key}).status_code == 200


def test_no_timers(start_host: StartHost) -> None:
    host = start_host("--no-timers")
    assert host.client.get("/api/seen").json() == []
    host.client.post("/admin/functions/tick", json={"input": ""})
    assert host.wait_until_seen(lambda seen: len(seen) > 0) == [{"tick": []}]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("path", ["/api/slow", "/api/slow-sync"])
def test_a_signal_lets_running_requests_finish(start_host: StartHost, signal_number: int, path: str) -> None:
    host = start_host("--no-timers")
    answers: list[httpx.Response] = []
    request = threading.Thread(target=lambda: answers.append(httpx.get(host.url + path, timeout=30)))
    request.start()
    host.wait_until_seen(lambda seen: "slow began" in seen)
    assert stop(host, signal_number) == 0
    request.join()
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, "slow")]
    assert "ERROR" not in host.log


def test_a_signal_lets_a_running_timer_finish(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(
        APP
        + "import asyncio\n"
        + "@app.timer_trigger('timer', '0 0 0 1 1 *', run_on_startup=True)\n"
        + "async def f(timer: func.TimerRequest):\n"
        + "  open('began', 'w').close()\n  await asyncio.sleep(0.3)\n  open('ended', 'w').close()\n"
    )
    command = [sys.executable, "-m", "devhost", "--app-dir", str(tmp_path), "--port", "0", "--worker", "registry"]
    with running(command, tmp_path) as host:
        while not (tmp_path / "began").exists():
            time.sleep(0.01)
        assert stop(host) == 0
    assert (tmp_path / "ended").exists()


def test_a_stop_is_bounded_even_when_a_sync_function_never_returns(tmp_path: Path) -> None:
    program = "import sys, devhost.__main__ as devhost; devhost.GRACE_S = 0; sys.exit(devhost.main())"
    arguments = ["--app-dir", str(write_sample_app(tmp_path)), "--port", "0", "--worker", "registry", "--no-timers"]
    with running([sys.executable, "-c", program, *arguments], tmp_path) as host:

        def stuck() -> None:
            with pytest.raises(httpx.HTTPError):
                httpx.get(host.url + "/api/slow-sync?seconds=3600", timeout=30).raise_for_status()

        request = threading.Thread(target=stuck)
        request.start()
        host.wait_until_seen(lambda seen: "slow began" in seen)
        assert stop(host) == 1
        request.join()


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("", "no functions found"),
        ("@app.route('admin/x')\ndef f(req): ...", "function f: route 'admin/x' is reserved"),
        ("@app.route('x')\ndef f(req): ...\n@app.route('X')\ndef g(req): ...", "share the route 'X'"),
        ("@app.function_name('1f')\n@app.route('x')\ndef f(req): ...", "'1f' is not a valid function name"),
        ("@app.timer_trigger('t', 'hourly')\ndef f(t): ...", "function f: schedule 'hourly'"),
        ("@app.timer_trigger('t', '%NO_SUCH%')\ndef f(t): ...", "app setting NO_SUCH, which is not set"),
        (
            "@app.queue_trigger('m', 'q', 'c')\ndef f(m): ...",
            "function f: devhost does not serve the binding queueTrigger",
        ),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("@app.route('x')\ndef f(other): ...", "function f: parameters ['other'] are not the bindings ['req']"),
    ],
)
def test_an_app_that_cannot_run_is_refused_at_the_start(tmp_path: Path, body: str, named: str) -> None:
    (tmp_path / "function_app.py").write_text(APP + body)
    assert named in refusal(tmp_path, "--worker", "registry")


@pytest.mark.runtime
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("", "no functions found"),
        (
            "@app.queue_trigger('m', 'q', 'c')\ndef f(m): ...",
            "function f: devhost does not serve the binding queueTrigger",
        ),
        ("@app.route('x')\ndef f(other): ...", "cannot load the f function"),
    ],
)
def test_the_runtime_worker_refuses_too(tmp_path: Path, runtime_python: str, body: str, named: str) -> None:
    (tmp_path / "function_app.py").write_text(APP + body)
    assert named in refusal(tmp_path, python=runtime_python)


def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    assert "has no function_app.py" in refusal(tmp_path)


def test_other_machines_are_let_in_only_with_a_key(tmp_path: Path) -> None:
    assert "add --enable-auth" in refusal(write_sample_app(tmp_path), "--host", "0.0.0.0")
    assert "add --enable-auth" in refusal(write_sample_app(tmp_path), "--host", "example.invalid")


def test_a_port_in_use_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICK_SCHEDULE", "0 * * * * *")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in refusal(write_sample_app(tmp_path), "--port", port)


def test_an_unknown_worker_is_a_wrong_command_line() -> None:
    command = [sys.executable, "-m", "devhost", "--worker", "other"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 2
