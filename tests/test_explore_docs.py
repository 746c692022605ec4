"""docs/how-to/explore.md and its picture show what the command prints today. Mend it by `make docs`."""

import re
from pathlib import Path
from shutil import copytree

import pytest

from scripts.write_explored import PAGE, PICTURE, main
from tests.pages import DOCS, ROOT


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_page_and_the_picture_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["--check"]), capsys.readouterr().err) == (0, "")


def test_every_block_of_output_is_made() -> None:
    page = (ROOT / PAGE).read_text()
    assert len(re.findall(r"^```(?:text|mermaid)$", page, re.MULTILINE)) == page.count("<!-- explore ") == 3


def test_what_is_stale_is_named_and_written_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copytree(DOCS / "how-to", tmp_path / "docs" / "how-to")
    page = tmp_path / PAGE
    page.write_text(page.read_text().replace("say welcome", "say hello"))
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == f"not current: {PAGE}, {PICTURE}; fix: make docs\n"
    assert main([], tmp_path) == 0
    assert page.read_text() == (ROOT / PAGE).read_text()
    assert (tmp_path / PICTURE).read_text() == (ROOT / PICTURE).read_text()
