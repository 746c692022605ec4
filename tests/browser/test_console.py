"""The console in a browser: an operator finds a call, reads it, listens, and changes a prompt; by keyboard alone too.

DIALTONE_PICTURES names a folder that the pictures of docs/images are written to.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from dialtone.stack import Stack
from tests.browser.chromium import Scheme, find_chromium
from tests.fakes import ROOT
from tests.sounds import tone, wav
from tests.whole_call.line import Rung, ring

pytestmark = [pytest.mark.stack, pytest.mark.azurite, pytest.mark.browser]

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
LOOKS: tuple[tuple[str, Scheme, int], ...] = (("light", "light", 1280), ("dark", "dark", 1280), ("phone", "light", 390))
SMALL = """() => [...document.querySelectorAll("button, input, select, nav a")]
  .filter((each) => each.checkVisibility()).map((each) => [each.name || each.textContent, each.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.width, box.height) < 44).map(([name]) => name)"""
PATIENT = ROOT / "tests" / "whole_call" / "patient.yaml"


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The functions with the console, for this machine, and storage, on free ports."""
    with Stack(
        ROOT,
        host="devhost",
        simulator=False,
        usual_ports=False,
        environment={"DIALTONE_CONSOLE": "loopback"},
        logs=tmp_path_factory.mktemp("logs"),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def call(console: Stack) -> Rung:
    """A call that left a message."""
    rung = ring(console.calls_url)
    assert rung.code == 0, rung.kind("verdict")
    return rung


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(playwright), args=["--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, console: Stack, at: str = "") -> Iterator[Page]:
    """The console; what its scripts complain of fails the test."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()

    def said(message: ConsoleMessage) -> None:
        # What the functions refuse is said in red as well, and is shown in the page.
        if message.type == "error" and "status of 400" not in message.text:
            errors.append(message.text)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", said)
    page.goto(f"{console.functions_url}/api/console{at}")
    expect(page.locator("main h1")).to_be_visible()
    yield page
    context.close()
    assert errors == []


def until(page: Page, true: str) -> None:
    """Wait until an expression is true. Playwright's own waiting evaluates text in the page, which the page forbids."""
    for _ in range(100):
        if page.evaluate(true):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"it does not become true: {true}")


def faults(page: Page) -> list[str]:
    """What axe finds wrong."""
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{each['id']}: {node['html']}" for each in found["violations"] for node in each["nodes"]]


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("DIALTONE_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_a_call_is_found_read_and_heard(browser: Browser, console: Stack, call: Rung) -> None:
    with opened(browser, console) as page:
        page.get_by_label("Caller, whole").fill("8:nora")
        page.get_by_role("button", name="Search").click()
        row = page.get_by_role("row").filter(has_text="8:nora").first
        expect(row).to_contain_text("completed")
        picture(page, "console-calls")
        row.get_by_role("link").click()
        expect(page.locator("h1")).to_have_text(f"Call {call.call_id}")
        events = page.locator(".events li")
        expect(events.first).to_contain_text(f"call {call.call_id} of 8:nora")
        expect(page.locator(".events")).to_contain_text("Welcome to Contoso.")
        expect(events.last).to_contain_text("the call is over")
        page.get_by_role("button", name="Listen").click()
        player = page.locator("audio")
        until(page, "document.querySelector('audio')?.currentTime > 0.2")
        (recorded,) = call.kind("recorded")
        assert abs(player.evaluate("audio => audio.duration") - recorded["seconds"]) < 0.2
        picture(page, "console-call")
        page.get_by_role("link", name="Audit").click()
        listened = page.get_by_role("row").filter(has_text="recording.listen")
        expect(listened.first).to_contain_text("this machine")


def test_a_prompt_is_replaced_and_heard_in_the_next_call(browser: Browser, console: Stack, call: Rung) -> None:
    with opened(browser, console, at="#prompts") as page:
        file = page.get_by_label("File", exact=True)
        upload = page.get_by_role("button", name="Judge and upload")
        file.set_input_files({"name": "welcome.wav", "mimeType": "audio/wav", "buffer": wav(bytes(32_000))})
        upload.click()
        expect(page.get_by_role("alert")).to_contain_text("it is silent")
        expect(page.get_by_role("alert")).to_contain_text("Fix: look whether the microphone was on")
        file.set_input_files({"name": "welcome.wav", "mimeType": "audio/wav", "buffer": tone(0.8)})
        upload.click()
        expect(page.locator(".fine").first).to_contain_text("Live: welcome, sound of 0.8 s")
        rung = ring(console.calls_url, PATIENT)
        heard = rung.kind("heard")[0]
        assert Path(str(heard["file"])).name.startswith("welcome~")
        assert heard["seconds"] == pytest.approx(0.8, abs=0.05)

        # A second version, and back to the first.
        file.set_input_files({"name": "welcome.txt", "mimeType": "text/plain", "buffer": b"Good morning."})
        upload.click()
        prompt = page.get_by_role("article", name="Prompt welcome")
        expect(prompt).to_contain_text("Good morning.")
        prompt.get_by_role("button", name="Versions").click()
        old = prompt.get_by_role("row").filter(has_text="sound of 0.8 s")
        old.get_by_role("button", name="Preview").click()
        until(page, "document.querySelector('audio')?.duration > 0.7")
        picture(page, "console-prompts")
        old.get_by_role("button", name="Roll back").click()
        expect(page.get_by_role("article", name="Prompt welcome").locator("p").first).to_contain_text("sound of 0.8 s")
        expect(page.get_by_role("region", name="What is missing or unused")).to_contain_text("main-menu")
        prompt.get_by_role("button", name="Remove").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.get_by_text("Nothing is uploaded")).to_be_visible()


def test_figures_health_and_recordings(browser: Browser, console: Stack, call: Rung) -> None:
    with opened(browser, console, at="#figures") as page:
        tile = page.locator(".tile").filter(has_text="Answered").locator("dd")
        assert int(tile.inner_text()) >= 1
        expect(page.get_by_role("region", name="Outcomes of each question")).to_contain_text("main-menu")
        assert page.locator(".flow img").evaluate("image => image.naturalWidth") > 200
        picture(page, "console-figures")
        page.get_by_role("link", name="Health").click()
        expect(page.get_by_role("row").filter(has_text="storage")).to_contain_text("fine")
        page.get_by_role("link", name="Recordings").click()
        expect(page.locator("article h2").first).to_be_visible()
        begun = page.locator("article h2").all_inner_texts()
        assert begun == sorted(begun, reverse=True)
        card = page.get_by_role("article").filter(has_text="8:nora").first
        with page.expect_download() as download:
            card.get_by_role("button", name="Download").click()
        assert download.value.path().read_bytes()[:4] == b"RIFF"


def test_a_recording_is_deleted_once_it_is_confirmed(browser: Browser, console: Stack) -> None:
    rung = ring(console.calls_url)
    with opened(browser, console, at=f"#call/{rung.call_id}") as page:
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Cancel").click()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.locator("main")).to_contain_text("is deleted.")
        page.reload()
        expect(page.locator(".badge")).to_have_text("deleted")


@pytest.mark.parametrize("at", ["calls", "call", "recordings", "prompts", "figures", "health", "audit"])
def test_axe_finds_nothing(browser: Browser, console: Stack, call: Rung, at: str) -> None:
    with opened(browser, console, f"#{at}/{call.call_id}" if at == "call" else f"#{at}") as page:
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for look, scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            assert faults(page) == [], look
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, look
            assert page.evaluate(SMALL) == [], look
            picture(page, f"console-{at}-{look}")


def test_it_is_used_by_keyboard_alone(browser: Browser, console: Stack, call: Rung) -> None:
    with opened(browser, console) as page:

        def tab_to(name: str, most: int = 40) -> None:
            for _ in range(most):
                page.keyboard.press("Tab")
                focused = page.evaluate(
                    "document.activeElement.getAttribute('href') || document.activeElement.name || ''"
                )
                if re.search(name, focused):
                    return
            pytest.fail(f"{name} is not reached by the Tab key")

        tab_to("^caller$")
        page.keyboard.type("8:nora")
        with page.expect_response(lambda answer: "caller=" in answer.url):
            page.keyboard.press("Enter")
        page.wait_for_timeout(200)  # the answer is shown, where the list was
        expect(page.get_by_role("row").filter(has_text="8:nora").first).to_be_visible()
        tab_to("^#call/")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px"
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text(re.compile("^Call [0-9a-f]{32}$"))
        # The page tells where it is: the heading has the focus.
        assert page.evaluate("document.activeElement.tagName") == "H1"
