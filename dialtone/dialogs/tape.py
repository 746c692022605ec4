"""The outcomes of a history as a dialog is fed them when it is run again, and those that are added."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from dialtone.dialogs.history import Entry, History
from dialtone.dialogs.requests import Answer, Code, entry, fingerprint
from dialtone.dialogs.results import CutOff
from dialtone.dialogs.turn import Event
from dialtone.errors import ReplayMismatch, WorkflowError

STEPS: Final = 1000
"""Things that a dialog may do in one turn: queue an action, ask, look at the clock, begin another."""

_REFUSED: Final = fingerprint("refused", "")


class Tape:
    """The entries of a history, and how far this run has come. Rules are those of `dialtone.dialogs.engine`."""

    def __init__(self, history: History, event: Event, *, event_taken: bool, steps_before: int = 0) -> None:
        self.entries: list[Entry] = list(history.entries)
        self.cursor = 0
        self.event_taken = event_taken
        self.mismatch: ReplayMismatch | None = None
        self.suspended = False
        self.steps = 0
        self._place = history.dialog
        self._event = event
        self._steps_before = steps_before
        self._placed = 0  # Actions that this dialog queued or asked.

    def rewind(self, dialog: str) -> None:
        """Begin anew for a dialog that replaces the one of this tape."""
        self.entries, self.cursor, self._placed = [], 0, 0
        self._place = dialog
        self.suspended = False

    @property
    def live(self) -> bool:
        """Whether the history has been replayed and the event taken, so that what comes now is new."""
        return self.event_taken and self.cursor == len(self.entries)

    def step(self) -> None:
        """Count a thing that the dialog does. Rule 7."""
        self.steps += 1
        if self.steps > STEPS:
            raise CutOff(STEPS)

    def add(self, added: Entry) -> None:
        """An outcome that is new."""
        self.entries.append(added)
        self.cursor += 1

    def take(self, mark: str) -> Answer:
        """The next outcome, which must be that of this request."""
        # Beyond the history there is only what the event answers.
        recorded = self.entries[self.cursor] if self.cursor < len(self.entries) else [""]
        self.check(recorded[0], mark)
        self.cursor += 1
        self.steps = self._steps_before
        return Answer.of(recorded)

    def recall(self, kind: str, produce: Callable[[], float]) -> float:
        """A number that is produced once, and the same whenever the dialog is run again."""
        self.step()
        if self.suspended:
            return produce()
        mark = fingerprint(kind, "")
        if not self.live:
            return float(self.take(mark).value)
        value = produce()
        self.add(entry(mark, Code.ANSWERED, "", value))
        return value

    def chance(self) -> float:
        """A random number. The turn goes on in another run after an activity: it depends on where it is drawn."""
        place = f"{self._event.seed} {self._place} {self.cursor} {self.steps}"
        return round(Random(place).random(), 9)  # noqa: S311 - documented as not for secrets

    def replayed(self) -> bool:
        """Whether the next action is one of an earlier run. Raises the `WorkflowError` that refused it then. Rule 8."""
        self._placed += 1
        if self.live:
            return False
        if self.cursor < len(self.entries) and self.entries[self.cursor][0] == _REFUSED:
            refused = Answer.of(self.entries[self.cursor])
            number, message, at, fix = refused.value
            if number == self._placed:
                self.take(_REFUSED)
                raise WorkflowError(message, field=at, fix=fix, code=refused.reason)
        return True

    def refuse(self, refusal: WorkflowError) -> None:
        """Keep that the action which was placed last was refused."""
        value: list[Any] = [self._placed, refusal.message, refusal.field, refusal.fix]
        self.add(entry(_REFUSED, Code.REFUSED, refusal.code, value))

    def check(self, recorded: str, asked: str) -> None:
        """Raise `ReplayMismatch` unless what is asked is what was answered."""
        if recorded != asked:
            raise self.mismatched(f"asks something else than outcome {self.cursor} of its history answers")

    def mismatched(self, what: str) -> ReplayMismatch:
        """The error of a dialog that does not do again what it did; kept, for the dialog may catch it."""
        self.mismatch = ReplayMismatch(
            f"the dialog {what}",
            fix="let calls end before their dialog is changed; ask the outside world only by run, now and random",
        )
        return self.mismatch
