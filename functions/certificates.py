"""The client certificate of the calling platform (Skype Calling API, "Security").

1. The certificate is the one of the TLS handshake, which a front end has ended: it comes in X-ARR-ClientCert, base64 of
   DER. That header proves something only where a front end writes it and drops what a client has sent: in Azure, with
   client certificates switched on, and in the local host with `--client-ca`. Elsewhere it is refused.
2. Its name, the common name or one of the alternative ones, is as configured: `*.skype.com` is one label under
   skype.com.
3. It is valid now, signed with SHA-2, an RSA key has MIN_RSA_BITS or more, and where it says what it is made for,
   client authentication is named.
4. It chains to a configured root. None comes with the kit: the root that the API's description names has expired in
   May 2025. The front end hands on the leaf alone, so what is between is configured too.
5. Neither it nor what is between was revoked. What could not be checked is refused (503, since it may be soon), or let
   through where DIALTONE_CERTIFICATE_REVOCATION=allow.
6. A refusal is a 403 and names its reason; nothing of the certificate is put into a log or a reply.
"""

import logging
import os
import re
import time
import warnings
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dialtone.errors import ConfigurationError, DependencyError, Forbidden
from functions.revocation import SHA_2, Revocation, Standing, crl_urls, ocsp_urls

log: Final = logging.getLogger("dialtone")

HEADER: Final = "X-ARR-ClientCert"
FRONT_ENDS: Final = ("WEBSITE_INSTANCE_ID", "DEVHOST_CLIENT_CERTIFICATES")
"""Variables that Azure and the local host set: one of them is there when a front end writes the header."""

MAX_HEADER: Final = 65_536

MIN_RSA_BITS: Final = 2048

_APP: Final = Path(__file__).parent.parent

# What the library raises for certificates that break their format, or are of another kind than it knows.
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    UnsupportedAlgorithm,
    CryptographyDeprecationWarning,
)
_EITHER: Final = verification.Criticality.AGNOSTIC


