"""Sound that is fetched part by part: whatever fails at whichever part, what is stored is whole, and once."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.errors import DependencyError, StorageUnavailable
from dialtone.storage import RECORDINGS_CONTAINER, Recording, State, Storage
from dialtone.storage.fetching import LIVE
from dialtone.storage.ledger import NOT_FETCHED
from tests.functions.rig import FaultyBackend

from .test_recordings import MESSAGE, STORED

PART = 10
SOUND = bytes(range(47))
COUNT = 5
"""Parts of SOUND."""


class Platform:
    """What a platform keeps: `asked` are the bytes that were asked for from; `fails` says which request it fails."""

    def __init__(self, sound: bytes = SOUND) -> None:
        self.sound = sound
        self.asked: list[int] = []
        self.fails: Callable[[int], bool] = lambda number: False

    async def part(self, start: int, size: int) -> tuple[bytes, int]:
        self.asked.append(start)
        if self.fails(len(self.asked)):
            raise DependencyError("the platform is away", fix="wait")
        return self.sound[start : start + size], len(self.sound)


def fault(head: bytes, size: int) -> str:
    return "" if head == SOUND[:PART] and size == len(SOUND) else "wrongFormat"


async def fetch(storage: Storage, platform: Platform, *, parts: int = 99) -> Recording | None:
    storage.recordings.part_bytes = PART
    left = iter(range(parts - 1))
    recording = replace(MESSAGE, fault="truncated")
    return await storage.recordings.fetch(recording, platform.part, fault, lambda: next(left, None) is not None)


async def is_whole(storage: Storage, sound: bytes = SOUND) -> bool:
    entry, digest = await storage.ledger.get(STORED.path), hashlib.sha256(sound).hexdigest()
    assert entry is not None
    assert (entry.state, entry.size, entry.sha256) == (State.STORED, len(sound), digest)
    (listed,) = await storage.recordings.list()
    assert (listed.sha256, listed.fault, listed.size) == (digest, entry.fault, len(sound))
    return await storage.recordings.read(STORED.path) == sound


async def test_it_is_fetched_in_parts_and_is_no_recording_before_the_last(storage: Storage) -> None:
    platform = Platform()
    for done in (10, 20, 30, 40):
        assert await fetch(storage, platform, parts=1) is None
        blob = await storage.backend.container(RECORDINGS_CONTAINER).head(STORED.path)
        assert blob is not None
        assert (blob.size, LIVE in blob.metadata, blob.metadata["fault"]) == (done, True, "truncated")
        assert await storage.recordings.list() == []
        entry = await storage.ledger.get(STORED.path)
        assert entry is not None
        assert (entry.state, entry.fault) == (State.EXPECTED, "")
    stored = await fetch(storage, platform)
    assert stored is not None
    assert (stored.fault, stored.size) == ("", len(SOUND))
    assert await is_whole(storage)
    assert platform.asked == [0, 10, 20, 30, 40]
    assert await fetch(storage, platform) == stored
    assert len(platform.asked) == COUNT


@pytest.mark.parametrize("sound", [b"", SOUND[:PART], SOUND[:3]])
async def test_what_is_no_longer_than_a_part_is_stored_in_one_go(storage: Storage, sound: bytes) -> None:
    stored = await fetch(storage, Platform(sound))
    assert stored is not None
    assert stored.fault == "wrongFormat"
    entry = await storage.ledger.get(STORED.path)
    assert entry is not None
    assert (entry.state, entry.size) == (State.STORED if sound else State.EMPTY, len(sound))


@pytest.mark.parametrize("number", range(1, COUNT + 1))
async def test_the_platform_fails_at_a_part_and_no_part_is_fetched_twice(storage: Storage, number: int) -> None:
    platform = Platform()
    platform.fails = lambda request: request == number
    with pytest.raises(DependencyError):
        await fetch(storage, platform)
    entry = await storage.ledger.get(STORED.path)
    assert entry is not None
    assert (entry.state, entry.fault) == (State.EXPECTED, NOT_FETCHED)
    assert await fetch(storage, platform)
    assert await is_whole(storage)
    assert platform.asked == sorted([*range(0, 50, 10), 10 * (number - 1)])


@pytest.mark.parametrize("is_done", [False, True], ids=["refused", "answer lost"])
async def test_storage_fails_at_every_step(is_done: bool) -> None:
    """At its n-th request, once; then the fetch is made again."""
    hit, number = set[str](), 0
    while True:
        number += 1
        backend, count = FaultyBackend(), 0
        storage, platform = Storage.on(backend), Platform()

        def fail(operation: str) -> bool:
            nonlocal count
            count += 1
            if count == number:  # noqa: B023
                hit.add(operation)
            return count == number  # noqa: B023

        if is_done:
            backend.fail_after = fail
        else:
            backend.fail = fail
        try:
            stored = await fetch(storage, platform)
        except StorageUnavailable:
            # A commit whose answer was lost was made, so the first to go on finds the blob another than it thought.
            stored = await fetch(storage, platform)
        assert stored is not None
        steps, backend.fail, backend.fail_after = count, lambda _: False, lambda _: False
        assert await is_whole(storage)
        assert len(platform.asked) <= COUNT + 1
        if steps < number:
            break
    assert hit >= {"insert recordings", "head recordings", "stage recordings", "put recordings", "merge recordings"}


async def test_of_two_at_once_one_goes_on(storage: Storage) -> None:
    one, other = Platform(), Platform()
    second: list[Recording | None] = []

    async def part(start: int, size: int) -> tuple[bytes, int]:
        if start == 20 and not second:
            # While this part is on its way somebody else fetches two.
            second.append(await fetch(storage, other, parts=2))
        return await one.part(start, size)

    storage.recordings.part_bytes = PART
    assert await storage.recordings.fetch(replace(MESSAGE, fault="truncated"), part, fault, lambda: True) is None
    assert second == [None]
    assert await fetch(storage, one)
    assert await is_whole(storage)
    assert other.asked == [20, 30]
    assert one.asked == [0, 10, 20, 40]


async def test_a_file_that_becomes_another_is_begun_again(storage: Storage) -> None:
    platform = Platform()
    assert await fetch(storage, platform, parts=2) is None
    platform.sound = SOUND + b"more"
    stored = await fetch(storage, platform)
    assert stored is not None
    assert stored.fault == "wrongFormat"
    assert await is_whole(storage, platform.sound)


async def test_what_somebody_else_wrote_into_the_blob_is_not_gone_on_with(storage: Storage) -> None:
    platform = Platform()
    assert await fetch(storage, platform, parts=2) is None
    container = storage.backend.container(RECORDINGS_CONTAINER)
    blob = await container.head(STORED.path)
    assert blob is not None
    await container.put(STORED.path, bytes(20), "audio/wav", blob.metadata, overwrite=True)
    assert await fetch(storage, platform)
    assert await is_whole(storage)


async def test_a_part_that_is_cut_is_no_part(storage: Storage) -> None:
    async def cut(start: int, size: int) -> tuple[bytes, int]:
        return SOUND[start : start + size - 1], len(SOUND)

    storage.recordings.part_bytes = PART
    with pytest.raises(DependencyError, match="9 bytes"):
        await storage.recordings.fetch(MESSAGE, cut, fault, lambda: True)


async def test_one_that_was_deleted_meanwhile_is_not_fetched(storage: Storage) -> None:
    await storage.recordings.expect(MESSAGE)
    await storage.ledger.change(STORED.path, state=State.DELETED)
    platform = Platform()
    stored = await fetch(storage, platform)
    assert stored is not None
    assert (stored.fault, platform.asked) == ("deleted", [])


@given(st.binary(max_size=64), st.integers(1, 20), st.sets(st.integers(1, 12)))
async def test_any_sound_in_any_parts_with_any_failures(sound: bytes, part: int, failing: set[int]) -> None:
    storage, platform = Storage.on(FaultyBackend()), Platform(sound)
    platform.fails = lambda number: number in failing
    storage.recordings.part_bytes = part
    stored = None
    for _ in range(len(failing) + 1):
        try:
            stored = await storage.recordings.fetch(MESSAGE, platform.part, lambda head, size: "", lambda: True)
            break
        except DependencyError:
            assert await storage.recordings.list() == []
    assert stored is not None
    assert (stored.sha256, stored.size) == (hashlib.sha256(sound).hexdigest(), len(sound))
    assert await storage.recordings.read(stored.path) == sound
