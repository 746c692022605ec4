"""Serving for as long as a block lasts."""

import asyncio
from typing import Any

import httpx
import pytest

from simulator.serving import listening


class Slow:
    """An ASGI application that answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.set()
        await self.go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})


async def test_what_was_asked_before_the_end_is_answered() -> None:
    app = Slow()
    async with httpx.AsyncClient(trust_env=False) as client:
        async with listening(app) as port:
            asking = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
            await app.asked.wait()
            asyncio.get_running_loop().call_later(0.05, app.go_on.set)
        assert asking.done()
        assert (await asking).text == "done"
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_it_may_be_over_before_it_began() -> None:
    async with listening(Slow()) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
