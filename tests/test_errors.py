"""The tree of errors is as it is drawn, and each error says what a user needs."""

import inspect
import re

import pytest

from dialtone import errors
from dialtone.errors import (
    ActionFailed,
    ActivityFailed,
    BadMessage,
    CallEnded,
    DialtoneError,
    StorageUnavailable,
    Unauthorized,
    WorkflowError,
)
from dialtone.protocol import ContractViolation

CLASSES = [found for found in vars(errors).values() if inspect.isclass(found) and found.__module__ == errors.__name__]
ERRORS = [found for found in CLASSES if issubclass(found, DialtoneError)]


def drawn() -> dict[str, str]:
    """Each class of the drawing, and the one that it hangs from."""
    parents: list[str] = []
    tree: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ((?:│   |    |├── |└── )*)([A-Z]\w+) ?", line)
        if found:
            depth = len(found[1]) // 4
            parents = [*parents[:depth], found[2]]
            tree[found[2]] = parents[-2] if depth else ""
    return tree


def test_the_drawing_is_the_tree() -> None:
    tree = {found.__name__: found.__base__.__name__ for found in CLASSES if found.__base__ is not None}
    roots = {"DialtoneError": "", "CallEnded": "", "Canceled": ""}
    assert drawn() == tree | roots


def statuses() -> dict[str, str]:
    """The statuses that the drawing names, in parentheses at the end of a line."""
    found = re.findall(r"([A-Z]\w+) +.*\((\d[^)]*)\)$", errors.__doc__ or "", re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize("error", [error for error in ERRORS if error is not DialtoneError])
def test_status_of_the_reply(error: type[DialtoneError]) -> None:
    branch = next(base for base in error.__mro__ if base.__name__ in statuses())
    expected = statuses()[branch.__name__].split(",")[0]
    assert expected in (str(error.http_status), f"{error.http_status // 100}xx")
    assert error.retryable == (error.http_status == 503)


def test_codes_are_their_own() -> None:
    codes = [error.code for error in ERRORS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[A-Z_]+", code) for code in codes)


@pytest.mark.parametrize("error", [error for error in ERRORS if error not in (ActionFailed, ActivityFailed)])
def test_text(error: type[DialtoneError]) -> None:
    assert str(error("it broke")) == f"{error.code}: it broke."
    full = error("it broke", field="appState", fix="mend it", code="OTHER")
    assert str(full) == "OTHER [appState]: it broke. Fix: mend it."
    assert error.code != "OTHER"


def test_what_a_dialog_can_ask_of_its_errors() -> None:
    failed = ActionFailed("playPromptOutcome", "")
    assert (failed.action, failed.reason, failed.message) == (
        "playPromptOutcome",
        "",
        "playPromptOutcome failed: no reason was given",
    )
    raised = ActivityFailed("look_up", "ValueError: x")
    assert (raised.function, raised.reason, raised.message) == (
        "look_up",
        "ValueError: x",
        "look_up raised ValueError: x",
    )
    assert failed.fix
    assert raised.fix


@pytest.mark.parametrize("error", [WorkflowError, BadMessage])
def test_a_violation_is_an_error_of_one_side(error: type[WorkflowError | BadMessage]) -> None:
    found = error.from_violation(ContractViolation("PROMPT_EMPTY", "nothing", field="actions.0", fix="add a text"))
    assert type(found) is error
    assert (found.code, found.message, found.field, found.fix) == ("PROMPT_EMPTY", "nothing", "actions.0", "add a text")


def test_the_end_of_a_call_is_no_exception() -> None:
    assert not issubclass(CallEnded, Exception)
    assert CallEnded("lost").reason == "lost"


def test_only_a_failure_of_something_else_is_tried_again() -> None:
    assert [error.__name__ for error in ERRORS if error.retryable] == ["DependencyError", "StorageUnavailable"]
    assert StorageUnavailable("down").http_status == 503
    assert Unauthorized("who").http_status == 401
