"""What callers type in secret, sealed for the history of their call: AES-GCM with keys made of DIALTONE_APPSTATE_KEY.

1. The newest key seals, each of them opens: after a rotation calls in progress go on for as long as the old key stays.
2. A sealed text is bound to its call. All are of one length, whatever was typed.
"""

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import cache
from typing import Final

from dialtone.appstate import keys_from_setting
from dialtone.dialogs.history import SEALED
from dialtone.errors import DialogError

DIGITS_MAX: Final = 20
_NONCE_BYTES: Final = 12


class CallVault:
    """See `dialtone.dialogs.secret.Vault`."""

    def __init__(self, keys: Sequence[bytes], call_id: str) -> None:
        self._keys = keys
        self._call = call_id.encode("utf-8", "surrogatepass")

    def seal(self, text: str) -> str:
        """See `Vault`."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # costs a cold start

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[0]).encrypt(nonce, text.encode().ljust(DIGITS_MAX, b"\0"), self._call)
        return f"{SEALED}{urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str) -> str:
        """See `Vault`."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        data = urlsafe_b64decode(sealed.removeprefix(SEALED))
        for key in self._keys:
            try:
                plain = AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], self._call)
            except InvalidTag:
                continue
            return plain.rstrip(b"\0").decode()
        raise DialogError(
            "what the caller typed in secret cannot be opened: it was sealed with another key, or for another call",
            field="DIALTONE_APPSTATE_KEY",
            fix="keep the old key in the setting, behind the new one, until the calls in progress have ended",
        )


@cache
def vault_keys(setting: str) -> tuple[bytes, ...]:
    """The keys of DIALTONE_APPSTATE_KEY, as this is in need of them. Raises `ConfigurationError`."""
    return tuple(hmac.digest(key, b"dialtone secret digits", "sha256") for key in keys_from_setting(setting))
