"""What a dialog comes back with, and the ways out of one.

The names and numbers of `ResumeReason` are those of the Node calling SDK. The ways out are BaseExceptions, so that
`except Exception` in a dialog does not hold them back.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any


class ResumeReason(IntEnum):
    """Why a dialog goes on that has begun another one, or a waterfall with its next step."""

    COMPLETED = 0
    """What it waited for has returned."""
    NOT_COMPLETED = 1
    """A question got no answer in all its tries."""
    CANCELED = 2
    """The caller took the cancel choice."""
    FORWARD = 3
    """A step was left by `call.next`."""
    BACK = 4
    """The step before is wanted again."""


@dataclass(frozen=True, slots=True)
class DialogResult:
    """What came of a dialog that was begun by `Call.begin`, or of a step of a waterfall. True only if it was completed.

    `resumed` says why whoever began it goes on. `response` is what it returned.
    `child_id` names the dialog, as `library:dialog`; it is empty for a step.
    """

    resumed: ResumeReason = ResumeReason.COMPLETED
    response: Any = None
    child_id: str = ""

    def __bool__(self) -> bool:
        return self.resumed is ResumeReason.COMPLETED

    @classmethod
    def of(cls, value: Any) -> "DialogResult":
        """What a dialog returned: a result as it is, anything else as the response of a completed one."""
        return value if isinstance(value, cls) else cls(ResumeReason.COMPLETED, value)


class WayOut(BaseException):
    """Unwinds a dialog."""


class Replaced(WayOut):
    """Leaves a dialog for another one: `call.replace`."""

    def __init__(self, dialog: str, args: dict[str, Any]) -> None:
        super().__init__(dialog)
        self.dialog = dialog
        self.dialog_args = args


class Reset(Replaced):
    """Leaves all dialogs of the call for another one: `call.reset`."""


class Ended(WayOut):
    """Ends the dialog that runs: `call.end`."""

    def __init__(self, result: DialogResult) -> None:
        super().__init__(result)
        self.result = result


class NextStep(WayOut):
    """Leaves a step of a waterfall: `call.next`."""

    def __init__(self, response: Any) -> None:
        super().__init__(response)
        self.response = response


class ConversationEnded(WayOut):
    """Leaves all dialogs of the call: `call.end_conversation`."""


class CutOff(WayOut):
    """Stops a dialog that did more than `limit` things."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit
