"""What is fuzzed: everything that reads what a stranger sends.

Each target takes bytes, makes a request of them, and raises AssertionError when the request is not answered with 2xx
or 4xx. The bytes are read as orders for `Orders`: which valid request to take, and what to change in it.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import azure.functions as func
import pytest

from bots.reception import bot
from dialtone.errors import AppStateRejected, DialtoneError
from dialtone.media import wire
from dialtone.media.messages import AudioFrame, Dtmf, Transcription, VideoFrame, Word
from functions import tokens
from functions.certificates import Certificates
from functions.tokens import Keys, Tokens
from functions.verify import loopback
from simulator.media.writing import Writer
from tests.functions.app import handler
from tests.functions.authority import the_issuer, the_root
from tests.functions.issuer import APP_ID, ISSUER, bearer, rsa_key
from tests.functions.rig import HUNG_UP, JSON, RECORDED, SETTINGS, Rig, chose, conversation, result, with_audio
from tests.fuzz.graph import DOCUMENTS, Posts

Target = Callable[[bytes], None]

VALUES: list[Any] = [
    None, True, 0, -1, 10**400, 1.5, 1e308, "", " ", "x" * 3000, "\ud800", "\x00", "call-7", "8:nora", "established",
    "terminated", "recognizeOutcome", "callStateChange", [], [None], [[]], {}, {"": None}, {"type": "rosterUpdate"},
]  # fmt: skip
PIECES = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\r\n\r\n", b"--b1", b"--b1--\r\n", b'"', b"\\ud800", b"\\u0000",
    b"NaN", b"1e999", b"-0", b"9" * 5000, b"[" * 3000, b"{", b"}", b"null", b",", b";", b"=", b".", b"%00", b"charset=",
    b"utf-16", b"boundary=", b"name=conversationResult", b"Content-Type: application/json", b"appState", b"type",
    b"participants", b"callState",
]  # fmt: skip


class Orders:
    """Orders are read from bytes; when they are used up, each is 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def number(self, below: int) -> int:
        """From 0 to below `below`, which is up to 65536."""
        size = 1 if below <= 256 else 2
        piece = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece, "big") % below

    def rest(self) -> bytes:
        return self._data[self._at :]

    def changed(self, original: bytes) -> bytes:
        """The bytes with some of them replaced, removed, repeated or added."""
        text = bytearray(original)
        for _ in range(self.number(4)):
            at = self.number(len(text) + 1)
            match self.number(5):
                case 0:
                    text[at : at + 1] = bytes([self.number(256)])
                case 1:
                    del text[at : at + 1 + self.number(64)]
                case 2:
                    text[at:at] = text[at : at + 1 + self.number(64)]
                case 3:
                    text[at:at] = PIECES[self.number(len(PIECES))]
                case _:
                    del text[at:]
        return bytes(text)

    def header(self, original: str) -> str:
        """The header, changed. The host gives headers as text."""
        return self.changed(original.encode()).decode("utf-8", "replace")

    def restructured(self, document: Any) -> Any:
        """The JSON value with one or more values in it replaced, renamed, removed or added."""
        for _ in range(self.number(4)):
            inside = document
            while isinstance(inside, dict | list) and inside:
                keys: list[Any] = list(inside) if isinstance(inside, dict) else list(range(len(inside)))
                key = keys[self.number(len(keys))]
                if isinstance(inside[key], dict | list) and self.number(3):
                    inside = inside[key]
                    continue
                match self.number(3):
                    case 0:
                        inside[key] = VALUES[self.number(len(VALUES))]
                    case 1:
                        del inside[key]
                    case _ if isinstance(inside, dict):
                        inside[str(VALUES[self.number(len(VALUES))])[:50]] = inside[key]
                    case _:
                        inside.append(inside[key])
                break
        return document


