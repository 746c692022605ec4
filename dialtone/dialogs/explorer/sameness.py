"""When two dialogs that wait are in the same state: `dialtone.dialogs.explorer` merges those that are.

1. Each coroutine that waits has a position (its code and last instruction) and what it holds: its locals, and the
   values of expressions that are half done, such as the iterator of a `for`.
2. Values are compared by what they say. One that cannot be compared so equals only itself, so that two states which
   might differ are never taken for the same.
3. What the engine carries from turn to turn counts too: see `Watched.state`.
"""

import gc
from collections.abc import Coroutine, Hashable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

from pydantic import BaseModel

from dialtone.dialogs.bot import CallBot
from dialtone.dialogs.call import Call
from dialtone.dialogs.data import Bags
from dialtone.dialogs.drive import Drive
from dialtone.dialogs.frames import chain, is_authors
from dialtone.dialogs.library import Library
from dialtone.dialogs.run import Run
from dialtone.dialogs.turn import Queued

_PLAIN: Final = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), range)
_ATOMS: Final = (datetime, date, time, timedelta, Decimal)
_ALONE: Final = (type, ModuleType, BuiltinFunctionType)
"""There is one of each, and it does not change."""
_THE_CALL: Final = (CallBot, Call, Run, Library)
"""What belongs to the call is a part of the engine's state, not of a frame's."""
_EMPTY: Final[tuple[Any, ...]] = (
    *(iter(()), iter([]), iter(range(0)), iter(range(2**70)), iter(""), iter("ä"), iter({}), iter({}.values())),
    *(iter({}.items()), iter(set()), reversed([]), enumerate(()), zip(), map(str, ())),
)
_ITERATORS: Final = tuple(type(iterator) for iterator in _EMPTY)
"""Those that say how far they have come."""


_Seen = dict[int, tuple[int, Any]]
"""What was met in a state: by its id, how many were met before, and the object, so that no other gets its id."""


class Watched(Drive):
    """A run that is looked at where it waits."""

    at: tuple[str, int, str] = ("", 0, "")
    """The bot's innermost line that waits: file, line, function."""
    compared: "Sameness | None" = None
    """What compares; None: the state is not wanted."""
    state: Hashable = None
    """All that tells this state from another."""

    def _watch(self, dialog: Coroutine[Any, Any, Any]) -> None:
        waiting = tuple(chain(dialog, self._inside))
        frames = [coroutine.cr_frame for coroutine in waiting if coroutine.cr_frame is not None]
        for frame in frames:
            if is_authors(frame):
                self.at = (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_qualname)
        if self.compared is not None:
            self.state = self._state(waiting, self.compared)

    def _state(self, waiting: Iterable["CoroutineType[Any, Any, Any]"], compared: "Sameness") -> Hashable:
        """Rule 3. The clock stands still and signals have one id while a bot is explored, so neither counts."""
        history = self._history
        engine = (
            *(history.dialog, self._answered, self._ended, self._private),
            *(self.language, self._chosen, self._roster, self.user, self._found),
        )
        mutable = (history.args, _said(self._queue), _said(self._carried), _contents(self._bags))
        stack = [(frame.library.name, frame.name, frame.in_step, frame.unanswered) for frame in self.stack._frames]
        return compared.of_all((engine, mutable, stack), waiting)


def _said(queue: Iterable[Queued]) -> list[Any]:
    """What is queued, without the ids of the actions."""
    built = (item.built or item.build("") for item in queue)
    return [action.model_dump(exclude={"operation_id": True, "play_prompt": {"operation_id"}}) for action in built]


def _contents(bags: Bags) -> list[Any]:
    return [dict(bags._bags), dict(bags._stored), dict(bags.unsaved)]


