"""Texts with values in them, in the language of the call: translated first, then filled in.

A text that is filled in before it is said, as an f-string is, cannot be found in a table of translations.
"""

from typing import Any

from dialtone.dialogs.call import Call
from dialtone.errors import DialogError


def phrase(call: Call, text: str, /, *, many: str = "", count: int | None = None, **values: Any) -> str:
    """A text with its `{names}` replaced by `values`, translated before that by `CallBot.localize`.

    With `many`, that text is taken unless `count` is 1 (`{count}` is a value too): two forms, which is what English
    and German have; for a language with more of them choose the text before. A translation may name the values in
    another order, or leave some out. Raises `DialogError` for a text that names a value that is not there, that is no
    format, or that has `many` and no `count`.
    """
    if many and count is None:
        raise DialogError("a text for many needs a count", field="phrase", fix="give it count=")
    run = call._run
    found = run.localized(many if many and count != 1 else text, run.language)
    if count is not None:
        values["count"] = count
    try:
        return found.format_map(values)
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
        raise DialogError(
            f"{found!r} cannot be filled in: {type(error).__name__}: {error}",
            field="phrase",
            fix="give each name in braces a value, and write {{ for a brace that is spoken",
        ) from None
