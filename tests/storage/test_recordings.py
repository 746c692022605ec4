import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest

from dialtone.errors import BotError, StorageUnavailable
from dialtone.storage import RECORDINGS_CONTAINER, Ledger, Recording, RecordingStore, Storage
from dialtone.storage.memory import MemoryContainer, MemoryTable

from .conftest import DeleteBlob, follow

AUDIO = b"RIFF" + bytes(range(256)) * 100
MESSAGE = Recording(
    call_id="8d3b",
    operation_id="op-1",
    caller="8:caller",
    seconds=12.345,
    format="wav",
    reason="completedSilenceDetected",
    started=1_700_005_500.5,
)
STORED = replace(MESSAGE, size=len(AUDIO), sha256=hashlib.sha256(AUDIO).hexdigest(), path="2023/11/14/8d3b/op-1.wav")


class TestRecordings:
    async def test_saved_once_and_read_back(self, storage: Storage) -> None:
        assert await storage.recordings.save(MESSAGE, memoryview(AUDIO)) == STORED
        assert await storage.recordings.list() == [STORED]
        assert await storage.recordings.read(STORED.path) == AUDIO

    async def test_second_save_finds_the_first(self, storage: Storage) -> None:
        await storage.recordings.save(MESSAGE, AUDIO)
        assert await storage.recordings.save(replace(MESSAGE, seconds=1, reason="later"), b"other") == STORED
        assert await storage.recordings.read(STORED.path) == AUDIO

    async def test_parallel_saves_store_one(self, storage: Storage) -> None:
        saved = await asyncio.gather(*(storage.recordings.save(MESSAGE, AUDIO) for _ in range(8)))
        assert saved == [STORED] * 8
        assert len(await storage.recordings.list()) == 1

    @pytest.mark.parametrize(
        ("format", "content_type"), [("wav", "audio/wav"), ("wma", "audio/x-ms-wma"), ("mp3", "audio/mpeg")]
    )
    async def test_content_type(self, storage: Storage, format: str, content_type: str) -> None:
        saved = await storage.recordings.save(replace(MESSAGE, format=format), AUDIO)
        assert saved.path.endswith(f"op-1.{format}")
        link = await storage.backend.container(RECORDINGS_CONTAINER).link(saved.path, 60, content_type)
        assert await follow(link) == (content_type, AUDIO)

    async def test_values_of_any_kind(self, storage: Storage) -> None:
        odd = replace(MESSAGE, call_id="a/b\\ü", operation_id=" ../x", caller="+49 'é😀\r\nx-ms-meta-x: 1", reason="")
        saved = await storage.recordings.save(odd, b"")
        assert saved.path == "2023/11/14/a=2fb=5c=c3=bc/=20=2e=2e=2fx.wav"
        assert await storage.recordings.list() == [saved]
        assert await storage.recordings.save(odd, b"again") == saved
        assert replace(saved, size=0, sha256="", path="") == odd

    async def test_what_is_wrong_with_it(self, storage: Storage) -> None:
        saved = await storage.recordings.save(replace(MESSAGE, fault="truncated"), AUDIO)
        assert saved == replace(STORED, fault="truncated")
        assert await storage.recordings.list() == [saved]
        assert await storage.recordings.save(MESSAGE, AUDIO) == saved

    async def test_long_values_are_cut(self, storage: Storage) -> None:
        saved = await storage.recordings.save(replace(MESSAGE, caller="é" * 5000), AUDIO)
        (listed,) = await storage.recordings.list()
        assert replace(listed, caller=saved.caller) == saved
        assert listed.caller.startswith("é" * 150)

    async def test_list_by_prefix_and_limit(self, storage: Storage) -> None:
        others = [replace(MESSAGE, operation_id=f"op-{number}") for number in range(4)]
        next_day = replace(MESSAGE, started=MESSAGE.started + 1000)
        for each in (*others, next_day):
            await storage.recordings.save(each, AUDIO)
        paths = [each.path for each in await storage.recordings.list("2023/11/14/")]
        assert paths == [f"2023/11/14/8d3b/op-{number}.wav" for number in range(4)]
        assert len(await storage.recordings.list(limit=2)) == 2
        assert await storage.recordings.list(limit=0) == []
        assert [each.path for each in await storage.recordings.list("2023/11/15/")] == ["2023/11/15/8d3b/op-1.wav"]

    async def test_blobs_of_others_are_left_out(self, storage: Storage) -> None:
        await storage.backend.container(RECORDINGS_CONTAINER).put("notes.wav", b"x", "audio/wav", {}, overwrite=True)
        assert await storage.recordings.list() == []

    async def test_list_before_anything_is_saved(self, storage: Storage) -> None:
        assert await storage.recordings.list() == []

    async def test_read_what_is_not_there(self, storage: Storage, delete_blob: DeleteBlob) -> None:
        with pytest.raises(BotError, match="RECORDING_UNKNOWN"):
            await storage.recordings.read(STORED.path)
        await storage.recordings.save(MESSAGE, AUDIO)
        await delete_blob(RECORDINGS_CONTAINER, STORED.path)
        with pytest.raises(BotError, match="RECORDING_UNKNOWN"):
            await storage.recordings.read(STORED.path)

    async def test_format_must_be_known(self, storage: Storage) -> None:
        with pytest.raises(BotError, match="wav, wma, mp3") as refusal:
            await storage.recordings.save(replace(MESSAGE, format="ogg"), AUDIO)
        assert refusal.value.field == "format"


@pytest.mark.azurite
async def test_stored_privately(azurite_connection: str) -> None:
    """Nobody reads a recording without a link: the container is created without public access."""
    from dialtone.storage import open_storage

    storage = open_storage(azurite_connection)
    await storage.recordings.save(MESSAGE, AUDIO)
    link = await storage.recordings.link(STORED.path, 60)
    await storage.close()
    async with httpx.AsyncClient() as client:
        assert (await client.get(link.partition("?")[0])).status_code in (403, 404)
        assert (await client.get(link)).content == AUDIO


class RefusingContainer(MemoryContainer):
    """A container that is being deleted: it says that a blob exists, and has none."""

    async def put(
        self, name: str, data: bytes | memoryview, content_type: str, metadata: Mapping[str, str], *, overwrite: bool
    ) -> bool:
        return False


async def test_blob_refused_but_not_there_is_unavailable() -> None:
    with pytest.raises(StorageUnavailable, match=RECORDINGS_CONTAINER):
        await RecordingStore(RefusingContainer(), Ledger(MemoryTable())).save(MESSAGE, AUDIO)


async def test_ten_minutes_of_sound(storage: Storage) -> None:
    audio = bytes(600 * 16_000)
    saved = await storage.recordings.save(replace(MESSAGE, seconds=600), audio)
    assert saved.size == len(audio)
    assert await storage.recordings.read(saved.path) == audio
