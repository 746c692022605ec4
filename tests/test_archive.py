"""Copies of recordings elsewhere: one contract for a folder, an S3 bucket (moto stands for it), an Azure account."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialtone.archive import Copier, Copy, Sink, Taken, open_sink
from dialtone.archive.folder import FolderSink
from dialtone.errors import ConfigurationError, DependencyError, StorageUnavailable
from dialtone.storage import RECORDINGS_CONTAINER, Entry, Storage
from dialtone.storage.keeper import Keeper
from tests.functions.rig import FaultyBackend
from tests.storage.test_recordings import MESSAGE

PART = 5 * 1_048_576
"""The least that S3 takes."""
SOUND = bytes(range(256)) * (2 * PART // 256) + b"the end"
NAME = "2023/11/14/8d3b/op-1.wav"
SHA = hashlib.sha256(SOUND).hexdigest()
ABOUT = {"sha256": SHA, "call": "8d3b", "consent": "given"}


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """An S3 on this machine."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(params=["folder", "s3", pytest.param("azure", marks=pytest.mark.azurite)])
async def sink(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sink]:
    if request.param == "folder":
        yield open_sink(f"file://{tmp_path}")
    elif request.param == "s3":
        bucket = bucket_in(request.getfixturevalue("s3_url"), monkeypatch)
        yield open_sink(f"s3://{bucket}/copies")
    else:
        made = open_sink("azure:copies", storage=request.getfixturevalue("azurite_connection"))
        yield made
        await made.close()


def bucket_in(url: str, monkeypatch: pytest.MonkeyPatch, *, lock: bool = False) -> str:
    import uuid

    import boto3

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": url,
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=lock)
    return bucket


def pieces() -> list[bytes]:
    return [SOUND[start : start + PART] for start in range(0, len(SOUND), PART)]


async def write(sink: Sink, parts: list[bytes]) -> None:
    upload = await sink.begin(NAME, ABOUT)
    for number, part in enumerate(parts):
        await sink.send(upload, number, part)
    await sink.finish(upload, len(parts), ABOUT)


class TestContract:
    async def test_a_copy_is_there_when_it_is_finished_and_not_before(self, sink: Sink) -> None:
        assert await sink.find(NAME) is None
        upload = await sink.begin(NAME, ABOUT)
        for number, part in enumerate(pieces()):
            await sink.send(upload, number, part)
            assert await sink.find(NAME) is None
        await sink.finish(upload, len(pieces()), ABOUT)
        assert await sink.find(NAME) == Copy(len(SOUND), SHA)
        assert sink.address(NAME).endswith(NAME)

    async def test_whoever_goes_on_finds_the_parts_that_are_there(self, sink: Sink) -> None:
        first = await sink.begin(NAME, ABOUT)
        await sink.send(first, 0, pieces()[0])
        second = await sink.begin(NAME, ABOUT)
        assert second.parts == {0: hashlib.md5(pieces()[0]).hexdigest()}
        for number in (1, 2):
            await sink.send(second, number, pieces()[number])
        await sink.finish(second, 3, ABOUT)
        assert await sink.find(NAME) == Copy(len(SOUND), SHA)

    async def test_it_is_written_once(self, sink: Sink) -> None:
        late = await sink.begin(NAME, ABOUT)
        await sink.send(late, 0, b"something else")
        await write(sink, pieces())
        other = await sink.begin(NAME, ABOUT)
        await sink.send(other, 0, b"something else")
        with pytest.raises(Taken):
            await sink.finish(other, 1, ABOUT)
        await sink.give_up(other)
        assert await sink.find(NAME) == Copy(len(SOUND), SHA)

    async def test_a_part_is_replaced(self, sink: Sink) -> None:
        upload = await sink.begin(NAME, ABOUT)
        await sink.send(upload, 0, b"wrong")
        await sink.send(upload, 0, pieces()[0])
        await sink.send(upload, 1, pieces()[1])
        await sink.send(upload, 2, pieces()[2])
        await sink.finish(upload, 3, ABOUT)
        assert await sink.find(NAME) == Copy(len(SOUND), SHA)

    async def test_a_copy_is_removed(self, sink: Sink) -> None:
        assert await sink.remove(NAME) == ""
        await write(sink, pieces())
        assert await sink.remove(NAME) == ""
        assert await sink.find(NAME) is None
        assert await sink.remove(NAME) == ""

    async def test_what_is_given_up_is_gone(self, sink: Sink) -> None:
        upload = await sink.begin(NAME, ABOUT)
        await sink.give_up(upload)
        await sink.give_up(upload)
        assert await sink.find(NAME) is None


class Flaky:
    """A sink whose n-th request fails, before it is done or after."""

    def __init__(self, sink: Sink, number: int, *, after: bool) -> None:
        self._sink, self._number, self._after = sink, number, after
        self.seen = 0
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._sink, name)
        if name == "address":
            return method

        async def request(*arguments: Any) -> Any:
            self.seen += 1
            mine = self.seen == self._number
            if mine and not self._after:
                raise DependencyError(f"{name} was told to fail")
            answer = await method(*arguments)
            self.done.append(name)
            if mine:
                raise DependencyError(f"the answer to {name} was told to be lost")
            return answer

        return request


