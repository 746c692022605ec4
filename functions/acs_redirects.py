"""Whither calls on ACS were redirected, so that none is sent round and round.

1. A call is not redirected to anybody for whom it has rung here before, which would never end.
2. One that this bot has redirected to an ACS user rings in the same subscription again, and is that user's.
3. Both are noted in one partition for all calls of a correlation id, which a redirected call keeps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dialtone.protocol import Redirect
from dialtone.storage import NoteRow, Storage

_FROM: Final = "from"
_TO: Final = "to"


@dataclass(frozen=True, slots=True)
class AcsRedirects:
    """The redirects of a bot's calls. `clock` gives Unix seconds."""

    storage: Storage
    clock: Callable[[], float]

    async def was_sent_to(self, call_id: str, called: str) -> bool:
        """Whether this bot has redirected the call to whom it rings for now. Rule 2."""
        return await self.storage.calls.noted(_chain(call_id), f"{_TO}-{called}")

    async def comes_back(self, call_id: str, called: str, action: Redirect) -> bool:
        """Whether a call that rings for `called` would come back; if not, note where it goes. Rule 1."""
        calls, target, chain = self.storage.calls, action.target.identity, _chain(call_id)
        if target.casefold() == called.casefold() or await calls.noted(chain, f"{_FROM}-{target}"):
            return True
        for mark in (f"{_FROM}-{called}", f"{_TO}-{target}"):
            await calls.note(NoteRow(chain, mark, action.kind, b"", self.clock()))
        return False


def _chain(call_id: str) -> str:
    """Rule 3: the id of a call begins with its correlation id."""
    return f"acs-chain-{call_id.rpartition('-')[0]}"
