"""Notifications on the path of a callback: told, kept, and what they do to the call."""

import asyncio
import json
from typing import Any

import pytest

from dialtone import Call, CallBot, CallEnded
from dialtone.dialogs import CallStateChange, RosterUpdate
from dialtone.errors import BadMessage, StorageUnavailable
from functions.skype_turn import Reply
from tests.functions.rig import HUNG_UP, RECORDED, Rig, actions, chose, conversation, result, said, with_audio

Json = dict[str, Any]
GROUP: Json = {"isMultiparty": True, "threadId": "19:t@thread.skype", "subject": "Lunch"}
NOTHING = Reply(b"", 202)


def change(state: str = "terminated", **more: Any) -> bytes:
    body = {"id": "call-7", "type": "callStateChange", "currentState": state, "stateChangeCode": "0"}
    return json.dumps(body | more).encode()


def roster(*identities: str) -> bytes:
    streams = [
        {"identity": identity, "mediaType": media, "mediaStreamDirection": "sendrecv"}
        for identity in identities
        for media in ("audio", "video")
    ]
    return json.dumps({"id": "call-7", "type": "rosterUpdate", "participants": streams}).encode()


class Told:
    """A bot that asks a question and notes everything it is told."""

    def __init__(self, *, handler: bool = True, question: str = "choose") -> None:
        self.notifications: list[CallStateChange | RosterUpdate] = []
        self.ended: list[str] = []
        self.fault: Exception | None = None
        self.bot = CallBot()
        self.question = question
        self.bot.incoming(self.dialog)
        if handler:
            self.bot.on_notification(self.handle)
        self.rig = Rig(self.bot)

    async def handle(self, notification: CallStateChange | RosterUpdate) -> None:
        self.notifications.append(notification)
        if self.fault is not None:
            raise self.fault

    async def clean_up(self, reason: str) -> None:
        self.ended.append(reason)

    async def dialog(self, call: Call) -> None:
        try:
            for _ in range(3):
                call.say(" ".join(member.identity for member in call.participants))
                if self.question == "choose":
                    await call.choose("Which?", {"a": "1"})
                elif self.question == "record":
                    await call.record("Speak.")
                else:
                    await call.transfer("8:desk")
        except CallEnded as ended:
            await call.run(self.clean_up, ended.reason)
            raise

    async def events(self) -> list[str]:
        return [row.event for row in await self.rig.storage.calls.history("call-7", 99)]


@pytest.mark.parametrize(
    ("handler", "more", "subscriptions"),
    [
        (False, {}, None),
        (False, GROUP, None),
        (True, {}, ["callStateChange"]),
        (True, GROUP, ["callStateChange", "rosterUpdate"]),
    ],
)
async def test_workflows_subscribe_only_for_a_bot_that_asks(
    handler: bool, more: Json, subscriptions: list[str] | None
) -> None:
    told = Told(handler=handler)
    first = await told.rig.post(conversation(**more), message_id="m0")
    second = await told.rig.post(result(first, chose("a")), message_id="m1")
    for reply in (first, second):
        workflow = json.loads(reply.body)
        assert workflow.get("notificationSubscriptions") == subscriptions
        assert ("notification" in workflow["links"]) == handler
        assert workflow["links"].get("notification") in (None, told.rig.settings.callback_url)


@pytest.mark.parametrize("handler", [True, False])
async def test_the_end_of_the_call(handler: bool) -> None:
    told = Told(handler=handler)
    first = await told.rig.post(conversation(), message_id="m0")
    assert await told.rig.post(change(), message_id="n1") == NOTHING
    assert told.ended == ["callerHungUp"]
    assert await told.events() == ["conversation", "callStateChange"]
    (record,) = await told.rig.storage.calls.calls_of_day("20231114")
    assert (record.outcome, record.ended) == ("completed", told.rig.now)
    late = await told.rig.post(result(first, chose("a"), state="terminated"), message_id="m1")
    assert (late.status, late.body) == (200, b"")
    assert told.ended == ["callerHungUp"]
    assert len(told.notifications) == handler


