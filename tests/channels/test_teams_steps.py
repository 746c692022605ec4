import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.channels.results import Result
from dialtone.channels.teams_commands import OPERATIONS, path_of, redirect
from dialtone.channels.teams_outcomes import of_refusal, of_reply
from dialtone.channels.teams_steps import steps_of
from dialtone.protocol import (
    Action,
    Answer,
    CallState,
    CollectDigits,
    Hangup,
    ModalityType,
    Participant,
    PlaceCall,
    PlayPrompt,
    Prompt,
    RecognitionOption,
    Recognize,
    RecognizeOutcome,
    Record,
    RecordOutcome,
    Reject,
    Transfer,
)
from tests.channels.teams_rig import SETUP, Walk, notice, operation


def say(*prompts: Prompt) -> PlayPrompt:
    return PlayPrompt(operation_id="p", prompts=list(prompts) or [Prompt(value="Hi")])


def choose(**options: Any) -> Recognize:
    choices = [RecognitionOption(name="sales", dtmf_variation="1"), RecognitionOption(name="desk", dtmf_variation="2")]
    return Recognize(operation_id="q", play_prompt=say(), choices=choices, **options)


def digits(maximum: int | None = None, stop: str = "", **options: Any) -> Recognize:
    collect = CollectDigits(max_number_of_dtmfs=maximum, stop_tones=list(stop) or None)
    return Recognize(operation_id="q", play_prompt=say(), collect_digits=collect, **options)


def heard(walk: Walk) -> tuple[bool, str | None, str]:
    assert walk.result is not None
    outcome = walk.result.operation_outcome
    assert isinstance(outcome, RecognizeOutcome)
    if outcome.choice_outcome is not None:
        return outcome.succeeded, outcome.choice_outcome.choice_name, str(outcome.choice_outcome.completion_reason)
    assert outcome.collect_digits_outcome is not None
    part = outcome.collect_digits_outcome
    return outcome.succeeded, part.digits, str(part.completion_reason)


def test_a_call_is_answered_with_the_first_prompts_loaded_and_subscribes_to_keys() -> None:
    walk = Walk(Answer(operation_id="a"), say(Prompt(value="Hi", silence_length_in_milliseconds=700)))
    body = walk.step.body or {}
    assert body["callbackUri"] == SETUP.callback
    assert [each["uri"].rpartition("/")[2] for each in body["mediaConfig"]["preFetchMedia"]] == [
        "silence-700.wav",
        "3-1-0.wav",
    ]
    walk.happen(notice(state="establishing"))
    assert walk.sent == ["answer"]
    walk.happen(notice(state="established"))
    assert walk.sent == ["answer", "subscribeToTone", "playPrompt"]
    assert walk.played == ["silence-700.wav", "3-1-0.wav"]
    assert (walk.step.body or {})["clientContext"] == "3.2"
    walk.end()
    assert walk.result is not None
    assert walk.result.operation_outcome.type == "playPromptOutcome"


def test_a_call_that_the_bot_placed_begins_with_the_subscription_to_keys() -> None:
    assert [step.operation for step in steps_of([say()], 0, SETUP)] == ["subscribeToTone", "playPrompt"]
    assert [step.operation for step in steps_of([Reject(operation_id="z")], 0, SETUP)] == ["reject"]


def test_a_text_is_the_same_resource_in_every_call_and_an_upload_by_its_whole_link() -> None:
    one = steps_of([say(Prompt(value="Hi"), Prompt(file_uri="https://x/a.wav?sig=1"))], 3, SETUP)
    other = steps_of([say(Prompt(value="Hi"), Prompt(file_uri="https://x/a.wav?sig=2"))], 5, SETUP)
    ids = [[each["mediaInfo"]["resourceId"] for each in (made[0].body or {})["prompts"]] for made in (one, other)]
    assert ids[0][0] == ids[1][0]
    assert ids[0][1] != ids[1][1]


def test_more_prompts_than_a_command_takes_are_two_commands() -> None:
    made = steps_of([say(*[Prompt(value=str(number)) for number in range(21)])], 1, SETUP)
    assert [len((step.body or {})["prompts"]) for step in made] == [20, 1]


@pytest.mark.parametrize(
    ("key", "expected"),
    [("2", (True, "desk", "dtmfOptionMatched")), ("9", (False, None, "incorrectDtmf"))],
)
def test_a_key_cuts_the_prompt_off_and_decides(key: str, expected: tuple[bool, str | None, str]) -> None:
    walk = Walk(choose())
    walk.press(key)
    assert walk.sent == ["playPrompt", "cancelMediaProcessing"]
    assert heard(walk) == expected


