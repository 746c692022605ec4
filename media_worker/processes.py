"""One process for each core, behind one port.

1. Each child is the worker itself, on a port that all of them share (SO_REUSEPORT): the kernel spreads connections by
   their addresses, evenly but blindly, so each child has its own limit of streams and answers 503 over it.
2. This process takes no connections. It starts a child again that ends by itself, at most once a second, and passes on
   SIGTERM and SIGINT; a second signal ends all at once.
3. A call that reconnects may reach another child, which begins a new stream of it; the old one ends as `lost`.
   Where that matters, run one process in each container and let the platform come by an address of its own.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Final

from media_worker.settings import Settings

CHILD: Final = "DIALTONE_MEDIA_CHILD"
"""Set in the environment of a child, which then shares its port."""

AGAIN_S: Final = 1.0
LOOK_S: Final = 0.05


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes:
    """The children of a worker. Raises OSError if the port is taken."""

    def __init__(self, settings: Settings, arguments: Sequence[str]) -> None:
        self._settings, self._arguments = settings, list(arguments)
        self._children: list[subprocess.Popen[bytes]] = []
        self._signals = 0
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        # Bound and never listening: it finds out whether the port is free, and keeps it while children come and go.
        self._holder = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._holder.bind((settings.host, settings.port))
        except OSError:
            self._holder.close()
            raise
        self.port: int = self._holder.getsockname()[1]

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
        self._holder.close()

    def run(self) -> int:
        """Start all, say that they listen, watch them until a signal, and wait for their end. The exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._pass_on)
        self._children = [self._start() for _ in range(self._settings.processes)]
        ready = [self._ready(child) for child in self._children]
        if not all(ready):
            return 1
        print(f"media_worker: ready {ready[0]}", flush=True)
        while not self._signals:
            time.sleep(LOOK_S)
            for index, child in enumerate(self._children):
                if child.poll() is not None and not self._signals:
                    print(f"media_worker: a process ended with {child.returncode}, started again", file=sys.stderr)
                    time.sleep(AGAIN_S)
                    assert child.stdout is not None
                    child.stdout.close()
                    self._children[index] = self._start()
        # A child that was still starting is ended by the signal itself.
        stopped = (0, -signal.SIGTERM, -signal.SIGINT)
        return int(any(child.wait() not in stopped for child in self._children))

    def _start(self) -> "subprocess.Popen[bytes]":
        # The last one counts, whatever the port was said to be before.
        command = [sys.executable, "-m", "media_worker", *self._arguments, "--port", str(self.port)]
        return subprocess.Popen(command, env={**os.environ, CHILD: "1"}, stdout=subprocess.PIPE)  # noqa: S603 - ourselves

    def _ready(self, child: "subprocess.Popen[bytes]") -> str:
        assert child.stdout is not None
        line = child.stdout.readline().decode()
        return line.split()[-1] if line.startswith("media_worker: ready ") else ""

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        for child in self._children:
            if child.poll() is None:
                child.send_signal(number if self._signals == 1 else signal.SIGKILL)