async def test_a_notification_is_told_and_kept_once() -> None:
    told = Told()
    await told.rig.post(conversation(), message_id="m0")
    for _ in range(3):
        assert await told.rig.post(change("hold"), message_id="n1") == NOTHING
    await told.rig.post(change(), message_id="n2")
    await told.rig.post(change(), message_id="n2")
    states = [str(each.current_state) for each in told.notifications if isinstance(each, CallStateChange)]
    assert states == ["hold", "terminated"]
    notes = await told.rig.storage.calls.notes("call-7")
    assert [(note.message_id, note.event) for note in notes] == [("n1", "callStateChange"), ("n2", "callStateChange")]
    assert json.loads(notes[0].body)["currentState"] == "hold"
    assert told.ended == ["callerHungUp"]


async def test_the_form_of_2016_has_an_app_state() -> None:
    told = Told()
    first = await told.rig.post(conversation(), message_id="m0")
    state = json.loads(first.body)["appState"]
    links = {"call": "https://calling.test/v1/calls/7"}
    reply = await told.rig.post(change("established", appState=state, appId="app", links=links), message_id="n1")
    assert reply == NOTHING
    assert told.notifications[0].app_state == state
    assert await told.events() == ["conversation"]


async def test_the_outcome_comes_first() -> None:
    told = Told()
    first = await told.rig.post(conversation(), message_id="m0")
    left = {"type": "recognizeOutcome", "outcome": "failure"}
    await told.rig.post(result(first, left, state="terminated"), message_id="m1")
    assert await told.rig.post(change(), message_id="n1") == NOTHING
    assert await told.events() == ["conversation", "recognizeOutcome"]
    assert told.ended == ["callerHungUp"]


@pytest.mark.parametrize("seed", range(8))
async def test_the_outcome_and_the_notification_race(seed: int) -> None:
    told = Told()
    first = await told.rig.post(conversation(), message_id="m0")
    left = result(first, {"type": "recognizeOutcome", "outcome": "failure"}, state="terminated")
    pair = [told.rig.post(left, message_id="m1"), told.rig.post(change(), message_id="n1")]
    await asyncio.gather(*(pair if seed % 2 else reversed(pair)))
    assert len(await told.events()) == 2
    assert (await told.rig.storage.calls.history("call-7", 9))[-1].done


async def test_an_outcome_that_wins_without_ending_the_call_does_not_keep_it_open() -> None:
    """A turn that is taken between the look at the journal and the insert."""
    told = Told()
    first = await told.rig.post(conversation(), message_id="m0")
    chosen = result(first, chose("a"))
    answered: list[Reply] = []
    latest = told.rig.turns.storage.calls.latest
    looks = 0

    async def overtaken(call_id: str) -> Any:
        nonlocal looks
        row = await latest(call_id)
        looks += 1
        if looks == 2:
            answered.append(await told.rig.post(chosen, message_id="m1"))
        return row

    object.__setattr__(told.rig.storage.calls, "latest", overtaken)
    assert await told.rig.post(change(), message_id="n1") == NOTHING
    assert actions(answered[0])
    assert await told.events() == ["conversation", "recognizeOutcome", "callStateChange"]
    assert told.ended == ["callerHungUp"]


async def test_a_recording_is_not_cut_off() -> None:
    told = Told(question="record")
    asked = await told.rig.post(conversation(), message_id="m0")
    assert await told.rig.post(change(), message_id="n1") == NOTHING
    assert told.ended == []
    outcome = RECORDED | {"completionReason": "callTerminated"}
    body, kind = with_audio(result(asked, outcome, state="terminated"), b"RIFF" + bytes(400))
    await told.rig.post(body, message_id="m1", content_type=kind)
    assert len(await told.rig.storage.recordings.list()) == 1
    assert await told.events() == ["conversation", "recordOutcome"]
    assert told.ended == ["callerHungUp"]


@pytest.mark.parametrize("question", ["record", "transfer"])
async def test_an_outcome_that_never_comes_is_the_sweepers(question: str) -> None:
    told = Told(question=question)
    await told.rig.post(conversation(), message_id="m0")
    await told.rig.post(change(), message_id="n1")
    (record,) = await told.rig.storage.calls.open_calls(started_before=told.rig.now + 1)
    told.rig.now += told.rig.settings.sweep_after
    assert await told.rig.turns.lost(record)
    assert told.ended == ["lost"]


async def test_a_call_that_is_over_stays_so() -> None:
    told = Told()
    await told.rig.post(conversation(), message_id="m0")
    for number in range(3):
        await told.rig.post(change(), message_id=f"n{number}")
    await told.rig.post(change("established"), message_id="n9")
    assert await told.events() == ["conversation", "callStateChange"]
    assert len(told.notifications) == 4


