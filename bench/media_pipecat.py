# mypy: disable-error-code="misc, untyped-decorator"
"""An echo by pipecat's WebSocket transport: `PYTHON -m bench.media_pipecat PORT CORE`.

PYTHON is one that has `pipecat-ai[websocket]` and `uvicorn`, of no other environment than its own: pipecat is heavy and
nothing of the kit needs it. The pipeline is the shortest there is, from the transport to the transport; what watches
turns and speaks its own protocol is off, and it sends in pieces of 20 ms, as the platform does.
"""

import asyncio
import base64
import json
import os
import sys
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

RATE = 16_000


class Acs(FrameSerializer):
    """ACS's messages, which pipecat does not bring."""

    async def serialize(self, frame: Frame) -> str | None:
        if not isinstance(frame, OutputAudioRawFrame):
            return None
        data = base64.b64encode(frame.audio).decode()
        return json.dumps({"Kind": "AudioData", "AudioData": {"Data": data}, "StopAudio": None}, separators=(",", ":"))

    async def deserialize(self, data: str | bytes) -> Frame | None:
        message = json.loads(data)
        if message["kind"] != "AudioData":
            return None
        return InputAudioRawFrame(base64.b64decode(message["audioData"]["data"]), RATE, 1)


class Echo(FrameProcessor):
    """What is heard is what is said."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            frame = OutputAudioRawFrame(frame.audio, RATE, 1)
        await self.push_frame(frame, direction)


app = FastAPI()


@app.websocket("/media/{call}")
async def stream(websocket: WebSocket) -> None:
    """One call."""
    await websocket.accept()
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(
            audio_in_enabled=True,
            audio_out_enabled=True,
            audio_in_sample_rate=RATE,
            audio_out_sample_rate=RATE,
            audio_out_10ms_chunks=2,
            audio_out_auto_silence=False,
            serializer=Acs(),
        ),
    )
    worker = PipelineWorker(
        Pipeline([transport.input(), Echo(), transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(transport: Any, client: Any) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


class Server(uvicorn.Server):
    """Says when it listens."""

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        print("ready", flush=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[2])})
    logger.remove()
    config = uvicorn.Config(app, port=int(sys.argv[1]), log_level="error", ws_per_message_deflate=False, loop="uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as run:
        run.run(Server(config).serve())
