"""Between the simulator and the functions: a proxy that a test can make nasty, and calls placed through it."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from dialtone.stack import DEFAULT_BOT, Stack

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = ROOT / "simulator" / "scripts"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of the platform, and what it got."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    reply: bytes


Forward = Callable[[], httpx.Response]
Nasty = Callable[["Line", int, Forward], httpx.Response]
"""Gets the number of the request (0 is the first of the call) and a function that forwards it."""


def plain(line: "Line", number: int, forward: Forward) -> httpx.Response:
    return forward()


@dataclass
class Line:
    """The proxy. `nasty` decides what happens to each request."""

    target: str
    nasty: Nasty = plain
    exchanges: list[Exchange] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def send(self, path: str, headers: dict[str, str], body: bytes) -> httpx.Response:
        with httpx.Client(trust_env=False, timeout=30) as client:
            return client.post(f"{self.target}{path}", headers=headers, content=body)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        number = len(self.exchanges)
        try:
            response = self.nasty(self, number, lambda: self.send(path, headers, body))
        except BaseException as failure:
            self.failures.append(failure)
            return 502, "text/plain", b""
        self.exchanges.append(Exchange(path, headers, body, response.status_code, response.content))
        return response.status_code, response.headers.get("content-type", ""), response.content

    def copies(self, exchange: Exchange, count: int) -> set[bytes]:
        """Send a request again, so many times at once; the replies that differ."""
        with ThreadPoolExecutor(count) as pool:
            again = [pool.submit(self.send, exchange.path, exchange.headers, exchange.body) for _ in range(count)]
        replies = [sent.result() for sent in again]
        assert {reply.status_code for reply in replies} == {200}
        return {reply.content for reply in replies}


@contextmanager
def proxy(line: Line, port: int = 0) -> Iterator[str]:
    """Serve the line; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            dropped = {"host", "connection", "content-length", "accept-encoding"}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
            status, kind, reply = line.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Rung:
    """A call that was placed: its ledger."""

    code: int
    ledger: list[dict[str, Any]]

    def kind(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.ledger if event["kind"] == kind]

    @property
    def call_id(self) -> str:
        return str(self.kind("call.started")[0]["call_id"])

    @property
    def story(self) -> list[Any]:
        """What happened, without times: what the caller heard, said and pressed, and how it ended."""
        told = ("heard", "beep", "pressed", "spoke", "recognized", "recorded", "transferred", "hung_up")
        left_out = ("t", "start", "seconds", "file")
        return [
            {name: value for name, value in event.items() if name not in left_out}
            for event in self.ledger
            if event["kind"] in told
        ]


def ring(bot: str, script: Path = SCRIPTS / "reception" / "leave-a-message.yaml") -> Rung:
    """Place a call in virtual time."""
    command = [sys.executable, "-m", "simulator", "call", str(script), "--bot", bot, "--time", "virtual"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.stdout, done.stderr
    return Rung(done.returncode, [json.loads(text) for text in done.stdout.splitlines()])


@dataclass
class House:
    """A running stack with the line in front of it."""

    stack: Stack
    line: Line
    url: str

    @property
    def calls(self) -> str:
        return f"{self.url}/api/calls"

    def ring(self, nasty: Nasty = plain, script: Path = SCRIPTS / "reception" / "leave-a-message.yaml") -> Rung:
        self.line.nasty = nasty
        self.line.exchanges.clear()
        self.line.failures.clear()
        rung = ring(self.calls, script)
        assert not self.line.failures
        return rung

    def restart_functions(self) -> None:
        self.stack.functions.kill()
        self.stack.functions.start()


@contextmanager
def a_house(
    logs: Path,
    *,
    line: Line | None = None,
    bot: str = DEFAULT_BOT,
    environment: Mapping[str, str] | None = None,
    memory: bool = False,
    timers: bool = True,
) -> Iterator[House]:
    """The whole stack of a bot as programs, on free ports; the platform reaches it through the line."""
    line = line or Line("")
    with proxy(line) as url:
        stack = Stack(
            ROOT,
            bot=bot,
            host="devhost",
            simulator=False,
            usual_ports=False,
            environment={"DIALTONE_PUBLIC_URL": url, **(environment or {})},
            logs=logs,
            memory=memory,
            timers=timers,
        )
        with stack:
            line.target = stack.functions_url
            yield House(stack, line, url)
