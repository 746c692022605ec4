"""The fallback is worth something only if it answers as Microsoft's own worker does."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.devhost.conftest import RunningHost

pytestmark = pytest.mark.runtime


@dataclass
class Request:
    path: str
    method: str = "GET"
    more: dict[str, Any] = field(default_factory=dict)


EVENT = {"id": "1", "eventType": "call", "subject": "s", "data": {"n": 1}, "eventTime": "2026-11-20T10:00:00.1234567Z"}
NOTIFICATION = {"aeg-event-type": "Notification"}
SOUND = {"sound": ("a.wav", b"\x00RIFF\xff", "audio/wav")}
REPEATED = [("X-A", "1"), ("X-A", "2")]
GRID = "/runtime/webhooks/eventgrid?functionName="
REQUESTS = [
    Request("/api/echo/7?a=1&a=2&empty=&b=x%20y", "PUT", {"content": b"\x00\xff", "headers": REPEATED}),
    Request("/api/echo", "POST", {"data": {"a": "1", "b": "ü"}}),
    Request("/api/echo/seven"),
    Request("/api/echo", "HEAD"),
    Request("/api/json", "POST", {"json": {"name": "größe", "n": [1, None]}}),
    Request("/api/json", "POST", {"content": b"{"}),
    Request("/api/json", "POST", {"content": b""}),
    Request("/api/json", "GET"),
    Request("/api/multipart", "POST", {"data": {"a": "1"}, "files": SOUND}),
    Request("/api/context"),
    Request("/api/fail"),
    Request("/api/fail-sync"),
    Request("/api/nothing"),
    Request("/api/text"),
    Request("/api/raw"),
    Request("/api/unannotated"),
    Request("/api/out"),
    Request("/api/out?set=1"),
    Request("/api/out-text"),
    Request("/api/answer?body=text&status=418&name=x"),
    Request("/api/answer?body=text&status=204"),
    Request("/api/answer?status=99"),
    Request("/api/unframed"),
    Request("/api/files/a/b%20c%2Fd"),
    Request("/api/locked"),
    Request("/api/nowhere"),
    Request("/admin/functions"),
    Request("/admin/functions/new_year", "POST", {"json": {"input": ""}}),
    Request("/admin/functions/echo", "POST", {"json": {"input": ""}}),
    Request(GRID + "on_event", "POST", {"json": [EVENT], "headers": NOTIFICATION}),
    Request(GRID + "on_event", "POST", {"json": [1], "headers": NOTIFICATION}),
    Request(GRID + "on_event", "POST", {"json": [EVENT, {"subject": "fail"}], "headers": NOTIFICATION}),
    Request(GRID + "on_event_returning", "POST", {"json": [EVENT], "headers": NOTIFICATION}),
    Request(GRID + "on_cloud_event", "POST", {"json": EVENT, "headers": NOTIFICATION}),
]  # fmt: skip


def parts(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = sorted((name, value) for name, value in answer.headers.multi_items() if name != "date")
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request.method} {request.path}")
def test_both_workers_give_the_same_answer(
    registry_host: RunningHost, runtime_host: RunningHost, request_: Request
) -> None:
    more = dict(request_.more)
    if "files" in more:
        more["headers"] = {"Content-Type": "multipart/form-data; boundary=same-for-both"}
    ours, theirs = (
        parts(httpx.request(request_.method, host.url + request_.path, **more))
        for host in (registry_host, runtime_host)
    )
    assert ours == theirs


def test_both_workers_ran_the_same_events(registry_host: RunningHost, runtime_host: RunningHost) -> None:
    event = {**EVENT, "id": "same"}
    for host in (registry_host, runtime_host):
        for name in ("on_event", "on_cloud_event"):
            host.client.post(GRID + name, json=[event], headers={"aeg-event-type": "Notification"})
        host.wait_until_seen(
            lambda seen: (
                {"event": "same", "type": "call", "data": {"n": 1}} in seen
                and {"raw": event} in seen
                and {"tick": ["Last", "LastUpdated", "Next"]} in seen
            )
        )


def test_the_runtime_worker_is_taken_when_it_is_there(runtime_host: RunningHost) -> None:
    assert "worker=runtime" in runtime_host.lines[-1]
    assert runtime_host.client.get("/admin/host/status").json()["worker"] == "runtime"
