"""The phone's page by axe, and what axe does not look at: targets, reflow."""

from pathlib import Path

import pytest
from playwright.async_api import Page

from dialtone.stack import Stack
from tests.browser.axe import violations
from tests.browser.chromium import Scheme, open_phone

pytestmark = [pytest.mark.azurite, pytest.mark.stack, pytest.mark.browser]

LOOKS: list[tuple[Scheme, int]] = [("light", 1280), ("dark", 360)]
_SMALL = """() => [...document.querySelectorAll("button, input, summary, .check")]
  .filter((each) => each.type !== "checkbox" && each.checkVisibility())
  .map((each) => [each.id || each.textContent, each.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.width, box.height) < 44).map(([name]) => name)"""
_WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def test_axe_finds_nothing(stack: Stack, voice: Path) -> None:
    async with open_phone(stack.simulator_url, voice) as phone:
        page = phone.page
        await looks_well(page)
        await page.click("#call")
        await phone.heard("For sales")
        await page.keyboard.press("2")
        await phone.is_recorded()
        await looks_well(page)
        await page.keyboard.press("#")
        await phone.has_ended()
        await page.locator("summary").first.click()
        await looks_well(page)


async def looks_well(page: Page) -> None:
    """In each of LOOKS."""
    for scheme, width in LOOKS:
        await page.emulate_media(color_scheme=scheme)
        await page.set_viewport_size({"width": width, "height": 800})
        assert await violations(page) == [], (scheme, width)
        assert await page.evaluate(_SMALL) == [], width
        assert await page.evaluate(_WIDER) == 0, width


async def test_a_violation_is_found(stack: Stack, voice: Path) -> None:
    async with open_phone(stack.simulator_url, voice) as phone:
        await phone.page.evaluate("document.querySelector('label[for=words]').remove()")
        await phone.page.evaluate("document.querySelector('.rings').style.color = '#ddd'")
        found = await violations(phone.page)
    assert {each.partition(":")[0] for each in found} >= {"label", "color-contrast"}
