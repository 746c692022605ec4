"""Fingerprints, and what an outcome means to the request that waits for it."""

from itertools import product
from typing import Any

import pytest

from dialtone import protocol
from dialtone.dialogs.requests import (
    HUNG_UP,
    TRANSFERRED,
    Answer,
    Code,
    Request,
    StoredRecording,
    entry,
    entry_of,
    fingerprint,
)
from dialtone.protocol import OUTCOMES, CallState
from tests.dialogs.line import (
    NO_SOUND,
    NOT_TRANSFERRED,
    PLAYED,
    REFUSED,
    Json,
    chose,
    dialled,
    recorded,
    result,
    unheard,
    unrecorded,
)
from tests.dialogs.line import TRANSFERRED as MOVED

CHOOSE = Request("recognize", "menu", protocol.RecognizeOutcome, choices=frozenset({"yes", "no"}))
DIGITS = Request("digits", "number", protocol.RecognizeOutcome)
RECORD = Request("record", "leave", protocol.RecordOutcome)
TRANSFER = Request("transfer", "8:desk", protocol.TransferOutcome)
ANSWERED, UNANSWERED, FAILED = Code.ANSWERED, Code.UNANSWERED, Code.FAILED


@pytest.mark.parametrize(
    ("request_", "outcome", "code", "reason", "value", "ended"),
    [
        (CHOOSE, chose("yes"), ANSWERED, "dtmfOptionMatched", "yes", ""),
        (CHOOSE, chose("maybe"), UNANSWERED, "dtmfOptionMatched", None, ""),
        (CHOOSE, chose("yes") | {"outcome": "partial"}, UNANSWERED, "dtmfOptionMatched", None, ""),
        (CHOOSE, chose("yes", "somethingNew"), ANSWERED, "unknown", "yes", ""),
        (CHOOSE, dialled("1"), UNANSWERED, "completedStopToneDetected", None, ""),
        (CHOOSE, unheard("incorrectDtmf"), UNANSWERED, "incorrectDtmf", None, ""),
        (CHOOSE, unheard("callTerminated"), UNANSWERED, "callTerminated", None, HUNG_UP),
        (CHOOSE, {"type": "recognizeOutcome", "outcome": "failure"}, UNANSWERED, "", None, ""),
        (
            CHOOSE,
            {"type": "recognizeOutcome", "outcome": "failure", "failureReason": "why"},
            UNANSWERED,
            "why",
            None,
            "",
        ),
        (DIGITS, dialled("012"), ANSWERED, "completedStopToneDetected", "012", ""),
        (DIGITS, dialled("012", "interdigitTimeout"), ANSWERED, "interdigitTimeout", "012", ""),
        (DIGITS, chose("yes"), UNANSWERED, "dtmfOptionMatched", None, ""),
        (DIGITS, unheard("callTerminated", "collectDigitsOutcome"), UNANSWERED, "callTerminated", None, HUNG_UP),
        (RECORD, recorded(2.5), ANSWERED, "completedStopToneDetected", [2.5, "wav", "", 0], ""),
        (RECORD, recorded(2.5, format=None), ANSWERED, "completedStopToneDetected", [2.5, "", "", 0], ""),
        (RECORD, recorded(1, "callTerminated"), ANSWERED, "callTerminated", [1.0, "wav", "", 0], HUNG_UP),
        (RECORD, unrecorded("callTerminated"), UNANSWERED, "callTerminated", None, HUNG_UP),
        (RECORD, unrecorded(), UNANSWERED, "initialSilenceTimeout", None, ""),
        (TRANSFER, MOVED, ANSWERED, "", None, TRANSFERRED),
        (TRANSFER, NOT_TRANSFERRED, UNANSWERED, "nobody", None, ""),
        (CHOOSE, NO_SOUND, FAILED, "", ["playPromptOutcome", "no such file"], ""),
        (CHOOSE, PLAYED, FAILED, "", ["playPromptOutcome", ""], ""),
        (RECORD, REFUSED, FAILED, "", ["workflowValidationOutcome", "why"], ""),
        (RECORD, chose("yes"), FAILED, "", ["recognizeOutcome", ""], ""),
    ],
)
def test_the_outcome_of_a_request(
    request_: Request, outcome: Json, code: Code, reason: str, value: Any, ended: str
) -> None:
    found = entry_of(request_, result(outcome), None)
    assert found[0] == request_.fingerprint
    assert Answer.of(found) == Answer(code, reason, value, ended)
    assert Answer.of(found).ok is (code is ANSWERED)


@pytest.mark.parametrize("state", ["terminated", "Terminating"])
@pytest.mark.parametrize(
    ("request_", "outcome", "ok"),
    [(CHOOSE, chose("yes"), True), (RECORD, unrecorded(), False), (TRANSFER, NOT_TRANSFERRED, False)],
)
def test_a_state_after_which_the_call_is_over(state: str, request_: Request, outcome: Json, ok: bool) -> None:
    answer = Answer.of(entry_of(request_, result(outcome, state), None))
    assert (answer.ok, answer.ended) == (ok, HUNG_UP)


@pytest.mark.parametrize("state", [state for state in CallState if not state.startswith("terminat")])
def test_any_other_state_is_no_end(state: CallState) -> None:
    assert Answer.of(entry_of(CHOOSE, result(chose("yes"), state), None)).ended == ""


def test_where_the_sound_was_stored() -> None:
    found = entry_of(RECORD, result(recorded(2)), StoredRecording("a/b.wav", 64_044))
    assert Answer.of(found).value == [2.0, "wav", "a/b.wav", 64_044]


def test_every_type_of_outcome_is_understood_by_every_request() -> None:
    for request, kind in product((CHOOSE, DIGITS, RECORD, TRANSFER), OUTCOMES):
        outcome = {"type": kind, "outcome": "failure", "completionReason": "x", "lengthOfRecordingInSecs": 0}
        assert Answer.of(entry_of(request, result(outcome), None)).ok is False


@pytest.mark.parametrize("value", [None, 0, False, "", [], {}, "x", 1.5])
@pytest.mark.parametrize("reason", ["", "why"])
@pytest.mark.parametrize("ended", ["", HUNG_UP])
@pytest.mark.parametrize("code", list(Code))
def test_an_entry_keeps_what_it_was_given(code: Code, reason: str, value: Any, ended: str) -> None:
    written = entry("abcd", code, reason, value, ended)
    answer = Answer.of(written)
    assert answer == Answer(code, reason, value, ended)
    assert type(answer.value) is type(value)
    assert written[:2] == ["abcd", int(code)]


def test_codes_stay_what_calls_in_progress_have_stored() -> None:
    assert {code.name: int(code) for code in Code} == {"UNANSWERED": 0, "ANSWERED": 1, "FAILED": 2, "REFUSED": 3}


def test_an_entry_leaves_its_empty_tail_out() -> None:
    assert entry("abcd", Code.UNANSWERED) == ["abcd", 0]
    assert entry("abcd", Code.ANSWERED, "r") == ["abcd", 1, "r"]
    assert entry("abcd", Code.ANSWERED, "", "") == ["abcd", 1, "", ""]
    assert entry("abcd", Code.ANSWERED, ended="x") == ["abcd", 1, "", None, "x"]


def test_fingerprints_tell_kinds_and_identities_apart_and_stay() -> None:
    assert fingerprint("recognize", "menu") == "cdix"
    marks = {fingerprint(kind, identity) for kind in ("recognize", "record", "run") for identity in ("a", "b", "")}
    assert len(marks) == 9
    assert "" not in marks
