"""Whom a call is with."""

from typing import Final, NamedTuple

from dialtone.protocol import Participant


class User(NamedTuple):
    """Who a caller is: the key of their data (`identity`), a name to greet them by, the language that they speak
    (`en`, `en-US`); the latter two may be empty.
    """

    identity: str
    name: str = ""
    language: str = ""

    @classmethod
    def of(cls, member: Participant) -> "User":
        """Somebody of whom only the platform has told."""
        return cls(member.identity, member.display_name or "", member.language_id or "")


NOBODY: Final = User("")
"""Whom a look-up finds that finds none."""
