"""First-Conversation callbacks a second of one process, against Microsoft's Node calling SDK with the same menu.

Both keep their state in memory; both speak a welcome and ask for a key. They are compared without verification, and
with each verifying the token of every request (ours knows a token that it has verified; the platform sends the same
one for an hour). Server and load generator each have a core where the system can pin them. The rounds alternate, and
the ratio is taken pair by pair.
"""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from bench.issuer import APP_ID, Issuer, issuer
from bench.table import Figure, ratio, show
from bench.turn import CONVERSATION

ROOT = Path(__file__).parent.parent
NODE = Path(__file__).parent / "node"
ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 8


class Server:
    """A program that prints a line with its address when it is ready."""

    def __init__(self, command: list[str], cwd: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            pinned(0, command),
            cwd=cwd,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "ready" in line:
                digits = line.split("127.0.0.1:")[-1].replace("ready", "").split()[0]
                self.port = int(digits)
                return
        raise RuntimeError(f"{command[0]} ended before it was ready; run it by hand to see why")

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


def pinned(core: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command] if which("taskset") and (os.cpu_count() or 1) > 1 else command


def _measure(port: int, path: str, token: str, seconds: float = SECONDS) -> float:
    conversation = json.dumps(CONVERSATION | {"id": "CALL"})
    command = [sys.executable, "-m", "bench.load", str(port), path, str(CONNECTIONS), str(seconds)]
    done = subprocess.run(
        pinned(1, command),
        input=conversation,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "BENCH_TOKEN": token},
    )
    result = json.loads(done.stdout)
    if result["errors"]:
        raise RuntimeError(f"{result['errors']} replies were no workflow")
    return float(result["rate"])


def _ours(authority: Issuer | None) -> Server:
    verified = {
        "DIALTONE_AUTH": "jwt",
        "DIALTONE_APP_ID": APP_ID,
        "DIALTONE_JWT_METADATA": authority.metadata if authority else "",
        "DIALTONE_PUBLIC_URL": "https://bot.test",
    }
    environment = {
        "DIALTONE_BOT": "bench.menu:bot",
        "DIALTONE_APPSTATE_KEY": b64encode(os.urandom(32)).decode(),
        "DIALTONE_STORAGE": "memory",
        **(verified if authority else {"DIALTONE_AUTH": "loopback", "DIALTONE_PUBLIC_URL": "http://127.0.0.1:7071"}),
    }
    command = [sys.executable, "-m", "devhost", "--port", "0", "--no-timers", "--worker", "registry"]
    return Server(command, ROOT, environment)


def _theirs(authority: Issuer | None) -> Server:
    verified = {"APP_ID": APP_ID, "VERIFY_ENDPOINT": authority.metadata if authority else ""}
    return Server(["node", "bot.js"], NODE, {"PORT": "0", **(verified if authority else {"AUTH": "off"})})


def _rows(name: str, authority: Issuer | None) -> list[list[str]]:
    token = authority.token if authority else ""
    ours, theirs = _ours(authority), _theirs(authority)
    try:
        for server, path in ((ours, "/api/calls"), (theirs, "/api/menu")):
            _measure(server.port, path, token, 1.0)
        pairs = [
            (_measure(ours.port, "/api/calls", token), _measure(theirs.port, "/api/menu", token)) for _ in range(ROUNDS)
        ]
    finally:
        ours.stop()
        theirs.stop()
    mine, peer = Figure([a for a, _ in pairs]), Figure([b for _, b in pairs])
    over = ratio(mine, peer)
    return [
        [f"Dialtone, {name}", str(mine), f"{over.median:.2f} ({min(over.values):.2f}-{max(over.values):.2f})"],
        [f"Node botbuilder-calling 3.0.1, {name}", str(peer), "1"],
    ]


def run() -> None:
    """Print the table."""
    if not which("node") or not (NODE / "node_modules").exists():
        print("callbacks: the Node SDK is not installed; run `npm ci --prefix bench/node` to compare with it\n")
        return
    with issuer() as authority:
        rows = [*_rows("no verification", None), *_rows("token verified", authority)]
    note = f"{ROUNDS} alternating rounds of {SECONDS:.0f} s, {CONNECTIONS} connections, one process each. Aim: 1.0."
    show("New calls answered", ["bot, state in memory", "callbacks/s, median (range)", "ratio"], rows, note)
