"""Tokens of Entra: those of the managed identity that the functions run as, and those of an app by its certificate.

1. The managed identity is that of AZURE_CLIENT_ID, or the system's.
2. An app proves itself by an assertion that its certificate signs (RFC 7523; Microsoft identity platform, "certificate
   credentials"). A token is kept until RENEW_S before its end.
3. What Entra refuses, or a service that does not answer, is a `DependencyError`: the platform's event comes again.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from dialtone.errors import ConfigurationError, DependencyError
from functions.platform_client import PlatformClient
from functions.settings import settings

RENEW_S: Final = 300.0
_ASSERTION_S: Final = 600
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def managed_identity(scope: str) -> str:
    """A token of the managed identity."""
    token: str = (await _credential(settings().client_id).get_token(scope)).token
    return token


@cache
def _credential(client_id: str | None):  # type: ignore[no-untyped-def]  # its import costs a cold start
    from azure.identity.aio import ManagedIdentityCredential

    return ManagedIdentityCredential(client_id=client_id)


@dataclass(slots=True)
class AppTokens:
    """Tokens of an app, by its certificate. `pem` has the certificate and its RSA key, or is the path of such a file.

    `login` is the address of Entra, without the tenant. Raises `ConfigurationError` for a certificate that is none.
    """

    login: str
    tenant: str
    app: str
    pem: str
    clock: Callable[[], float] = time.time
    _http: PlatformClient = field(default_factory=lambda: PlatformClient("Entra", "DIALTONE_TEAMS_LOGIN"), init=False)
    _kept: dict[str, tuple[float, str]] = field(default_factory=dict, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _signer: tuple[Any, str] = field(init=False)

    def __post_init__(self) -> None:
        from cryptography.hazmat.primitives.hashes import SHA256  # its import costs a cold start
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from cryptography.x509 import load_pem_x509_certificate

        try:
            content = self.pem.encode() if "-----BEGIN" in self.pem else Path(self.pem).read_bytes()
            certificate = load_pem_x509_certificate(content)
            key = load_pem_private_key(content[content.index(b"-----BEGIN PRIVATE") :], None)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"it holds no certificate with its key: {type(error).__name__}",
                field="DIALTONE_TEAMS_CERTIFICATE",
                fix="give both in PEM, the key as PKCS #8 without a password",
            ) from None
        self._signer = key, _base64url(certificate.fingerprint(SHA256()))

    async def get(self, scope: str) -> str:
        """A token for a scope. Raises `DependencyError` (rule 3)."""
        async with self._lock:
            until, token = self._kept.get(scope, (0.0, ""))
            if self.clock() >= until:
                seconds, token = await self._asked(scope)
                self._kept[scope] = self.clock() + seconds - RENEW_S, token
            return token

    async def close(self) -> None:
        """Close its connections."""
        await self._http.close()

    async def _asked(self, scope: str) -> tuple[float, str]:
        url = f"{self.login}/{self.tenant}/oauth2/v2.0/token"
        form = {
            "grant_type": "client_credentials",
            "client_id": self.app,
            "scope": scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": self._assertion(url),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        status, body = await self._http.request("POST", url, urlencode(form).encode(), headers, _no_proof)
        try:
            reply = json.loads(body)
            return float(reply["expires_in"]), str(reply["access_token"])
        except (ValueError, KeyError, TypeError):
            raise DependencyError(
                f"Entra gave no token: {status}",
                fix="look whether the certificate is one of the app's, and whether the app is in the tenant",
            ) from None

    def _assertion(self, audience: str) -> str:
        """Rule 2."""
        import jwt  # its import costs a cold start

        key, thumbprint = self._signer
        now = int(self.clock())
        claims = {
            "aud": audience,
            "iss": self.app,
            "sub": self.app,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + _ASSERTION_S,
        }
        return jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": thumbprint})


async def _no_proof(*_: object) -> dict[str, str]:
    return {}


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
