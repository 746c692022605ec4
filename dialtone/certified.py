"""Certificates for a bot on this machine: an authority that nobody else knows, a server's of it, and an app's own."""

import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_LIFE: Final = timedelta(days=2)
_USES: Final = {"content_commitment", "data_encipherment", "encipher_only", "decipher_only"}


@dataclass(frozen=True)
class Certified:
    """Files in PEM: the authority, and the certificate and key of a server at 127.0.0.1."""

    authority: Path
    certificate: Path
    key: Path


def certify(folder: Path) -> Certified:
    """Make them in `folder`; they last for two days. The authority's key is kept nowhere."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name("Dialtone, this run")
    authority = (
        _builder(issuer, authority_key.public_key(), now)
        .issuer_name(issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    server = (
        _builder(_name("127.0.0.1"), server_key.public_key(), now)
        .issuer_name(issuer)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    made = Certified(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    made.key.unlink(missing_ok=True)
    descriptor = os.open(made.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        kind, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        file.write(server_key.private_bytes(serialization.Encoding.PEM, kind, encryption))
    return made


def self_signed(app: str) -> tuple[str, bytes]:
    """A certificate by which an app proves itself to Entra, with its key, in PEM, and its SHA-256 fingerprint."""
    key, name = rsa.generate_private_key(65537, 2048), _name(app)
    certificate = _builder(name, key.public_key(), datetime.now(UTC)).issuer_name(name).sign(key, hashes.SHA256())
    kind, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(serialization.Encoding.PEM, kind, encryption)
    return pem.decode(), certificate.fingerprint(hashes.SHA256())


def _builder(
    name: x509.Name, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFE)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        key_encipherment=False,
        key_agreement=not signs,
        **dict.fromkeys(_USES, False),
    )
