"""Echo servers to compare, each as people write it: `python -m bench.media_servers NAME PORT [CORE]`."""

import asyncio
import base64
import json
import logging
import os
import sys
from typing import Any

import uvloop

from dialtone.media.stream import Stream
from media_worker.server import MediaWorker, freeze
from media_worker.settings import Settings


async def callback(stream: Stream) -> None:
    stream.on_audio(stream.send)
    await stream.closed


async def iterator(stream: Stream) -> None:
    async for frame in stream.audio:
        await stream.send(frame)


async def voice(stream: Stream) -> None:
    stream.barge_in()
    async for frame in stream.audio:
        await stream.send(frame)


async def source(stream: Stream) -> None:
    """Sends all the time, at the pace of the wheel."""
    second = bytes(50 * stream.metadata.frame_bytes)
    while True:
        await stream.send(second)


async def pictures(stream: Stream) -> None:
    async for picture in stream.video:
        stream.send_video(picture)


HANDLERS = {"callback": callback, "iterator": iterator, "voice": voice, "source": source, "pictures": pictures}


async def worker(name: str, port: int) -> None:
    settings = Settings(port=port, max_sessions=10_000)
    async with MediaWorker(settings, {"echo": HANDLERS[name]}):
        freeze()
        print("ready", flush=True)
        await asyncio.Event().wait()


def reply_to(text: str | bytes) -> str | None:
    message = json.loads(text)
    if message["kind"] != "AudioData":
        return None
    pcm = base64.b64decode(message["audioData"]["data"])
    data = base64.b64encode(pcm).decode()
    return json.dumps({"Kind": "AudioData", "AudioData": {"Data": data}, "StopAudio": None}, separators=(",", ":"))


async def plain(port: int) -> None:
    """The handler that the library's documentation teaches."""
    from websockets.asyncio.server import ServerConnection, serve

    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            if reply := reply_to(message):
                await connection.send(reply)

    async with serve(handle, "127.0.0.1", port, compression=None):
        print("ready", flush=True)
        await asyncio.Event().wait()


def fastapi(port: int) -> None:
    """The WebSocket route that FastAPI's documentation teaches."""
    import uvicorn
    from fastapi import FastAPI, WebSocket, WebSocketDisconnect

    app = FastAPI()

    @app.websocket("/media/{call}")
    async def handle(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                if reply := reply_to(await websocket.receive_text()):
                    await websocket.send_text(reply)
        except WebSocketDisconnect:
            return

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            print("ready", flush=True)

    config = uvicorn.Config(app, port=port, log_level="error", ws_per_message_deflate=False, loop="uvloop")
    Server(config).run()


def main() -> None:
    name, port = sys.argv[1], int(sys.argv[2])
    if len(sys.argv) > 3:
        os.sched_setaffinity(0, {int(sys.argv[3])})
    logging.disable(logging.CRITICAL)
    if name == "fastapi":
        fastapi(port)
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(plain(port) if name == "plain" else worker(name, port))


if __name__ == "__main__":
    main()
