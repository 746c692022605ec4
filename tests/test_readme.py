"""What the README shows is what is there."""

import re
from pathlib import Path
from types import ModuleType

from dialtone.scripts import scripts_of
from simulator.script import read_script
from tests.pages import blocks, execute

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


BLOCKS = blocks(ROOT / "README.md")


def shown(language: str) -> list[str]:
    return [block.text for block in BLOCKS if block.language == language]


def test_the_bot_is_the_reception_bot() -> None:
    source = (ROOT / "bots" / "reception.py").read_text(encoding="utf-8")
    assert shown("python")[0] == source.split('"""\n\n', 1)[1]


async def test_the_test_is_one() -> None:
    _, test = [block for block in BLOCKS if block.language == "python"]
    assert "def test_" in test.text
    await execute(test, ModuleType("readme"))


def test_every_sample_bot_and_the_script_that_rings_it_is_in_the_table() -> None:
    bots = {path.name for path in (ROOT / "bots").glob("*.py")} - {"__init__.py"}
    rows = re.findall(r"^\| \[\w+\]\(bots/(\w+\.py)\) \|.*\((simulator/scripts/\S+\.yaml)\)", README, re.MULTILINE)
    assert {bot for bot, _ in rows} == bots - {"media.py"}
    assert "[media](bots/media.py)" in README, "no call rings the handlers of streams"
    for bot, script in rows:
        first, *_ = scripts_of(f"bots.{bot.removesuffix('.py')}:bot")
        assert ROOT / script == first, "it is rung by this one when no script is named"


def test_the_caller_is_a_script() -> None:
    assert read_script(shown("yaml")[0]).name == "Leave a message"


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_verb_is_one_of_the_makefile() -> None:
    verbs = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= verbs
