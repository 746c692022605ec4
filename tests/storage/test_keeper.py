"""What is done with recordings after they were stored, and what is mended: at every step that may break off."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from dialtone.errors import ConfigurationError, DependencyError, StorageUnavailable
from dialtone.privacy import Callers
from dialtone.storage import RECORDINGS_CONTAINER, Entry, Recording, State, Storage
from dialtone.storage.fetching import LIVE
from dialtone.storage.keeper import DAY_S, Archive, Keeper, event_of, retention
from tests.functions.rig import FaultyBackend

from .test_recordings import AUDIO, MESSAGE, STORED

START = 1_700_005_600.0
DAY = "20231114"


class World:
    """Storage, its keeper, and who is told. `now` is moved by tests."""

    def __init__(
        self, storage: Storage, classes: Mapping[str, int] | None = None, archive: Archive | None = None
    ) -> None:
        self.storage = storage
        self.now = START
        self.told: list[dict[str, Any]] = []
        self.callers: dict[str, str] = {}
        self.refuse = False
        self.container = storage.backend.container(RECORDINGS_CONTAINER)
        storage.recordings._clock = lambda: self.now
        self.keeper = Keeper(
            self.container,
            storage.ledger,
            classes=classes,
            tell=self.tell,
            archive=archive,
            caller_of=self.caller_of,
            clock=lambda: self.now,
        )

    async def tell(self, event: dict[str, Any]) -> None:
        if self.refuse:
            raise DependencyError("nobody listens")
        self.told.append(event)

    async def caller_of(self, call_id: str) -> str:
        return self.callers.get(call_id, "")

    async def entry(self, path: str = STORED.path) -> Entry:
        entry = await self.storage.ledger.get(path)
        assert entry is not None
        return entry

    async def blob(self, path: str, audio: bytes, **metadata: str) -> None:
        about = {"call": "8d3b", "format": "wav", "started": repr(MESSAGE.started)} | metadata
        await self.container.put(path, audio, "audio/wav", about, overwrite=True)


@pytest.fixture
def world(storage: Storage) -> World:
    return World(storage)


async def test_a_recording_from_its_start_to_its_end(world: World) -> None:
    kept = replace(MESSAGE, consent="given", keep="complaint")
    path = await world.storage.recordings.expect(kept)
    assert (await world.entry(path)).state is State.EXPECTED
    stored = await world.storage.recordings.save(kept, AUDIO)
    assert stored == replace(STORED, consent="given", keep="complaint")
    entry = await world.entry()
    assert (entry.state, entry.size, entry.sha256) == (State.STORED, len(AUDIO), STORED.sha256)
    assert (entry.call_id, entry.seconds, entry.format, entry.consent) == ("8d3b", 12.345, "wav", "given")
    report = await world.keeper.work()
    assert (report.told, report.finished, report.findings) == (1, 1, [])
    assert world.told == [event_of(entry)]
    assert world.told[0]["data"] | {"caller": ""} == {
        "path": STORED.path, "call": "8d3b", "operation": "op-1", "caller": "", "seconds": 12.345, "format": "wav",
        "size": len(AUDIO), "sha256": STORED.sha256, "consent": "given", "keep": "complaint", "fault": "",
    }  # fmt: skip
    assert (await world.keeper.work()).looked_at == 0
    assert await world.storage.recordings.save(kept, AUDIO) == stored
    assert len(world.told) == 1


async def test_callers_are_written_as_the_setting_says(storage: Storage) -> None:
    for callers, told in ((Callers.MASKED, "8:****er"), (Callers.HASHED, "caller-")):
        hidden = Storage.on(storage.backend, callers=callers)
        about = replace(MESSAGE, operation_id=callers)
        saved = await hidden.recordings.save(about, AUDIO)
        assert saved.caller.startswith(told)
        entry = await hidden.ledger.get(saved.path)
        assert entry is not None
        assert entry.caller == saved.caller
        assert saved in await hidden.recordings.list()
        assert saved.path in await hidden.ledger.of_caller(await hidden.ledger.caller_key("8:CALLER"))


async def test_sound_that_arrived_when_nobody_wrote_it_down(world: World) -> None:
    await world.storage.recordings.expect(MESSAGE)
    await world.blob(STORED.path, AUDIO, seconds="3.5")
    report = await world.keeper.work()
    assert (report.completed, report.told) == (1, 1)
    entry = await world.entry()
    assert (entry.state, entry.size, entry.sha256, entry.seconds) == (State.STORED, len(AUDIO), STORED.sha256, 3.5)


async def test_a_recorder_that_goes_on_is_left_alone_and_one_that_died_is_not(world: World) -> None:
    await world.storage.recordings.expect(replace(MESSAGE, caller=""))
    await world.blob(STORED.path, AUDIO, **{LIVE: "1", "seconds": "3.5"})
    assert (await world.keeper.work()).waiting == 1
    world.callers["8d3b"] = "8:nora"
    world.now += DAY_S
    assert (await world.keeper.work()).completed == 1
    entry = await world.entry()
    assert (entry.state, entry.caller) == (State.STORED, "8:nora")
    assert await world.storage.ledger.of_caller(await world.storage.ledger.caller_key("8:nora")) == [STORED.path]


async def test_what_a_platform_keeps_is_fetched_run_by_run(world: World) -> None:
    path = await world.storage.recordings.expect(MESSAGE)
    world.storage.recordings.part_bytes = 1000
    away = True

    async def part(start: int, size: int) -> tuple[bytes, int]:
        if away:
            raise DependencyError("the platform is away", fix="wait")
        return AUDIO[start : start + size], len(AUDIO)

    async def fetch(entry: Entry) -> bool:
        assert entry.path == path
        wanted = replace(MESSAGE, fault="truncated")
        return await world.storage.recordings.fetch(wanted, part, lambda head, size: "", lambda: False) is not None

    world.keeper._fetch = fetch
    assert str(await world.keeper.work()) == "1 looked at"
    assert (await world.entry()).fault == "notFetched"
    assert (await world.keeper.reconcile(DAY)).findings == [("not fetched", path)]
    away = False
    parts = -(-len(AUDIO) // 1000)
    for _ in range(parts - 1):
        assert str(await world.keeper.work()) == "1 looked at, 1 waiting"
    assert (await world.keeper.reconcile(DAY)).findings == [("not fetched", path)]
    assert str(await world.keeper.work()) == "1 looked at, 1 completed, 1 told, 1 finished"
    entry = await world.entry()
    assert (entry.state, entry.fault, entry.sha256) == (State.STORED, "", STORED.sha256)
    assert (await world.keeper.reconcile(DAY)).findings == []


async def test_when_the_platform_keeps_it_no_longer_what_there_is_counts(world: World) -> None:
    path = await world.storage.recordings.expect(MESSAGE)
    world.storage.recordings.part_bytes = 1000
    asked = 0

    async def part(start: int, size: int) -> tuple[bytes, int]:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise DependencyError("404", fix="wait")
        return AUDIO[start : start + size], len(AUDIO)

    async def fetch(entry: Entry) -> bool:
        wanted = replace(MESSAGE, fault="truncated")
        return await world.storage.recordings.fetch(wanted, part, lambda head, size: "", lambda: True) is not None

    world.keeper._fetch = fetch
    await world.keeper.work()
    world.now += DAY_S
    assert (await world.keeper.work()).completed == 1
    entry = await world.entry()
    assert (entry.state, entry.size, entry.fault) == (State.STORED, 1000, "truncated")
    assert await world.storage.recordings.read(path) == AUDIO[:1000]
    assert asked == 2


async def test_sound_that_never_came_is_missing_until_it_comes(world: World) -> None:
    await world.storage.recordings.expect(MESSAGE)
    assert (await world.keeper.work()).waiting == 1
    world.now += DAY_S
    report = await world.keeper.work()
    assert report.findings == [("missing", STORED.path)]
    assert (await world.entry()).state is State.MISSING
    assert (await world.keeper.work()).looked_at == 0
    await world.storage.recordings.save(MESSAGE, AUDIO)
    assert (await world.keeper.work()).told == 1
    assert (await world.entry()).state is State.STORED


async def test_sound_without_bytes_is_told_and_reported_once(world: World) -> None:
    await world.storage.recordings.save(MESSAGE, b"")
    assert (await world.keeper.work()).findings == [("empty", STORED.path)]
    assert [event["data"]["size"] for event in world.told] == [0]
    assert (await world.entry()).state is State.EMPTY


async def test_an_event_that_is_not_taken_is_sent_with_the_next_run(world: World) -> None:
    await world.storage.recordings.save(MESSAGE, AUDIO)
    world.refuse = True
    assert (await world.keeper.work()).finished == 0
    world.refuse = False
    assert (await world.keeper.work()).told == 1
    assert len(world.told) == 1


async def test_a_day_is_reconciled(world: World) -> None:
    """Blobs without entries, entries without blobs, sizes that differ, what was deleted, what is not ours."""
    recordings = world.storage.recordings
    names = ("whole", "gone", "cut", "emptied", "deleted", "unlisted")
    paths = {name: (await recordings.save(replace(MESSAGE, operation_id=name), AUDIO)).path for name in names}
    await world.keeper.work()
    await world.container.delete(paths["gone"])
    await world.blob(paths["cut"], AUDIO[:-1])
    await world.blob(paths["emptied"], b"")
    assert await world.keeper.delete(paths["deleted"]) == ""
    await world.blob(paths["deleted"], AUDIO)
    await world.storage.backend.table("recordings").delete(*keys_of(world, paths["unlisted"]))
    await world.container.put("2023/11/14/notes.txt", b"x", "text/plain", {}, overwrite=True)
    report = await world.keeper.reconcile(DAY)
    assert sorted(report.findings) == [
        ("changed", paths["cut"]),
        ("empty", paths["emptied"]),
        ("missing", paths["gone"]),
        ("not ours", "2023/11/14/notes.txt"),
    ]
    assert (report.looked_at, report.adopted) == (7, 1)
    world.told.clear()
    await world.keeper.work()
    assert [event["data"]["path"] for event in world.told] == [paths["unlisted"]]
    assert await world.container.head(paths["deleted"]) is None
    assert {name: (await world.entry(path)).state for name, path in paths.items()} == {
        "whole": "stored", "gone": "missing", "cut": "stored", "emptied": "stored", "deleted": "deleted",
        "unlisted": "stored",
    }  # fmt: skip
    adopted = await world.entry(paths["unlisted"])
    assert (adopted.caller, adopted.sha256, adopted.seconds) == ("8:caller", STORED.sha256, 12.345)
    again = await world.keeper.reconcile(DAY)
    assert [kind for kind, _ in again.findings if kind == "missing"] == []


def keys_of(world: World, path: str) -> tuple[str, str]:
    from dialtone.storage.ledger import _keys

    keys = _keys(path)
    return keys.partition, keys.row


async def test_retention_ends_and_a_legal_hold_outlasts_it(storage: Storage) -> None:
    world = World(storage, {"standard": 30, "forever": 0})
    names = {"usual": "standard", "held": "standard", "kept": "forever", "odd": "no-such-class"}
    paths = {
        name: (await storage.recordings.save(replace(MESSAGE, operation_id=name, keep=keep), AUDIO)).path
        for name, keep in names.items()
    }
    await world.keeper.work()
    assert await world.keeper.hold(paths["held"], "case 7")
    assert not await world.keeper.hold("2023/11/14/none/op.wav", "case 7")
    with pytest.raises(ValueError, match="reason"):
        await world.keeper.hold(paths["held"], " ")
    assert (await world.keeper.expire()).looked_at == 0
    world.now = MESSAGE.started + 30 * DAY_S - 1
    assert (await world.keeper.expire()).expired == 0
    world.now += 2
    report = await world.keeper.expire()
    assert (report.expired, report.held) == (1, 1)
    there = {name: await world.container.head(path) is not None for name, path in paths.items()}
    assert there == {"usual": False, "held": True, "kept": True, "odd": True}
    assert (await world.entry(paths["usual"])).state is State.EXPIRED
    assert await world.keeper.delete(paths["held"]) is None
    assert (await world.keeper.expire()).looked_at == 0
    assert await world.keeper.release(paths["held"])
    assert (await world.keeper.expire()).expired == 1
    assert await world.container.head(paths["held"]) is None
    assert not await world.keeper.hold(paths["held"], "too late")


async def test_the_recordings_of_a_caller_are_deleted_with_a_receipt(world: World) -> None:
    mine = [await world.storage.recordings.save(replace(MESSAGE, operation_id=f"op-{n}"), AUDIO) for n in range(3)]
    other = await world.storage.recordings.save(replace(MESSAGE, operation_id="x", caller="8:other"), AUDIO)
    await world.keeper.work()
    await world.keeper.hold(mine[2].path, "case 7")
    receipt = await world.keeper.delete_caller("8:Caller", by="privacy@contoso.test")
    assert [each["path"] for each in receipt.deleted] == [mine[0].path, mine[1].path]
    assert [each["sha256"] for each in receipt.deleted] == [STORED.sha256] * 2
    assert (receipt.held, receipt.complete) == ([mine[2].path], False)
    assert await world.storage.ledger.receipt(receipt.id) == receipt
    left = {blob.name for blob in await world.container.blobs()}
    assert left == {mine[2].path, other.path}
    for each in mine[:2]:
        entry = await world.entry(each.path)
        assert (entry.state, entry.caller, entry.caller_key) == (State.DELETED, "", "")
    await world.keeper.release(mine[2].path)
    again = await world.keeper.delete_caller("8:caller", by="privacy@contoso.test")
    assert ([each["path"] for each in again.deleted], again.complete) == ([mine[2].path], True)
    assert (await world.keeper.delete_caller("8:caller", by="x")).deleted == []


async def test_sound_that_comes_after_its_deletion_is_not_stored(world: World) -> None:
    await world.storage.recordings.save(MESSAGE, AUDIO)
    await world.keeper.delete(STORED.path)
    saved = await world.storage.recordings.save(MESSAGE, AUDIO)
    assert (saved.fault, saved.size) == ("deleted", 0)
    assert await world.container.head(STORED.path) is None


Fail = Callable[[str], bool]


class Steps:
    """Lets the n-th operation of storage fail: before it is done, or after, when its answer is lost."""

    def __init__(self, backend: FaultyBackend, number: int, *, after: bool) -> None:
        self.seen = 0
        self.hit = ""
        self.on = True
        backend.fail = lambda _: False
        backend.fail_after = lambda _: False

        def step(operation: str) -> bool:
            if not self.on:
                return False
            self.seen += 1
            if self.seen == number:
                self.hit = operation
            return self.seen == number

        if after:
            backend.fail_after = step
        else:
            backend.fail = step


async def until_it_works(do: Callable[[], Any]) -> Any:
    for _ in range(3):
        try:
            return await do()
        except StorageUnavailable:
            continue
    raise AssertionError("it did not work when nothing failed any more")


@pytest.mark.parametrize("after", [False, True], ids=["refused", "answer lost"])
async def test_storage_that_fails_at_every_step_loses_nothing_and_does_nothing_twice(after: bool) -> None:
    number, hit = 0, {""}
    while True:
        number += 1
        backend = FaultyBackend()
        world = World(Storage.on(backend), {"standard": 30})
        queue = backend.queue("events")

        async def tell(event: dict[str, Any], queue: Any = queue) -> None:
            await queue.send(json.dumps(event))

        world.keeper._tell = tell
        steps = Steps(backend, number, after=after)
        stored = await until_it_works(lambda: world.storage.recordings.save(MESSAGE, AUDIO))  # noqa: B023
        assert stored == STORED
        for _ in range(3):
            await until_it_works(world.keeper.work)
        await until_it_works(lambda: world.keeper.reconcile(DAY))  # noqa: B023
        for _ in range(3):
            await until_it_works(world.keeper.work)
        broke, steps.on = steps.hit, False
        told = [json.loads(text)["id"] for text in queue.messages]
        # Twice only where it was sent and its mark was lost on the way there: with the same id.
        assert len(told) == (2 if broke == "merge recordings" and len(told) == 2 and not after else 1)
        assert len(set(told)) == 1
        assert await world.container.read(STORED.path) is not None
        entry = await world.entry()
        assert (entry.state, entry.sha256, entry.size) == (State.STORED, STORED.sha256, len(AUDIO))
        assert entry.expires
        assert await world.storage.ledger.todo() == []
        world.now, steps.on = MESSAGE.started + 31 * DAY_S, True
        await until_it_works(world.keeper.expire)
        for _ in range(3):
            await until_it_works(world.keeper.work)
            await until_it_works(world.keeper.expire)
        steps.on = False
        assert await world.container.read(STORED.path) is None
        assert (await world.entry()).state in (State.EXPIRED, State.DELETED)
        assert await world.storage.ledger.of_caller(entry.caller_key) == []
        if not steps.hit:
            break
        hit.add(steps.hit)
    assert hit >= {"insert recordings", "put recordings", "merge recordings", "delete recordings", "scan recordings"}
    assert number > 20


def test_classes_of_retention() -> None:
    assert retention("") == {}
    assert retention("standard=30, complaint=3650,training=0") == {"standard": 30, "complaint": 3650, "training": 0}
    for wrong in ("standard", "=30", "standard=ten", "standard=-1"):
        with pytest.raises(ConfigurationError, match="DIALTONE_RETENTION"):
            retention(wrong)


def test_the_id_of_an_event_does_not_change() -> None:
    entry = Entry(STORED.path, State.STORED, stored_at=1.5)
    assert event_of(entry)["id"] == event_of(replace(entry, stored_at=9, size=3))["id"]
    assert event_of(entry)["time"] == "1970-01-01T00:00:01Z"


def test_recordings_are_all_of_one_kind() -> None:
    assert isinstance(STORED, Recording)
