"""Values that need more than one property of a row."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.storage.rows import pack, pieces, text_of, utf16_bytes

SIZES = [0, 1, 14_999, 15_000, 15_001, 29_999, 30_000, 30_001, 60_000, 60_001, 150_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("character", ["a", "é", "😀"])
def test_a_text_comes_back_in_properties_that_are_small_enough(size: int, character: str) -> None:
    entity: dict[str, Any] = {}
    text = character * size
    pack(entity, "value", text)
    assert text_of(entity, "value") == text
    assert all(len(piece.encode("utf-16-le")) <= 65_536 for piece in entity.values())
    assert len(entity) <= size // 15_000 + 1
    if character == "a":
        assert len(entity) <= size // 30_000 + 1, "plain text takes half as many"


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_back_in_properties_that_are_small_enough(size: int) -> None:
    entity: dict[str, Any] = {}
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    pack(entity, "value", data)
    assert b"".join(pieces(entity, "value")) == data
    assert all(len(piece) <= 65_536 for piece in entity.values())


def test_several_values_in_one_row_do_not_meet() -> None:
    entity: dict[str, Any] = {"PartitionKey": "p"}
    for name in ("value", "value_", "val"):
        pack(entity, name, name * 20_000)
    assert [text_of(entity, name) for name in ("value", "value_", "val")] == [
        name * 20_000 for name in ("value", "value_", "val")
    ]
    assert entity["PartitionKey"] == "p"


@given(st.text(max_size=20), st.integers(0, 4_000))
def test_any_text_comes_back(text: str, times: int) -> None:
    entity: dict[str, Any] = {}
    pack(entity, "value", text * times)
    assert text_of(entity, "value") == text * times


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("a", 2), ("é", 2), ("😀", 4), ("a😀", 6), ("\ud800", 2), ("a" * 1000, 2000)]
)
def test_what_a_text_takes_of_a_rows_limit(text: str, size: int) -> None:
    assert utf16_bytes(text) == size
