"""Tokens of the calling platform: a JSON Web Token in the Authorization header of each callback.

1. `Authorization: Bearer <token>`, the scheme in any case. No header, another scheme, or what is no token: 401.
2. A token that does not prove what it should: 403. The signature is RSA with SHA-2 by a key of the issuer's key set;
   issuer and audience are as configured; `exp` and `nbf` are there and, give or take the skew, the time is between.
3. A key set that cannot be read is our trouble, not the caller's: 503, unless a key that is kept verifies the token.
4. Keys are read from the issuer's OpenID metadata, again after KEYS_LIFE_S, and when a token names a key that is not
   known (functions/documents.py says how often at most).
5. A token that was verified is known again for its life, by the hash of the whole of it, as long as the key set is
   the same.
6. Nothing of a token is put into a log or a reply.

The same rules as those of Microsoft's SDKs for this API, whose Node one has no skew and whose C# one has 300 seconds.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from dialtone.errors import DependencyError, Forbidden, Unauthorized
from functions.documents import Document, fetch
from functions.settings import is_private

HEADER: Final = "Authorization"
ALGORITHMS: Final = ("RS256", "RS384", "RS512")
KEYS_LIFE_S: Final = 24 * 3600.0
MAX_TOKEN: Final = 16_384
"""Characters of a token; those of the platforms have fewer than 2,000."""

_MAX_KEPT: Final = 1024
_MAX_DOCUMENT: Final = 1024 * 1024
_MIN_KEY_BITS: Final = 2048
_TOKEN: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_CLAIMS: Final = ("aud", "iss", "exp", "nbf")

# The first that fits an exception of PyJWT; subclasses before their bases.
_REASONS: Final[tuple[tuple[type[jwt.InvalidTokenError], str, str, str], ...]] = (
    (jwt.ExpiredSignatureError, "TOKEN_EXPIRED", "the token has expired", "look at the clocks of both sides"),
    (jwt.ImmatureSignatureError, "TOKEN_TOO_EARLY", "the token is not valid yet", "look at the clocks of both sides"),
    (jwt.InvalidAudienceError, "TOKEN_AUDIENCE", "the token is for another app", "look at DIALTONE_APP_ID"),
    (jwt.InvalidIssuerError, "TOKEN_ISSUER", "the token is of another issuer", "look at DIALTONE_JWT_ISSUERS"),
    (jwt.MissingRequiredClaimError, "TOKEN_CLAIM", f"the token lacks one of {', '.join(_CLAIMS)}", "send all of them"),
    (jwt.InvalidSignatureError, "TOKEN_SIGNATURE", "the signature of the token is wrong", "sign it with its own key"),
    (jwt.InvalidTokenError, "TOKEN_INVALID", "the token breaks the rules of its kind", "see RFC 7519"),
)


@dataclass(frozen=True, slots=True)
class Keys:
    """A key set: the RSA keys by their id, and the issuer that it belongs to."""

    issuer: str
    by_id: Mapping[str, RSAPublicKey]


class Tokens:
    """Verifies the tokens of callbacks.

    `metadata` is the address of the issuer's OpenID metadata. `issuers` that are empty stand for the one that the
    metadata names. `skew` is in seconds; `claims` have to be there. `clock` gives seconds since 1970, UTC; `ages`
    measures how old the keys are.
    """

    def __init__(
        self,
        *,
        audience: str,
        metadata: str,
        issuers: tuple[str, ...] = (),
        skew: float = 300.0,
        claims: tuple[str, ...] = _CLAIMS,
        clock: Callable[[], float] = time.time,
        ages: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audience, self._issuers, self._skew, self._clock = audience, issuers, skew, clock
        self._required = claims
        self._keys = Document(lambda: read_keys(metadata), life=KEYS_LIFE_S, clock=ages)
        self._jwt = jwt.PyJWT()
        self._known: dict[bytes, tuple[float, Mapping[str, Any]]] = {}
        self._known_by: Keys | None = None

    async def verify(self, header: str | None) -> Mapping[str, Any]:
        """Verify the value of an Authorization header, and give the claims of its token.

        Raises `Unauthorized` (rule 1), `Forbidden` (rule 2) and `DependencyError` (rule 3).
        """
        token = _bearer(header)
        digest = sha256(token.encode()).digest()
        keys = await self._keys.current()
        if keys is not self._known_by:
            self._known.clear()
            self._known_by = keys
        until, claims = self._known.get(digest, (0.0, {}))
        if until > self._clock():
            return claims
        claims = await self._claims(token)
        if len(self._known) >= _MAX_KEPT:
            del self._known[next(iter(self._known))]
        self._known[digest] = int(claims["exp"]) + self._skew, claims
        return claims

    async def _claims(self, token: str) -> dict[str, Any]:
        key_id = _key_id(token)
        keys = self._keys.value
        if keys is None or key_id not in keys.by_id:
            await self._keys.refresh()
            keys = self._keys.value
        if keys is None or key_id not in keys.by_id:
            self._keys.check()
            raise Forbidden(
                "the token is signed with a key that its issuer does not publish",
                code="TOKEN_KEY",
                field=HEADER,
                fix="look at DIALTONE_JWT_METADATA",
            )
        try:
            return self._jwt.decode(
                token,
                keys.by_id[key_id],
                algorithms=ALGORITHMS,
                audience=self._audience,
                issuer=self._issuers or (keys.issuer,),
                leeway=self._skew,
                options={"require": list(self._required)},
            )
        except jwt.InvalidTokenError as error:
            raise _refusal(error) from None


def _bearer(header: str | None) -> str:
    """Rule 1: the token of an Authorization header."""
    scheme, _, token = (header or "").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthorized(
            "the request has no bearer token",
            code="TOKEN_MISSING",
            field=HEADER,
            fix="send `Authorization: Bearer <token>`",
        )
    token = token.strip()
    if len(token) > MAX_TOKEN or not _TOKEN.fullmatch(token):
        raise _malformed()
    return token


def _key_id(token: str) -> str:
    """The id of the key that a token names. Raises `Unauthorized` and `Forbidden`."""
    try:
        head = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise _malformed() from None
    if head.get("alg") not in ALGORITHMS:
        raise Forbidden(
            f"the token is not signed with one of {', '.join(ALGORITHMS)}",
            code="TOKEN_ALGORITHM",
            field=HEADER,
            fix="sign it so",
        )
    # A token without a key id names a key that nobody has.
    return str(head.get("kid", ""))


def _malformed() -> Unauthorized:
    return Unauthorized(
        "the bearer token is not a signed JSON Web Token",
        code="TOKEN_MALFORMED",
        field=HEADER,
        fix="send the token as it was issued",
    )


def _refusal(error: jwt.InvalidTokenError) -> Forbidden:
    for kind, code, message, fix in _REASONS:
        if isinstance(error, kind):
            return Forbidden(message, code=code, field=HEADER, fix=fix)
    raise AssertionError(error)


async def read_keys(metadata_url: str) -> Keys:
    """The key set of an issuer, by the address of its OpenID metadata. Raises `DependencyError`."""
    metadata = _object(metadata_url, await fetch(metadata_url, limit=_MAX_DOCUMENT))
    issuer, keys_url = metadata.get("issuer"), metadata.get("jwks_uri")
    if not isinstance(issuer, str) or not isinstance(keys_url, str) or not is_private(keys_url):
        raise _unfit(metadata_url, "names no issuer, or no key set at an https address")
    listed = _object(keys_url, await fetch(keys_url, limit=_MAX_DOCUMENT)).get("keys")
    by_id = dict(map(_key, listed)) if isinstance(listed, list) else {}
    by_id.pop("", None)
    if not by_id:
        raise _unfit(keys_url, f"holds no RSA key of {_MIN_KEY_BITS} bits or more")
    return Keys(issuer, by_id)  # type: ignore[arg-type]  # None goes with "" only


def _key(jwk: object) -> tuple[str, RSAPublicKey | None]:
    """Id and key; an empty id for what is no RSA key for signatures."""
    if isinstance(jwk, dict) and jwk.get("kty") == "RSA" and jwk.get("use", "sig") == "sig":
        try:
            key = jwt.PyJWK(jwk, "RS256").key
        except (jwt.PyJWTError, ValueError, TypeError):
            return "", None
        if isinstance(key, RSAPublicKey) and key.key_size >= _MIN_KEY_BITS and isinstance(jwk.get("kid"), str):
            return jwk["kid"], key
    return "", None


def _object(url: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _unfit(url, "is not a JSON object")
    return found


def _unfit(url: str, what: str) -> DependencyError:
    return DependencyError(f"what {url} gives {what}", fix="look at DIALTONE_JWT_METADATA and at its server")
