"""The `dialtone` command: where it starts, how it is stopped, and what its exit codes mean.

0    all is well
1    the call did not end as its script expects
2    wrong usage, or the stack could not start, or a program of it died
130  interrupted by Ctrl-C (143 by SIGTERM, 129 by SIGHUP); `dialtone run` ends with 0 then, as that is its way to end
"""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from dialtone.errors import DialtoneError
from dialtone.program import SIGNALS, Interrupted

EXTRA = ("rich", "typer")


def main() -> None:
    """Run the command line and exit."""
    try:
        from dialtone.commands import app
    except ModuleNotFoundError as missing:
        if missing.name not in EXTRA:
            raise
        print(f'dialtone: {missing.name} is not installed; run: pip install "dialtone[local]"', file=sys.stderr)
        sys.exit(2)
    try:
        with _interruptible():
            app()
    except Interrupted as interrupted:
        sys.exit(128 + interrupted.number)
    except DialtoneError as error:
        explain(error)
        sys.exit(2)


def explain(error: DialtoneError) -> None:
    """Print an error on standard error: the problem, its cause where one is known, the fix."""
    where = f" [{error.field}]" if error.field else ""
    print(f"problem: {error.message}{where}", file=sys.stderr)
    causes = [*getattr(error, "__notes__", []), *([str(error.__cause__)] if error.__cause__ else [])]
    for line in "\n".join(causes).splitlines():
        print(f"  cause: {line}", file=sys.stderr)
    if error.fix:
        print(f"    fix: {error.fix}", file=sys.stderr)


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Raise Interrupted for each of SIGNALS, even where the parent had them ignored, as a shell does for `&`."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    handlers = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
