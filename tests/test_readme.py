"""What the README shows is what is there."""

import re
from pathlib import Path

from simulator.script import read_script

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(found)


def test_the_bot_is_the_reception_bot() -> None:
    source = (ROOT / "bots" / "reception.py").read_text(encoding="utf-8")
    assert block("python") == source.split('"""\n\n', 1)[1]


def test_the_caller_is_a_script() -> None:
    assert read_script(block("yaml")).name == "Leave a message"


def test_what_it_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_verb_is_one_of_the_makefile() -> None:
    verbs = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) <= verbs