def _well_answered(answer: Awaitable[Any], run: Callable[[Any], Any]) -> None:
    try:
        run(answer)
    except DialtoneError as error:
        if error.http_status >= 500:
            raise AssertionError(f"answered {error.http_status}") from error


_SPOKEN = Writer()
MESSAGES = [
    _SPOKEN.metadata("s1", 16_000),
    _SPOKEN.audio(AudioFrame(bytes(640), "2026-01-07T10:20:31.123Z")),
    _SPOKEN.audio(AudioFrame(bytes(640), "2026-01-07T10:20:31.123Z", "8:nora", True)),
    _SPOKEN.key(Dtmf("#")),
    _SPOKEN.picture(VideoFrame(bytes(60), 1, True, "8:nora")),
    _SPOKEN.transcription(Transcription("Two.", True, 1.0, 0.5, 0.9, (Word("two", 1.0, 0.5),), "8:nora")),
    '{"AudioData":"AAAA","Timestamp":"","IsSilence":false}',
]
"""Of each kind that the platform sends."""


def media(data: bytes) -> None:
    """Messages of a media stream: each is read or refused, and the fast way reads what the plain one reads.

    The first messages are valid, so that the fast way has learned what there is to learn.
    """
    orders = Orders(data)
    reader = wire.Reader()
    original = MESSAGES[orders.number(len(MESSAGES))].encode()
    for _ in range(orders.number(3)):
        reader.read(original)
    changed = original
    if orders.number(2):
        changed = json.dumps(orders.restructured(json.loads(original)), separators=(",", ":")).encode()
    changed = orders.changed(changed)
    assert _read(reader.read, changed) == _read(lambda payload: wire.parse(payload.decode()), changed)


def _read(read: Callable[[bytes], object], payload: bytes) -> object:
    try:
        return read(payload)
    except (wire.WireError, UnicodeDecodeError) as error:
        return type(error), str(error)


