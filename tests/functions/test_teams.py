"""Whole calls of bots on Teams, against the simulated tenant, and what goes wrong on the way."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import azure.functions as func
import pytest

from bots import reception
from dialtone import Call, CallBot, Prompt
from dialtone.channels.teams import Notice
from dialtone.errors import ActionFailed
from functions import http, stepped_turn, sweeper
from functions.commands import Commands
from functions.platform_client import Taken
from functions.teams_client import GraphClient
from functions.teams_turn import TeamsTurns
from simulator.ledger import Event
from simulator.platforms.rest import Fault
from simulator.platforms.teams_meetings import Attendee, Meeting
from simulator.platforms.teams_settings import TeamsSettings
from simulator.script import read_script, read_script_file
from tests.functions.app import handler
from tests.functions.rig import conversation
from tests.functions.stories import LEAVE, either, on_skype, script, stories
from tests.functions.teams_rig import HANDLERS, TeamsRig, bot_on_teams

EITHER = either("8:orgid:agent")
STORIES = stories(EITHER) | {
    "keys, digits and a transfer": (
        EITHER,
        script('  - hear: Sales\n  - press: "1"\n  - hear: number\n  - press: "1234"\n  - wait: 60\n'),
    ),
    "a key into the prompt": (
        EITHER,
        script('  - hear: Sales\n    barge_in: true\n  - press: "2"\n  - hear: number\n  - hang_up: true\n'),
    ),
}


def story(events: list[Event]) -> list[Any]:
    """What was heard, said and pressed, and how it ended; but for silence, by which Teams keeps time."""
    told: list[tuple[Any, ...]] = []
    for event in events:
        kind = event["kind"]
        if kind == "heard" and "silence_ms" not in event:
            told.append((kind, event.get("text") or event.get("file"), event["cut"]))
        elif kind in ("beep", "pressed", "spoke", "hung_up", "transferred", "recorded"):
            told.append((kind, event.get("key"), event.get("text"), event.get("by"), event.get("ok")))
    return told


@pytest.mark.parametrize("name", STORIES)
async def test_a_call_is_the_same_on_both_channels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bot, read = STORIES[name]
    async with bot_on_teams(bot, monkeypatch) as rig:
        here = (await rig.ring(read)).events
    there = await on_skype(bot, read)
    assert story(here) == story(there)
    assert len(story(here)) >= 3


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TeamsRig]:
    async with bot_on_teams(reception.bot, monkeypatch) as there:
        yield there


def sent(rig: TeamsRig) -> Counter[str]:
    """How often each command was taken by the tenant."""
    return Counter(name for name, _, reply in rig.service.requests if reply.status < 300)


ONCE = {
    "answer": 1,
    "subscribeToTone": 1,
    "playPrompt": 6,
    "cancelMediaProcessing": 1,
    "updateRecordingStatus": 2,
    "recordResponse": 1,
    "hangUp": 1,
}
"""The commands of the call that leaves a message."""


async def test_a_whole_call(rig: TeamsRig) -> None:
    report = await rig.ring(read_script_file(LEAVE))
    assert report.ok, report.reasons
    (recording,) = await rig.rig.storage.recordings.list()
    assert (recording.format, recording.fault, recording.reason) == ("wav", "", "completedStopToneDetected")
    assert recording.seconds == report.recordings[0].seconds
    assert sent(rig) == ONCE
    statuses = Counter(rig.statuses)
    assert statuses["calls", 204] == 1, "the first post has the shape of the Skype platform's"
    assert {status for _, status in rig.statuses} == {200, 204}
    (call,) = await rig.rig.storage.calls.calls_of_day("20231114")
    assert (call.channel, call.outcome) == ("teams", "completed")


@pytest.mark.parametrize(
    "settings",
    [
        TeamsSettings(duplicate=1.0, legacy_first=False),
        TeamsSettings(reorder=0.5),
        TeamsSettings(duplicate=0.5, reorder=0.5, batch=True, unknown_notices=True),
    ],
    ids=["repeated", "reordered", "all at once"],
)
async def test_notices_as_the_platform_may_post_them(settings: TeamsSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_teams(reception.bot, monkeypatch, settings) as rig:
        report = await rig.ring(read_script_file(LEAVE))
        assert report.ok, report.reasons
        assert sent(rig) == ONCE


CRASHES = (*range(1, 7), 9, 12, 15, 18, 21, 24, 27, 30)


@pytest.mark.parametrize("number", CRASHES)
async def test_a_crash_is_mended_by_the_next_delivery(number: int, rig: TeamsRig) -> None:
    """Storage fails once, at its n-th insert of the call: the delivery is answered 503 and comes again."""
    rig.rig.backend.fail_at("insert calls", number)
    report = await rig.ring(read_script_file(LEAVE))
    assert report.ok, report.reasons
    inserts = rig.rig.backend.operations.count("insert calls")
    assert inserts > number or 503 not in {status for _, status in rig.statuses}
    assert sum(sent(rig).values()) <= sum(ONCE.values()) + 1, "at least once, for one command"
    assert len(await rig.rig.storage.recordings.list()) == 1


async def test_a_refusal_is_what_the_dialog_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        try:
            await call.choose("Which?", {"a": "1"})
        except ActionFailed as error:
            told.append(error.reason)

    async with bot_on_teams(bot, monkeypatch) as rig:
        rig.service.settings.faults.append(Fault("subscribeToTone", 403))
        await rig.ring("  - wait: 5\n")
    assert set(told) == {
        "403/403 unknown: the platform gives no cause that is known; check the sub-code in Microsoft's list"
    }


async def test_what_teams_cannot_do_is_told_to_the_dialog(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        for ask in (lambda: call.choose("Which?", {"a": "alpha"}), lambda: call.transfer("8:acs:one")):
            try:
                told.append(str(await ask()))
            except ActionFailed as error:
                told.append(error.reason)

    async with bot_on_teams(bot, monkeypatch) as rig:
        await rig.ring("  - wait: 5\n")
    assert told[-2:] == ["None", "False"]


async def test_a_dialog_that_asks_again_for_what_is_refused_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        while True:
            try:
                await call.choose("Which?", {"a": "alpha"})
            except ActionFailed:
                continue

    monkeypatch.setattr(stepped_turn, "TURNS_MAX", 5)
    async with bot_on_teams(bot, monkeypatch) as rig:
        await rig.ring("  - wait: 1\n  - hang_up: true\n")
        (record,) = await rig.rig.storage.calls.calls_of_day("20231114")
        assert len(await rig.rig.storage.calls.turns(record.call_id)) == 7
    assert "asked no more" in caplog.text


async def test_without_a_speech_service_files_are_played_and_texts_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        try:
            await call.choose("Which?", {"a": "1"})
        except ActionFailed as error:
            heard.append(error.reason)

    async with bot_on_teams(bot, monkeypatch, speaks=False) as rig:
        await rig.ring("  - wait: 5\n")
    assert heard
    assert "upload the prompts as files" in heard[0]


async def test_a_text_is_given_to_whoever_has_the_ticket_of_its_call(rig: TeamsRig) -> None:
    ticket = rig.turns.tickets.of("call-1")
    for name, given, status in (("0-0-0.wav", "x.y", 403), ("0-0-0.wav", ticket, 400), ("a.wav", ticket, 400)):
        asked = func.HttpRequest(
            "GET", f"{rig.url}/api/teams/spoken", route_params={"ticket": given, "name": name}, body=b""
        )
        assert (await HANDLERS["teams_spoken"](asked)).status_code == status


@pytest.mark.parametrize(("name", "status"), [("silence-700.wav", 200), ("beep.wav", 200), ("other.wav", 400)])
async def test_the_sounds_of_the_kit(name: str, status: int, rig: TeamsRig) -> None:
    asked = func.HttpRequest("GET", f"{rig.url}/api/teams/sounds", route_params={"name": name}, body=b"")
    assert (await HANDLERS["teams_sounds"](asked)).status_code == status


async def posted(rig: TeamsRig, body: bytes, name: str = "calls", **params: str) -> int:
    asked = func.HttpRequest("POST", f"{rig.url}/api/calls", route_params=params, body=body)
    status: int = (await HANDLERS[name](asked)).status_code
    return status


async def test_the_webhook_takes_what_is_no_notification_with_204_and_refuses_what_is_nothing(rig: TeamsRig) -> None:
    assert await posted(rig, conversation()) == 204
    assert await posted(rig, b"no json") == 400
    assert await posted(rig, b'{"value": 1}') == 400
    assert await posted(rig, b" " * (http.EVENTS_MAX + 1)) == 400
    assert await posted(rig, b'{"value": []}', "teams_callbacks", ticket="x.y") == 403
    assert await rig.rig.storage.calls.latest("call-7") is None


async def test_a_notice_of_a_call_that_nobody_knows_changes_nothing(rig: TeamsRig) -> None:
    for data in ({"state": "established"}, {"state": "terminated"}, {"toneInfo": {"sequenceId": 1, "tone": "tone1"}}):
        value = {"changeType": "updated", "resourceUrl": "/communications/calls/nobody", "resourceData": data}
        assert await posted(rig, json.dumps({"value": [value]}).encode()) == 200
    roster = {"changeType": "updated", "resourceUrl": "/communications/calls/nobody/participants", "resourceData": []}
    assert await posted(rig, json.dumps({"value": [roster]}).encode()) == 200
    assert await rig.rig.storage.calls.notes("nobody") == []


async def test_keys_that_overtake_each_other_are_put_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stop tone comes before the digit that was pressed before it: it waits for that."""
    answers: list[str | None] = []
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        answers.append(await call.digits("Number?", stop_tones="#"))

    async with bot_on_teams(bot, monkeypatch) as rig:
        held: list[bytes] = []

        async def happened(self: TeamsTurns, call_id: str, notice: Any) -> None:
            if notice.tone == (2, "2") and not held:
                held.append(b"held")
                late.append((call_id, notice))
                return
            await really(self, call_id, notice)
            if notice.tone == (3, "#"):
                for each in late:
                    await really(self, *each)

        late: list[tuple[str, Any]] = []
        really = TeamsTurns.happened
        monkeypatch.setattr(TeamsTurns, "happened", happened)
        await rig.ring('  - hear: Number\n  - press: "12#"\n  - wait: 9\n')
    assert answers[-1] == "12"


