import json
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import function_app
from dialtone import Call, CallBot
from functions import calls as calls_module
from functions.acs import call_automation, event_grid, placer
from functions.canary import operator
from functions.console_door import reader, switched_on, writer
from functions.http import route
from functions.prompts import uploads_key
from functions.settings import settings
from functions.signals import sender
from functions.skype_turn import turns
from functions.teams import player
from functions.verify import anyone, graph, loopback, platform, verifiers
from tests.functions.app import functions, handler
from tests.functions.rig import JSON, Rig, chose, conversation, result

ENVIRONMENT = {
    "DIALTONE_BOT": "bots.reception:bot",
    "DIALTONE_PUBLIC_URL": "http://127.0.0.1:7071",
    "DIALTONE_AUTH": "loopback",
    "DIALTONE_APPSTATE_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "DIALTONE_STORAGE": "memory",
    "DIALTONE_MAX_BODY": "100000",
}


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    for cached in (settings, turns, verifiers):
        cached.cache_clear()
    yield
    for cached in (settings, turns, verifiers):
        cached.cache_clear()


def request(
    body: bytes, *, url: str = "http://127.0.0.1:7071/api/calls", headers: dict[str, str] | None = None
) -> func.HttpRequest:
    return func.HttpRequest("POST", url, headers={"Content-Type": JSON} | (headers or {}), body=body)


async def test_a_call_is_answered() -> None:
    response = await handler("calls")(request(conversation()))
    assert response.status_code == 200
    assert response.mimetype == JSON
    assert json.loads(response.get_body())["actions"][0]["action"] == "answer"


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        (b"not json", "NOT_JSON", ""),
        (b"", "BODY_EMPTY", ""),
        (b"x" * 100_001, "BODY_TOO_LARGE", ""),
        (b'{"hello": 1}', "MISSING:id", "id"),
        (conversation(participants=[]), "PARTICIPANTS_EMPTY", "participants"),
        (b'{"id": "c", "callState": "established", "appState": "x"}', "MISSING:operationOutcome", "operationOutcome"),
        (b"[" * 90_000, "NOT_JSON", ""),
    ],
)
async def test_bad_input_is_a_400_that_says_what_to_do(body: bytes, code: str, field: str) -> None:
    response = await handler("calls")(request(body))
    assert response.status_code == 400
    error = json.loads(response.get_body())["error"]
    assert (error["code"], error["field"]) == (code, field)
    assert error["message"]
    assert error["fix"]


async def test_without_verification_only_this_machine_is_served() -> None:
    response = await handler("calls")(request(conversation(), url="https://bot.example.com/api/calls"))
    assert response.status_code == 403
    assert json.loads(response.get_body())["error"]["field"] == "DIALTONE_AUTH"


async def test_verification_cannot_be_off_in_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "0")
    response = await handler("calls")(request(conversation()))
    assert response.status_code == 403


async def test_an_error_that_is_not_ours_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(calls_module, "turns", broken)
    response = await handler("calls")(request(conversation()))
    assert response.status_code == 500
    assert "secret" not in response.get_body().decode()
    assert "secret of the house" in caplog.text


@pytest.mark.parametrize(("named", "call"), [("ID", "call-7"), ("id", ""), ("id", None), ("name", "call-7")])
async def test_what_is_refused_is_told_with_its_call(
    caplog: pytest.LogCaptureFixture, named: str, call: str | None
) -> None:
    body = {name: value for name, value in json.loads(conversation()).items() if name != "id"}
    response = await handler("calls")(request(json.dumps(body | {named: call, "participants": []}).encode()))
    error = json.loads(response.get_body())["error"]
    assert response.status_code == 400
    known = named == "ID"
    assert error.get("call_id") == (call if known else None)
    assert f"[call {call if known else '-'}] 400 {error['code']}: {error['field']} {error['message']}" in caplog.text
    assert f". Fix: {error['fix']}" in caplog.text


async def test_health_says_that_storage_answers() -> None:
    response = await handler("health")(func.HttpRequest("GET", "http://127.0.0.1:7071/api/health", body=b""))
    assert (response.status_code, json.loads(response.get_body())["status"]) == (200, "ok")


def test_every_route_has_a_verifier() -> None:
    known = (
        *(platform, loopback, anyone, sender, operator, uploads_key),
        *(event_grid, call_automation, placer, graph, player, reader, writer),
    )
    # Pages that hold nothing, and how to sign in to see more.
    open_when_on = {"console", "console_pages", "console_session"}
    for function in functions().values():
        bindings = [json.loads(str(binding)) for binding in function.get_raw_bindings()]
        if any(binding["type"] == "httpTrigger" for binding in bindings):
            handle = function.get_user_function()
            verifiers = [cell.cell_contents for cell in handle.__closure__ or ()]
            name = function.get_function_name()
            assert any(verifier in known for verifier in verifiers) or name in open_when_on, name
            assert (switched_on in verifiers) == (name in open_when_on), name


def test_a_route_cannot_be_registered_without_a_verifier() -> None:
    with pytest.raises(TypeError, match="verifier"):
        route(func.Blueprint(), "open", "GET")  # type: ignore[call-arg,no-untyped-call]


def test_the_function_app_stays_small() -> None:
    assert len(Path(str(function_app.__file__)).read_text().splitlines()) < 60


async def test_who_called_is_in_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """Not even where a bot's own error, or its notifications' handler, names them."""
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.choose("Which?", {"a": "1"})
        raise ValueError(f"{call.caller} is unknown: {call.participants[0].identity}")

    @bot.receive
    async def receive(event: object) -> None:
        raise ValueError("8:nora is unknown")

    rig = Rig(bot)
    asked = await rig.post(conversation(), message_id="m0")
    await rig.post(result(asked, chose("a")), message_id="m1")
    assert "the dialog failed" in caplog.text
    assert "a function that is told events failed" in caplog.text
    assert "8:****" in caplog.text
    assert "nora" not in caplog.text
