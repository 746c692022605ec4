"""From JSON to a message and back: names, unknown members, and what is said of a message that cannot be read."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialtone.protocol import (
    ContractViolation,
    Conversation,
    ConversationResult,
    Hangup,
    MediaWorkflow,
    PlayPrompt,
    Prompt,
    Recognize,
    RecordOutcome,
    Workflow,
)
from dialtone.protocol.model import ContractModel

CONVERSATION: dict[str, Any] = {
    "id": "call-7",
    "participants": [{"identity": "8:nora", "originator": True}, {"identity": "28:bot", "originator": False}],
    "presentedModalityTypes": ["audio"],
    "callState": "incoming",
}
PERSON = {"identity": "8:nora", "originator": True}
RESULT: dict[str, Any] = {
    "id": "call-7",
    "callState": "established",
    "operationOutcome": {"type": "answerOutcome", "id": "a1", "outcome": "success"},
}
RECORDED = {
    "type": "recordOutcome",
    "id": "r",
    "outcome": "success",
    "completionReason": "completedSilenceDetected",
    "lengthOfRecordingInSecs": 2,
}
RECORD = {"operationId": "r", "action": "record"}
PLAY = {"operationId": "p", "action": "playPrompt", "prompts": [{"value": "One"}]}


def violation(model: type[ContractModel], data: object) -> ContractViolation:
    with pytest.raises(ContractViolation) as caught:
        model.from_wire(data)
    assert caught.value.stage == "parse"
    return caught.value


def recased(value: Any, change: Any) -> Any:
    if isinstance(value, dict):
        return {change(name): recased(member, change) for name, member in value.items()}
    return [recased(member, change) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title, str.swapcase])
@pytest.mark.parametrize(
    ("model", "data"),
    [
        (Conversation, CONVERSATION),
        (ConversationResult, RESULT),
        (ConversationResult, RESULT | {"operationOutcome": RECORDED}),
        (Workflow, {"actions": [PLAY, RECORD | {"playPrompt": PLAY}], "links": {"callback": "https://bot.test/"}}),
    ],
)
def test_names_are_read_in_any_case_at_every_depth(model: type[ContractModel], data: Any, change: Any) -> None:
    assert model.from_wire(recased(data, change)) == model.from_wire(data)


def test_what_is_written_is_exact_camel_case_without_empty_members() -> None:
    action = Recognize(
        operation_id="g",
        play_prompt=PlayPrompt(operation_id="p", prompts=[Prompt(value="One", silence_length_in_milliseconds=5)]),
        initial_silence_timeout_in_seconds=5,
        interdigit_timeout_in_seconds=1.5,
    )
    assert action.to_json() == (
        b'{"operationId":"g","action":"recognize","playPrompt":{"operationId":"p","action":"playPrompt","prompts":'
        b'[{"value":"One","silenceLengthInMilliseconds":5}]},"initialSilenceTimeoutInSeconds":5,'
        b'"interdigitTimeoutInSeconds":1.5}'
    )
    assert json.loads(action.to_json()) == action.to_wire()


def test_a_prompt_name_of_ours_is_not_written() -> None:
    assert Prompt(value="One", blob_name="welcome").to_wire() == {"value": "One"}


def test_unknown_members_are_kept_and_written_back() -> None:
    data = CONVERSATION | {"joinToken": {"t": [1, {"x": None}]}, "participants": [{"isHidden": True, **PERSON}]}
    assert Conversation.from_wire(data).to_wire() == data | {"isMultiparty": False}


def test_an_action_keeps_its_own_members_in_a_workflow() -> None:
    data = {"actions": [PLAY, RECORD | {"transcribe": True}], "agent": "botbuilder", "source": "skype"}
    workflow = Workflow.from_wire(data)
    assert [type(action).__name__ for action in workflow.actions] == ["PlayPrompt", "Record"]
    assert workflow.to_wire() == data
    assert json.loads(workflow.to_json()) == data


def test_the_class_of_an_outcome_goes_by_its_exact_type() -> None:
    read = ConversationResult.from_wire(RESULT | {"operationOutcome": RECORDED})
    assert isinstance(read.operation_outcome, RecordOutcome)
    assert violation(ConversationResult, RESULT | {"operationOutcome": RECORDED | {"type": "RecordOutcome"}}).code == (
        "OUTCOME_UNSUPPORTED"
    )


def test_the_class_of_an_action_goes_by_its_name_in_any_case() -> None:
    workflow = Workflow.from_wire({"actions": [{"operationId": "h", "action": "HangUp"}]})
    assert isinstance(workflow.actions[0], Hangup)
    assert workflow.actions[0].action == "HangUp"


@pytest.mark.parametrize("name", sorted({"id", "participants", "presentedModalityTypes", "callState"}))
@pytest.mark.parametrize("null", [True, False])
def test_a_required_member_that_is_absent_or_null(name: str, null: bool) -> None:
    data = {member: value for member, value in CONVERSATION.items() if member != name}
    found = violation(Conversation, data | {name: None} if null else data)
    assert (found.code, found.field, found.fix) == (f"MISSING:{name}", name, f"add {name}")


@pytest.mark.parametrize(
    ("model", "data", "code", "field"),
    [
        (Conversation, CONVERSATION | {"id": 7}, "WRONG_TYPE", "id"),
        (Conversation, CONVERSATION | {"callState": 7}, "WRONG_TYPE", "callState"),
        (Conversation, CONVERSATION | {"isMultiparty": "perhaps"}, "WRONG_TYPE", "isMultiparty"),
        (Conversation, CONVERSATION | {"participants": [None]}, "WRONG_TYPE", "participants.0"),
        (Conversation, CONVERSATION | {"participants": {}}, "WRONG_TYPE", "participants"),
        (Conversation, CONVERSATION | {"participants": [{"identity": "8:n"}]}, "MISSING:originator", None),
        (Conversation, CONVERSATION | {"links": {"call": 1}}, "WRONG_TYPE", "links.call"),
        (Conversation, [CONVERSATION], "WRONG_TYPE", ""),
        (Conversation, None, "WRONG_TYPE", ""),
        (ConversationResult, RESULT | {"operationOutcome": None}, "MISSING:operationOutcome", "operationOutcome"),
        (ConversationResult, RESULT | {"operationOutcome": "ok"}, "WRONG_TYPE", "operationOutcome"),
        (ConversationResult, RESULT | {"operationOutcome": {}}, "MISSING:type", "operationOutcome.type"),
        (ConversationResult, RESULT | {"operationOutcome": {"type": ["x"]}}, "OUTCOME_UNSUPPORTED", None),
        (ConversationResult, RESULT | {"operationOutcome": {"type": "answerOutcome"}}, "MISSING:id", None),
        (
            ConversationResult,
            RESULT | {"operationOutcome": RECORDED | {"lengthOfRecordingInSecs": "long"}},
            "WRONG_TYPE",
            "operationOutcome.lengthOfRecordingInSecs",
        ),
        (
            ConversationResult,
            RESULT | {"operationOutcome": RECORDED | {"lengthOfRecordingInSecs": float("inf")}},
            "WRONG_TYPE",
            "operationOutcome.lengthOfRecordingInSecs",
        ),
        (Workflow, {"actions": [None]}, "WRONG_TYPE", "actions.0"),
        (Workflow, {"actions": [{"operationId": "x"}]}, "MISSING:action", "actions.0.action"),
        (
            Workflow,
            {"actions": [RECORD | {"playPrompt": {"operationId": "p", "prompts": [{"value": "One"}]}}]},
            "MISSING:action",
            "actions.0.playPrompt.action",
        ),
        (Workflow, {"actions": [{"operationId": "x", "action": 1}]}, "ACTION_UNSUPPORTED", "actions.0.action"),
        (Workflow, {"actions": [{"operationId": "x", "action": "dance"}]}, "ACTION_UNSUPPORTED", "actions.0.action"),
        (Workflow, {"actions": [PLAY, {"action": "hangup"}]}, "MISSING:operationId", "actions.1.operationId"),
        (
            Workflow,
            {"actions": [RECORD | {"maxDurationInSeconds": "long"}]},
            "WRONG_TYPE",
            "actions.0.maxDurationInSeconds",
        ),
        (
            Workflow,
            {"actions": [RECORD | {"playPrompt": PLAY | {"prompts": [{"value": 1}]}}]},
            "WRONG_TYPE",
            "actions.0.playPrompt.prompts.0.value",
        ),
    ],
)
def test_a_message_that_cannot_be_read(model: type[ContractModel], data: Any, code: str, field: str | None) -> None:
    found = violation(model, data)
    assert found.code == code
    assert field is None or found.field == field
    assert found.message


def test_a_message_that_is_nested_too_deeply() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    found = violation(Conversation, CONVERSATION | {"extra": deep})
    assert found.code == "TOO_DEEP"
    while deep:
        # Freed from the outside in, or freeing it would recurse as deeply.
        deep = deep[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["id", "ID", "participants", "callState", "operationOutcome", "type", "actions", "action", "prompts", "links", "x"]
)


@given(st.recursive(JSON, lambda inner: st.dictionaries(NAMES, inner, max_size=6), max_leaves=8))
def test_whatever_comes_is_read_or_refused_as_a_violation(data: Any) -> None:
    for model in (Conversation, ConversationResult, Workflow):
        with suppress(ContractViolation):
            model.from_wire(data).to_json()


FOREIGN = st.text(max_size=8).map("x-{}".format)
KEPT = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FOREIGN, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(FOREIGN, KEPT, max_size=4))
def test_any_unknown_member_comes_back(extra: dict[str, Any]) -> None:
    conversation = Conversation.from_wire(CONVERSATION | extra)
    assert json.loads(conversation.to_json()) == CONVERSATION | {"isMultiparty": False} | extra


@pytest.mark.parametrize("blob", [{"ID": 1, "Participants": [{"Identity": 2}]}, {"mpUri": {"callstate": []}}])
def test_what_is_in_an_opaque_or_unknown_member_stays_as_it_is(blob: dict[str, Any]) -> None:
    action = {"operationId": "m", "action": "answerAppHostedMedia", "mediaConfiguration": blob}
    assert MediaWorkflow.from_wire({"Actions": [action], "novel": blob}).to_wire() == {
        "actions": [action],
        "novel": blob,
    }
