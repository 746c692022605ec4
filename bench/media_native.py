"""`bench/media.c`, where there is a C compiler: the lower bound of an echo, and a load that costs a fifth of ours."""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from bench.media_load import Traffic, cpu

SOURCE = Path(__file__).with_name("media.c")

_folder = tempfile.TemporaryDirectory(prefix="dialtone-bench-")


@cache
def program() -> str | None:
    """The compiled program, until this process ends; None without a compiler, or where it is not Linux."""
    compiler = shutil.which(os.environ.get("CC") or "cc")
    if compiler is None:
        return None
    out = str(Path(_folder.name) / "media")
    done = subprocess.run([compiler, "-O3", "-march=native", "-o", out, SOURCE], capture_output=True, check=False)
    return None if done.returncode else out


def load(path: str, port: int, calls: int, seconds: float, shape: str, pid: int, core: int) -> dict[str, float]:
    """As `bench.media_load` in a closed loop: the server with this `pid` is the one that is measured."""
    traffic = Traffic.of(shape)
    parts = [part for data in (traffic.first, traffic.frame) for part in (len(data).to_bytes(4, "big"), data)]
    command = [path, "load", str(port), str(calls), str(seconds), str(core)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"".join(parts) + traffic.reply.to_bytes(4, "big"))
        process.stdin.flush()
        assert process.stdout.readline() == b"begin\n"
        ours, theirs = cpu(process.pid), cpu(pid)
        _, frames, lost = process.stdout.readline().split()
        server, generator = cpu(pid) - theirs, cpu(process.pid) - ours
        process.stdin.close()
    return {
        "frames": int(frames),
        "lost": int(lost),
        "rate": int(frames) / seconds,
        "us": server / max(int(frames), 1) * 1e6,
        "server": server / seconds,
        "generator": generator / seconds,
    }
