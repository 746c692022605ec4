"""Names of prompts: `<name>[.<culture>].<ending>`.

A name has ASCII letters, digits, `-` and `_`, and may be in folders (`/`). A culture is a language tag such as `en-US`.
Cultures and endings are compared without case, names with it.
"""

import re
from dataclasses import dataclass
from typing import Final

from dialtone.errors import BotError

ENDINGS: Final = ("wav", "wma", "mp3", "ssml", "txt")
"""In the order in which they are taken, where one prompt has several files."""

NAME_MAX: Final = 200
"""Characters of a file's name."""

_NAME: Final = re.compile(
    r"(?P<name>[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*)"
    r"(?:\.(?P<culture>[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*))?"
    rf"\.(?P<ending>{'|'.join(ENDINGS)})",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A file's name, read. `culture` and `ending` are in lower case, `culture` may be empty."""

    name: str
    culture: str
    ending: str

    @property
    def slot(self) -> str:
        """What is replaced when another file of the same prompt and culture is uploaded."""
        return f"{self.name}.{self.culture}" if self.culture else self.name


def read_name(file: str) -> PromptFile | None:
    """The parts of a file's name; None when it is none of a prompt."""
    match = _NAME.fullmatch(file) if len(file) <= NAME_MAX else None
    return match and PromptFile(match["name"], (match["culture"] or "").lower(), match["ending"].lower())


def prompt_file(file: str) -> PromptFile:
    """The parts of a file's name. Raises BotError (PROMPT_NAME)."""
    found = read_name(file)
    if found is None:
        raise BotError(
            f"{file[:NAME_MAX]!r} is not the name of a prompt",
            field="name",
            fix=f"use <name>.wav, <name>.en-US.txt and the like: letters, digits, - and _; {', '.join(ENDINGS)}",
            code="PROMPT_NAME",
        )
    return found
