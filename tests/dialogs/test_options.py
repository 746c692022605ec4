"""Notices and defaults: what a bot says and waits for where a question does not say it."""

from typing import Any

import pytest

from dialtone import Call, CallBot, Defaults, Notices, Prompt
from dialtone.errors import DialogError
from dialtone.protocol import RecordingFormat, VoiceGender
from tests.dialogs.line import KEYS, SILENCE, Json, Line, asked, said, unheard, unrecorded

NOTICES = Notices(
    recognize_silence=Prompt("a", "Silence."),
    invalid_dtmf=Prompt("b", "Wrong key."),
    invalid_recognize=Prompt("c", "What?"),
    record_silence=Prompt("d", "No sound."),
    max_recording=Prompt("e", "Too long."),
    invalid_recording=Prompt("f", "Broken."),
)


async def chooses(call: Call) -> None:
    await call.choose("Which?", KEYS)


async def types(call: Call) -> None:
    await call.digits("Number?", maximum=4)


async def records(call: Call) -> None:
    await call.record("Speak.")


def line_of(dialog: Any, **options: Any) -> Line:
    bot = CallBot(**options)
    bot.incoming(dialog)
    return Line(bot)


@pytest.mark.parametrize(
    ("dialog", "outcome", "notice", "english"),
    [
        (chooses, SILENCE, "Silence.", "I couldn't hear anything."),
        (chooses, unheard("incorrectDtmf"), "Wrong key.", "That's an invalid option."),
        (chooses, unheard("speechOptionNotMatched"), "What?", "I'm sorry. I didn't understand."),
        (chooses, unheard("somethingNew"), "What?", "I'm sorry. I didn't understand."),
        (types, unheard("initialSilenceTimeout", "collectDigitsOutcome"), "Silence.", "I couldn't hear anything."),
        (records, unrecorded(), "No sound.", "I couldn't hear anything."),
        (records, unrecorded("maxRecordingTimeout"), "Too long.", "I'm sorry. Your message was too long."),
        (
            records,
            unrecorded("somethingNew"),
            "Broken.",
            "I'm sorry. There was a problem with your recording.",
        ),
    ],
)
def test_each_reason_has_its_notice(dialog: Any, outcome: Json, notice: str, english: str) -> None:
    for line, expected in [(line_of(dialog, notices=NOTICES), notice), (line_of(dialog), english)]:
        line.ring()
        assert said(line.send(outcome)) == [expected]
        assert said(line.send(outcome)) == [expected]
        assert said(line.send(outcome)) == [], "not after the last try"


@pytest.mark.parametrize(
    ("dialog", "outcome"),
    [(chooses, unheard("temporarySystemFailure")), (records, unrecorded("temporarySystemFailure"))],
)
def test_after_a_failure_of_the_platform_nothing_is_asked_again(dialog: Any, outcome: Json) -> None:
    line = line_of(dialog, notices=NOTICES)
    line.ring()
    turn = line.send(outcome)
    assert (said(turn), turn.history.done) == ([], True)


@pytest.mark.parametrize("field", [name for name, _ in NOTICES.all()])
def test_a_notice_that_cannot_be_spoken_is_found_at_once(field: str) -> None:
    with pytest.raises(DialogError, match=f"the notice {field} cannot be spoken"):
        CallBot(notices=Notices(**{field: Prompt(text=" ")}))


def test_defaults_are_what_questions_take() -> None:
    defaults = Defaults(
        voice=VoiceGender.FEMALE,
        retries=0,
        initial_silence=9,
        barge_in=False,
        interdigit=2,
        max_seconds=33,
        max_silence=4,
        format=RecordingFormat.MP3,
        beep=False,
    )
    question = asked(line_of(chooses, defaults=defaults).ring())
    assert (question["initialSilenceTimeoutInSeconds"], question["bargeInAllowed"]) == (9, False)
    assert question["playPrompt"]["prompts"][0]["voice"] == "female"
    question = asked(line_of(types, defaults=defaults).ring())
    assert (question["interdigitTimeoutInSeconds"], question["initialSilenceTimeoutInSeconds"]) == (2, 9)
    question = asked(line_of(records, defaults=defaults).ring())
    assert question["maxDurationInSeconds"] == 33
    assert question["maxSilenceTimeoutInSeconds"] == 4
    assert (question["recordingFormat"], question["playBeep"]) == ("mp3", False)
    line = line_of(chooses, defaults=defaults)
    line.ring()
    assert line.send(SILENCE).history.done, "no retries"


def test_a_question_says_otherwise() -> None:
    async def dialog(call: Call) -> None:
        await call.choose(Prompt(text="Which?", voice=VoiceGender.MALE), KEYS, initial_silence=5, barge_in=True)

    defaults = Defaults(voice=VoiceGender.FEMALE, initial_silence=9, barge_in=False)
    question = asked(line_of(dialog, defaults=defaults).ring())
    assert (question["initialSilenceTimeoutInSeconds"], question["bargeInAllowed"]) == (5, True)
    assert question["playPrompt"]["prompts"][0]["voice"] == "male"


def test_a_zero_is_not_the_default() -> None:
    async def dialog(call: Call) -> None:
        await call.record(max_silence=0, retries=0)

    line = line_of(dialog, defaults=Defaults(retries=5, max_silence=4))
    assert asked(line.ring())["maxSilenceTimeoutInSeconds"] == 0
    assert line.send(unrecorded()).history.done
