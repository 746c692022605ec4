"""Write docs/reference/errors.md, settings.md, routes.md and channels.md from the code: `make docs`.

`python -m scripts.write_reference` writes them; with `--check` it writes nothing, names those that are not current and
ends with 1. The environment of whoever runs it changes nothing.
"""

import ast
import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
HEAD: Final = "Made from the code by `make docs`; do not edit.\n"
ROOMS: Final = ("dialtone", "functions")

_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]*[A-Z0-9]|MISSING:.*")
_PARAMETER: Final = re.compile(r"\{([\w.]+)\}")
_NOT_KNOWN: Final = "…"


@dataclass(frozen=True, order=True)
class Told:
    """What an error says: its code, its class, its message and what to do. What only a request tells is `…`."""

    code: str
    kind: str
    message: str
    fix: str


@dataclass
class Maker:
    """A class of errors, or a function that makes errors of a class from a code."""

    kind: str
    parameters: list[str]
    given: dict[str, str]
    """What it says, by `code`, `message` and `fix`; `{name}` stands for what its parameter says, `{name.0}` for the
    first part of that.
    """

    def told_by(self, arguments: Mapping[str, str]) -> dict[str, str]:
        """What it says when it is called with these."""
        return {
            part: _PARAMETER.sub(lambda found: arguments.get(found[1], ""), text) for part, text in self.given.items()
        }


def codes() -> list[Told]:
    """What each error in the code says, found in its source."""
    makers = {name: [maker] for name, maker in _classes()}
    trees = [(import_module(name), ast.parse(path.read_text())) for name, path in sorted(_modules().items())]
    calls = [(module, *each) for module, tree in trees for each in _calls(tree)]
    found: set[Told] = set()
    for _ in range(4):  # a function that makes errors may call another that does
        for module, function, call in calls:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            for maker in makers.get(name, []):
                places = _places(function)
                said = maker.told_by(_bound(maker, call, module, places))
                if function is not None and any(place in said["code"] for place in places.values()):
                    made = Maker(maker.kind, list(places), said)
                    known = makers.setdefault(function.name, [])
                    known += [made] if made not in known else []
                elif _CODE.fullmatch(said["code"]):
                    found.add(Told(kind=maker.kind, **{part: _plain(text) for part, text in said.items()}))
    found |= {told for module, tree in trees for told in _rows(module, tree)}
    return sorted(found)


def _classes() -> Iterator[tuple[str, Maker]]:
    from dialtone import errors
    from dialtone.protocol.violation import ContractViolation

    parts = ["message", "field", "fix", "code"]
    given = {part: f"{{{part}}}" for part in ("code", "message", "fix")}
    for kind in _tree(errors.DialtoneError):
        if kind.__init__ is errors.DialtoneError.__init__:
            yield kind.__name__, Maker(kind.__name__, parts, given)
    yield ContractViolation.__name__, Maker("", ["code", "message", "field", "fix"], given)
    yield "rule_error", Maker("", ["code", "message"], given)


def _tree(kind: type[Any]) -> Iterator[type[Any]]:
    """The class and all below it, as they are written."""
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == kind.__module__:
            yield from _tree(below)


def _modules() -> dict[str, Path]:
    found = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = path
    return found


def _calls(tree: ast.Module) -> list[tuple[ast.FunctionDef | ast.AsyncFunctionDef | None, ast.Call]]:
    """Each call, with the function that it is in."""
    found = []

    def walk(node: ast.AST, inside: Any) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                found.append((inside, child))
            walk(child, child if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else inside)

    walk(tree, None)
    return found


