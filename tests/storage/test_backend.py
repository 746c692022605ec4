import asyncio
import base64
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

from dialtone.storage import Storage, open_storage
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

    async def test_merge_leaves_what_it_does_not_set(self, storage: Storage) -> None:
        table = storage.backend.table("merged")
        assert not await table.merge({"PartitionKey": "p", "RowKey": "r", "one": 1})
        await table.put({"PartitionKey": "p", "RowKey": "r", "one": 1, "two": "2"})
        assert await table.merge({"PartitionKey": "p", "RowKey": "r", "two": "3"})
        assert not await table.merge({"PartitionKey": "p", "RowKey": "other", "two": "3"})
        row = await table.get("p", "r")
        assert row is not None
        assert (row["one"], row["two"]) == (1, "3")

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

    async def test_read_in_pieces(self, storage: Storage) -> None:
        container = storage.backend.container("pieces")
        assert await container.piece("blob", 0, 4) == b""
        await container.put("blob", b"abcdefghij", "text/plain", {}, overwrite=True)
        assert [await container.piece("blob", start, 4) for start in (0, 4, 8, 12)] == [b"abcd", b"efgh", b"ij", b""]
        await container.put("none", b"", "text/plain", {}, overwrite=True)
        assert await container.piece("none", 0, 4) == b""

    async def test_listed_in_pages(self, storage: Storage) -> None:
        container = storage.backend.container("pages")
        assert [page async for page in container.pages()] == []
        for name in ("a/1", "a/2", "a/3", "b/1"):
            await container.put(name, b"x", "text/plain", {"name": name[0]}, overwrite=True)
        pages = [[(blob.name, blob.metadata["name"]) for blob in page] async for page in container.pages("a/", size=2)]
        assert pages == [[("a/1", "a"), ("a/2", "a")], [("a/3", "a")]]

    async def test_delete(self, storage: Storage) -> None:
        container = storage.backend.container("deleted")
        await container.delete("blob")
        for name in ("blob", "blob2"):
            await container.put(name, b"x", "text/plain", {}, overwrite=True)
        await container.delete("blob")
        await container.delete("blob")
        assert [blob.name for blob in await container.blobs()] == ["blob2"]


@pytest.mark.azurite
async def test_messages_reach_the_queue(azurite_connection: str) -> None:
    queue = open_storage(azurite_connection).backend.queue("events")
    texts = ["one", 'two: "é" <b>&']
    for text in texts:
        await queue.send(text)
    await queue.ensure()
    parts = dict(part.split("=", 1) for part in azurite_connection.split(";"))
    signed = generate_account_sas(
        parts["AccountName"],
        parts["AccountKey"],
        ResourceTypes(object=True),
        AccountSasPermissions(read=True, process=True),
        datetime.now(UTC) + timedelta(minutes=1),
        services=Services(queue=True),
    )
    async with httpx.AsyncClient() as client:
        url = f"{parts['QueueEndpoint']}/events/messages?numofmessages=5&{signed}"
        reply = await client.get(url, headers={"x-ms-version": "2021-12-02"})
    read = [base64.b64decode(text).decode() for text in re.findall("<MessageText>(.*?)</MessageText>", reply.text)]
    assert read == texts


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
