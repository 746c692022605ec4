"""Messages of bots with media of their own."""

import pytest

from dialtone.protocol import (
    AnswerAppHostedMedia,
    ContractViolation,
    ConversationResult,
    JoinCallAppHostedMediaOutcome,
    JoinCallCompletionReason,
    MediaWorkflow,
    ResolutionFormat,
    VideoSubscription,
)

SUBSCRIPTION = {
    "operationId": "v",
    "action": "videoSubscription",
    "socketId": 0,
    "participantIdentity": "8:nora",
    "videoModality": "video",
}


def test_the_resolution_that_is_not_named_is_the_smallest() -> None:
    assert VideoSubscription.from_wire(SUBSCRIPTION).resolution is ResolutionFormat.SD360P
    assert VideoSubscription.from_wire(SUBSCRIPTION | {"videoResolution": "HD720p"}).resolution == "hd720p"


def test_only_media_actions_are_read_in_a_media_workflow() -> None:
    action = {"operationId": "m", "action": "AnswerAppHostedMedia", "mediaConfiguration": {}}
    (read,) = MediaWorkflow.from_wire({"actions": [action]}).actions or []
    assert isinstance(read, AnswerAppHostedMedia)
    for other in ("hangup", "videoSubscription"):
        with pytest.raises(ContractViolation, match="ACTION_UNSUPPORTED"):
            MediaWorkflow.from_wire({"actions": [action | {"action": other}]})


def test_how_joining_a_call_ended() -> None:
    outcome = {"type": "joinCallAppHostedMediaOutcome", "id": "j", "outcome": "failure"}
    result = {"id": "c", "callState": "terminated", "operationOutcome": outcome | {"completionReason": "novel"}}
    read = ConversationResult.from_wire(result).operation_outcome
    assert isinstance(read, JoinCallAppHostedMediaOutcome)
    assert read.completion_reason is JoinCallCompletionReason.UNKNOWN
    assert not read.succeeded
