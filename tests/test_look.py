"""The phone's page and the console take their colours from one file, which has all that they name."""

import re

import pytest

from tests.fakes import ROOT

LOOK = ROOT / "dialtone" / "look.css"
PAGES = {"phone": ROOT / "simulator" / "phone" / "page", "console": ROOT / "functions" / "pages"}


def tokens(css: str) -> list[set[str]]:
    """The custom properties of each `:root`: of the light, then of the dark."""
    return [set(re.findall(r"(--[a-z-]+):", block)) for block in re.findall(r":root \{([^}]*)\}", css)]


def test_the_dark_has_a_value_for_each_of_the_light() -> None:
    light, dark = tokens(LOOK.read_text())
    assert light == dark
    assert len(light) >= 18


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_no_other_colours_than_those_and_its_own(page: str) -> None:
    texts = {path.name: path.read_text() for path in PAGES[page].iterdir() if path.suffix in (".css", ".js", ".html")}
    (css,) = (text for name, text in texts.items() if name.endswith(".css"))
    own = set().union(*tokens(css))
    shared = tokens(LOOK.read_text())[0]
    named = set(re.findall(r"var\((--[a-z-]+)", "".join(texts.values())))
    assert not own & shared
    assert named <= own | shared | set(re.findall(r"(--[a-z-]+):", css))
    sheets = re.findall(r'<link rel="stylesheet" href="(?:console/pages/)?([a-z.]+)">', "".join(texts.values()))
    assert sheets == ["look.css", f"{page}.css"]
