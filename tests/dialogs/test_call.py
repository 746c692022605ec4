"""Each word of a dialog: what it sends, and what comes of each outcome."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from dialtone import ActionFailed, Call, CallEnded, Prompt, Recognition, Recording
from dialtone.dialogs import StoredRecording
from dialtone.errors import WorkflowError
from dialtone.protocol import CollectDigits, RecordingCompletionReason, RecordingFormat
from tests.dialogs.line import (
    KEYS,
    NO_SOUND,
    NOT_TRANSFERRED,
    TRANSFERRED,
    Asked,
    Json,
    Line,
    asked,
    chose,
    dialled,
    kinds,
    recorded,
    said,
    unheard,
    unrecorded,
)

HEARD_NOTHING = "I couldn't hear anything."
WRONG_KEY = "That's an invalid option."
NOT_UNDERSTOOD = "I'm sorry. I didn't understand."
TOO_LONG = "I'm sorry. Your message was too long."
PROBLEM = "I'm sorry. There was a problem with your recording."


def choose(call: Call) -> Awaitable[str | None]:
    return call.choose(Prompt("menu", "Which?"), KEYS)


def test_choose_sends_keys_and_words() -> None:
    assert asked(Asked(choose).first) == {
        "operationId": "0-0",
        "action": "recognize",
        "playPrompt": {"operationId": "0-0p", "action": "playPrompt", "prompts": [{"value": "Which?"}]},
        "bargeInAllowed": True,
        "initialSilenceTimeoutInSeconds": 5,
        "choices": [
            {"name": "yes", "dtmfVariation": "1"},
            {"name": "no", "speechVariation": ["no thanks"], "dtmfVariation": "2"},
        ],
    }


@pytest.mark.parametrize("reason", ["dtmfOptionMatched", "speechOptionMatched", "somethingNew"])
def test_choose_returns_the_name(reason: str) -> None:
    assert Asked(choose).after(chose("no", reason)) == "no"


@pytest.mark.parametrize(
    ("outcome", "notice"),
    [
        (unheard("initialSilenceTimeout"), HEARD_NOTHING),
        (unheard("incorrectDtmf"), WRONG_KEY),
        (unheard("interdigitTimeout"), NOT_UNDERSTOOD),
        (unheard("somethingNew"), NOT_UNDERSTOOD),
        (chose("another"), NOT_UNDERSTOOD),
        (chose("yes") | {"outcome": "partial"}, NOT_UNDERSTOOD),
        (dialled("1"), NOT_UNDERSTOOD),
        ({"type": "recognizeOutcome", "outcome": "failure", "failureReason": "why"}, NOT_UNDERSTOOD),
    ],
)
def test_choose_asks_again_with_a_notice_and_gives_up_in_the_end(outcome: Json, notice: str) -> None:
    dialog = Asked(choose)
    for _ in range(2):
        turn = dialog.line.send(outcome)
        assert kinds(turn) == ["playPrompt", "recognize"]
        assert said(turn) == [notice]
        assert asked(turn)["choices"] == asked(dialog.first)["choices"]
    assert dialog.after(outcome) is None


@pytest.mark.parametrize("word", [choose, lambda call: call.digits("Number?"), lambda call: call.confirm("Sure?")])
def test_a_failure_of_the_platform_is_not_asked_about_again(word: Callable[[Call], Awaitable[Any]]) -> None:
    assert Asked(word).after(unheard("temporarySystemFailure")) is None


def test_choose_takes_the_second_answer() -> None:
    assert Asked(choose).after(unheard("incorrectDtmf"), chose("yes")) == "yes"


def test_choose_options() -> None:
    dialog = Asked(lambda call: call.choose("Which?", KEYS, retries=0, barge_in=False, initial_silence=1))
    assert asked(dialog.first)["bargeInAllowed"] is False
    assert asked(dialog.first)["initialSilenceTimeoutInSeconds"] == 1
    assert dialog.after(unheard("incorrectDtmf")) is None


@pytest.mark.parametrize(
    ("choices", "code"),
    [
        ({}, "CHOICES_EMPTY"),
        ({"a": ()}, "CHOICE_EMPTY"),
        ({"a": ("1", "2")}, "CHOICE_KEYS"),
        ({"a": "1", "b": "1"}, "CHOICE_DTMF_DUPLICATE"),
        ({"a": "word", "b": "word"}, "CHOICE_SPEECH_DUPLICATE"),
        ({"a": tuple("efghij")}, "CHOICE_SPEECH_TOO_MANY"),
        ({" ": "1"}, "CHOICE_NAME_BLANK"),
    ],
)
def test_choices_that_the_contract_forbids(choices: Any, code: str) -> None:
    error = Asked(lambda call: call.choose("Which?", choices)).after()
    assert isinstance(error, WorkflowError)
    assert error.code == code
    assert error.fix


@pytest.mark.parametrize(("name", "answer"), [("yes", True), ("no", False)])
def test_confirm(name: str, answer: bool) -> None:
    dialog = Asked(lambda call: call.confirm("Sure?"))
    assert asked(dialog.first)["choices"] == [
        {"name": "yes", "dtmfVariation": "1", "speechVariation": ["yes", "yep", "sure", "ok", "true"]},
        {"name": "no", "dtmfVariation": "2", "speechVariation": ["no", "nope", "not", "false"]},
    ]
    assert dialog.after(chose(name)) is answer


def test_confirm_without_an_answer() -> None:
    assert Asked(lambda call: call.confirm("Sure?", retries=0)).after(unheard("incorrectDtmf")) is None


def test_confirm_in_other_words() -> None:
    dialog = Asked(lambda call: call.confirm("Sicher?", choices={"yes": ("1", "ja"), "no": ("2", "nein")}))
    assert asked(dialog.first)["choices"][0]["speechVariation"] == ["ja"]
    assert dialog.after(chose("no")) is False


def test_digits() -> None:
    dialog = Asked(lambda call: call.digits("Number?", maximum=6, stop_tones="#*"))
    question = asked(dialog.first)
    assert question["collectDigits"] == {"maxNumberOfDtmfs": 6, "stopTones": ["#", "*"]}
    assert (question["interdigitTimeoutInSeconds"], "choices" in question) == (3, False)
    assert dialog.after(dialled("012345")) == "012345"


def test_digits_without_stop_tones() -> None:
    dialog = Asked(lambda call: call.digits("Number?", maximum=6, stop_tones=""))
    assert asked(dialog.first)["collectDigits"] == {"maxNumberOfDtmfs": 6}


@pytest.mark.parametrize(
    ("outcome", "notice"),
    [
        (unheard("initialSilenceTimeout", "collectDigitsOutcome"), HEARD_NOTHING),
        (unheard("interdigitTimeout", "collectDigitsOutcome"), NOT_UNDERSTOOD),
        (chose("yes"), NOT_UNDERSTOOD),
    ],
)
def test_digits_are_asked_for_again(outcome: Json, notice: str) -> None:
    dialog = Asked(lambda call: call.digits("Number?", retries=1))
    assert said(dialog.line.send(outcome)) == [notice]
    assert dialog.after(outcome) is None


def test_digits_without_any_end_are_refused() -> None:
    error = Asked(lambda call: call.digits("Number?", stop_tones="")).after()
    assert (type(error), error.code) == (WorkflowError, "DIGITS_NO_LIMIT")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (chose("yes"), Recognition("yes", None, "dtmfOptionMatched")),
        (unheard("incorrectDtmf"), Recognition(None, None, "incorrectDtmf")),
    ],
)
def test_recognize_choices_asks_once(outcome: Json, expected: Recognition) -> None:
    dialog = Asked(lambda call: call.recognize(choices=KEYS, interdigit=2))
    assert "playPrompt" not in asked(dialog.first)
    assert asked(dialog.first)["interdigitTimeoutInSeconds"] == 2
    assert dialog.after(outcome) == expected
    assert bool(expected) == (expected.choice is not None)


def test_recognize_digits_asks_once() -> None:
    dialog = Asked(lambda call: call.recognize("Number?", digits=CollectDigits(stop_tones=["#"])))
    came = dialog.after(dialled("0"))
    assert came == Recognition(None, "0", "completedStopToneDetected")
    assert came


def test_recognize_wants_one_of_the_two() -> None:
    assert Asked(lambda call: call.recognize("Which?")).after().code == "CHOICES_XOR_DIGITS"


def record(call: Call) -> Awaitable[Recording]:
    return call.record(Prompt("leave", "Speak."), stop_tones="#", max_seconds=60, format="mp3")


def test_record_sends_everything() -> None:
    assert asked(Asked(record).first) == {
        "operationId": "0-0",
        "action": "record",
        "playPrompt": {"operationId": "0-0p", "action": "playPrompt", "prompts": [{"value": "Speak."}]},
        "maxDurationInSeconds": 60,
        "initialSilenceTimeoutInSeconds": 5,
        "maxSilenceTimeoutInSeconds": 5,
        "recordingFormat": "mp3",
        "playBeep": True,
        "stopTones": ["#"],
    }
    bare = asked(Asked(lambda call: call.record(beep=False)).first)
    assert bare.keys().isdisjoint({"playPrompt", "stopTones"})
    assert (bare["recordingFormat"], bare["maxDurationInSeconds"], bare["playBeep"]) == ("wav", 180, False)


def test_record_returns_where_the_sound_is() -> None:
    dialog = Asked(record)
    came = dialog.after(recorded(3.5), recording=StoredRecording("2023/11/14/call-7/0-0.wav", 56_044))
    reason = RecordingCompletionReason.COMPLETED_STOP_TONE_DETECTED
    assert came == Recording(3.5, reason, RecordingFormat.WAV, "2023/11/14/call-7/0-0.wav", 56_044)
    assert came


@pytest.mark.parametrize("reason", ["maxRecordingTimeout", "completedSilenceDetected", "somethingNew"])
def test_record_succeeds_when_the_platform_says_so(reason: str) -> None:
    came = Asked(record).after(recorded(1, reason, format=None))
    assert (came.seconds, came.format, came.path, came.size) == (1, RecordingFormat.MP3, "", 0)


@pytest.mark.parametrize(
    ("reason", "notice"),
    [("initialSilenceTimeout", HEARD_NOTHING), ("maxRecordingTimeout", TOO_LONG), ("somethingNew", PROBLEM)],
)
def test_record_asks_again(reason: str, notice: str) -> None:
    dialog = Asked(record)
    for _ in range(2):
        turn = dialog.line.send(unrecorded(reason))
        assert (kinds(turn), said(turn)) == (["playPrompt", "record"], [notice])
    came = dialog.after(unrecorded(reason))
    assert not came
    assert (came.reason, came.path) == (RecordingCompletionReason(reason), "")


def test_a_recording_that_the_platform_failed_at_is_not_asked_for_again() -> None:
    came = Asked(record).after(unrecorded("temporarySystemFailure"))
    assert (bool(came), came.reason) == (False, RecordingCompletionReason.TEMPORARY_SYSTEM_FAILURE)


@pytest.mark.parametrize("state", ["established", "terminated"])
def test_a_message_of_a_caller_who_hung_up_is_not_lost(state: str) -> None:
    seen: list[Any] = []

    async def dialog(call: Call) -> None:
        seen.append((await call.record()).path)
        call.say("Nobody hears this.")
        try:
            await call.choose("More?", KEYS)
        except CallEnded as end:
            seen.append(end.reason)
            raise

    line = Line(dialog)
    line.ring()
    turn = line.send(recorded(2, "callTerminated"), state, StoredRecording("a.wav", 1))
    assert (turn.actions, turn.error, seen) == ([], None, ["a.wav", "callerHungUp"])


def kept(**members: Any) -> Recording:
    base = Recording(3.0, RecordingCompletionReason.COMPLETED_SILENCE_DETECTED, RecordingFormat.WAV, "2026/a.wav", 9)
    return replace(base, **members)


def test_a_recording_is_played() -> None:
    async def dialog(call: Call) -> None:
        call.play(kept())

    (_, play, _) = Line(dialog).ring().actions
    assert play.to_wire()["prompts"] == [{"fileUri": "recording:2026/a.wav"}]


@pytest.mark.parametrize(
    ("recording", "why"),
    [
        (kept(path="", size=0), "no sound"),
        (kept(size=512_001), "512000 can be played"),
        (kept(format=RecordingFormat.MP3), "mp3"),
    ],
)
def test_a_recording_that_cannot_be_played_is_refused(recording: Recording, why: str) -> None:
    async def dialog(call: Call) -> None:
        call.play(recording)

    error = Line(dialog).ring().error
    assert isinstance(error, WorkflowError)
    assert (error.code, why in error.message) == ("RECORDING_UNPLAYABLE", True)


def test_transfer() -> None:
    async def dialog(call: Call) -> None:
        call.say("One moment.")
        assert await call.transfer("8:desk")
        call.say("Nobody hears this.")

    line = Line(dialog)
    first = line.ring()
    assert kinds(first) == ["answer", "playPrompt", "transfer"]
    assert asked(first)["target"] == {"identity": "8:desk", "originator": False}
    turn = line.send(TRANSFERRED)
    assert (turn.actions, turn.error, turn.history.done) == ([], None, True)


def test_a_transfer_that_failed_leaves_the_call() -> None:
    assert Asked(lambda call: call.transfer("8:desk")).after(NOT_TRANSFERRED) is False


def test_after_a_transfer_the_call_is_over() -> None:
    seen: list[str] = []

    async def dialog(call: Call) -> None:
        await call.transfer("8:desk")
        try:
            await call.choose("Still there?", KEYS)
        except CallEnded as end:
            seen.append(end.reason)

    line = Line(dialog)
    line.ring()
    assert line.send(TRANSFERRED).actions == []
    assert seen == ["transferred"]


def test_a_failure_of_another_action_is_raised_at_the_await() -> None:
    error = Asked(choose).after(NO_SOUND)
    assert isinstance(error, ActionFailed)
    assert (error.action, error.reason) == ("playPromptOutcome", "no such file")
