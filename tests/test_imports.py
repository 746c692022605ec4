"""Who may import whom, and what the pure rooms may not touch.

A new arrow between rooms fails here. Whoever draws one on purpose changes ALLOWED, and docs/architecture.md with it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["dialtone", "functions", "media_worker", "bots", "devhost", "simulator"]
ROOMS = [
    "dialtone.protocol",
    "dialtone.media",
    "dialtone.errors",
    "dialtone.gate",
    "dialtone.appstate",
    "dialtone.signals",
    "dialtone.privacy",
    "dialtone.telemetry",
    "dialtone.archive",
    "dialtone.dialogs",
    "dialtone.loading",
    "dialtone.channels",
    "dialtone.storage",
    "dialtone.drawing",
    "dialtone.layered",
]
FACE = "dialtone"
"""The package itself: what `from dialtone import ...` gives."""

COMMANDS = "dialtone.*"
"""The other modules of the package, which are the `dialtone` command and what it starts."""

ALLOWED: dict[str, set[str]] = {
    "dialtone.protocol": set(),
    "dialtone.media": set(),
    "dialtone.errors": {"dialtone.protocol"},
    "dialtone.gate": {"dialtone.protocol", "dialtone.errors"},
    "dialtone.appstate": {"dialtone.errors"},
    "dialtone.signals": set(),
    "dialtone.privacy": set(),
    "dialtone.telemetry": set(),
    "dialtone.archive": {"dialtone.storage", "dialtone.errors"},
    "dialtone.dialogs": {"dialtone.protocol", "dialtone.errors", "dialtone.appstate"},
    "dialtone.loading": {"dialtone.dialogs", "dialtone.errors"},
    "dialtone.channels": {"dialtone.protocol", "dialtone.errors", "dialtone.appstate"},
    "dialtone.storage": {
        "dialtone.protocol",
        "dialtone.errors",
        "dialtone.appstate",
        "dialtone.gate",
        "dialtone.privacy",
        "dialtone.telemetry",
    },
    "dialtone.drawing": {"dialtone.dialogs"},
    "dialtone.layered": {"dialtone.dialogs", "dialtone.drawing"},
    FACE: {"dialtone.dialogs", "dialtone.media", "dialtone.errors"},
    COMMANDS: {FACE, *ROOMS},
    "functions": {FACE, *ROOMS},
    "media_worker": {FACE, *ROOMS},
    "bots": {FACE},
    "devhost": set(),
    "simulator": {"dialtone.protocol", "dialtone.media"},
    "function_app": {"functions"},
}

PURE = ["dialtone.protocol", "dialtone.media", "dialtone.dialogs", "dialtone.channels"]
OUTSIDE = {
    "aiohttp",
    "asyncio",
    "azure",
    "builtins",
    "ctypes",
    "http",
    "httpx",
    "importlib",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "requests",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib.request",
    "uuid",
    "websockets",
}
CLOCKS = {"now", "utcnow", "today"}
DOORS = {"open", "print", "input", "exec", "eval", "__import__"}


def modules() -> dict[str, Path]:
    found = {"function_app": ROOT / "function_app.py"}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imported(tree: ast.AST, module: str, is_package: bool = False) -> Iterator[str]:
    """What a module imports: modules, and names of them that may be modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            base = parts[: len(parts) - node.level + is_package] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{source}.{alias.name}"
                yield name if name in MODULES or source != "dialtone" else source


def room(module: str) -> str | None:
    """The room that a module is in; None when it is not ours."""
    for name in ROOMS:
        if module == name or module.startswith(f"{name}."):
            return name
    top = module.partition(".")[0]
    if top == "dialtone":
        return FACE if module == FACE else COMMANDS
    return top if top in (*PACKAGES, "function_app") else None


def arrows(source: str, module: str, is_package: bool = False) -> set[tuple[str, str]]:
    """The arrows that a module draws from its room to others."""
    here = room(module)
    assert here is not None
    found = {room(name) for name in imported(ast.parse(source), module, is_package)} - {None, here}
    return {(here, there) for there in found if there is not None}


def impurities(source: str) -> Iterator[str]:
    """What a module has of the outside world."""
    tree = ast.parse(source)
    for name in imported(tree, "dialtone.dialogs.x"):
        parts = name.split(".")
        if any(".".join(parts[:length]) in OUTSIDE for length in range(1, len(parts) + 1)):
            yield f"import of {name}"
        if parts[0] == "random" and name != "random.Random":
            yield f"import of {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and isinstance(node.value, ast.Name):
            if node.value.id in ("datetime", "date"):
                yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DOORS:
            yield f"{node.func.id}()"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_arrows(module: str) -> None:
    path = MODULES[module]
    drawn = arrows(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    here = room(module)
    assert here is not None
    assert {there for _, there in drawn} <= ALLOWED[here]


def test_every_module_is_in_a_room() -> None:
    assert len(MODULES) > 40
    assert {room(module) for module in MODULES} == ALLOWED.keys()


def test_allowed_arrows_make_no_ring() -> None:
    left = {name: set(targets) for name, targets in ALLOWED.items()}
    while left:
        ends = {name for name, targets in left.items() if not targets & left.keys()}
        assert ends, f"a ring among {sorted(left)}"
        left = {name: targets for name, targets in left.items() if name not in ends}


@pytest.mark.parametrize("module", [module for module in sorted(MODULES) if room(module) in PURE])
def test_purity(module: str) -> None:
    assert list(impurities(MODULES[module].read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "module", "expected"),
    [
        ("import functions.turn", "dialtone.cli", {(COMMANDS, "functions")}),
        (
            "from dialtone.dialogs import CallBot",
            "dialtone.protocol.rules",
            {("dialtone.protocol", "dialtone.dialogs")},
        ),
        ("from dialtone import dialogs", "dialtone.protocol.rules", {("dialtone.protocol", "dialtone.dialogs")}),
        ("from dialtone import CallBot", "simulator.line", {("simulator", FACE)}),
        ("from dialtone import stack", "functions.turn", {("functions", COMMANDS)}),
        ("def later():\n    from simulator import line", "functions.turn", {("functions", "simulator")}),
        ("if TYPE_CHECKING:\n    import bots.hello", "dialtone.errors", {("dialtone.errors", "bots")}),
        ("from ..protocol import rules", "dialtone.dialogs.call", {("dialtone.dialogs", "dialtone.protocol")}),
        ("from . import rules", "dialtone.protocol.model", set()),
        ("import json, dialtonesque.protocol", "dialtone.dialogs.call", set()),
    ],
)
def test_an_arrow_is_seen(source: str, module: str, expected: set[tuple[str, str]]) -> None:
    assert arrows(source, module) == expected


@pytest.mark.parametrize(
    "source",
    [
        "import os.path",
        "from os import environ",
        "from urllib.request import urlopen",
        "from urllib import request",
        "def later():\n    import time",
        "import random",
        "from random import choice",
        "from azure.core import exceptions",
        "datetime.now(UTC)",
        "date.today",
        "open('x')",
    ],
)
def test_an_impurity_is_seen(source: str) -> None:
    assert list(impurities(source))


@pytest.mark.parametrize("source", ["from random import Random", "from urllib.parse import urlsplit", "self.now()"])
def test_what_is_pure_is_left_alone(source: str) -> None:
    assert list(impurities(source)) == []
