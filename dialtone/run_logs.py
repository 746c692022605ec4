"""The logs of one run of a command: `.dialtone/logs/<command>/<time>-<process>-<letters>/`; `last` is the newest one.

1. Each run has a folder of its own, so two that run at once get into the way of neither each other's logs nor their
   start, which is read from a log.
2. The newest KEPT runs of each command are kept. An older one stays while its process runs.
"""

import os
import shutil
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from dialtone.stack import HOME

KEPT: Final = 10
LAST: Final = "last"


def own_logs(command: str, home: Path = HOME) -> Path:
    """Make the folder of a run that begins now, point `last` to it, and remove the oldest ones (rule 2)."""
    runs = home / "logs" / command
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}-", dir=runs))
    link = runs / f".{folder.name}"
    link.symlink_to(folder.name)
    link.replace(runs / LAST)
    of_runs = sorted(each for each in runs.iterdir() if each.is_dir() and not each.is_symlink())
    for old in of_runs[:-KEPT]:
        if not _is_used(old):
            shutil.rmtree(old, ignore_errors=True)
    return folder


def _is_used(folder: Path) -> bool:
    """Whether the process of a run still runs, or another one that has its number by now."""
    try:
        os.kill(int(folder.name.split("-")[2]), 0)
    except PermissionError:
        return True
    except (ValueError, IndexError, ProcessLookupError):
        return False
    return True
