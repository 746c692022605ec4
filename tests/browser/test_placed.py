"""A bot on ACS calls back: the phone in the browser rings."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from dialtone.platforms import arrange
from dialtone.stack import Stack
from tests.browser.axe import violations
from tests.browser.chromium import microphone, open_phone
from tests.fakes import ROOT

pytestmark = [pytest.mark.stack, pytest.mark.browser]

ASKED = "Press 1 for yes, or 2 for no."


async def test_the_bot_calls_back_and_the_person_answers(tmp_path: Path) -> None:
    silence = microphone(tmp_path, quiet_s=90)
    with Stack(
        ROOT,
        bot="bots.callback:bot",
        host="devhost",
        platform=arrange("acs", private=tmp_path),
        usual_ports=False,
        environment={"DIALTONE_ACS_SOURCE": "4:+15550199"},
        logs=tmp_path / "logs",
        memory=True,
    ) as stack:
        async with open_phone(stack.simulator_url, silence) as phone:
            page = phone.page
            await page.click("#call")
            await phone.heard("Shall we call you back?")
            await expect(page.locator("#hint")).to_contain_text("press 1, 2")
            await page.keyboard.press("1")
            await phone.heard("What is it about?")
            await page.keyboard.press("1")
            await expect(page.locator(".note", has_text="+15550199 calls: hang up to take it")).to_be_visible()
            await phone.heard("We are calling you back now.")
            await page.click("#hang-up")
            await expect(page.get_by_role("status").locator("#state")).to_have_text("+15550199 calls")
            await expect(page).to_have_title("+15550199 calls \u2013 Dialtone phone")
            await expect(page.locator("#answer")).to_be_focused()
            await expect(page.locator("#hang-up")).to_have_text("Decline")
            assert await violations(page) == []
            await page.keyboard.press("Enter")
            await phone.heard("You asked us to call you about your order.")
            await expect(page.locator("#state")).to_have_text("In call")
            await phone.heard("Is this a good time?")
            await page.keyboard.press("2")
            await phone.heard("Goodbye.")
            await phone.has_ended()
            assert await page.locator("#state").text_content() == "Bot hung up"
            events = await phone.ledger()
        stack.check()
    assert (events[0]["kind"], events[0]["caller"], events[-1]["ok"]) == ("call.started", "4:+15550199", True)
