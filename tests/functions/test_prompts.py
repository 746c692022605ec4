import json
import logging
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

import functions.prompts as module
from bots.reception import bot
from dialtone.storage import PROMPTS_CONTAINER
from functions import http
from tests.functions.app import handler
from tests.functions.rig import SETTINGS, Rig

KEY = "a key of Event Grid"
CREATED = "Microsoft.Storage.BlobCreated"


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    made = Rig(bot)
    current = replace(SETTINGS, auth="jwt", app_id="app", prompt_events_key=KEY)
    monkeypatch.setattr(module, "turns", lambda: made.turns)
    monkeypatch.setattr(module, "settings", lambda: current)
    return made


async def post(body: Any, key: str = KEY) -> func.HttpResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    url = "http://127.0.0.1/api/prompts/events"
    request = func.HttpRequest(method="POST", url=url, params={"key": key}, body=data)
    answer: func.HttpResponse = await handler("prompt_events")(request)
    return answer


def created(name: str, container: str = PROMPTS_CONTAINER) -> dict[str, Any]:
    return {"eventType": CREATED, "subject": f"/blobServices/default/containers/{container}/blobs/{name}", "data": {}}


async def test_an_upload_is_judged_when_it_is_told(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    container = rig.storage.backend.container(PROMPTS_CONTAINER)
    await container.put("menu.txt", b"Press 1.", "text/plain", {}, overwrite=True)
    await container.put("welcome.wav", b"RIFF", "audio/wav", {}, overwrite=True)
    with caplog.at_level(logging.WARNING):
        told = [created("menu.txt"), created("welcome.wav"), created("my prompt.txt"), created("x.txt", "recordings")]
        assert (await post(told)).status_code == 200
    assert "prompts/welcome.wav is not used" in caplog.text
    assert "a name that is none of a prompt" in caplog.text
    reads = rig.backend.operations.count("read prompts")
    assert (await rig.storage.prompts.resolve(["menu"]))["menu"].text == "Press 1."
    assert rig.backend.operations.count("read prompts") == reads == 2


async def test_the_handshake_is_answered(rig: Rig) -> None:
    event = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "c-1"}}
    answer = await post([event])
    assert json.loads(answer.get_body()) == {"validationResponse": "c-1"}


@pytest.mark.parametrize("key", ["", "wrong"])
async def test_nobody_else_is_let_in(rig: Rig, key: str) -> None:
    assert (await post([created("menu.txt")], key)).status_code == 401
    assert rig.backend.operations == []


async def test_without_a_key_nobody_is_let_in(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "settings", lambda: replace(SETTINGS, auth="jwt", app_id="app"))
    assert (await post([created("menu.txt")], "")).status_code == 401


@pytest.mark.parametrize(("body", "code"), [(b"{", "NOT_JSON"), (b"[1]", "WRONG_TYPE")])
async def test_what_is_no_event_is_refused(rig: Rig, body: bytes, code: str) -> None:
    answer = await post(body)
    assert answer.status_code == 400
    assert json.loads(answer.get_body())["error"]["code"] == code


async def test_a_body_that_is_too_large(rig: Rig) -> None:
    assert (await post(b" " * (http.EVENTS_MAX + 1))).status_code == 400


async def test_a_failure_of_storage_is_told_again(rig: Rig) -> None:
    rig.backend.fail = lambda operation: operation == "blobs prompts"
    assert (await post([created("menu.txt")])).status_code == 503
