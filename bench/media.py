"""How many calls a core of the media worker holds, beside what people write by hand, in one run.

Echo both ways, 640 bytes of PCM in JSON, closed loop, so that the server is saturated: microseconds are CPU time of the
server (as the kernel counts it, so what other programs take is not in) for each frame that was received, decoded,
encoded and sent. Calls are what a core holds at 50 frames a second. A ratio is of the same round.

With a C compiler there is a row of the least that it can cost, and the load of closed loops is C too. With
PIPECAT_PYTHON, a Python that has `pipecat-ai[websocket]` and `uvicorn`, pipecat is measured beside it.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bench import media_native
from bench.table import Figure, ratio, show

ROOT = Path(__file__).parents[1]
ROUNDS = 3
SECONDS = 2.0
CALLS = 300
PACED_CALLS = 300
PACED_SECONDS = 2.0
PIPECAT_CALLS = 80
"""Enough to fill a core: 300 take it a minute to begin."""
SOURCES = 500
PICTURE_STREAMS = 40

SERVERS = {
    "c": "C, no library",
    "callback": "Dialtone, callback",
    "iterator": "Dialtone, iterator",
    "voice": "Dialtone, iterator, voice",
    "plain": "websockets, json",
    "fastapi": "FastAPI, json",
    "pipecat": "pipecat",
}
"""`voice` is with voice activity and barge-in. `plain` and `fastapi` are as their documentation teaches; the latter and
pipecat, whose transport is FastAPI's, are on uvicorn."""

Measured = dict[str, float]
Runs = dict[str, list[Measured]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def pipecat() -> str | None:
    """A Python that has pipecat."""
    python = os.environ.get("PIPECAT_PYTHON") or sys.executable
    found = subprocess.run([python, "-c", "import pipecat, fastapi, uvicorn"], capture_output=True, check=False)
    return None if found.returncode else python


def command_of(name: str, port: int) -> list[str] | None:
    """What starts a server on the first core; None where this machine cannot."""
    at = [str(port), "0"]
    if name == "c":
        program = media_native.program()
        return [program, "serve", *at] if program else None
    if name == "pipecat":
        python = pipecat()
        return [python, "-m", "bench.media_pipecat", *at] if python else None
    return [sys.executable, "-m", "bench.media_servers", name, *at]


@contextmanager
def server(name: str) -> Iterator[tuple[int, int]]:
    """The port and the process id of a server."""
    port = free_port()
    command = command_of(name, port)
    assert command is not None
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield port, process.pid
        finally:
            process.kill()


def measure(name: str, shape: str, calls: int, seconds: float = SECONDS) -> Measured:
    """One run, its load on the second core."""
    native = media_native.program() if shape in ("closed", "pictures") else None
    with server(name) as (port, pid):
        if native:
            found = media_native.load(native, port, calls, seconds, shape, pid, 1)
        else:
            words = [str(port), str(calls), str(seconds), shape, str(pid), "1"]
            command = [sys.executable, "-m", "bench.media_load", *words]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=120)
            found = json.loads(done.stdout)
    assert not found["lost"], f"{name} closed {found['lost']} connections"
    return found


def rounds(names: Sequence[str], shape: str, calls: int, seconds: float) -> Runs:
    """ROUNDS of each that can be measured here, by turns."""
    runs: Runs = {name: [] for name in names if command_of(name, 0)}
    for _ in range(ROUNDS):
        for name, measured in runs.items():
            measured.append(measure(name, shape, PIPECAT_CALLS if name == "pipecat" else calls, seconds))
    return runs


def figure(runs: list[Measured], key: str, factor: float = 1.0) -> Figure:
    return Figure([factor * each[key] for each in runs])


def missing() -> str:
    """Why rows are not there."""
    reasons = {
        "c": "There is no C compiler here: no lower bound, and the load is Python's, which may be the limit. ",
        "pipecat": "No pipecat here: name a Python that has it in PIPECAT_PYTHON. ",
    }
    return "".join(text for name, text in reasons.items() if not command_of(name, 0))


