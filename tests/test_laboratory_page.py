"""What the how-to pages show is what there is."""

import re
from pathlib import Path

import pytest

from simulator.faults import FAULTS, parse_fault
from simulator.script import read_script

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "how-to").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_laboratory_page_has_a_good_script_and_every_fault() -> None:
    text = (DOCS / "how-to" / "laboratory.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert read_script(script).faults
    named = re.findall(r"`([a-z_]+(?:=[^`]+)?)`", "\n".join(re.findall(r"^\| `[^|]*\|", text, re.MULTILINE)))
    assert {parse_fault(f"{each}@0").verb for each in named} == set(FAULTS)
