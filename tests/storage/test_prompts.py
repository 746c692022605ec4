import asyncio
import logging

import pytest

from dialtone.errors import BotError, StorageUnavailable
from dialtone.storage import PROMPTS_CONTAINER, PromptStore, ResolvedPrompt, Storage
from dialtone.storage.backend import Blob
from dialtone.storage.memory import MemoryContainer

from .conftest import DeleteBlob, follow


def text(content: str) -> ResolvedPrompt:
    return ResolvedPrompt(text=content, file_uri=None)


async def put_raw(storage: Storage, name: str, data: bytes) -> None:
    """What an operator does by hand: nothing is checked, and the content type is anything."""
    await storage.backend.container(PROMPTS_CONTAINER).put(name, data, "application/octet-stream", {}, overwrite=True)


class TestPrompts:
    async def test_upload_is_heard_by_the_next_turn(self, storage: Storage, delete_blob: DeleteBlob) -> None:
        assert await storage.prompts.resolve(["welcome", "menu"]) == {}
        await storage.prompts.put("welcome.txt", b"Hello.")
        assert await storage.prompts.resolve(["welcome", "menu"]) == {"welcome": text("Hello.")}
        await put_raw(storage, "welcome.txt", b"Good morning.")
        assert await storage.prompts.resolve(["welcome", "menu"]) == {"welcome": text("Good morning.")}
        await delete_blob(PROMPTS_CONTAINER, "welcome.txt")
        assert await storage.prompts.resolve(["welcome", "menu"]) == {}

    @pytest.mark.parametrize(
        ("name", "content_type"), [("welcome.wav", "audio/wav"), ("hall/welcome.en-GB.WMA", "audio/x-ms-wma")]
    )
    async def test_file_is_a_link_to_its_bytes(self, storage: Storage, name: str, content_type: str) -> None:
        await put_raw(storage, name, b"RIFF\x00\xff")
        prompt = name.partition(".")[0]
        found = (await storage.prompts.resolve([prompt], "en-GB"))[prompt]
        assert found.text is None
        assert found.file_uri is not None
        assert await follow(found.file_uri) == (content_type, b"RIFF\x00\xff")

    async def test_the_most_special_blob_wins(self, storage: Storage) -> None:
        uploads = ["menu.en-US.txt", "menu.EN.txt", "menu.txt", "menu.zh-Hans.txt", "other.txt", "menu-2.de.txt"]
        await asyncio.gather(*(storage.prompts.put(name, name.encode()) for name in uploads))
        for culture, blob in {
            "en-US": "menu.en-US.txt",
            "EN-us": "menu.en-US.txt",
            "en-GB": "menu.EN.txt",
            "en": "menu.EN.txt",
            "de-DE": "menu.txt",
            "zh-Hans-CN": "menu.zh-Hans.txt",
            "": "menu.txt",
            None: "menu.txt",
        }.items():
            assert await storage.prompts.resolve(["menu"], culture) == {"menu": text(blob)}, culture
        assert await storage.prompts.resolve(["menu-2", "MENU"], "en-US") == {}

    async def test_culture_goes_before_kind_and_sound_before_text(self, storage: Storage) -> None:
        await storage.prompts.put("menu.wav", b"plain wav")
        await storage.prompts.put("menu.en.txt", b"English text")
        assert await storage.prompts.resolve(["menu"], "en-US") == {"menu": text("English text")}
        await storage.prompts.put("menu.en.wma", b"English wma")
        assert await self._sound(storage) == b"English wma"
        await storage.prompts.put("menu.en.wav", b"English wav")
        assert await self._sound(storage) == b"English wav"

    async def _sound(self, storage: Storage) -> bytes:
        link = (await storage.prompts.resolve(["menu"], "en-US"))["menu"].file_uri
        assert link is not None
        return (await follow(link))[1]

    @pytest.mark.parametrize(
        ("data", "spoken"),
        [
            (b"\xef\xbb\xbfGr\xc3\xbc\xc3\x9f Gott.\r\n", "Grüß Gott."),
            (b"two\nlines\n\n", "two\nlines"),
            (b" kept ", " kept "),
            ("😀".encode() * 2048, "😀" * 2048),
        ],
    )
    async def test_text_is_cleaned(self, storage: Storage, data: bytes, spoken: str) -> None:
        await storage.prompts.put("menu.txt", data)
        assert await storage.prompts.resolve(["menu"]) == {"menu": text(spoken)}

    @pytest.mark.parametrize(
        ("data", "fix"),
        [
            (b"", "write what is to be spoken"),
            (b"\xef\xbb\xbf \r\n", "write what is to be spoken"),
            (b"\xff\xfeH\x00i\x00", "UTF-8"),
            (b"a" * 2049, "shorter"),
            (b"a" * 100_000, "shorter"),
        ],
    )
    async def test_bad_text_is_as_good_as_absent(
        self, storage: Storage, caplog: pytest.LogCaptureFixture, data: bytes, fix: str
    ) -> None:
        await storage.prompts.put("menu.txt", b"Plain.")
        await put_raw(storage, "menu.en.txt", data)
        for _ in range(3):
            assert await storage.prompts.resolve(["menu"], "en") == {"menu": text("Plain.")}
        assert len(self._warnings(caplog)) == 1
        assert "prompts/menu.en.txt" in caplog.text
        assert fix in caplog.text
        await put_raw(storage, "menu.en.txt", data)
        await storage.prompts.resolve(["menu"], "en")
        assert len(self._warnings(caplog)) == 2

    def _warnings(self, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
        return [entry for entry in caplog.records if entry.name == "dialtone.storage.prompts"]

    async def test_blobs_that_are_not_prompts_are_left_alone(self, storage: Storage) -> None:
        for name in ("menu", "menu.mp3", "menu.txt.bak", "readme.md", ".txt", "a b.txt", "menu.en_US.txt"):
            await put_raw(storage, name, b"text")
        assert await storage.prompts.resolve(["menu", "", "a b", "readme", "menu.txt"]) == {}

    @pytest.mark.parametrize(
        "name", ["", "menu", "menu.mp3", "menu.en.us.wav", "../menu.wav", "/menu.wav", "me nu.txt", "menu.\u017fv.wav"]
    )
    async def test_name_of_an_upload_is_checked(self, storage: Storage, name: str) -> None:
        with pytest.raises(BotError) as refusal:
            await storage.prompts.put(name, b"text")
        assert refusal.value.code == "PROMPT_NAME"
        assert refusal.value.field == "blob_name"

    async def test_text_of_an_upload_is_checked(self, storage: Storage) -> None:
        with pytest.raises(BotError, match="UTF-8"):
            await storage.prompts.put("menu.txt", b"\xff\xfe")
        assert await storage.prompts.resolve(["menu"]) == {}


class CountingContainer(MemoryContainer):
    """Counts the requests, and holds up lists while its gate is shut."""

    def __init__(self) -> None:
        super().__init__()
        self.lists = 0
        self.reads = 0
        self.broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def blobs(self, prefix: str = "", *, limit: int | None = None, metadata: bool = False) -> list[Blob]:
        self.lists += 1
        found = await super().blobs(prefix, limit=limit, metadata=metadata)
        await self.gate.wait()
        if self.broken:
            raise StorageUnavailable("listing container prompts: broken")
        return found

    async def read(self, name: str) -> tuple[bytes, str] | None:
        self.reads += 1
        return await super().read(name)

    async def upload(self, name: str, data: bytes) -> None:
        await self.put(name, data, "text/plain", {}, overwrite=True)


class Clock:
    """A clock that moves when it is told, and a little at every look."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 0.000_001
        return self.now


@pytest.fixture
def container() -> CountingContainer:
    return CountingContainer()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_resolve_costs_one_list_and_new_texts_only(container: CountingContainer) -> None:
    store = PromptStore(container)
    await container.upload("one.txt", b"1")
    await container.upload("two.txt", b"2")
    for _ in range(3):
        await store.resolve(["one", "two", "one", "none"])
    assert (container.lists, container.reads) == (3, 2)
    await container.upload("two.txt", b"3")
    assert await store.resolve(["one", "two"]) == {"one": text("1"), "two": text("3")}
    assert (container.lists, container.reads) == (4, 3)


async def test_no_names_cost_nothing(container: CountingContainer) -> None:
    assert await PromptStore(container).resolve([]) == {}
    assert container.lists == 0


async def test_refresh_window(container: CountingContainer) -> None:
    clock = Clock()
    store = PromptStore(container, refresh=10, clock=clock)
    await store.resolve(["menu"])
    await container.upload("menu.txt", b"text")
    clock.now += 9
    assert await store.resolve(["menu"]) == {}
    clock.now += 2
    assert await store.resolve(["menu"]) == {"menu": text("text")}
    assert container.lists == 2
    await store.put("menu.txt", b"mine")
    assert await store.resolve(["menu"]) == {"menu": text("mine")}


async def test_only_resolves_that_asked_before_share_a_list(container: CountingContainer) -> None:
    store = PromptStore(container, clock=Clock())
    container.gate.clear()
    first = asyncio.create_task(store.resolve(["menu"]))
    await settle()
    await container.upload("menu.txt", b"text")
    # These ask while the first list, which knows nothing of the upload, is on its way.
    later = [asyncio.create_task(store.resolve(["menu"])) for _ in range(5)]
    await settle()
    assert container.lists == 1
    container.gate.set()
    assert await first == {}
    assert await asyncio.gather(*later) == [{"menu": text("text")}] * 5
    assert container.lists == 2


async def test_failure_is_shared_and_then_forgotten(container: CountingContainer) -> None:
    store = PromptStore(container, refresh=60, clock=Clock())
    container.broken = True
    container.gate.clear()
    asked = [asyncio.create_task(store.resolve(["menu"])) for _ in range(6)]
    await settle()
    container.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(answer, StorageUnavailable) for answer in answers)
    assert container.lists == 2
    container.broken = False
    await container.upload("menu.txt", b"text")
    assert await store.resolve(["menu"]) == {"menu": text("text")}


async def test_cancelled_resolve_holds_up_nobody(container: CountingContainer) -> None:
    store = PromptStore(container)
    container.gate.clear()
    first = asyncio.create_task(store.resolve(["menu"]))
    await settle()
    second = asyncio.create_task(store.resolve(["menu"]))
    await settle()
    first.cancel()
    container.gate.set()
    assert await second == {}


async def test_text_deleted_after_the_list_is_absent(container: CountingContainer) -> None:
    store = PromptStore(container)
    await container.upload("menu.txt", b"text")
    container.gate.clear()
    asked = asyncio.create_task(store.resolve(["menu"]))
    await settle()
    del container._blobs["menu.txt"]
    container.gate.set()
    assert await asked == {}


def test_store_outlives_an_event_loop(container: CountingContainer) -> None:
    store = PromptStore(container)

    async def many() -> None:
        assert await asyncio.gather(*(store.resolve(["menu"]) for _ in range(4))) == [{}] * 4

    asyncio.run(many())
    asyncio.run(many())
