"""Starts devhost as a program over the sample app, once per worker."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
START_S = 60.0


class RunningHost:
    """A devhost process: what it printed, its logs so far, and a client bound to its address."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path, log: Path) -> None:
        self.process = process
        self.lines = output.read_text().splitlines()
        self._log = log
        self.url = self.lines[-1].split()[2]
        self.client = httpx.Client(base_url=self.url, timeout=30)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until_seen(self, wanted: Callable[[list[object]], bool]) -> list[object]:
        """Poll what the sample app has seen until it is as wanted."""
        deadline = time.monotonic() + START_S
        while True:
            seen: list[object] = self.client.get("/api/seen").json()
            if wanted(seen):
                return seen
            assert time.monotonic() < deadline, f"seen so far: {seen}\n{self.log}"
            time.sleep(0.02)


def write_sample_app(folder: Path) -> Path:
    shutil.copy(Path(__file__).with_name("sample_app.py"), folder / "function_app.py")
    (folder / "host.json").write_text('{"version": "2.0"}')
    return folder


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[RunningHost]:
    """Start a devhost command line, wait until it is ready, and end it however the test ends."""
    variables = {**os.environ, "TICK_SCHEDULE": "* * * * * *", "PYTHONPATH": "", **environment}
    output, log = folder / "stdout.txt", folder / "stderr.txt"
    with (
        output.open("w") as stdout,
        log.open("w") as stderr,
        subprocess.Popen(command, cwd=ROOT, env=variables, stdout=stdout, stderr=stderr) as process,
    ):
        try:
            deadline = time.monotonic() + START_S
            while "devhost: ready" not in output.read_text():
                assert process.poll() is None, f"ended with {process.returncode}\n{log.read_text()}"
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
            host = RunningHost(process, output, log)
            with host.client:
                yield host
        finally:
            process.kill()


@pytest.fixture
def start_host(tmp_path: Path) -> Iterator[Callable[..., RunningHost]]:
    """Start devhost over the sample app with more arguments and environment variables."""
    with ExitStack() as stack:
        app = tmp_path / "app"
        app.mkdir()
        write_sample_app(app)

        def start(*arguments: str, **environment: str) -> RunningHost:
            command = [sys.executable, "-m", "devhost", "--app-dir", str(app), "--port", "0", *arguments]
            if "--worker" not in arguments:
                command += ["--worker", "registry"]
            return stack.enter_context(running(command, tmp_path, **environment))

        yield start


@pytest.fixture(scope="session")
def registry_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("registry")
    app = write_sample_app(folder)
    command = [sys.executable, "-m", "devhost", "--app-dir", str(app), "--port", "0", "--worker", "registry"]
    with running(command, folder) as host:
        yield host


@pytest.fixture(scope="session")
def runtime_python() -> str:
    """An interpreter that has Microsoft's worker library: DIALTONE_PY313, else this one."""
    python = os.environ.get("DIALTONE_PY313", sys.executable)
    probe = subprocess.run([python, "-c", "import azure_functions_runtime, uvicorn"], capture_output=True, text=True)
    if probe.returncode:
        assert "DIALTONE_PY313" not in os.environ, f"DIALTONE_PY313 cannot be used: {probe.stderr}"
        pytest.skip(
            "azure-functions-runtime needs Python 3.13 and is not installed here: "
            "set DIALTONE_PY313 to a python that has it, with azure-functions and uvicorn"
        )
    return python


@pytest.fixture(scope="session")
def runtime_host(runtime_python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    folder = tmp_path_factory.mktemp("runtime")
    app = write_sample_app(folder)
    command = [runtime_python, "-m", "devhost", "--app-dir", str(app), "--port", "0"]
    with running(command, folder) as host:
        yield host
