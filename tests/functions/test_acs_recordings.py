"""Recordings on ACS: fetched part by part when Event Grid tells of them, and by the keeper if that failed."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from aiohttp import web

from bots import reception
from dialtone.channels.acs_grid import DOWNLOAD_WITHIN_S, RecordingFile, parse_grid
from dialtone.errors import BadMessage, DependencyError
from dialtone.storage import RECORDINGS_CONTAINER, Entry, State
from dialtone.storage.keeper import Keeper
from functions import recordings
from functions.acs_client import AcsClient
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import Fault
from simulator.script import read_script_file
from tests.functions.acs_rig import AcsRig, bot_on_acs
from tests.functions.issuer import serving
from tests.functions.stories import LEAVE

PART = 20_000


def keeper(acs: AcsRig) -> Keeper:
    """The keeper, as the functions' timers have it."""

    async def fetch(entry: Entry) -> bool:
        return await acs.turns.recordings.fetch(entry.call_id, entry.operation_id)

    container = acs.rig.storage.backend.container(RECORDINGS_CONTAINER)
    return Keeper(container, acs.rig.storage.ledger, fetch=fetch, clock=lambda: acs.rig.now)


def day(acs: AcsRig) -> str:
    return datetime.fromtimestamp(acs.rig.now, UTC).strftime("%Y%m%d")


async def entry_of(acs: AcsRig) -> Entry:
    (entry,) = await acs.rig.storage.ledger.of_day(day(acs))
    return entry


async def is_whole(acs: AcsRig) -> bool:
    """Whether what is stored is what the resource has, byte for byte."""
    ((_, recording),) = acs.resource._files.values()
    (data,) = recording.files.values()
    (stored,) = await acs.rig.storage.recordings.list()
    entry, digest = await entry_of(acs), hashlib.sha256(data).hexdigest()
    assert (entry.state, entry.fault, entry.size, entry.sha256) == (State.STORED, "", len(data), digest)
    assert (stored.sha256, stored.fault) == (digest, "")
    return await acs.rig.storage.recordings.read(stored.path) == data


def parts(acs: AcsRig) -> list[tuple[str, int]]:
    """The ranges that were asked for, and what was answered."""
    asked = ((request, reply) for name, request, reply in acs.resource.requests if name == "download")
    return [(request.headers["range"], reply.status) for request, reply in asked]


async def leave_a_message(acs: AcsRig) -> None:
    acs.rig.storage.recordings.part_bytes = PART
    acs.rig.storage.recordings._clock = lambda: acs.rig.now
    await acs.ring(read_script_file(LEAVE))


async def test_a_long_one_is_fetched_part_by_part_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(reception.bot, monkeypatch) as acs:
        await leave_a_message(acs)
        assert await is_whole(acs)
        asked = parts(acs)
        assert len(asked) > 3
        assert [each for each, _ in asked] == [
            f"bytes={at}-{at + PART - 1}" for at in range(0, PART * len(asked), PART)
        ]
        assert {status for _, status in asked} == {206}


