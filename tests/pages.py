"""The code blocks of a page of docs/, for the tests that execute them.

A block's info string may say more than its language: a file's name (```python bots/mine.py), `keep` (a command that
stays up until the page ends), `fails` (a command that must), `raises` (the code fails with what the next text block
shows).
"""

import ast
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
FILE: Final = "bots/mine.py"
"""The name that errors give to the code of a page."""

_BLOCK: Final = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING: Final = [
    (re.compile(pattern), to)
    for pattern, to in [
        (r"\b[0-9a-f]{32}\b", "<call>"),
        (r"\bseed \d+", "seed <number>"),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:<port>"),
        (r"\b\d\d:\d\d\.\d\b", "<time>"),
        (r"\b\d+\.\d+ ?s\b", "<seconds>"),
        (r"/\S*/lib/python3\.\d+/(\S+?):\d+", r"<python>/\1"),
    ]
]
"""What differs from run to run, and from machine to machine."""


@dataclass(frozen=True)
class Block:
    """A code block: its language, what else its info string says, its text, and its line in the page."""

    language: str
    info: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in their order. Each has a language."""
    source = page.read_text(encoding="utf-8")
    found = [
        Block(match[1], match[2] or "", match[3], source.count("\n", 0, match.start()) + 1)
        for match in _BLOCK.finditer(source)
    ]
    assert source.count("\n```") == 2 * len(found), f"a block of {page.name} is not understood"
    return found


def steady(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, to in _VARYING:
        text = pattern.sub(to, text)
    return text.strip()


def is_shown(shown: str, output: str) -> bool:
    """Whether the output is what a page shows, where a line `...` stands for any lines."""
    parts = [re.escape(line) for line in steady(shown).splitlines()]
    pattern = "\n".join(r"(?:.*\n)*?.*" if part == re.escape("...") else part for part in parts)
    return re.fullmatch(pattern, steady(output)) is not None


def code_of(block: Block) -> CodeType:
    """A block's code, in which `await` may stand at the top."""
    code: CodeType = compile(block.text, FILE, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


async def execute(block: Block, module: ModuleType) -> None:
    """Run a block in a module, and the functions `test_...` that it defines."""
    known = dict(vars(module))
    done = eval(code_of(block), vars(module))  # it is the page's own code
    if inspect.isawaitable(done):
        await done
    for name, value in list(vars(module).items()):
        if name.startswith("test_") and known.get(name) is not value:
            if inspect.iscoroutinefunction(value):
                await value()
            else:
                value()
