import asyncio
import json
import logging
from base64 import b64encode
from typing import Any

import pytest

from bots.reception import bot as reception
from dialtone import ActionFailed, Call, CallBot, CallEnded, Prompt
from dialtone.channels.skype import NO_COMMANDS
from dialtone.errors import AppStateRejected, BadMessage, ConfigurationError, DialogError, StorageUnavailable
from dialtone.loading import load_bot
from dialtone.protocol import Workflow
from dialtone.protocol.rules import check_workflow
from functions.skype_turn import Reply
from tests.functions.rig import HUNG_UP, RECORDED, SILENCE, Rig, actions, chose, conversation, result, said, with_audio
from tests.sounds import tone

SOUND = b"RIFF" + bytes(range(256)) * 40


@pytest.fixture
def rig() -> Rig:
    return Rig(reception)


async def to_the_recording(rig: Rig) -> tuple[Reply, bytes, str]:
    """A call up to the question for a message; the reply, and the callback that brings the sound."""
    first = await rig.post(conversation(), message_id="m0")
    asked = await rig.post(result(first, chose("message")), message_id="m1")
    body, kind = with_audio(result(asked, RECORDED), SOUND)
    return asked, body, kind


async def test_a_recording_is_played_by_a_link_to_it() -> None:
    bot = CallBot()

    @bot.incoming
    async def replay(call: Call) -> None:
        call.play(await call.record())

    rig = Rig(bot)
    asked = await rig.post(conversation(), message_id="m0")
    body, kind = with_audio(result(asked, RECORDED), SOUND)
    (link,) = said(await rig.post(body, message_id="m1", content_type=kind))
    assert link == f"data:audio/wav;base64,{b64encode(SOUND).decode()}"


async def test_a_whole_call(rig: Rig) -> None:
    _, body, kind = await to_the_recording(rig)
    thanks = await rig.post(body, message_id="m2", content_type=kind)
    assert said(thanks) == ["Thank you. 4 seconds saved.", "Goodbye."]
    end = await rig.post(result(thanks, HUNG_UP, state="terminated"), message_id="m3")
    assert (end.status, end.body) == (200, b"")
    (recording,) = await rig.storage.recordings.list()
    assert (recording.caller, recording.seconds, recording.format) == ("8:nora", 3.5, "wav")
    assert await rig.storage.recordings.read(recording.path) == SOUND
    rows = await rig.storage.calls.history("call-7", 3)
    assert [row.event for row in rows] == ["conversation", "recognizeOutcome", "recordOutcome", "hangupOutcome"]
    (record,) = await rig.storage.calls.calls_of_day("20231114")
    assert (record.outcome, record.ended) == ("completed", rig.now)
    assert await rig.storage.calls.open_calls(started_before=rig.now + 1) == []


async def test_a_usual_turn_writes_once_and_reads_nothing(rig: Rig) -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.choose("Press 1.", {"a": "1"})
        await call.choose("Press 1 again.", {"a": "1"})

    rig = Rig(bot)
    first = await rig.post(conversation(), message_id="m0")
    rig.backend.operations.clear()
    await rig.post(result(first, chose("a")), message_id="m1")
    assert rig.backend.operations == ["insert calls"]


async def test_the_same_callback_gets_the_same_bytes(rig: Rig) -> None:
    _, body, kind = await to_the_recording(rig)
    first = await rig.post(body, message_id="m2", content_type=kind)
    rig.now += 86_400
    assert await rig.post(body, message_id="m2", content_type=kind) == first
    again = await rig.post(conversation(), message_id="m0")
    assert said(again)[0] == "Welcome to Contoso."
    assert len(await rig.storage.recordings.list()) == 1


async def test_a_retry_of_the_first_request_lists_the_call_once(rig: Rig) -> None:
    await rig.post(conversation(), message_id="m0")
    rig.now += 5
    await rig.post(conversation(), message_id="m0")
    (record,) = await rig.storage.calls.calls_of_day("20231114")
    assert record.started == rig.now - 5
    assert await rig.storage.calls.open_calls(started_before=rig.now) == [record]


