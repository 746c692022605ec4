"""Calls on ACS with media, over real sockets: the resource, the functions and the media worker, frames both ways.

Mixed and unmixed, at both rates; calls that come in, and calls that the bot places; what the transcriber writes down.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallBot, Stream
from media_worker.server import MediaWorker
from media_worker.settings import Settings
from simulator.script import read_script
from tests.functions.acs_rig import AcsRig, bot_on_acs
from tests.functions.test_acs_placing import ask

KEY = b"k" * 32
HERE, THERE = "4:+15550101", "4:+15550102"
"""Who calls, and who is called."""
OPTIONS: dict[str, dict[str, Any]] = {
    "mixed": {"unmixed": False, "rate": 16_000},
    "unmixed": {"unmixed": True, "rate": 24_000},
}
TALK = """\
steps:
  - hear: {stream: true}
  - wait: 0.5
  - speak: "One, two, three."
  - hear: {own_voice: true}
  - press: "#"
  - hear: Goodbye
"""
bot = CallBot()
told: dict[str, list[Any]] = {}


@bot.media("parrot")
async def parrot(stream: Stream) -> None:
    """Every frame goes back, until # is pressed; then the dialog is told what the frames were like."""
    frames: dict[str | None, list[int]] = {}

    def take(frame: Any) -> None:
        frames.setdefault(frame.participant, [0, 0])[frame.silent] += 1
        stream.send(frame)

    stream.on_audio(take)
    async for key in stream.dtmf:
        if key.tone == "#":
            break
    await stream.signal("heard", {"rate": stream.metadata.sample_rate, "frames": list(frames.items())})


@bot.media("secretary")
async def secretary(stream: Stream) -> None:
    """Tells the dialog what is written down, and of keys, until # is pressed."""

    async def read() -> None:
        async for caption in stream.captions:
            words = [word.text for word in caption.words]
            await stream.signal("written", [caption.text, caption.final, caption.participant, words])

    reading = asyncio.create_task(read())
    async for key in stream.dtmf:
        if key.tone == "#":
            break
        await stream.signal("pressed", key.tone)
    reading.cancel()


async def note(name: str, *what: Any) -> None:
    told.setdefault(name, []).extend(what)


async def listen(call: Call, name: str) -> None:
    heard = await call.signal("heard", timeout=60)
    end = await call.media_ended()
    await call.run(note, name, heard and heard.data, end.reason, end.handler)
    call.say("Goodbye.")


@bot.incoming
async def dialog(call: Call) -> None:
    name = call.user.name
    if name in OPTIONS:
        call.answer(media="parrot", **OPTIONS[name])
        await listen(call, name)
        return
    call.answer(media="secretary", captions="en-US", interim=True)
    for _ in range(2):
        written = await call.signal("written", timeout=60)
        await call.run(note, name, written and written.data)
    await call.stop_captions()
    pressed = await call.signal("pressed", timeout=60)
    await call.start_captions("de-DE")
    while (written := await call.signal("written", timeout=60)) is not None:
        await call.run(note, name, written.data)
    await call.run(note, name, pressed and pressed.data)
    call.say("Goodbye.")


@bot.outgoing
async def called(call: Call, name: str) -> None:
    await listen(call, name)


@pytest.fixture
async def acs(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AcsRig]:
    told.clear()
    async with bot_on_acs(bot, monkeypatch, auth="jwt", source="4:+15550199") as rig:
        wanted = Settings(port=0, ticket_key=KEY, public_url=rig.url, signal_key=KEY)
        async with MediaWorker(wanted, bot.streams, lambda: rig.rig.now) as worker:
            key = b64encode(KEY).decode()
            url = worker.url.replace("http", "ws", 1)
            settings = replace(rig.turns.settings, media_url=url, ticket_key=key, signal_key=key)
            rig.turns = replace(rig.turns, settings=settings)
            rig.patch(rig.turns)
            yield rig


def streams_of(acs: AcsRig, *, incoming: bool) -> list[Any]:
    """The mediaStreamingOptions of the calls that were answered, or placed."""
    name = "answer" if incoming else "create"
    bodies = (json.loads(request.body) for each, request, _ in acs.resource.requests if each == name)
    return [body["mediaStreamingOptions"] for body in bodies]


def came(name: str, rate: int, participant: str | None) -> None:
    """The handler got frames of silence and of speech from the one who called, or was called, and told so."""
    heard, reason, handler = told[name]
    assert (reason, handler, heard["rate"]) == ("finished", "parrot", rate)
    ((who, (spoken, silent)),) = heard["frames"]
    assert who == participant
    assert spoken > 25
    assert silent > 5


async def test_calls_that_come_in_have_frames_both_ways(acs: AcsRig) -> None:
    scripts = [
        read_script(f"name: test\ncaller: {{identity: '{HERE}', name: {name}}}\n{TALK}expect: {{ended_by: bot}}\n")
        for name in OPTIONS
    ]
    reports = await asyncio.gather(*(acs.bot.ring(script, seed) for seed, script in enumerate(scripts)))
    assert [report.reasons for report in reports] == [[], []]
    came("mixed", 16_000, None)
    came("unmixed", 24_000, HERE)
    assert {each["audioChannelType"] for each in streams_of(acs, incoming=True)} == {"mixed", "unmixed"}
    assert {status for _, status in acs.statuses} == {200}


