"""Calls that a bot places on the simulated ACS, and that ring the page, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from simulator import speech
from simulator.platforms.acs_incoming import Acs
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import Request
from tests.compliance.acs_server import Server, acs
from tests.simulator.phone.page import Page, opened

Json = dict[str, Any]
CALLER = "4:+15550199"
TEXT = {"kind": "text", "text": {"text": "Hello there."}}


@dataclass
class Bot:
    """Places calls, and sends commands for them."""

    server: Server

    async def ask(self, path: str, body: Json, status: int = 202) -> Json:
        asked = Request("POST", path, {"authorization": "Bearer t"}, json.dumps(body).encode())
        reply = await self.server.resource.handle(asked)
        assert reply.status == status, reply.body
        answer: Json = json.loads(reply.body or b"{}")
        return answer

    async def place(self, context: str = "c") -> str:
        body = {
            "targets": [{"rawId": "4:+15550100"}],
            "sourceCallerIdNumber": {"value": "+15550199"},
            "callbackUri": f"{self.server.bot_url}/cb",
            "callIntelligenceOptions": {"cognitiveServicesEndpoint": "https://speech.test/"},
            "operationContext": context,
        }
        reply = await self.ask("/calling/callConnections", body, 201)
        return str(reply["callConnectionId"])

    async def failed(self, context: str = "c") -> int:
        """The sub-code with which a call failed."""
        data = await self.server.event("CreateCallFailed", context)
        return int(data["resultInformation"]["subCode"])


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    async with acs(AcsSettings(ring_s=2.0)) as server:
        yield Bot(server)


def a_page(bot: Bot) -> Any:
    return opened(f"{bot.server.bot_url}/events", platform=Acs(bot.server.resource))


async def answered(page: Page) -> None:
    assert (await page.until("ringing"))["caller"] == CALLER
    await page.send("answer")
    await page.until("answered")


async def test_the_page_rings_and_the_call_goes_on_as_any_other(bot: Bot) -> None:
    async with a_page(bot) as page:
        call = f"/calling/callConnections/{await bot.place()}"
        await page.until("ringing", caller=CALLER)
        assert not [event for event in bot.server.events if event["type"].endswith("CallConnected")]
        await page.send("answer")
        await page.until("answered")
        await bot.server.event("CallConnected", "c")
        options = {
            "targetParticipant": {"rawId": "4:+15550100"},
            "interruptPrompt": True,
            "choices": [{"label": "sales", "phrases": ["sales"], "tone": "one"}],
        }
        asked = {"recognizeInputType": "choices", "playPrompts": [TEXT], "recognizeOptions": options}
        await bot.ask(f"{call}:recognize", asked)
        await page.until("listening", keys=["1"], words=["sales"], recording=False)
        await page.until("sounds", text="Hello there.")
        await page.until("silenced", cut=False)
        await page.send("press", key="1")
        await page.until("listening", keys=[], words=[])
        heard = await bot.server.event("RecognizeCompleted")
        await page.send("hang_up")
        await page.until("over")
    assert heard["choiceResult"]["label"] == "sales"
    assert bytes(page.sound) == speech.synthesize("Hello there.")
    kinds = [event["kind"] for event in page.events]
    assert (kinds[0], kinds[-2:]) == ("call.started", ["call.ended", "verdict"])
    assert (page.events[0]["caller"], page.events[0]["to"]) == (CALLER, "4:+15550100")
    assert page.events[-1]["ok"] is True
    await bot.server.event("CallDisconnected")


async def test_a_key_decides_while_somebody_speaks(bot: Bot) -> None:
    async with a_page(bot) as page:
        call = f"/calling/callConnections/{await bot.place()}"
        await answered(page)
        choices = [{"label": "sales", "phrases": ["sales"], "tone": "one"}]
        options = {"targetParticipant": {"rawId": "4:+15550100"}, "choices": choices}
        await bot.ask(f"{call}:recognize", {"recognizeInputType": "choices", "recognizeOptions": options})
        await page.until("listening", keys=["1"])
        await page.send("say", text="I would like to talk about the weather for a while.")
        await asyncio.sleep(1)
        await page.send("press", key="1")
        heard = await bot.server.event("RecognizeCompleted")
        await page.send("hang_up")
        await page.until("over")
    assert heard["choiceResult"]["label"] == "sales"


async def test_that_the_call_is_recorded_is_shown(bot: Bot) -> None:
    async with a_page(bot) as page:
        call_id = await bot.place()
        await answered(page)
        recording = await bot.ask("/calling/recordings", {"callConnectionId": call_id}, 200)
        await page.until("listening", recording=True)
        path = f"/calling/recordings/{recording['recordingId']}"
        await bot.ask(f"{path}:pause", {})
        await page.until("listening", recording=False)
        await bot.ask(f"{path}:resume", {})
        await page.until("listening", recording=True)
        await page.send("hang_up")
        await page.until("over")


async def test_who_declines_and_who_does_not_answer(bot: Bot) -> None:
    async with a_page(bot) as page:
        await bot.place("first")
        await page.until("ringing")
        await page.send("hang_up")
        assert (await page.until_event("call.ended"))["by"] == "caller"
        await page.until("over")
        await bot.place("second")
        await page.until("ringing")
        assert (await page.until_event("call.ended"))["by"] == "platform"
        await page.until("over")
    assert (await bot.failed("first"), await bot.failed("second")) == (8538, 8544)


async def test_a_bot_that_hangs_up_while_it_rings(bot: Bot) -> None:
    async with a_page(bot) as page:
        call_id = await bot.place()
        await page.until("ringing")
        await bot.ask(f"/calling/callConnections/{call_id}:terminate", {}, 204)
        assert (await page.until_event("call.ended"))["by"] == "bot"
        await page.until("over")
    assert [event["type"].rpartition(".")[2] for event in bot.server.events] == ["CallDisconnected"]


async def test_a_call_waits_until_the_one_before_is_over_and_another_is_told_that_it_is_busy(bot: Bot) -> None:
    async with a_page(bot) as page:
        await bot.place("first")
        await answered(page)
        await bot.place("second")
        await page.until("waiting", caller=CALLER)
        await bot.place("third")
        assert await bot.failed("third") == 8539
        await page.send("hang_up")
        await page.until("over")
        await answered(page)
        await bot.server.event("CallConnected", "second")
        await page.send("hang_up")
        await page.until("over")
    assert [event["kind"] for event in page.events].count("call.started") == 2


async def test_a_call_that_waits_for_too_long_was_not_answered(bot: Bot) -> None:
    async with a_page(bot) as page:
        await bot.place("first")
        await answered(page)
        await bot.place("second")
        assert await bot.failed("second") == 8544
        await page.send("hang_up")
        assert (await page.until_event("call.ended"))["by"] == "caller"
        await page.until("over")


async def test_a_call_is_taken_by_nobody_in_particular_when_no_page_is_open(bot: Bot) -> None:
    async with a_page(bot) as page:
        await bot.place("first")
        await page.until("ringing")
    assert await bot.failed("first") == 8538, "who goes away declines"
    async with asyncio.timeout(10):
        while bot.server.resource.phones:
            await asyncio.sleep(0.01)
    await bot.place("second")
    await bot.server.event("CallConnected", "second")
