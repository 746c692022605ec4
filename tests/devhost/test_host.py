"""The HTTP edge, over real sockets, with the registry worker."""

import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.devhost.conftest import RunningHost


@pytest.fixture
def client(registry_host: RunningHost) -> httpx.Client:
    return registry_host.client


def raw_request(
    host: RunningHost, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b""
) -> tuple[int, bytes]:
    """One request exactly as given: no header added but Host."""
    address = urlsplit(host.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_function_gets_the_request_as_flat_maps(registry_host: RunningHost) -> None:
    path = "/api/echo/7?a=1&A=2&empty=&b=x%20%C3%BC+y"
    headers = [("X-One", "1"), ("x-one", "2"), ("X-Name", "José"), ("Content-Length", "3")]
    encoded = [(name, value.encode().decode("latin-1")) for name, value in headers]
    status, body = raw_request(registry_host, "PUT", path, encoded, b"\x00ab")
    assert status == 200
    assert json.loads(body) == {
        "method": "PUT",
        "url": f"http://HOST{path}",
        "headers": {"host": "HOST", "x-one": "1,2", "x-name": "José", "content-length": "3"},
        "params": {"a": "1,2", "b": "x ü y"},
        "route": {"id": "7"},
        "body": "\x00ab",
    }


@pytest.mark.parametrize("name", ["X-ARR-ClientCert", "x-arr-clientcert", "X-Arr-Clientcert"])
def test_a_certificate_header_of_the_client_is_dropped(registry_host: RunningHost, name: str) -> None:
    _, body = raw_request(registry_host, "GET", "/api/echo", [(name, "Zm9yZ2Vk"), (name, "dHdpY2U="), ("X-Other", "1")])
    assert json.loads(body)["headers"] == {"host": "HOST", "x-other": "1"}


def test_a_forwarded_scheme_is_not_believed(client: httpx.Client) -> None:
    assert client.get("/api/echo", headers={"X-Forwarded-Proto": "https"}).json()["url"].startswith("http://")


def test_a_header_that_is_not_utf8_is_refused(registry_host: RunningHost) -> None:
    assert raw_request(registry_host, "GET", "/api/echo", [("X-Name", "\xff")])[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/echo", 200),
        ("GET", "/API/Echo/", 200),
        ("GET", "/api/echo/x", 404),
        ("GET", "/echo", 404),
        ("GET", "/", 404),
        ("GET", "/api/json", 404),
        ("HEAD", "/api/seen", 404),
        ("OPTIONS", "/api/json", 404),
        ("GET", "/admin/nothing", 404),
        ("GET", "/runtime/webhooks/eventgrid?functionName=on_event", 404),
    ],
)
def test_no_route_and_method_is_404(client: httpx.Client, method: str, path: str, status: int) -> None:
    assert client.request(method, path).status_code == status


@pytest.mark.parametrize("path", ["fail", "fail-sync", "nothing", "raw", "answer?status=99", "answer?name=%E2%82%AC"])
def test_a_failure_is_500_with_an_empty_body(client: httpx.Client, path: str) -> None:
    answer = client.get(f"/api/{path}")
    assert (answer.status_code, answer.content) == (500, b"")


def test_a_failure_is_in_the_log(registry_host: RunningHost) -> None:
    registry_host.client.get("/api/fail")
    assert re.search(r"Function fail failed\nTraceback.*this is the traceback in the log", registry_host.log, re.DOTALL)


def test_the_response_is_framed_by_the_host(client: httpx.Client) -> None:
    answer = client.get("/api/answer?body=text&status=418")
    assert answer.status_code == 418
    assert answer.text == "text"
    assert answer.headers["content-length"] == "4"
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers.get_list("set-cookie") == ["a=1; HttpOnly; Path=/", "b=2; Secure"]
    unframed = client.get("/api/unframed")
    assert (unframed.text, "transfer-encoding" in unframed.headers) == ("text", False)


def test_a_status_without_a_body(client: httpx.Client) -> None:
    answer = client.get("/api/answer?body=text&status=204")
    assert (answer.status_code, answer.content, "content-length" in answer.headers) == (204, b"", False)
    assert client.get("/api/echo").status_code == 200


def test_head_has_the_headers_of_get(client: httpx.Client) -> None:
    answer = client.head("/api/answer?body=text")
    assert (answer.content, answer.headers["content-length"]) == (b"", "4")


def test_a_body_above_the_limit_is_413(registry_host: RunningHost) -> None:
    assert raw_request(registry_host, "POST", "/api/json", [("Content-Length", "104857601")])[0] == 413


def test_a_large_body_is_whole(client: httpx.Client) -> None:
    text = "x" * 3_000_000
    assert client.post("/api/json", json=text).json() == text


def test_a_chunked_body_is_refused_because_azure_drops_it(client: httpx.Client) -> None:
    answer = client.post("/api/json", content=iter([b"{}"]))
    assert answer.status_code == 411
    assert "Content-Length" in answer.text


