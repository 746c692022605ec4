"""Reads Bicep files as plain values, as far as their text alone can tell."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

INFRA = Path(__file__).parents[2] / "infra"
FILES = sorted(path.name for path in INFRA.glob("*.bicep"))

_parser = Parser(Language(tree_sitter_bicep.language()))


class Expression(str):
    """The text of what is not a literal."""


def parse(source: bytes) -> Node:
    return _parser.parse(source).root_node


@cache
def root(file: str) -> Node:
    return parse((INFRA / file).read_bytes())


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


def declarations(file: str, kind: str) -> dict[str, Node]:
    """The declarations of `kind` (parameter, variable, resource, module, output), by symbol."""
    return {
        text(node.named_children[0]): node for node in root(file).named_children if node.type == f"{kind}_declaration"
    }


def decorators(declaration: Node) -> dict[str, str]:
    """The decorators before a declaration: name to the text of their arguments."""
    before = declaration.prev_named_sibling
    if before is None or before.type != "decorators":
        return {}
    calls = [decorator.named_children[0] for decorator in before.named_children]
    return {text(call.named_children[0]): text(call.named_children[1])[1:-1] for call in calls}


def body(file: str, kind: str, symbol: str) -> Any:
    """What a declaration holds: the object of a resource or module, the value of a variable."""
    return value(declarations(file, kind)[symbol].named_children[-1])


def _name(node: Node) -> str:
    return str(value(node)) if node.type == "string" else text(node)