class Certificates:
    """Verifies the client certificates of callbacks.

    `roots` and `intermediates` are PEM certificates, `names` patterns such as `*.skype.com`. `must_check` refuses what
    could not be checked for revocation. `clock` gives seconds since 1970, UTC. Raises `ConfigurationError` when there
    is no root.
    """

    def __init__(
        self,
        *,
        roots: bytes,
        intermediates: bytes = b"",
        names: Sequence[str] = ("*.skype.com",),
        must_check: bool = True,
        revocation: Revocation | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = verification.Store(_certificates(roots, "DIALTONE_CERTIFICATE_ROOTS"))
        self._between = _certificates(intermediates, "DIALTONE_CERTIFICATE_INTERMEDIATES") if intermediates else []
        self._name = re.compile("|".join(map(_pattern, names)))
        self._must_check, self._clock = must_check, clock
        self._revocation = revocation or Revocation(clock=clock)
        # Names are checked by rule 2, and old issuers give leaves no key identifier of theirs.
        self._leaf_policy = (
            verification.ExtensionPolicy.webpki_defaults_ee()
            .may_be_present(x509.SubjectAlternativeName, _EITHER, None)
            .may_be_present(x509.AuthorityKeyIdentifier, _EITHER, None)
        )
        self._issuer_policy = verification.ExtensionPolicy.webpki_defaults_ca()

    async def verify(self, header: str | None) -> None:
        """Verify the value of X-ARR-ClientCert. Raises `Forbidden`, and `DependencyError` by rule 5."""
        if not header:
            raise _refusal("CERTIFICATE_MISSING", "the request has no client certificate", "connect with one")
        if not any(os.environ.get(name) for name in FRONT_ENDS):
            raise _refusal(
                "CERTIFICATE_SOURCE",
                "no front end vouches for the client certificate here",
                "run in Azure with client certificates switched on, or in devhost with --client-ca",
            )
        try:
            certificate = _certificate(header)
            self._check_leaf(certificate)
            chain = self._chain(certificate)
        except _UNREADABLE:
            raise _refusal(
                "CERTIFICATE_MALFORMED", "the client certificate cannot be read", "send base64 of DER"
            ) from None
        await self._check_revocation(chain)

    def _check_leaf(self, certificate: x509.Certificate) -> None:
        """Rules 2 and 3."""
        if not isinstance(certificate.signature_hash_algorithm, SHA_2):
            raise _refusal("CERTIFICATE_HASH", "the client certificate is not signed with SHA-2", "have it reissued")
        if not any(self._name.fullmatch(name) for name in _names(certificate)):
            raise _refusal(
                "CERTIFICATE_NAME",
                "the client certificate has another name",
                "look at DIALTONE_CERTIFICATE_NAMES",
            )
        now = self._now()
        if now > certificate.not_valid_after_utc:
            raise _refusal("CERTIFICATE_EXPIRED", "the client certificate has expired", "renew it")
        if now < certificate.not_valid_before_utc:
            raise _refusal(
                "CERTIFICATE_TOO_EARLY", "the client certificate is not valid yet", "look at the clocks of both sides"
            )
        key = certificate.public_key()
        if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
            raise _refusal("CERTIFICATE_KEY", "the key of the client certificate is weak", "have it reissued")
        usage = _usage(certificate)
        if usage is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in usage:
            raise _refusal(
                "CERTIFICATE_USAGE",
                "the client certificate is not made for client authentication",
                "have it issued with that extended key usage",
            )

    def _chain(self, certificate: x509.Certificate) -> list[x509.Certificate]:
        """Rule 4: the certificate and its issuers up to a root."""
        verifier = (
            verification.PolicyBuilder()
            .time(self._now())
            .store(self._store)
            .extension_policies(ca_policy=self._issuer_policy, ee_policy=self._leaf_policy)
            .build_client_verifier()
        )
        try:
            return verifier.verify(certificate, self._between).chain
        except verification.VerificationError:
            raise _refusal(
                "CERTIFICATE_CHAIN",
                "the client certificate does not chain to a configured root",
                "look at DIALTONE_CERTIFICATE_ROOTS and DIALTONE_CERTIFICATE_INTERMEDIATES",
            ) from None

    async def _check_revocation(self, chain: Sequence[x509.Certificate]) -> None:
        """Rule 5."""
        for certificate, issuer in pairwise(chain):
            standing = await self._revocation.standing(certificate, issuer)
            if standing is Standing.REVOKED:
                raise _refusal("CERTIFICATE_REVOKED", "the client certificate was revoked", "connect with another")
            if standing is Standing.UNKNOWN:
                self._unchecked(certificate)

    def _unchecked(self, certificate: x509.Certificate) -> None:
        if not self._must_check:
            log.warning("whether a client certificate was revoked could not be checked; it is let through")
            return
        if not ocsp_urls(certificate) and not crl_urls(certificate):
            # Asking again later is no use.
            raise _refusal(
                "CERTIFICATE_UNCHECKABLE",
                "the client certificate or its issuer names no place that tells whether it was revoked",
                "have it issued with one, or set DIALTONE_CERTIFICATE_REVOCATION=allow",
            )
        raise DependencyError(
            "whether the client certificate was revoked could not be checked",
            code="CERTIFICATE_UNCHECKED",
            field=HEADER,
            fix="look whether the places that it names can be reached, or set DIALTONE_CERTIFICATE_REVOCATION=allow",
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def read_pem(setting: str, text: str) -> bytes:
    """What a setting holds: PEM, or the path of a file with it, from the app's folder. Raises `ConfigurationError`."""
    if "-----BEGIN" in text:
        return text.encode()
    try:
        return (_APP / text).read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            "it is neither PEM nor the path of a file that can be read",
            field=setting,
            fix="set it to certificates in PEM, or to the path of a file with them",
        ) from error


def _certificate(header: str) -> x509.Certificate:
    with warnings.catch_warnings():
        # What the library takes with a warning, against RFC 5280, is refused.
        warnings.simplefilter("error", CryptographyDeprecationWarning)
        return x509.load_der_x509_certificate(b64decode(header[:MAX_HEADER], validate=True))


def _certificates(pem: bytes, setting: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ConfigurationError(
            "it holds no certificate in PEM, or a broken one", field=setting, fix="set it to certificates in PEM"
        ) from error


def _pattern(name: str) -> str:
    """A pattern of names as a regular expression: `*` is one whole label."""
    labels = (r"[^.\s]+" if label == "*" else re.escape(label) for label in name.lower().split("."))
    return r"\.".join(labels)


def _names(certificate: x509.Certificate) -> list[str]:
    names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names += alternative.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        pass
    return [name.lower() for name in names]


def _usage(certificate: x509.Certificate) -> x509.ExtendedKeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return None


def _refusal(code: str, message: str, fix: str) -> Forbidden:
    return Forbidden(message, code=code, field=HEADER, fix=fix)