def test_a_client_that_leaves_within_its_body_harms_nobody(registry_host: RunningHost) -> None:
    address = urlsplit(registry_host.url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
    connection.putrequest("POST", "/api/json")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"half")
    connection.close()
    assert registry_host.client.post("/api/json", json=1).json() == 1


def test_many_sync_functions_run_side_by_side(registry_host: RunningHost) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(registry_host.client.get, ["/api/slow-sync?seconds=0.2"] * 4))
    assert [answer.json() for answer in answers] == ["slow"] * 4
    assert sum(answer.elapsed.total_seconds() for answer in answers) < 4 * 0.6


def test_status_and_functions(client: httpx.Client) -> None:
    assert client.get("/admin/host/status").json() == {"state": "Running", "worker": "registry"}
    functions = {each["name"]: each["config"]["bindings"] for each in client.get("/admin/functions").json()}
    assert functions["on_event"][0]["type"] == "eventGridTrigger"
    assert functions["json_in"][0]["methods"] == ["POST"]


def test_a_timer_is_run_by_hand(registry_host: RunningHost) -> None:
    answer = registry_host.client.post("/admin/functions/NEW_YEAR", json={"input": ""})
    assert (answer.status_code, answer.content) == (202, b"")
    # Once at the start (run_on_startup), once by hand.
    registry_host.wait_until_seen(lambda seen: seen.count({"new year": False}) == 2)


def test_an_event_function_is_run_by_hand(registry_host: RunningHost) -> None:
    event = json.dumps({"id": "by-hand"})
    assert registry_host.client.post("/admin/functions/on_cloud_event", json={"input": event}).status_code == 202
    registry_host.wait_until_seen(lambda seen: {"raw": {"id": "by-hand"}} in seen)


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("echo", '{"input": ""}', 400),
        ("on_event", '{"input": "no event"}', 400),
        ("on_event", "{}", 400),
        ("tick", "", 400),
        ("tick", "[]", 400),
        ("nobody", '{"input": ""}', 404),
    ],
)
def test_what_cannot_be_run_by_hand(client: httpx.Client, name: str, body: str, status: int) -> None:
    assert client.post(f"/admin/functions/{name}", content=body).status_code == status


def deliver(client: httpx.Client, kind: str, body: object, name: str = "on_event") -> httpx.Response:
    return client.post(f"/runtime/webhooks/eventgrid?functionName={name}", json=body, headers={"aeg-event-type": kind})


def test_event_grid_validates_its_subscription(client: httpx.Client) -> None:
    data = {"validationCode": "512d38b6"}
    expected = {"validationResponse": "512d38b6"}
    assert deliver(client, "SubscriptionValidation", [{"data": data}]).json() == expected
    assert deliver(client, "SubscriptionValidation", {"data": json.dumps(data)}).json() == expected
    answer = client.options("/runtime/webhooks/eventgrid?functionName=on_event")
    assert (answer.status_code, answer.headers["webhook-allowed-origin"]) == (200, "eventgrid.azure.net")


def test_each_event_of_a_delivery_runs_the_function(registry_host: RunningHost) -> None:
    events = [
        {"id": f"delivered-{number}", "eventType": "call", "subject": "s", "data": {"n": number}, "dataVersion": "1"}
        for number in (1, 2)
    ]
    assert deliver(registry_host.client, "Notification", events).status_code == 202
    seen = registry_host.wait_until_seen(lambda seen: len(seen) > 1)
    assert {"event": "delivered-1", "type": "call", "data": {"n": 1}} in seen
    assert {"event": "delivered-2", "type": "call", "data": {"n": 2}} in seen


def test_a_cloud_event_comes_alone(registry_host: RunningHost) -> None:
    event = {"specversion": "1.0", "id": "cloud"}
    assert deliver(registry_host.client, "Notification", event, "on_cloud_event").status_code == 202
    registry_host.wait_until_seen(lambda seen: {"raw": event} in seen)


@pytest.mark.parametrize(
    ("kind", "body", "name", "status"),
    [
        ("Notification", [{"id": "good"}, {"id": "bad", "subject": "fail"}], "on_event", 500),
        ("Notification", [1], "on_event", 500),
        ("Notification", [{}], "on_event_returning", 500),
        ("Unsubscribe", [], "on_event", 202),
        ("Rumour", [], "on_event", 400),
        ("SubscriptionValidation", [], "on_event", 400),
        ("SubscriptionValidation", [{"data": 1}], "on_event", 400),
        ("Notification", [], "echo", 404),
        ("Notification", [], "nobody", 404),
    ],
)
def test_deliveries_that_do_not_succeed(client: httpx.Client, kind: str, body: object, name: str, status: int) -> None:
    assert deliver(client, kind, body, name).status_code == status


def test_timers_fire(registry_host: RunningHost) -> None:
    registry_host.wait_until_seen(lambda seen: {"tick": ["Last", "LastUpdated", "Next"]} in seen)