async def test_calls_that_the_bot_places_have_frames_both_ways(acs: AcsRig) -> None:
    acs.resource.callees[THERE] = read_script(f"name: test\n{TALK}")
    for name, options in OPTIONS.items():
        status, _ = await ask({"target": THERE, "args": {"name": name}, "media": "parrot", **options}, repeat=name)
        assert status == 202
    for task in list(acs.resource._tasks):
        await task
    came("mixed", 16_000, None)
    came("unmixed", 24_000, THERE)
    assert [each["startMediaStreaming"] for each in streams_of(acs, incoming=False)] == [True, True]
    calls = [call for call in acs.resource.calls.values() if not call.is_incoming]
    over = [event for call in calls for event in call.line.ledger.of_kind("stream") if event["what"] == "over"]
    assert [(event["reason"], event["problems"]) for event in over] == [("finished", [])] * 2
    assert all(event["heard_s"] > 0.5 for event in over)


async def test_what_is_said_is_written_down_while_it_is_asked_for(acs: AcsRig) -> None:
    talk = """\
steps:
  - hear: {stream: true}
  - wait: 0.7
  - speak: "Two tickets."
  - wait: 0.5
  - speak: No.
  - press: "1"
  - wait: 0.5
  - speak: Danke.
  - wait: 0.5
  - press: "#"
  - hear: Goodbye
expect: {ended_by: bot}
"""
    report = await acs.ring(read_script(f"name: test\ncaller: {{identity: '{HERE}', name: written}}\n{talk}"))
    assert report.ok, report.reasons
    first, whole, part, danke, pressed = told["written"]
    assert first == ["Two", False, HERE, []]
    assert whole == ["Two tickets.", True, HERE, ["Two", "tickets"]]
    assert part == ["Danke.", False, HERE, []]
    assert danke == ["Danke.", True, HERE, ["Danke"]]
    assert pressed == "1"
    (answer,) = [json.loads(request.body) for name, request, _ in acs.resource.requests if name == "answer"]
    assert answer["transcriptionOptions"] == {
        "transportType": "websocket",
        "locale": "en-US",
        "transportUrl": answer["mediaStreamingOptions"]["transportUrl"],
        "startTranscription": True,
        "enableIntermediateResults": True,
    }
    assert "transcriptionOptions" not in answer["mediaStreamingOptions"]
    names = [name for name, _, _ in acs.resource.requests]
    assert (names.count("stopTranscription"), names.count("startTranscription")) == (1, 1)


async def test_what_is_asked_of_a_placed_calls_stream_is_checked(acs: AcsRig) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"media": "nobody"}, "media"),
        ({"media": 7}, "media"),
        ({"media": "parrot", "rate": 8000}, "rate"),
        ({"media": "parrot", "unmixed": "yes"}, "unmixed"),
        ({"media": "parrot", "pictures": True}, "pictures"),
        ({"unmixed": True}, "media"),
    ]
    for more, field in wrong:
        status, refused = await ask({"target": THERE, **more})
        assert (status, refused["error"]["field"]) == (400, field)
    assert acs.resource.requests == type(acs.resource.requests)()


async def test_a_dialog_places_a_call_with_media(monkeypatch: pytest.MonkeyPatch) -> None:
    asks, reasons = CallBot(), list[str]()

    @asks.media("parrot")
    async def quiet(stream: Stream) -> None: ...

    @asks.incoming
    async def ring_back(call: Call) -> None:
        try:
            await call.place(THERE, media="parrot", captions="en-US", name="Nora")
        except ActionFailed as error:
            reasons.append(error.reason)
        call.say("Goodbye.")

    @asks.outgoing
    async def rung(call: Call, name: str) -> None:
        call.say(f"Hello, {name}.")

    async with bot_on_acs(asks, monkeypatch, source="4:+15550199", sockets=False) as rig:
        await rig.ring("  - hear: Goodbye\n")
        assert reasons, "without DIALTONE_MEDIA_URL there is nowhere to send it"
        assert "create" not in {name for name, _, _ in rig.resource.requests}
        rig.resource.settings = replace(rig.resource.settings, open_streams=False)
        key = b64encode(KEY).decode()
        settings = replace(rig.turns.settings, media_url="ws://127.0.0.1:9", ticket_key=key)
        rig.turns = replace(rig.turns, settings=settings)
        rig.patch(rig.turns)
        rig.resource.callees[THERE] = read_script("name: test\nsteps:\n  - hear: Hello, Nora\n")
        await rig.bot.ring(read_script("name: again\nsteps:\n  - hear: Goodbye\n"), 8)
        for task in list(rig.resource._tasks):
            await task
        (create,) = [json.loads(request.body) for name, request, _ in rig.resource.requests if name == "create"]
    assert create["mediaStreamingOptions"]["startMediaStreaming"] is True
    assert create["transcriptionOptions"]["locale"] == "en-US"
