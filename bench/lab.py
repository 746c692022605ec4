"""Calls of five turns in virtual time, through real HTTP: how many a second, and whose processor they cost.

One process makes the calls, another answers them, with storage in memory; each has a core where the system can pin
them. Turns are the platform's requests: the call, three answers, and the hang-up. The simulator writes a ledger for
each call, as it always does, and checks all it is sent.
"""

import json
import os
import socket
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

from bench.callbacks import ROOT, Server, pinned
from bench.table import Figure, ratio, show

ROUNDS = 5
CALLS = 400
REQUESTS = 5
SCRIPT = Path(__file__).with_name("five.yaml")


def _seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _round(url: str, seed: int) -> dict[str, float]:
    call = [sys.executable, "-m", "simulator", "call", str(SCRIPT), "--bot", url, "--time", "virtual"]
    command = pinned(1, [*call, "--times", str(CALLS), "--seed", str(seed)])
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    summary = json.loads(done.stdout.splitlines()[-1])
    if (summary["ok"], summary["requests"]) != (CALLS, CALLS * REQUESTS):
        raise RuntimeError(f"the calls did not go as they should: {summary}")
    return {"rate": summary["calls_per_s"], "simulator": summary["simulator_cpu_ms_per_call"]}


def run() -> None:
    """Print the table."""
    port = _free_port()
    environment = {
        "DIALTONE_BOT": "bench.five:bot",
        "DIALTONE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DIALTONE_AUTH": "loopback",
        "DIALTONE_APPSTATE_KEY": b64encode(os.urandom(32)).decode(),
        "DIALTONE_STORAGE": "memory",
    }
    host = [sys.executable, "-m", "devhost", "--port", str(port), "--no-timers", "--worker", "registry"]
    server = Server(host, ROOT, environment)
    rounds: list[dict[str, float]] = []
    try:
        url = f"http://127.0.0.1:{port}/api/calls"
        _round(url, 0)
        for number in range(1, ROUNDS + 1):
            before = _seconds(server.pid)
            measured = _round(url, number * CALLS)
            rounds.append({**measured, "bot": 1000 * (_seconds(server.pid) - before) / CALLS})
    finally:
        server.stop()
    rate, simulator, bot = (Figure([each[name] for each in rounds]) for name in ("rate", "simulator", "bot"))
    over = ratio(simulator, bot)
    rows = [
        ["calls of five turns a second", str(rate), "aim: 200"],
        ["simulator, ms of processor a call", _exact(simulator), f"{over.median:.2f} of the bot's; aim: below 1"],
        ["bot, ms of processor a call", _exact(bot), ""],
    ]
    show("Laboratory", ["virtual time", "median (range)", ""], rows, f"{ROUNDS} rounds of {CALLS} calls, 8 at once.")


def _exact(figure: Figure) -> str:
    return f"{figure.median:.2f} ({min(figure.values):.2f}-{max(figure.values):.2f})"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port
