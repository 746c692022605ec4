"""What the pages say is there: links, verbs, settings, and the texts that errors are looked up by."""

import ast
import re
from pathlib import Path

import pytest

from dialtone.commands import app
from tests.fakes import ROOT
from tests.infra.bicep import Templates

PAGES = [ROOT / "docs/how-to/deploy.md", ROOT / "docs/how-to/operate.md", ROOT / "docs/troubleshooting.md"]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_verbs_are_there(page: Path) -> None:
    text = page.read_text()
    verbs = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^    |`|&& )make ([a-z]+)", text, re.MULTILINE)) <= verbs
    commands = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    commands |= {str(group.name) for group in app.registered_groups}
    assert set(re.findall(r"(?:^    |`)dialtone ([a-z]+)", text, re.MULTILINE)) <= commands
    for path in re.findall(r"`((?:infra|scripts|media_worker)/[\w.]+)`", text):
        assert (ROOT / path).is_file(), path


@pytest.fixture(scope="module")
def infra() -> Templates:
    return Templates(ROOT / "infra")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_settings_are_there(page: Path, infra: Templates) -> None:
    known = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "infra/main.parameters.json").read_text()))
    known |= set(infra.declarations("main.bicep", "output")) | {"DIALTONE_EVENTS_PATH"}
    known |= set(re.findall(r"DIALTONE_[A-Z_]+", (ROOT / "docs/reference/settings.md").read_text()))
    assert set(re.findall(r"DIALTONE_[A-Z_]+", page.read_text())) <= known


def test_defaults_are_those_of_the_templates(infra: Templates) -> None:
    parameters = {told[2:-1].split("=")[0]: told[2:-1].partition("=")[2] for told in infra.parameters().values()}
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", PAGES[0].read_text(), re.MULTILINE)
    assert len(rows) > 5
    for variable, default in rows:
        if variable in parameters:
            assert parameters[variable] == default


def said() -> str:
    """All texts in the code that a user can come to see."""
    texts = []
    for room in ("dialtone", "functions", "scripts"):
        for path in (ROOT / room).rglob("*.py"):
            texts += [
                node.value
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
        texts += [path.read_text() for path in (ROOT / room).rglob("*.sh")]
    return "\n".join(texts)


def test_each_trouble_is_said_somewhere() -> None:
    troubles = re.findall(r"^### `(.+)`$", PAGES[2].read_text(), re.MULTILINE)
    assert len(troubles) >= 15
    everything = said()
    # A number in a text is put in when it is said.
    missing = [
        trouble for trouble in troubles if not all(part in everything for part in re.split(r"\d[\d.]*", trouble))
    ]
    assert missing == []


def test_the_count_of_planted_faults_is_right() -> None:
    from tests.infra.test_planted_faults import FAULTS, TYPE_FAULTS

    assert f"{len(FAULTS) + len(TYPE_FAULTS)} planted faults" in PAGES[0].read_text()
