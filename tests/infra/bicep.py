"""Reads Bicep files as plain values, as far as their text alone can tell."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_parser = Parser(Language(tree_sitter_bicep.language()))


class Expression(str):
    """The text of what is not a literal."""


class Templates:
    """The templates in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = sorted(path.name for path in folder.glob("*.bicep"))
        self._roots = {file: parse((folder / file).read_bytes()) for file in self.files}

    def root(self, file: str) -> Node:
        return self._roots[file]

    def declarations(self, file: str, kind: str) -> dict[str, Node]:
        """The declarations of `kind` (parameter, variable, resource, module, output), by symbol."""
        return {
            text(node.named_children[0]): node
            for node in self.root(file).named_children
            if node.type == f"{kind}_declaration"
        }

    def body(self, file: str, kind: str, symbol: str) -> Any:
        """What a declaration holds: the object of a resource or module, of each item where there are several; the
        value of a variable.
        """
        node = self.declarations(file, kind)[symbol].named_children[-1]
        while node.type in ("if_statement", "for_statement"):
            node = node.named_children[-1]
        return value(node)

    def modules(self) -> dict[str, str]:
        """The modules of main.bicep: symbol to file."""
        return {
            symbol: value(node.named_children[1]) for symbol, node in self.declarations("main.bicep", "module").items()
        }

    def required(self, file: str) -> set[str]:
        """The parameters without a default."""
        declared = self.declarations(file, "parameter")
        return {name for name, node in declared.items() if "=" not in [text(child) for child in node.children]}

    def default(self, parameter: str) -> Any:
        """The default of a parameter of main.bicep."""
        return self.body("main.bicep", "parameter", parameter)

    def parameters(self) -> dict[str, str]:
        """What main.parameters.json gives, by parameter."""
        document = json.loads((self.folder / "main.parameters.json").read_text())
        return {name: entry["value"] for name, entry in document["parameters"].items()}


def parse(source: bytes) -> Node:
    return _parser.parse(source).root_node


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def faults(node: Node) -> list[str]:
    """Where the syntax is broken."""
    return [
        f"line {each.start_point[0] + 1}: {text(each)[:40]!r}"
        for each in walk(node)
        if each.is_error or each.is_missing
    ]


def value(node: Node) -> Any:
    """The literal that `node` is: dict, list, str, int or bool; an Expression for anything else."""
    children = [child for child in node.named_children if child.type != "comment"]
    match node.type:
        case "object":
            return {_name(child.named_children[0]): value(child.named_children[-1]) for child in children}
        case "array":
            return [value(child) for child in children]
        case "string" if all(child.type == "string_content" for child in children):
            return "".join(text(child) for child in children)
        case "number":
            return int(text(node))
        case "boolean":
            return text(node) == "true"
    return Expression(text(node))


def decorators(declaration: Node) -> dict[str, str]:
    """The decorators before a declaration: name to the text of their arguments."""
    before = declaration.prev_named_sibling
    if before is None or before.type != "decorators":
        return {}
    calls = [decorator.named_children[0] for decorator in before.named_children]
    return {text(call.named_children[0]): text(call.named_children[1])[1:-1] for call in calls}


def _name(node: Node) -> str:
    return str(value(node)) if node.type == "string" else text(node)
