"""Named dialogs, in libraries: who begins a dialog by its name finds it here.

1. A name without a library is looked for in the library of the dialog that asks; `shop:/buy` is `/buy` of the library
   `shop`, wherever it is asked. The bot itself is the library `*`.
2. A dialog is an async function of the call and its arguments, or a waterfall: a list of steps.
3. A name is given once. A mutable default of a parameter is refused: the dialog is run again and again, and would find
   what it did to it before.
"""

import inspect
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar, overload

from dialtone.dialogs.waterfall import Step, waterfall
from dialtone.errors import DialogError

Dialog = Callable[..., Awaitable[Any]]
DialogT = TypeVar("DialogT", bound=Dialog)

ROOT: Final = "*"
INCOMING: Final = "/"
"""The dialog that an incoming call starts with."""
_MUTABLE: Final = (list, dict, set, bytearray, deque)


class Library:
    """Dialogs under a name of their own, to be used by several bots: `bot.library(shop)`.

    Raises `DialogError` for a name that is empty or has a colon.
    """

    def __init__(self, name: str) -> None:
        _check_name(name, "library")
        self.name = name
        self._dialogs: dict[str, Dialog] = {}
        self._libraries: list[Library] = []

    @overload
    def dialog(self, name: str) -> Callable[[DialogT], DialogT]: ...

    @overload
    def dialog(self, name: str, steps: Sequence[Step]) -> None: ...

    def dialog(self, name: str, steps: Sequence[Step] | None = None) -> Callable[[DialogT], DialogT] | None:
        """Register a dialog: `@bot.dialog("buy")` over an async function, or `bot.dialog("buy", [step, ...])`.

        It is begun by `call.begin(name)` or `call.replace(name)` and called with the `Call` and its arguments.
        Raises `DialogError` for a name that is taken, empty or has a colon, for a function that is not `async`, and
        for a parameter whose default is mutable.
        """
        _check_name(name, "dialog")
        if steps is not None:
            for step in steps:
                must_be_async(step, name, "write each step as `async def step(call, result): ...`")
                _must_take_two(step, name)
                _must_not_keep(step, name)
            self._register(name, waterfall(steps))
            return None

        def register(dialog: DialogT) -> DialogT:
            must_be_async(dialog, name, "write the dialog as `async def name(call): ...`")
            _must_not_keep(dialog, name)
            self._register(name, dialog)
            return dialog

        return register

    def library(self, library: "Library") -> None:
        """Add a library. Raises `DialogError` when there is another of its name."""
        known = {each.name: each for each in self._all()}
        for each in library._all():
            if known.setdefault(each.name, each) is not each:
                raise DialogError(
                    f"there are two libraries named {each.name!r}", field=each.name, fix="rename one of them"
                )
        if library not in self._libraries:
            self._libraries.append(library)

    def find(self, name: str, within: "Library | None" = None) -> "tuple[Library, str, Dialog]":
        """The library that has a dialog, the dialog's own name, and the dialog. Rule 1. Raises `DialogError`."""
        prefix, colon, local = name.rpartition(":")
        library = within or self
        if colon:
            found = next((known for known in self._all() if known.name == prefix), None)
            if found is None:
                names = ", ".join(repr(known.name) for known in self._all())
                raise DialogError(
                    f"there is no library named {prefix!r}", field=name, fix=f"add it by bot.library; known are {names}"
                )
            library = found
        if local not in library._dialogs:
            known_names = ", ".join(repr(known) for known in library._dialogs) or "none"
            where = "" if library is self else f" in the library {library.name!r}"
            raise DialogError(
                f"there is no dialog named {local!r}{where}",
                field=name,
                fix=f"register it with @bot.incoming or @bot.dialog({local!r}); known are {known_names}",
            )
        return library, local, library._dialogs[local]

    def names(self) -> list[str]:
        """The names of all dialogs, those of other libraries as `library:dialog`."""
        return [
            name if library is self else f"{library.name}:{name}"
            for library in self._all()
            for name in library._dialogs
        ]

    def _register(self, name: str, dialog: Dialog) -> None:
        if name in self._dialogs:
            raise DialogError(f"there are two dialogs named {name!r}", field=name, fix="give each dialog its own name")
        self._dialogs[name] = dialog

    def _all(self) -> "Iterator[Library]":
        seen: list[Library] = []
        waiting = [self]
        while waiting:
            library = waiting.pop(0)
            if library not in seen:
                seen.append(library)
                waiting += library._libraries
                yield library


def must_be_async(function: object, field: str, fix: str) -> None:
    """Raise `DialogError` for what is not an async function."""
    if not inspect.iscoroutinefunction(function):
        name = getattr(function, "__qualname__", function)
        raise DialogError(f"{name!r} is not an async function", field=field, fix=fix)


def _check_name(name: str, what: str) -> None:
    if not name or ":" in name:
        raise DialogError(f"{name!r} is no name of a {what}", field=name, fix="give it a name without a colon")


def _must_take_two(step: Step, name: str) -> None:
    try:
        inspect.signature(step).bind(None, None)
    except TypeError:
        raise DialogError(
            f"the step {step.__qualname__!r} does not take a call and a result",
            field=name,
            fix="write each step as `async def step(call, result): ...`",
        ) from None


def _must_not_keep(function: Dialog, name: str) -> None:
    """Rule 3."""
    for parameter in inspect.signature(function).parameters.values():
        if isinstance(parameter.default, _MUTABLE):
            while isinstance(function, partial):
                function = function.func
            code = inspect.unwrap(function).__code__
            raise DialogError(
                f"the default of {parameter.name!r} can be changed, and would stay changed for every call "
                f"({code.co_filename}:{code.co_firstlineno})",
                field=name,
                fix=f"write {parameter.name}=None and make a new one in the dialog",
            )
