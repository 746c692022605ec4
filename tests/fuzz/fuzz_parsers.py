"""Fuzz all that reads what a stranger sends: `make fuzz`, or `python -m tests.fuzz.fuzz_parsers --seconds 120`.

Where atheris is installed (`pip install atheris`) it finds its way by the branches that it covers; elsewhere
hypothesis makes the bytes. 0 when nothing was found; a finding is printed with the
bytes that make it, which `--target NAME --bytes HEX` repeats.
"""

import argparse
import importlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

SHARES = {"callback": 0.5, "graph": 0.1, "media": 0.1, "token": 0.1, "certificate": 0.1, "app_state": 0.1}
"""The targets, and what each has of the time."""
INSTRUMENTED = ["dialtone", "functions"]
MAX_BYTES = 400
AT_ONCE = 500
ROOT = Path(__file__).parents[2]
FINDINGS = ROOT / ".dialtone" / "fuzz"
"""Where atheris leaves the bytes of a finding."""


def by_hypothesis(target: "Target", seconds: float) -> int:
    """Run a target for a time: how often it ran. Raises what it raised, with the bytes in a note."""
    count = 0

    @settings(max_examples=AT_ONCE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=MAX_BYTES))
    def some(data: bytes) -> None:
        nonlocal count
        count += 1
        try:
            target(data)
        except Exception as error:
            error.add_note(f"--bytes {data.hex()}")
            raise

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        some()
    return count


def by_atheris(name: str, seconds: float) -> None:
    """Run a target for a time in this process, which ends with it."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz import targets
    FINDINGS.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={int(seconds)}", f"-max_len={MAX_BYTES}", f"-artifact_prefix={FINDINGS}/"]
    with targets.opened() as found:
        atheris.Setup(["fuzz", *options], found.by_name[name])
        atheris.Fuzz()


def run(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.fuzz_parsers", description="Fuzz the parsers.")
    parser.add_argument("--seconds", type=float, default=120.0, help="for all targets (default: %(default)g)")
    parser.add_argument("--target", choices=list(SHARES), help="default: each of them")
    parser.add_argument("--bytes", type=bytes.fromhex, metavar="HEX", help="run the target on these, once")
    parser.add_argument("--atheris", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    shares = {options.target: 1.0} if options.target else SHARES
    if options.atheris:
        by_atheris(options.target, options.seconds)
        return 0
    from tests.fuzz.targets import opened  # not above: atheris sees only what is imported under its eyes

    guided = importlib.util.find_spec("atheris") is not None
    with opened() as targets:
        for name, share in shares.items():
            if options.bytes is not None:
                targets.by_name[name](options.bytes)
            elif guided:
                # atheris ends the process that it ran in.
                command = [sys.executable, "-m", "tests.fuzz.fuzz_parsers", "--atheris", "--target", name]
                done = subprocess.run(
                    [*command, "--seconds", str(options.seconds * share)],
                    cwd=ROOT,
                    check=False,
                )
                if done.returncode:
                    return done.returncode
            else:
                count = by_hypothesis(targets.by_name[name], options.seconds * share)
                print(f"{name}: {count:,} requests, nothing found", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run())
