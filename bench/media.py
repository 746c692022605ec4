"""How many calls a core of the media worker holds, beside what people write by hand, in one run.

Echo both ways, 640 bytes of PCM in JSON, closed loop, so that the server is saturated: microseconds are CPU time of the
server (as the kernel counts it, so what other programs take is not in) for each frame that was received, decoded,
encoded and sent. Calls are what a core holds at 50 frames a second. A ratio is of the same round.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.table import Figure, ratio, show

ROOT = Path(__file__).parents[1]
ROUNDS = 3
SECONDS = 3.0
CALLS = 300
PACED_CALLS = 300
SOURCES = 500

SERVERS = {
    "callback": "Dialtone, callback",
    "iterator": "Dialtone, async iterator",
    "voice": "Dialtone, async iterator, voice activity and barge-in",
    "plain": "websockets, recv, json, base64",
    "fastapi": "FastAPI and uvicorn, json, base64",
}

Measured = dict[str, float]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(name: str) -> Iterator[tuple[int, int]]:
    """The port and the process id of a server on the first core."""
    port = free_port()
    command = [sys.executable, "-m", "bench.media_servers", name, str(port), "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield port, process.pid
        finally:
            process.kill()


def measure(name: str, shape: str, calls: int, seconds: float = SECONDS) -> Measured:
    """One run, its generator on the second core."""
    with server(name) as (port, pid):
        command = [sys.executable, "-m", "bench.media_load", str(port), str(calls), str(seconds), shape, str(pid), "1"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    found: Measured = json.loads(done.stdout)
    assert not found["lost"], f"{name} closed {found['lost']} connections"
    return found


def saturated() -> None:
    runs: dict[str, list[Measured]] = {name: [] for name in SERVERS}
    for _ in range(ROUNDS):
        for name, measured in runs.items():
            measured.append(measure(name, "closed", CALLS))
    cost = {name: Figure([each["us"] for each in measured]) for name, measured in runs.items()}
    rows = []
    for name, title in SERVERS.items():
        busy = Figure([100 * each["server"] for each in runs[name]])
        generator = Figure([100 * each["generator"] for each in runs[name]])
        times = ratio(cost[name], cost["callback"]).median, ratio(cost[name], cost["voice"]).median
        calls = f"{20_000 / cost[name].median:,.0f}"
        rows.append(
            [title, f"{cost[name].median:.1f}", calls, *(f"{each:.1f}" for each in times), f"{busy}", f"{generator}"]
        )
    show(
        f"Media: echo of {CALLS} calls in a closed loop, {ROUNDS} rounds of {SECONDS:g} s",
        ["server", "us/frame", "calls/core", "x callback", "x voice", "server %", "load %"],
        rows,
        "Medians. server % and load % are shares of a core. A server below 90 % was not saturated: something else took "
        "the cores, idle wake-ups are in its figures, and they are no measure of capacity.",
    )


def paced() -> None:
    rows = []
    for name in ("iterator", "voice", "plain", "fastapi"):
        found = measure(name, "paced", PACED_CALLS)
        rows.append(
            [
                SERVERS[name],
                f"{100 * found['server']:.0f}",
                *(f"{found[key]:.1f}" for key in ("p50", "p99", "send_p99")),
            ]
        )
    show(
        f"Media: echo of {PACED_CALLS} calls at 50 frames a second, ms from the moment that a frame was due",
        ["server", "server %", "p50", "p99", "load late p99"],
        rows,
        "A latency cannot be better than the load is punctual: where that is late, the cores were taken.",
    )
    found = measure("source", "silent", SOURCES, 4.0)
    show(
        f"Media: {SOURCES} streams that play, 4 s",
        ["", "frames/s", "us/frame", "server %", "off the pace p50 ms", "p99 ms"],
        [
            [
                "Dialtone, wheel",
                f"{found['rate']:,.0f}",
                f"{found['us']:.1f}",
                f"{100 * found['server']:.0f}",
                f"{found['p50']:.1f}",
                f"{found['p99']:.1f}",
            ]
        ],
        "How far frames are from an even 20 ms, each stream by its own median; the reader's delays are in it.",
    )


def run() -> None:
    saturated()
    paced()