async def test_a_call_is_kept_alive_once_in_each_quarter_of_an_hour(
    rig: TeamsRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.ring("  - hear: Welcome\n  - hang_up: true\n")
    (record,) = await rig.rig.storage.calls.calls_of_day("20231114")
    later = replace(rig.turns, clock=lambda: rig.rig.now + 3600)
    await later.keep_alive(record)
    assert sent(rig)["keepAlive"] == 0, "the call is over: nothing is asked for it, whatever its age"

    async def goes_on(_: Commands, call_id: str) -> tuple[int, int]:
        return 0, 0

    monkeypatch.setattr(Commands, "current", goes_on)
    for minutes in (10, 20, 25, 31, 40):
        at = record.started + 60 * minutes
        await replace(rig.turns, clock=lambda at=at: at).keep_alive(record)  # type: ignore[misc]
    asked = [name for name, _, _ in rig.service.requests if name == "keepAlive"]
    assert len(asked) == 2


@pytest.mark.parametrize(("sweeps", "ended_by"), [(True, "caller"), (False, "platform")])
async def test_the_sweeper_keeps_a_call_alive_that_lasts(
    sweeps: bool, ended_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graph ends a call that was not kept alive for 45 minutes; this one lasts for 50."""
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        while True:
            call.say(*[Prompt(silence_ms=60_000)] * 4)
            await call.recognize(choices={"leave": "1"}, initial_silence=30)

    async def happened(self: TeamsTurns, call_id: str, notice: Notice) -> None:
        (call,) = rig.service.calls.values()
        rig.rig.now = 1_700_000_000 + call.line.clock.now()
        if sweeps:
            await handler("sweep")(None)
        await really(self, call_id, notice)

    really = TeamsTurns.happened
    async with bot_on_teams(bot, monkeypatch) as rig:
        monkeypatch.setattr(TeamsTurns, "happened", happened)
        monkeypatch.setattr(sweeper, "turns", lambda: rig.rig.turns)
        monkeypatch.setattr(sweeper, "teams_settings", lambda: rig.turns.resource)
        report = await rig.ring("  - wait: 3000\n  - hang_up: true\n")
        assert sent(rig)["keepAlive"] == (3 if sweeps else 0)
    (end,) = [event for event in report.events if event["kind"] == "call.ended"]
    assert end["by"] == ended_by


MEETS = CallBot()
"""Calls a friend and a meeting for whoever rings."""


@MEETS.incoming
async def reminder(call: Call) -> None:
    call.say("Calling.")
    told: list[str] = []
    for target in TARGETS:
        try:
            told.append(await call.place(target, topic="Standup"))
        except ActionFailed as error:
            told.append(error.reason)
    PLACED[:] = told
    call.say("Done.")


@MEETS.outgoing
async def greeting(call: Call, topic: str) -> None:
    call.say(f"It is time for {call.subject or topic}.")
    try:
        meeting = await call.meeting()
        call.say(f"{meeting.organizer} invited {len(meeting.invited)}.")
    except ActionFailed as error:
        call.say(error.reason.partition(":")[0])
    if await call.choose("Press 1 to hear more.", {"more": "1"}, retries=0) == "more":
        call.say(f"{len(call.participants)} people are here.")


def reply_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the reply to each `create` come after the call that it created was answered."""
    create: Any = GraphClient.send
    answered = TeamsTurns._answered
    came = asyncio.Semaphore(0)

    async def send(self: GraphClient, operation: str, *args: Any, **ids: str) -> Taken:
        taken: Taken = await create(self, operation, *args, **ids)
        if operation == "create":
            async with asyncio.timeout(20):
                await came.acquire()
        return taken

    async def answer(self: TeamsTurns, call_id: str, notice: Notice) -> None:
        await answered(self, call_id, notice)
        came.release()

    monkeypatch.setattr(GraphClient, "send", send)
    monkeypatch.setattr(TeamsTurns, "_answered", answer)


TARGETS: list[str] = []
PLACED: list[str] = []


@pytest.mark.parametrize("overtaken", [False, True], ids=["in order", "notices overtake the reply"])
async def test_a_bot_calls_a_user_and_joins_a_meeting_of_five(overtaken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    press = read_script('name: press\nsteps:\n  - hear: hear more\n  - press: "1"\n  - hear: people\n')
    async with bot_on_teams(MEETS, monkeypatch) as rig:
        people = [Attendee(f"user-{number}", f"Person {number}") for number in range(1, 5)]
        meeting = Meeting("m1", "Planning", "user-1", rig.service.settings.tenant, attendees=people)
        meeting.attendees.append(Attendee("user-5", "Person 5", script=press))
        rig.service.meetings.append(meeting)
        rig.service.callees["8:orgid:friend"] = press
        if overtaken:
            reply_late(monkeypatch)
        TARGETS[:] = ["8:orgid:friend", meeting.join_link, "29:nobody"]
        await rig.ring("  - hear: Done\n")
        async with asyncio.timeout(20):
            while rig.service._tasks:
                await asyncio.sleep(0.01)
        records = {each.call_id: each for each in await rig.rig.storage.calls.calls_of_day("20231114")}
        heard = [
            event["text"]
            for call in rig.service.calls.values()
            for event in call.line.ledger.events
            if event["kind"] == "heard" and "text" in event
        ]
    assert "29: identities" in PLACED[2]
    assert [records[call].outcome for call in PLACED[:2]] == ["completed", "completed"]
    assert {"It is time for Standup.", "It is time for Planning.", "2 people are here.", "5 people are here."} <= set(
        heard
    )
    assert {"8:orgid:user-1 invited 5.", "WorkflowError"} <= set(heard)
    assert len(meeting.reports) == 1
