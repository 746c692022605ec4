"""Every sample message of the Skype Calling API document: `cases/seed_004_samples.json`.

A sample is kept as the platform would send it, and its `slip` says what the document has wrong about it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dialtone.channels import skype
from dialtone.protocol import (
    ContractViolation,
    Conversation,
    ConversationResult,
    RecognizeOutcome,
    Workflow,
    rules,
)
from dialtone.protocol.schema import contract_schema

Json = dict[str, Any]
SAMPLES: list[Json] = json.loads(
    (Path(__file__).parent / "cases" / "seed_004_samples.json").read_text(encoding="utf-8")
)
SOUND = b"\x30\x26\xb2\x75 sound"
SCHEMA = Draft202012Validator(contract_schema())


def body_of(sample: Json) -> tuple[str, bytes]:
    text = json.dumps(sample["json"]).encode()
    if sample["kind"] != "recording":
        return skype.CONTENT_TYPE, text
    mark = f"--{sample['boundary']}\r\n".encode()
    contents = zip(sample["parts"], (text, SOUND), strict=True)
    parts = [mark + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in contents]
    return sample["contentType"], b"".join([*parts, f"--{sample['boundary']}--\r\n".encode()])


def read(sample: Json) -> Json:
    """What the kit makes of a sample."""
    if sample["kind"] == "workflow":
        workflow = Workflow.from_wire(sample["json"])
        rules.check_workflow(workflow)
        assert workflow.to_wire() == sample["json"]
        return {"actions": [action.action for action in workflow.actions]}
    content_type, body = body_of(sample)
    incoming = skype.parse({"content-type": content_type}, body)
    message = incoming.message
    if isinstance(message, Conversation):
        assert message.caller is not None
        return {"caller": message.caller.identity, "state": str(message.call_state)}
    assert isinstance(message, ConversationResult)
    outcome = message.operation_outcome
    found: Json = {"outcome": outcome.type, "ok": outcome.succeeded, "state": str(message.call_state)}
    if isinstance(outcome, RecognizeOutcome) and outcome.choice_outcome:
        found["choice"] = outcome.choice_outcome.choice_name
    if incoming.audio is not None:
        assert bytes(incoming.audio) == SOUND
        found["format"] = str(incoming.format)
    return found


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["id"])
def test_sample(sample: Json) -> None:
    expect = sample["expect"]
    try:
        found = read(sample)
    except ContractViolation as violation:
        found = {"refused": violation.code}
    assert found == expect
    assert SCHEMA.is_valid(sample["json"]) == ("refused" not in expect)


def test_there_is_a_sample_of_every_message_that_the_document_shows() -> None:
    shown = [name for sample in SAMPLES for name in sample["expect"].get("actions", [sample["expect"].get("outcome")])]
    assert {"answer", "reject", "record", "playPrompt", "recognize", "hangup"} <= set(shown)
    assert {f"{kind}Outcome" for kind in ("answer", "reject", "record", "playPrompt", "recognize", "hangup")} <= set(
        shown
    )
    assert [sample["id"] for sample in SAMPLES] == [f"S{number:02}" for number in range(1, 17)]
