"""The dialogs of a call that have begun and not ended, one inside the other."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dialtone.dialogs.library import Dialog, Library
from dialtone.dialogs.results import DialogResult, Ended, NextStep, Replaced, Reset, ResumeReason
from dialtone.dialogs.waterfall import Step
from dialtone.errors import Canceled, DialogError

if TYPE_CHECKING:
    from dialtone.dialogs.call import Call


@dataclass(slots=True)
class Frame:
    """A dialog that runs: where it was found, and what came of its last question."""

    library: Library
    name: str
    in_step: bool = False
    unanswered: bool = False
    """Whether the last question of this dialog got no answer in all its tries."""


class Stack:
    """Begins dialogs inside each other. The outermost is begun by the engine."""

    def __init__(self, bot: Library) -> None:
        self._bot = bot
        self._frames = [Frame(bot, "")]

    @property
    def top(self) -> Frame:
        """The dialog that runs."""
        return self._frames[-1]

    @property
    def nested(self) -> bool:
        """Whether the dialog that runs was begun by another."""
        return len(self._frames) > 2

    def resolve(self, name: str) -> str:
        """A dialog's name as it is found from anywhere. Raises `DialogError` for one that is not there."""
        library, local, _ = self._find(name)
        return f"{library.name}:{local}"

    async def outermost(self, call: "Call", name: str, args: dict[str, Any]) -> None:
        """Run the dialog that a call, or a replacement, begins with."""
        library, local, dialog = self._bot.find(name)
        self._frames.append(Frame(library, local))
        try:
            await dialog(call, **args)
        except (Ended, Canceled):
            return
        finally:
            self._frames.pop()

    async def begin(self, call: "Call", name: str, args: dict[str, Any]) -> DialogResult:
        """Run a dialog, and those that replace it, inside the one that runs."""
        while True:
            library, local, dialog = self._find(name)
            self._frames.append(Frame(library, local))
            try:
                result = await self._result(call, dialog, args)
            except Reset:
                raise
            except Replaced as other:
                name, args = other.dialog, other.dialog_args
                continue
            finally:
                self._frames.pop()
            return DialogResult(result.resumed, result.response, f"{library.name}:{local}")

    async def step(self, call: "Call", step: Step, result: DialogResult) -> DialogResult:
        """Run a step of the waterfall that runs."""
        frame = self.top
        frame.in_step, frame.unanswered = True, False
        try:
            value = await step(call, result)
        except NextStep as out:
            return DialogResult(ResumeReason.FORWARD, out.response)
        except Canceled:
            return DialogResult(ResumeReason.CANCELED)
        finally:
            frame.in_step = False
        if frame.unanswered and not value and not isinstance(value, DialogResult):
            return DialogResult(ResumeReason.NOT_COMPLETED, value)
        return DialogResult.of(value)

    def check_step(self) -> None:
        """Raise `DialogError` unless a step of a waterfall runs."""
        if not self.top.in_step:
            raise DialogError(
                "next is for the steps of a waterfall",
                field="next",
                fix="return from the dialog, or call.end(response)",
            )

    def _find(self, name: str) -> tuple[Library, str, Dialog]:
        return self._bot.find(name, self.top.library)

    @staticmethod
    async def _result(call: "Call", dialog: Dialog, args: dict[str, Any]) -> DialogResult:
        try:
            return DialogResult.of(await dialog(call, **args))
        except Ended as end:
            return end.result
        except Canceled:
            return DialogResult(ResumeReason.CANCELED)


Proceed = Callable[[], Awaitable[None]]
"""What a function of `CallBot.around` awaits to have the dialog run that it is put around."""

Around = Callable[["Call", Proceed], Awaitable[None]]
"""What is put around the dialogs of a call; see `CallBot.around`."""


def wrapped(call: "Call", around: list[Around], innermost: Proceed) -> Proceed:
    """A dialog with what is put around it, the first on the outside."""
    proceed = innermost
    for wrapper in reversed(around):
        proceed = _one(call, wrapper, proceed)
    return proceed


def _one(call: "Call", wrapper: Around, proceed: Proceed) -> Proceed:
    async def proceed_through() -> None:
        await wrapper(call, proceed)

    return proceed_through
