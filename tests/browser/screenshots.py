"""`python -m tests.browser.screenshots` takes the pictures of docs/how-to/phone.md: of a call of the reception."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from dialtone.stack import Stack
from tests.browser.chromium import Scheme, microphone, open_phone
from tests.fakes import ROOT

IMAGES = ROOT / "docs" / "images"
PICTURES: list[tuple[str, Scheme, int, int]] = [
    ("phone-light", "light", 1440, 860),
    ("phone-dark", "dark", 1440, 860),
    ("phone-narrow", "light", 390, 844),
]


async def take(simulator_url: str, voice: Path) -> None:
    for name, scheme, width, height in PICTURES:
        async with open_phone(simulator_url, voice, scheme=scheme, width=width, height=height) as phone:
            page = phone.page
            await page.click("#call")
            await phone.heard("For sales")
            await page.wait_for_timeout(1500)
            await page.keyboard.press("2")
            await phone.is_recorded()
            await page.wait_for_timeout(4500)
            if scheme == "dark":
                await page.keyboard.press("#")
                await phone.has_ended()
                await page.locator("summary", has_text="recordOutcome").click()
            await page.screenshot(path=IMAGES / f"{name}.png", full_page=width < 500)


if __name__ == "__main__":
    with (
        TemporaryDirectory() as folder,
        Stack(ROOT, host="devhost", usual_ports=False, memory=True, logs=Path(folder)) as running,
    ):
        asyncio.run(take(running.simulator_url, microphone(Path(folder), quiet_s=7)))
