"""The words for who is in a call, keys, recordings of the whole call and redirecting it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallBot, CallEnded, CallRecording, Joined, Prompt
from dialtone.dialogs.explorer import explore
from dialtone.errors import DialogError, WorkflowError
from dialtone.protocol import COMMANDS, RecordingFormat
from dialtone.testing import (
    Step,
    WrongStep,
    connect,
    decline,
    dial,
    drop,
    hang_up,
    outcome,
    press,
    refuse,
    repeat,
    roster,
    send_signal,
    silence,
    tone,
    wait,
)

AGENT = "8:acs:agent"
PHONE = "4:+15550100"
REC = CallRecording("rec-1", "rec/1.wav", RecordingFormat.WAV)
Dialog = Callable[[Call], Awaitable[Any]]


def bot_of(dialog: Dialog, **options: Any) -> CallBot:
    bot = CallBot(**options)
    bot.incoming(dialog)
    return bot


WORDS: dict[str, tuple[Callable[[Call], Awaitable[Any]], dict[str, Any]]] = {
    "removeParticipant": (lambda call: call.remove_participant(AGENT), {"target": AGENT}),
    "mute": (lambda call: call.mute(AGENT), {"target": AGENT}),
    "unmute": (lambda call: call.unmute(), {}),
    "hold": (lambda call: call.hold(play="https://files.test/music.wav"), {}),
    "unhold": (lambda call: call.unhold(AGENT), {"target": AGENT}),
    "sendDtmf": (lambda call: call.send_dtmf("12#", target=PHONE), {"target": PHONE, "tones": "12#"}),
    "startTones": (lambda call: call.start_tones(), {}),
    "stopTones": (lambda call: call.stop_tones(AGENT), {"target": AGENT}),
    "startCaptions": (lambda call: call.start_captions("de-DE"), {"culture": "de-DE"}),
    "stopCaptions": (lambda call: call.stop_captions(), {}),
    "pauseRecording": (lambda call: call.pause_recording(REC), {"recordingId": "rec-1"}),
    "resumeRecording": (lambda call: call.resume_recording(REC), {"recordingId": "rec-1"}),
    "stopRecording": (lambda call: call.stop_recording(REC), {"recordingId": "rec-1"}),
}
"""Words that are done or raise, and the members of their action."""


@pytest.mark.parametrize("kind", WORDS)
async def test_a_word_is_done_or_raises(kind: str) -> None:
    word, members = WORDS[kind]

    async def dialog(call: Call) -> None:
        call.say("Wait.")
        try:
            await word(call)
            call.say("Done.")
        except ActionFailed as error:
            call.say(f"{error.action}: {error.number}/{error.sub_code} {error.cause}; {error.check}")

    bot = bot_of(dialog)
    done = await dial(bot, repeat())
    sent = {name: value for name, value in done.workflows[0]["actions"][-1].items() if name != "operationId"}
    target = {"target": {"identity": members["target"], "originator": False}} if "target" in members else {}
    sent.pop("playPrompt", None)
    assert sent == {"action": kind, **members, **target}
    assert done.said == ["Wait.", "Done."]
    told = {"outcome": "failure", "failureReason": "no", "code": 412, "subCode": 8583, "cause": "busy", "check": "it"}
    refused = await dial(bot, outcome(type=f"{kind}Outcome", **told))
    assert refused.said[-1] == f"{kind}: 412/8583 busy; it"
    declined = await dial(bot, refuse(kind, "cut"))
    assert declined.said[-1] == f"{kind}: 0/0 ; "
    gone = await dial(bot, hang_up())
    assert (gone.ended_by, gone.said) == ("caller", ["Wait."])


def test_every_action_has_a_word() -> None:
    assert COMMANDS.keys() - WORDS.keys() == {
        *("addParticipant", "redirect", "leave", "startRecording"),
        *("updateRecordingStatus", "recordMeeting"),
        *("startMedia", "stopMedia"),  # tests/dialogs/test_streaming.py
    }


async def add(call: Call) -> None:
    joined = await call.add_participant(PHONE, caller_id="+15550199", display_name="Contoso", timeout=30)
    there = [member.identity for member in call.participants]
    call.say(f"{joined}" if not joined else f"There are {', '.join(there)}.")
    await call.choose("More?", {"yes": "1"}, retries=0)
    call.say(f"There are {', '.join(member.identity for member in call.participants)}.")
    await call.remove_participant(PHONE)
    call.say(f"There are {', '.join(member.identity for member in call.participants)}.")


async def test_who_is_added_joins_the_roster() -> None:
    call = await dial(bot_of(add), connect(), roster("8:nora", PHONE, "8:acs:two"), press("1"), repeat())
    shown = [text for text in call.said if text.startswith("There")]
    assert shown == [
        f"There are 8:nora, 28:bot, {PHONE}.",
        f"There are 8:nora, {PHONE}, 8:acs:two.",
        "There are 8:nora, 8:acs:two.",
    ]
    asked = call.workflows[0]["actions"][-1]
    assert (asked["callerId"], asked["displayName"], asked["timeoutInSeconds"]) == ("+15550199", "Contoso", 30)
    assert call.actions[0] == ["answer", "addParticipant"]


async def test_who_does_not_join_is_told_of() -> None:
    told = {"outcome": "failure", "failureReason": "486/8539 busy", "code": 486, "subCode": 8539, "cause": "they talk"}
    call = await dial(bot_of(add), outcome(type="addParticipantOutcome", **told), silence())
    assert call.said[0] == str(Joined(PHONE, False, "486/8539 busy", 486, 8539, "they talk", ""))
    assert not Joined(PHONE, False)
    call = await dial(bot_of(add), decline("busy"), hang_up())
    assert call.said == [str(Joined(PHONE, False, "busy")), "More?"]


@pytest.mark.parametrize(
    ("word", "code"),
    [
        (lambda call: call.add_participant("Nora"), "PARTICIPANT_KIND"),
        (lambda call: call.add_participant(PHONE, caller_id="0555"), "CALLER_ID"),
        (lambda call: call.add_participant(PHONE, timeout=181), "INVITATION_RANGE"),
        (lambda call: call.send_dtmf("x"), "DTMF_INVALID"),
        (lambda call: call.hold(prompt=""), "PROMPT_EMPTY"),
        (lambda call: call.start_recording(format="wma"), "CALL_RECORDING_FORMAT"),
    ],
)
async def test_what_is_illegal_is_refused_at_its_word(word: Callable[[Call], Awaitable[Any]], code: str) -> None:
    async def dialog(call: Call) -> None:
        with pytest.raises(WorkflowError) as caught:
            await word(call)
        call.say(caught.value.code)

    assert (await dial(bot_of(dialog))).said == [code]


async def test_hold_plays_one_thing() -> None:
    async def dialog(call: Call) -> None:
        with pytest.raises(DialogError, match="a prompt and a file"):
            await call.hold(prompt="Wait.", play="https://files.test/a.wav")
        await call.hold(AGENT, prompt=Prompt("music", "Please hold."))
        await call.unhold(AGENT)

    call = await dial(bot_of(dialog))
    hold = call.workflows[0]["actions"][-1]
    assert hold["playPrompt"]["prompts"] == [{"value": "Please hold."}]
    assert [line.split(maxsplit=2)[2] for line in call.transcript[:3]] == [
        f"holds {AGENT}",
        '"Please hold."',
        f"takes back {AGENT}",
    ]


async def redirecting(call: Call) -> None:
    if await call.redirect(AGENT):
        with pytest.raises(CallEnded, match="redirected"):
            await call.choose("Nobody hears this.", {"a": "1"})
        return
    call.say("Nobody is there.")


async def test_a_call_is_redirected_before_it_is_answered() -> None:
    call = await dial(bot_of(redirecting), connect())
    assert (call.actions, call.said, call.ended_by) == ([["redirect"]], [], "redirect")


async def test_a_call_that_could_not_be_redirected_rings_on_and_can_be_answered() -> None:
    call = await dial(bot_of(redirecting), repeat(), decline("loop"))
    assert (call.actions, call.said) == ([["redirect"], ["answer", "playPrompt", "hangup"]], ["Nobody is there."])


async def test_a_dialog_that_fails_after_a_redirect_answers_and_apologizes() -> None:
    async def dialog(call: Call) -> None:
        await call.redirect(AGENT)
        raise ValueError("of the bot's own")

    bot = bot_of(dialog)

    @bot.on_error
    async def on_error(call: Call, error: str) -> None:
        call.say("Sorry.")

    call = await dial(bot, decline())
    assert call.actions[-1] == ["answer", "playPrompt", "hangup"]


async def test_a_call_is_redirected_only_before_anything_else() -> None:
    async def dialog(call: Call) -> None:
        call.say("Hello.")
        with pytest.raises(WorkflowError, match="must be the first action"):
            await call.redirect(AGENT)

    assert (await dial(bot_of(dialog))).said == ["Hello."]


async def test_the_bot_leaves_and_the_others_go_on() -> None:
    async def dialog(call: Call) -> None:
        call.say("I leave you two alone.")
        call.leave()

    assert (await dial(bot_of(dialog))).actions == [["answer", "playPrompt", "leave"]]


async def test_a_recording_of_the_whole_call() -> None:
    async def dialog(call: Call) -> None:
        recording = await call.start_recording(format="mp3", unmixed=True, paused=True, keep="short")
        await call.resume_recording(recording)
        await call.choose("Your card?", {"done": "1"}, retries=0)
        await call.stop_recording(recording)
        call.say(f"{recording.id} at {recording.path}")

    call = await dial(bot_of(dialog), press("1"), repeat())
    started, *_, stopped = [workflow["actions"][-1] for workflow in call.workflows[:-1]]
    assert (started["recordingFormat"], started["unmixed"], started["paused"]) == ("mp3", True, True)
    assert stopped["recordingId"] == "recording-1"
    assert call.said[-1] == f"recording-1 at recordings/call-1/{started['operationId']}.mp3"
    assert call.turns[0].history.recording == ("", "short")


async def test_a_call_is_recorded_as_a_whole_only_with_consent() -> None:
    async def dialog(call: Call) -> None:
        with pytest.raises(DialogError, match="has not been asked"):
            await call.start_recording()
        if await call.consent("May we record?"):
            await call.start_recording()

    call = await dial(bot_of(dialog, require_consent=True), press("1"))
    assert call.actions[1] == ["startRecording"]
    assert call.turns[1].history.recording == ("given", "")


async def keys(call: Call) -> None:
    await call.start_tones()
    typed = ""
    while (key := await call.tone(timeout=5)) is not None:
        typed += key
    await call.stop_tones()
    call.say(typed or "Nothing.")


@pytest.mark.parametrize(
    ("steps", "heard"),
    [
        ([tone("1"), tone("#"), wait(2), tone("2")], "1#2"),
        ([send_signal("other", "9")], "Nothing."),
        ([], "Nothing."),
    ],
)
async def test_keys_are_told_one_by_one(steps: list[Step], heard: str) -> None:
    assert (await dial(bot_of(keys), *steps)).said == [heard]


def test_a_tone_is_one_key() -> None:
    for wrong in ("", "12", "x"):
        with pytest.raises(ValueError, match="is not a key"):
            tone(wrong)


def test_what_is_refused_is_one_of_the_kits_own_actions() -> None:
    with pytest.raises(ValueError, match="cannot be refused"):
        refuse("playPrompt")


async def test_a_step_that_a_word_does_not_wait_for_fails_the_test() -> None:
    with pytest.raises(WrongStep, match=r"somebody to join \(connect, decline\)"):
        await dial(bot_of(add), press("1"))
    with pytest.raises(WrongStep, match=r"a redirect \(connect, decline\)"):
        await dial(bot_of(redirecting), press("1"))
    assert (await dial(bot_of(add), drop())).ended_by == "lost"


@pytest.mark.parametrize(
    ("dialog", "labels"),
    [
        (add, {"joins", "does not join", "hangs up"}),
        (redirecting, {"redirected", "not redirected", "hangs up"}),
    ],
)
def test_the_explorer_walks_both_ways(dialog: Dialog, labels: set[str]) -> None:
    found = explore(bot_of(dialog))
    assert {edge.label for state in found.states for edge in state.edges} >= labels
    # What remove_participant raises is caught by nobody in one of them.
    assert {finding.kind for finding in found.findings} <= {"unhandled-failure"}
    assert any(state.what.endswith(PHONE if dialog is add else AGENT) for state in found.states)