def test_no_key_is_initial_silence_after_the_prompt() -> None:
    walk = Walk(choose(initial_silence_timeout_in_seconds=4))
    walk.end()
    assert walk.played == ["silence-4000.wav"]
    walk.end()
    assert heard(walk) == (False, None, "initialSilenceTimeout")


def test_keys_during_a_prompt_that_is_not_cut_off_are_lost() -> None:
    walk = Walk(choose(barge_in_allowed=False))
    walk.press("1")
    assert walk.sent == ["playPrompt"]
    walk.end()
    walk.press("2")
    assert heard(walk) == (True, "desk", "dtmfOptionMatched")


def test_digits_are_timed_between_keys() -> None:
    walk = Walk(digits(stop="#", interdigit_timeout_in_seconds=2))
    walk.press("4")
    # A second more than asked for: the notice of a key may be late.
    assert (walk.sent[-2:], walk.played) == (["cancelMediaProcessing", "playPrompt"], ["silence-3000.wav"])
    walk.happen(operation("playPromptOperation", status="failed", sub_code=8508))
    walk.press("2")
    walk.end()
    assert heard(walk) == (True, "42", "interdigitTimeout")


def test_a_stop_tone_ends_digits_and_is_none_of_them() -> None:
    walk = Walk(digits(stop="#*"))
    for key in "12*":
        walk.press(key)
    assert heard(walk) == (True, "12", "completedStopToneDetected")
    alone = Walk(digits(stop="#"))
    alone.press("#")
    assert heard(alone) == (False, None, "completedStopToneDetected")


def test_the_prompt_that_was_cut_off_by_somebody_else_is_a_failure() -> None:
    walk = Walk(choose())
    walk.happen(operation("playPromptOperation", status="failed", sub_code=8508))
    assert walk.result is not None
    assert "8508" in (walk.result.operation_outcome.failure_reason or "")


KEYS = st.text("0123456789*#", max_size=12)


@given(keys=KEYS, batches=st.lists(st.integers(1, 4), max_size=12), maximum=st.integers(1, 6), early=st.booleans())
def test_any_keys_in_any_batches_come_to_the_same(keys: str, batches: list[int], maximum: int, early: bool) -> None:
    """However keys are batched, and whether the prompt is over: the first of a stop tone and the maximum decides."""
    walk = Walk(digits(maximum, "#"))
    if early:
        walk.end()
    left = keys
    for size in [*batches, 12]:
        if walk.result is None and left:
            walk.press(left[:size])
            left = left[size:]
    if walk.result is None:
        for _ in range(2):
            if walk.result is None:
                walk.end()
    stop = keys.find("#")
    wanted = keys[:maximum] if stop < 0 or stop >= maximum else keys[:stop]
    assert heard(walk)[1] == (wanted or None)


RECORD = Record(operation_id="r", play_prompt=say(), stop_tones=["#"], max_duration_in_seconds=600)


def recording(walk: Walk, reason: str, *, status: str = "completed") -> None:
    walk.happen(operation("recordOperation", status=status, completionReason=reason))


def test_nothing_is_recorded_before_the_status_says_so() -> None:
    walk = Walk(RECORD)
    walk.end()
    assert walk.sent == ["playPrompt", "updateRecordingStatus", "recordResponse"]
    assert (walk.step.body or {})["maxRecordDurationInSeconds"] == 120
    statuses = [(step.body or {})["status"] for step in walk.steps if step.operation == "updateRecordingStatus"]
    assert statuses == ["recording", "notRecording"]
    refused = of_refusal(walk.steps, 1, Result(403, 7504), {})
    assert not refused.outcome.succeeded, "a status that is refused ends the recording before it began"


@pytest.mark.parametrize(
    ("reason", "status", "expected"),
    [
        ("stopToneDetected", "completed", "completedStopToneDetected"),
        ("maxSilenceTimeout", "completed", "completedSilenceDetected"),
        ("maxRecordDurationReached", "completed", "maxRecordingTimeout"),
        ("initialSilenceTimeout", "failed", "initialSilenceTimeout"),
        ("unspecifiedError", "failed", "temporarySystemFailure"),
    ],
)
def test_what_comes_of_a_recording(reason: str, status: str, expected: str) -> None:
    walk = Walk(RECORD)
    walk.end()
    if status == "completed":
        walk.kept = {"sound": ["a/b.wav", 7, ""], "seconds": 3.5}
    recording(walk, reason, status=status)
    assert walk.sent[-1] == "updateRecordingStatus"
    assert walk.result is not None
    outcome = walk.result.operation_outcome
    assert isinstance(outcome, RecordOutcome)
    assert (outcome.succeeded, outcome.completion_reason) == (status == "completed", expected)
    assert outcome.length_of_recording_in_secs == (3.5 if outcome.succeeded else 0)