async def expected(storage: Storage) -> Entry:
    await storage.recordings.save(MESSAGE, SOUND)
    entry = await storage.ledger.get(NAME)
    assert entry is not None
    return entry


@pytest.mark.parametrize("after", [False, True], ids=["refused", "answer lost"])
async def test_archive_and_storage_that_fail_at_every_step_lose_nothing_and_do_nothing_twice(
    after: bool, tmp_path: Path
) -> None:
    """The sink's own steps first, then storage's; each in a folder of its own."""
    number, broke = 0, True
    while broke:
        number += 1
        for of_storage in (False, True):
            backend = FaultyBackend()
            storage = Storage.on(backend)
            await expected(storage)
            folder = tmp_path / f"{number}-{of_storage}"
            flaky = Flaky(FolderSink(str(folder)), 0 if of_storage else number, after=after)
            container = backend.container(RECORDINGS_CONTAINER)
            keeper = Keeper(container, storage.ledger, archive=Copier(container, flaky, part_bytes=PART))
            seen = 0

            def step(operation: str) -> bool:
                nonlocal seen
                seen += of_storage  # noqa: B023
                return of_storage and seen == number  # noqa: B023

            if after:
                backend.fail_after = step
            else:
                backend.fail = step
            for _ in range(3):
                try:
                    await keeper.work()
                except StorageUnavailable:
                    continue
            backend.fail = backend.fail_after = lambda operation: False
            entry = await storage.ledger.get(NAME)
            assert entry is not None
            assert (entry.archived, bool(entry.archived_at)) == (f"file://{folder / NAME}", True)
            assert await storage.ledger.todo() == []
            there = sorted(path.name for path in folder.rglob("*") if path.is_file())
            assert there == ["op-1.wav", "op-1.wav.json"]
            assert (folder / NAME).read_bytes() == SOUND
            assert flaky.done.count("finish") <= 1 + (after and not of_storage)
            if of_storage:
                broke = seen >= number or flaky.seen >= number
    assert number > 8


async def test_a_copy_goes_on_where_it_broke_off(sink: Sink) -> None:
    storage = Storage.on(FaultyBackend())
    entry = await expected(storage)
    container = storage.backend.container(RECORDINGS_CONTAINER)
    flaky = Flaky(sink, 4, after=False)
    with pytest.raises(DependencyError):
        await Copier(container, flaky, part_bytes=PART).copy(entry)
    assert flaky.done == ["find", "begin", "send"]
    again = Flaky(sink, 0, after=False)
    address = await Copier(container, again, part_bytes=PART).copy(entry)
    assert again.done == ["find", "begin", "send", "send", "finish", "find"]
    assert address == sink.address(NAME)
    third = Flaky(sink, 0, after=False)
    assert await Copier(container, third, part_bytes=PART).copy(entry) == address
    assert third.done == ["find"]


async def test_what_is_not_what_the_ledger_says_is_not_archived(sink: Sink) -> None:
    storage = Storage.on(FaultyBackend())
    entry = await expected(storage)
    container = storage.backend.container(RECORDINGS_CONTAINER)
    await container.put(NAME, SOUND[:-1], "audio/wav", {}, overwrite=True)
    with pytest.raises(DependencyError, match="ledger"):
        await Copier(container, sink, part_bytes=PART).copy(entry)
    assert await sink.find(NAME) is None
    await write(sink, [b"another one"])
    with pytest.raises(DependencyError, match="another recording"):
        await Copier(container, sink, part_bytes=PART).copy(replace(entry, sha256="0" * 64))


async def test_s3_object_lock_keeps_a_copy_from_its_deletion(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = bucket_in(s3_url, monkeypatch, lock=True)
    sink = open_sink(f"s3://{bucket}", lock_days=30)
    await write(sink, pieces())
    assert "it is locked" in await sink.remove(NAME)
    assert await sink.find(NAME) == Copy(len(SOUND), SHA)


async def test_a_bucket_that_is_not_there(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket_in(s3_url, monkeypatch)
    sink = open_sink("s3://no-such-bucket")
    with pytest.raises(DependencyError, match="NoSuchBucket"):
        await sink.begin(NAME, ABOUT)


@pytest.mark.parametrize("setting", ["", "s3://", "gs://bucket", "azure:", "file:folder", "azure:copies", "bucket"])
def test_what_is_no_archive(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="DIALTONE_ARCHIVE"):
        open_sink(setting)


def test_only_s3_locks(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LOCK_DAYS"):
        open_sink(f"file://{tmp_path}", lock_days=1)


def test_opening_imports_nothing_that_costs_a_cold_start() -> None:
    import subprocess
    import sys

    from tests.fakes import ROOT

    code = (
        "import sys; from dialtone.archive import open_sink; open_sink('s3://bucket'); "
        "open_sink('azure:acct/copies'); print([x for x in sys.modules if x in ('boto3', 'botocore', 'aiohttp')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"
