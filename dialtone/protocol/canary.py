"""What a canary's request carries: the identity by which an operator's own test call gets in, beside the platform's.

A canary is one call that `dialtone canary` places through a deployed bot's front door, to `POST /api/canary`. Each of
its requests has a token of its own, `Authorization: Bearer <JWT>`, signed with EdDSA (Ed25519):

| claim | what it is                                                              |
|-------|-------------------------------------------------------------------------|
| `iss` | ISSUER                                                                  |
| `aud` | the address of the functions, so that a token is good for one app only  |
| `iat` | when it was made, in Unix seconds                                       |
| `exp` | at most LIFE_S later                                                    |
| `jti` | the request's Message-ID                                                |
| `sha` | `digest` of the request's body                                          |

So whoever sees a token can do nothing with it but send the same request again, which is answered as it was before.
A canary's call is known by its id, which begins with PREFIX: it can never be a real call's.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any, Final

ISSUER: Final = "dialtone-canary"
PREFIX: Final = "canary-"
ALGORITHM: Final = "EdDSA"
LIFE_S: Final = 120
CLAIMS: Final = ("iss", "aud", "iat", "exp", "jti", "sha")


def digest(body: bytes) -> str:
    """SHA-256 of a body, in base64url without padding."""
    return urlsafe_b64encode(sha256(body).digest()).rstrip(b"=").decode()


def claims(audience: str, message_id: str, body: bytes, now: float) -> dict[str, Any]:
    """The claims of the token of one request, made at the Unix time `now`."""
    made = int(now)
    return {
        "iss": ISSUER,
        "aud": audience,
        "iat": made,
        "exp": made + LIFE_S,
        "jti": message_id,
        "sha": digest(body),
    }
