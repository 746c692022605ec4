from typing import Any

import pytest

from dialtone.channels.acs_commands import OPERATIONS, CallRefs, path_of
from dialtone.channels.acs_steps import of_event, of_refusal, of_reply, steps_of
from dialtone.channels.results import Result
from dialtone.channels.stepper import Step
from dialtone.protocol import (
    Action,
    Answer,
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
    RecordingFormat,
    RecordOutcome,
    Reject,
    SayAs,
    Transfer,
    VoiceGender,
)
from tests.channels.acs_rig import CALL, REFS, SETUP, event


def steps(*actions: Action, refs: CallRefs = REFS) -> list[Step]:
    return steps_of(actions, 3, refs, SETUP)


def body_of(action: Action) -> dict[str, Any]:
    (step,) = steps(action)
    return dict(step.body or {})


def say(*prompts: Prompt) -> PlayPrompt:
    return PlayPrompt(operation_id="p", prompts=list(prompts))


def test_answer_takes_the_call_with_all_that_is_set_up() -> None:
    (step,) = steps(Answer(operation_id="a"))
    assert (step.operation, step.body) == (
        "answer_call",
        {
            "incomingCallContext": "ctx",
            "callbackUri": SETUP.callback,
            "callIntelligenceOptions": {"cognitiveServicesEndpoint": "https://speech.test/"},
            "operationContext": "3.0",
        },
    )


def test_each_command_has_a_context_of_its_own() -> None:
    made = steps(Answer(operation_id="a"), say(Prompt(value="Hi")), Hangup(operation_id="h"))
    assert [step.operation for step in made] == ["answer_call", "play_media", "hang_up"]
    assert [(step.body or {}).get("operationContext") for step in made] == ["3.0", "3.1", None]


def test_prompts_are_played_in_order_silence_first() -> None:
    played = body_of(say(Prompt(value="A & B", silence_length_in_milliseconds=700), Prompt(file_uri="https://x/a.wav")))
    assert played["playTo"] == []
    assert played["playSources"] == [
        {"kind": "file", "file": {"uri": f"{SETUP.sounds}silence-700.wav"}},
        {"kind": "text", "text": {"text": "A & B", "sourceLocale": "en-US", "voiceKind": "male"}},
        {"kind": "file", "file": {"uri": "https://x/a.wav"}},
    ]


def test_what_needs_ssml_is_ssml_with_its_text_escaped() -> None:
    prompt = Prompt(value="1 < 2", say_as=SayAs.CARDINAL, emphasize=True, voice=VoiceGender.FEMALE)
    (source,) = body_of(say(prompt))["playSources"]
    assert source["ssml"]["ssmlText"] == (
        '<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
        '<voice name="en-US-AvaMultilingualNeural"><emphasis level="strong">'
        '<say-as interpret-as="cardinal">1 &lt; 2</say-as></emphasis></voice></speak>'
    )


def test_digits_are_recognized_as_keys() -> None:
    collect = CollectDigits(max_number_of_dtmfs=4, stop_tones=["#", "*"])
    question = Recognize(operation_id="q", collect_digits=collect, interdigit_timeout_in_seconds=2.5)
    body = body_of(question)
    assert body["recognizeInputType"] == "dtmf"
    assert body["recognizeOptions"] == {
        "targetParticipant": {"rawId": "4:+15550100", "phoneNumber": {"value": "+15550100"}},
        "interruptPrompt": True,
        "initialSilenceTimeoutInSeconds": 5,
        "dtmfOptions": {"interToneTimeoutInSeconds": 3, "maxTonesToCollect": 4, "stopTones": ["pound", "asterisk"]},
    }


def choices(**words: list[str] | None) -> Recognize:
    options = [
        RecognitionOption(name=name, dtmf_variation=str(key), speech_variation=spoken)
        for key, (name, spoken) in enumerate(words.items(), 1)
    ]
    return Recognize(operation_id="q", choices=options, barge_in_allowed=False)


def test_choices_without_words_need_no_speech_service() -> None:
    body = body_of(choices(sales=None, message=None))
    assert body["recognizeInputType"] == "dtmf"
    assert body["recognizeOptions"]["dtmfOptions"]["maxTonesToCollect"] == 1
    assert body["recognizeOptions"]["interruptPrompt"] is False


def test_choices_with_words_are_recognized_by_either() -> None:
    body = body_of(choices(sales=["sales"], message=None))
    assert body["recognizeInputType"] == "choices"
    assert body["recognizeOptions"]["choices"] == [
        {"label": "sales", "phrases": ["sales"], "tone": "one"},
        {"label": "message", "phrases": [], "tone": "two"},
    ]


