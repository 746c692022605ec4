"""Signs the requests of a canary, by the key that an operator keeps (dialtone/protocol/canary.py)."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dialtone.protocol import canary
from simulator.issuer import IssuerError

MESSAGE_ID: Final = "X-Microsoft-Skype-Message-ID"
ROUTE: Final = "/api/canary"


class Canary:
    """Signs for the functions at the address `audience`. `clock` gives seconds since 1970, UTC."""

    def __init__(self, key: Ed25519PrivateKey, audience: str, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._audience = audience
        self._clock = clock

    def sign(self, headers: Mapping[str, str], content: bytes) -> Mapping[str, str]:
        """The headers of a request, with its token."""
        claims = canary.claims(self._audience, headers[MESSAGE_ID], content, self._clock())
        return {**headers, "Authorization": f"Bearer {jwt.encode(claims, self._key, canary.ALGORITHM)}"}


def load_canary_key(path: Path) -> Ed25519PrivateKey:
    """The key in a PEM file. Raises `IssuerError`; OSError for a file that cannot be read."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise IssuerError(
            f"{path} holds no Ed25519 key without a password; make one: openssl genpkey -algorithm ed25519 -out {path}"
        )
    return key
