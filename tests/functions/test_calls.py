"""Replies of the callback's route: their status, their content type, and whether they have a body."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import azure.functions as func
import pytest

from functions import calls
from functions.settings import settings
from functions.skype_turn import Reply, turns
from tests.functions.rig import HUNG_UP, JSON, RECORDED, chose, configure, conversation, result, with_audio

Post = Callable[..., Awaitable[func.HttpResponse]]
CHANGED = {"id": "call-7", "type": "callStateChange", "currentState": "established"}


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Posts to the route of a bot that begins anew."""
    configure(monkeypatch)
    settings.cache_clear()
    turns.cache_clear()
    app = func.FunctionApp()
    app.register_functions(calls.blueprint)
    (handler,) = (function.get_user_function() for function in app.get_functions())

    async def post(body: bytes, kind: str | None = JSON, host: str = "127.0.0.1:7071") -> func.HttpResponse:
        headers = {} if kind is None else {"Content-Type": kind}
        response = await handler(func.HttpRequest("POST", f"http://{host}/api/calls", headers=headers, body=body))
        assert isinstance(response, func.HttpResponse)
        return response

    yield post
    settings.cache_clear()
    turns.cache_clear()


def reply(response: func.HttpResponse) -> Reply:
    return Reply(response.get_body())


async def a_workflow(post: Post) -> func.HttpResponse:
    return await post(conversation())


async def a_workflow_for_a_recording(post: Post) -> func.HttpResponse:
    asked = await post(result(reply(await post(conversation())), chose("message")))
    return await post(*with_audio(result(reply(asked), RECORDED), b"sound"))


async def nothing_to_say(post: Post) -> func.HttpResponse:
    thanks = await a_workflow_for_a_recording(post)
    return await post(result(reply(thanks), HUNG_UP, state="terminated"))


async def a_notification(post: Post) -> func.HttpResponse:
    await post(conversation())
    return await post(json.dumps(CHANGED).encode())


async def no_content_type(post: Post) -> func.HttpResponse:
    return await post(conversation(), None)


async def malformed(post: Post) -> func.HttpResponse:
    return await post(b'{"hello": 1}')


async def no_body(post: Post) -> func.HttpResponse:
    return await post(b"")


async def another_charset(post: Post) -> func.HttpResponse:
    return await post(conversation(), "application/json; charset=utf-16")


async def half_a_recording(post: Post) -> func.HttpResponse:
    body, kind = with_audio(b"{}", b"sound")
    return await post(body[:-9], kind)


async def not_the_platform(post: Post) -> func.HttpResponse:
    return await post(conversation(), host="bot.example.com")


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        (a_workflow, 200, None),
        (a_workflow_for_a_recording, 200, None),
        (no_content_type, 200, None),
        (nothing_to_say, 200, ""),
        (a_notification, 202, ""),
        (malformed, 400, "MISSING:id"),
        (no_body, 400, "BODY_EMPTY"),
        (another_charset, 400, "CHARSET"),
        (half_a_recording, 400, "BAD_MULTIPART"),
        (not_the_platform, 403, "FORBIDDEN"),
    ],
)
async def test_replies(post: Post, case: Callable[[Post], Any], status: int, code: str | None) -> None:
    """`code` is that of an error, None for a workflow, and empty where the reply has no body."""
    response = await case(post)
    assert response.status_code == status
    if code == "":
        assert response.get_body() == b""
        return
    data = json.loads(response.get_body())
    if code is None:
        assert response.mimetype == JSON
        assert data["actions"]
    else:
        assert response.mimetype == "application/json"
        assert data["error"]["code"] == code
