"""Prompts that operators uploaded, in a media handler: `await stream.play(Prompt("welcome"))`."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from dialtone import Prompt
from dialtone.errors import StorageUnavailable
from dialtone.media.stream import MediaError, Stream
from dialtone.storage import PromptStore, PromptVersion, Storage, open_storage
from media_worker.prompts import Prompts
from media_worker.settings import Settings
from tests import sounds
from tests.media_worker.conftest import Workplace
from tests.media_worker.peer import METADATA, heard


@pytest.fixture
async def storage(azurite_connection: str) -> AsyncIterator[Storage]:
    opened = open_storage(azurite_connection)
    yield opened
    await opened.close()


@pytest.mark.azurite
async def test_a_prompt_is_played_as_it_was_uploaded_for_the_language(
    workplace: Workplace, azurite_connection: str, storage: Storage
) -> None:
    general, english, later = sounds.pcm(0.1, hertz=300), sounds.pcm(0.1, hertz=400), sounds.pcm(0.1, hertz=500)
    await storage.prompts.put("greeting.wav", sounds.wav(general))
    await storage.prompts.put("greeting.en.wav", sounds.wav(english))
    await storage.prompts.put("spoken.txt", b"Hello.")
    problems: list[str] = []
    uploaded = asyncio.Event()

    async def handler(stream: Stream) -> None:
        await stream.play(Prompt("greeting", "Welcome."))
        await stream.play(Prompt("greeting", silence_ms=20), language="en-US")
        for wrong in (Prompt("nobody-uploaded-this", "Hello."), Prompt("spoken"), Prompt(text="Hello.")):
            try:
                await stream.play(wrong)
            except MediaError as error:
                problems.append(str(error))
        await uploaded.wait()
        # A call hears the versions that were there when it began.
        await stream.play(Prompt("greeting"))

    worker = await workplace.worker(Settings(port=0, storage=azurite_connection), {"it": handler})
    peer = await workplace.stream(worker, "/media/call-1?handler=it")
    await peer.send(METADATA)

    async def frames(count: int) -> bytes:
        async with asyncio.timeout(20):
            return b"".join([heard(await peer.recv()) for _ in range(count)])

    assert await frames(5) == general
    assert await frames(6) == bytes(640) + english
    await asyncio.sleep(1)  # the time of an upload is known to the second
    await storage.prompts.put("greeting.wav", sounds.wav(later))
    uploaded.set()
    assert await frames(5) == general
    assert [("no sound" in text, "cannot speak" in text) for text in problems] == [
        (True, True), (True, True), (False, True)
    ]  # fmt: skip


class Library(PromptStore):
    """Prompts that are all there; each reading is noted, and waits."""

    def __init__(self) -> None:
        self.read_: list[str] = []
        self.go = asyncio.Event()
        self.away = False

    async def playing(self, name: str, culture: str | None = None, *, as_of: float | None = None) -> PromptVersion:
        if name == "away":
            raise StorageUnavailable("away")
        return PromptVersion(name, f"{name}.wav", 0.0)

    async def read(self, slot: str, version: str) -> bytes:
        self.read_.append(slot)
        await self.go.wait()
        if self.away:
            raise StorageUnavailable("away")
        return sounds.wav(sounds.pcm(0.1))


async def test_a_sound_is_read_once_and_the_least_used_is_forgotten() -> None:
    library = Library()
    prompts = Prompts(library, most=3 * 3200)

    async def sound(name: str, rate: int = 16_000) -> int:
        async with asyncio.timeout(10):
            return len(await prompts.sound(Prompt(name), "", rate, 0.0))

    both = [asyncio.create_task(sound("a")) for _ in range(2)]
    await asyncio.sleep(0)
    both[0].cancel()
    library.go.set()
    assert await both[1] == 3200
    assert await sound("b", 24_000) == 4800
    assert library.read_ == ["a", "b"]
    await sound("a")
    await sound("c")  # more than fits: b goes, which was used before a
    assert library.read_ == ["a", "b", "c"]
    await sound("a")
    await sound("b", 24_000)
    assert library.read_ == ["a", "b", "c", "b"]


async def test_storage_that_is_away_is_told_and_asked_again() -> None:
    library = Library()
    library.go.set()
    prompts = Prompts(library)
    with pytest.raises(MediaError, match="could not be read"):
        await prompts.sound(Prompt("away"), "", 16_000, 0.0)
    library.away = True
    with pytest.raises(MediaError, match="could not be read"):
        await prompts.sound(Prompt("a"), "", 16_000, 0.0)
    library.away = False
    assert len(await prompts.sound(Prompt("a"), "", 16_000, 0.0)) == 3200