class Sameness:
    """Compares values: those that are the same have equal tokens."""

    def __init__(self) -> None:
        self._kept: dict[int, Any] = {}
        """What is compared by identity is kept, so that no other gets its id."""

    def of(self, value: Any) -> Hashable:
        """The token of a value. Rule 2."""
        return self._safely(value, {})

    def of_all(self, value: Any, waiting: "Iterable[CoroutineType[Any, Any, Any]]") -> Hashable:
        """The token of a value and of coroutines that wait. What several of them hold is known to be one object."""
        seen: _Seen = {}
        return self._safely(value, seen), tuple(self._of_coroutine(each, seen) for each in waiting)

    def _of_coroutine(self, coroutine: "CoroutineType[Any, Any, Any]", seen: "_Seen") -> Hashable:
        """Rule 1."""
        frame = coroutine.cr_frame
        if frame is None:
            return self._itself(coroutine)
        # Only the garbage collector sees the values of an expression that is half done. What is awaited has a token of
        # its own in the chain.
        awaited = coroutine.cr_await
        held = [each for each in gc.get_referents(coroutine) if each is not awaited and not isinstance(each, FrameType)]
        values = (self._safely(each, seen) for each in (dict(frame.f_locals), *held))
        return coroutine.cr_code, frame.f_lasti, *values

    def _safely(self, value: Any, seen: "_Seen") -> Hashable:
        try:
            return self._token(value, seen)
        except RecursionError:
            return self._itself(value)

    def _itself(self, value: Any) -> Hashable:
        self._kept[id(value)] = value
        return "itself", id(value)

    def _token(self, value: Any, seen: "_Seen") -> Hashable:
        kind = type(value)
        if kind in _PLAIN:
            return (kind, repr(value)) if kind in (float, complex) else (kind, value)
        if kind is CodeType:
            return kind, value, value.co_filename
        if isinstance(value, _THE_CALL):
            return kind, getattr(value, "name", "")
        if isinstance(value, Enum):
            return kind, value.name
        if kind in _ATOMS:
            return kind, repr(value)
        if isinstance(value, _ALONE):
            return self._itself(value)
        if id(value) in seen:
            return "again", seen[id(value)][0]
        if kind is not tuple:
            # Two lists that are equal differ from one list under two names: what is put into it later shows in both.
            seen[id(value)] = len(seen), value
        parts = self._parts(value)
        return self._itself(value) if parts is None else (kind, *(self._token(part, seen) for part in parts))

    def _parts(self, value: Any) -> Iterable[Any] | None:
        """What a value consists of; None when that is not known."""
        kind = type(value)
        parts: Iterable[Any] | None = None
        if kind in (list, tuple):
            parts = value
        elif kind is dict:
            parts = [part for item in value.items() for part in item]
        elif kind in (set, frozenset):
            parts = sorted(value, key=repr) if all(type(each) in _PLAIN for each in value) else None
        elif kind is FunctionType:
            parts = _parts_of_function(value)
        elif kind is MethodType:
            parts = (value.__self__, value.__func__)
        elif kind is CellType:
            parts = _contents_of_cell(value)
        elif kind is partial:
            parts = (value.func, value.args, value.keywords)
        elif kind in _ITERATORS:
            parts = value.__reduce__()
        elif isinstance(value, BaseException):
            parts = (value.args, vars(value), value.__cause__, value.__context__)
        elif isinstance(value, BaseModel):
            parts = (value.__dict__, value.__pydantic_extra__, value.__pydantic_private__)
        elif not isinstance(value, (GeneratorType, CoroutineType)):
            parts = _parts_of_object(value)
        return parts


def _parts_of_function(function: FunctionType) -> Iterable[Any]:
    """Its code and what it closes over: a function that a dialog defines is another one whenever it is run."""
    defaults = (function.__defaults__, function.__kwdefaults__)
    return (function.__code__, *(function.__closure__ or ()), *defaults, *vars(function).values())


def _contents_of_cell(cell: CellType) -> Iterable[Any]:
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def _parts_of_object(value: Any) -> Iterable[Any] | None:
    """The state of an object whose class keeps it where copying finds it, and says nothing of its own about that."""
    kind = type(value)
    usual = all(getattr(kind, name, None) is getattr(object, name, None) for name in ("__reduce_ex__", "__reduce__"))
    if not usual or getattr(kind, "__getstate__", None) is not getattr(object, "__getstate__", None):
        # A frozen dataclass with slots has a state of its own, written by Python itself.
        fields = getattr(kind, "__dataclass_fields__", None)
        known = fields is not None and not hasattr(value, "__dict__")
        return [getattr(value, name, None) for name in fields or ()] if known else None
    try:
        _, arguments, state, items, pairs = (*value.__reduce_ex__(2), None, None, None)[:5]
    except TypeError:
        return None
    if isinstance(state, Mapping):
        state = dict(state)
    if not (arguments[1:] or state or items or pairs):
        # A mark, such as `object()`: which one it is, is all that it says.
        return None
    return arguments[1:], state, list(items or ()), [part for pair in pairs or () for part in pair]
