"""The route by which the media worker asks which stream of a call is wanted: `GET /api/calls/{id}/stream`."""

import json
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

from dialtone import CallBot
from dialtone.signals import SignalKeys
from dialtone.storage import MediaRow
from functions import signals, streams
from tests.functions.rig import KEY, SETTINGS, Rig


async def asked(call: str = "call-7", key: str | None = "") -> tuple[int, Any]:
    """Status and body; `key` is the call's own if it is empty, none is sent if it is None."""
    app = func.FunctionApp()
    app.register_functions(streams.blueprint)
    (handler,) = (function.get_user_function() for function in app.get_functions())
    bearer = "" if key is None else f"Bearer {key or SignalKeys([KEY]).key_of(call)}"
    request = func.HttpRequest(
        "GET",
        f"https://bot.test/api/calls/{call}/stream",
        headers={"Authorization": bearer},
        route_params={"id": call},
        body=b"",
    )
    response = await handler(request)
    return response.status_code, json.loads(response.get_body())


async def test_it_is_told_which_stream_is_wanted_and_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(CallBot())
    monkeypatch.setattr(streams, "turns", lambda: rig.turns)
    monkeypatch.setattr(signals, "settings", lambda: SETTINGS)
    calls = rig.storage.calls
    assert (await asked())[0] == 404
    row = MediaRow("call-7", "echo", "acs", "asked", rig.now, number=2, turn=5)
    for state in ("asked", "open"):
        await calls.put_media(replace(row, state=state))
        assert await asked() == (200, {"handler": "echo", "number": 2})
    assert await calls.media("call-7") == replace(row, state="open")
    for state in ("ended", "closed"):
        await calls.put_media(replace(row, state=state))
        assert (await asked())[0] == 409
    assert (await asked(key=None))[0] == 401
    assert (await asked(key=SignalKeys([KEY]).key_of("call-8")))[0] == 403
