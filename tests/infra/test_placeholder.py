"""The program that stands in until the worker's first image."""

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
PLACEHOLDER = (ROOT / "infra/placeholder.py").read_text()


def start(cwd: Path, port: int) -> subprocess.Popen[str]:
    key = base64.b64encode(bytes(32)).decode()
    return subprocess.Popen(
        [sys.executable, "-c", PLACEHOLDER, "--host", "127.0.0.1", "--port", str(port), "--max-sessions", "200"],
        cwd=cwd,
        env={"PATH": os.defpath, "DIALTONE_TICKET_KEY": key},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_the_worker_it_answers_the_probes(tmp_path: Path, unused_port: int) -> None:
    with start(tmp_path, unused_port) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    reply = httpx.get(f"http://127.0.0.1:{unused_port}/readyz")
                    break
                except httpx.ConnectError:
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            assert reply.status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_with_the_worker_it_starts_the_worker() -> None:
    with start(ROOT, 0) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("media_worker: ready http://127.0.0.1:")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