@pytest.mark.parametrize(
    ("question", "asked", "sent"),
    [
        (choices(sales=None), 30, 30),
        (choices(sales=["sales"]), 20, 20),
        (choices(sales=["sales"]), 20.5, 20),
        (Recognize(operation_id="q", collect_digits=CollectDigits(max_number_of_dtmfs=4)), 30, 30),
        (Record(operation_id="q"), 30, 20),
    ],
)
def test_speech_is_waited_for_as_long_as_acs_does(question: Recognize | Record, asked: float, sent: int) -> None:
    steps = steps_of([question.model_copy(update={"initial_silence_timeout_in_seconds": asked})], 0, REFS, SETUP)
    (body,) = (step.body for step in steps if step.body and "recognizeOptions" in step.body)
    assert body["recognizeOptions"]["initialSilenceTimeoutInSeconds"] == sent


@pytest.mark.parametrize(
    ("sub_code", "tones", "name", "reason"),
    [
        (8531, ["two"], "message", "dtmfOptionMatched"),
        (8531, ["nine"], None, "incorrectDtmf"),
        (8510, [], None, "initialSilenceTimeout"),
        (8511, [], None, "temporarySystemFailure"),
    ],
)
def test_the_key_of_a_choice(sub_code: int, tones: list[str], name: str | None, reason: str) -> None:
    (step,) = steps(choices(sales=None, message=None))
    kind = "RecognizeCompleted" if tones else "RecognizeFailed"
    found = of_event(step, event(kind, sub_code=sub_code, dtmfResult={"tones": tones}), {})
    assert found is not None
    assert isinstance(found.outcome, RecognizeOutcome)
    assert found.outcome.choice_outcome is not None
    assert (found.outcome.choice_outcome.choice_name, found.outcome.choice_outcome.completion_reason) == (name, reason)
    assert found.outcome.succeeded == (name is not None)


def test_a_stop_tone_alone_is_no_digits() -> None:
    (step,) = steps(Recognize(operation_id="q", collect_digits=CollectDigits(stop_tones=["#"])))
    found = of_event(step, event("RecognizeCompleted", sub_code=8514, dtmfResult={"tones": ["pound"]}), {})
    assert found is not None
    assert not found.outcome.succeeded


RECORD = Record(
    operation_id="r",
    play_prompt=say(Prompt(value="Speak.")),
    max_duration_in_seconds=60,
    stop_tones=["#"],
    max_silence_timeout_in_seconds=1.5,
)


def test_a_recording_is_a_prompt_a_recording_a_recognition_and_its_end() -> None:
    prompt, start, listen, stop = steps(RECORD)
    assert [step.operation for step in (prompt, start, listen, stop)] == [
        "play_media",
        "start_recording",
        "start_recognizing_media",
        "stop_recording",
    ]
    beep = {"kind": "file", "file": {"uri": f"{SETUP.sounds}beep.wav"}}
    assert beep not in (prompt.body or {})["playSources"]
    assert (listen.body or {})["playPrompts"] == [beep]
    assert (start.body or {})["callLocator"] == {"serverCallId": "c2lt", "kind": "serverCallLocator"}
    assert (listen.body or {})["recognizeInputType"] == "speechOrDtmf"
    assert (listen.body or {})["recognizeOptions"]["speechOptions"] == {"endSilenceTimeoutInMs": 1500}


@pytest.mark.parametrize(
    ("kind", "sub_code", "seconds", "reason", "ok"),
    [
        ("RecognizeCompleted", 8569, 7.5, "completedSilenceDetected", True),
        ("RecognizeCompleted", 8514, 7.5, "completedStopToneDetected", True),
        ("RecognizeCompleted", 8569, 61.0, "maxRecordingTimeout", True),
        ("RecognizeFailed", 8510, 5.0, "initialSilenceTimeout", False),
        ("RecognizeFailed", 8570, 2.0, "temporarySystemFailure", False),
    ],
)
def test_what_comes_of_a_recording(kind: str, sub_code: int, seconds: float, reason: str, ok: bool) -> None:
    _, start, listen, stop = steps(RECORD)
    begun = of_reply(start, {"recordingId": "rec1"}, {}, event("PlayCompleted", at=10).at)
    assert begun is not None
    listened = of_event(listen, event(kind, sub_code=sub_code, at=10 + seconds), begun.kept)
    assert listened is not None
    assert listened.outcome.succeeded, "the recording has to be stopped, whatever was heard"
    done = of_reply(stop, None, {**begun.kept, **listened.kept}, 0)
    assert done is not None
    assert isinstance(done.outcome, RecordOutcome)
    assert (done.outcome.succeeded, done.outcome.completion_reason) == (ok, reason)
    assert done.outcome.length_of_recording_in_secs == (seconds if ok else 0)


