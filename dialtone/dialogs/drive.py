"""Drives a dialog under the rules of `dialtone.dialogs.engine`, whose numbers are cited here."""

import inspect
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any, Final, cast

from dialtone import protocol
from dialtone.dialogs import workflow
from dialtone.dialogs.bot import ON_ERROR
from dialtone.dialogs.call import Call
from dialtone.dialogs.data import BagChange, BagKey, Bags
from dialtone.dialogs.frames import chain, locate, where
from dialtone.dialogs.history import History
from dialtone.dialogs.requests import (
    HUNG_UP,
    LOST,
    Answer,
    Code,
    Invoke,
    Request,
    entry,
    entry_of,
    with_roster,
)
from dialtone.dialogs.results import ConversationEnded, CutOff, Ended, Replaced, WayOut
from dialtone.dialogs.run import Run
from dialtone.dialogs.stack import Stack, wrapped
from dialtone.dialogs.tape import STEPS
from dialtone.dialogs.turn import Activity, Load, Lost, Queued, Signalled, Turn
from dialtone.dialogs.user import NOBODY, User
from dialtone.errors import ActionFailed, CallEnded, Canceled, DialogError, ReplayMismatch, WorkflowError
from dialtone.protocol import CallStateChange, ConversationResult
from dialtone.protocol.states import OVER

_SAID: Final = frozenset({"answer", "answerAppHostedMedia", "playPrompt"})
_MEDIA_ANSWER: Final = "answerAppHostedMediaOutcome"
_NOT_RUN: Final = frozenset({"answerOutcome", _MEDIA_ANSWER, "workflowValidationOutcome", protocol.MISSPELT_VALIDATION})
"""Failures after which the call is no more answered than before."""
_UNANSWERED: Final = _NOT_RUN | {"redirectOutcome"}
"""Outcomes that do not say that the call was answered."""

_ERROR_MAX: Final = 300
"""Characters of an exception's text that the dialog `on_error` is told."""
WAITED: Final = "waited"
"""The reason of a signal's outcome for which the platform was kept waiting."""


