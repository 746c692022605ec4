"""A load generator that costs little: raw HTTP/1.1 over kept-alive connections, one request outstanding on each."""

import asyncio
import json
import os
import sys
from time import perf_counter
from uuid import uuid4

HEAD = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: application/json\r\n"
    "Content-Type: application/json; charset=utf-8\r\nX-Microsoft-Skype-Chain-ID: {call}\r\n"
    "X-Microsoft-Skype-Message-ID: {call}\r\n{authorization}Content-Length: {length}\r\n\r\n"
)


class Connection(asyncio.Protocol):
    """Posts the first request of ever new calls; counts replies, and those that are no workflow."""

    def __init__(self, port: int, path: str, conversation: str, deadline: float) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self.replies = 0
        self.errors = 0
        self._port, self._path, self._conversation, self._deadline = port, path, conversation, deadline
        token = os.environ.get("BENCH_TOKEN")
        self._authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._post()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, body = self._buffer.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return
        self._buffer = b""
        self.replies += 1
        if not head.startswith(b"HTTP/1.1 200") or b'"actions"' not in body:
            self.errors += 1
        if perf_counter() < self._deadline:
            self._post()
        else:
            assert self._transport is not None
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _post(self) -> None:
        call = str(uuid4())
        body = self._conversation.replace("CALL", call)
        head = HEAD.format(
            path=self._path, port=self._port, call=call, authorization=self._authorization, length=len(body)
        )
        assert self._transport is not None
        self._transport.write((head + body).encode())


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _load(port: int, path: str, conversation: str, connections: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    began = perf_counter()
    made = [
        (
            await loop.create_connection(
                lambda: Connection(port, path, conversation, began + seconds), "127.0.0.1", port
            )
        )[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for connection in made))
    took = perf_counter() - began
    replies = sum(connection.replies for connection in made)
    return {"rate": replies / took, "errors": sum(connection.errors for connection in made)}


if __name__ == "__main__":
    port, path, connections, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    print(json.dumps(asyncio.run(_load(port, path, sys.stdin.read(), connections, seconds))))
