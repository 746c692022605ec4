"""What the phone adds between a mouth and an ear, on one machine: a browser, the simulator's page, a line that echoes.

A click enters the microphone's AudioWorklet, goes to the simulator by the page's WebSocket, comes back as live sound
and leaves the loudspeaker's AudioWorklet; both moments are of one audio clock. The 60 ms that the loudspeaker holds
back on purpose are taken off. What sound cards take is not in it: headless Chromium has none.
"""

import asyncio
import socket
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import uvicorn
from playwright.async_api import async_playwright

from bench.table import show
from simulator import audio
from simulator.lab import Bot
from simulator.phone.exchange import Exchange
from simulator.phone.session import Session
from simulator.service import Service
from simulator.wire import open_wire
from tests.browser.chromium import find_chromium

CLICKS = 20
BUFFER_MS = 60.0
AIM_MS = 60.0
EVERY_S = 0.5

_TAP = """
class Tap extends AudioWorkletProcessor {
  #quiet = [0, 0];
  process(inputs) {
    inputs.forEach(([samples], which) => samples?.forEach((sample, at) => {
      if (Math.abs(sample) > 0.1) {
        if (this.#quiet[which] > 3200) this.port.postMessage([which, (currentFrame + at) / sampleRate]);
        this.#quiet[which] = 0;
      } else this.#quiet[which]++;
    }));
    return true;
  }
}
registerProcessor("tap", Tap);
"""
_MEASURE = """async ([tap, clicks]) => {
  const { Sound } = await import("/phone/sound.js");
  const { Line } = await import("/phone/line.js");
  const sound = await Sound.open();
  sound.live(true);
  const line = new Line({ message() {}, sound: (pcm) => sound.play(pcm), closed() {} });
  await sound.listen((frame) => line.sound(frame));
  await sound.context.audioWorklet.addModule(URL.createObjectURL(new Blob([tap], { type: "text/javascript" })));
  const ear = new AudioWorkletNode(sound.context, "tap", { numberOfInputs: 2, numberOfOutputs: 0 });
  sound.context.createMediaStreamSource(sound.stream).connect(ear, 0, 0);
  sound.loudspeaker.connect(ear, 0, 1);
  const heard = [[], []];
  return new Promise((done) => {
    ear.port.onmessage = ({ data: [which, at] }) => {
      heard[which].push(at);
      if (heard[1].length > clicks) done(heard);
    };
  });
}"""


class Echo(Session):
    """A line on which everything comes back."""

    def _hear(self, message: bytes) -> None:
        self._put(message)


async def measure(voice: Path) -> tuple[list[float], list[float]]:
    """When each click was spoken, and when each was heard, in seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with open_wire() as wire, async_playwright() as playwright:
            Exchange.session = Echo
            service = Service(Bot("http://127.0.0.1:9/", wire))
            server = uvicorn.Server(
                uvicorn.Config(service, log_level="warning", lifespan="off", ws="websockets-sansio")
            )
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            browser = await playwright.chromium.launch(
                executable_path=find_chromium(playwright),
                args=[
                    "--use-fake-device-for-media-stream",
                    "--use-fake-ui-for-media-stream",
                    "--autoplay-policy=no-user-gesture-required",
                    f"--use-file-for-fake-audio-capture={voice}",
                ],
            )
            try:
                page = await browser.new_page(bypass_csp=True)
                await page.goto(f"http://127.0.0.1:{listening.getsockname()[1]}/phone/")
                spoken, heard = await page.evaluate(_MEASURE, [_TAP, CLICKS])
            finally:
                await browser.close()
                server.should_exit = True
                await serving
    return spoken, heard


def added(spoken: list[float], heard: list[float]) -> list[float]:
    """What each click took, in ms, without the buffer: a click is heard within half the time to the next."""
    delays = [ear - max((mouth for mouth in spoken if mouth < ear), default=ear) for ear in heard]
    return [1000 * delay - BUFFER_MS for delay in delays if 0 < delay < EVERY_S]


def run() -> None:
    """Print the table."""
    with TemporaryDirectory() as folder:
        voice = Path(folder, "clicks.wav")
        click = audio.tone(0.01, 2000) * 2
        voice.write_bytes(audio.encode((click + audio.silence(EVERY_S - audio.seconds_of(click))) * 20, "wav"))
        delays = added(*asyncio.run(measure(voice)))
    show(
        f"Phone: mouth to ear on loopback, {len(delays)} clicks",
        ["ms besides the buffer of 60 ms", "median", "least", "most", ""],
        [["added", *(f"{each(delays):.0f}" for each in (median, min, max)), f"aim: at most {AIM_MS:.0f}"]],
        "20 ms of it are the frame that the microphone fills before it is sent.",
    )
