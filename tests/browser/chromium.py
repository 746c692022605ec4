"""A browser, and the phone in it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Page, Playwright, WebSocket, async_playwright, expect
from playwright.sync_api import Playwright as SyncPlaywright

from simulator import audio, speech
from simulator.phone import frames

SAID = "Hello, this is Nora. Please call me back."
PROMPTS_TIMEOUT_MS = 20_000
Scheme = Literal["light", "dark"]

_EAR = """
const Node = AudioWorkletNode;
window.loudest = 0;
window.AudioWorkletNode = class extends Node {
  constructor(context, name, options) {
    super(context, name, options);
    if (name !== "loudspeaker") return;
    const ear = new AnalyserNode(context), samples = new Float32Array(ear.fftSize);
    this.connect(ear);
    setInterval(() => {
      ear.getFloatTimeDomainData(samples);
      window.loudest = Math.max(window.loudest, ...samples.map(Math.abs));
    }, 40);
  }
};
"""
"""How loud the loudspeaker gets."""


def find_chromium(playwright: Playwright | SyncPlaywright) -> str:
    """Where Chromium is: on the PATH, else Playwright's own. Skips the test, or in CI fails it, when it is nowhere."""
    named = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    executable = named or playwright.chromium.executable_path
    if not Path(executable).exists():
        reason = "Chromium was not found: install Debian's chromium, or run `playwright install chromium`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return executable


def microphone(folder: Path, said: str = SAID, quiet_s: float = 1.0) -> Path:
    """A file for the fake microphone, which plays it again and again: speech, after a second of silence."""
    path = folder / "microphone.wav"
    path.write_bytes(audio.encode(audio.silence(quiet_s) + speech.synthesize(said, speech.CALLER), "wav"))
    return path


@dataclass
class Phone:
    """The phone's page; `sound` is what came to its loudspeaker, `errors` what the browser complained of."""

    page: Page
    sound: bytearray = field(default_factory=bytearray)
    errors: list[str] = field(default_factory=list)

    def listen(self) -> None:
        def received(data: bytes | str) -> None:
            if isinstance(data, bytes) and isinstance(pcm := frames.read(data), bytes):
                self.sound.extend(pcm)

        def opened(socket: WebSocket) -> None:
            socket.on("framereceived", received)

        self.page.on("websocket", opened)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    async def is_ready(self) -> None:
        await expect(self.page.locator("#call")).to_be_enabled()

    async def heard(self, text: str) -> None:
        """Wait until the bot says this."""
        await expect(self.page.locator(".caption.bot", has_text=text)).to_be_visible(timeout=PROMPTS_TIMEOUT_MS)

    async def is_recorded(self) -> None:
        await expect(self.page.locator("#recording")).to_have_text("The bot is recording you", timeout=20_000)

    async def has_ended(self) -> None:
        await expect(self.page.locator("#call")).to_be_visible(timeout=30_000)
        await expect(self.page.locator("#save")).to_be_enabled()

    async def ledger(self) -> list[dict[str, Any]]:
        """The call's ledger, as the page saves it."""
        import json

        async with self.page.expect_download() as saving:
            await self.page.click("#save")
        path = await (await saving.value).path()
        return [json.loads(line) for line in (await asyncio.to_thread(path.read_text)).splitlines()]


@asynccontextmanager
async def open_phone(
    simulator_url: str,
    voice: Path,
    *,
    scheme: Scheme = "light",
    width: int = 1280,
    height: int = 800,
    allowed: bool = True,
) -> AsyncIterator[Phone]:
    """The page of a simulator in a browser of its own, whose microphone plays `voice`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(playwright),
            args=[
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={voice}",
                *(["--use-fake-ui-for-media-stream"] if allowed else ["--deny-permission-prompts"]),
            ],
        )
        try:
            page = await browser.new_page(
                viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
            )
            await page.add_init_script(_EAR)
            phone = Phone(page)
            phone.listen()
            await page.goto(f"{simulator_url}/phone/")
            await phone.is_ready()
            yield phone
        finally:
            await browser.close()
    assert phone.errors == []
