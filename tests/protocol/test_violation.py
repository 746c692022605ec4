"""A violation names the rule, the place and the way out."""

from dialtone.protocol import ContractViolation


def test_text() -> None:
    violation = ContractViolation("PROMPT_EMPTY", "nothing to play", field="value", fix="add a text")
    assert str(violation) == "PROMPT_EMPTY at value: nothing to play (add a text)"
    assert str(ContractViolation("X", "is wrong")) == "X: is wrong"


def test_under_puts_the_field_into_its_message_and_keeps_the_rest() -> None:
    violation = ContractViolation("MISSING:value", "value is required", field="value", fix="add it", stage="parse")
    seen = violation.under("prompts.0").under("actions.1")
    assert (seen.field, seen.code, seen.message, seen.fix, seen.stage) == (
        "actions.1.prompts.0.value",
        "MISSING:value",
        "value is required",
        "add it",
        "parse",
    )


def test_under_without_a_field() -> None:
    assert ContractViolation("X", "is wrong").under("actions.1").field == "actions.1"


def test_it_is_a_value_error_found_by_validation() -> None:
    violation = ContractViolation("X", "is wrong")
    assert isinstance(violation, ValueError)
    assert (violation.stage, violation.field, violation.fix) == ("validate", "", "")
