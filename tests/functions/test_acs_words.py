"""A call on ACS for each word of who is in it, keys, recordings of the whole call and redirecting it."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialtone import ActionFailed, Call, CallBot, ParticipantChange, RosterUpdate
from dialtone.channels.acs import CallEvent
from dialtone.dialogs import CallFacts, History
from functions.acs_client import AcsClient
from functions.acs_roster import AcsRoster
from functions.acs_settings import AcsSettings as Settings
from functions.acs_turn import AcsTurns
from simulator.platforms.acs_settings import AcsSettings
from simulator.platforms.rest import Fault
from tests.channels.acs_rig import event
from tests.functions.acs_rig import AcsRig, bot_on_acs
from tests.functions.rig import Rig, conversation
from tests.functions.stories import script as steps_of
from tests.functions.test_acs import sent

AGENT = "8:acs:res_agent"
PHONE = "4:+15550142"
NORA, BOT = "4:+15550100", "4:+15550199"
WHO = f'caller: {{identity: "{NORA}"}}\n'
Dialog = Callable[[Call], Awaitable[Any]]


def bot_of(dialog: Dialog) -> CallBot:
    bot = CallBot()
    bot.incoming(dialog)
    return bot


def heard(report: Any) -> list[str]:
    """The texts that the caller heard."""
    return [each["text"] for each in report.events if each["kind"] == "heard" and each.get("text")]


async def told(dialog: Dialog, monkeypatch: Any, script: str = "  - wait: 60\n", **simulated: Any) -> list[str]:
    """What the caller heard of a dialog."""
    async with bot_on_acs(bot_of(dialog), monkeypatch, AcsSettings(**simulated), sockets=False) as acs:
        report = await acs.ring(steps_of(script, WHO))
        assert not acs.resource.settings.faults or acs.resource.requests
        assert {status for _, status in acs.statuses} == {200}
        return heard(report)


def there(call: Call) -> str:
    return " ".join(member.identity for member in call.participants)


async def conference(call: Call) -> None:
    call.say("One moment.")
    joined = await call.add_participant(AGENT, display_name="Contoso")
    call.say("Here they are." if joined else joined.reason)
    await call.choose("Shall they go?", {"yes": "1"}, retries=0)
    call.say(there(call))
    await call.remove_participant(AGENT)
    await call.choose("Anything else?", {"yes": "1"}, retries=0)
    call.say(there(call))


@pytest.mark.parametrize("bot", ["", "8:acs:res_bot"])
async def test_somebody_joins_and_goes_and_the_roster_follows(bot: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever identity the platform has the bot in it."""
    script = '  - hear: Shall\n  - press: "1"\n  - hear: Anything\n  - press: "1"\n  - wait: 60\n'
    said = await told(conference, monkeypatch, script, bot=bot)
    assert said[:3] == ["One moment.", "Here they are.", "Shall they go?"]
    assert set(said[3].split()) == {NORA, BOT, AGENT}
    assert said[4] == "Anything else?"
    assert set(said[5].split()) == {NORA, BOT}


async def test_the_bot_is_told_who_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...]] = []
    bot = bot_of(conference)

    @bot.on_participant
    async def changed(change: ParticipantChange) -> None:
        told.append((*change.joined, "and", *change.left))

    async with bot_on_acs(bot, monkeypatch, AcsSettings(bot="8:acs:res_bot", duplicate=0.5), sockets=False) as acs:
        await acs.ring('  - hear: Shall\n  - press: "1"\n  - wait: 60\n')
    assert told == [(AGENT, "and"), ("and", AGENT)]


async def test_who_does_not_join_is_told_with_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dialog(call: Call) -> None:
        joined = await call.add_participant(PHONE)
        call.say(f"{joined.number} {joined.sub_code} {joined.cause}. {joined.reason}")

    said = await told(dialog, monkeypatch, answers={PHONE: "busy"})
    assert said == ["486 8539 whoever was called is busy. 486/8539 busy: whoever was called is busy"]


async def test_a_telephone_is_shown_the_number_that_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dialog(call: Call) -> None:
        await call.add_participant(PHONE)

    async with bot_on_acs(bot_of(dialog), monkeypatch, sockets=False) as acs:
        await acs.ring("  - wait: 60\n")
        (body,) = [request.body for name, request, _ in acs.resource.requests if name == "add"]
        assert b'"sourceCallerIdNumber":{"value":"+15550199"}' in body.replace(b" ", b"")


