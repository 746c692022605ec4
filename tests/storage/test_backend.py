import asyncio

import pytest

from dialtone.storage import Storage
from dialtone.storage.backend import together


class TestTable:
    async def test_scan(self, storage: Storage) -> None:
        table = storage.backend.table("scanned")
        for row in ("c", "a", "b"):
            assert await table.insert({"PartitionKey": "p", "RowKey": row, "even": row == "b"})
        await table.insert({"PartitionKey": "q", "RowKey": "b"})

        async def keys(**arguments: object) -> str:
            return "".join(row["RowKey"] for row in await table.scan("p", **arguments))  # type: ignore[arg-type]

        assert await keys() == "abc"
        assert await keys(first="b") == "bc"
        assert await keys(first="b!") == "c"
        assert await keys(limit=2) == "ab"
        assert await keys(last=lambda row: row["even"]) == "ab"

    async def test_put_replaces_the_whole_row(self, storage: Storage) -> None:
        table = storage.backend.table("written")
        await table.put({"PartitionKey": "p", "RowKey": "r", "one": 1, "two": "2"})
        await table.put({"PartitionKey": "p", "RowKey": "r", "two": "3"})
        row = await table.get("p", "r")
        assert row is not None
        assert "one" not in row
        assert row["two"] == "3"

    async def test_delete_is_idempotent(self, storage: Storage) -> None:
        table = storage.backend.table("removed")
        await table.delete("p", "r")
        await table.put({"PartitionKey": "p", "RowKey": "r"})
        await table.delete("p", "r")
        await table.delete("p", "r")
        assert await table.get("p", "r") is None


class TestContainer:
    async def test_one_etag_for_one_content(self, storage: Storage) -> None:
        container = storage.backend.container("etags")
        etags = []
        for content in (b"one", b"two"):
            await container.put("blob", content, "text/plain", {}, overwrite=True)
            head, read = await container.head("blob"), await container.read("blob")
            (listed,) = await container.blobs()
            assert head is not None
            assert read == (content, head.etag)
            assert listed == head
            etags.append(head.etag)
        assert len(set(etags)) == 2

    async def test_put_without_overwriting(self, storage: Storage) -> None:
        container = storage.backend.container("kept")
        assert await container.put("blob", b"one", "text/plain", {"a": "1"}, overwrite=False)
        assert not await container.put("blob", b"two", "text/plain", {"a": "2"}, overwrite=False)
        read = await container.read("blob")
        assert read is not None
        assert read[0] == b"one"
        assert [blob.metadata for blob in await container.blobs(metadata=True)] == [{"a": "1"}]

    async def test_absent_blob(self, storage: Storage) -> None:
        container = storage.backend.container("absent")
        assert await container.head("blob") is None
        assert await container.read("blob") is None
        assert await container.blobs() == []


async def test_together_waits_for_all_before_it_fails() -> None:
    done = []

    async def fails() -> None:
        raise LookupError("first")

    async def ends() -> None:
        await asyncio.sleep(0)
        done.append(True)

    with pytest.raises(LookupError, match="first"):
        await together(fails(), ends())
    assert done == [True]
    assert await together(asyncio.sleep(0, 1), asyncio.sleep(0, 2)) == [1, 2]
