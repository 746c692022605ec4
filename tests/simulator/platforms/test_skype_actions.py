"""Every way in which an action ends. The caller's side is a script; what is compared is the outcome that was posted."""

from typing import Any

import pytest

from simulator import audio
from simulator.call import CallReport
from simulator.platforms.settings import PlatformSettings
from tests.simulator.fake_bot import (
    ANSWER,
    DEFAULT,
    HANGUP,
    FakeBot,
    Json,
    Request,
    choose,
    digits,
    of_kind,
    record,
    ring,
    say,
)
from tests.simulator.test_audio import level

PATIENT = "  - wait: 60"
CODE_TO_HASH = digits("The code?", stop=["#"])
CODE_OF_4 = digits("The code?", most=4)
CODE_OF_2 = digits("The code?", most=2)
HELLO = "  - speak: Hello there, Contoso."


async def outcome_of(bot: FakeBot, action: Json, steps: str) -> tuple[Json, CallReport]:
    """The outcome of one action on an answered call, which is then hung up."""
    bot.replies = [[ANSWER, action], [HANGUP]]
    report = await ring(bot, steps)
    return bot.requests[1].outcome, report


def recorded(bot: FakeBot) -> Request:
    return next(request for request in bot.requests if request.audio is not None)


@pytest.mark.parametrize(
    ("steps", "members", "outcome", "reason", "choice"),
    [
        ('  - hear: menu\n  - press: "2"', {}, "success", "dtmfOptionMatched", "message"),
        ('  - hear: menu\n  - press: "9"', {}, "failure", "incorrectDtmf", None),
        ("  - hear: menu\n  - speak: I'd like SALES, please", {}, "success", "speechOptionMatched", "sales"),
        ("  - hear: menu\n  - speak: leave a message for sales", {}, "success", "speechOptionMatched", "message"),
        ("  - hear: menu\n  - speak: wholesales", {}, "failure", "initialSilenceTimeout", None),
        (PATIENT, {}, "failure", "initialSilenceTimeout", None),
        ("  - hear: menu\n  - hang_up: true", {}, "failure", "callTerminated", None),
        ('  - hear: menu\n    barge_in: true\n  - press: "1"', {}, "success", "dtmfOptionMatched", "sales"),
        ("  - hear: menu\n    barge_in: true\n  - speak: sales", {}, "success", "speechOptionMatched", "sales"),
        (
            '  - hear: menu\n    barge_in: true\n  - press: "1"',
            {"bargeInAllowed": False},
            "failure",
            "initialSilenceTimeout",
            None,
        ),
        (
            "  - hear: menu\n    barge_in: true\n  - speak: I began before the end of the menu, and I say sales",
            {"bargeInAllowed": False},
            "failure",
            "initialSilenceTimeout",
            None,
        ),
    ],
)
async def test_choices(bot: FakeBot, steps: str, members: Json, outcome: str, reason: str, choice: str | None) -> None:
    got, report = await outcome_of(bot, choose("This is the whole menu.", **members), steps)
    assert (got["type"], got["id"], got["outcome"]) == ("recognizeOutcome", "q", outcome)
    assert got["choiceOutcome"] == {"completionReason": reason} | ({"choiceName": choice} if choice else {})
    cut = of_kind(report, "heard")[0]["cut"]
    assert cut == ("barge_in" in steps and not members)


@pytest.mark.parametrize(
    ("steps", "want", "outcome", "reason", "collected"),
    [
        ('  - hear: code\n  - press: "123#"', CODE_TO_HASH, "success", "completedStopToneDetected", "123"),
        ('  - hear: code\n  - press: "#"', CODE_TO_HASH, "failure", "completedStopToneDetected", None),
        ('  - hear: code\n  - press: "12345"', CODE_OF_4, "success", "interdigitTimeout", "1234"),
        ('  - hear: code\n  - press: "12"', CODE_OF_4, "success", "interdigitTimeout", "12"),
        (
            '  - hear: code\n  - press: "1"\n  - wait: 1.5\n  - press: "2"',
            digits("The code?", most=2, interdigitTimeoutInSeconds=2),
            "success",
            "interdigitTimeout",
            "12",
        ),
        (
            '  - hear: code\n  - press: "1"\n  - wait: 1.5\n  - press: "2"',
            CODE_OF_2,
            "success",
            "interdigitTimeout",
            "1",
        ),
        ('  - hear: code\n    barge_in: true\n  - press: "7*"', CODE_OF_2, "success", "interdigitTimeout", "7*"),
        ("  - hear: code\n  - speak: one two", CODE_OF_2, "failure", "initialSilenceTimeout", None),
        ('  - hear: code\n  - press: "1"\n  - hang_up: true', CODE_OF_2, "failure", "callTerminated", None),
    ],
)
async def test_digits(bot: FakeBot, steps: str, want: Json, outcome: str, reason: str, collected: str | None) -> None:
    got, _ = await outcome_of(bot, want, steps)
    assert got["outcome"] == outcome
    assert got["collectDigitsOutcome"] == {"completionReason": reason} | ({"digits": collected} if collected else {})


