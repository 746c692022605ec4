"""Importing `function_app`, against `azure.functions` alone: both with byte code, in fresh processes."""

import os
import subprocess
import sys
from base64 import b64encode

from bench.callbacks import ROOT
from bench.table import Figure, ratio, show

ROUNDS = 11
TIMED = "import time; began = time.perf_counter(); import {module}; print((time.perf_counter() - began) * 1e3)"


def _import(module: str) -> float:
    environment = {
        "DIALTONE_BOT": "bots.reception:bot",
        "DIALTONE_PUBLIC_URL": "http://127.0.0.1:7071",
        "DIALTONE_AUTH": "loopback",
        "DIALTONE_APPSTATE_KEY": b64encode(bytes(32)).decode(),
        "DIALTONE_STORAGE": "memory",
    }
    command = [sys.executable, "-c", TIMED.format(module=module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=os.environ | environment)
    return float(done.stdout)


def run() -> None:
    """Print the table."""
    for module in ("function_app", "azure.functions"):
        _import(module)
    pairs = [(_import("function_app"), _import("azure.functions")) for _ in range(ROUNDS)]
    ours, theirs = Figure([a for a, _ in pairs]), Figure([b for _, b in pairs])
    rows = [
        ["function_app, with the bot", str(ours), f"{ratio(ours, theirs).median:.2f}"],
        ["azure.functions", str(theirs), "1"],
    ]
    show("Import", ["module", "ms, median (range)", "ratio"], rows, f"{ROUNDS} alternating processes. Aim: 2.0.")
