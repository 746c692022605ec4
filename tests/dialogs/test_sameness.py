"""Which values are the same, so that two states that hold them may be merged."""

import sqlite3
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

import pytest

from dialtone import Prompt
from dialtone.dialogs.explorer.sameness import Sameness


@dataclass
class Order:
    items: list[str] = field(default_factory=list)


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Secretive(Plain):
    """What it says of its state is not all of it."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Key(Enum):
    ONE = 1
    TWO = 2


def closing_over(value: Any) -> Any:
    return lambda: value


def after(steps: int, iterator: Any) -> Any:
    for _ in range(steps):
        next(iterator)
    return iterator


def ring(length: int) -> list[Any]:
    first: list[Any] = []
    last = first
    for _ in range(length):
        last.append([])
        last = last[0]
    last.append(first)
    return first


PAIRS: list[tuple[str, Any]] = [
    ("numbers", lambda n: 7 + n),
    ("truth", lambda n: bool(n)),
    ("dicts", lambda n: {"a": [1, n]}),
    ("order of dicts", lambda n: dict([("a", 1), ("b", 2)][:: -1 if n else 1])),
    ("sets", lambda n: {1, 2 + n}),
    ("dataclasses", lambda n: Order(["x"] * n)),
    ("frozen dataclasses with slots", lambda n: Prompt("name", f"text {n}")),
    ("objects", lambda n: Plain([n])),
    ("objects with slots", lambda n: Slotted(n)),
    ("closures", lambda n: closing_over(n)),
    ("partials", lambda n: partial(print, n)),
    ("dates", lambda n: datetime(2026, 1, 1 + n, tzinfo=UTC)),
    ("decimals", lambda n: Decimal(n)),
    ("enums", lambda n: Key(1 + n)),
    ("list iterators", lambda n: after(n, iter([1, 1, 1]))),
    ("dict iterators", lambda n: after(n, iter({1: 1, 2: 2}))),
    ("enumerations", lambda n: after(n, enumerate("aaa"))),
    ("exceptions", lambda n: ValueError(n)),
    ("methods", lambda n: Order(["x"] * n).items.append if n > 5 else Plain(n).__init__),  # type: ignore[misc]
    ("rings", lambda n: ring(n + 1)),
]


@pytest.mark.parametrize("make", [make for _, make in PAIRS], ids=[name for name, _ in PAIRS])
def test_what_says_the_same_is_the_same(make: Any) -> None:
    compared = Sameness()
    assert compared.of(make(0)) == compared.of(make(0))
    assert compared.of(make(0)) != compared.of(make(1))


def test_one_and_true_are_not_the_same() -> None:
    compared = Sameness()
    assert len({compared.of(value) for value in (1, True, 1.0, "1", [1], (1,))}) == 6


@pytest.mark.parametrize(
    "make",
    [
        object,
        lambda: Secretive(1),
        lambda: (number for number in range(3)),
        lambda: sqlite3.connect(":memory:"),
        lambda: [memoryview(b"x")],
    ],
    ids=["object", "secretive", "generator", "connection", "view"],
)
def test_what_cannot_be_compared_equals_only_itself(make: Any) -> None:
    compared = Sameness()
    one, other = make(), make()
    assert compared.of(one) != compared.of(other)
    assert compared.of(one) == compared.of(one)
    for each in (one, other):
        if isinstance(each, sqlite3.Connection):
            each.close()


def test_a_deque_counts_by_identity_or_content_but_never_wrongly() -> None:
    compared = Sameness()
    assert compared.of(deque([1])) != compared.of(deque([2]))


def test_one_list_under_two_names_is_not_two_lists() -> None:
    compared, one = Sameness(), [1]
    assert compared.of([one, one]) != compared.of([[1], [1]])


def test_what_is_nested_too_deeply_is_itself() -> None:
    compared, deep = Sameness(), [[]]  # type: tuple[Sameness, Any]
    for _ in range(100_000):
        deep = [deep]
    assert compared.of(deep) == compared.of(deep)
    while deep:
        deep = deep.pop()
