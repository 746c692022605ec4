"""Keys of signals: whoever has the key of a call may send it signals, and nothing else.

A key is HMAC-SHA256 over the call's id, in base64url without padding, under a key that is derived from each of those
that sign appStates, so that neither can be taken for the other.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

_DERIVED: Final = b"dialtone signals 1"


class SignalKeys:
    """Makes and knows keys. The first of `keys` makes them, all of them are known, so that keys can be rotated."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(hmac.digest(key, _DERIVED, "sha256") for key in keys)

    def key_of(self, call_id: str) -> str:
        """The key of a call."""
        return _key(self._keys[0], call_id)

    def knows(self, call_id: str, key: str) -> bool:
        """Whether this is a key of the call."""
        given = key.encode(errors="surrogatepass")
        return any(hmac.compare_digest(_key(known, call_id).encode(), given) for known in self._keys)


def _key(key: bytes, call_id: str) -> str:
    digest = hmac.digest(key, call_id.encode(errors="surrogatepass"), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
