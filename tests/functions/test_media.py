"""Calls that are answered with media: the stream's address, turns that signals cause, the end of the call."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from dialtone import ActionFailed, Call, CallBot, Stream
from dialtone.channels.skype import ALONE, MEDIA_LATER
from dialtone.dialogs.library import Dialog
from dialtone.errors import ConfigurationError
from dialtone.media import ticket
from dialtone.protocol import MediaWorkflow, rules
from dialtone.storage import CallRecord, SignalRow, TurnRow
from functions.media import TICKET_S, Media, end_call
from functions.settings import Settings
from functions.skype_turn import Reply
from functions.turn import MEDIA_LONGEST_S
from tests.functions.rig import SETTINGS, Rig, actions, conversation, result

KEY = b"t" * 32
WITH_MEDIA = replace(SETTINGS, media_url="wss://worker.example", ticket_key=b64encode(KEY).decode())
OPENED: dict[str, Any] = {"type": "answerAppHostedMediaOutcome"}


async def obedient(call: Call) -> None:
    call.answer(media="echo", unmixed=True, rate=24_000)
    while await call.signal("pressed", timeout=600) is not None:
        pass
    await call.media_ended()


def media_bot(dialog: Dialog = obedient) -> CallBot:
    bot = CallBot()
    bot.incoming(dialog)

    @bot.media("echo")
    async def echo(stream: Stream) -> None: ...

    return bot


@dataclass
class Platform:
    """The platform's link to a call, which a bot ends it by."""

    link: str = ""
    status: int = 202
    deleted: list[str] = field(default_factory=list)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    found = Platform()

    async def delete(request: web.Request) -> web.Response:
        found.deleted.append(request.path)
        return web.Response(status=found.status)

    app = web.Application()
    app.router.add_delete("/calls/{id}", delete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.link = f"http://127.0.0.1:{runner.addresses[0][1]}/calls/call-7"
    yield found
    await runner.cleanup()


def opened(reply_body: bytes, link: str, **more: Any) -> bytes:
    return json.dumps(json.loads(result(Reply(reply_body), OPENED)) | {"links": {"call": link}} | more).encode()


async def signal(rig: Rig, name: str, value: Any, identity: str) -> TurnRow | None:
    """What the route does."""
    await rig.storage.calls.signal(SignalRow("call-7", identity, name, json.dumps(value), rig.now))
    return await rig.turns.signalled("call-7", name)


async def test_the_answer_names_the_stream(platform: Platform) -> None:
    rig = Rig(media_bot(), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    workflow = MediaWorkflow.from_wire(json.loads(reply.body))
    rules.check_media_workflow(workflow, loopback_http=True)
    assert workflow.notification_subscriptions == ["callStateChange"]
    asked = json.loads(reply.body)["actions"][0]["mediaConfiguration"]
    url = urlsplit(asked.pop("transportUrl"))
    query = parse_qs(url.query)
    assert (url.scheme, url.netloc, url.path, query["handler"]) == ("wss", "worker.example", "/media/call-7", ["echo"])
    ticket.verify(KEY, query["ticket"][0], "call-7", rig.now + TICKET_S - 1)
    with pytest.raises(ticket.TicketError):
        ticket.verify(KEY, query["ticket"][0], "call-7", rig.now + TICKET_S)
    assert (asked["audioChannelType"], asked["audioFormat"]) == ("unmixed", "pcm24KMono")
    row = await rig.storage.calls.media("call-7")
    assert row is not None
    assert (row.state, row.handler, row.channel) == ("asked", "echo", "skype")


async def test_signals_cause_the_turns_and_the_last_one_ends_the_call(platform: Platform) -> None:
    rig = Rig(media_bot(), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    assert (await rig.post(opened(reply.body, platform.link), message_id="m1")).body == b""
    assert (await signal(rig, "pressed", "1", "s1")) is not None
    assert (await signal(rig, "of no interest", 1, "s2")) is None
    assert platform.deleted == []
    last = await signal(rig, "media_ended", {"reason": "finished"}, "s3")
    assert last is not None
    assert (last.sequence, last.done, last.reply) == (3, True, b"")
    assert platform.deleted == ["/calls/call-7"]
    row = await rig.storage.calls.media("call-7")
    assert row is not None
    assert row.state == "closed"
    # Once more changes nothing.
    assert await rig.turns.signalled("call-7", "media_ended") is None
    assert len(platform.deleted) == 1


async def test_a_signal_that_comes_between_looking_and_storing_is_not_missed(platform: Platform) -> None:
    rig = Rig(media_bot(), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    insert = rig.storage.calls.insert

    async def late(row: TurnRow) -> TurnRow | None:
        if row.sequence == 1:
            await signal(rig, "media_ended", {"reason": "finished"}, "s1")
        return await insert(row)

    object.__setattr__(rig.storage.calls, "insert", late)
    await rig.post(opened(reply.body, platform.link), message_id="m1")
    assert platform.deleted == ["/calls/call-7"]


async def test_a_call_whose_process_died_before_it_was_ended_is_ended_by_the_next_signal(platform: Platform) -> None:
    rig = Rig(media_bot(), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    await rig.post(opened(reply.body, platform.link), message_id="m1")
    platform.status = 400
    await signal(rig, "media_ended", {"reason": "finished"}, "s1")
    assert len(platform.deleted) == 1
    platform.status = 404
    await rig.turns.signalled("call-7", "media_ended")
    assert len(platform.deleted) == 2
    row = await rig.storage.calls.media("call-7")
    assert row is not None
    assert row.state == "closed"


async def test_a_call_with_a_stream_is_not_taken_for_lost_while_it_goes_on(platform: Platform) -> None:
    rig = Rig(media_bot(), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    await rig.post(opened(reply.body, platform.link), message_id="m1")
    record = CallRecord("call-7", "skype", "8:nora", rig.now)
    rig.now += rig.settings.sweep_after + 1
    assert not await rig.turns.lost(record)
    rig.now += MEDIA_LONGEST_S
    assert await rig.turns.lost(record)


async def test_the_platform_says_that_the_call_is_over(platform: Platform) -> None:
    rig = Rig(media_bot(), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    await rig.post(opened(reply.body, platform.link), message_id="m1")
    over = {"id": "call-7", "type": "callStateChange", "currentState": "terminated", "stateChangeCode": "0"}
    await rig.post(json.dumps(over).encode(), message_id="m2")
    latest = await rig.storage.calls.latest("call-7")
    assert latest is not None
    assert latest.done
    assert platform.deleted == []


async def test_what_the_dialog_asks_in_such_a_call_is_refused_and_it_goes_on(platform: Platform) -> None:
    asked: list[Any] = []

    async def talk(call: Call) -> None:
        call.answer(media="echo")
        await call.media_ended()
        asked.append(await call.confirm("Well?"))
        call.say("Never heard.")

    rig = Rig(media_bot(talk), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    assert actions(reply) == ["answerAppHostedMedia"]
    await signal(rig, "media_ended", {"reason": "lost"}, "s1")
    reply = await rig.post(opened(reply.body, platform.link), message_id="m1")
    assert reply.body == b""
    assert asked == [None]
    assert platform.deleted == ["/calls/call-7"]


async def test_a_stream_in_mid_call_is_refused_and_the_dialog_goes_on(platform: Platform) -> None:
    why: list[str] = []

    async def talk(call: Call) -> None:
        try:
            await call.start_media("echo")
        except ActionFailed as error:
            why.append(error.reason)
        await call.confirm("Well?")

    reply = await Rig(media_bot(talk), WITH_MEDIA).post(conversation(), message_id="m0")
    assert actions(reply) == ["answer", "recognize"]
    assert why.pop() == MEDIA_LATER

    async def hosted(call: Call) -> None:
        call.answer(media="echo")
        for _ in range(2):
            try:
                await call.stop_media()
            except ActionFailed as error:
                why.append(error.reason)
            await call.signal("pressed")
        await call.media_ended()

    rig = Rig(media_bot(hosted), WITH_MEDIA)
    reply = await rig.post(conversation(), message_id="m0")
    assert actions(reply) == ["answerAppHostedMedia"]
    assert why.pop() == ALONE
    assert (await rig.post(opened(reply.body, platform.link), message_id="m1")).body == b""
    await signal(rig, "pressed", "1", "s1")
    assert why.pop() == MEDIA_LATER
    await signal(rig, "media_ended", {"reason": "finished"}, "s2")
    assert platform.deleted == ["/calls/call-7"]


async def test_a_dialog_that_returns_at_once_rejects_the_call() -> None:
    async def hasty(call: Call) -> None:
        call.answer(media="echo")

    reply = await Rig(media_bot(hasty), WITH_MEDIA).post(conversation(), message_id="m0")
    assert actions(reply) == ["reject"]


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (SETTINGS, "DIALTONE_MEDIA_URL"),
        (replace(WITH_MEDIA, ticket_key=""), "DIALTONE_TICKET_KEY"),
        (replace(WITH_MEDIA, ticket_key="c2hvcnQ="), "DIALTONE_TICKET_KEY"),
    ],
)
def test_settings_that_lack_something_are_named(settings: Settings, field: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Media.of(settings)
    assert caught.value.field == field


async def test_a_link_that_somebody_could_read_is_not_used() -> None:
    assert not await end_call("http://platform.example/calls/1")
    assert not await end_call("http://127.0.0.1:1/calls/1")
