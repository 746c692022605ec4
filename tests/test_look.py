"""The phone's page and the console look alike: the same names have the same values, in the light and in the dark."""

import re

import pytest

from tests.fakes import ROOT

PHONE = ROOT / "simulator" / "phone" / "page" / "phone.css"
CONSOLE = ROOT / "functions" / "pages" / "console.css"


def tokens(css: str) -> list[dict[str, str]]:
    """The custom properties of each `:root`: of the light, then of the dark."""
    return [dict(re.findall(r"(--[a-z-]+): ([^;]+);", block)) for block in re.findall(r":root \{([^}]*)\}", css)]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_the_same_names_have_the_same_values(scheme: int) -> None:
    phone, console = tokens(PHONE.read_text())[scheme], tokens(CONSOLE.read_text())[scheme]
    shared = phone.keys() & console.keys()
    assert len(shared) >= 14
    assert {name: phone[name] for name in shared} == {name: console[name] for name in shared}
