"""The tickets in the addresses that a platform of commands posts a call's events to.

1. A ticket is the last part of the address: the call's id, and a proof that this bot made it. An event is taken for the
   call of its ticket, whatever its body says.
2. Its keys are derived from those that sign appStates. The first one makes tickets, all of them are known, so that keys
   can be rotated while calls are under way.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from dialtone.appstate import keys_from_setting
from dialtone.errors import Forbidden

_PROOF_BYTES: Final = 18


class Tickets:
    """The tickets of calls on one channel. `keys` sign appStates, the newest first."""

    def __init__(self, keys: Sequence[bytes], channel: str) -> None:
        self._keys = [hmac.digest(key, f"dialtone {channel} callback".encode(), "sha256") for key in keys]

    def of(self, call_id: str) -> str:
        """The ticket of a call."""
        return f"{urlsafe_b64encode(call_id.encode()).rstrip(b'=').decode()}.{_proof(self._keys[0], call_id)}"

    def call_of(self, ticket: str) -> str:
        """The id of a ticket's call. Raises `Forbidden` when the ticket is none of ours."""
        name, _, proof = ticket.partition(".")
        try:
            call_id = urlsafe_b64decode(name + "=" * (-len(name) % 4)).decode()
        except ValueError:
            call_id = ""
        known = (hmac.compare_digest(_proof(key, call_id).encode(), proof.encode()) for key in self._keys)
        if not call_id or not any(known):
            raise Forbidden("the callback's address is none of ours", code="TICKET", fix="post to the callbackUri")
        return call_id


@lru_cache(maxsize=8)
def tickets_of(setting: str, channel: str) -> Tickets:
    """The tickets that go with a value of DIALTONE_APPSTATE_KEY; made once for each, for their keys are derived."""
    return Tickets(keys_from_setting(setting), channel)


@lru_cache(maxsize=1024)
def _proof(key: bytes, call_id: str) -> str:
    return urlsafe_b64encode(hmac.digest(key, call_id.encode(), "sha256")[:_PROOF_BYTES]).decode()
