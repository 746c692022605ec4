"""A person calls the reception at the phone in the browser; what they say comes from a fake microphone."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from dialtone.stack import Stack
from dialtone.storage import open_storage
from dialtone.stored import Stored, read
from simulator import audio, speech
from tests.browser.chromium import Phone, microphone, open_phone

pytestmark = [pytest.mark.azurite, pytest.mark.stack, pytest.mark.browser]

WELCOME = "Welcome to Contoso."
MENU = "For sales, say sales or press 1."
GOODBYE = audio.tone(0.8, 600)


async def stored_of(stack: Stack, phone: Phone) -> Stored:
    call_id = (await phone.ledger())[0]["call_id"]
    return await asyncio.to_thread(read, stack.connection, call_id)


async def test_a_whole_call_by_keypad_leaves_a_message_in_blob(stack: Stack, voice: Path) -> None:
    storage = open_storage(stack.connection)
    try:
        await storage.prompts.put("goodbye.wav", audio.encode(GOODBYE, "wav"))
    finally:
        await storage.close()
    async with open_phone(stack.simulator_url, voice) as phone:
        page = phone.page
        await page.get_by_role("button", name="Call", exact=True).click()
        await phone.heard(MENU)
        await expect(page.locator("#state")).to_have_text("In call")
        await expect(page.locator("#microphone")).to_have_text("The microphone is on.")
        await page.get_by_role("button", name="2").click()
        await phone.is_recorded()
        await page.wait_for_timeout(3000)
        await page.get_by_role("button", name="hash").click()
        await phone.has_ended()
        assert await page.locator("#state").text_content() == "Bot hung up"
        assert await page.locator("#timer").text_content() != "00:00"
        assert await page.locator("#recording").text_content() == ""
        assert await page.evaluate("window.loudest") > 0.1
        captions = await page.locator(".captions .caption").all_text_contents()
        assert [each for each in captions if "pressed" in each] == ["You pressed2", "You pressed#"]
        assert re.fullmatch(r"BotSound file goodbye\W\w+\.wav", captions[-1]), captions[-1]
        stored = await stored_of(stack, phone)
    # The bytes that the platform plays are those that come to the loudspeaker: speech, and the operator's own file.
    assert phone.sound.startswith(speech.synthesize(WELCOME))
    assert phone.sound.endswith(GOODBYE)
    (recording,) = stored.recordings
    assert recording.seconds > 2.5
    assert recording.length == pytest.approx(recording.seconds, abs=0.2)
    assert recording.level is not None
    assert recording.level > -35, "the message has no sound in it"


async def test_a_call_by_keyboard_alone(stack: Stack, voice: Path) -> None:
    async with open_phone(stack.simulator_url, voice) as phone:
        page, keyboard = phone.page, phone.page.keyboard
        await keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.id") == "call"
        await keyboard.press("Enter")
        await phone.heard(MENU)
        await keyboard.press("2")
        await phone.is_recorded()
        await keyboard.press("#")
        await phone.has_ended()
        assert await page.evaluate("document.activeElement.id") == "call"
        while await page.evaluate("document.activeElement.tagName") != "SUMMARY":
            await keyboard.press("Tab")
            assert await page.evaluate("document.activeElement.tagName") != "BODY", "no event can be reached"
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await keyboard.press("Enter")
        opened = page.locator("details[open] pre")
        assert '"kind": "call.started"' in str(await opened.text_content())


async def test_words_are_typed_where_nobody_may_listen(stack: Stack, voice: Path) -> None:
    async with open_phone(stack.simulator_url, voice, allowed=False) as phone:
        page = phone.page
        await page.click("#call")
        await phone.heard(MENU)
        await expect(page.locator("#microphone")).to_contain_text("Type instead of speak")
        await page.fill("#words", "1 I would like to talk to sales <b>now</b>")
        assert await page.locator(".caption.you").count() == 0, "a digit that is typed into a field is no key"
        await page.keyboard.press("Enter")
        await phone.has_ended()
        captions = await page.locator(".caption").all_text_contents()
        assert "You said1 I would like to talk to sales <b>now</b>" in captions
        assert any("One moment" in each for each in captions)
        events = await phone.ledger()
    assert [event["target"] for event in events if event["kind"] == "transferred"] == ["8:sales.contoso"]


async def test_the_wire_has_every_request_and_reply_on_one_axis(stack: Stack, voice: Path) -> None:
    async with open_phone(stack.simulator_url, voice) as phone:
        page = phone.page
        await page.click("#call")
        await phone.heard(MENU)
        await page.click("#hang-up")
        await phone.has_ended()
        events = await phone.ledger()
        requests = [event for event in events if event["kind"] == "http.request"]
        assert await page.locator(".events .to-bot").count() == len(requests) == 2
        assert await page.locator(".axis rect.wire").count() == len(requests)
        times = [float(text.removesuffix(" s")) for text in await page.locator(".events time").all_text_contents()]
        assert times == sorted(times)
        await page.locator(".axis rect.wire").first.click()
        opened = page.locator("details[open]")
        assert "Conversation (incoming)" in str(await opened.locator("summary").text_content())
        assert requests[0]["json"]["participants"][0]["identity"] in str(await opened.locator("pre").text_content())


async def test_a_page_that_is_closed_hangs_up(stack: Stack, voice: Path) -> None:
    async with open_phone(stack.simulator_url, voice) as phone:
        await phone.page.click("#call")
        await phone.heard(WELCOME)
        call_id = await phone.page.evaluate(
            "document.querySelector('summary').click() ?? new Promise((done) => setTimeout(() => "
            "done(JSON.parse(document.querySelector('pre').textContent).call_id), 100))"
        )
    storage = open_storage(stack.connection)
    try:
        async with asyncio.timeout(10):
            while not ((row := await storage.calls.latest(call_id)) and row.done):
                await asyncio.sleep(0.05)
    finally:
        await storage.close()


async def test_a_spoken_choice_is_recognised_and_confirmed(stack: Stack, tmp_path: Path) -> None:
    async with open_phone(stack.simulator_url, microphone(tmp_path, "message", quiet_s=2.0)) as phone:
        page = phone.page
        await expect(page.locator("#ears")).to_contain_text("recognised")
        await page.click("#call")
        await expect(page.locator("#confirm")).to_be_visible(timeout=30_000)
        assert await page.locator("#confirm-text").text_content() == "Did you say \u201cmessage\u201d?"
        assert await page.evaluate("document.activeElement.id") == "yes"
        await page.keyboard.press("Enter")
        await phone.is_recorded()
        await page.click("#hang-up")
        await phone.has_ended()
        events = await phone.ledger()
    (recognized,) = [event for event in events if event["kind"] == "recognized"]
    assert (recognized["choice"], recognized["reason"]) == ("message", "speechOptionMatched")
