"""The code of the how-to pages is executed: each page from its top to its end, as one module that grows.

1. A function `test_...` of a block is run when its block is reached.
2. A block `python raises` must fail with what the next block shows: by itself, or when its bot is rung.
3. The command of signals.md is run against a running bot.
4. What ELSEWHERE names needs Azure or the media worker: its Python is compiled, and other tests check the rest.
"""

import asyncio
import json
import os
import re
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aiohttp import web

from dialtone import CallBot
from dialtone.stack import Stack
from dialtone.testing import dial
from tests.pages import DOCS, ROOT, Block, blocks, execute, steady
from tests.whole_call.line import Rung, ring

PAGES = sorted((DOCS / "how-to").glob("*.md"))
ELSEWHERE = ("deploy", "media", "operate", "teams")
"""Rule 4."""


async def failure_of(block: Block, module: ModuleType) -> str:
    """What a block that fails says."""
    before = module.__dict__.get("bot")
    try:
        await execute(block, module)
        bot = module.__dict__.get("bot")
        assert isinstance(bot, CallBot)
        assert bot is not before, "the block neither fails nor makes a bot that could"
        await dial(bot)
    except Exception as error:
        return str(error)
    raise AssertionError(f"the block in line {block.line} does not fail")


@pytest.mark.parametrize("name", ELSEWHERE)
def test_the_code_of_another_page_is_python(name: str) -> None:
    text = (DOCS / "how-to" / f"{name}.md").read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"^```python[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)):
        compile(block, f"{name}.md, block {number}", "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in ELSEWHERE], ids=lambda page: page.stem)
async def test_the_code_of_a_page(page: Path) -> None:
    module = ModuleType("page")
    tests = 0
    for block, following in pairs(blocks(page)):
        if block.language != "python":
            continue
        if block.info == "raises":
            assert following is not None
            assert following.language == "text"
            assert steady(await failure_of(block, module)) == steady(following.text)
        else:
            await execute(block, module)
        tests += block.text.count("def test_")
    assert tests or not any(block.language == "python" for block in blocks(page)), "the page shows no test"


def pairs(found: list[Block]) -> Iterator[tuple[Block, Block | None]]:
    """Each block with the one after it."""
    following: list[Any] = [*found[1:], None][: len(found)]
    return zip(found, following, strict=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.stack
@pytest.mark.azurite
async def test_the_command_that_posts_a_signal(tmp_path: Path) -> None:
    """A payment service that pays at once, by the page's own command, and does it again."""
    page = blocks(DOCS / "how-to" / "signals.md")
    (command,) = [block.text for block in page if block.language == "sh"]
    (shown,) = [json.loads(block.text) for block in page if block.language == "json"]
    answers: list[dict[str, Any]] = []

    async def pay(request: web.Request) -> web.Response:
        address = (await request.json())["tell"]
        for _ in range(2):
            process = await asyncio.create_subprocess_exec(
                "bash",
                "-euc",
                command,
                env=os.environ | {"SIGNAL_URL": address, "no_proxy": "127.0.0.1"},
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await process.communicate()
            assert process.returncode == 0, output
            answers.append(json.loads(output))
        return web.Response()

    service = web.Application()
    service.router.add_post("/", pay)
    runner = web.AppRunner(service)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        rung = await asyncio.to_thread(ring_for_payment, f"http://{host}:{port}/", tmp_path)
    finally:
        await runner.cleanup()
    assert [event["text"] for event in rung.kind("heard")][-1] == "Thank you. Your bill is paid. Goodbye."
    first, second = answers
    assert first == shown | {"id": first["id"]}
    assert len(first["id"]) == len(shown["id"])
    assert second == first | {"repeated": True}


def ring_for_payment(service: str, folder: Path) -> Rung:
    script = folder / "pay.yaml"
    script.write_text('{name: Pay, steps: [{hear: press 1}, {press: "1"}, {hear: Goodbye}], expect: {ended_by: bot}}')
    stack = Stack(
        ROOT,
        bot="bots.payment:bot",
        host="devhost",
        simulator=False,
        usual_ports=False,
        environment={"PAYMENT_URL": service},
        logs=folder,
    )
    with stack:
        rung = ring(stack.calls_url, script)
    assert rung.code == 0, rung.kind("verdict")
    return rung
