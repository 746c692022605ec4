"""Enumerations: exact camelCase out, any case in, and what is not known is `unknown`, never a success."""

import pytest

from dialtone.protocol import (
    CallState,
    ModalityType,
    OutcomeValue,
    RecognitionCompletionReason,
    RecordingFormat,
    SayAs,
)
from dialtone.protocol.enums import ContractEnum

ENUMS = ContractEnum.__subclasses__()


@pytest.mark.parametrize("enum", ENUMS)
def test_every_member_is_read_in_any_case(enum: type[ContractEnum]) -> None:
    for member in enum:
        assert enum(member.value) is enum(member.value.upper()) is enum(member.value.lower()) is member


@pytest.mark.parametrize("enum", ENUMS)
@pytest.mark.parametrize("value", ["", "dance", " success", "sucess", "succes\u017f0"])
def test_what_is_not_known_is_unknown(enum: type[ContractEnum], value: str) -> None:
    assert enum(value).value == "unknown"


@pytest.mark.parametrize("enum", ENUMS)
@pytest.mark.parametrize("value", [None, 1, True, ["success"]])
def test_what_is_not_text_is_refused(enum: type[ContractEnum], value: object) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        enum(value)  # type: ignore[arg-type]  # what JSON may bring


def test_members_are_written_in_camel_case() -> None:
    for enum in ENUMS:
        for member in enum:
            first, *others = member.name.lower().split("_")
            assert member.value == str(member) == first + "".join(word.capitalize() for word in others)


def test_spellings_of_older_libraries() -> None:
    assert RecognitionCompletionReason("inCorrectDtmf") is RecognitionCompletionReason.INCORRECT_DTMF
    assert RecognitionCompletionReason("interDigitTimeout") is RecognitionCompletionReason.INTERDIGIT_TIMEOUT
    assert ModalityType("VideoBasedScreenSharing") is ModalityType.VIDEO_BASED_SCREEN_SHARING


def test_an_unknown_outcome_is_not_the_first_member() -> None:
    assert OutcomeValue("partial") is OutcomeValue.UNKNOWN
    assert OutcomeValue("partial") is not OutcomeValue.SUCCESS


def test_the_values_of_the_contract() -> None:
    assert [str(state) for state in CallState] == [
        "unknown",
        "idle",
        "incoming",
        "establishing",
        "established",
        "hold",
        "unhold",
        "transferring",
        "redirecting",
        "terminating",
        "terminated",
    ]
    assert [str(form) for form in RecordingFormat] == ["unknown", "wma", "wav", "mp3"]
    assert len(SayAs) == 19
