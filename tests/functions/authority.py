"""A certificate authority on this machine: a root, an issuer, leaves, and where to ask whether one was revoked."""

from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Self

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from tests.functions.issuer import serving

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
Key = ec.EllipticCurvePrivateKey | RSAPrivateKey


def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Certified:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def header(self) -> str:
        return b64encode(self.certificate.public_bytes(Encoding.DER)).decode()

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def issue(
        self,
        name: str,
        *,
        ca: bool = False,
        days: tuple[float, float] = (-1, 30),
        usage: Sequence[x509.ObjectIdentifier] = (),
        names: Sequence[str] = (),
        places: str = "",
        its_key: Key | None = None,
        more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    ) -> "Certified":
        """A certificate signed by this one; `places` is the address where its standing is told."""
        its_key = its_key or key()
        builder = _builder(name, its_key, days).issuer_name(self.certificate.subject)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        ]
        if ca:
            extensions += _of_an_issuer(its_key)
        if usage:
            extensions.append((x509.ExtendedKeyUsage(usage), False))
        if names:
            extensions.append((x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False))
        if places:
            where = [x509.UniformResourceIdentifier("ldap://directory.test/x"), x509.UniformResourceIdentifier(places)]
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, where[1])
            extensions.append((x509.AuthorityInformationAccess([access]), False))
            listed = [x509.UniformResourceIdentifier(f"{places}/crl")]
            point = x509.DistributionPoint([where[0], *listed], None, None, None)
            extensions.append((x509.CRLDistributionPoints([point]), False))
        return Certified(_sign(builder, [*extensions, *more], self.key), its_key)


def _builder(name: str, its_key: Key, days: tuple[float, float]) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(its_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() + timedelta(days=days[0]))
        .not_valid_after(now() + timedelta(days=days[1]))
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _of_an_issuer(its_key: Key) -> list[tuple[x509.ExtensionType, bool]]:
    uses = dict.fromkeys(
        ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"], False
    )
    uses |= {"key_cert_sign": True, "crl_sign": True, "encipher_only": False, "decipher_only": False}
    return [
        (x509.BasicConstraints(True, None), True),
        (x509.KeyUsage(**uses), True),
        (x509.SubjectKeyIdentifier.from_public_key(its_key.public_key()), False),
    ]


def _sign(
    builder: x509.CertificateBuilder, extensions: Sequence[tuple[x509.ExtensionType, bool]], by: Key
) -> x509.Certificate:
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(by, hashes.SHA256())


def root(name: str = "Root of tests", days: tuple[float, float] = (-10, 1000)) -> Certified:
    its_key = key()
    builder = _builder(name, its_key, days).issuer_name(_name(name))
    return Certified(_sign(builder, _of_an_issuer(its_key), its_key), its_key)


@cache
def the_root() -> Certified:
    return root()


@cache
def the_issuer() -> Certified:
    return the_root().issue("Issuer of tests", ca=True)


@dataclass
class Places:
    """An OCSP responder and a list of one issuer. Tests change what they say; None closes one."""

    by: Certified = field(default_factory=the_issuer)
    revoked: set[int] = field(default_factory=set)
    status: ocsp.OCSPCertStatus | None = None
    ocsp_up: bool = True
    crl_up: bool = True
    garbage: bool = False
    signer: Certified | None = None
    """Signs OCSP responses, and CRLs, instead of the issuer."""
    attached: bool = True
    """Whether the signer's certificate comes along."""
    age: timedelta = timedelta(0)
    about: int | None = None
    """The serial number that OCSP responses are about, instead of the one that was asked for."""
    crl_extensions: list[tuple[x509.ExtensionType, bool]] = field(default_factory=list)
    crl_pem: bool = False
    crl_issuer: str | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def leaf(self, **more: Any) -> Certified:
        return self.by.issue("edge.skype.com", places=self.url, **more)

    async def give(self, request: web.Request) -> web.Response:
        self.asked.append("crl" if request.path == "/crl" else "ocsp")
        if request.path == "/crl":
            return web.Response(body=self.crl()) if self.crl_up else web.Response(status=503)
        if not self.ocsp_up:
            return web.Response(status=503)
        assert request.headers["Content-Type"] == "application/ocsp-request"
        return web.Response(body=self.answer(await request.read()))

    def answer(self, asked: bytes) -> bytes:
        if self.garbage:
            return b"\x30\x03garbage"
        request = ocsp.load_der_ocsp_request(asked)
        serial = self.about if self.about is not None else request.serial_number
        status = self.status or (ocsp.OCSPCertStatus.REVOKED if serial in self.revoked else ocsp.OCSPCertStatus.GOOD)
        revoked = status is ocsp.OCSPCertStatus.REVOKED
        signer = self.signer or self.by
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            request.issuer_name_hash,
            request.issuer_key_hash,
            serial,
            request.hash_algorithm,
            status,
            now() - self.age,
            now() - self.age + timedelta(days=1),
            now() if revoked else None,
            None,
        )
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        if self.signer is not None and self.attached:
            builder = builder.certificates([self.signer.certificate])
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def crl(self) -> bytes:
        if self.garbage:
            return b"garbage"
        name = _name(self.crl_issuer) if self.crl_issuer else self.by.certificate.subject
        builder = x509.CertificateRevocationListBuilder().issuer_name(name)
        builder = builder.last_update(now() - self.age).next_update(now() - self.age + timedelta(days=1))
        for serial in self.revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now())
            builder = builder.add_revoked_certificate(entry.build())
        for extension, critical in self.crl_extensions:
            builder = builder.add_extension(extension, critical)
        crl = builder.sign((self.signer or self.by).key, hashes.SHA256())
        return crl.public_bytes(Encoding.PEM if self.crl_pem else Encoding.DER)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        places = cls()
        async with serving(places.give) as places.url:
            yield places