async def test_participants_follow_the_roster() -> None:
    told = Told()
    first = await told.rig.post(conversation(**GROUP), message_id="m0")
    assert said(first)[0] == "8:nora 28:bot"
    assert await told.rig.post(roster("8:nora", "8:lars", "28:bot"), message_id="n1") == NOTHING
    second = await told.rig.post(result(first, chose("a")), message_id="m1")
    assert said(second)[0] == "8:nora 8:lars 28:bot"
    await told.rig.post(roster("8:lars"), message_id="n2")
    await told.rig.post(roster("8:nora", "8:lars", "28:bot"), message_id="n1")
    third = await told.rig.post(result(second, chose("a")), message_id="m2")
    assert said(third)[0] == "8:lars"
    again = await told.rig.post(result(second, chose("a")), message_id="m2")
    assert again == third


async def test_only_a_group_call_of_a_bot_that_asks_reads_its_roster() -> None:
    for told, more, reads in (
        (Told(), {}, []),
        (Told(handler=False), GROUP, []),
        (Told(), GROUP, ["get calls"]),
    ):
        first = await told.rig.post(conversation(**more), message_id="m0")
        told.rig.backend.operations.clear()
        await told.rig.post(result(first, chose("a")), message_id="m1")
        assert told.rig.backend.operations == [*reads, "insert calls"]


async def test_a_handler_that_fails_is_logged_and_the_notification_taken(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    told.fault = ValueError("broken")
    await told.rig.post(conversation(), message_id="m0")
    assert await told.rig.post(change(), message_id="n1") == NOTHING
    assert "the handler of notifications failed" in caplog.text
    assert told.ended == ["callerHungUp"]


async def test_a_dependency_that_fails_in_the_handler_is_tried_again() -> None:
    told = Told()
    await told.rig.post(conversation(), message_id="m0")
    told.fault = StorageUnavailable("down")
    with pytest.raises(StorageUnavailable):
        await told.rig.post(change(), message_id="n1")
    assert told.ended == []
    told.fault = None
    assert await told.rig.post(change(), message_id="n1") == NOTHING
    assert (len(told.notifications), told.ended) == (2, ["callerHungUp"])


@pytest.mark.parametrize("at", range(9))
async def test_when_storage_fails_at_any_step_the_repetition_succeeds(at: int) -> None:
    told = Told()
    await told.rig.post(conversation(**GROUP), message_id="m0")
    count = 0

    def fail(operation: str) -> bool:
        nonlocal count
        count += 1
        return count == at + 1

    told.rig.backend.fail = fail
    for body, message_id in ((roster("8:lars"), "n1"), (change(), "n2")):
        try:
            await told.rig.post(body, message_id=message_id)
        except StorageUnavailable:
            await told.rig.post(body, message_id=message_id)
    told.rig.backend.fail = lambda operation: False
    assert len(await told.rig.storage.calls.notes("call-7")) == 2
    assert await told.rig.storage.calls.roster("call-7") == ("8:lars",)
    assert await told.events() == ["conversation", "callStateChange"]
    assert told.ended in (["callerHungUp"], ["callerHungUp"] * 2)


@pytest.mark.parametrize("body", [change(), roster("8:nora")])
async def test_a_call_that_is_not_known_is_refused_and_nothing_stored(body: bytes) -> None:
    told = Told()
    with pytest.raises(BadMessage) as caught:
        await told.rig.post(body, message_id="n1")
    assert (caught.value.code, caught.value.field) == ("CALL_UNKNOWN", "id")
    assert told.notifications == []
    assert await told.rig.storage.calls.notes("call-7") == []


async def test_a_state_that_cannot_follow_is_logged_and_taken(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    first = await told.rig.post(conversation(), message_id="m0")
    second = await told.rig.post(result(first, chose("a")), message_id="m1")
    assert "cannot be" not in caplog.text
    third = await told.rig.post(result(second, chose("a"), state="establishing"), message_id="m2")
    assert "the call cannot be establishing after it was established" in caplog.text
    assert actions(third) == ["playPrompt", "recognize"]


async def test_nothing_of_a_participant_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    told = Told()
    first = await told.rig.post(conversation(**GROUP), message_id="m0")
    await told.rig.post(roster("8:secret"), message_id="n1")
    await told.rig.post(change(), message_id="n2")
    await told.rig.post(result(first, HUNG_UP, state="terminated"), message_id="m1")
    assert "secret" not in caplog.text
