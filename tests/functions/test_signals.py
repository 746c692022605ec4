"""The route of signals: `POST /api/calls/{id}/signals/{name}`."""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import azure.functions as func
import pytest

from dialtone import Call, CallBot, signal_url
from dialtone.signals import SignalKeys
from functions import signals
from functions.settings import settings
from functions.skype_turn import SkypeTurns, turns
from tests.functions.rig import HUNG_UP, KEY, SETTINGS, Rig, chose, configure, conversation, result, said

Json = dict[str, Any]
OLD = b"o" * 32
WORKERS = b"w" * 32
PLAYED: Json = {"type": "playPromptOutcome"}


async def address(name: str) -> str:
    return signal_url(name)


def bot_of(seen: list[str]) -> CallBot:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        seen.append(await call.run(address, "paid"))
        came = await call.signal("paid", timeout=20)
        call.say(f"{came.data if came else came}")
        await call.choose("Press 1.", {"a": "1"})

    return bot


class Office:
    """A bot, and somebody who posts signals to its calls. `urls` are those that the dialog handed out."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.rig = Rig(bot_of(self.urls))
        app = func.FunctionApp()
        app.register_functions(signals.blueprint)
        (self._handler,) = (function.get_user_function() for function in app.get_functions())

    async def post(
        self,
        body: bytes = b"7",
        *,
        call: str = "call-7",
        name: str = "paid",
        key: str | None = "",
        authorization: str = "",
        again: str = "",
    ) -> tuple[int, Json]:
        """The answer to a signal; `key` is the call's own if it is empty, none is sent if it is None.

        `again` is its Idempotency-Key.
        """
        query = {} if key is None else {"key": key or SignalKeys([KEY]).key_of(call)}
        request = func.HttpRequest(
            "POST",
            f"https://bot.test/api/calls/{call}/signals/{name}",
            headers={"Authorization": authorization} | ({"Idempotency-Key": again} if again else {}),
            params=query,
            route_params={"id": call, "name": name},
            body=body,
        )
        response = await self._handler(request)
        return response.status_code, json.loads(response.get_body())

    async def ring(self, call: str = "call-7") -> Any:
        return await self.rig.post(conversation(call), message_id="m0")


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    configure(monkeypatch)
    settings.cache_clear()
    found = Office()

    def of_the_rig() -> SkypeTurns:
        return found.rig.turns

    monkeypatch.setattr(signals, "turns", of_the_rig)
    yield found
    settings.cache_clear()
    turns.cache_clear()


async def test_a_signal_is_kept_and_the_waiting_call_gets_it(office: Office) -> None:
    reply = await office.ring()
    status, body = await office.post(b'{"sum": 5}')
    assert (status, body["repeated"]) == (202, False)
    assert len(body["id"]) == 12
    heard = await office.rig.post(result(reply, PLAYED), message_id="m1")
    assert said(heard)[0] == "{'sum': 5}"


async def test_the_address_that_the_dialog_gives_is_the_one(office: Office) -> None:
    await office.ring()
    assert office.urls[0].startswith("http://127.0.0.1:7071/api/calls/call-7/signals/paid?key=")
    key = office.urls[0].partition("?key=")[2]
    assert (await office.post(key=key))[0] == 202


async def test_a_signal_before_the_dialog_waits_or_after_it_waited(office: Office) -> None:
    reply = await office.ring()
    await office.post(b"1")
    asked = await office.rig.post(result(reply, PLAYED), message_id="m1")
    assert said(asked)[0] == "1"
    assert (await office.post(b"2"))[0] == 202


async def test_one_that_is_sent_again_is_kept_once(office: Office) -> None:
    await office.ring()
    first = await office.post(b"1", again="a")
    again = await office.post(b"1", again="a")
    assert (again[0], again[1]["id"], again[1]["repeated"]) == (202, first[1]["id"], True)
    assert (await office.post(b"1", again="b"))[1]["repeated"] is False
    assert (await office.post(b"1", name="other", again="a"))[1]["repeated"] is False
    rows = await office.rig.storage.calls.signals("call-7")
    assert sorted((row.name, row.value) for row in rows) == [("other", "1"), ("paid", "1"), ("paid", "1")]


async def test_without_an_idempotency_key_each_is_one(office: Office) -> None:
    await office.ring()
    assert [(await office.post(b"1"))[1]["repeated"] for _ in range(3)] == [False] * 3
    assert len(await office.rig.storage.calls.signals("call-7")) == 3


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", None),
        (b"  \n", None),
        (b"null", None),
        (b"0", 0),
        (b'"text"', "text"),
        ('"ü😀"'.encode(), "ü😀"),
        (b'{"a": [1, 2.5, true]}', {"a": [1, 2.5, True]}),
        (b"[" * 100 + b"]" * 100, json.loads("[" * 100 + "]" * 100)),
        (b'"' + b"x" * 32_766 + b'"', "x" * 32_766),
    ],
)
async def test_values(office: Office, body: bytes, value: Any) -> None:
    reply = await office.ring()
    assert (await office.post(body))[0] == 202
    heard = await office.rig.post(result(reply, PLAYED), message_id="m1")
    (row,) = await office.rig.storage.calls.signals("call-7")
    assert row.data == value
    if len(f"{value}") < 2000:
        assert said(heard)[0] == f"{value}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "NOT_JSON"),
        (b"\xff", 400, "NOT_JSON"),
        (b"NaN", 400, "NOT_JSON"),
        (b"1e999", 400, "NOT_JSON"),
        (b'"\\ud800"', 400, "NOT_JSON"),
        (b'{"\\udfff": 1}', 400, "NOT_JSON"),
        (b"[" * 20_000 + b"]" * 10_000, 400, "NOT_JSON"),
        (b'"' + b"x" * 32_767 + b'"', 400, "BODY_TOO_LARGE"),
        # 8 bytes for each number of 3.
        (b"[" + b"9e9," * 8_000 + b"1]", 400, "BODY_TOO_LARGE"),
    ],
)
async def test_values_that_are_refused(office: Office, body: bytes, status: int, code: str) -> None:
    await office.ring()
    answer, error = await office.post(body)
    assert (answer, error["error"]["code"]) == (status, code)
    assert error["error"]["fix"]
    assert await office.rig.storage.calls.signals("call-7") == []


async def test_whatever_is_kept_reaches_the_dialog(office: Office) -> None:
    """What a call cannot keep would be the oldest signal for ever."""
    reply = await office.ring()
    status, _ = await office.post(b'"' + b"x" * 32_766 + b'"')
    assert status == 202
    office.rig.now += 1
    await office.post(b"2")
    heard = await office.rig.post(result(reply, PLAYED), message_id="m1")
    assert said(heard) == ["I'm sorry. Something went wrong. Please call again later."], "too long to be said"
    (row,) = [row for row in await office.rig.storage.calls.history("call-7", 1) if row.sequence == 1]
    assert "x" * 1000 in row.entries


@pytest.mark.parametrize(
    ("key", "header", "status"),
    [
        (None, "", 401),
        (None, "Basic abc", 401),
        (None, "Bearer ", 401),
        ("wrong", "", 403),
        (None, "Bearer wrong", 403),
        (SignalKeys([KEY]).key_of("call-8"), "", 403),
        (SignalKeys([OLD]).key_of("call-7"), "", 403),
        ("ü", "", 403),
        ("\ud800", "", 403),
        (None, f"Bearer {SignalKeys([KEY]).key_of('call-7')}", 202),
        (None, f"bearer   {SignalKeys([KEY]).key_of('call-7')} ", 202),
    ],
)
async def test_who_may_send(office: Office, key: str | None, header: str, status: int) -> None:
    await office.ring()
    office.rig.backend.operations.clear()
    answer, body = await office.post(key=key, authorization=header)
    assert answer == status
    if status != 202:
        assert body["error"]["field"] == "key"
        assert "signal_url" in body["error"]["fix"]
        assert office.rig.backend.operations == [], "nothing is read for somebody without a key"


async def test_the_key_of_an_appstate_is_none(office: Office) -> None:
    await office.ring()
    assert SignalKeys([KEY]).key_of("call-7") not in office.rig.codec.encode("call-7", 0, "{}")


async def test_keys_are_rotated(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.ring()
    both = f"{b64encode(OLD).decode()},{SETTINGS.appstate_key}"
    monkeypatch.setenv("DIALTONE_APPSTATE_KEY", both)
    settings.cache_clear()
    assert (await office.post())[0] == 202, "the key before is still known"
    assert (await office.post(key=SignalKeys([OLD]).key_of("call-7")))[0] == 202
    monkeypatch.setenv("DIALTONE_APPSTATE_KEY", b64encode(OLD).decode())
    settings.cache_clear()
    assert (await office.post())[0] == 403


async def test_the_media_worker_makes_keys_of_its_own(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.ring()
    made = SignalKeys([WORKERS]).key_of("call-7")
    assert (await office.post(key=made))[0] == 403
    monkeypatch.setenv("DIALTONE_SIGNAL_KEY", b64encode(WORKERS).decode())
    settings.cache_clear()
    assert (await office.post(key=made))[0] == 202
    assert (await office.post(key=SignalKeys([WORKERS]).key_of("call-8")))[0] == 403
    assert (await office.post())[0] == 202, "those that the dialog hands out go on"


@pytest.mark.parametrize("text", ["?", "c2hvcnQ="])
async def test_a_key_of_the_worker_that_is_none(office: Office, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DIALTONE_SIGNAL_KEY", text)
    settings.cache_clear()
    status, answer = await office.post()
    assert (status, answer["error"]["field"]) == (500, "DIALTONE_SIGNAL_KEY")


async def test_a_call_that_nobody_knows(office: Office) -> None:
    status, body = await office.post(call="call-9")
    assert (status, body["error"]["code"]) == (404, "CALL_UNKNOWN")


async def test_a_call_that_is_over(office: Office) -> None:
    reply = await office.ring()
    await office.post()
    asked = await office.rig.post(result(reply, PLAYED), message_id="m1")
    end = await office.rig.post(result(asked, chose("a")), message_id="m2")
    status, body = await office.post()
    assert (status, body["error"]["code"]) == (409, "CALL_OVER")
    await office.rig.post(result(end, HUNG_UP, state="terminated"), message_id="m3")
    assert (await office.post())[0] == 409


@pytest.mark.parametrize(("length", "status"), [(100, 202), (101, 400)])
async def test_a_long_name(office: Office, length: int, status: int) -> None:
    await office.ring()
    answer, body = await office.post(name="n" * length)
    assert answer == status
    if status == 400:
        assert body["error"]["field"] == "name"


async def test_storage_that_is_away_is_a_503(office: Office) -> None:
    await office.ring()
    for failing in ("scan calls", "insert calls"):
        office.rig.backend.fail = failing.__eq__
        assert (await office.post())[0] == 503
    office.rig.backend.fail = lambda operation: False
    assert (await office.post())[0] == 202
    assert len(await office.rig.storage.calls.signals("call-7")) == 1


@pytest.mark.parametrize("call", ["call-7", "a b", "ü😀", "a%2Fb", "a/b", "a?b#c&d", "19:x@thread.skype", "a%b"])
@pytest.mark.parametrize("name", ["paid", "a/b", "q?x=1", "ü", "100%"])
async def test_any_id_and_name_find_their_way(office: Office, call: str, name: str) -> None:
    """From the address through the host, which decodes a segment but for its %2F, to the dialog."""
    urls: list[str] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(of: Call) -> None:
        urls.append(await of.run(address, name))
        came = await of.signal(name, timeout=20)
        of.say(f"{came and came.data}")

    office.rig = Rig(bot)
    reply = await office.ring(call)
    path, _, key = urls[0].partition("?key=")
    segments = path.removeprefix("http://127.0.0.1:7071/api/calls/").split("/")
    assert len(segments) == 3
    decoded = [unquote(segment.replace("%2F", "%252F")) for segment in segments]
    status, body = await office.post(b'"it"', call=decoded[0], name=decoded[2], key=key)
    assert (status, body.get("error")) == (202, None)
    heard = await office.rig.post(result(reply, PLAYED, call=call), message_id="m1")
    assert said(heard) == ["it"]


async def test_nothing_of_a_signal_is_logged(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await office.ring()
    await office.post(b'"secret-value"')
    await office.post(b'{"secret-value"')
    await office.post(key="secret-value")
    assert "secret-value" not in caplog.text
