"""A bot under test: its turns over storage in memory that can be told to fail, and the platform's requests."""

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from dialtone import CallBot
from dialtone.appstate import AppStateCodec
from dialtone.errors import StorageUnavailable
from dialtone.storage import Storage
from dialtone.storage.memory import MemoryBackend, MemoryContainer, MemoryTable
from functions.settings import Settings
from functions.skype_turn import Reply, SkypeTurns

KEY = b"k" * 32
SETTINGS = Settings(
    bot="bots.reception:bot",
    public_url="http://127.0.0.1:7071",
    appstate_key=b64encode(KEY).decode(),
    auth="loopback",
    storage="memory",
)
T = TypeVar("T", MemoryTable, MemoryContainer)
JSON = "application/json; charset=utf-8"


class FaultyBackend(MemoryBackend):
    """Memory that fails when `fail` says so, or `fail_after`, by when it is done. They get the operation, such as
    `insert calls`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[str] = []
        self.fail: Callable[[str], bool] = lambda operation: False
        self.fail_after: Callable[[str], bool] = lambda operation: False

    def table(self, name: str) -> MemoryTable:
        return _watched(super().table(name), name, self)

    def container(self, name: str) -> MemoryContainer:
        return _watched(super().container(name), name, self)

    def fail_at(self, operation: str, number: int) -> None:
        """Fail once: at the so many-th operation of this kind, counted from 1."""
        self.fail = lambda each: each == operation and self.operations.count(operation) == number

    def happen(self, operation: str) -> None:
        self.operations.append(operation)
        if self.fail(operation):
            raise StorageUnavailable(f"{operation} was told to fail")


def _watched(store: T, name: str, backend: FaultyBackend) -> T:
    class Watched(type(store)):  # type: ignore[misc]  # one class for tables and containers
        def __init__(self) -> None:
            self.__dict__ = store.__dict__

        def __getattribute__(self, attribute: str) -> Any:
            method = super().__getattribute__(attribute)
            if attribute.startswith("_") or attribute in ("pages", "staged", "parts") or not callable(method):
                return method

            async def watched(*args: Any, **kwargs: Any) -> Any:
                backend.happen(f"{attribute} {name}")
                answer = await method(*args, **kwargs)
                if backend.fail_after(f"{attribute} {name}"):
                    raise StorageUnavailable(f"the answer to {attribute} {name} was told to be lost")
                return answer

            return watched

    return Watched()


def configure(patch: pytest.MonkeyPatch, **changes: str) -> None:
    """Set the environment of functions with memory as storage; `changes` are settings without their DIALTONE_."""
    values = {
        "BOT": SETTINGS.bot,
        "PUBLIC_URL": SETTINGS.public_url,
        "APPSTATE_KEY": SETTINGS.appstate_key,
        "AUTH": SETTINGS.auth,
        "STORAGE": "memory",
    }
    for name, value in (values | changes).items():
        patch.setenv(f"DIALTONE_{name}", value)


@dataclass
class Rig:
    """A bot, its storage, and a clock that a test moves."""

    bot: CallBot
    settings: Settings = SETTINGS
    now: float = 1_700_000_000.0
    backend: FaultyBackend = field(default_factory=FaultyBackend)

    def __post_init__(self) -> None:
        self.storage = Storage.on(self.backend, prompt_refresh=0, link_seconds=600, now=lambda: self.now)
        self.codec = AppStateCodec([KEY])
        self.turns = SkypeTurns(self.bot, self.storage, self.settings, lambda: self.now)

    async def post(self, body: bytes, *, message_id: str, content_type: str = JSON) -> Reply:
        headers = {"content-type": content_type, "x-microsoft-skype-message-id": message_id}
        return await self.turns.callback(headers, body)


def conversation(call: str = "call-7", **more: Any) -> bytes:
    members = [
        {"identity": "8:nora", "languageId": "en", "originator": True},
        {"identity": "28:bot", "originator": False},
    ]
    body = {"id": call, "participants": members, "presentedModalityTypes": ["audio"], "callState": "incoming"}
    return json.dumps(body | more).encode()


def actions(reply: Reply) -> list[str]:
    """Names of the actions of a reply."""
    return [action["action"] for action in json.loads(reply.body)["actions"]] if reply.body else []


def said(reply: Reply) -> list[str]:
    """Texts and files of the prompts of a reply, those before questions too."""
    found = []
    for action in json.loads(reply.body)["actions"] if reply.body else []:
        play = action if action["action"] == "playPrompt" else action.get("playPrompt", {})
        found += [prompt.get("value") or prompt.get("fileUri") for prompt in play.get("prompts", ())]
    return found


def result(reply: Reply, outcome: dict[str, Any], *, call: str = "call-7", state: str = "established") -> bytes:
    """The platform's answer to a workflow: the outcome of its last action."""
    workflow = json.loads(reply.body)
    base = {"id": workflow["actions"][-1]["operationId"], "outcome": "success"}
    body = {"id": call, "callState": state, "appState": workflow["appState"], "operationOutcome": base | outcome}
    return json.dumps(body).encode()


def chose(name: str) -> dict[str, Any]:
    part = {"completionReason": "dtmfOptionMatched", "choiceName": name}
    return {"type": "recognizeOutcome", "choiceOutcome": part}


SILENCE: dict[str, Any] = {
    "type": "recognizeOutcome",
    "outcome": "failure",
    "choiceOutcome": {"completionReason": "initialSilenceTimeout"},
}
RECORDED: dict[str, Any] = {
    "type": "recordOutcome",
    "completionReason": "completedStopToneDetected",
    "lengthOfRecordingInSecs": 3.5,
    "format": "wav",
}
HUNG_UP: dict[str, Any] = {"type": "hangupOutcome"}


def with_audio(json_part: bytes, audio: bytes, boundary: str = "b1") -> tuple[bytes, str]:
    """The multipart body of a recording, and its content type."""
    mark = f"--{boundary}\r\n".encode()
    parts = [
        mark,
        b'Content-Disposition: form-data; name="conversationResult"\r\nContent-Type: application/json\r\n\r\n',
        json_part,
        b"\r\n",
        mark,
        b'Content-Disposition: form-data; name="recordedAudio"\r\nContent-Type: audio/wav\r\n\r\n',
        audio,
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    return b"".join(parts), f'multipart/form-data; boundary="{boundary}"'