async def test_initial_silence_counts_from_the_end_of_the_prompt(bot: FakeBot) -> None:
    _, report = await outcome_of(bot, choose("This is the menu.", initialSilenceTimeoutInSeconds=3), PATIENT)
    (heard,) = of_kind(report, "heard")
    (recognized,) = of_kind(report, "recognized")
    assert recognized["t"] == pytest.approx(heard["t"] + 3, abs=0.002)


@pytest.mark.parametrize(
    ("steps", "members", "outcome", "reason", "seconds"),
    [
        (f'{HELLO}\n  - wait: 1\n  - press: "2#"', {"stopTones": ["#"]}, "success", "completedStopToneDetected", None),
        (HELLO, {"maxSilenceTimeoutInSeconds": 2}, "success", "completedSilenceDetected", None),
        (f"{HELLO}\n{HELLO}", {"maxDurationInSeconds": 2}, "success", "maxRecordingTimeout", 2.0),
        (PATIENT, {"initialSilenceTimeoutInSeconds": 3}, "failure", "initialSilenceTimeout", 0.0),
        (f"{HELLO}\n  - hang_up: true", {}, "success", "callTerminated", None),
        ("  - hear: tone\n    barge_in: true\n  - hang_up: true", {}, "failure", "callTerminated", 0.0),
    ],
)
async def test_recordings(
    bot: FakeBot, steps: str, members: Json, outcome: str, reason: str, seconds: float | None
) -> None:
    prompt = "After the tone." if "tone" in steps else None
    steps = steps if prompt else f"  - wait: 0.5\n{steps}"
    got, report = await outcome_of(bot, record(prompt, recordingFormat="wav", **members), steps)
    assert (got["type"], got["outcome"], got["completionReason"]) == ("recordOutcome", outcome, reason)
    if seconds is not None:
        assert got["lengthOfRecordingInSecs"] == seconds
    if outcome == "failure":
        assert report.recordings == []
        assert bot.requests[1].audio is None
        return
    pcm = audio.decode(recorded(bot).audio or b"")
    assert audio.seconds_of(pcm) == pytest.approx(got["lengthOfRecordingInSecs"], abs=0.001)
    # The beep is 0.25 s and the caller speaks at 0.5 s: silence first, then speech.
    assert level(pcm[: audio.BYTES_PER_SECOND // 5]) == 0
    assert level(pcm[audio.BYTES_PER_SECOND // 4 : audio.BYTES_PER_SECOND]) > 300
    (event,) = of_kind(report, "recorded")
    assert (event["reason"], event["seconds"]) == (reason, got["lengthOfRecordingInSecs"])
    assert event["bytes"] == len(recorded(bot).audio or b"") == len(report.recordings[0].data)


@pytest.mark.parametrize(
    ("asked", "kind", "content_type"),
    [("wav", "wav", "audio/wav"), ("mp3", "mp3", "audio/mpeg"), (None, "wma", "audio/x-ms-wma")],
)
async def test_a_recording_is_posted_as_the_platform_does(
    bot: FakeBot, asked: str | None, kind: str, content_type: str
) -> None:
    members = {"recordingFormat": asked} if asked else {}
    got, _ = await outcome_of(
        bot, record(stopTones=["#"], **members), '  - wait: 1\n  - speak: Call me back.\n  - press: "#"'
    )
    request = recorded(bot)
    json_part, audio_part = request.part_headers
    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert json_part["Content-Disposition"] == 'form-data; name="conversationResult"'
    assert json_part["Content-Type"] == "application/json; charset=utf-8"
    assert audio_part == {"Content-Disposition": 'form-data; name="recordedAudio"', "Content-Type": content_type}
    assert got["format"] == kind
    pcm = audio.decode(request.audio or b"", [kind])
    assert audio.seconds_of(pcm) == pytest.approx(got["lengthOfRecordingInSecs"], abs=0.05)
    assert level(pcm) > 300


async def test_speech_that_began_before_the_recording_is_recorded_from_its_beginning(bot: FakeBot) -> None:
    got, _ = await outcome_of(
        bot,
        record("Speak now.", playBeep=False, recordingFormat="wav", maxSilenceTimeoutInSeconds=0),
        "  - hear: speak\n    barge_in: true\n    pause: 0.2\n  - speak: I am already speaking, as you can hear.",
    )
    assert got["completionReason"] == "completedSilenceDetected"
    pcm = audio.decode(recorded(bot).audio or b"")
    assert level(pcm[: audio.BYTES_PER_SECOND // 2]) > 300


async def test_prompts_are_heard_with_their_silence_and_files(bot: FakeBot) -> None:
    bot.files["main-menu.en-US.wav"] = audio.encode(audio.tone(1.5), "wav")
    prompts: list[Json] = [
        {"value": "Hello.", "silenceLengthInMilliseconds": 400, "voice": "female"},
        {"fileUri": f"{bot.url}/files/main-menu.en-US.wav?sig=x%2Fy"},
        {"silenceLengthInMilliseconds": 1000},
    ]
    got, report = await outcome_of(
        bot, {"operationId": "p", "action": "playPrompt", "prompts": prompts}, "  - hear: {prompt: main-menu}"
    )
    assert got == {"type": "playPromptOutcome", "id": "p", "outcome": "success"}
    heard = of_kind(report, "heard")
    assert [(one.get("silence_ms"), one.get("text"), one.get("file")) for one in heard] == [
        (400, None, None),
        (None, "Hello.", None),
        (None, None, "main-menu.en-US.wav"),
        (1000, None, None),
    ]
    assert [heard[n]["seconds"] for n in (0, 2, 3)] == [0.4, 1.5, 1.0]


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("none.wav", None, "status 404"),
        ("long.wav", bytes(1024 * 1024 + 1), "more than 1048576 bytes"),
        ("text.wav", b"hello", "not wav or wma"),
        ("sound.mp3", audio.encode(audio.tone(1), "mp3"), "is mp3"),
    ],
)
@pytest.mark.parametrize("asking", ["playPrompt", "record", "choices", "digits"])
async def test_a_file_that_cannot_be_played_fails_the_action(
    bot: FakeBot, asking: str, name: str, data: bytes | None, why: str
) -> None:
    if data is not None:
        bot.files[name] = data
    play: Json = {"operationId": "p", "action": "playPrompt", "prompts": [{"fileUri": f"{bot.url}/files/{name}"}]}
    action: dict[str, Any] = {
        "playPrompt": play,
        "record": record() | {"playPrompt": play},
        "choices": choose() | {"playPrompt": play},
        "digits": digits(most=1) | {"playPrompt": play},
    }
    got, report = await outcome_of(bot, action[asking], PATIENT)
    assert got["outcome"] == "failure"
    assert why in got["failureReason"]
    assert of_kind(report, "heard") == []
    details = {**got, **got.get("choiceOutcome", {}), **got.get("collectDigitsOutcome", {})}
    assert details.get("completionReason") == (None if asking == "playPrompt" else "temporarySystemFailure")


async def test_a_prompt_file_that_cannot_be_reached(bot: FakeBot) -> None:
    play = {"operationId": "p", "action": "playPrompt", "prompts": [{"fileUri": "http://127.0.0.1:1/x.wav"}]}
    got, _ = await outcome_of(bot, play, PATIENT)
    assert got["failureReason"] == "the prompt file could not be fetched: unreachable"


async def test_the_first_failed_outcome_is_posted_and_the_rest_is_not_run(bot: FakeBot) -> None:
    missing = {"operationId": "first", "action": "playPrompt", "prompts": [{"fileUri": f"{bot.url}/files/no.wav"}]}
    bot.replies = [[ANSWER, missing, say("Not heard.")], [HANGUP]]
    report = await ring(bot, PATIENT)
    assert (bot.outcomes[0]["id"], bot.outcomes[0]["outcome"]) == ("first", "failure")
    assert of_kind(report, "heard") == []


TRANSFER: Json = {
    "operationId": "t",
    "action": "transfer",
    "target": {"identity": "8:sales.contoso", "originator": False},
}


async def test_a_transfer_ends_this_leg(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, TRANSFER]]
    report = await ring(bot, PATIENT + '\nexpect: {transferred_to: "8:sales.contoso", ended_by: bot}')
    assert report.ok
    assert bot.last.json["callState"] == "terminated"
    assert bot.last.outcome == {"type": "transferOutcome", "id": "t", "outcome": "success"}


async def test_a_transfer_that_fails_leaves_the_call(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, TRANSFER], [say("Sorry."), HANGUP]]
    report = await ring(bot, "  - hear: Sorry\ntransfer_fails: true")
    assert report.ok
    assert bot.requests[1].json["callState"] == "established"
    assert bot.requests[1].outcome["outcome"] == "failure"


async def test_nothing_is_played_on_a_call_that_is_not_answered(bot: FakeBot) -> None:
    bot.replies = [{"actions": []}, [say("Hello?")], [HANGUP]]
    await ring(bot, PATIENT)
    failed = bot.requests[2]
    assert (failed.json["callState"], failed.outcome["outcome"]) == ("incoming", "failure")
    assert failed.outcome["failureReason"] == "the call was not answered"
    assert bot.last.json["callState"] == "terminated"


async def test_a_call_is_answered_once(bot: FakeBot) -> None:
    bot.replies = [[ANSWER], [ANSWER], [HANGUP]]
    await ring(bot, PATIENT)
    assert [one["outcome"] for one in bot.outcomes] == ["success", "failure", "success"]


async def test_defaults_are_settings(bot: FakeBot) -> None:
    bot.replies = [[ANSWER, record()], [HANGUP]]
    settings = PlatformSettings(initial_silence_s=9, beep_s=1, request_timeout_s=DEFAULT.request_timeout_s)
    report = await ring(bot, PATIENT, settings)
    (event,) = of_kind(report, "recorded")
    assert (event["t"], event["format"], event["bytes"]) == (10, "wma", 0)
