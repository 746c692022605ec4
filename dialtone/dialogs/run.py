"""One run of a dialog under the rules of `dialtone.dialogs.engine`, whose numbers are cited here."""

import inspect
import json
from collections.abc import Callable, Coroutine
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any, Final, NoReturn, cast

from dialtone import protocol
from dialtone.dialogs import workflow
from dialtone.dialogs.bot import CallBot
from dialtone.dialogs.call import Call
from dialtone.dialogs.history import Entry, History, dumps
from dialtone.dialogs.requests import (
    HUNG_UP,
    LOST,
    Answer,
    Code,
    Request,
    entry,
    entry_of,
    fingerprint,
    with_roster,
)
from dialtone.dialogs.turn import Activity, Build, Event, Lost, Queued, Turn
from dialtone.errors import ActionFailed, CallEnded, DialogError, ReplayMismatch, WorkflowError
from dialtone.protocol import CallStateChange, ConversationResult
from dialtone.protocol.states import OVER

STEPS: Final = 1000
"""Things that a dialog may do in one turn: queue an action, ask, look at the clock."""

_SAID: Final = frozenset({"answer", "playPrompt"})
_REFUSED: Final = fingerprint("refused", "")
_NOT_RUN: Final = frozenset({"answerOutcome", "workflowValidationOutcome", protocol.MISSPELT_VALIDATION})
"""Failures after which the call is no more answered than before."""


class _Replaced(BaseException):
    """Unwinds a dialog that called `replace`."""


class _CutOff(BaseException):
    """Unwinds a dialog that did too much."""


