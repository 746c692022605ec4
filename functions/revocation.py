"""Whether a certificate was revoked, by the places that it names: OCSP (RFC 6960) and CRLs (RFC 5280).

1. OCSP is asked first, since its answer is small; a CRL when there is no OCSP responder, or it gives no usable answer.
2. An answer counts only when the issuer, or for OCSP a responder that the issuer has made, signed it with SHA-2, it is
   about this certificate, and its time has not run out. One that does not count is as none.
3. An answer is kept: it is read again after FRESH_S, and serves until its own nextUpdate while it cannot be read.
4. A certificate that names no place, or none that answers, is `UNKNOWN`; what follows is the caller's to decide.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from dialtone.errors import DependencyError
from functions.documents import Document, fetch

T = TypeVar("T")

FRESH_S: Final = 3600.0
SHA_2: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)

_MAX_ANSWER: Final = 64 * 1024
_MAX_LIST: Final = 16 * 1024 * 1024
_MAX_KEPT: Final = 256
_SKEW: Final = timedelta(minutes=5)


class Standing(Enum):
    """What is known of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a responder says of a certificate, until `until`."""

    standing: Standing
    until: datetime


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A CRL whose signature was verified."""

    crl: x509.CertificateRevocationList
    until: datetime


class Revocation:
    """Asks, and keeps what was answered. `clock` gives seconds since 1970, UTC; `ages` measures how old answers are."""

    def __init__(self, *, clock: Callable[[], float] = time.time, ages: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._ages = clock, ages
        self._answers: dict[tuple[str, bytes], Document[Answer]] = {}
        self._lists: dict[tuple[str, bytes], Document[RevocationList]] = {}

    async def standing(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Standing:
        """What is known of a certificate that `issuer` has issued."""
        for url in ocsp_urls(certificate):
            found = await self._ask(url, certificate, issuer)
            if found is not Standing.UNKNOWN:
                return found
        for url in crl_urls(certificate):
            found = await self._look_up(url, certificate, issuer)
            if found is not Standing.UNKNOWN:
                return found
        return Standing.UNKNOWN

    async def _ask(self, url: str, certificate: x509.Certificate, issuer: x509.Certificate) -> Standing:
        key = (url, certificate.fingerprint(hashes.SHA256()))
        document = self._answers.get(key)
        if document is None:
            document = Document(lambda: _ask(url, certificate, issuer, self._now()), life=FRESH_S, clock=self._ages)
            _keep(self._answers, key, document)
        answer = await document.current()
        if answer is None or answer.until < self._now():
            return Standing.UNKNOWN
        return answer.standing

    async def _look_up(self, url: str, certificate: x509.Certificate, issuer: x509.Certificate) -> Standing:
        key = (url, issuer.fingerprint(hashes.SHA256()))
        document = self._lists.get(key)
        if document is None:
            document = Document(lambda: _read_list(url, issuer, self._now()), life=FRESH_S, clock=self._ages)
            _keep(self._lists, key, document)
        found = await document.current()
        if found is None or found.until < self._now() or not _covers(found.crl, certificate):
            return Standing.UNKNOWN
        entry = found.crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        return Standing.GOOD if entry is None else Standing.REVOKED

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def ocsp_urls(certificate: x509.Certificate) -> list[str]:
    """The responders that a certificate names."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return []
    places = [each.access_location for each in access if each.access_method == AuthorityInformationAccessOID.OCSP]
    return _addresses(places)


def crl_urls(certificate: x509.Certificate) -> list[str]:
    """The lists that a certificate names; those that only hold some reasons, or are another issuer's, are left out."""
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return []
    whole = [point.full_name or [] for point in points if point.reasons is None and point.crl_issuer is None]
    return _addresses([name for names in whole for name in names])


def _addresses(names: list[x509.GeneralName]) -> list[str]:
    found = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return [url for url in found if url.lower().startswith(("http://", "https://"))]


async def _ask(url: str, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> Answer:
    # Responders know a certificate by SHA-1 hashes of its issuer (RFC 5019); nothing is proved by them.
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()  # noqa: S303
    content = await fetch(
        url,
        limit=_MAX_ANSWER,
        body=request.public_bytes(serialization.Encoding.DER),
        content_type="application/ocsp-request",
    )
    try:
        answer = _read_answer(ocsp.load_der_ocsp_response(content), request, issuer, now)
    except (ValueError, UnsupportedAlgorithm):
        answer = None
    if answer is None:
        raise _unfit(url)
    return answer


def _read_answer(
    response: ocsp.OCSPResponse, request: ocsp.OCSPRequest, issuer: x509.Certificate, now: datetime
) -> Answer | None:
    """Rule 2; None for a response that does not count."""
    if response.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL or not _is_signed(response, issuer, now):
        return None
    for single in response.responses:
        same = (
            isinstance(single.hash_algorithm, hashes.SHA1)
            and single.serial_number == request.serial_number
            and single.issuer_key_hash == request.issuer_key_hash
            and single.issuer_name_hash == request.issuer_name_hash
        )
        if same and _is_current(single.this_update_utc, single.next_update_utc, now):
            if single.certificate_status == ocsp.OCSPCertStatus.UNKNOWN:
                return None
            good = single.certificate_status == ocsp.OCSPCertStatus.GOOD
            until = single.next_update_utc or now + timedelta(seconds=FRESH_S)
            return Answer(Standing.GOOD if good else Standing.REVOKED, until)
    return None


def _is_signed(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> bool:
    if not isinstance(response.signature_hash_algorithm, SHA_2):
        return False
    responders = [each for each in response.certificates if _is_responder(each, issuer, now)]
    return any(_has_signed(each, response) for each in [issuer, *responders])


def _is_responder(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Whether the issuer has made this certificate for signing OCSP responses, and it is valid."""
    try:
        certificate.verify_directly_issued_by(issuer)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    return valid and ExtendedKeyUsageOID.OCSP_SIGNING in usage


def _has_signed(signer: x509.Certificate, response: ocsp.OCSPResponse) -> bool:
    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    assert algorithm is not None
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


async def _read_list(url: str, issuer: x509.Certificate, now: datetime) -> RevocationList:
    content = await fetch(url, limit=_MAX_LIST)
    try:
        pem = content.startswith(b"-----BEGIN")
        crl = x509.load_pem_x509_crl(content) if pem else x509.load_der_x509_crl(content)
        until = crl.next_update_utc
        if until is not None and _is_usable(crl, url, issuer, now):
            return RevocationList(crl, until)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        pass
    raise _unfit(url)


def _is_usable(crl: x509.CertificateRevocationList, url: str, issuer: x509.Certificate, now: datetime) -> bool:
    """Rule 2, for a list that is neither a delta, nor indirect, nor meant for another place."""
    if crl.issuer != issuer.subject or not isinstance(crl.signature_hash_algorithm, SHA_2):
        return False
    if not _is_current(crl.last_update_utc, crl.next_update_utc, now):
        return False
    point = _issuing_point(crl)
    if any(extension.critical and extension.value is not point for extension in crl.extensions):
        return False
    if point is not None:
        if point.only_some_reasons or point.indirect_crl or point.relative_name:
            return False
        if point.full_name and url not in _addresses(point.full_name):
            return False
    return crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # a TypeError for odd keys


def _covers(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether a list is one of such certificates: of authorities, or of others."""
    point = _issuing_point(crl)
    if point is None:
        return True
    if point.only_contains_attribute_certs:
        return False
    return not (point.only_contains_user_certs if is_authority(certificate) else point.only_contains_ca_certs)


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may issue others."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _issuing_point(crl: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    try:
        return crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return None


def _is_current(since: datetime, until: datetime | None, now: datetime) -> bool:
    return since <= now + _SKEW and (until is None or now <= until)


def _keep(kept: dict[tuple[str, bytes], Document[T]], key: tuple[str, bytes], document: Document[T]) -> None:
    if len(kept) >= _MAX_KEPT:
        del kept[next(iter(kept))]
    kept[key] = document


def _unfit(url: str) -> DependencyError:
    return DependencyError(f"what {url} gives does not say whether a certificate was revoked", fix="look at its server")
