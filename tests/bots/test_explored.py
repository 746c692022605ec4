"""Nothing is wrong with any path of any sample bot."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dialtone.dialogs.explorer import explore

BOTS = sorted(path.stem for path in (Path(__file__).parents[2] / "bots").glob("[!_]*.py"))
OPTIONS: dict[str, dict[str, Any]] = {
    "bilingual": {"languages": ("en", "de-AT")},
    "payment": {"examples": {"payment": [{"paid": True}, {"paid": False}]}},
}


@pytest.mark.parametrize("name", BOTS)
def test_nothing_is_wrong_with_it(name: str) -> None:
    found = explore(import_module(f"bots.{name}").bot, states=400, **OPTIONS.get(name, {}))
    assert found.findings == []
    assert found.complete
    assert found.not_reached == []
