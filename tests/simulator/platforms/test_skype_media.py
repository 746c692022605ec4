"""A bot that answers with media of its own: the stream to a real worker, and how the call ends."""

from typing import Any

import aiohttp
import pytest

from dialtone import Stream
from media_worker.handlers import HANDLERS
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from simulator.platforms.settings import PlatformSettings
from tests.simulator.fake_bot import FakeBot, Json, of_kind, ring, verdict

IMPATIENT = PlatformSettings(idle_timeout_s=0.3)


def answered(worker: MediaWorker | str, handler: str = "echo", **members: Any) -> Json:
    base = worker if isinstance(worker, str) else worker.url.replace("http", "ws", 1)
    configuration = {"transportUrl": f"{base}/media/c1?handler={handler}&ticket=secret", "enableBidirectional": True}
    return {
        "operationId": "m",
        "action": "answerAppHostedMedia",
        "mediaConfiguration": configuration | {"enableDtmfTones": True} | members,
    }


async def test_a_caller_hears_their_own_voice_and_hangs_up(bot: FakeBot) -> None:
    async with MediaWorker(Settings(port=0)) as worker:
        bot.replies = [[answered(worker)], {"links": {"callback": f"{bot.url}/call"}, "actions": []}]
        steps = (
            '  - hear: {stream: true}\n  - speak: "One, two, three."\n  - hear: {own_voice: true}\n  - hang_up: true\n'
            "expect: {ended_by: caller}"
        )
        report = await ring(bot, steps)
    assert verdict(report) == []
    assert bot.outcomes == [{"type": "answerAppHostedMediaOutcome", "id": "m", "outcome": "success"}]
    assert sorted(bot.last.json["links"]) == ["call", "subscriptions"]
    opened, over = of_kind(report, "stream")
    assert (opened["what"], opened["handler"], over["what"], over["reason"]) == ("opened", "echo", "over", "closed")
    assert over["heard_s"] > 1
    assert "secret" not in str(of_kind(report, "stream"))


async def test_keys_and_two_speakers_through_a_bad_line(bot: FakeBot) -> None:
    keys: list[str] = []
    speakers: set[str] = set()

    async def listen(stream: Stream) -> None:
        async for key in stream.dtmf:
            keys.append(key.tone)
            stream.send(stream.tone("5", 0.4))
            if key.tone == "#":
                break
        speakers.update(stream.participants)

    async with MediaWorker(Settings(port=0), {"echo": listen}) as worker:
        bot.replies = [[answered(worker, audioChannelType="unmixed")]]
        steps = (
            '  - hear: {stream: true}\n  - press: "1"\n  - hear: {sound: 0.3}\n'
            '  - speak: "I am here too."\n    who: "8:omar"\n  - press: "#"\n  - wait: 60\n'
            'others: ["8:omar"]\nmedia: {jitter: 0.02, drops: [0.3], away: 0.05, casing: pascal, loss: 0.05}'
        )
        report = await ring(bot, steps, IMPATIENT)
    assert keys == ["1", "#"]
    assert speakers == {"8:caller", "8:omar"}
    assert [event["what"] for event in of_kind(report, "stream")] == ["opened", "interrupted", "reestablished", "over"]
    assert of_kind(report, "stream")[-1]["reason"] == "finished"
    assert verdict(report) == ["the bot's media stream was over, and it did not end the call for 0.3 s"]


async def test_the_bot_ends_the_call_by_its_link(bot: FakeBot) -> None:
    async def leave(stream: Stream) -> None:
        link = bot.last.json["links"]["call"]
        async with aiohttp.ClientSession() as session:
            assert (await session.delete(link)).status == 202
            assert (await session.delete(link)).status == 404

    async def when_answered(stream: Stream) -> None:
        while len(bot.requests) < 2:
            async for _ in stream.audio:
                break
        await leave(stream)

    async with MediaWorker(Settings(port=0), {"echo": when_answered}) as worker:
        bot.replies = [[answered(worker)]]
        report = await ring(bot, "  - wait: 60\nexpect: {ended_by: bot}")
    assert verdict(report) == []


async def test_pictures_are_subscribed_to_by_the_link(bot: FakeBot) -> None:
    statuses: list[int] = []

    async def subscribe(stream: Stream) -> None:
        while len(bot.requests) < 2:
            async for _ in stream.audio:
                break
        link = bot.last.json["links"]["subscriptions"]
        wanted = {"operationId": "v", "action": "videoSubscription", "socketId": 0, "videoModality": "video"}
        async with aiohttp.ClientSession() as session:
            for body in (
                wanted | {"participantIdentity": "8:caller", "videoResolution": "hd720p"},
                wanted | {"participantIdentity": "8:nobody"},
                wanted | {"participantIdentity": "8:caller", "socketId": 99},
            ):
                statuses.append((await session.put(link, json=body)).status)

    async with MediaWorker(Settings(port=0), {"echo": subscribe}) as worker:
        bot.replies = [[answered(worker)]]
        report = await ring(bot, "  - wait: 60", IMPATIENT)
    assert statuses == [202, 404, 400]
    assert verdict(report)[0].startswith("a video subscription is illegal")


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (answered("ws://127.0.0.1:1", transportUrl="https://x"), "mediaConfiguration: transportUrl"),
        (answered("ws://127.0.0.1:1", audioFormat="mp3"), "mediaConfiguration: audioFormat"),
    ],
)
async def test_a_configuration_that_is_wrong_fails_the_answer(bot: FakeBot, action: Json, why: str) -> None:
    bot.replies = [[action]]
    await ring(bot, "  - wait: 60", IMPATIENT)
    assert bot.outcomes[0]["outcome"] == "failure"
    assert bot.outcomes[0]["failureReason"].startswith(why)
    assert bot.last.json["callState"] == "incoming"


async def test_a_worker_that_refuses_fails_the_answer(bot: FakeBot) -> None:
    async with MediaWorker(Settings(port=0), HANDLERS) as worker:
        bot.replies = [[answered(worker, "nobody")]]
        await ring(bot, "  - wait: 60", IMPATIENT)
    assert "refused 400" in bot.outcomes[0]["failureReason"]


async def test_actions_after_the_media_answer_are_a_violation(bot: FakeBot) -> None:
    async with MediaWorker(Settings(port=0)) as worker:
        bot.replies = [[answered(worker)], [{"operationId": "h", "action": "hangup"}]]
        report = await ring(bot, "  - wait: 0.5\n  - hang_up: true", IMPATIENT)
    # hangup is not even an action of such a bot.
    assert [event["code"] for event in of_kind(report, "violation")] == ["ACTION_UNSUPPORTED"]


async def test_the_media_answer_stands_alone(bot: FakeBot) -> None:
    bot.replies = [[answered("ws://127.0.0.1:1"), answered("ws://127.0.0.1:1")]]
    report = await ring(bot, "  - wait: 60", IMPATIENT)
    assert of_kind(report, "violation")[0]["code"] == "ACTION_NOT_ALONE"
