"""Every rule of the contract that a dialog can break is told at the word that breaks it: action, member, limit, fix."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dialtone import Call, Prompt
from dialtone.errors import BotError, WorkflowError
from dialtone.protocol import CollectDigits
from tests.dialogs.line import KEYS, Line, chose, kinds

Word = Callable[[Call], Awaitable[Any]]


def queued(word: Callable[[Call], None]) -> Word:
    async def say_it(call: Call) -> None:
        word(call)

    return say_it


def asks(**options: Any) -> Word:
    return lambda call: call.choose("Which?", KEYS, **options)


def chooses(choices: Any) -> Word:
    return lambda call: call.choose("Which?", choices)


def records(**options: Any) -> Word:
    return lambda call: call.record("Speak.", **options)


def dials(**options: Any) -> Word:
    return lambda call: call.digits("Your number?", **options)


CASES: list[tuple[Word, str, str, str]] = [
    # The word; the code of the rule; the field; what the message or the fix says of the limit.
    (queued(lambda call: call.say("x" * 2049)), "PROMPT_TEXT_TOO_LONG", "playPrompt.prompts.0.value", "2048"),
    (queued(lambda call: call.say("A.", "")), "PROMPT_EMPTY", "playPrompt.prompts.1.value", "text"),
    (queued(lambda call: call.say()), "PROMPTS_EMPTY", "playPrompt.prompts", "at least one"),
    (
        queued(lambda call: call.say(Prompt(text="A.", silence_ms=60_001))),
        "PROMPT_SILENCE_RANGE",
        "playPrompt.prompts.0.silenceLengthInMilliseconds",
        "60000",
    ),
    (queued(lambda call: call.play("")), "PROMPT_EMPTY", "playPrompt.prompts.0.value", "file"),
    (queued(lambda call: call.answer(["smell"])), "MODALITY_UNKNOWN", "answer.acceptModalityTypes", "audio"),
    (
        queued(lambda call: call.answer(["videoBasedScreenSharing"])),
        "MODALITY_SCREENSHARE",
        "answer.acceptModalityTypes",
        "audio",
    ),
    (queued(lambda call: call.answer(["audio", "audio"])), "MODALITY_DUPLICATE", "answer.acceptModalityTypes", "once"),
    (asks(initial_silence=0.5), "INITIAL_SILENCE_RANGE", "recognize.initialSilenceTimeoutInSeconds", "1 to 30"),
    (asks(initial_silence=31), "INITIAL_SILENCE_RANGE", "recognize.initialSilenceTimeoutInSeconds", "1 to 30"),
    (
        lambda call: call.choose("x" * 2049, KEYS),
        "PROMPT_TEXT_TOO_LONG",
        "recognize.playPrompt.prompts.0.value",
        "2048",
    ),
    (chooses({}), "CHOICES_EMPTY", "recognize.choices", "add one"),
    (chooses({" ": "1"}), "CHOICE_NAME_BLANK", "recognize.choices.0.name", "blank"),
    (chooses({"a": "1", "b": ()}), "CHOICE_EMPTY", "recognize.choices.1", "key"),
    (chooses({"a": ("1", "2")}), "CHOICE_KEYS", "recognize.choices.0.dtmfVariation", "1 is allowed"),
    (
        chooses({"a": ("go", "now", "yes", "ok", "sure", "fine")}),
        "CHOICE_SPEECH_TOO_MANY",
        "recognize.choices.0.speechVariation",
        "5 are allowed",
    ),
    (chooses({"a": "  "}), "CHOICE_SPEECH_BLANK", "recognize.choices.0.speechVariation", "blank"),
    (chooses({"a": "1", "b": "1"}), "CHOICE_DTMF_DUPLICATE", "recognize.choices", "key '1' selects 'a' and 'b'"),
    (chooses({"a": "go", "b": "go"}), "CHOICE_SPEECH_DUPLICATE", "recognize.choices", "word 'go' selects 'a' and 'b'"),
    (lambda call: call.recognize("Which?"), "CHOICES_XOR_DIGITS", "recognize.choices", "exactly one"),
    (
        lambda call: call.recognize("Which?", choices=KEYS, digits=CollectDigits(max_number_of_dtmfs=1)),
        "CHOICES_XOR_DIGITS",
        "recognize.choices",
        "exactly one",
    ),
    (dials(maximum=0), "DIGITS_MAX_RANGE", "recognize.collectDigits.maxNumberOfDtmfs", "1 to 20"),
    (dials(maximum=21), "DIGITS_MAX_RANGE", "recognize.collectDigits.maxNumberOfDtmfs", "1 to 20"),
    (dials(stop_tones=""), "DIGITS_NO_LIMIT", "recognize.collectDigits", "maxNumberOfDtmfs or stopTones"),
    (dials(stop_tones="012345"), "DTMF_LIST_TOO_LONG", "recognize.collectDigits.stopTones", "5 are allowed"),
    (dials(stop_tones="a"), "DTMF_INVALID", "recognize.collectDigits.stopTones", "0-9"),
    (dials(maximum=4, interdigit=6), "INTERDIGIT_RANGE", "recognize.interdigitTimeoutInSeconds", "1 to 5"),
    (dials(maximum=4, interdigit=0.5), "INTERDIGIT_RANGE", "recognize.interdigitTimeoutInSeconds", "1 to 5"),
    (records(max_seconds=1), "RECORD_DURATION_RANGE", "record.maxDurationInSeconds", "2 to 600"),
    (records(max_seconds=601), "RECORD_DURATION_RANGE", "record.maxDurationInSeconds", "2 to 600"),
    (records(initial_silence=31), "INITIAL_SILENCE_RANGE", "record.initialSilenceTimeoutInSeconds", "1 to 30"),
    (records(max_silence=31), "RECORD_SILENCE_RANGE", "record.maxSilenceTimeoutInSeconds", "0 to 30"),
    (records(format="ogg"), "RECORDING_FORMAT_UNKNOWN", "record.recordingFormat", "mp3"),
    (records(stop_tones="012345"), "DTMF_LIST_TOO_LONG", "record.stopTones", "5 are allowed"),
    (records(stop_tones="x"), "DTMF_INVALID", "record.stopTones", "0-9"),
    (lambda call: call.record(""), "PROMPT_EMPTY", "record.playPrompt.prompts.0.value", "text"),
    (records(max_seconds="long"), "WRONG_TYPE", "record.maxDurationInSeconds", "type"),
    (lambda call: call.transfer("5:+15550100"), "TRANSFER_TARGET_KIND", "transfer.target.identity", "8: or 29:"),
    (lambda call: call.transfer(""), "TRANSFER_TARGET_KIND", "transfer.target.identity", "8: or 29:"),
]


@pytest.mark.parametrize(("word", "code", "field", "limit"), CASES)
def test_it_is_told_at_the_word(word: Word, code: str, field: str, limit: str) -> None:
    told: list[WorkflowError] = []

    async def dialog(call: Call) -> None:
        try:
            await word(call)
        except WorkflowError as error:
            told.append(error)
        call.say("Still here.")

    turn = Line(dialog).ring()
    (error,) = told
    assert isinstance(error, BotError)
    assert (error.code, error.field) == (code, field)
    assert limit in f"{error.message} {error.fix}"
    assert error.fix
    assert kinds(turn) == ["answer", "playPrompt", "hangup"]


ORDERS: list[tuple[list[Callable[[Call], None]], str]] = [
    ([Call.hang_up, lambda call: call.say("Late.")], "playPrompt"),
    ([Call.hang_up, Call.hang_up], "hangup"),
    ([Call.reject, lambda call: call.say("Late.")], "playPrompt"),
    ([lambda call: call.say("First."), Call.answer], "answer"),
    ([lambda call: call.say("First."), Call.reject], "reject"),
    ([Call.answer, Call.answer], "answer"),
    ([Call.answer, Call.reject], "reject"),
]


@pytest.mark.parametrize(("words", "field"), ORDERS)
def test_the_order_of_actions_is_told_at_the_word(words: list[Callable[[Call], None]], field: str) -> None:
    told: list[WorkflowError] = []

    async def dialog(call: Call) -> None:
        words[0](call)
        try:
            words[1](call)
        except WorkflowError as error:
            told.append(error)

    Line(dialog).ring()
    assert [(error.code, error.field) for error in told] == [("ACTION_ORDER", field)]
    assert told[0].fix


@pytest.mark.parametrize("word", [Call.answer, Call.reject])
def test_an_answered_call_cannot_be_answered_again(word: Callable[[Call], None]) -> None:
    async def dialog(call: Call) -> None:
        await call.choose("Which?", KEYS)
        word(call)

    line = Line(dialog)
    line.ring()
    error = line.send(chose("yes")).error
    assert isinstance(error, WorkflowError)
    assert error.code == "ACTION_ORDER"
