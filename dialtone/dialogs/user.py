"""Whom a call is with."""

from typing import Final, NamedTuple


class User(NamedTuple):
    """Who a caller is: the key of their data (`identity`), a name to greet them by, the language that they speak
    (`en`, `en-US`); the latter two may be empty.
    """

    identity: str
    name: str = ""
    language: str = ""


NOBODY: Final = User("")
"""Whom a look-up finds that finds none."""