async def test_muting_and_holding(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dialog(call: Call) -> None:
        await call.add_participant(AGENT)
        await call.mute(AGENT)
        await call.hold(prompt="Please hold.")
        await call.choose("Back?", {"yes": "1"}, retries=0)
        await call.unhold()
        await call.choose("Done?", {"yes": "1"}, retries=0)

    states: list[Any] = []
    async with bot_on_acs(bot_of(dialog), monkeypatch, sockets=False) as acs:

        def watch(kind: str, body: bytes) -> None:
            for call in acs.resource.calls.values():
                states.append({raw: (each["isMuted"], each["isOnHold"]) for raw, each in call.participants.items()})

        acs.before = watch
        await acs.ring(steps_of("  - wait: 60\n", WHO))
        assert {"add": 1, "mute": 1, "hold": 1, "unhold": 1}.items() <= sent(acs).items()
    assert {NORA: (False, True), BOT: (False, False), AGENT: (True, False)} in states
    assert states[-1] == {NORA: (False, False), BOT: (False, False), AGENT: (True, False)}


async def test_keys_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dialog(call: Call) -> None:
        await call.send_dtmf("12#")
        await call.start_tones()
        call.say("Type whenever you like.")
        typed = ""
        while (key := await call.tone(timeout=4)) is not None:
            typed += key
        await call.stop_tones()
        call.say(f"You typed {typed}.")

    script = '  - hear: Type\n  - press: "4"\n  - wait: 1\n  - press: "2#"\n  - wait: 60\n'
    said = await told(dialog, monkeypatch, script, duplicate=0.5, batch=True)
    assert said == ["Type whenever you like.", "You typed 42#."]


async def recorded(call: Call) -> None:
    recording = await call.start_recording(format="wav", keep="standard")
    await call.choose("Your card?", {"done": "1"}, retries=0)
    await call.pause_recording(recording)
    await call.choose("The number?", {"done": "1"}, retries=0)
    await call.resume_recording(recording)
    await call.choose("More?", {"done": "1"}, retries=0)
    await call.stop_recording(recording)
    call.say(recording.path)


async def test_the_whole_call_is_recorded_but_for_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    script = "".join(f'  - hear: {each}\n  - press: "1"\n' for each in ("card", "number", "More")) + "  - wait: 60\n"
    async with bot_on_acs(bot_of(recorded), monkeypatch, sockets=False) as acs:
        report = await acs.ring(script)
        (stored,) = await acs.rig.storage.recordings.list()
        assert heard(report)[-1] == stored.path
        assert (stored.format, stored.fault) == ("wav", "")
        once = dict.fromkeys(("startRecording", "pauseRecording", "resumeRecording", "stopRecording"), 1)
        assert once.items() <= sent(acs).items()


async def test_what_is_not_there_is_told_and_the_call_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dialog(call: Call) -> None:
        recording = await call.start_recording()
        await call.stop_recording(recording)
        try:
            await call.pause_recording(recording)
        except ActionFailed as error:
            call.say(f"{error.number} {error.sub_code}")
        try:
            await call.mute(AGENT)
        except ActionFailed as error:
            call.say(error.cause)

    missing = "the call, or what in it the command is about, is not there"
    assert await told(dialog, monkeypatch) == ["404 8522", missing]


async def test_the_bot_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    async def dialog(call: Call) -> None:
        await call.add_participant(AGENT)
        call.say("I leave you two alone.")
        call.leave()

    async with bot_on_acs(bot_of(dialog), monkeypatch, sockets=False) as acs:
        await acs.ring("  - wait: 60\n")
        assert sent(acs)["hangUp"] == 1, "DELETE: the others go on"
        assert sent(acs)["terminate"] == 0


async def redirecting(call: Call) -> None:
    if not await call.redirect(PHONE if call.participants[1].identity == BOT else BOT):
        call.say("Nobody is there.")


async def test_a_call_is_redirected(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(bot_of(redirecting), monkeypatch, sockets=False) as acs:
        await acs.ring("  - wait: 60\n")
        assert sent(acs) == {"redirect": 1}
        (record,) = await acs.rig.storage.calls.calls_of_day("20231114")
        assert record.outcome == "completed"


async def test_a_call_that_cannot_be_redirected_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(bot_of(redirecting), monkeypatch, sockets=False) as acs:
        acs.resource.settings.faults.append(Fault("redirect", 403))
        report = await acs.ring("  - wait: 60\n")
        assert heard(report) == ["Nobody is there."]
        assert report.ok, report.reasons


@pytest.mark.parametrize("refused", [False, True], ids=["done", "refused"])
async def test_a_redirect_that_a_crash_interrupts_is_done_once(refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage fails once, at each insert of the call in turn; Event Grid tells of the call again."""
    number = inserts = 0

    def fail(operation: str) -> bool:
        nonlocal inserts
        inserts += operation == "insert calls"
        return operation == "insert calls" and inserts == number

    while number <= inserts:
        number, inserts = number + (4 if refused else 1), 0
        async with bot_on_acs(bot_of(redirecting), monkeypatch, sockets=False) as acs:
            acs.rig.backend.fail = fail
            if refused:
                acs.resource.settings.faults.append(Fault("redirect", 403, times=2))
            report = await acs.ring("  - wait: 60\n")
            assert heard(report) == (["Nobody is there."] if refused else [])
            assert sent(acs) == ({"answer": 1, "play": 1, "terminate": 1} if refused else {"redirect": 1})
    assert number > 4


async def test_a_redirected_call_rings_for_its_user_and_not_for_the_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the same subscription; nobody at the user's phone takes it here."""

    async def dialog(call: Call) -> None:
        await call.redirect(AGENT)

    async with bot_on_acs(bot_of(dialog), monkeypatch, AcsSettings(ring_s=10), sockets=False) as acs:
        await acs.ring("  - wait: 60\n")
        assert sent(acs) == {"redirect": 1}
        assert len([kind for kind, _ in acs.statuses if kind == "events"]) == 2


@pytest.mark.parametrize("back_to", [BOT, AGENT])
async def test_two_numbers_that_redirect_to_each_other_do_not_loop(
    back_to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second asks for the first one, or for itself: it is told that this is a loop, and answers."""

    async def dialog(call: Call) -> None:
        first = call.participants[1].identity == BOT
        if not await call.redirect(AGENT if first else back_to):
            call.say("Nobody is there.")

    async with bot_on_acs(bot_of(dialog), monkeypatch, sockets=False) as acs:
        acs.patch(replace(acs.turns, resource=replace(acs.turns.resource, answers=frozenset({BOT, AGENT}))))
        report = await acs.ring("  - wait: 60\n")
        assert heard(report) == ["Nobody is there."]
        assert sent(acs)["redirect"] == 1


# What goes wrong on the way.


async def everything(call: Call) -> None:
    joined = await call.add_participant(AGENT)
    await call.mute(AGENT)
    await call.hold()
    await call.unhold()
    await call.send_dtmf("1")
    await call.start_tones()
    await call.stop_tones()
    recording = await call.start_recording()
    await call.pause_recording(recording)
    await call.resume_recording(recording)
    await call.stop_recording(recording)
    await call.remove_participant(AGENT)
    call.say(f"All is done, {bool(joined)}.")


ONCE = {
    "answer": 1,
    "add": 1,
    "mute": 1,
    "hold": 1,
    "unhold": 1,
    "sendDtmfTones": 1,
    "startContinuousDtmfRecognition": 1,
    "stopContinuousDtmfRecognition": 1,
    "startRecording": 1,
    "pauseRecording": 1,
    "resumeRecording": 1,
    "stopRecording": 1,
    "remove": 1,
    "play": 1,
    "terminate": 1,
    "download": 1,
}
TWICE = {"hold", "unhold", "play", "startContinuousDtmfRecognition", "stopContinuousDtmfRecognition", "download"}
"""They have no id of a request: done at least once."""
TWICE |= {"pauseRecording", "resumeRecording", "stopRecording"}


async def check_all(acs: AcsRig) -> Counter[str]:
    report = await acs.ring("  - wait: 60\n")
    assert report.ok, report.reasons
    assert heard(report) == ["All is done, True."]
    assert len(await acs.rig.storage.recordings.list()) == 1
    return sent(acs)


@pytest.mark.parametrize(
    "simulated",
    [{"duplicate": 1.0}, {"reorder": 0.5}, {"duplicate": 0.5, "reorder": 0.5, "batch": True, "unknown_events": True}],
    ids=["repeated", "reordered", "all at once"],
)
async def test_events_as_the_platform_may_post_them(simulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bot_on_acs(bot_of(everything), monkeypatch, AcsSettings(**simulated), sockets=False) as acs:
        assert await check_all(acs) == ONCE


@pytest.mark.parametrize("number", range(2, 39, 6))
async def test_a_crash_between_storing_and_sending_is_mended(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage fails once, at its n-th insert of the call: the delivery is answered 503 and comes again."""
    inserts = 0

    def fail(operation: str) -> bool:
        nonlocal inserts
        inserts += operation == "insert calls"
        return operation == "insert calls" and inserts == number

    async with bot_on_acs(bot_of(everything), monkeypatch, sockets=False) as acs:
        acs.rig.backend.fail = fail
        done = await check_all(acs)
        assert inserts > number
        assert 503 in {status for _, status in acs.statuses}
        assert {name: done[name] for name in ONCE.keys() - TWICE} == dict.fromkeys(ONCE.keys() - TWICE, 1)
        assert all(done[name] >= 1 for name in TWICE)
        assert sum(done.values()) <= sum(ONCE.values()) + 1, "at least once, for one that has no id"


# The roster.

CALL_ID = "0b1f8c2e-0000-4000-8000-000000000001-abcdef01"


async def test_who_was_added_is_there_though_the_update_is_late() -> None:
    """And who was removed is not; an update that is higher counts for more."""
    rig = Rig(bot_of(conference))
    roster = AcsRoster(rig.storage, CALL_ID, lambda: rig.now)

    async def happens(told: CallEvent) -> list[str]:
        if said := await roster.said(told):
            await roster.keep(said)
        return (await roster.all() or [[]])[-1]

    agent = {"rawId": AGENT}
    added = event("AddParticipantSucceeded", operationContext="3.0", participant=agent)
    assert await happens(added) == [], "the first update is still to come"
    assert await happens(updated(1, [NORA, BOT])) == [NORA, BOT]
    for _ in range(2):
        assert await happens(added) == [NORA, BOT, AGENT]
    removed = event("RemoveParticipantSucceeded", operationContext="5.0", participant=agent)
    for _ in range(2):
        assert await happens(removed) == [NORA, BOT]
    assert await happens(updated(2, [NORA, BOT, AGENT])) == [NORA, BOT, AGENT]
    assert await happens(updated(3, [NORA, BOT])) == [NORA, BOT]


UPDATES = st.lists(
    st.tuples(st.integers(1, 6), st.sets(st.sampled_from([NORA, BOT, AGENT, PHONE]), min_size=1)),
    min_size=1,
    max_size=6,
    unique_by=lambda update: update[0],
)


def updated(number: int, members: list[str]) -> CallEvent:
    there = [{"identifier": {"rawId": raw}, "isMuted": False, "isOnHold": False} for raw in members]
    return event("ParticipantsUpdated", sequenceNumber=number, participants=there)


@given(UPDATES, st.data())
@settings(max_examples=40, deadline=None)
async def test_the_roster_is_that_of_the_highest_number(
    updates: list[tuple[int, set[str]]], data: st.DataObject
) -> None:
    """Whatever the order, and however often each comes; and the bot is told of what is news, once each."""
    told: list[tuple[str, ...]] = []
    bot = bot_of(conference)

    @bot.on_notification
    async def notified(notification: Any) -> None:
        assert isinstance(notification, RosterUpdate)
        told.append(notification.identities)

    known = {number: sorted(members) for number, members in updates}
    order = data.draw(st.permutations([*known, *data.draw(st.lists(st.sampled_from(sorted(known)), max_size=4))]))
    rig = Rig(bot)
    await rig.post(conversation(CALL_ID), message_id="m0")  # It has begun; on what channel is all the same here.
    client = AcsClient("http://127.0.0.1:9", b"no command is sent")
    turns = AcsTurns(bot, rig.storage, rig.settings, client=client, resource=Settings(client.endpoint))
    for number in order:
        await turns.happened(CALL_ID, updated(number, known[number]))
    assert len(await rig.storage.calls.notes(CALL_ID, "roster-")) == len(known)
    roster = await turns._roster(History(CallFacts(CALL_ID, 0.0, ()), "incoming"))
    assert roster == tuple(known[max(known)])
    seen, news = 0, []
    for number in order:
        if number > seen:
            seen = number
            news.append(tuple(known[number]))
    assert told == news
