"""The worker as a program: what it prints, its signals and exit codes, and what its image holds."""

import asyncio
import base64
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import distribution, requires, version
from pathlib import Path

import httpx
import pytest
import websockets
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dialtone.media import ticket
from tests.media_worker.peer import METADATA, audio, heard, pcm

ROOT = Path(__file__).parents[2]
KEY = bytes(range(32))
WITH_KEY = {"DIALTONE_TICKET_KEY": base64.b64encode(KEY).decode()}


@asynccontextmanager
async def program(
    *arguments: str,
    environment: Mapping[str, str],
    cwd: Path = ROOT,
    options: tuple[str, ...] = (),
    seconds: float = 30,
) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *options,
        "-m",
        "media_worker",
        *arguments,
        cwd=cwd,
        env={"PATH": os.defpath, **environment},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(process: Process) -> str:
    """The URL that the program says it listens on."""
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    found = re.fullmatch(r"media_worker: ready (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line
    return found[1]


async def status(url: str) -> int:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).status_code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_drains_it_and_it_exits_0(number: signal.Signals) -> None:
    async with program("--port", "0", environment=WITH_KEY) as process:
        url = await ready(process)
        good = ticket.sign(KEY, "call-1", 2**33)
        uri = url.replace("http", "ws", 1) + f"/media/call-1?handler=echo&ticket={good}"
        async with websockets.connect(uri, compression=None) as stream:
            await stream.send(METADATA)
            process.send_signal(number)
            while await status(f"{url}/readyz") == 200:  # until the signal has arrived
                await asyncio.sleep(0.01)
            await stream.send(audio(pcm(1)))
            assert heard(await stream.recv()) == pcm(1)
            assert process.returncode is None
        output, log = await process.communicate()
        assert output == b""
        assert await process.wait() == 0
        assert good.encode() not in log


async def test_after_the_grace_it_exits_0_all_the_same() -> None:
    async with program("--port", "0", "--grace", "0", environment={"DIALTONE_AUTH": "loopback"}) as process:
        url = await ready(process)
        async with websockets.connect(url.replace("http", "ws", 1) + "/media/c?handler=echo") as stream:
            process.send_signal(signal.SIGTERM)
            await stream.wait_closed()
            assert stream.close_code == 1001
        _, log = await process.communicate()
        assert process.returncode == 0
        assert log.startswith(b"media_worker: warning: DIALTONE_AUTH=loopback")


async def test_a_setting_that_is_missing_exits_2() -> None:
    async with program(environment={}) as process:
        output, log = await process.communicate()
    assert (process.returncode, output) == (2, b"")
    assert log.startswith(b"media_worker: DIALTONE_TICKET_KEY is not set")


async def test_a_port_that_is_taken_exits_1() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = str(server.sockets[0].getsockname()[1])
        async with program("--port", port, environment=WITH_KEY) as process:
            output, log = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    assert log.startswith(f"media_worker: cannot listen on 127.0.0.1:{port}".encode())


async def test_it_runs_on_what_its_image_holds(tmp_path: Path) -> None:
    """The files that the Dockerfile copies and the packages of requirements.txt are enough."""
    dockerfile = (ROOT / "media_worker/Dockerfile").read_text()
    app = tmp_path / "app"
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", dockerfile, re.MULTILINE):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, app / target, ignore=shutil.ignore_patterns("__pycache__"))
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in needed((ROOT / "media_worker/requirements.txt").read_text().splitlines()):
        for file in distribution(name).files or ():
            top = file.parts[0]
            if top != ".." and not (packages / top).exists():
                (packages / top).symlink_to(Path(str(distribution(name).locate_file(top))))

    environment = {**WITH_KEY, "PYTHONPATH": str(packages), "DIALTONE_BOT": "bots.media:bot"}
    async with program("--port", "0", environment=environment, cwd=app, options=("-S", "-B")) as process:
        await ready(process)


def needed(requirements: Iterable[str]) -> set[str]:
    """The packages that these lines install, with what they need themselves."""
    found: set[str] = set()
    wanted = list(map(Requirement, requirements))
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            assert requirement.specifier.contains(version(name))
            found.add(name)
            wanted += map(Requirement, requires(name) or ())
    return found


def test_the_image_lets_in_what_the_dockerfile_copies() -> None:
    dockerfile = (ROOT / "media_worker/Dockerfile").read_text()
    allowed = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for source in re.findall(r"^COPY (\S+) \S+$", dockerfile, re.MULTILINE):
        assert any(source == folder or source.startswith(f"{folder}/") for folder in allowed), source


async def test_processes_share_a_port_and_are_started_again() -> None:
    async with program("--port", "0", "--processes", "2", environment=WITH_KEY) as process:
        url = await ready(process)
        children = listed(process.pid)
        assert len(children) == 2
        for number in range(16):  # both get some of them, whatever their ports are
            assert await echoes(url, f"call-{number}")
        os.kill(children[0], signal.SIGKILL)
        while children[0] in (now := listed(process.pid)) or len(now) < 2:
            await asyncio.sleep(0.05)
        assert await echoes(url, "call-after")
        process.send_signal(signal.SIGTERM)
        _, log = await process.communicate()
        assert process.returncode == 0
        assert b"a process ended with -9, started again" in log


def listed(pid: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def echoes(url: str, call: str) -> bool:
    uri = url.replace("http", "ws", 1) + f"/media/{call}?handler=echo&ticket={ticket.sign(KEY, call, 2**33)}"
    async with websockets.connect(uri, compression=None) as stream:
        await stream.send(METADATA)
        await stream.send(audio(pcm(7)))
        return heard(await stream.recv()) == pcm(7)


async def test_a_bot_that_cannot_be_loaded_exits_2() -> None:
    for name in ("bots.nowhere:bot", "bots.hello:none", "json:dumps"):
        async with program(environment={**WITH_KEY, "DIALTONE_BOT": name}) as process:
            _, log = await process.communicate()
        assert process.returncode == 2
        assert log.startswith(b"media_worker: DIALTONE_BOT: ")