async def test_parallel_copies_get_the_same_bytes(rig: Rig) -> None:
    _, body, kind = await to_the_recording(rig)
    replies = await asyncio.gather(*(rig.post(body, message_id="m2", content_type=kind) for _ in range(30)))
    assert len({reply.body for reply in replies}) == 1
    assert len(await rig.storage.recordings.list()) == 1
    assert len(await rig.storage.calls.history("call-7", 99)) == 3


async def test_a_late_copy_of_an_older_callback_gets_its_own_reply(rig: Rig) -> None:
    first = await rig.post(conversation(), message_id="m0")
    silence = result(first, SILENCE)
    asked_again = await rig.post(silence, message_id="m1")
    await rig.post(result(asked_again, chose("message")), message_id="m2")
    assert await rig.post(silence, message_id="m1") == asked_again


async def test_another_callback_for_a_taken_turn_never_branches(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    first = await rig.post(conversation(), message_id="m0")
    taken = await rig.post(result(first, chose("message")), message_id="m1")
    other = await rig.post(result(first, chose("sales")), message_id="m9")
    assert other == taken
    assert "taken by another callback" in caplog.text
    assert len(await rig.storage.calls.history("call-7", 99)) == 2


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        (lambda body: body.replace(b'"appState"', b'"dropped"'), AppStateRejected, "APPSTATE_REJECTED"),
        (lambda body: body.replace(b'"appState": "j', b'"appState": "z'), AppStateRejected, "APPSTATE_REJECTED"),
        (lambda body: body.replace(b"call-7", b"call-8"), AppStateRejected, "APPSTATE_REJECTED"),
        (lambda body: body[:-5], BadMessage, "NOT_JSON"),
        (lambda body: b"[]", BadMessage, "WRONG_TYPE"),
        (lambda body: b"", BadMessage, "BODY_EMPTY"),
        (lambda body: body.replace(b'"callState"', b'"dropped"'), BadMessage, "MISSING:callState"),
        (lambda body: body.replace(b'"recognizeOutcome"', b'"danceOutcome"'), BadMessage, "OUTCOME_UNSUPPORTED"),
        (lambda body: body.replace(b'"established"', b"7"), BadMessage, "WRONG_TYPE"),
    ],
)
async def test_bad_input_is_refused_and_nothing_is_stored(
    rig: Rig, change: Any, error: type[Exception], code: str
) -> None:
    first = await rig.post(conversation(), message_id="m0")
    body = change(result(first, chose("message")))
    rig.backend.operations.clear()
    with pytest.raises(error) as caught:
        await rig.post(body, message_id="m1")
    assert getattr(caught.value, "code", "") == code
    assert rig.backend.operations == []


async def test_unknown_members_and_enumeration_values_are_taken(rig: Rig) -> None:
    first = await rig.post(conversation(joinToken="t", presentedModalityTypes=["audio", "smell"]), message_id="m0")
    odd = chose("message") | {"failureReason": "", "novel": {"a": 1}}
    reply = await rig.post(result(first, odd, state="daydreaming"), message_id="m1")
    assert actions(reply) == ["record"]


@pytest.mark.parametrize("at", range(12))
async def test_when_storage_fails_at_any_step_the_retry_succeeds(rig: Rig, at: int) -> None:
    """Every operation of a whole call fails once; the platform repeats the callback until it is answered."""
    count = 0

    def fail(operation: str) -> bool:
        nonlocal count
        count += 1
        return count == at + 1

    rig.backend.fail = fail

    async def until_answered(body: bytes, message_id: str, **kind: str) -> Reply:
        try:
            return await rig.post(body, message_id=message_id, **kind)
        except StorageUnavailable:
            return await rig.post(body, message_id=message_id, **kind)

    first = await until_answered(conversation(), "m0")
    asked = await until_answered(result(first, chose("message")), "m1")
    body, kind = with_audio(result(asked, RECORDED), SOUND)
    thanks = await until_answered(body, "m2", content_type=kind)
    await until_answered(result(thanks, HUNG_UP, state="terminated"), "m3")
    rig.backend.fail = lambda operation: False
    assert [row.event for row in await rig.storage.calls.history("call-7", 9)] == [
        "conversation",
        "recognizeOutcome",
        "recordOutcome",
        "hangupOutcome",
    ]
    assert len(await rig.storage.recordings.list()) == 1
    rig.now += 10_000
    for record in await rig.storage.calls.open_calls(started_before=rig.now):
        await rig.turns.lost(record)
    (record,) = await rig.storage.calls.calls_of_day("20231114")
    assert record.outcome == "completed"