def saturated() -> None:
    runs = rounds(list(SERVERS), "closed", CALLS, SECONDS)
    cost = {name: figure(measured, "us") for name, measured in runs.items()}
    beside = [name for name in ("c", "callback", "voice") if name in runs]
    rows = [
        [
            SERVERS[name],
            cost[name].spread(1),
            f"{20_000 / cost[name].median:,.0f}",
            *(ratio(cost[name], cost[each]).spread(1) for each in beside),
            *(f"{figure(measured, key, 100).median:.0f}" for key in ("server", "generator")),
        ]
        for name, measured in runs.items()
    ]
    show(
        f"Media: echo of {CALLS} calls in a closed loop, {ROUNDS} rounds of {SECONDS:g} s",
        ["server", "us/frame", "calls/core", *(f"x {name}" for name in beside), "server %", "load %"],
        rows,
        f"{missing()}Medians, and the range. server % and load % are shares of a core: where the load has less, "
        "it is not the limit. A server below 90 % was not saturated: something else took the cores.",
    )


def paced() -> None:
    runs = rounds(["iterator", "voice", "plain", "fastapi"], "paced", PACED_CALLS, PACED_SECONDS)
    show(
        f"Media: echo of {PACED_CALLS} calls at 50 frames a second, ms from the moment that a frame was due",
        ["server", "server %", "p50", "p99", "load late p99"],
        [
            [
                SERVERS[name],
                f"{figure(measured, 'server', 100)}",
                *(figure(measured, key).spread(1) for key in ("p50", "p99", "send_p99")),
            ]
            for name, measured in runs.items()
        ],
        "A latency cannot be better than the load is punctual: where that is late, the cores were taken.",
    )


def memory() -> None:
    names = ["iterator", "voice", "plain", "fastapi"]
    grown = {name: measure(name, "talking", CALLS, 1.0)["kib"] for name in names}
    show(
        f"Media: memory of {CALLS} calls that talk",
        ["server", "KiB a call"],
        [[SERVERS[name], f"{kib:.1f}"] for name, kib in grown.items()],
        "What the process grew by from no call to all of them. Sockets, which are the kernel's, are not in it, nor are "
        "frames that wait for a handler: of these a call has 50 at most, 50 KiB.",
    )


def pictures() -> None:
    runs = rounds(["pictures"], "pictures", PICTURE_STREAMS, SECONDS)["pictures"]
    cost = figure(runs, "us")
    show(
        f"Media: {PICTURE_STREAMS} streams of H.264 passed through, access units of 20 kB, closed loop",
        ["", "us/frame", "streams of 30 fps on a core", "server %", "load %"],
        [
            [
                SERVERS["iterator"],
                cost.spread(1),
                f"{1e6 / 30 / cost.median:,.0f}",
                *(f"{figure(runs, key, 100).median:.0f}" for key in ("server", "generator")),
            ]
        ],
        "Read from the wire, given to the handler, and written again; nothing looks into them but for its key frames.",
    )


def playing() -> None:
    runs = rounds(["source"], "silent", SOURCES, PACED_SECONDS + 1)["source"]
    show(
        f"Media: {SOURCES} streams that play",
        ["", "frames/s", "us/frame", "server %", "off the pace p50 ms", "p99 ms"],
        [
            [
                "Dialtone, wheel",
                f"{figure(runs, 'rate')}",
                figure(runs, "us").spread(1),
                f"{figure(runs, 'server', 100)}",
                *(figure(runs, key).spread(1) for key in ("p50", "p99")),
            ]
        ],
        "How far frames are from an even 20 ms, each stream by its own median; the reader's delays are in it.",
    )


def run() -> None:
    saturated()
    pictures()
    memory()
    paced()
    playing()
