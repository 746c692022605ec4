"""The house that obeys the simulator's faults, and the gate before a storage, over real sockets."""

import http.client
import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from dialtone.house import Gate, House


class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def storage() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/account"
        server.shutdown()
        thread.join()


@contextmanager
def connected(url: str) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def post(connection: http.client.HTTPConnection, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection.request("POST", path, body)
    reply = connection.getresponse()
    return reply.status, reply.read()


def test_an_open_gate_passes_everything_on(storage: str) -> None:
    with Gate([storage, storage]) as gate:
        assert len(set(gate.addresses)) == 2
        with connected(gate.addresses[1]) as connection:
            for body in (b"x" * 1_000_000, b"", b"y"):
                assert post(connection, "/account/a", body) == (200, body)


def test_a_shut_gate_answers_503_and_closes_what_is_open(storage: str) -> None:
    with Gate([storage]) as gate, connected(gate.addresses[0]) as kept:
        assert post(kept, "/", b"1") == (200, b"1")
        gate.set(is_open=False)
        with pytest.raises((http.client.HTTPException, OSError)):
            post(kept, "/", b"2")
        with connected(gate.addresses[0]) as connection:
            assert post(connection, "/", b"z" * 1_000_000) == (503, b"")
        gate.set(is_open=True)
        with connected(gate.addresses[0]) as connection:
            assert post(connection, "/", b"3") == (200, b"3")


def test_a_gate_before_nothing_closes_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    lost = pytest.raises((http.client.HTTPException, OSError))
    with Gate([nowhere]) as gate, connected(gate.addresses[0]) as connection, lost:
        post(connection, "/")


def test_a_house_obeys() -> None:
    done: list[str] = []
    with House(
        lambda: done.append("kill"), lambda is_open: done.append(f"open {is_open}"), lambda: done.append("sweep")
    ) as house:
        statuses = []
        for path in ("/storage/down", "/storage/up", "/kill", "/sweep", "/burn"):
            with connected(house.url) as connection:
                statuses.append(post(connection, path)[0])
        with connected(house.url) as connection:
            connection.request("GET", "/kill")
            statuses.append(connection.getresponse().status)
    assert statuses == [204, 204, 204, 204, 404, 404]
    assert done == ["open False", "open True", "kill", "sweep"]


def test_what_a_house_cannot_do_is_a_500() -> None:
    def fail() -> None:
        raise RuntimeError("the host does not start")

    with House(fail, lambda _: None, fail) as house, connected(house.url) as connection:
        assert post(connection, "/kill")[0] == 500
        assert [str(failure) for failure in house.failures] == ["the host does not start"]