def test_the_end_of_the_call_does_not_cut_a_recording_off() -> None:
    walk = Walk(RECORD)
    walk.end()
    walk.happen(notice("deleted", state="terminated"))
    assert walk.result is None
    found = of_refusal(walk.steps, 3, Result(404, 8522), {"reason": "callTerminated", "sound": [], "seconds": 2.0})
    assert (found.over, found.outcome.succeeded) == (True, True)


def test_a_transfer_is_told_by_the_end_of_the_call() -> None:
    target = Participant(identity="8:orgid:u2", originator=False)
    done, failed, left = (Walk(Transfer(operation_id="t", target=target, replaces_context="c2")) for _ in range(3))
    body = (done.step.body or {})["transferTarget"]
    assert (body["identity"]["user"]["id"], body["replacesCallId"]) == ("u2", "c2")
    done.happen(notice(state="transferAccepted"))
    assert done.result is None
    done.happen(notice("deleted", state="terminated", resultInfo={"code": 0, "subcode": 7015}))
    failed.happen(notice(state="established", resultInfo={"code": 500, "subcode": 0}))
    left.happen(notice("deleted", state="terminated", resultInfo={"code": 0, "subcode": 0}))
    results = [walk.result for walk in (done, failed, left)]
    assert [(each.operation_outcome.succeeded, each.call_state) for each in results if each is not None] == [
        (True, CallState.TERMINATED),
        (False, CallState.ESTABLISHED),
        (False, CallState.TERMINATED),
    ]


def test_the_end_of_the_call_ends_a_question() -> None:
    walk = Walk(choose())
    walk.happen(notice("deleted", state="terminated", resultInfo={"code": 200, "subCode": "4097"}))
    assert walk.result is not None
    assert (walk.result.call_state, heard(walk)[2]) == (CallState.TERMINATED, "callTerminated")


def test_a_hang_up_and_a_reject_are_the_end() -> None:
    walk = Walk(Hangup(operation_id="h"))
    walk.happen(notice("deleted", state="terminated"))
    assert walk.result is not None
    assert walk.result.operation_outcome.succeeded
    rejected = of_reply(steps_of([Reject(operation_id="z")], 1, SETUP), 0, None, {})
    assert rejected is not None
    assert rejected.over
    gone = of_refusal(steps_of([Hangup(operation_id="h")], 1, SETUP), 0, Result(404, 0), {})
    assert (gone.over, gone.outcome.succeeded) == (True, True)


def test_a_reply_that_says_how_it_went_needs_no_notice() -> None:
    made = steps_of([say()], 1, SETUP)
    failed = of_reply(made, 0, {"status": "failed", "resultInfo": {"code": 400, "subcode": "8536"}}, {})
    assert failed is not None
    assert "download_failed" in (failed.outcome.failure_reason or "")
    assert of_reply(made, 0, {"status": "running"}, {}) is None


@pytest.mark.parametrize(
    "action",
    [
        Answer(operation_id="a", accept_modality_types=[ModalityType.VIDEO]),
        Recognize(operation_id="q", choices=[RecognitionOption(name="a", speech_variation=["yes"])]),
        Transfer(operation_id="t", target=Participant(identity="29:x", originator=False)),
        PlaceCall(
            operation_id="c",
            source=Participant(identity="4:+1", originator=True),
            target=Participant(identity="4:+2", originator=False),
            app_id="a",
        ),
    ],
)
def test_what_the_channel_cannot_do_has_no_command(action: Action) -> None:
    (step,) = steps_of([action], 1, SETUP)
    assert (step.operation, bool(step.refusal)) == ("", True)


def test_every_body_is_json_and_every_context_is_its_place() -> None:
    made = steps_of([Answer(operation_id="a"), say(), digits(20)], 7, SETUP)
    assert len(made) == 44
    for position, step in enumerate(made):
        body = json.loads(json.dumps(step.body))
        assert body.get("clientContext") == (None if step.operation == "answer" else f"7.{position}")
        assert step.operation in OPERATIONS


def test_ids_in_paths_are_encoded() -> None:
    path = path_of("muteParticipant", call="a/b", participant="p 1")
    assert path == "/v1.0/communications/calls/a%2Fb/participants/p%201/mute"


@pytest.mark.parametrize(("targets", "timeout"), [(1, 14), (1, 91), (0, 30), (26, 30)])
def test_a_redirection_that_the_platform_refuses_is_not_made(targets: int, timeout: int) -> None:
    with pytest.raises(ValueError, match="15 to 90"):
        redirect(["8:orgid:u"] * targets, timeout)
