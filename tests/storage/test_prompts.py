import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from time import monotonic
from typing import Any

import pytest

from dialtone.errors import BotError, StorageUnavailable
from dialtone.storage import PROMPTS_CONTAINER, VERSIONS_CONTAINER, PromptStore, ResolvedPrompt, Storage
from dialtone.storage.backend import Blob, Entity
from dialtone.storage.memory import MemoryBackend, MemoryContainer, MemoryTable
from simulator.audio import encode
from tests.gate.uploads import BAD, GOOD
from tests.sounds import SSML, pcm, tone, wav

from .conftest import DeleteBlob, follow


def text(content: str) -> ResolvedPrompt:
    return ResolvedPrompt(text=content, file_uri=None)


async def put_raw(storage: Storage, name: str, data: bytes) -> None:
    """What an operator does by hand: nothing is checked, and the content type is anything."""
    await storage.backend.container(PROMPTS_CONTAINER).put(name, data, "application/octet-stream", {}, overwrite=True)


@pytest.fixture
def undecoded() -> Storage:
    """A blank storage of functions in the cloud, where no decoder is installed."""
    backend = MemoryBackend()
    storage = Storage.on(backend)
    containers = (backend.container(PROMPTS_CONTAINER), backend.container(VERSIONS_CONTAINER))
    return replace(storage, prompts=PromptStore(*containers, backend.table("prompts"), decoder=lambda: None))


