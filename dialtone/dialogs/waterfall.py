"""Waterfalls: a dialog as a list of steps, each of which is told what came of the one before.

1. The first step gets the arguments of the dialog as the response of a completed result. Each later one gets what the
   step before returned: a `DialogResult` as it is, anything else as the response of a completed one.
2. A step that returns nothing, and whose last question got no answer in all its tries, was not completed.
3. A step that is left by `call.next(response)` gives `forward`. One that raises `Canceled` gives `canceled`.
4. A result of `back` goes to the step before the one that gave it; before the first, it ends the dialog.
5. After the last step the dialog ends with the last result. Without steps it ends as not completed.

Source: the Node calling SDK's waterfalls.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from dialtone.dialogs.results import DialogResult, ResumeReason

if TYPE_CHECKING:
    from dialtone.dialogs.call import Call

Step = Callable[["Call", DialogResult], Awaitable[Any]]
"""`async def step(call, result)`."""


def waterfall(steps: Sequence[Step]) -> Callable[..., Awaitable[DialogResult]]:
    """The dialog that these steps make."""
    falls = tuple(steps)

    async def dialog(call: "Call", **args: Any) -> DialogResult:
        result = DialogResult(response=args) if falls else DialogResult(ResumeReason.NOT_COMPLETED)
        index = 0
        while 0 <= index < len(falls):
            call._run.step()
            result = await call._run.stack.step(call, falls[index], result)
            index += -1 if result.resumed is ResumeReason.BACK else 1
        return result

    return dialog
