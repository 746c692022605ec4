"""The words that a dialog awaits, each of which must be awaited.

A word does nothing until it is awaited. One that never is has a place: the line that called it, which
`Run` names in the error.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import wraps
from types import CodeType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NoReturn, ParamSpec, Protocol, TypeVar

from dialtone.errors import DialogError

if TYPE_CHECKING:
    from dialtone.dialogs.run import Run

P = ParamSpec("P")
T = TypeVar("T")
SelfT = TypeVar("SelfT", bound="HasRun")


class HasRun(Protocol):
    """Whose words are of a run."""

    _run: "Run"


class Word(Generic[T]):
    """A word that was called; `await` it."""

    __slots__ = ("_begin", "_code", "_line", "_run", "name")

    def __init__(self, run: "Run", name: str, begin: Callable[[], Coroutine[Any, Any, T]]) -> None:
        caller = _caller()
        self._run = run
        self._begin = begin
        self.name = name
        self._code: CodeType | None = caller and caller.f_code
        self._line: int = caller.f_lineno if caller is not None else 0
        run.words.append(self)

    def __await__(self) -> Generator[Any, Any, T]:
        coroutine = self._begin()
        waiting = coroutine.__await__()
        self._run.awaited(self, waiting, coroutine)
        return waiting

    @property
    def place(self) -> str:
        """Where it was called, as file:line."""
        return place_of(self._code, self._line) if self._code is not None else "an unknown place"

    def forgotten(self) -> DialogError:
        """The error of a word that is not awaited; it names the line that called it."""
        return DialogError(
            f"{self.name} was called and not awaited ({self.place})",
            field=self.name,
            fix=f"write `await call.{self.name}(...)`",
        )

    def _used(self, *_: object) -> NoReturn:
        """Used as if it were the answer: `if call.confirm(...)`."""
        self._run.words.remove(self)
        raise self.forgotten()

    __bool__ = __getitem__ = __setitem__ = __contains__ = __iter__ = __len__ = _used


def word(
    method: Callable[Concatenate[SelfT, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[SelfT, P], Awaitable[T]]:
    """Make an async method a word."""
    name = method.__name__

    @wraps(method)
    def called(self: SelfT, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return Word(self._run, name, lambda: method(self, *args, **kwargs))

    return called  # type: ignore[return-value]  # wraps() does not know that self is positional


def place_of(code: CodeType, line: int) -> str:
    """A line of somebody's code, as `file:line, in function`."""
    return f"{code.co_filename}:{line}, in {code.co_qualname}"


def _caller() -> Any:
    frame = inspect.currentframe()
    for _ in range(3):  # This function, the constructor, the method.
        frame = frame.f_back if frame is not None else None
    return frame
