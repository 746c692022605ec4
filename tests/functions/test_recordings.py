"""Recordings on the path of a callback: nothing of what a caller said is lost, and nothing is stored twice."""

import asyncio
import io
import json
import os
import subprocess
import sys
import wave
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bots.reception import bot as reception
from dialtone import Call, CallBot
from dialtone.dialogs.asking import NO_AUDIO
from dialtone.errors import StorageUnavailable
from dialtone.media.sound import Fault
from dialtone.storage import blobs
from dialtone.storage.account import Address, AzureAccount
from functions.skype_turn import Reply
from tests.fakes import environment
from tests.functions.rig import KEY, RECORDED, Rig, chose, conversation, result, said, with_audio

Step = tuple[str, str]


def wav(seconds: float, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(os.urandom(2) * int(seconds * rate))
    return file.getvalue()


SOUND = wav(3.5)
ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(100)


def voicemail() -> CallBot:
    """A bot that says what it knows of the recording."""
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        left = await call.record("Speak.", retries=0)
        call.say(f"{bool(left)} {left.size} {left.fault or 'fine'}")

    return bot


async def left(
    sound: bytes | None, outcome: dict[str, Any] = RECORDED, kind: bytes = b"audio/wav"
) -> tuple[Rig, list[str]]:
    """A call that leaves this, and what the bot says of it."""
    rig = Rig(voicemail())
    asked = await rig.post(conversation(), message_id="m0")
    body = result(asked, outcome)
    if sound is None:
        return rig, said(await rig.post(body, message_id="m1"))
    parts, content_type = with_audio(body, sound)
    parts = parts.replace(b"audio/wav", kind)
    return rig, said(await rig.post(parts, message_id="m1", content_type=content_type))


@pytest.mark.parametrize(
    ("sound", "seconds", "format", "kind", "fault"),
    [
        (SOUND, 3.5, "wav", b"audio/wav", ""),
        (ASF, 3.5, "wma", b"audio/x-ms-wma", ""),
        (b"\xff\xfb\x90\x00" + bytes(100), 3.5, "mp3", b"audio/mpeg", ""),
        (SOUND[:-100], 3.5, "wav", b"audio/wav", "truncated"),
        (SOUND[:3], 3.5, "wav", b"audio/wav", "truncated"),
        (SOUND, 60, "wav", b"audio/wav", "wrongLength"),
        (ASF, 3.5, "wav", b"audio/wav", "wrongFormat"),
        (SOUND, 3.5, "wma", b"audio/x-ms-wma", "wrongFormat"),
        (SOUND, 3.5, "mp3", b"application/octet-stream", "wrongFormat"),
        (SOUND, 3.5, "opus", b"audio/ogg", "wrongFormat"),
        (SOUND, 3.5, "wma", b"audio/wav", ""),
    ],
)
async def test_what_is_wrong_with_the_sound_is_told_and_the_sound_is_kept(
    caplog: pytest.LogCaptureFixture, sound: bytes, seconds: float, format: str, kind: bytes, fault: str
) -> None:
    rig, told = await left(sound, RECORDED | {"lengthOfRecordingInSecs": seconds, "format": format}, kind)
    assert told == [f"True {len(sound)} {fault or 'fine'}"]
    (stored,) = await rig.storage.recordings.list()
    assert (stored.fault, stored.size) == (fault, len(sound))
    assert await rig.storage.recordings.read(stored.path) == sound
    warnings = [record.getMessage() for record in caplog.records if "fault" in record.getMessage()]
    assert len(warnings) == (1 if fault else 0)
    assert all("call-7" in warning and fault in warning for warning in warnings)
    assert "nora" not in caplog.text


@pytest.mark.parametrize("sound", [None, b""])
async def test_a_recording_without_sound(caplog: pytest.LogCaptureFixture, sound: bytes | None) -> None:
    rig, told = await left(sound)
    assert told == ["False 0 noAudio"]
    assert await rig.storage.recordings.list() == []
    assert "[call call-7] the platform recorded and sent no sound" in caplog.text


def test_the_dialogs_know_the_fault_by_its_name() -> None:
    assert Fault.NO_AUDIO.value == NO_AUDIO


async def test_the_sound_of_a_recording_that_failed_is_kept_too() -> None:
    failed = {"outcome": "failure", "completionReason": "temporarySystemFailure", "lengthOfRecordingInSecs": 0}
    rig, told = await left(SOUND, RECORDED | failed)
    assert told == ["False 0 fine"]
    (stored,) = await rig.storage.recordings.list()
    assert await rig.storage.recordings.read(stored.path) == SOUND


async def test_a_failed_recording_without_sound_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    silence = {"outcome": "failure", "completionReason": "initialSilenceTimeout", "lengthOfRecordingInSecs": 0}
    assert (await left(None, RECORDED | silence))[1] == ["False 0 fine"]
    assert "no sound" not in caplog.text


class Crash(BaseException):
    """The process is gone."""


class Requests:
    """The requests that an account gets, in blocks as small as these; one of them may fail, or be answered in vain."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.fail: Callable[[Step], BaseException | None] = lambda step: None

    def before(self, request: Any) -> None:
        self._happen("before", request.http_request)

    def after(self, response: Any) -> None:
        self._happen("after", response.http_request)

    def _happen(self, when: str, request: Any) -> None:
        what = "block" if "comp=block&" in request.url else "list" if "comp=blocklist" in request.url else ""
        self.steps.append((when, f"{request.method} {what}".strip()))
        if (error := self.fail(self.steps[-1])) is not None:
            raise error


@pytest.fixture
async def requests(azurite_connection: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Requests, Rig]]:
    """A call on an Azure account, and what the account is asked."""
    monkeypatch.setattr(blobs, "SMALL_BYTES", 16_384)
    monkeypatch.setattr(blobs, "BLOCK_BYTES", 49_152)
    requests = Requests()
    address = Address.from_connection_string(azurite_connection)
    account = AzureAccount(address, raw_request_hook=requests.before, raw_response_hook=requests.after)
    yield requests, Rig(reception, backend=account)  # type: ignore[arg-type]
    await account.close()


async def to_the_recording(rig: Rig, call: str) -> tuple[bytes, str]:
    first = await rig.post(conversation(call), message_id=f"{call}-0")
    asked = await rig.post(result(first, chose("message"), call=call), message_id=f"{call}-1")
    return with_audio(result(asked, RECORDED, call=call), SOUND)


async def check(rig: Rig, call: str, reply: Reply) -> None:
    """The recording is there once and whole, and so is its turn."""
    assert said(reply) == ["Thank you. 4 seconds saved.", "Goodbye."]
    stored = [each for each in await rig.storage.recordings.list() if each.call_id == call]
    assert [each.fault for each in stored] == [""]
    assert await rig.storage.recordings.read(stored[0].path) == SOUND
    entry = await rig.storage.ledger.get(stored[0].path)
    assert entry is not None
    assert (entry.state, entry.sha256, entry.size) == ("stored", stored[0].sha256, len(SOUND))
    assert len(await rig.storage.calls.history(call, 99)) == 3


@pytest.mark.azurite
async def test_after_a_crash_or_a_failure_at_any_step_the_retry_finds_or_stores_it(
    requests: tuple[Requests, Rig],
) -> None:
    seen, rig = requests
    body, kind = await to_the_recording(rig, "whole")
    seen.steps.clear()
    await check(rig, "whole", await rig.post(body, message_id="whole-2", content_type=kind))
    steps = seen.steps[: seen.steps.index(("after", "PUT list")) + 1]
    assert steps.count(("before", "PUT block")) == 4  # the first finds no container
    body, kind = await to_the_recording(rig, "steps")
    seen.steps.clear()
    await rig.post(body, message_id="steps-2", content_type=kind)
    count = len(seen.steps)
    assert ("before", "HEAD") in seen.steps
    # The ledger comes first, and last.
    before = [what for when, what in seen.steps if when == "before"]
    assert before.index("POST") < before.index("PUT block") < before.index("PUT list") < before.index("PATCH")
    for number in range(count):
        for error in (Crash(), StorageUnavailable("told to fail")):
            call = f"call-{number}-{type(error).__name__}"
            body, kind = await to_the_recording(rig, call)
            seen.steps.clear()
            seen.fail = lambda step: error if len(seen.steps) == number + 1 else None  # noqa: B023  # it is used here
            # What fails after the turn is stored is left to the sweeper.
            with suppress(type(error)):
                await rig.post(body, message_id=f"{call}-2", content_type=kind)
            assert len(seen.steps) > number
            seen.fail = lambda step: None
            reply = await rig.post(body, message_id=f"{call}-2", content_type=kind)
            await check(rig, call, reply)
            assert await rig.post(body, message_id=f"{call}-2", content_type=kind) == reply


@pytest.mark.azurite
async def test_of_parallel_copies_one_may_crash(requests: tuple[Requests, Rig]) -> None:
    seen, rig = requests
    body, kind = await to_the_recording(rig, "many")
    crashed: list[Step] = []

    def crash_once(step: Step) -> BaseException | None:
        if step == ("before", "PUT list") and not crashed:
            crashed.append(step)
            return StorageUnavailable("told to fail")
        return None

    seen.fail = crash_once
    copies = (rig.post(body, message_id="many-2", content_type=kind) for _ in range(4))
    answers = await asyncio.gather(*copies, return_exceptions=True)
    replies = [answer for answer in answers if isinstance(answer, Reply)]
    assert len(replies) == 3
    assert len({reply.body for reply in replies}) == 1
    await check(rig, "many", replies[0])


MEGABYTE = 1_000_000
HANDLE = """
import asyncio, json, pathlib, sys
import azure.functions as func
import function_app
from tests.functions.rig import RECORDED, chose, conversation, result, with_audio

(calls,) = (each for each in function_app.app.get_functions() if each.get_function_name() == "calls")
handler = calls.get_user_function()
folder = pathlib.Path(sys.argv[1])

def memory(name):
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(name + ":")[2].split()[0])

