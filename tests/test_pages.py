"""The reader of pages, on which the tests of docs/ rely."""

from pathlib import Path

import pytest

from tests.pages import Block, blocks, is_shown

SHOWN = "00:00.0  bot       plays\n...\nPASS: (16.7 s, call e4262eecfb8a4321a1fb8189b95e1dcb)\n"


@pytest.mark.parametrize(
    ("output", "same"),
    [
        ("00:01.2  bot       plays\nPASS: (1.1 s, call 00000eecfb8a4321a1fb8189b95e1dcb)", False),
        ("00:01.2  bot       plays\nmore\nPASS: (1.1 s, call 00000eecfb8a4321a1fb8189b95e1dcb)", True),
        ("00:01.2  bot       plays\nmore\n\nmore\nPASS: (1.1 s, call 00000eecfb8a4321a1fb8189b95e1dcb)\n", True),
        ("00:01.2  bot       rings\nmore\nPASS: (1.1 s, call 00000eecfb8a4321a1fb8189b95e1dcb)", False),
        ("00:01.2  bot       plays\nmore\nFAIL: (1.1 s, call 00000eecfb8a4321a1fb8189b95e1dcb)", False),
        ("00:01.2  bot       plays\nmore", False),
    ],
)
def test_what_is_shown_is_what_came_but_for_what_varies(output: str, same: bool) -> None:
    assert is_shown(SHOWN, output) is same


def test_the_blocks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n```python bots/mine.py\nx = 1\n```\n\n```sh\nls\n```\n")
    assert blocks(page) == [Block("python", "bots/mine.py", "x = 1\n", 3), Block("sh", "", "ls\n", 7)]
    page.write_text("# A page\n\n```\nwhat language?\n```\n")
    with pytest.raises(AssertionError, match=r"a block of page\.md is not understood"):
        blocks(page)
