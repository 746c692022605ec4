"""A whole call over the real wire, with real storage and real sound, and everything that can go wrong on the way."""

import asyncio
import io
import os
import signal
import wave
from array import array
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from dialtone.storage import PROMPTS_CONTAINER, Recording, Storage, TurnRow, open_storage
from simulator.audio import encode
from tests.gate import uploads
from tests.sounds import SSML, pcm, tone
from tests.whole_call.line import Forward, House, Line, Rung

pytestmark = [pytest.mark.stack, pytest.mark.azurite]

CALLBACKS = 4
"""Requests of the platform in the demo call: the call, the choice, the recording, the hang-up."""


def stored(house: House, call_id: str) -> tuple[list[Recording], list[TurnRow]]:
    async def read(storage: Storage) -> tuple[list[Recording], list[TurnRow]]:
        try:
            recordings = [each for each in await storage.recordings.list() if each.call_id == call_id]
            return recordings, await storage.calls.history(call_id, 99)
        finally:
            await storage.close()

    return asyncio.run(read(open_storage(house.stack.connection)))


def sound(house: House, recording: Recording) -> bytes:
    async def read(storage: Storage) -> bytes:
        try:
            return await storage.recordings.read(recording.path)
        finally:
            await storage.close()

    return asyncio.run(read(open_storage(house.stack.connection)))


def upload(house: House, name: str, data: bytes) -> None:
    async def put(storage: Storage) -> None:
        try:
            await storage.prompts.put(name, data)
        finally:
            await storage.close()

    asyncio.run(put(open_storage(house.stack.connection)))


def change(house: House, *, remove: Iterable[str] = (), put: Mapping[str, bytes] | None = None) -> None:
    """What operators do by hand: blobs are written and deleted, and nothing is checked."""

    async def work(storage: Storage) -> None:
        try:
            for slot in remove:
                await storage.prompts.remove(slot)
            container = storage.backend.container(PROMPTS_CONTAINER)
            for name, data in (put or {}).items():
                await container.put(name, data, "application/octet-stream", {}, overwrite=True)
        finally:
            await storage.close()

    asyncio.run(work(open_storage(house.stack.connection)))


@pytest.fixture(scope="module")
def undisturbed(house: House) -> Rung:
    rung = house.ring()
    assert rung.code == 0, rung.kind("verdict")
    assert len(house.line.exchanges) == CALLBACKS
    return rung


def test_the_sound_of_the_caller_is_in_blob_storage(house: House, undisturbed: Rung) -> None:
    (recording,), rows = stored(house, undisturbed.call_id)
    with wave.open(io.BytesIO(sound(house, recording))) as file:
        seconds = file.getnframes() / file.getframerate()
        samples = array("h", file.readframes(file.getnframes()))
    (recorded,) = undisturbed.kind("recorded")
    assert abs(seconds - recorded["seconds"]) < 0.2
    assert abs(seconds - recording.seconds) < 0.2
    assert max(samples) > 3000
    assert len(rows) == CALLBACKS
    assert rows[-1].done


@pytest.mark.parametrize("gap", range(1, CALLBACKS))
def test_the_host_is_killed_between_two_callbacks(house: House, undisturbed: Rung, gap: int) -> None:
    def nasty(line: Line, number: int, forward: Forward) -> httpx.Response:
        if number == gap:
            house.restart_functions()
        return forward()

    rung = house.ring(nasty)
    assert rung.code == 0
    assert rung.story == undisturbed.story


def test_the_host_is_killed_after_each_turn_before_its_reply_arrives(house: House, undisturbed: Rung) -> None:
    """The turn is stored, the reply is lost: the retry gets the same bytes from the new process."""

    def nasty(line: Line, number: int, forward: Forward) -> httpx.Response:
        lost = forward()
        house.restart_functions()
        again = forward()
        assert again.content == lost.content
        return again

    rung = house.ring(nasty)
    assert rung.code == 0
    assert rung.story == undisturbed.story
    recordings, rows = stored(house, rung.call_id)
    assert (len(recordings), len(rows)) == (1, CALLBACKS)


def test_copies_of_a_callback_get_the_same_bytes_and_one_recording(house: House, undisturbed: Rung) -> None:
    rung = house.ring()
    assert rung.code == 0
    for exchange in house.line.exchanges:
        assert house.line.copies(exchange, 8) == {exchange.reply}
    recordings, rows = stored(house, rung.call_id)
    assert (len(recordings), len(rows)) == (1, CALLBACKS)


