"""Bags of data, in memory and in an account."""

import asyncio
from typing import Any

import pytest

from dialtone.storage import Storage
from dialtone.storage.memory import MemoryBackend
from tests.storage.test_calls import NASTY_IDS

NORA = "8:nora"


async def test_nothing_is_there_before_it_is_saved(storage: Storage) -> None:
    assert await storage.data.load("user", NORA) == {}


@pytest.mark.parametrize(
    "value", [None, False, 0, -1.5, "", "text", "ü😀", [], {}, {"a": [1, {"b": None}]}, "x" * 32_000, "😀" * 16_000]
)
async def test_a_value_comes_back(storage: Storage, value: Any) -> None:
    await storage.data.save("user", NORA, {"value": value})
    assert await storage.data.load("user", NORA) == {"value": value}


async def test_only_what_is_given_is_changed(storage: Storage) -> None:
    await storage.data.save("user", NORA, {"a": 1, "b": 2, "c": 3})
    await storage.data.save("user", NORA, {"b": 20, "d": 4}, ["a", "never there"])
    assert await storage.data.load("user", NORA) == {"b": 20, "c": 3, "d": 4}


async def test_saving_again_changes_nothing(storage: Storage) -> None:
    await storage.data.save("user", NORA, {"a": 1, "b": 2})
    for _ in range(2):
        await storage.data.save("user", NORA, {"a": 10}, ["b"])
        assert await storage.data.load("user", NORA) == {"a": 10}


async def test_a_shorter_value_leaves_nothing_of_a_longer_one(storage: Storage) -> None:
    await storage.data.save("user", NORA, {"a": "x" * 100_000})
    await storage.data.save("user", NORA, {"a": "y"})
    assert await storage.data.load("user", NORA) == {"a": "y"}


async def test_a_bag_is_emptied(storage: Storage) -> None:
    await storage.data.save("private", NORA, {"a": 1, "b": 2})
    await storage.data.save("private", NORA, {"b": 3, "c": 4}, emptied=True)
    assert await storage.data.load("private", NORA) == {"b": 3, "c": 4}
    await storage.data.save("private", NORA, {}, emptied=True)
    await storage.data.save("private", NORA, {}, emptied=True)
    assert await storage.data.load("private", NORA) == {}


async def test_bags_are_apart(storage: Storage) -> None:
    owners = [("user", NORA), ("private", NORA), ("user", f"{NORA}0"), ("user", "8"), ("conversation", NORA)]
    for number, (bag, owner) in enumerate(owners):
        await storage.data.save(bag, owner, {"number": number})
    await storage.data.save("user", NORA, {}, emptied=True)
    found = [await storage.data.load(bag, owner) for bag, owner in owners]
    assert found == [{}, {"number": 1}, {"number": 2}, {"number": 3}, {"number": 4}]


async def test_calls_that_change_different_names_do_not_undo_each_other(storage: Storage) -> None:
    await asyncio.gather(*(storage.data.save("user", NORA, {f"name {number}": number}) for number in range(20)))
    assert await storage.data.load("user", NORA) == {f"name {number}": number for number in range(20)}


@pytest.mark.parametrize("text", [*NASTY_IDS, "8:nora\n19:t@thread.skype"])
async def test_any_owner_and_any_name_will_do(storage: Storage, text: str) -> None:
    await storage.data.save("private", text, {text: 1, "other": 2})
    assert await storage.data.load("private", text) == {text: 1, "other": 2}
    await storage.data.save("private", text, {}, [text])
    assert await storage.data.load("private", text) == {"other": 2}


async def test_more_names_than_a_page_of_rows(storage: Storage) -> None:
    values = {f"{number}": number for number in range(105)}
    for first in range(0, len(values), 15):  # all at once would be too much for Azurite on a busy machine
        await storage.data.save("user", NORA, dict(list(values.items())[first : first + 15]))
    assert await storage.data.load("user", NORA) == values
    await storage.data.save("user", NORA, {}, emptied=True)
    assert await storage.data.load("user", NORA) == {}


async def test_it_is_not_where_calls_are() -> None:
    backend = MemoryBackend()
    opened = Storage.on(backend, prompt_refresh=0, link_seconds=600)
    await opened.data.save("user", NORA, {"a": 1})
    assert len(await backend.table("calldata").scan("user-8=3anora")) == 1
