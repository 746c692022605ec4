"""The stack that `dialtone run` keeps up, for the other commands: `.dialtone/stack.json`.

1. It holds a connection string: only its owner may read it.
2. It is there from when the stack is up until it stops. A file whose process has gone (it was ended by SIGKILL, say)
   counts as absent.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from dialtone.errors import ConfigurationError
from dialtone.platforms import Name
from dialtone.stack import DEFAULT_BOT, HOME, Stack


@dataclass(frozen=True)
class Running:
    """Where the programs of a running stack are."""

    pid: int
    """The process of `dialtone run`."""
    functions: str
    calls: str
    worker: str
    simulator: str
    storage: str
    """Connection string."""
    logs: str
    platform: Name = "skype"
    bot: str = DEFAULT_BOT
    """Module and name of the bot, as in DIALTONE_BOT."""


def find(app_dir: Path) -> Running | None:
    """The running stack of `app_dir`, if there is one."""
    path = _path(app_dir)
    try:
        running = Running(**json.loads(path.read_text(encoding="utf-8")))
        os.kill(running.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return running


def bot_at(app_dir: Path, calls: str | None, named: str) -> str:
    """The bot that takes calls at an address, for its scripts: that of the running stack, unless another is `named`."""
    running = find(app_dir) if calls is not None and named == DEFAULT_BOT else None
    return running.bot if running is not None and running.calls == calls else named


def refuse_second(app_dir: Path) -> None:
    """Raise ConfigurationError if a stack runs: two cannot share one folder of storage."""
    if running := find(app_dir):
        raise ConfigurationError(
            f"a stack of this application is already running (process {running.pid})",
            field=str(HOME / "stack.json"),
            fix=f"use it (dialtone call --bot {running.calls}) or stop it; if process {running.pid} is something else, "
            "delete the file",
        )


@contextlib.contextmanager
def published(stack: Stack) -> Iterator[Running]:
    """Write the file for the started `stack`, with its simulator; remove it at the end."""
    running = Running(
        os.getpid(),
        stack.functions_url,
        stack.calls_url,
        stack.worker_url,
        stack.simulator_url,
        stack.connection,
        str(stack.logs),
        stack.platform.name,
        stack.bot,
    )
    path = _path(stack.app_dir)
    draft = path.with_suffix(f".{os.getpid()}")
    with contextlib.ExitStack() as removals:
        for each in (draft, path):
            removals.callback(each.unlink, missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(running), file, indent=2)
        draft.replace(path)
        yield running


def _path(app_dir: Path) -> Path:
    return app_dir / HOME / "stack.json"
