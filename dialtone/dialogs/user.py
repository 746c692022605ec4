"""Whom a call is with."""

from typing import Final, NamedTuple

from dialtone.protocol import Participant


class User(NamedTuple):
    """Whom a call is with, to the bot: what the platform tells of them, or what `CallBot.lookup_user` found.

    `identity` is the key under which `Call.user_data` is kept. `name` is one to greet them by, `language` the one that
    they speak, such as `en` or `en-US`; both are empty where nobody knows.
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