class Run:
    """One run of a dialog, from its start to the next request that has no outcome yet.

    The first half is what a `Call` uses while the dialog runs, the second half drives the dialog.
    """

    def __init__(
        self,
        bot: CallBot,
        history: History,
        event: Event,
        *,
        event_taken: bool,
        after: Activity | None = None,
    ) -> None:
        self._bot = bot
        self._history = history
        self._event = event
        self._event_taken = event_taken
        self._carried = after.carried if after else ()
        self._entries: list[Entry] = list(history.entries)
        self._cursor = 0
        self._queue: list[Queued] = list(self._carried)
        self._answered = history.answered
        self._roster = history.roster
        self._ended_before = self._ended = after.ended if after else ""
        self._suspended = False
        self._mismatch: ReplayMismatch | None = None
        self._replaced: tuple[str, dict[str, Any]] | None = None
        self._placed = 0  # Actions that this dialog queued or asked.
        self._steps = 0
        self._steps_before = after.steps if after else 0

    # What a call uses.

    def queue(self, kind: str, build: Build) -> None:
        """Queue an action. Raises `WorkflowError` when it is illegal here."""
        self._step()
        if self._ended or self._suspended:
            return
        if self._replayed():
            # What is replayed was checked when it was sent.
            self._queue.append(Queued(kind, build))
        else:
            self._enqueue(kind, build)

    def now(self) -> float:
        """The time of the turn that asked first."""
        return self._recall("now", lambda: round(self._event.at, 3))

    def random(self) -> float:
        """A random number, the same one whenever the dialog is run again."""
        return self._recall("random", self._chance)

    @property
    def roster(self) -> tuple[str, ...] | None:
        """Identities of those who are in the call; None while they are those that it began with."""
        return self._roster

    def replace(self, dialog: str, args: dict[str, Any]) -> NoReturn:
        """Unwind the dialog and go on with another."""
        self._step()
        if self._suspended:
            raise GeneratorExit
        try:
            kept = json.loads(dumps(args))
        except (TypeError, ValueError) as error:
            raise DialogError(
                f"an argument for {dialog!r} is not JSON: {error}", field=dialog, fix="pass text, numbers, lists, dicts"
            ) from None
        self._replaced = (dialog, kept)
        raise _Replaced

    @property
    def _live(self) -> bool:
        """Whether the history has been replayed and the event taken, so that what comes now is new."""
        return self._event_taken and self._cursor == len(self._entries)

    def _chance(self) -> float:
        # The turn goes on in another run after an activity: a number must depend on where it is drawn.
        place = f"{self._event.seed} {self._history.dialog} {self._cursor} {self._steps}"
        return round(Random(place).random(), 9)  # noqa: S311 - documented as not for secrets

    def _recall(self, kind: str, produce: Callable[[], float]) -> float:
        self._step()
        if self._suspended:
            return produce()
        mark = fingerprint(kind, "")
        if not self._live:
            return float(self._next_entry(mark).value)
        value = produce()
        self._entries.append(entry(mark, Code.ANSWERED, "", value))
        self._cursor += 1
        return value

    def _replayed(self) -> bool:
        """Whether the next action is one of an earlier run. Raises the `WorkflowError` that refused it then."""
        self._placed += 1
        if self._live:
            return False
        if self._cursor < len(self._entries) and self._entries[self._cursor][0] == _REFUSED:
            refused = Answer.of(self._entries[self._cursor])
            number, message, at, fix = refused.value
            if number == self._placed:
                self._next_entry(_REFUSED)
                raise WorkflowError(message, field=at, fix=fix, code=refused.reason)
        return True

    def _enqueue(self, kind: str, build: Build) -> None:
        try:
            workflow.check_order(kind, self._queue, answered=self._answered)
            action = workflow.checked(kind, build, self._operation(str(len(self._queue))))
        except WorkflowError as refusal:
            value = [self._placed, refusal.message, refusal.field, refusal.fix]
            self._entries.append(entry(_REFUSED, Code.REFUSED, refusal.code, value))
            self._cursor += 1
            raise
        self._queue.append(Queued(kind, build, action))

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEPS:
            raise _CutOff

    # What drives the dialog.

    def take(self) -> Turn:
        """Run the dialog, and those that replace it, until the turn is complete or waits for an activity."""
        try:
            while True:
                try:
                    return self._drive()
                except _Replaced:
                    self._begin_replacement()
        except _CutOff:
            problem = DialogError(
                f"the dialog did more than {STEPS} things without letting the platform answer",
                fix="await a question in the loop, or leave it",
            )
            return self._fail(problem, drop=True)
        except Exception as error:
            return self._fail(self._mismatch or error, drop=self._mismatch is not None)

    def _begin_replacement(self) -> None:
        assert self._replaced is not None
        if not self._live:
            raise self._mismatched("was replaced before it asked what its history answers")
        dialog, args = self._replaced
        history = self._history
        self._history = history._replace(
            dialog=dialog,
            args=args,
            entries=(),
            answered=self._answered,
            pending="",
            roster=self._roster,
        )
        self._entries, self._cursor, self._placed, self._replaced = [], 0, 0, None
        self._carried, self._ended_before = tuple(self._queue), self._ended
        self._suspended = False

    def _drive(self) -> Turn:
        call = Call(self, self._history.facts)
        # A dialog may change what it is given; the history may not be changed.
        begun = self._bot.start(self._history.dialog, call, deepcopy(self._history.args))
        dialog = cast("Coroutine[Any, Any, Any]", begun)
        answer: Answer | None = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    request = dialog.throw(error) if error is not None else dialog.send(answer)
                except (StopIteration, CallEnded):
                    return self._finish()
                answer, error = None, None
                try:
                    self._step()
                    outcome = self._outcome(request, dialog)
                except ReplayMismatch:
                    raise
                except (CallEnded, ActionFailed, DialogError, WorkflowError) as problem:
                    error = problem
                    continue
                if isinstance(outcome, Turn):
                    return outcome
                answer = outcome
        finally:
            self._put_aside(dialog)

    def _put_aside(self, dialog: Coroutine[Any, Any, Any]) -> None:
        """Rule 9. A coroutine that awaits again while it is closed has to be closed again."""
        self._suspended = True
        steps = self._steps
        for _ in range(STEPS):
            self._steps = 0
            with suppress(Exception, _CutOff):
                dialog.close()
            if inspect.getcoroutinestate(dialog) == inspect.CORO_CLOSED:
                self._steps = steps
                return
        raise DialogError(
            f"the dialog cannot be put aside: it goes on after GeneratorExit ({_where(dialog)})",
            fix="write `except Exception`, not `except BaseException` or a bare `except`",
        )

    def _outcome(self, request: object, dialog: Coroutine[Any, Any, Any]) -> Answer | Turn:
        """The answer to a request, or the turn that ends by asking it."""
        if self._mismatch is not None:
            raise self._mismatch
        if not isinstance(request, Request):
            raise DialogError(
                f"a dialog can await only its call's questions, not {type(request).__name__} ({_where(dialog)})",
                fix="do it in an async function and `await call.run(function, ...)`",
            )
        mark = request.fingerprint
        if request.activity is not None:
            if not self._live:
                answer = self._next_entry(mark)
                # The dialog may change what it is given; the history may not be changed.
                return answer._replace(value=deepcopy(answer.value))
            activity = Activity(mark, request.activity, self._carried, self._ended_before, self._steps)
            return Turn(self._kept(pending=mark), activity=activity)
        if self._ended:
            raise CallEnded(self._ended)
        if self._replayed():
            if self._cursor == len(self._entries):
                self._take_event(request, mark)
            return self._platform_answer(mark)
        assert request.build is not None
        self._enqueue(request.kind, request.build)
        return Turn(
            self._kept(pending=mark),
            workflow.actions_of(self._queue, answered=self._answered, operation=self._operation),
        )

    def _take_event(self, request: Request, mark: str) -> None:
        """Rule 2: the event answers the request that the last turn asked."""
        self._check(self._history.pending, mark)
        self._event_taken = True
        message = self._event.message
        if isinstance(message, ConversationResult):
            outcome = entry_of(request, message, self._event.recording)
            roster = self._event.roster
            if roster is not None and self._is_new(roster):
                outcome = with_roster(outcome, roster)
            self._entries.append(outcome)
        else:
            ended = LOST if isinstance(message, Lost) else HUNG_UP
            self._entries.append(entry(mark, Code.UNANSWERED, "", None, ended))

    def _is_new(self, roster: tuple[str, ...]) -> bool:
        known = self._roster
        if known is None:
            known = tuple(member.identity for member in self._history.facts.participants)
        return {identity.casefold() for identity in roster} != {identity.casefold() for identity in known}

    def _platform_answer(self, mark: str) -> Answer:
        answer = self._next_entry(mark)
        self._queue.clear()
        self._carried = ()
        self._ended = answer.ended
        if answer.roster is not None:
            self._roster = tuple(answer.roster)
        if answer.code is not Code.FAILED or answer.value[0] not in _NOT_RUN:
            self._answered = True
        if answer.ended and not answer.ok:
            raise CallEnded(answer.ended)
        if answer.code is Code.FAILED:
            kind, reason = answer.value
            raise ActionFailed(kind, reason)
        return answer

    def _next_entry(self, mark: str) -> Answer:
        # Beyond the history there is only what the event answers.
        recorded = self._entries[self._cursor] if self._cursor < len(self._entries) else [""]
        self._check(recorded[0], mark)
        self._cursor += 1
        self._steps = self._steps_before
        return Answer.of(recorded)

    def _check(self, recorded: str, asked: str) -> None:
        if recorded != asked:
            raise self._mismatched(f"asks something else than outcome {self._cursor} of its history answers")

    def _mismatched(self, what: str) -> ReplayMismatch:
        self._mismatch = ReplayMismatch(
            f"the dialog {what}",
            fix="let calls end before their dialog is changed; ask the outside world only by run, now and random",
        )
        return self._mismatch

    def _operation(self, part: str) -> str:
        """An operationId: unique in the call, and the same when the turn is taken again."""
        return f"{self._history.sequence}-{part}"

    def _finish(self) -> Turn:
        """The dialog has returned."""
        if self._mismatch is not None:
            raise self._mismatch
        if not self._live:
            raise self._mismatched("ended before it asked what its history answers")
        return Turn(self._kept(done=True), self._closing())

    def _closing(self) -> list[protocol.Action]:
        """What ends the call; nothing when it is over."""
        if self._ended:
            return []
        return workflow.closing(self._queue, answered=self._answered, operation=self._operation)

    def _fail(self, error: Exception, *, drop: bool) -> Turn:
        """Rule 6: the apology and the hang-up."""
        message = self._event.message
        if isinstance(message, Lost):
            self._ended = LOST
        elif isinstance(message, CallStateChange) or message.call_state in OVER:
            self._ended = HUNG_UP
        elif isinstance(message, ConversationResult) and message.operation_outcome.type not in _NOT_RUN:
            self._answered = True
        # Only what is said is kept: the fault may lie in the rest.
        keep = [item for item in self._queue if item.kind in _SAID]
        if drop:
            keep, self._entries = [], list(self._history.entries)
        prompt = self._bot.apology.to_protocol()
        apology = Queued("playPrompt", lambda op: protocol.PlayPrompt(operation_id=op, prompts=[prompt]))
        self._queue = [*keep, apology]
        try:
            actions = self._closing()
        except Exception:
            # It is not pure: what was legal when it was queued is not when it is queued again after an activity.
            self._queue = [apology]
            actions = self._closing()
        return Turn(self._kept(done=True), actions, error=error)

    def _kept(self, *, pending: str = "", done: bool = False) -> History:
        return self._history._replace(entries=tuple(self._entries), pending=pending, done=done)


def _where(dialog: Coroutine[Any, Any, Any]) -> str:
    """The lines that await, from the dialog's own inwards."""
    lines = []
    awaiting: Any = dialog
    while (frame := getattr(awaiting, "cr_frame", None)) is not None:
        lines.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        awaiting = awaiting.cr_await
    return " > ".join(lines)