class TestPrompts:
    async def test_upload_is_heard_by_the_next_turn(self, storage: Storage, delete_blob: DeleteBlob) -> None:
        assert await storage.prompts.resolve(["welcome", "menu"]) == {}
        await storage.prompts.put("welcome.txt", b"Hello.")
        assert await storage.prompts.resolve(["welcome", "menu"]) == {"welcome": text("Hello.")}
        await put_raw(storage, "welcome.txt", b"Good morning.")
        assert await storage.prompts.resolve(["welcome", "menu"]) == {"welcome": text("Good morning.")}
        await delete_blob(PROMPTS_CONTAINER, "welcome.txt")
        assert await storage.prompts.resolve(["welcome", "menu"]) == {}

    @pytest.mark.parametrize("file", ["welcome.wav", "hall/welcome.en-GB.WAV"])
    async def test_file_is_a_link_to_its_sound(self, storage: Storage, file: str) -> None:
        await put_raw(storage, file, tone())
        prompt = file.partition(".")[0]
        found = (await storage.prompts.resolve([prompt], "en-GB"))[prompt]
        assert found.text is None
        assert found.file_uri is not None
        assert await follow(found.file_uri) == ("audio/wav", tone())

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
        await put_raw(storage, "menu.wav", tone())
        await put_raw(storage, "menu.en.txt", b"English text")
        assert await storage.prompts.resolve(["menu"], "en-US") == {"menu": text("English text")}
        await put_raw(storage, "menu.en.mp3", encode(pcm(), "mp3"))
        mp3 = await self._sound(storage)
        assert mp3[:4] == b"RIFF"
        await put_raw(storage, "menu.en.wav", tone(hertz=400))
        assert await self._sound(storage) == tone(hertz=400)

    async def test_a_file_that_is_put_takes_the_place_of_the_others(self, storage: Storage) -> None:
        await storage.prompts.put("menu.wav", tone(), by="Nora")
        version = await storage.prompts.put("menu.txt", b"Text now.", by="Nora")
        assert (version.text, version.file, version.by) == ("Text now.", "menu.txt", "Nora")
        assert await storage.prompts.resolve(["menu"]) == {"menu": text("Text now.")}
        names = [blob.name for blob in await storage.backend.container(PROMPTS_CONTAINER).blobs()]
        assert names == ["menu.txt"]

    async def test_ssml_is_spoken_as_text_where_it_is_not_understood(self, storage: Storage) -> None:
        await put_raw(storage, "menu.ssml", SSML.encode())
        assert await storage.prompts.resolve(["menu"], channel="skype") == {
            "menu": text("Welcome to Contoso. Press 1.")
        }
        assert await storage.prompts.resolve(["menu"], channel="acs") == {"menu": text(SSML)}

    async def test_a_long_sound_is_narrow_where_only_small_files_are_fetched(self, storage: Storage) -> None:
        await put_raw(storage, "menu.wav", wav(pcm() * 20))
        sizes = {}
        for channel in ("skype", "acs", "teams"):
            link = (await storage.prompts.resolve(["menu"], channel=channel))["menu"].file_uri
            assert link is not None
            sizes[channel] = len((await follow(link))[1])
        assert sizes["skype"] < 512_000 < sizes["acs"] == sizes["teams"]
        other = await storage.prompts.resolve(["menu"], channel="canary")
        assert other == await storage.prompts.resolve(["menu"], channel="canary")

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

    @pytest.mark.parametrize("case", BAD)
    async def test_what_is_bad_reaches_nobody(
        self, undecoded: Storage, caplog: pytest.LogCaptureFixture, case: str
    ) -> None:
        file, data, code, fix = BAD[case]
        prompts = undecoded.prompts
        await put_raw(undecoded, file, data)
        assert await prompts.resolve(["welcome"]) == {}
        await put_raw(undecoded, "welcome.txt", b"Good morning.")
        good = {"welcome": text("Good morning.")}
        assert await prompts.resolve(["welcome"]) == good
        await put_raw(undecoded, file, data)
        for _ in range(3):
            assert await prompts.resolve(["welcome"]) == good
        # The log says it once for each upload, and the list says it until it is mended.
        told = self._warnings(caplog)
        assert len(told) == 2
        assert fix in told[0].getMessage()
        assert f"prompts/{file}" in told[0].getMessage()
        (status,) = await prompts.statuses()
        refused = next(each for each in status.files if each.file == file)
        assert (refused.code, fix in refused.fix, bool(refused.reason)) == (code, True, True)
        assert status.playing is not None
        assert status.playing.text == "Good morning."
        with pytest.raises(BotError) as refusal:
            await prompts.put(file, data)
        assert refusal.value.code == code

    async def test_what_is_good_is_heard_at_the_next_call(self, storage: Storage) -> None:
        for file, data in GOOD.values():
            await put_raw(storage, file, data)
        names = [file.partition(".")[0] for file, _ in GOOD.values()]
        assert (await storage.prompts.resolve(names, "de-DE")).keys() == set(names)
        assert not [each for status in await storage.prompts.statuses() for each in status.files if each.reason]

    def _warnings(self, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
        return [entry for entry in caplog.records if entry.name == "dialtone.storage.prompts"]

    async def test_blobs_that_are_not_prompts_are_left_alone(self, storage: Storage) -> None:
        names = ("menu", "menu.ogg", "menu.txt.bak", "readme.md", ".txt", "a b.txt", "menu.en_US.txt")
        for name in names:
            await put_raw(storage, name, b"text")
        assert await storage.prompts.resolve(["menu", "", "a b", "readme", "menu.txt"]) == {}
        assert set(await storage.prompts.strangers()) == set(names)

    @pytest.mark.parametrize(
        "name", ["", "menu", "menu.ogg", "menu.en.us.wav", "../menu.wav", "/menu.wav", "me nu.txt", "menu.\u017fv.wav"]
    )
    async def test_name_of_an_upload_is_checked(self, storage: Storage, name: str) -> None:
        with pytest.raises(BotError) as refusal:
            await storage.prompts.put(name, b"text")
        assert refusal.value.code == "PROMPT_NAME"
        assert refusal.value.field == "name"

    async def test_text_of_an_upload_is_checked(self, storage: Storage) -> None:
        with pytest.raises(BotError, match="UTF-8"):
            await storage.prompts.put("menu.txt", b"\xff\xfe")
        assert await storage.prompts.resolve(["menu"]) == {}


class TestVersions:
    async def test_the_last_good_version_goes_on(self, storage: Storage) -> None:
        await put_raw(storage, "menu.txt", b"First.")
        assert await storage.prompts.resolve(["menu"]) == {"menu": text("First.")}
        await put_raw(storage, "menu.txt", b"\xff\xfe")
        assert await storage.prompts.resolve(["menu"]) == {"menu": text("First.")}
        # So another process finds it too, which has never seen the first upload.
        other = Storage.on(storage.backend)
        assert await other.prompts.resolve(["menu"]) == {"menu": text("First.")}
        await put_raw(storage, "menu.txt", b"Second.")
        assert await other.prompts.resolve(["menu"]) == {"menu": text("Second.")}

    async def test_an_earlier_version_is_brought_back_whatever_its_kind(self, storage: Storage) -> None:
        prompts = storage.prompts
        first = await prompts.put("menu.en.wav", tone(), by="Nora")
        second = await prompts.put("menu.en.txt", b"Text.", by="Omar")
        assert [(each.id, each.by) for each in await prompts.versions("menu.en")] == [
            (second.id, "Omar"),
            (first.id, "Nora"),
        ]
        assert await follow(await prompts.preview("menu.en", first.id)) == ("audio/wav", tone())
        again = await prompts.roll_back("menu.en", first.id, by="Pia")
        assert again.id == first.id
        assert (await prompts.resolve(["menu"], "en"))["menu"].file_uri
        newest = (await prompts.versions("menu.en"))[0]
        assert (newest.id, newest.by) == (first.id, "Pia")
        assert (newest.seconds, newest.bytes) == (1.0, len(tone()))

    async def test_a_version_that_is_not_there(self, storage: Storage) -> None:
        with pytest.raises(BotError) as refusal:
            await storage.prompts.roll_back("menu", "0.txt")
        assert refusal.value.code == "PROMPT_VERSION"

    async def test_versions_of_other_prompts_are_not_mixed_in(self, storage: Storage) -> None:
        for file in ("menu.txt", "menu.en.txt", "menu-2.txt", "menu/sub.txt"):
            await storage.prompts.put(file, file.encode())
        assert [each.text for each in await storage.prompts.versions("menu")] == ["menu.txt"]

    async def test_removed_is_gone_and_its_versions_stay(self, storage: Storage) -> None:
        version = await storage.prompts.put("menu.txt", b"Text.")
        assert await storage.prompts.remove("menu")
        assert await storage.prompts.resolve(["menu"], as_of=2e9) == {}
        assert not await storage.prompts.remove("menu")
        assert await storage.prompts.settle("menu") is None
        # What was removed does not come back because something bad has its name.
        await put_raw(storage, "menu.txt", b"\xff\xff")
        assert await storage.prompts.resolve(["menu"]) == {}
        await storage.prompts.roll_back("menu", version.id)
        assert await storage.prompts.resolve(["menu"]) == {"menu": text("Text.")}

    async def test_a_file_that_comes_back_bad_is_not_played(self, storage: Storage) -> None:
        await storage.prompts.put("menu.txt", b"Text.")
        await put_raw(storage, "menu.wav", tone())
        assert (await storage.prompts.resolve(["menu"]))["menu"].file_uri
        await storage.backend.container(PROMPTS_CONTAINER).delete("menu.wav")
        assert await storage.prompts.resolve(["menu"]) == {"menu": text("Text.")}
        await put_raw(storage, "menu.wav", b"RIFF")
        assert await storage.prompts.resolve(["menu"]) == {"menu": text("Text.")}
        await storage.backend.container(PROMPTS_CONTAINER).delete("menu.txt")
        assert await storage.prompts.resolve(["menu"]) == {}


class TestCallsUnderWay:
    """Rule 3: a call hears the versions that were there when it began."""

    @pytest.fixture
    def time(self) -> "Clock":
        return Clock()

    @pytest.fixture
    def prompts(self, time: "Clock") -> Storage:
        return Storage.on(MemoryBackend(), now=time)

    async def test_a_call_keeps_its_versions(self, prompts: Storage, time: "Clock") -> None:
        await put_raw(prompts, "menu.txt", b"First.")
        began = time.now
        store = prompts.prompts
        assert await store.resolve(["menu"], as_of=began) == {"menu": text("First.")}
        for number in range(3):
            time.now += 10
            await put_raw(prompts, "menu.txt", f"Later {number}.".encode())
            assert await store.resolve(["menu"], as_of=began) == {"menu": text("First.")}
            assert await store.resolve(["menu"], as_of=time.now) == {"menu": text(f"Later {number}.")}
        # In another process too.
        other = Storage.on(prompts.backend, now=time).prompts
        assert await other.resolve(["menu"], as_of=began) == {"menu": text("First.")}

    async def test_what_is_uploaded_first_during_a_call_is_for_later_ones(
        self, prompts: Storage, time: "Clock"
    ) -> None:
        began = time.now
        assert await prompts.prompts.resolve(["menu"], as_of=began) == {}
        time.now += 1
        await put_raw(prompts, "menu.txt", b"Later.")
        assert await prompts.prompts.resolve(["menu"], as_of=began) == {}
        assert await prompts.prompts.resolve(["menu"], as_of=time.now + 1) == {"menu": text("Later.")}

    @pytest.mark.parametrize("wrong", [0, 300])
    async def test_an_upload_in_the_second_in_which_a_call_began_is_for_later_ones(
        self, prompts: Storage, time: "Clock", monkeypatch: pytest.MonkeyPatch, wrong: float
    ) -> None:
        """Whoever uploads it has never listed the prompts before, and their clock may be ahead."""
        listed = MemoryContainer.blobs

        async def blobs(container: MemoryContainer, prefix: str = "", **how: Any) -> list[Blob]:
            return [replace(blob, modified=1000.0) for blob in await listed(container, prefix, **how)]

        monkeypatch.setattr(MemoryContainer, "blobs", blobs)
        time.now = began = 1000.3
        assert await prompts.prompts.resolve(["menu"], as_of=began) == {}
        time.now = 1000.7
        await Storage.on(prompts.backend, now=lambda: time.now + wrong).prompts.put("menu.txt", b"Later.")
        assert await prompts.prompts.resolve(["menu"], as_of=began) == {}
        assert await prompts.prompts.resolve(["menu"], as_of=1001.1) == {"menu": text("Later.")}

    async def test_a_version_brought_back_is_for_later_calls(self, prompts: Storage, time: "Clock") -> None:
        store = prompts.prompts
        first = await store.put("menu.txt", b"First.")
        time.now += 10
        await store.put("menu.txt", b"Second.")
        time.now += 10
        began = time.now
        assert await store.resolve(["menu"], as_of=began) == {"menu": text("Second.")}
        time.now += 10
        await store.roll_back("menu", first.id)
        assert await store.resolve(["menu"], as_of=began) == {"menu": text("Second.")}
        assert await store.resolve(["menu"], as_of=time.now + 0.001) == {"menu": text("First.")}

    async def test_many_versions_in_one_call(self, prompts: Storage, time: "Clock") -> None:
        began = time.now - 1
        for number in range(12):
            await put_raw(prompts, "menu.txt", f"{number}".encode())
            await prompts.prompts.resolve(["menu"])
            time.now += 1
        # The oldest that is kept is nearer to what it began with than the bot's own text.
        assert await prompts.prompts.resolve(["menu"], as_of=began) == {"menu": text("4")}


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


class CountingTable(MemoryTable):
    """Counts the requests."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def get(self, partition: str, row: str) -> Entity | None:
        self.asked += 1
        return await super().get(partition, row)


def prompts_in(
    container: CountingContainer,
    *,
    refresh: float = 0.0,
    clock: Callable[[], float] = monotonic,
    table: MemoryTable | None = None,
) -> PromptStore:
    return PromptStore(container, MemoryContainer(), table or MemoryTable(), refresh=refresh, clock=clock)


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


async def test_resolve_costs_one_list_and_what_changed(container: CountingContainer) -> None:
    table = CountingTable()
    store = prompts_in(container, table=table)
    await container.upload("one.txt", b"1")
    await container.upload("two.txt", b"2")
    for _ in range(3):
        await store.resolve(["one", "two", "one", "none"])
    assert (container.lists, container.reads, table.asked) == (3, 2, 2)
    await container.upload("two.txt", b"3")
    assert await store.resolve(["one", "two"]) == {"one": text("1"), "two": text("3")}
    assert (container.lists, container.reads, table.asked) == (4, 3, 3)
    # Another process learns from the rows, and reads and judges nothing.
    other = prompts_in(container, table=table)
    assert await other.resolve(["one", "two"]) == {"one": text("1"), "two": text("3")}
    assert (container.lists, container.reads, table.asked) == (5, 3, 5)


async def test_no_names_cost_nothing(container: CountingContainer) -> None:
    assert await prompts_in(container).resolve([]) == {}
    assert container.lists == 0


async def test_refresh_window(container: CountingContainer) -> None:
    clock = Clock()
    store = prompts_in(container, refresh=10, clock=clock)
    await store.resolve(["menu"])
    await container.upload("menu.txt", b"text")
    clock.now += 9
    assert await store.resolve(["menu"]) == {}
    clock.now += 2
    assert await store.resolve(["menu"]) == {"menu": text("text")}
    assert container.lists == 2
    for _ in range(100):
        await store.resolve(["menu"], as_of=2e9)
    assert container.lists == 2
    await store.put("menu.txt", b"mine")
    assert await store.resolve(["menu"]) == {"menu": text("mine")}


async def test_only_resolves_that_asked_before_share_a_list(container: CountingContainer) -> None:
    store = prompts_in(container, clock=Clock())
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
    store = prompts_in(container, refresh=60, clock=Clock())
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
    store = prompts_in(container)
    container.gate.clear()
    first = asyncio.create_task(store.resolve(["menu"]))
    await settle()
    second = asyncio.create_task(store.resolve(["menu"]))
    await settle()
    first.cancel()
    container.gate.set()
    assert await second == {}


async def test_text_deleted_after_the_list_is_absent(container: CountingContainer) -> None:
    store = prompts_in(container)
    await container.upload("menu.txt", b"text")
    container.gate.clear()
    asked = asyncio.create_task(store.resolve(["menu"]))
    await settle()
    del container._blobs["menu.txt"]
    container.gate.set()
    assert await asked == {}


def test_store_outlives_an_event_loop(container: CountingContainer) -> None:
    store = prompts_in(container)

    async def many() -> None:
        assert await asyncio.gather(*(store.resolve(["menu"]) for _ in range(4))) == [{}] * 4

    asyncio.run(many())
    asyncio.run(many())
