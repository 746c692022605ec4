"""Nothing is wrong with any path of any sample bot."""

from importlib import import_module
from pathlib import Path

import pytest

from dialtone.dialogs.explorer import explore

BOTS = sorted(path.stem for path in (Path(__file__).parents[2] / "bots").glob("[!_]*.py"))


@pytest.mark.parametrize("name", BOTS)
def test_nothing_is_wrong_with_it(name: str) -> None:
    found = explore(import_module(f"bots.{name}").bot)
    assert found.findings == []
    assert found.complete


def test_the_bilingual_bot_has_all_its_texts_in_both_languages() -> None:
    found = explore(import_module("bots.bilingual").bot, languages=["en", "de"])
    assert found.findings == []
