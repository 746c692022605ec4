"""The page at one end of a bot's media stream, a real media worker with the sample handlers at the other."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from playwright.async_api import expect

from media_worker.handlers import handlers_of
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from simulator import audio, speech
from tests.browser.axe import violations
from tests.browser.chromium import SAID, microphone, open_phone
from tests.simulator.fake_bot import FakeBot, Json, running_bot
from tests.simulator.phone.page import served

pytestmark = pytest.mark.browser

HANDLERS = handlers_of("bots.media:bot")
RATE_ENVELOPE = 20
"""Values a second."""


@pytest.fixture
async def bot() -> AsyncIterator[FakeBot]:
    async with running_bot() as running:
        yield running


def answered(worker: MediaWorker, handler: str) -> Json:
    url = f"{worker.url.replace('http', 'ws', 1)}/media/c1?handler={handler}"
    configuration = {"transportUrl": url, "enableBidirectional": True, "enableDtmfTones": True}
    return {"operationId": "m", "action": "answerAppHostedMedia", "mediaConfiguration": configuration}


def envelope(pcm: bytes) -> npt.NDArray[np.float64]:
    """How loud it is, over time."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    size = audio.RATE // RATE_ENVELOPE
    mean: npt.NDArray[np.float64] = np.mean(samples[: len(samples) // size * size].reshape(-1, size) ** 2, axis=1)
    return np.sqrt(mean)


async def test_the_echo_of_the_microphone_is_heard(bot: FakeBot, tmp_path: Path) -> None:
    async with MediaWorker(Settings(port=0), HANDLERS) as worker, served(f"{bot.url}/call") as address:
        bot.replies = [[answered(worker, "echo")], None]
        async with open_phone(address, microphone(tmp_path, quiet_s=0.5)) as phone:
            page = phone.page
            await page.click("#call")
            await expect(page.locator("#stream")).to_be_visible(timeout=20_000)
            await page.wait_for_timeout(7000)
            assert await violations(page) == []
            assert await page.evaluate("window.loudest") > 0.1
            await page.click("#hang-up")
            await phone.has_ended()
            events = await phone.ledger()
            await expect(page.locator("#stream")).to_be_hidden()
    opened, over = [event for event in events if event["kind"] == "stream"]
    assert (opened["what"], opened["handler"], over["what"]) == ("opened", "echo", "over")
    assert events[-1]["reasons"] == []
    # What came back has the rise and fall of what the microphone was given.
    spoken = envelope(speech.synthesize(SAID, speech.CALLER))
    heard = envelope(bytes(phone.sound))
    matches = [np.corrcoef(spoken, heard[at : at + len(spoken)])[0, 1] for at in range(len(heard) - len(spoken))]
    assert max(np.nan_to_num(matches)) > 0.7


async def test_the_player_shows_the_camera_its_own_picture(bot: FakeBot, tmp_path: Path) -> None:
    async with (
        MediaWorker(Settings(port=0), HANDLERS) as worker,
        served(f"{bot.url}/call") as address,
    ):
        bot.replies = [[answered(worker, "player")], None]
        async with open_phone(address, microphone(tmp_path)) as phone:
            page = phone.page
            await page.click("#call")
            await expect(page.locator("#stream")).to_be_visible(timeout=20_000)
            camera = page.locator("#camera")
            await expect(page.locator("#about-camera")).not_to_be_empty()
            if await camera.is_disabled():
                # Chromium is built without an encoder of H.264 where its licence was not paid: the page has to say so.
                assert "no camera" in str(await page.locator("#about-camera").text_content())
                return
            await camera.click()
            await expect(page.locator("#picture")).to_be_visible(timeout=20_000)
            await expect(page.locator("#screen")).to_have_attribute(
                "data-pictures", re.compile(r"^\d\d+$"), timeout=20_000
            )
            colours = await page.evaluate(
                "new Set(document.getElementById('screen').getContext('2d').getImageData(0, 0, 640, 360).data).size"
            )
            assert colours > 10, "the picture is blank"
            await camera.click()
            await page.click("#hang-up")
            await phone.has_ended()
            await expect(page.locator("#picture")).to_be_hidden()
