"""The worker's image, without Docker: what its file copies and installs starts in a clean environment."""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest

from scripts.package import WHEELS
from tests.devhost.conftest import runtime_python
from tests.fakes import ROOT

__all__ = ["runtime_python"]

DOCKERFILE = ROOT / "media_worker/Dockerfile"
KEY = "A" * 43 + "="


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the file with what follows it."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in text.splitlines()) if name]


def only(name: str) -> str:
    (found,) = [rest for each, rest in instructions() if each == name]
    return found


def test_the_image_is_slim_and_runs_as_nobody() -> None:
    assert only("ARG") == "BASE=python:3.13-slim"
    assert only("FROM") == "${BASE}"
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", only("USER"))
    assert only("STOPSIGNAL") == "SIGTERM"


def test_what_is_copied_is_in_the_context() -> None:
    ignored, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored == "*"
    allowed = [line[1:] for line in rest if line.startswith("!")]
    for source in (rest.split()[0] for name, rest in instructions() if name == "COPY"):
        assert any(source == each or source.startswith(f"{each}/") for each in allowed), source
        assert (ROOT / source).exists()
    assert not any(fnmatch(each, "tests*") for each in allowed)


@pytest.fixture(scope="module")
def image(runtime_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the file makes, with a virtual environment of its Python in `venv`."""
    folder = tmp_path_factory.mktemp("image")
    subprocess.run([runtime_python, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    pip = [runtime_python, "-m", "pip", "--python", str(python)]
    app = folder / only("WORKDIR").lstrip("/")
    app.mkdir()
    for name, rest in instructions():
        if name == "COPY":
            source, target = rest.split()
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, app / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copyfile(ROOT / source, app / target)
        elif name == "RUN" and rest.startswith("pip install"):
            words = rest.split()[2:]
            command = [*pip, "install", "-q", "--no-index", "--find-links", str(WHEELS), *words]
            subprocess.run(command, cwd=app, check=True)
        elif name == "RUN":
            subprocess.run([str(python), *rest.split()[1:]], cwd=app, check=True)
    return folder


@pytest.fixture
def worker(image: Path, unused_tcp_port: int) -> Iterator[subprocess.Popen[str]]:
    """The image's start command; its port is a free one, its address this machine's."""
    _, *entry = json.loads(only("ENTRYPOINT"))
    arguments = [
        {"8080": str(unused_tcp_port), "0.0.0.0": "127.0.0.1"}.get(each, each) for each in json.loads(only("CMD"))
    ]
    with subprocess.Popen(
        [image / "venv/bin/python", *entry, *arguments],
        cwd=image / only("WORKDIR").lstrip("/"),
        env={"DIALTONE_TICKET_KEY": KEY, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"media_worker: ready http://127.0.0.1:{unused_tcp_port}\n"
        yield process
        process.kill()


@pytest.mark.runtime
def test_the_image_starts_is_healthy_and_drains(
    image: Path, worker: subprocess.Popen[str], unused_tcp_port: int
) -> None:
    assert httpx.get(f"http://127.0.0.1:{unused_tcp_port}/readyz").status_code == 200

    command = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    check = [image / "venv/bin/python", *(each.replace("8080", str(unused_tcp_port)) for each in command[1:])]
    assert subprocess.run(check, check=False).returncode == 0

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    assert subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode != 0