def test_a_caller_who_hangs_up_ends_the_recording() -> None:
    _, start, listen, _ = steps(RECORD)
    begun = of_reply(start, {"recordingId": "rec1"}, {}, event("PlayCompleted", at=10).at)
    assert begun is not None
    found = of_event(listen, event("CallDisconnected", sub_code=0, at=14), begun.kept)
    assert found is not None
    assert isinstance(found.outcome, RecordOutcome)
    assert (found.over, found.outcome.succeeded, found.outcome.completion_reason) == (True, True, "callTerminated")
    assert found.outcome.length_of_recording_in_secs == 4


def test_a_caller_who_hangs_up_before_the_recording_leaves_nothing() -> None:
    prompt, *_ = steps(RECORD)
    found = of_event(prompt, event("CallDisconnected", sub_code=0), {})
    assert found is not None
    assert isinstance(found.outcome, RecordOutcome)
    assert (found.over, found.outcome.succeeded, found.outcome.completion_reason) == (True, False, "callTerminated")


def test_a_recording_without_an_id_failed() -> None:
    _, start, *_ = steps(RECORD)
    found = of_reply(start, {}, {}, 0)
    assert found is not None
    assert not found.outcome.succeeded


def test_a_reject_is_the_end() -> None:
    (step,) = steps(Reject(operation_id="z"))
    found = of_reply(step, None, {}, 0)
    assert found is not None
    assert (step.operation, found.over, found.outcome.type) == ("reject_call", True, "rejectOutcome")


def test_a_failed_transfer_leaves_the_call() -> None:
    (step,) = steps(Transfer(operation_id="t", target=Participant(identity="8:orgid:u", originator=False)))
    found = of_event(step, event("CallTransferFailed", sub_code=8538, code=603), {})
    assert found is not None
    assert (found.over, found.outcome.succeeded) == (False, False)


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (Answer(operation_id="a", accept_modality_types=[ModalityType.VIDEO]), "audio only"),
        (Record(operation_id="r", recording_format=RecordingFormat.WMA), "wav and mp3"),
        (Transfer(operation_id="t", target=Participant(identity="29:x", originator=False)), "8:orgid:"),
        (
            Transfer(operation_id="t", target=Participant(identity="8:acs:x", originator=False), replaces_context="c"),
            "replaces_context",
        ),
        (
            PlaceCall(
                operation_id="c",
                source=Participant(identity="4:+1", originator=True),
                target=Participant(identity="4:+2", originator=False),
                app_id="a",
            ),
            "call.place",
        ),
    ],
)
def test_what_the_channel_cannot_do_fails_with_the_text_of_the_table(action: Action, text: str) -> None:
    (step,) = steps(action)
    assert step.operation == ""
    found = of_reply(step, None, {}, 0)
    assert found is not None
    assert not found.outcome.succeeded
    assert text in (found.outcome.failure_reason or "")


def test_a_teams_phone_call_is_not_transferred_to_a_teams_user() -> None:
    refs = CallRefs(CALL.caller, is_teams_phone=True)
    target = Participant(identity="8:orgid:u", originator=False)
    (step,) = steps(Transfer(operation_id="t", target=target), refs=refs)
    assert "in Teams" in step.refusal


@pytest.mark.parametrize(
    ("result", "over"),
    [
        (Result(404, 8522), True),
        (Result(405, 8522), False),
        (Result(400, 8528), True),
        (Result(412, 8583), False),
        (Result(403, 7504), False),
    ],
)
def test_a_refusal_that_the_end_of_the_call_explains_is_the_end_of_the_call(result: Result, over: bool) -> None:
    (step,) = steps(say(Prompt(value="Hi")))
    found = of_refusal(step, result, {})
    assert (found.over, found.outcome.succeeded) == (over, False)
    assert str(result.sub_code) in (found.outcome.failure_reason or "")


def test_a_recording_that_was_stopped_before_is_no_end_of_the_call() -> None:
    *_, stop = steps(RECORD)
    kept = {"recording": "rec1", "reason": "completedStopToneDetected", "seconds": 3.5}
    found = of_refusal(stop, Result(404, 8522), kept)
    assert (found.over, found.outcome.succeeded) == (False, True)


def test_hanging_up_a_call_that_is_gone_is_done() -> None:
    (step,) = steps(Hangup(operation_id="h"))
    assert of_refusal(step, Result(404, 8522), {}).outcome.succeeded


def test_ids_in_paths_are_encoded() -> None:
    assert path_of("get_participant", connection="a/b", participant="4:+15550100") == (
        "/calling/callConnections/a%2Fb/participants/4%3A%2B15550100"
    )
    assert all("{" not in path_of(name, connection="c", recording="r", participant="p") for name in OPERATIONS)
