"""Steps a workflow where the platform takes one command at a time.

    steps = the workflow's actions, each as one or more steps      (a channel makes them)
    found = what became of the step that was waited for            (a channel reads it from an event or a reply)
    after(steps, position, found)  ->  Send the next one, or Finished with the result of the whole workflow

1. Steps go in order; the next is sent when the one before has succeeded. A channel may pass over some.
2. The dialog is given one outcome: that of the last action, or of the first that failed, as in the Skype contract. So
   a bot that is run there and here sees the same.
3. What a later step needs of an earlier one (a recording's id, why it ended) is kept beside the position, as JSON.
4. When the call is over nothing more is sent.
5. Where a command is, is said by its context, `<sequence>.<position>`, which the platform echoes. An event with the
   context of another step changes nothing: it is late, repeated, or of somebody else.
6. The id of a command is derived from (call, sequence, position): a command that is sent again is known again.

Sequence is the number of the turn whose workflow it is, position the number of the step in it, both from 0.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from dialtone.protocol import (
    OUTCOMES,
    Action,
    CallState,
    ConversationResult,
    Outcome,
    OutcomeValue,
    Recognize,
    Record,
    Transfer,
)

_CONTEXT: Final = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,4})", re.ASCII)

Kept = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One command of an action. `operation` is a name of the channel's, empty for what is refused; `recording` is the
    recording that it is about, empty when that is the one of an earlier step.

    It is over when an event of `ends_with` comes, or with its reply when there is none in it.
    """

    action: Action
    operation: str
    body: Mapping[str, Any] | None = None
    ends_with: frozenset[str] = frozenset()
    refusal: str = ""
    recording: str = ""

    @property
    def survives(self) -> bool:
        """Whether the outcome of the action is still to come when the call is reported to be over."""
        return isinstance(self.action, Transfer)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a step: the outcome of its action so far, whether the call is over, what is to be kept of it.

    `to` is the position to go to where it is not the next one; behind the last one the workflow is done.
    """

    outcome: Outcome
    over: bool = False
    kept: Kept = field(default_factory=dict)
    to: int | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Send the step at `position`; `kept` is to be stored with it."""

    position: int
    kept: Kept


@dataclass(frozen=True, slots=True)
class Finished:
    """The workflow is done: the result for the dialog."""

    result: ConversationResult


def after(call_id: str, steps: Sequence[object], position: int, found: Found, kept: Kept) -> Send | Finished:
    """What comes after the step at `position`, of which this was found. Rules 1, 2 and 4."""
    following = position + 1 if found.to is None else found.to
    if found.outcome.succeeded and not found.over and following < len(steps):
        return Send(following, {**kept, **found.kept})
    state = CallState.TERMINATED if found.over else CallState.ESTABLISHED
    if found.outcome.type == "redirectOutcome" and not found.over:
        state = CallState.INCOMING
    return Finished(ConversationResult(id=call_id, call_state=state, operation_outcome=found.outcome))


def context_of(sequence: int, position: int) -> str:
    """Rule 5: the context of a command."""
    return f"{sequence}.{position}"


def place_of(context: str) -> tuple[int, int] | None:
    """Rule 5: the sequence and the position that a context says; None for one that is not ours."""
    found = _CONTEXT.fullmatch(context)
    return (int(found[1]), int(found[2])) if found else None


def command_id(call_id: str, sequence: int, position: int) -> str:
    """Rule 6: the id of a command, in the form of a UUID."""
    digest = hashlib.sha256(f"{call_id}\n{context_of(sequence, position)}".encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def plain(action: Action) -> Outcome:
    """The outcome of an action that went well, or of a part of one that did."""
    kind = f"{action.kind}Outcome"
    # What these came to is made by the channel; here it is only that a step of theirs went well.
    model = Outcome if isinstance(action, Recognize | Record) else OUTCOMES[kind]
    return model(type=kind, id=action.operation_id, outcome=OutcomeValue.SUCCESS)
