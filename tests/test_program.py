"""One program: start, readiness, death, stop, kill, and nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dialtone.errors import ConfigurationError, DependencyError
from dialtone.program import Program, Ready, free_port, is_free, undisturbed
from tests.fakes import ROOT, gone

SAYS_PID = "import os, sys, time; print('pid', os.getpid(), flush=True); "
SLEEPS = SAYS_PID + "time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPS
HAS_CHILD = (
    "import subprocess, sys, time; "
    f"child = subprocess.Popen([sys.executable, '-c', {DEAF!r}]); "
    "child.wait() if '--waits' in sys.argv else time.sleep(0.5)"
)
Make = Callable[..., Program]


def ready(output: str) -> Sequence[str] | None:
    found = re.search(r"pid (\d+)", output)
    return found.groups() if found else None


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Program] = []

    def factory(
        code: str, *arguments: str, ready: Ready = ready, ready_within: float = 20, stop_within: float = 5
    ) -> Program:
        command = [sys.executable, "-c", code, *arguments]
        log = tmp_path / "logs" / "it.log"
        made.append(
            Program(
                "it",
                command,
                directory=tmp_path,
                log=log,
                ready=ready,
                ready_within=ready_within,
                stop_within=stop_within,
            )
        )
        return made[-1]

    yield factory
    for program in made:
        program.kill()


def test_start_waits_until_ready_and_stop_ends_it(make: Make) -> None:
    program = make(SLEEPS)
    (pid,) = program.start()
    assert program.running
    program.stop()
    assert not program.running
    assert program.ending == "was ended by SIGTERM"
    assert gone(int(pid))
    program.stop()


def test_death_before_ready_shows_the_log(make: Make) -> None:
    program = make("print('first'); raise SystemExit('the port is taken')")
    with pytest.raises(DependencyError, match="it ended with exit code 1 before it was ready") as caught:
        program.start()
    assert caught.value.code == "PROGRAM_FAILED"
    assert "it.log" in caught.value.fix
    assert caught.value.__notes__ == ["first\nthe port is taken"]


def test_waiting_for_readiness_has_a_bound(make: Make) -> None:
    program = make(SLEEPS, ready=lambda _: None, ready_within=0.3)
    with pytest.raises(DependencyError, match=r"it was not ready after 0\.3 s"):
        program.start()
    assert not program.running


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    program = Program("it", [str(tmp_path / "absent")], directory=tmp_path, log=tmp_path / "it.log")
    with pytest.raises(DependencyError, match="it could not be started") as caught:
        program.start()
    assert caught.value.code == "PROGRAM_MISSING"
    assert not program.running


def test_stop_is_bounded_when_the_program_does_not_listen(make: Make) -> None:
    program = make(DEAF, stop_within=0.2)
    (pid,) = program.start()
    program.stop()
    assert program.ending == "was ended by SIGKILL"
    assert gone(int(pid))


@pytest.mark.parametrize("stop", [Program.stop, Program.kill])
def test_what_the_program_started_goes_with_it(make: Make, stop: Callable[[Program], None]) -> None:
    program = make(HAS_CHILD, "--waits", stop_within=0.2)
    (child,) = program.start()
    stop(program)
    assert gone(int(child))


def test_the_rest_of_its_group_goes_when_the_program_ends_by_itself(make: Make) -> None:
    program = make(HAS_CHILD)
    (child,) = program.start()
    while program.running:
        time.sleep(0.02)
    assert program.ending == "ended with exit code 0"
    assert gone(int(child))


def test_killed_and_started_again(make: Make) -> None:
    program = make(SLEEPS)
    (first,) = program.start()
    program.kill()
    assert gone(int(first))
    (second,) = program.start()
    assert second != first
    assert program.log.read_text().splitlines() == [f"pid {first}", f"pid {second}"]


def test_the_log_of_another_run_is_not_read(make: Make) -> None:
    program = make("import time; time.sleep(0.3); " + SLEEPS)
    program.launch()
    program.log.unlink()
    program.log.write_text("pid 1\n")
    (pid,) = program.wait_ready()
    assert pid != "1"
    program.stop()
    assert program.printed() == f"pid {pid}\n"


def test_a_log_is_one_programs_while_it_runs_and_begins_anew_with_the_next_ones(make: Make) -> None:
    first, second = make(HAS_CHILD, "--waits"), make(SLEEPS)
    first.start()
    with pytest.raises(ConfigurationError, match="is the log of a program that runs") as caught:
        second.start()
    assert caught.value.field == "it"
    assert first.running
    first.stop()
    (pid,) = second.start()
    assert second.log.read_text() == f"pid {pid}\n"


def test_lines_are_read_as_they_are_written(tmp_path: Path) -> None:
    code = "import sys; print('one'); print('noise', file=sys.stderr); sys.stdout.write('no end')"
    log = tmp_path / "it.log"
    program = Program("it", [sys.executable, "-c", code], directory=tmp_path, log=log, output=tmp_path / "it.out")
    program.start()
    assert list(program.lines()) == ["one\n", "no end"]
    assert log.read_text() == "noise\n"
    assert program.exit_code == 0


def test_signals_wait_for_the_end_of_an_undisturbed_block() -> None:
    done = False
    with pytest.raises(KeyboardInterrupt), undisturbed():  # noqa: PT012 - the block is what is tested
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
        done = True
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_during_a_start_leaves_nothing(make: Make) -> None:
    def interrupted(output: str) -> Sequence[str] | None:
        if ready(output):
            signal.raise_signal(signal.SIGINT)
        return None

    program = make(SLEEPS, ready=interrupted)
    with pytest.raises(KeyboardInterrupt):
        program.start()
    assert not program.running
    found = ready(program.printed())
    assert found is not None
    assert gone(int(found[0]))


def test_a_program_goes_when_its_starter_is_killed(tmp_path: Path) -> None:
    starter = f"""
import os, signal, sys
from pathlib import Path
from dialtone.program import Program
it = Program("it", [sys.executable, "-c", {DEAF!r}], directory=Path(), log=Path("it.log"),
             ready=lambda output: (output,) if output.endswith("\\n") else None)
print(*it.start(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", starter],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    found = ready(done.stdout)
    assert found is not None
    assert gone(int(found[0]))


def test_a_free_port_is_none_that_a_connection_is_given() -> None:
    given = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(given.read_text().split()[0]) if given.exists() else 49_152
    if lowest < 32_768:
        pytest.skip("this machine gives connections other ports than systems usually do")
    ports = {free_port() for _ in range(50)}
    assert len(ports) > 40
    assert max(ports) < lowest
    with socket.create_server(("127.0.0.1", min(ports))):
        assert not is_free(min(ports))
    assert is_free(min(ports))
