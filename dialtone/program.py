"""One program on this machine: started, waited for, stopped with everything that it started in its turn.

1. A program leads its own process group. Ctrl-C in a terminal does not reach it; whoever started it stops it.
2. Its output goes into a log file, so that it never waits for a reader; readiness is read from there. The file is
   locked while the program runs, so that no other one's output is taken for its own.
3. Between a start and its entry in the books no signal gets through, and no stop is left half done (`undisturbed`).
4. A program that ends takes the rest of its group with it: nothing is left behind.
5. The same when this process is ended by SIGKILL: beside each program a shell waits for the end of a pipe from here.

POSIX only.
"""

import contextlib
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from dialtone.errors import ConfigurationError, DependencyError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_POLL = 0.02  # seconds between two looks at a process or its log
_WATCH = ["/bin/sh", "-c", 'read -r _ || kill -s KILL -- "-$0"']

Ready = Callable[[str], Sequence[str] | None]
"""Given what a program has printed since its start: None while it is not ready, then the addresses that it serves."""


class Interrupted(BaseException):
    """This process was asked to end, by the signal `number`. Not an Exception, as KeyboardInterrupt is none."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Program:
    """A program, not yet started.

    `command` runs in `directory` with `environment` added to this process's own. Standard output and error go to
    `log`, or standard output to `output` where one is given. The first launch begins the log anew, later ones go on in
    it. `ready_within` and `stop_within` are bounds in seconds.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        directory: Path,
        log: Path,
        output: Path | None = None,
        environment: Mapping[str, str] | None = None,
        ready: Ready = lambda _: (),
        ready_within: float = 60.0,
        stop_within: float = 5.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.directory = directory
        self.log = log
        self.output = output
        self.environment = dict(environment or {})
        self.ready = ready
        self.ready_within = ready_within
        self.stop_within = stop_within
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._log: BinaryIO | None = None
        self._log_start: int | None = None
        self._printed = b""
        self.exit_code: int | None = None

    def start(self) -> Sequence[str]:
        """Launch, wait until ready and return what `ready` found. Raises DependencyError, with the program stopped."""
        self.launch()
        return self.wait_ready()

    def launch(self) -> None:
        """Start the process and return at once.

        Raises DependencyError if it is not there to be started, ConfigurationError if the log is another program's.
        """
        self.exit_code = None
        with contextlib.ExitStack() as files, undisturbed():
            log = self._open(self.log)
            self._lock(log)
            if self._log_start is None:
                log.truncate(0)
            self._log_start = log.seek(0, os.SEEK_END)
            output = files.enter_context(self._open(self.output)) if self.output else log
            try:
                self._process = subprocess.Popen(  # noqa: S603 - callers build the command; none of it is input
                    self.command,
                    cwd=self.directory,
                    env=_environment(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                log.close()
                raise DependencyError(
                    f"{self.name} could not be started: {error}",
                    field=self.name,
                    fix=f"see that {self.command[0]} is there and may be run",
                    code="PROGRAM_MISSING",
                ) from error
            self._log = log
            self._watch = subprocess.Popen(  # noqa: S603 - as above
                [*_WATCH, str(self._process.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_ready(self) -> Sequence[str]:
        """Wait until ready and return what `ready` found. Raises DependencyError, with the program stopped."""
        deadline = time.monotonic() + self.ready_within
        try:
            while (found := self.ready(self.printed())) is None:
                if not self.running:
                    raise self.failure(f"{self.name} {self.ending} before it was ready")
                if time.monotonic() > deadline:
                    raise self.failure(f"{self.name} was not ready after {self.ready_within:g} s")
                time.sleep(_POLL)
        except BaseException:
            self.stop()
            raise
        return found

    @property
    def process_id(self) -> int:
        """The process, which leads a process group of its own. It must have been launched."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        if self._process is None:
            return False
        with undisturbed():
            if self._process.poll() is None:
                return True
            self._bury()
        return False

    @property
    def ending(self) -> str:
        """How the process ended, in words."""
        if self.exit_code is None:
            return "was never started"
        if self.exit_code < 0:
            return f"was ended by {signal.Signals(-self.exit_code).name}"
        return f"ended with exit code {self.exit_code}"

    def lines(self) -> Iterator[str]:
        """Yield the lines of `output` as they are written, until the process has ended."""
        assert self.output is not None
        with self.output.open(encoding="utf-8", errors="replace") as output:
            line = ""
            while True:
                running = self.running
                while part := output.readline():
                    line += part
                    if line.endswith("\n"):
                        yield line
                        line = ""
                if not running:
                    if line:
                        yield line
                    return
                time.sleep(_POLL)

    def stop(self) -> None:
        """Ask it to end; after `stop_within` seconds end it and all of its group. Does nothing if nothing runs."""
        with undisturbed():
            if self._process is None:
                return
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(self.stop_within)
            self._bury()

    def kill(self) -> None:
        """End it and all of its group at once, as a crash would (SIGKILL). Does nothing if nothing runs."""
        with undisturbed():
            if self._process is not None:
                self._bury()

    def printed(self) -> str:
        """What the program wrote to its log since it was last launched."""
        if self._log is not None and self._log_start is not None:
            # Not by its path: whoever cleans up may have removed that.
            size = os.fstat(self._log.fileno()).st_size - self._log_start
            self._printed = os.pread(self._log.fileno(), size, self._log_start)
        return self._printed.decode("utf-8", "replace")

    def failure(self, message: str) -> DependencyError:
        """The error for `message`, with the log's last lines as its note."""
        error = DependencyError(
            message, field=self.name, fix=f"read its log, {_shown(self.log)}", code="PROGRAM_FAILED"
        )
        if tail := self.printed().splitlines()[-12:]:
            error.add_note("\n".join(tail))
        return error

    def _bury(self) -> None:
        """Nothing of the group outlives this; the process is reaped and its exit code noted."""
        assert self._process is not None
        self._signal(signal.SIGKILL)
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None
        self.exit_code = self._process.wait()
        self._process = None
        if self._log is not None:
            self.printed()
            # Whoever of the group is not quite gone still has the file, and would hold the lock.
            fcntl.flock(self._log, fcntl.LOCK_UN)
            self._log.close()
            self._log = None

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        # No such process: all of the group have gone. Not permitted: macOS says so of a group of zombies.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _lock(self, log: BinaryIO) -> None:
        """Rule 2. The program has the lock too, by the file that it inherits."""
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            log.close()
            raise ConfigurationError(
                f"{_shown(self.log)} is the log of a program that runs",
                field=self.name,
                fix="stop the other run, or give each run a folder of logs of its own",
            ) from error

    @staticmethod
    def _open(path: Path) -> BinaryIO:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+b")


def free_port() -> int:
    """A port of 127.0.0.1 that is free, for a program that is started later.

    It is none of those that systems give to connections by themselves (Linux from 32,768, others from 49,152): one of
    these may be taken before the program listens, or while it is started again.
    """
    choose = secrets.SystemRandom()
    while not is_free(port := choose.randrange(20_000, 32_768)):
        pass
    return port


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: connections that linger from the last run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Put SIGINT, SIGTERM and SIGHUP off until the block is done; then they arrive, once each."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs signal handlers in the main thread only.
        return
    arrived: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: arrived.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for late in dict.fromkeys(arrived):
            signal.raise_signal(late)


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **added}
    # A proxy for the outside must not stand between programs of this machine.
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, [environment.get(name), "127.0.0.1", "localhost"]))
    return environment


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
