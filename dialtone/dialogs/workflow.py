"""From what a dialog queues to the actions of a legal workflow: rule 4 of `dialtone.dialogs.engine`.

Each action is checked at the word that queues it, so what is sent is legal by construction. `operation` makes an
operationId from a part: unique in the call, and the same when the turn is taken again.
"""

from collections.abc import Callable, Sequence
from typing import Final

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from dialtone import protocol
from dialtone.dialogs.turn import Build, Queued
from dialtone.errors import WorkflowError
from dialtone.protocol import ContractViolation, rules
from dialtone.protocol.model import violation_of

Operation = Callable[[str], str]

_AUDIO: Final = protocol.ModalityType.AUDIO
_ANSWERS: Final = ("answer", "answerAppHostedMedia")
_FIRST: Final = (*_ANSWERS, "reject", "redirect")
_LAST: Final = frozenset({"hangup", "leave", "reject"})
_ACTION: Final = {"digits": "recognize"}
"""Kinds of request that are not named as their action is."""


def check_order(kind: str, queue: Sequence[Queued], *, answered: bool) -> None:
    """Raise `WorkflowError` when this kind of action may not come after what is queued."""
    last = queue[-1].kind if queue else ""
    if last in _LAST:
        raise WorkflowError(
            f"{kind} comes after {last}", field=kind, fix=f"return from the dialog after {last}", code="ACTION_ORDER"
        )
    if kind in _FIRST and (answered or queue):
        raise WorkflowError(
            f"{kind} must be the first action of a call",
            field=kind,
            fix=f"call it before anything else, or leave {kind} out",
            code="ACTION_ORDER",
        )


def checked(kind: str, build: Build, operation_id: str) -> protocol.Action:
    """The action, which is legal. Raises a `WorkflowError` whose field begins with the action's name."""
    name = _ACTION.get(kind, kind)
    try:
        action = build(operation_id)
        rules.check_action(action)
    except ValidationError as error:
        violation = violation_of(error)
        violation.field = ".".join(to_camel(part) for part in violation.field.split("."))
        raise WorkflowError.from_violation(violation.under(name)) from None
    except ContractViolation as violation:
        if violation.code == "PROMPT_EMPTY":
            violation.fix = 'give it a text: Prompt("name", "text"), or just "text"'
        raise WorkflowError.from_violation(violation.under(name)) from None
    return action


def actions_of(queue: Sequence[Queued], *, answered: bool, operation: Operation) -> list[protocol.Action]:
    """What is queued, as the contract has it, with the answer first."""
    built = [item.built or checked(item.kind, item.build, operation(str(index))) for index, item in enumerate(queue)]
    if built and not answered and built[0].action not in (*_FIRST, "hangup"):
        built.insert(0, protocol.Answer(operation_id=operation("a"), accept_modality_types=[_AUDIO]))
    return built


def closing(queue: Sequence[Queued], *, answered: bool, operation: Operation) -> list[protocol.Action]:
    """The same, and what ends the call: a hang-up, or a reject when nothing was said."""
    actions = actions_of(queue, answered=answered, operation=operation)
    if actions and actions[-1].action in _LAST:
        return actions
    if not actions and not answered:
        return [protocol.Reject(operation_id=operation("z"))]
    return [*actions, protocol.Hangup(operation_id=operation("z"))]