@pytest.mark.parametrize("after", range(5))
async def test_the_resource_fails_at_a_part_and_the_next_delivery_goes_on(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = [Fault("download", 503, after=after)]
    async with bot_on_acs(reception.bot, monkeypatch, AcsSettings(faults=faults), sockets=False) as acs:
        await leave_a_message(acs)
        assert sorted(status for kind, status in acs.statuses if kind == "events") == [200, 200, 503]
        assert await is_whole(acs)
        asked = [each for each, _ in parts(acs)]
        assert len(asked) == len(set(asked)) + 1, "only the part that failed is asked for again"


async def test_the_timer_fetches_what_no_delivery_could(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [Fault("download", 503, after=2, times=4)]
    async with bot_on_acs(reception.bot, monkeypatch, AcsSettings(faults=faults), sockets=False) as acs:
        await leave_a_message(acs)
        entry = await entry_of(acs)
        assert (entry.state, entry.fault) == (State.EXPECTED, "notFetched")
        assert entry.expected_at > acs.rig.now, "the day begins when Event Grid says where it is"
        assert (await keeper(acs).reconcile(day(acs))).findings == [("not fetched", entry.path)]
        assert (await keeper(acs).work()).completed == 0
        assert (await keeper(acs).work()).completed == 1
        assert await is_whole(acs)
        asked = [each for each, _ in parts(acs)]
        assert len(asked) == len(set(asked)) + 4
        assert await acs.rig.storage.ledger.todo() == []


async def test_a_day_later_it_is_gone_and_the_ledger_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two recordings: of one two parts came, of the other none."""
    for after, state, fault in ((2, State.STORED, "truncated"), (0, State.MISSING, "notFetched")):
        simulated = AcsSettings(faults=[Fault("download", 503, after=after, times=3)])
        async with bot_on_acs(reception.bot, monkeypatch, simulated, sockets=False) as acs:
            await leave_a_message(acs)
            acs.resource._now = lambda: 9e9
            acs.rig.now += DOWNLOAD_WITHIN_S - 60
            assert (await keeper(acs).work()).completed == 0
            assert parts(acs)[-1][1] == 404
            acs.rig.now += 61
            report = await keeper(acs).work()
            (entry,) = await acs.rig.storage.ledger.of_day("20231114")
            assert (entry.state, entry.fault) == (state, fault)
            assert report.findings == [("missing", entry.path)] * (not after)
            assert entry.size == after * PART


@pytest.mark.parametrize("number", [1, 3, 6, 9])
async def test_storage_fails_once_while_it_is_fetched(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the end of the recording on; tests/storage/test_fetching.py has each step. What comes next goes on."""
    async with bot_on_acs(reception.bot, monkeypatch, sockets=False) as acs:
        hit: list[str] = []

        def fail(operation: str) -> bool:
            stopped = any(name == "stopRecording" for name, _, _ in acs.resource.requests)
            mine = stopped and operation.endswith(" recordings")
            hit.extend([operation] * mine)
            return mine and len(hit) == number

        acs.rig.backend.fail = fail
        await leave_a_message(acs)
        assert len(hit) > number
        acs.rig.backend.fail = lambda _: False
        await keeper(acs).work()
        assert await is_whole(acs)


async def test_files_of_one_recording_are_recordings_beside_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(reception.bot, monkeypatch, sockets=False) as acs:
        bodies: list[bytes] = []
        acs.before = lambda kind, body: bodies.append(body)
        await leave_a_message(acs)
        (file,) = (each for body in bodies for each in _files(body))
        (there,) = await acs.rig.storage.recordings.list()
        await acs.turns.recordings.told(replace(file, chunks=(*file.chunks, replace(file.chunks[0], index=1))))
        first, second = sorted(await acs.rig.storage.recordings.list(), key=lambda each: len(each.path))
        assert first == there
        assert second.operation_id == f"{first.operation_id}-1"
        assert (second.sha256, second.call_id) == (first.sha256, first.call_id)


def _files(body: bytes) -> list[RecordingFile]:
    try:
        return [each for each in parse_grid(body) if isinstance(each, RecordingFile)]
    except BadMessage:
        return []


async def test_the_keeper_of_the_functions_goes_on_with_what_acs_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [Fault("download", 503, times=3)]
    async with bot_on_acs(reception.bot, monkeypatch, AcsSettings(faults=faults), sockets=False) as acs:
        await leave_a_message(acs)
        monkeypatch.setattr(recordings, "turns", lambda: acs.turns)
        recordings.keeper.cache_clear()
        try:
            assert (await recordings.keeper().work()).completed == 1
            # What nobody told of is not looked for.
            assert not await recordings._fetch(replace(await entry_of(acs), operation_id="none"))
        finally:
            recordings.keeper.cache_clear()
        assert await is_whole(acs)


async def test_a_server_that_knows_of_no_parts_gives_the_whole() -> None:
    statuses = iter((200, 200, 416, 416, 404, 206))

    async def serve(request: web.Request) -> web.Response:
        return web.Response(status=next(statuses), body=b"0123456789")

    async with serving(serve) as url:
        client = AcsClient(url, b"key")
        address = "https://sim.asm.skype.com/v1/objects/d/content/video"
        assert await client.part(address, 0, 4) == (b"0123", 10)
        assert await client.part(address, 8, 4) == (b"89", 10)
        assert await client.part(address, 0, 4) == (b"", 0)
        for what in ("416", "404", "206"):
            with pytest.raises(DependencyError, match=what):
                await client.part(address, 4, 4)
        with pytest.raises(DependencyError, match="none of Microsoft's"):
            await client.part("https://elsewhere.test/v1/objects/d/content/video", 0, 4)
        await client.close()