class Drive(Run):
    """Drives a dialog, and those that replace it, through one turn."""

    def take(self) -> Turn:
        """Run the dialog, and those that replace it, until the turn is complete or waits for an activity."""
        while True:
            try:
                return self._drive()
            except Replaced as way:
                error = self._replaced_by(way.dialog.removeprefix(f"{self.bot.name}:"), way.dialog_args)
            except CutOff as cut:
                error = DialogError(
                    f"the dialog did more than {cut.limit} things without letting the platform answer",
                    fix="await a question in the loop, or leave it",
                )
                self._drop()
            except Exception as raised:
                error = raised
                if not self._tape.live:
                    self._drop()
            if self._tape.mismatch is not None:
                error = self._tape.mismatch
                self._drop()
            if error is not None and not self._fall_back(error):
                return self._fail(error)

    def _replaced_by(self, dialog: str, args: dict[str, Any]) -> Exception | None:
        """Begin the dialog that replaces this one; what is wrong with that."""
        try:
            if not self._tape.live:
                raise self._tape.mismatched("was replaced before it asked what its history answers")
            self._check_awaited()
            unsaved = self._bags.after()
        except DialogError as error:
            return error
        self._begin(dialog, args, Bags(unsaved))
        return None

    def _begin(self, dialog: str, args: dict[str, Any], bags: Bags) -> None:
        """Go on in this turn with a dialog whose history begins here."""
        self._history = self._history._replace(
            dialog=dialog,
            args=args,
            entries=(),
            answered=self._answered,
            pending="",
            roster=self._roster,
            user=self._found,
            language=self._chosen,
            heard=self._heard,
            consent=self.consent,
            private=self._private,
            media=self.media,
            streams=self.streams,
            stream=self.stream,
        )
        self._tape.rewind(dialog)
        self._bags, self._began, self._after = bags, -1, None
        self.stack, self.words = Stack(self.bot), []
        self._carried, self._ended_before = tuple(self._queue), self._ended

    def _drive(self) -> Turn:
        call = Call(self, self._history.facts)
        dialog = cast("Coroutine[Any, Any, Any]", self._all_of_it(call))
        answer: Answer | None = None
        error: BaseException | None = None
        try:
            while True:
                try:
                    request = dialog.throw(error) if error is not None else dialog.send(answer)
                except (StopIteration, CallEnded, ConversationEnded):
                    return self._finish()
                answer, error = None, None
                self._check_awaited()
                try:
                    self.step()
                    outcome = self._outcome(request, dialog)
                except ReplayMismatch:
                    raise
                except (CallEnded, ActionFailed, DialogError, WorkflowError) as problem:
                    error = problem
                    continue
                if isinstance(outcome, Turn):
                    # The dialog cannot go on with data that cannot be kept: run again, it would be answered instead.
                    if outcome.activity is None:
                        outcome = replace(outcome, changes=self._bags.changes())
                    self._watch(dialog)
                    return outcome
                answer = outcome
        finally:
            self._put_aside(dialog)

    def _watch(self, dialog: Coroutine[Any, Any, Any]) -> None:
        """For whoever wants to see a dialog that waits; see `dialtone.dialogs.explorer`."""

    async def _all_of_it(self, call: Call) -> None:
        """What a history is the history of: the user is looked up, then the dialog begins, with what is around it."""
        lookup, facts = self.bot.user_lookup, self._history.facts
        if lookup is not None and self._found is None and self._history.dialog != ON_ERROR:
            answer = await Request("run", "lookup_user", work=Invoke(lookup, (facts.caller,)))
            if not answer.ok:
                raise DialogError(
                    f"the user could not be looked up: {answer.reason}",
                    field="lookup_user",
                    fix="return None for who is not known; raise DependencyError for what may come back",
                )
            found = NOBODY if answer.value is None else answer.value
            if not isinstance(found, Sequence) or len(found) != len(NOBODY):
                raise DialogError(
                    "what was looked up is no user", field="lookup_user", fix="return a User, or None for the caller"
                )
            self._found = User(*found)
            if self._found.identity:
                self.user = self._found
                self.choose_language(self._chosen)
        # A dialog may change what it is given; the history may not be changed.
        args = deepcopy(self._history.args) if self._history.args else {}
        begin = partial(self.stack.outermost, call, self._history.dialog, args)
        with suppress(Ended, Canceled):
            await wrapped(call, self.bot.wrappers, begin)()

    def _check_awaited(self) -> None:
        if self.words:
            raise self.words[0].forgotten()

    def _put_aside(self, dialog: Coroutine[Any, Any, Any]) -> None:
        """Rule 9. A coroutine that awaits again while it is closed has to be closed again."""
        tape = self._tape
        tape.suspended = True
        steps, tape.steps = tape.steps, 0
        coroutines = list(chain(dialog, self._inside))
        try:
            dialog.close()
        except (Exception, WayOut):
            # One of those inside did not close and broke out of those that await it; or its clean-up raised.
            for coroutine in reversed(coroutines):
                if not self._closed(coroutine):
                    place = where(coroutine, self._inside)
                    raise DialogError(
                        f"the dialog cannot be put aside: it goes on after GeneratorExit ({place})",
                        fix="write `except Exception`, not `except BaseException` or a bare `except`",
                    ) from None
        tape.steps = steps

    def _closed(self, coroutine: Coroutine[Any, Any, Any]) -> bool:
        for _ in range(STEPS):
            self._tape.steps = 0
            with suppress(Exception, WayOut):
                coroutine.close()
            if inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED:
                return True
        return False

    def _outcome(self, request: object, dialog: Coroutine[Any, Any, Any]) -> Answer | Turn:
        """The answer to a request, or the turn that ends by asking it."""
        if self._tape.mismatch is not None:
            raise self._tape.mismatch
        if not isinstance(request, Request):
            place = where(dialog, self._inside)
            raise DialogError(
                f"a dialog can await only its call's questions, not {type(request).__name__} ({place})",
                fix="do it in an async function and `await call.run(function, ...)`",
            )
        mark = request.fingerprint
        if request.kind == "signal":
            return self._signalled(request, mark)
        if request.work is not None:
            return self._worked(request, mark)
        if self._ended:
            raise CallEnded(self._ended)
        if self._tape.replayed():
            if self._tape.cursor == len(self._tape.entries):
                self._take_event(request, mark)
            answered = self._answered
            answer = self._platform_answer(mark)
            if request.kind == "redirect":
                # A call that could not be redirected rings on.
                self._answered = answered
            return answer
        return self._ask(request, mark)

    def _ask(self, request: Request, mark: str, *, polled: int = 0) -> Turn:
        if request.build is not None:
            self._enqueue("playPrompt" if request.kind == "signal" else request.kind, request.build)
        actions = workflow.actions_of(self._queue, answered=self._answered, operation=self._operation)
        kept = self._kept(pending=mark, polled=polled)._replace(recording=request.recording)
        return Turn(kept, actions, error=self._failure)

    def _worked(self, request: Request, mark: str) -> Answer | Turn:
        """Rule 3."""
        if not self._tape.live:
            answer = self._next_entry(mark)
            # The dialog may change what it is given; the history may not be changed.
            return answer._replace(value=deepcopy(answer.value))
        work = request.work
        if isinstance(work, Load) and (left := self._bags.changed_before(work.key)) is not None:
            self._tape.add(entry(mark, Code.ANSWERED, "", deepcopy(left)))
            return Answer(Code.ANSWERED, "", deepcopy(left), "")
        return self._activity(request, mark)

    def _activity(self, request: Request, mark: str, *, waited: bool = False) -> Turn:
        assert request.work is not None
        activity = Activity(
            mark,
            request.work,
            carried=self._carried,
            ended=self._ended_before,
            steps=self._tape.steps,
            began=self._began,
            unsaved=self._bags.unsaved,
            waited=waited,
            failure=self._failure,
        )
        polled = self._history.polled if waited else 0
        return Turn(self._kept(pending=mark, polled=polled), activity=activity)

    def _signalled(self, request: Request, mark: str) -> Answer | Turn:
        """Rule 11."""
        if self._ended:
            raise CallEnded(self._ended)
        tape = self._tape
        if tape.replayed():
            if tape.cursor < len(tape.entries):
                return self._signal_answer(mark)
            tape.check(self._history.pending, mark)
            tape.event_taken = True
            self._bags.saved()
            message = self._event.message
            if not _is_waited(request, message):
                self._add_event(request, mark)
                return self._platform_answer(mark)
            self._sent()
            return self._activity(request, mark, waited=True)
        after = self._after
        if after is None or after.found or after.fingerprint != mark:
            return self._activity(request, mark)
        # Nothing was found.
        self._after = None
        if after.waited:
            self._bags.saved()
            self._sent()
        polled = self._history.polled + 1
        if self._event.at < request.deadline and polled <= request.polls:
            return self._ask(request, mark, polled=polled)
        tape.add(entry(mark, Code.UNANSWERED, WAITED if after.waited else ""))
        return Answer(Code.UNANSWERED, "", None, "")

    def _signal_answer(self, mark: str) -> Answer:
        """The outcome of a signal: one that was found at once went without a workflow."""
        recorded = Answer.of(self._tape.entries[self._tape.cursor])
        if recorded.ended or recorded.code is Code.FAILED:
            return self._platform_answer(mark)
        answer = self._next_entry(mark)
        if answer.reason == WAITED:
            self._sent()
        if answer.ok:
            self._heard = (*self._heard, answer.value[0])
        # The dialog may change what it is given; the history may not be changed.
        return answer._replace(value=deepcopy(answer.value))

    def _take_event(self, request: Request, mark: str) -> None:
        """Rule 2: the event answers the request that the last turn asked."""
        self._tape.check(self._history.pending, mark)
        self._tape.event_taken = True
        self._add_event(request, mark)

    def _add_event(self, request: Request, mark: str) -> None:
        message = self._event.message
        if isinstance(message, ConversationResult):
            outcome = entry_of(request, message, self._event.recording, self._event.vault.seal)
            roster = self._event.roster
            if roster is not None and self._is_new(roster):
                outcome = with_roster(outcome, roster)
            self._tape.entries.append(outcome)
        else:
            ended = LOST if isinstance(message, Lost) else HUNG_UP
            self._tape.entries.append(entry(mark, Code.UNANSWERED, "", None, ended))

    def _is_new(self, roster: tuple[str, ...]) -> bool:
        known = self._roster
        if known is None:
            known = tuple(member.identity for member in self._history.facts.participants)
        return {identity.casefold() for identity in roster} != {identity.casefold() for identity in known}

    def _platform_answer(self, mark: str) -> Answer:
        answer = self._next_entry(mark)
        answered = self._answered
        self._sent()
        self._ended = answer.ended
        if answer.roster is not None:
            self._roster = tuple(answer.roster)
        if answer.code is Code.FAILED and answer.value[0] in _NOT_RUN:
            self._answered = answered
            if answer.value[0] == _MEDIA_ANSWER:
                self.media, self.stream = "", "over"
        if answer.ended and not answer.ok:
            raise CallEnded(answer.ended)
        if answer.code is Code.FAILED:
            kind, reason = answer.value
            raise ActionFailed(kind, reason)
        return answer

    def _sent(self) -> None:
        """What was queued has been sent, and the platform has answered."""
        self._queue.clear()
        self._carried = ()
        self._answered = True

    def _next_entry(self, mark: str) -> Answer:
        if self._tape.cursor == self._began:
            # From here on it is this turn.
            self._bags.saved()
        return self._tape.take(mark)

    def _finish(self) -> Turn:
        """The dialog has returned."""
        if self._tape.mismatch is not None:
            raise self._tape.mismatch
        if not self._tape.live:
            raise self._tape.mismatched("ended before it asked what its history answers")
        self._check_awaited()
        return Turn(self._kept(done=True), self._closing(), changes=self._last_changes(), error=self._failure)

    def _last_changes(self) -> list[BagChange]:
        changes = [change for change in self._bags.changes() if change.key.bag != "private"]
        private = self._private_key()
        return [*changes, BagChange(private, emptied=True)] if private is not None else changes

    def _private_key(self) -> BagKey | None:
        """Whose private data is to be emptied."""
        user, facts = self.user, self._history.facts
        if not self._private or user is None:
            return None
        return BagKey("private", f"{user.identity}\n{facts.conversation}")

    def _closing(self) -> list[protocol.Action]:
        """What ends the call; nothing when it is over."""
        if self._ended:
            return []
        return workflow.closing(self._queue, answered=self._answered, operation=self._operation)

    def _drop(self) -> None:
        """Rule 6: what a dialog queued that took a wrong way is not sent."""
        self._queue, self._tape.entries = [], list(self._history.entries)

    def _fall_back(self, error: Exception) -> bool:
        """Rule 6: go on with the dialog `on_error`, once."""
        locate(error)
        if self.bot.error_dialog is None or self._history.dialog == ON_ERROR or self._failure is not None:
            return False
        self._failure = error
        self._take_over()
        text = f"{type(error).__name__}: {error}"[:_ERROR_MAX].encode(errors="replace").decode()
        self._tape.event_taken, self._tape.mismatch, self._tape.steps = True, None, 0
        self._begin(ON_ERROR, {"error": text}, Bags())
        return True

    def _take_over(self) -> None:
        """See where the call is, whatever the dialog has seen of it, and keep of its queue only what is said."""
        message = self._event.message
        if isinstance(message, Lost):
            self._ended = LOST
        elif isinstance(message, CallStateChange):
            self._ended = HUNG_UP
        elif isinstance(message, ConversationResult):
            if message.call_state in OVER:
                self._ended = HUNG_UP
            elif message.operation_outcome.type not in _UNANSWERED:
                self._answered = True
        # The fault may lie in the rest.
        self._queue = [item for item in self._queue if item.kind in _SAID]

    def _fail(self, error: Exception) -> Turn:
        """Rule 6: the apology and the hang-up."""
        self._take_over()
        language = self.language
        apology = Queued("playPrompt", lambda op: self.play_prompt(op, [self.bot.apology], language))
        self._queue = [*self._queue, apology]
        if self._failure is not None and self._failure is not error:
            self._failure.add_note(f"on_error failed too: {type(error).__name__}: {error}")
        try:
            actions = self._closing()
        except Exception:
            # It is not pure: what was legal when it was queued is not when it is queued again after an activity.
            self._queue = [apology]
            actions = self._closing()
        private = self._private_key()
        emptied = [BagChange(private, emptied=True)] if private is not None else []
        return Turn(self._kept(done=True), actions, error=self._failure or error, changes=emptied)

    def _kept(self, *, pending: str = "", done: bool = False, polled: int = 0) -> History:
        entries = tuple(self._tape.entries)
        kept = self._history._replace(entries=entries, pending=pending, done=done)
        return kept._replace(private=self._private, polled=polled, media=self.media, recording=None)


def _is_waited(request: Request, message: object) -> bool:
    """Whether the platform has been kept waiting for a signal, as it was to be: then it is looked for again."""
    if isinstance(message, Signalled):
        return True
    if not isinstance(message, ConversationResult) or message.call_state in OVER:
        return False
    outcome = message.operation_outcome
    return outcome.succeeded and (request.outcome is None or isinstance(outcome, request.outcome))