async def test_an_activity_runs_once_for_repeated_callbacks() -> None:
    ran = []
    bot = CallBot()

    async def look_up(key: str) -> dict[str, str]:
        ran.append(key)
        return {"name": "Nora"}

    @bot.incoming
    async def dialog(call: Call) -> None:
        choice = await call.choose("Press 1.", {"a": "1"})
        found = await call.run(look_up, str(choice))
        call.say(f"Hello {found['name']}.")
        await call.confirm("Is that you?")

    rig = Rig(bot)
    first = await rig.post(conversation(), message_id="m0")
    body = result(first, chose("a"))
    reply = await rig.post(body, message_id="m1")
    assert said(reply) == ["Hello Nora.", "Is that you?"]
    assert await rig.post(body, message_id="m1") == reply
    await rig.post(result(reply, chose("yes")), message_id="m2")
    assert ran == ["a"]


async def test_an_activity_that_raises_is_for_the_dialog_to_handle(caplog: pytest.LogCaptureFixture) -> None:
    bot = CallBot()

    async def look_up() -> None:
        raise LookupError("no such customer: 8:nora")

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.run(look_up)

    rig = Rig(bot)
    reply = await rig.post(conversation(), message_id="m0")
    assert actions(reply) == ["answer", "playPrompt", "hangup"]


async def test_a_dialog_that_raises_apologises_and_marks_the_call(caplog: pytest.LogCaptureFixture) -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        raise KeyError("menu")

    rig = Rig(bot)
    reply = await rig.post(conversation(), message_id="m0")
    assert said(reply) == ["Hello.", "I'm sorry. Something went wrong. Please call again later."]
    assert actions(reply)[-1] == "hangup"
    assert "KeyError" in caplog.text
    (record,) = await rig.storage.calls.calls_of_day("20231114")
    assert record.outcome == "failed"


async def test_a_history_that_does_not_fit_is_read_from_the_journal() -> None:
    bot = CallBot()

    async def noise(number: int) -> str:
        return "".join(f"{number * 7919 % 10007:x}{digit * number * 104729 % 65537:x}" for digit in range(60))

    @bot.incoming
    async def dialog(call: Call) -> None:
        for number in range(1, 9):
            await call.run(noise, number)
            await call.choose(f"Question {number}", {"a": "1"}, retries=0)
        call.say("Done.")

    rig = Rig(bot)
    reply = await rig.post(conversation(), message_id="m0")
    spilled = False
    for turn in range(1, 9):
        body = result(reply, chose("a"))
        spilled |= b'"appState": "s' in body
        reply = await rig.post(body, message_id=f"m{turn}")
    assert spilled
    assert said(reply) == ["Done."]


async def test_prompts_of_operators_are_heard_by_the_next_call(rig: Rig) -> None:
    await rig.storage.prompts.put("main-menu.txt", b"Press 2.")
    rig.now += 1
    first = await rig.post(conversation(), message_id="m0")
    assert said(first)[1:] == ["Press 2."]
    rig.now += 1
    await rig.storage.prompts.put("leave-message.txt", b"Talk now.")
    await rig.storage.prompts.put("main-menu.wav", tone())
    # A call keeps the versions that it started with.
    again = await rig.post(result(first, SILENCE), message_id="m1")
    assert said(again)[-1:] == ["Press 2."]
    asked = await rig.post(result(again, chose("message")), message_id="m2")
    assert "Talk now." not in said(asked)
    rig.now += 1
    other = await rig.post(conversation("call-8"), message_id="n0")
    assert said(other)[1].startswith("data:audio/wav")
    asked = await rig.post(result(other, chose("message"), call="call-8"), message_id="n1")
    assert said(asked) == ["Talk now."]


