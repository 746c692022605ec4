"""`call.perform`: an action of the contract as it is, and its raw outcome."""

from typing import Any

import pytest

from dialtone import ActionFailed, Call
from dialtone.errors import WorkflowError
from dialtone.protocol import (
    CollectDigits,
    PlayPrompt,
    PlayPromptOutcome,
    Prompt,
    RecognitionOption,
    Recognize,
    RecognizeOutcome,
    Record,
    RecordOutcome,
)
from tests.dialogs.line import (
    NO_SOUND,
    NOT_ANSWERED,
    PLAYED,
    REFUSED,
    SILENCE,
    Asked,
    Line,
    asked,
    chose,
    kinds,
    recorded,
    said,
    unheard,
)

MENU = Recognize(operation_id="mine", choices=[RecognitionOption(name="a", dtmf_variation="1")])


def test_the_action_is_sent_as_it_is_under_an_id_of_ours() -> None:
    asking = Asked(lambda call: call.perform(MENU))
    question = asked(asking.first)
    assert question["operationId"] != "mine"
    assert question["choices"] == [{"name": "a", "dtmfVariation": "1"}]
    assert MENU.operation_id == "mine", "what the author has is left alone"


@pytest.mark.parametrize("outcome", [chose("a"), chose("never offered"), SILENCE, unheard("incorrectDtmf")])
def test_the_outcome_is_what_the_platform_said_failed_or_not(outcome: dict[str, Any]) -> None:
    came = Asked(lambda call: call.perform(MENU)).after(outcome)
    assert isinstance(came, RecognizeOutcome)
    assert came.succeeded == (outcome["outcome"] == "success")
    assert came.choice_outcome is not None
    assert came.choice_outcome.completion_reason == outcome["choiceOutcome"]["completionReason"]


def test_a_prompt_of_its_own_turn() -> None:
    action = PlayPrompt(operation_id="x", prompts=[Prompt(value="Hello.")])
    for outcome, succeeded in [(PLAYED, True), (NO_SOUND, False)]:
        asking = Asked(lambda call: call.perform(action))
        assert (kinds(asking.first), said(asking.first)) == (["answer", "playPrompt"], ["Hello."])
        came = asking.after(outcome)
        assert isinstance(came, PlayPromptOutcome)
        assert came.succeeded is succeeded


def test_a_recording_comes_without_its_sound() -> None:
    came = Asked(lambda call: call.perform(Record(operation_id="x"))).after(recorded(2.5))
    assert isinstance(came, RecordOutcome)
    assert came.length_of_recording_in_secs == 2.5


@pytest.mark.parametrize("outcome", [REFUSED, NOT_ANSWERED, recorded()])
def test_a_workflow_that_was_not_run_is_no_outcome_of_it(outcome: dict[str, Any]) -> None:
    came = Asked(lambda call: call.perform(MENU)).after(outcome)
    assert isinstance(came, ActionFailed)
    assert came.action == outcome["type"]


def test_what_is_illegal_is_refused_at_the_word() -> None:
    action = Recognize(operation_id="x", choices=[], collect_digits=CollectDigits())
    came = Asked(lambda call: call.perform(action)).after()
    assert isinstance(came, WorkflowError)
    assert came.field.startswith("recognize")


def test_run_again_it_is_known_by_what_it_asks() -> None:
    async def dialog(call: Call) -> None:
        for key in "12":
            option = RecognitionOption(name=key, dtmf_variation=key)
            came = await call.perform(Recognize(operation_id="", choices=[option]))
            assert isinstance(came, RecognizeOutcome)
            assert came.choice_outcome is not None
            call.say(str(came.choice_outcome.choice_name))

    line = Line(dialog)
    line.ring()
    assert said(line.send(chose("1"))) == ["1"]
    assert said(line.send(chose("2"))) == ["2"]
    marks = [entry[0] for entry in line.turns[-1].history.entries]
    assert len(set(marks)) == 2


def test_the_outcome_may_be_changed_without_changing_the_history() -> None:
    async def dialog(call: Call) -> None:
        came = await call.perform(MENU)
        assert isinstance(came, RecognizeOutcome)
        assert came.choice_outcome is not None
        name = came.choice_outcome.choice_name
        came.choice_outcome.choice_name = "changed"
        await call.choose(f"{name}?", {"b": "2"})
        call.say(f"{name}.")

    line = Line(dialog)
    line.ring()
    line.send(chose("a"))
    assert said(line.send(chose("b"))) == ["a."]
