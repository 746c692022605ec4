"""The pages of docs/reference that are made from the code are current, and leave nothing out."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.write_reference import FOLDER, Told, codes
from tests.fakes import ROOT, environment


def write_reference(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, for an app gives its functions once, on the pages in `folder`."""
    code = f"""
import sys, pathlib
from scripts import write_reference
write_reference.FOLDER = pathlib.Path({str(folder)!r})
sys.exit(write_reference.main({list(arguments)!r}))
"""
    command = [sys.executable, "-c", code]
    # Settings of whoever runs this are no part of the pages.
    with_settings = environment(DIALTONE_AUTH="loopback")
    return subprocess.run(command, cwd=ROOT, env=with_settings, capture_output=True, text=True, check=False)


def test_the_pages_are_current() -> None:
    """Mend it by `make docs`."""
    done = write_reference(FOLDER, "--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_page_that_is_not_current_is_named_and_written_again(tmp_path: Path) -> None:
    assert write_reference(tmp_path).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["channels.md", "errors.md", "routes.md", "settings.md"]
    written = (tmp_path / "routes.md").read_text()
    (tmp_path / "routes.md").write_text("old")
    done = write_reference(tmp_path, "--check")
    assert (done.returncode, done.stderr) == (1, "not current: routes.md; fix: make docs\n")
    assert (tmp_path / "routes.md").read_text() == "old"
    assert write_reference(tmp_path).returncode == 0
    assert (tmp_path / "routes.md").read_text() == written


@pytest.fixture(scope="module")
def every() -> list[Told]:
    return codes()


@pytest.mark.parametrize("room", ["dialtone", "functions"])
def test_every_code_in_the_source_is_told(room: str, every: list[Told]) -> None:
    told = {each.code for each in every}
    for path in (ROOT / room).rglob("*.py"):
        for code in re.findall(r'code="([A-Z][^"]*)"', path.read_text()):
            assert code in told, path.name


def test_every_rule_that_the_rules_name_is_told(every: list[Told]) -> None:
    told = {each.code for each in every if not each.kind}
    document = (ROOT / "dialtone" / "protocol" / "rules" / "__init__.py").read_text().split('"""')[1]
    named = set(re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)+\b", document))
    assert len(named) > 15
    assert named <= told


@pytest.mark.parametrize("module", ["functions/settings.py", "functions/acs_settings.py", "media_worker/settings.py"])
def test_every_setting_that_is_read_is_in_the_table(module: str) -> None:
    _, document, code = (ROOT / module).read_text().split('"""', 2)
    read = set(re.findall(r'"((?:DIALTONE|AZURE)_[A-Z_]+)"', code))
    assert read
    assert {name for name in read if not re.search(rf"\| *`?{name}`? ", document)} == set()