async def test_a_lost_call_is_ended_once_with_its_clean_up(caplog: pytest.LogCaptureFixture) -> None:
    cleaned = []
    bot = CallBot()

    async def clean_up(reason: str) -> None:
        cleaned.append(reason)

    @bot.incoming
    async def dialog(call: Call) -> None:
        try:
            await call.choose(Prompt("menu", "Press 1."), {"a": "1"})
        except CallEnded as ended:
            await call.run(clean_up, ended.reason)
            raise

    rig = Rig(bot)
    first = await rig.post(conversation(), message_id="m0")
    (record,) = await rig.storage.calls.open_calls(started_before=rig.now + 1)
    assert not await rig.turns.lost(record)
    rig.now += rig.settings.sweep_after
    assert await rig.turns.lost(record)
    assert await rig.turns.lost(record)
    assert cleaned == ["lost"]
    assert await rig.storage.calls.open_calls(started_before=rig.now + 1) == []
    (record,) = await rig.storage.calls.calls_of_day("20231114")
    assert record.outcome == "lost"
    late = await rig.post(result(first, chose("a")), message_id="m1")
    assert late.body == b""


async def test_nothing_of_the_caller_is_logged(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        number = await call.digits("Your number, please.", maximum=8)
        raise ValueError(f"{number} is nobody's")

    rig = Rig(bot)
    first = await rig.post(conversation(), message_id="m0")
    typed = {
        "type": "recognizeOutcome",
        "collectDigitsOutcome": {"completionReason": "completedStopToneDetected", "digits": "86753091"},
    }
    await rig.post(result(first, typed), message_id="m1")
    await rig.post(result(first, typed), message_id="m2")
    assert "86753091" not in caplog.text
    assert "ValueError: ******** is nobody's" in caplog.text
    assert "call-7" in caplog.text


def test_a_bot_is_loaded_by_name() -> None:
    assert load_bot("bots.reception:bot") is reception
    for name in ("bots.nowhere:bot", "bots.reception:nothing", "bots.reception:MENU"):
        with pytest.raises(ConfigurationError) as caught:
            load_bot(name)
        assert caught.value.field == "DIALTONE_BOT"


def test_a_dialog_must_be_async() -> None:
    with pytest.raises(DialogError):
        CallBot().incoming(lambda call: None)  # type: ignore[type-var]


async def test_the_list_tells_the_end_of_a_failed_call_though_callbacks_came_after_it() -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.choose("Press 1.", {"a": "1"})
        raise KeyError("menu")

    rig = Rig(bot)
    first = await rig.post(conversation(), message_id="m0")
    rig.backend.fail = lambda operation: operation == "put callindex"
    sorry = await rig.post(result(first, chose("a")), message_id="m1")
    failed_at = rig.now
    rig.now += 5
    await rig.post(result(sorry, HUNG_UP, state="terminated"), message_id="m2")
    rig.backend.fail = lambda operation: False
    for record in await rig.storage.calls.open_calls(started_before=rig.now + 1):
        assert await rig.turns.lost(record)
    (record,) = await rig.storage.calls.calls_of_day("20231114")
    assert (record.outcome, record.ended) == ("failed", failed_at)


async def test_a_retry_that_finds_the_turn_before_its_activity_lists_the_call() -> None:
    bot = CallBot()

    async def look_up() -> int:
        return 1

    @bot.incoming
    async def dialog(call: Call) -> None:
        await call.run(look_up)
        await call.choose("Press 1.", {"a": "1"})

    rig = Rig(bot)
    rig.backend.fail = lambda operation: operation == "insert callindex"
    with pytest.raises(StorageUnavailable):
        await rig.post(conversation(), message_id="m0")
    rig.backend.fail = lambda operation: False
    await rig.post(conversation(), message_id="m0")
    assert len(await rig.storage.calls.open_calls(started_before=rig.now + 1)) == 1


async def test_what_the_contract_does_not_have_is_refused_and_the_dialog_is_told() -> None:
    bot = CallBot()

    @bot.incoming
    async def dialog(call: Call) -> None:
        redirected = await call.redirect("8:sales")
        joined = await call.add_participant("8:lars")
        call.say(f"{redirected}, {joined.reason}")
        try:
            await call.mute("8:nora")
        except ActionFailed as error:
            call.say(error.reason)
        call.leave()

    rig = Rig(bot)
    reply = await rig.post(conversation(), message_id="m0")
    assert actions(reply) == ["answer", "playPrompt", "playPrompt", "hangup"]
    assert said(reply) == [f"False, {NO_COMMANDS}", NO_COMMANDS]
    check_workflow(Workflow.from_wire(json.loads(reply.body)), loopback_http=True)