@cache
def _places(function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> dict[str, str]:
    """The names in a function that stand for what it is called with, and how `Maker` writes them."""
    if function is None:
        return {}
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    places = {each.arg: f"{{{each.arg}}}" for each in arguments}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id in places:
            for target in node.targets:
                if isinstance(target, ast.Tuple):
                    names = [each.id for each in target.elts if isinstance(each, ast.Name)]
                    places |= {name: f"{{{node.value.id}.{number}}}" for number, name in enumerate(names)}
    return places


def _bound(maker: Maker, call: ast.Call, module: ModuleType, places: Mapping[str, str]) -> dict[str, str]:
    names = [name for name in maker.parameters if name not in ("self", "cls")]
    given = dict(zip(names, call.args, strict=False)) | {each.arg: each.value for each in call.keywords if each.arg}
    bound = {}
    for name, node in given.items():
        bound[name] = _text(node, module, places)
        value = getattr(module, node.id, None) if isinstance(node, ast.Name) else None
        if isinstance(value, tuple):
            bound |= {f"{name}.{number}": str(part) for number, part in enumerate(value)}
    return bound


def _text(node: ast.expr, module: ModuleType, places: Mapping[str, str]) -> str:
    """The text of an expression; what is not known before it runs is `…`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, module, places) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return _text(node.value, module, places)
    if isinstance(node, ast.BoolOp):
        return _text(node.values[-1], module, places)
    if isinstance(node, ast.Name):
        value = getattr(module, node.id, None)
        return places.get(node.id) or (str(value) if isinstance(value, str | int | float) else _NOT_KNOWN)
    return _NOT_KNOWN


def _rows(module: ModuleType, tree: ast.Module) -> Iterator[Told]:
    """Errors that are rows of a table (functions/tokens.py): an exception, a code, a message and what to do."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 4 and isinstance(node.elts[0], ast.Attribute):
            code, message, fix = (_text(each, module, {}) for each in node.elts[1:])
            if _CODE.fullmatch(code):
                yield Told(code, "Forbidden", message, fix)


def _plain(text: str) -> str:
    return _PARAMETER.sub(_NOT_KNOWN, text)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _table(names: list[str], rows: list[list[str]]) -> str:
    lines = [names, ["---"] * len(names), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def errors_page() -> str:
    """The tree of errors, and every code."""
    from dialtone import errors

    kinds = list(_tree(errors.DialtoneError))
    rows = []
    for kind in kinds:
        indent = "&nbsp;&nbsp;" * (len(kind.__mro__) - len(errors.DialtoneError.__mro__))
        meaning = (inspect.getdoc(kind) or "").split("\n\n")[0]
        retry = "yes" if kind.retryable else "no"
        rows.append([f"{indent}`{kind.__name__}`", f"`{kind.code}`", str(kind.http_status), retry, meaning])
    told = codes()
    ours = [[f"`{each.code}`", f"`{each.kind}`", each.message, each.fix] for each in told if each.kind]
    contract = [[f"`{each.code}`", each.message, each.fix] for each in told if not each.kind]
    return f"""\
# Errors

{HEAD}
An error is answered with the status of its class and `{{"error": {{"code", "message", "field", "fix"}}}}`, with
`call_id` where the call is known. What is in no class is answered 500 with the code `INTERNAL`. In messages,
`{_NOT_KNOWN}` stands for what only the request tells.

## Classes

The code is the one that an error of the class has when it has none of its own. "Retry" says whether the same request
may succeed later.

{_table(["class", "code", "status", "retry", "meaning"], rows)}
`CallEnded` is no error: {(inspect.getdoc(errors.CallEnded) or "").rstrip(".")}.

## Codes

{_table(["code", "class", "message", "what to do"], ours)}
## Rules of the calling contract

A callback that breaks one is refused as `BadMessage` (400), an action or a workflow of a bot as `WorkflowError`.

{_table(["code", "message", "what to do"], contract)}"""


def settings_page() -> str:
    """The tables of settings, as the modules that read them have them."""
    import functions.acs_settings
    import functions.settings
    import functions.teams_settings
    import media_worker.settings

    parts = [
        ("Functions", functions.settings),
        ("ACS channel", functions.acs_settings),
        ("Teams channel", functions.teams_settings),
        ("Media worker", media_worker.settings),
    ]
    text = "\n".join(f"## {title}\n\n{inspect.getdoc(module)}\n" for title, module in parts)
    return f"# Settings\n\n{HEAD}\n{text}"


def routes_page() -> str:
    """What the functions and the worker serve, and who may call."""
    import function_app
    import media_worker.server

    http, timers = [], []
    for function in function_app.app.get_functions():
        handler = function.get_user_function()
        meaning = (inspect.getdoc(handler) or "").split("\n\n")[0]
        found = function.get_trigger()
        assert found is not None, "a function has a trigger"
        trigger = found.get_dict_repr()
        if trigger["type"] == "httpTrigger":
            verifier = inspect.getclosurevars(handler).nonlocals["verifier"]
            methods = ", ".join(str(getattr(method, "value", method)) for method in trigger["methods"])
            level = str(getattr(trigger["authLevel"], "value", trigger["authLevel"])).lower()
            who = (inspect.getdoc(verifier) or "").split("\n\n")[0]
            http.append([methods, f"`/api/{trigger['route']}`", f"`{verifier.__name__}`: {who}", level, meaning])
        else:
            timers.append([str(function.get_function_name()), f"`{trigger['schedule']}`", meaning])
    worker = (inspect.getdoc(media_worker.server) or "").partition("\n\n")[2]
    return f"""\
# Routes

{HEAD}
## Functions

"Key" is what the Functions host asks for before it calls the function, when `DIALTONE_AUTH` is left at its default.

{_table(["method", "path", "verifier", "key", "what it does"], sorted(http, key=lambda row: row[1]))}
Timers:

{_table(["name", "schedule", "what it does"], timers)}
## Media worker

{worker}
"""


def channels_page() -> str:
    """What each channel can do."""
    from dialtone.channels.capabilities import CHANNELS, TABLE, Emulated, Refused, Way

    def cell(way: Way) -> str:
        if isinstance(way, Emulated):
            return f"emulated: {way.how}"
        return f"refused: {way.text}" if isinstance(way, Refused) else "exact"

    rows = [
        [
            f"`{row.action}`",
            f"`{row.option}`" if row.option else "",
            *map(cell, (row.skype, row.acs, row.teams_phone, row.teams)),
        ]
        for row in TABLE
    ]
    return f"""\
# Channels

{HEAD}
What each channel does with each action of a workflow and each of its options. "Exact": as the contract says.
"Emulated": by other means, which are told. "Refused": no command is sent, and the text is the reason of the failure
that the dialog sees and of a warning in the log; nothing is dropped in silence.

{_table(["action", "option", *CHANNELS], rows)}"""


def contents() -> dict[str, str]:
    """Names of files in docs/reference, and what is in them. Once in a process: an app gives its functions once."""
    for name in [name for name in os.environ if name.startswith("DIALTONE_")]:
        del os.environ[name]
    return {
        "errors.md": errors_page(),
        "settings.md": settings_page(),
        "routes.md": routes_page(),
        "channels.md": channels_page(),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, text in contents().items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    if "--check" in arguments and stale:
        print(f"not current: {', '.join(stale)}; fix: make docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
