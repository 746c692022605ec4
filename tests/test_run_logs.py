"""Each run of a command has a folder of logs of its own."""

import os
import subprocess
import sys
from pathlib import Path

from dialtone.run_logs import KEPT, own_logs


def test_runs_at_the_same_moment_share_nothing_and_the_last_one_is_found_by_its_name(tmp_path: Path) -> None:
    folders = [own_logs("storm", tmp_path) for _ in range(3)]
    assert len(set(folders)) == 3
    assert (tmp_path / "logs" / "storm" / "last").samefile(folders[-1])
    assert own_logs("call", tmp_path).parent == tmp_path / "logs" / "call"


def test_old_runs_are_removed_and_one_that_still_runs_is_not(tmp_path: Path) -> None:
    runs = tmp_path / "logs" / "storm"
    over = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    gone, mine = over.stdout.decode().strip(), os.getpid()
    for number in range(KEPT + 5):
        folder = runs / f"20200101-0000{number:02d}-{mine if number == 1 else gone}-abcd"
        folder.mkdir(parents=True)
        (folder / "caller.log").touch()
    (runs / "20200101-000000-by hand").mkdir()
    new = own_logs("storm", tmp_path)
    kept = sorted(each.name for each in runs.iterdir() if not each.is_symlink())
    assert kept[0] == f"20200101-000001-{mine}-abcd"
    assert kept[-1] == new.name
    assert len(kept) == KEPT + 1