class Targets:
    """The targets by name, over storage in memory. `close` it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        run = self._runner.run
        self._rig = Rig(bot)
        self._requests = run(self._valid_requests())
        self._token = bearer()
        self._tokens = Tokens(audience=APP_ID, metadata=f"{ISSUER}/metadata")
        self._certificates = Certificates(
            roots=the_root().pem, intermediates=the_issuer().pem, names=["*.skype.com"], must_check=False
        )
        self._certificate = the_issuer().issue("edge.skype.com").header
        self._state = json.loads(self._requests[1][1])["appState"]
        self.graph_posts = Posts()
        self.by_name: dict[str, Target] = {
            "callback": self.callback,
            "graph": self.graph,
            "media": media,
            "token": self.token,
            "certificate": self.certificate,
            "app_state": self.app_state,
        }

    def close(self) -> None:
        self._runner.close()

    async def _valid_requests(self) -> list[tuple[str, bytes]]:
        """Content type and body of each kind of request that a call has."""
        rig = self._rig
        first = await rig.post(conversation(), message_id="m0")
        asked = await rig.post(result(first, chose("message")), message_id="m1")
        body, content_type = with_audio(result(asked, RECORDED), b"RIFF" + bytes(60))
        change = {"id": "call-7", "type": "callStateChange", "currentState": "terminated", "stateChangeCode": "0"}
        member = {"identity": "8:nora", "mediaType": "audio", "mediaStreamDirection": "sendrecv"}
        roster = {"id": "call-7", "type": "rosterUpdate", "participants": [member]}
        return [
            (JSON, conversation()),
            (JSON, result(first, chose("message"))),
            (JSON, result(asked, HUNG_UP, state="terminated")),
            (content_type, body),
            (JSON, json.dumps(change).encode()),
            (JSON, json.dumps(roster).encode()),
        ]

    def callback(self, data: bytes) -> None:
        """POST /api/calls, whole: the function as the host calls it, without verification."""
        orders = Orders(data)
        content_type, body = self._requests[orders.number(len(self._requests))]
        match orders.number(4):
            case 0 if content_type == JSON:
                body = json.dumps(orders.restructured(json.loads(body))).encode()
            case 1:
                content_type = orders.header(content_type)
            case 2:
                body = orders.rest()
        body = orders.changed(body)
        headers = {"Content-Type": content_type, "X-Microsoft-Skype-Message-ID": orders.header("m")}
        if orders.number(8) == 0:
            del headers["Content-Type"]
        reply = self._post(headers, body)
        assert 200 <= reply.status_code < 300 or 400 <= reply.status_code < 500, f"answered {reply.status_code}"

    def graph(self, data: bytes) -> None:
        """What Graph posts to the webhook, or to a call's callback, without verification."""
        orders = Orders(data)
        body = DOCUMENTS[orders.number(len(DOCUMENTS))]
        callback = orders.number(2) == 1
        match orders.number(4):
            case 0 | 1:
                body = json.dumps(orders.restructured(json.loads(body))).encode()
            case 2:
                body = orders.rest()
        status = self._runner.run(self._graph(orders.changed(body), callback=callback))
        assert 200 <= status < 300 or 400 <= status < 500, f"answered {status}"

    async def _graph(self, body: bytes, *, callback: bool) -> int:
        with pytest.MonkeyPatch.context() as patch:
            self.graph_posts.wire(patch)
            return await self.graph_posts.post(body, callback=callback)

    def post(self, number: int) -> func.HttpResponse:
        """The reply to one of the valid requests, unchanged."""
        content_type, body = self._requests[number]
        return self._post({"Content-Type": content_type}, body)

    def _post(self, headers: dict[str, str], body: bytes) -> func.HttpResponse:
        self._runner.run(self._forget())
        request = func.HttpRequest(method="POST", url="http://127.0.0.1/api/calls", headers=headers, body=body)
        reply = self._runner.run(handler("calls")(request))
        assert isinstance(reply, func.HttpResponse)
        return reply

    async def _forget(self) -> None:
        """A fresh account that has one call, so that a run finds what the one before found."""
        self._rig = Rig(bot)
        await self._rig.post(conversation(), message_id="m0")

    def token(self, data: bytes) -> None:
        """The Authorization header."""
        orders = Orders(data)
        header = orders.header(self._token) if orders.number(4) else orders.rest().decode("utf-8", "replace")
        _well_answered(self._tokens.verify(header), self._runner.run)

    def certificate(self, data: bytes) -> None:
        """The X-ARR-ClientCert header."""
        orders = Orders(data)
        header = orders.header(self._certificate) if orders.number(4) else orders.rest().decode("utf-8", "replace")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WEBSITE_INSTANCE_ID", "0")
            _well_answered(self._certificates.verify(header), self._runner.run)

    def app_state(self, data: bytes) -> None:
        """The appState alone: whatever is not what was written is refused."""
        orders = Orders(data)
        state = orders.header(self._state) if orders.number(4) else orders.rest().decode("utf-8", "replace")
        try:
            self._rig.codec.decode("call-7", state)
        except AppStateRejected:
            return
        assert state == self._state, "an appState that was changed is read"

    @property
    def rig(self) -> Rig:
        """The bot whose turns are taken now."""
        return self._rig


@contextmanager
def opened() -> Iterator[Targets]:
    """The targets, wired to the functions of this process."""

    async def keys(metadata_url: str) -> Keys:
        return Keys(ISSUER, {"first": rsa_key("first").public_key()})

    logger = logging.getLogger("dialtone")
    level = logger.level
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokens, "read_keys", keys)
        targets = Targets()
        patch.setattr("functions.calls.turns", lambda: targets.rig.turns)
        patch.setattr("functions.calls.settings", lambda: SETTINGS)
        patch.setattr("functions.verify.verifiers", lambda: (loopback,))
        patch.delenv("WEBSITE_INSTANCE_ID", raising=False)
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield targets
        finally:
            logger.setLevel(level)
            targets.close()