async def post(body, message_id, kind="application/json"):
    headers = {"Content-Type": kind, "X-Microsoft-Skype-Message-ID": message_id}
    request = func.HttpRequest("POST", "http://127.0.0.1:7071/api/calls", headers=headers, body=body)
    response = await handler(request)
    assert response.status_code == 200, response.get_body()
    return type("Reply", (), {"body": response.get_body()})

async def call(name, sound_bytes):
    first = await post(conversation(name), name + "-0")
    asked = await post(result(first, chose("message"), call=name), name + "-1")
    outcome = RECORDED | {"lengthOfRecordingInSecs": sound_bytes / 32_000}
    body, kind = with_audio(result(asked, outcome, call=name), b"SOUND")
    before, after = body.split(b"SOUND")
    header = b"RIFF" + (36 + sound_bytes).to_bytes(4, "little") + b"WAVEfmt \\x10\\0\\0\\0\\1\\0\\1\\0\\x80\\x3e\\0\\0"
    header += b"\\0\\x7d\\0\\0\\2\\0\\x10\\0data" + sound_bytes.to_bytes(4, "little")
    with (folder / "body").open("wb") as file:
        file.write(before + header)
        for _ in range(sound_bytes // 1_000_000):
            file.write(bytes(1_000_000))
        file.write(after)
    idle = memory("VmRSS")
    await post((folder / "body").read_bytes(), name + "-2", kind)
    return idle

async def main():
    await call("small", 5_000_000)
    idle = await call("large", 50_000_000)
    print(json.dumps({"idle": idle, "peak": memory("VmHWM")}))
    from functions.skype_turn import turns
    stored = [each for each in await turns().storage.recordings.list() if each.call_id == "large"]
    print(json.dumps([[each.size, each.fault] for each in stored]))
    await turns().storage.close()

asyncio.run(main())
"""


@pytest.mark.azurite
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process's memory is read there")
def test_a_long_recording_takes_little_more_memory_than_its_body(azurite_connection: str, tmp_path: Path) -> None:
    settings = {
        "DIALTONE_BOT": "bots.reception:bot",
        "DIALTONE_PUBLIC_URL": "http://127.0.0.1:7071",
        "DIALTONE_AUTH": "loopback",
        "DIALTONE_APPSTATE_KEY": b64encode(KEY).decode(),
        "DIALTONE_STORAGE": azurite_connection,
    }
    done = subprocess.run(
        [sys.executable, "-c", HANDLE, str(tmp_path)],
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured, stored = map(json.loads, done.stdout.splitlines())
    assert stored == [[50 * MEGABYTE + 44, ""]]
    assert measured["peak"] - measured["idle"] <= 100 * MEGABYTE, measured


async def test_the_ledger_has_what_the_dialog_said_of_a_recording() -> None:
    bot = CallBot(require_consent=True)

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.consent("May we record?")
        await call.record("Speak.", keep="complaint")

    rig = Rig(bot)
    asked = await rig.post(conversation(), message_id="m0")
    asked = await rig.post(result(asked, chose("yes")), message_id="m1")
    parts, content_type = with_audio(result(asked, RECORDED), SOUND)
    await rig.post(parts, message_id="m2", content_type=content_type)
    (stored,) = await rig.storage.recordings.list()
    entry = await rig.storage.ledger.get(stored.path)
    assert entry is not None
    assert (entry.consent, entry.keep, entry.caller, entry.state) == ("given", "complaint", "8:nora", "stored")
    assert (stored.consent, stored.keep) == ("given", "complaint")
