"""Where a dialog is: the coroutines of one that waits, and the line of the bot that an error came from."""

import inspect
from collections.abc import Coroutine, Iterator, Mapping
from types import CoroutineType, FrameType
from typing import Any, Final

from dialtone.dialogs.words import place_of

Inside = Mapping[int, Coroutine[Any, Any, Any]]
"""By the id of what a word gave to be awaited: the coroutine that it stands for."""

_LIBRARY: Final = inspect.__file__.removesuffix("inspect.py")
"""Where Python's own library lies."""


def chain(dialog: Any, inside: Inside) -> "Iterator[CoroutineType[Any, Any, Any]]":
    """The coroutines that await, from the outermost inwards."""
    awaiting = dialog
    while awaiting is not None:
        awaiting = inside.get(id(awaiting), awaiting)
        if isinstance(awaiting, CoroutineType):
            yield awaiting
        awaiting = getattr(awaiting, "cr_await", None)


def where(dialog: Any, inside: Inside) -> str:
    """The lines of the bot that await, from the dialog's own inwards."""
    frames = (coroutine.cr_frame for coroutine in chain(dialog, inside))
    return " > ".join(
        f"{frame.f_code.co_filename}:{frame.f_lineno}" for frame in frames if frame is not None and is_authors(frame)
    )


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is one of the kit's own code."""
    return str(frame.f_globals.get("__name__", "")).startswith("dialtone.")


def is_authors(frame: FrameType) -> bool:
    """Whether a frame is of the bot's own code: not of the kit, of Python's library, or of a package."""
    return not is_ours(frame) and not _is_installed(frame.f_code.co_filename)


def _is_installed(file: str) -> bool:
    return file.startswith((_LIBRARY, "<frozen")) or "site-packages" in file


def locate(error: Exception) -> None:
    """Note the line of the bot that an error came from."""
    traceback, place, installed = error.__traceback__, "", ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if _is_installed(code.co_filename):
            installed = place_of(code, traceback.tb_lineno)
        elif not is_ours(traceback.tb_frame):
            place = place_of(code, traceback.tb_lineno)
        traceback = traceback.tb_next
    if place or installed:
        error.add_note(f"at {place or installed}")
    if isinstance(error, TypeError) and "can't be used in 'await' expression" in str(error):
        error.add_note("say, play, answer, reject and hang_up are queued: write them without await")
