"""The published JSON Schema: it is current, it takes what is legal, and refuses what a schema can."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dialtone.protocol import ACTIONS, COMMANDS, MEDIA_ACTIONS, OUTCOMES, enums
from dialtone.protocol.enums import ContractEnum
from dialtone.protocol.schema import MESSAGES, contract_schema
from scripts.write_contract import FOLDER, contents
from tests.protocol import test_rules as table

Json = dict[str, Any]
SCHEMA = contract_schema()
WHOLE = Draft202012Validator(SCHEMA)
NOT_SAYABLE = {
    "ACTION_NOT_ALONE",
    "ACTION_ORDER",
    "ACTION_DUPLICATE",
    "ACTIONS_NOT_EMPTY",
    "ACTIONS_EMPTY",
    "CALLBACK_NOT_ABSOLUTE",
    "CALLBACK_NOT_HTTPS",
    "NOTIFICATION_NOT_ABSOLUTE",
    "NOTIFICATION_WITHOUT_SUBSCRIPTION",
    "CHOICE_DTMF_DUPLICATE",
    "CHOICE_SPEECH_DUPLICATE",
    "PROMPT_EMPTY",
    "CHOICE_EMPTY",
    "DIGITS_NO_LIMIT",
    "MEDIA_CONFIG_TOO_LONG",
    "RECORD_LENGTH_VS_OUTCOME",
    "CHOICE_XOR_DIGITS_OUTCOME",
    "CHOICE_NAME_MISSING",
    "DIGITS_MISSING",
    "MODALITIES_EMPTY",
    "JOIN_TOKEN_BLANK",
    "ID_BLANK",
    "PARTICIPANT_BLANK",
}
"""Rules that the schema leaves to `dialtone.protocol.rules`, in part or as a whole."""
ON_THE_WIRE = [kind for kind in OUTCOMES if kind.removesuffix("Outcome") not in COMMANDS]


def definition(name: str) -> Any:
    return Draft202012Validator(SCHEMA | {"anyOf": [{"$ref": f"#/$defs/{name}"}]})


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", contents())
def test_what_is_published_is_current(name: str) -> None:
    """Mend it by `python -m scripts.write_contract`."""
    assert (FOLDER / name).read_text(encoding="utf-8") == contents()[name]


def test_every_part_of_the_contract_is_in_it() -> None:
    told = [*MESSAGES, *ACTIONS.values(), *MEDIA_ACTIONS.values(), *(OUTCOMES[kind] for kind in ON_THE_WIRE)]
    names = {model.__name__ for model in told}
    assert names <= SCHEMA["$defs"].keys()
    used = {enum.__name__ for enum in ContractEnum.__subclasses__() if enum.__module__ == enums.__name__}
    assert used <= SCHEMA["$defs"].keys()
    assert not {model.__name__ for model in COMMANDS.values()} & SCHEMA["$defs"].keys(), "they are on no wire"
    assert "unknown" not in str(SCHEMA)
    assert "blob_name" not in str(SCHEMA)
    assert "blobName" not in SCHEMA["$defs"]["Prompt"]["properties"]


def legal_and_illegal() -> list[Any]:
    found = []
    for case in table.ACTION_LISTS:
        workflow = {"links": table.LINKS}
        found.append(("Workflow", case, workflow | {"actions": case.legal}, workflow | {"actions": case.illegal}))
    for case in table.CONVERSATIONS:
        found.append(("Conversation", case, table.CALL | case.legal, table.CALL | case.illegal))
    for case in table.ENVELOPES:
        hang_up: Json = {"actions": [table.HANGUP], "links": table.LINKS}
        found.append(("Workflow", case, hang_up | case.legal, hang_up | case.illegal))
    for case in table.SINGLE_ACTIONS:
        kind = table.SINGLE[case.legal["action"]].__name__
        found.append((kind, case, case.legal, case.illegal))
    return [pytest.param(*each, id=f"{each[1].code}-{number}") for number, each in enumerate(found)]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "case", "legal", "illegal"), legal_and_illegal())
def test_it_agrees_with_the_rules(name: str, case: table.Case, legal: Json, illegal: Json) -> None:
    validator = definition(name)
    odd = {"smell", "EN-us", "Audio"}
    if not any(f"'{value}'" in str(legal) for value in odd):
        assert validator.is_valid(without_nulls(legal))
    assert case.code in NOT_SAYABLE or not validator.is_valid(without_nulls(illegal))


@pytest.mark.parametrize("kind", ON_THE_WIRE)
def test_every_outcome(kind: str) -> None:
    outcome: Json = {"type": kind, "id": "a", "outcome": "success"}
    if kind == "recordOutcome":
        outcome |= {"completionReason": "callTerminated", "lengthOfRecordingInSecs": 1.5}
    result = {"id": "call-7", "callState": "established", "operationOutcome": outcome}
    assert WHOLE.is_valid(result)
    assert not WHOLE.is_valid(result | {"operationOutcome": outcome | {"type": "danceOutcome"}})
    assert not WHOLE.is_valid(result | {"operationOutcome": outcome | {"outcome": "partial"}})


@pytest.mark.parametrize(
    ("notification", "valid"),
    [
        ({"id": "c", "type": "callStateChange", "currentState": "terminated", "stateChangeCode": "0"}, True),
        ({"id": "c", "type": "callStateChange"}, False),
        ({"id": "c", "type": "weather", "currentState": "terminated"}, False),
        ({"id": "c", "type": "rosterUpdate", "participants": []}, False),
    ],
)
def test_notifications(notification: Json, valid: bool) -> None:
    assert WHOLE.is_valid(notification) == valid