def test_copies_that_race_with_the_first_one_get_the_same_bytes(house: House, undisturbed: Rung) -> None:
    """All copies are on their way before any is answered."""

    def nasty(line: Line, number: int, forward: Forward) -> httpx.Response:
        with ThreadPoolExecutor(8) as pool:
            replies = [sent.result() for sent in [pool.submit(forward) for _ in range(8)]]
        assert len({(reply.status_code, reply.content) for reply in replies}) == 1
        return replies[0]

    rung = house.ring(nasty)
    assert rung.code == 0
    assert rung.story == undisturbed.story
    recordings, rows = stored(house, rung.call_id)
    assert (len(recordings), len(rows)) == (1, CALLBACKS)


def test_an_uploaded_prompt_is_heard_by_the_next_call(house: House, undisturbed: Rung) -> None:
    def nasty(line: Line, number: int, forward: Forward) -> httpx.Response:
        if number == 1:
            upload(house, "leave-message.txt", b"Talk after the tone.")
        if number == 2:
            upload(house, "goodbye.wav", _beep())
        return forward()

    under_way = house.ring(nasty)
    assert [event.get("text") for event in under_way.kind("heard")] == [
        event.get("text") for event in undisturbed.kind("heard")
    ]
    heard = house.ring().kind("heard")
    assert "Talk after the tone." in [event.get("text") for event in heard]
    assert Path(str(heard[-1]["file"])).name.startswith("goodbye~")
    assert heard[-1]["seconds"] == pytest.approx(0.5, abs=0.05)


GOOD = (
    {"welcome.wav": tone(), "main-menu.wav": tone(1.5), "leave-message.wav": tone(0.7), "goodbye.wav": tone(0.4)},
    {
        "welcome.txt": b"Hello.",
        "main-menu.txt": b"Press 2.",
        "leave-message.ssml": SSML.encode(),
        "goodbye.txt": b"Bye.",
    },
    {"welcome.mp3": encode(pcm(), "mp3"), "main-menu.wma": encode(pcm(), "wma")},
)
"""Ten good uploads, by the calls that hear them."""


PATIENT = Path(__file__).parent / "patient.yaml"


def test_ten_good_uploads_are_heard_at_the_next_call_and_no_bad_one(house: House) -> None:
    prompts = ("welcome", "main-menu", "leave-message", "goodbye")
    bad = [(file, data) for file, data, _, _ in uploads.BAD.values() if len(data) < 100_000]
    told = []
    try:
        for batch in GOOD:
            change(house, remove=prompts, put=batch)
            rung = house.ring(script=PATIENT)
            told.append([event.get("text") or f"{event['seconds']:.1f}" for event in rung.kind("heard")])
            # The same call again, while bad uploads lie over the good ones.
            over = {f"{prompt}.{file.rpartition('.')[2]}": data for prompt in prompts for file, data in bad[::7]}
            change(house, put={name: data for name, data in over.items() if name not in batch})
            assert [event.get("text") for event in house.ring(script=PATIENT).kind("heard")] == [
                event.get("text") for event in rung.kind("heard")
            ]
    finally:
        change(house, remove=prompts)
    assert told[0][:3] == ["1.0", "1.5", "0.7"]
    assert told[1][:3] == ["Hello.", "Press 2.", "Welcome to Contoso. Press 1."]
    assert told[2][0].startswith("1.")


def test_storage_that_does_not_answer_is_a_503_and_the_retry_gets_through(house: House) -> None:
    storage = house.stack.storage.process_id

    def nasty(line: Line, number: int, forward: Forward) -> httpx.Response:
        if number != 1:
            return forward()
        os.killpg(storage, signal.SIGSTOP)
        try:
            statuses.append(forward().status_code)
        finally:
            os.killpg(storage, signal.SIGCONT)
        return forward()

    statuses: list[int] = []
    rung = house.ring(nasty)
    assert statuses == [503]
    assert rung.kind("call.ended")[0]["by"] == "bot"
    recordings, rows = stored(house, rung.call_id)
    assert (len(recordings), len(rows)) == (1, CALLBACKS)


def _beep() -> bytes:
    """Half a second of a square wave, as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes((b"\x00\x20" * 20 + b"\x00\xe0" * 20) * 200)
    return file.getvalue()
