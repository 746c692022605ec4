"""Client certificates against an authority that issues, revokes, and can be out of order."""

import time
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dialtone.errors import ConfigurationError, DependencyError, Forbidden
from functions.certificates import MAX_HEADER, Certificates, read_pem
from functions.documents import PAUSE_S, RETRY_S
from functions.revocation import FRESH_S, Revocation
from tests.fakes import ROOT
from tests.functions.authority import CLIENT, SERVER, Certified, Places, root, the_issuer, the_root
from tests.functions.issuer import rsa_key

DAY = 24 * 3600.0
ROOTS = "DIALTONE_CERTIFICATE_ROOTS"

# openssl req -x509 -sha1 -subj /CN=edge.skype.com -days 36500; today's libraries sign no such thing.
SHA_1 = (
    "MIIBhjCCAS6gAwIBAgIUXmN6uFlshSrGZu9HONBeD176KyEwCQYHKoZIzj0EATAZMRcwFQYDVQQDDA5lZGdlLnNreXBlLmNvbTAg"
    "Fw0yNjExMjEwMDE0MzRaGA8yMTI2MTAyODAwMTQzNFowGTEXMBUGA1UEAwwOZWRnZS5za3lwZS5jb20wWTATBgcqhkjOPQIBBggq"
    "hkjOPQMBBwNCAASunXGXIX8M/KcdujcVt+KukbKvGM7Pou5lYZ94o4aIPCxOHZ1cYyZ5k9N0qW9nMGlm3TuZRpcRoF7Kk3MJ1J9j"
    "o1MwUTAdBgNVHQ4EFgQUX1MXdBQs3h0kjJgv/kkLC6LA2r0wHwYDVR0jBBgwFoAUX1MXdBQs3h0kjJgv/kkLC6LA2r0wDwYDVR0T"
    "AQH/BAUwAwEB/zAJBgcqhkjOPQQBA0cAMEQCIDRM93aZDMxAFKr8Pvy1X3lS1voYqRkpUaDYs7uS3jk6AiB5ZQ+P1MSV5wZBdY3b"
    "aNt88cYAvv4lKWSC8m8Ny8DSdg=="
)


@pytest.fixture(autouse=True)
def _in_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "0")


@pytest_asyncio.fixture
async def places() -> AsyncIterator[Places]:
    async with Places.open() as running:
        yield running


class Rig:
    """The verifier and clocks that a test moves."""

    def __init__(self, **more: Any) -> None:
        self.age = self.ahead = 0.0
        clock = lambda: time.time() + self.ahead  # noqa: E731
        given: dict[str, Any] = {"roots": the_root().pem, "intermediates": the_issuer().pem, "must_check": False}
        self.certificates = Certificates(
            **given | more, clock=clock, revocation=Revocation(clock=clock, ages=lambda: self.age)
        )

    async def take(self, certified: Certified) -> None:
        await self.certificates.verify(certified.header)

    async def refused(self, certified: Certified) -> str:
        with pytest.raises(Forbidden) as caught:
            await self.take(certified)
        assert (caught.value.http_status, caught.value.field) == (403, "X-ARR-ClientCert")
        assert caught.value.fix
        return caught.value.code


@pytest.fixture
def checking(places: Places) -> Rig:
    """Checks revocation of leaves; the issuer stands directly below what is trusted."""
    return Rig(roots=the_issuer().pem, intermediates=b"", must_check=True)


def issue(name: str = "edge.skype.com", **more: Any) -> Certified:
    return the_issuer().issue(name, **more)


@pytest.mark.parametrize(
    "leaf",
    [
        issue(),
        issue("EDGE.Skype.COM"),
        issue("*.skype.com"),
        issue("something else", names=["other.example.com", "edge.skype.com"]),
        issue("", names=["edge.skype.com"]),
        issue(usage=[CLIENT]),
        issue(usage=[SERVER, CLIENT]),
        issue(its_key=rsa_key("leaf")),
    ],
)
async def test_a_certificate_of_the_platform(leaf: Certified) -> None:
    await Rig().take(leaf)


@pytest.mark.parametrize(
    "name",
    [
        "skype.com",
        ".skype.com",
        "a.b.skype.com",
        "edge.skype.com.evil.test",
        "edge.skype.net",
        "evilskype.com",
        "edge.skype.com\0.evil.test",
        "edge\n.skype.com",
        "edge.skypeXcom",
        "",
    ],
)
async def test_another_name(name: str) -> None:
    assert await Rig().refused(issue(name)) == "CERTIFICATE_NAME"
    if name and "\n" not in name:
        assert await Rig().refused(issue("x", names=[name])) == "CERTIFICATE_NAME"


async def test_names_of_the_setting() -> None:
    rig = Rig(names=("*.example.com", "exact.example.net"))
    await rig.take(issue("a.example.com"))
    await rig.take(issue("exact.example.net"))
    for name in ("edge.skype.com", "a.exact.example.net", "exactxexample.net"):
        assert await rig.refused(issue(name)) == "CERTIFICATE_NAME"


async def test_outside_its_time() -> None:
    assert await Rig().refused(issue(days=(-9, -0.01))) == "CERTIFICATE_EXPIRED"
    assert await Rig().refused(issue(days=(0.01, 9))) == "CERTIFICATE_TOO_EARLY"


async def test_made_for_something_else() -> None:
    assert await Rig().refused(issue(usage=[SERVER])) == "CERTIFICATE_USAGE"
    assert await Rig().refused(issue(usage=[ExtendedKeyUsageOID.CODE_SIGNING])) == "CERTIFICATE_USAGE"


async def test_signed_with_sha_1() -> None:
    with pytest.raises(Forbidden) as caught:
        await Rig().certificates.verify(SHA_1)
    assert caught.value.code == "CERTIFICATE_HASH"


async def test_a_weak_key() -> None:
    assert await Rig().refused(issue(its_key=rsa_key("weak", 1024))) == "CERTIFICATE_KEY"


def forged() -> Certified:
    """Signed by somebody who calls himself as the issuer does."""
    return root("Issuer of tests").issue("edge.skype.com")


def of_a_leaf() -> Certified:
    return issue().issue("edge.skype.com")


def below_an_expired_root() -> tuple[Certified, Certified]:
    old = root("Old root", days=(-90, -1))
    return old, old.issue("edge.skype.com")


@pytest.mark.parametrize(
    "leaf",
    [
        forged(),
        of_a_leaf(),
        root("edge.skype.com"),
        issue(ca=True),
        issue(more=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]),
    ],
    ids=["forged", "issued by a leaf", "its own root", "an authority", "unknown critical extension"],
)
async def test_a_chain_that_leads_nowhere(leaf: Certified) -> None:
    assert await Rig().refused(leaf) == "CERTIFICATE_CHAIN"


async def test_a_chain_with_a_part_that_is_missing_or_has_expired() -> None:
    assert await Rig(intermediates=b"").refused(issue()) == "CERTIFICATE_CHAIN"
    assert await Rig(roots=root().pem).refused(issue()) == "CERTIFICATE_CHAIN"
    old, leaf = below_an_expired_root()
    assert await Rig(roots=old.pem).refused(leaf) == "CERTIFICATE_CHAIN"
    late = the_root().issue("Late", ca=True, days=(-9, -1))
    assert await Rig(intermediates=late.pem).refused(late.issue("edge.skype.com")) == "CERTIFICATE_CHAIN"


async def test_roots_and_intermediates_may_be_several() -> None:
    other = root("Another")
    rig = Rig(roots=other.pem + the_root().pem, intermediates=other.pem + the_issuer().pem)
    await rig.take(issue())
    await rig.take(other.issue("edge.skype.com"))


@pytest.mark.parametrize(
    "header",
    [
        "not base64!",
        "AAAA",
        b64encode(b"\x30\x82").decode(),
        "é",
        issue().header + "," + issue().header,
        issue().header[:-40],
        "A" * (MAX_HEADER + 4),
        the_issuer().pem.decode(),
    ],
)
async def test_what_is_no_certificate(header: str) -> None:
    with pytest.raises(Forbidden) as caught:
        await Rig().certificates.verify(header)
    assert caught.value.code == "CERTIFICATE_MALFORMED"


async def test_what_the_library_only_warns_of_is_refused() -> None:
    whole = b64decode(LEAF.header)
    number = LEAF.certificate.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1)
    negative = whole.replace(serial, bytes([serial[0] | 0x80]) + serial[1:])
    assert negative != whole
    with pytest.raises(Forbidden) as caught:
        await Rig().certificates.verify(b64encode(negative).decode())
    assert caught.value.code == "CERTIFICATE_MALFORMED"


@pytest.mark.parametrize("header", [None, ""])
async def test_no_certificate(header: str | None) -> None:
    with pytest.raises(Forbidden) as caught:
        await Rig().certificates.verify(header)
    assert caught.value.code == "CERTIFICATE_MISSING"


async def test_a_header_counts_only_behind_a_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBSITE_INSTANCE_ID")
    monkeypatch.delenv("DEVHOST_CLIENT_CERTIFICATES", raising=False)
    assert await Rig().refused(issue()) == "CERTIFICATE_SOURCE"
    monkeypatch.setenv("DEVHOST_CLIENT_CERTIFICATES", "1")
    await Rig().take(issue())


LEAF = issue(names=["edge.skype.com"], usage=[CLIENT])


@examples(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=st.data())
async def test_bent_bytes_are_refused_and_never_a_crash(data: st.DataObject) -> None:
    whole = b64decode(LEAF.header)
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    if bytes(raw) != whole:
        with pytest.raises(Forbidden):
            await Rig().certificates.verify(b64encode(raw).decode())


async def test_revoked_says_the_responder(checking: Rig, places: Places) -> None:
    good, bad = places.leaf(), places.leaf()
    places.revoked.add(bad.certificate.serial_number)
    await checking.take(good)
    assert await checking.refused(bad) == "CERTIFICATE_REVOKED"
    assert places.asked == ["ocsp", "ocsp"]


@pytest.mark.parametrize("pem", [False, True])
async def test_revoked_says_the_list(checking: Rig, places: Places, pem: bool) -> None:
    places.ocsp_up, places.crl_pem = False, pem
    good, bad = places.leaf(), places.leaf()
    places.revoked.add(bad.certificate.serial_number)
    await checking.take(good)
    assert await checking.refused(bad) == "CERTIFICATE_REVOKED"
    assert places.asked == ["ocsp", "crl", "ocsp"]


async def test_a_revoked_issuer_takes_its_leaves_along(places: Places) -> None:
    places.by = the_root()
    issuer = the_root().issue("Fallen", ca=True, places=places.url)
    places.revoked.add(issuer.certificate.serial_number)
    rig = Rig(intermediates=issuer.pem)
    assert await rig.refused(issuer.issue("edge.skype.com")) == "CERTIFICATE_REVOKED"


async def test_answers_are_kept(checking: Rig, places: Places) -> None:
    leaf = places.leaf()
    for _ in range(3):
        await checking.take(leaf)
    assert places.asked == ["ocsp"]
    places.revoked.add(leaf.certificate.serial_number)
    checking.age = FRESH_S
    assert await checking.refused(leaf) == "CERTIFICATE_REVOKED"


@pytest.mark.parametrize("ocsp_up", [True, False])
async def test_a_kept_answer_serves_until_its_time_runs_out(checking: Rig, places: Places, ocsp_up: bool) -> None:
    places.ocsp_up = ocsp_up
    leaf = places.leaf()
    await checking.take(leaf)
    places.ocsp_up = places.crl_up = False
    checking.age += FRESH_S
    await checking.take(leaf)
    checking.ahead = 2 * DAY
    checking.age += 2 * DAY
    with pytest.raises(DependencyError):
        await checking.take(leaf)


async def test_what_cannot_be_checked_is_refused_for_now_or_let_through(checking: Rig, places: Places) -> None:
    places.ocsp_up = places.crl_up = False
    leaf = places.leaf()
    with pytest.raises(DependencyError) as caught:
        await checking.take(leaf)
    assert (caught.value.http_status, caught.value.code) == (503, "CERTIFICATE_UNCHECKED")
    await Rig().take(leaf)
    places.ocsp_up = True
    asked = len(places.asked)
    with pytest.raises(DependencyError):
        await checking.take(leaf)
    assert len(places.asked) == asked
    checking.age += max(RETRY_S, PAUSE_S)
    await checking.take(leaf)


async def test_what_names_no_place_cannot_be_checked_later_either(checking: Rig) -> None:
    assert await checking.refused(issue()) == "CERTIFICATE_UNCHECKABLE"
    directory = x509.DistributionPoint([x509.UniformResourceIdentifier("ldap://directory.test/x")], None, None, None)
    only_there = issue(more=[(x509.CRLDistributionPoints([directory]), False)])
    assert await checking.refused(only_there) == "CERTIFICATE_UNCHECKABLE"
    await Rig().take(issue())


def responder(**more: Any) -> Certified:
    return the_issuer().issue("Responder", usage=[ExtendedKeyUsageOID.OCSP_SIGNING], **more)


async def test_a_responder_that_the_issuer_made(checking: Rig, places: Places) -> None:
    places.signer, places.crl_up = responder(), False
    await checking.take(places.leaf())


@pytest.mark.parametrize(
    "change",
    [
        {"signer": root().issue("Responder", usage=[ExtendedKeyUsageOID.OCSP_SIGNING])},
        {"signer": issue("Responder", usage=[CLIENT])},
        {"signer": issue("Responder")},
        {"signer": responder(days=(-9, -1))},
        {"signer": responder(), "attached": False},
        {"garbage": True},
        {"about": 7},
        {"age": timedelta(days=2)},
        {"age": timedelta(days=-1)},
        {"status": ocsp.OCSPCertStatus.UNKNOWN},
    ],
)
async def test_an_answer_that_does_not_count(checking: Rig, places: Places, change: dict[str, Any]) -> None:
    places.crl_up = False
    for name, value in change.items():
        setattr(places, name, value)
    with pytest.raises(DependencyError):
        await checking.take(places.leaf())


def point(url: str | None = None, **only: bool) -> tuple[x509.ExtensionType, bool]:
    whole: dict[str, Any] = dict.fromkeys(
        ["only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs"], False
    )
    name = [x509.UniformResourceIdentifier(url)] if url else None
    return (
        x509.IssuingDistributionPoint(
            full_name=name, relative_name=None, only_some_reasons=None, **whole | (only or {"indirect_crl": False})
        ),
        True,
    )


@pytest.mark.parametrize(
    "change",
    [
        {"signer": root()},
        {"garbage": True},
        {"crl_issuer": "Somebody else"},
        {"age": timedelta(days=2)},
        {"age": timedelta(days=-1)},
        {"crl_extensions": [(x509.DeltaCRLIndicator(1), True)]},
        {"crl_extensions": [point("http://other.test/crl")]},
        {"crl_extensions": [point(only_contains_ca_certs=True)]},
        {"crl_extensions": [point(only_contains_attribute_certs=True)]},
        {"crl_extensions": [point(indirect_crl=True)]},
    ],
)
async def test_a_list_that_does_not_count(checking: Rig, places: Places, change: dict[str, Any]) -> None:
    places.ocsp_up = False
    for name, value in change.items():
        setattr(places, name, value)
    with pytest.raises(DependencyError):
        await checking.take(places.leaf())


async def test_a_list_of_leaves_is_enough_for_a_leaf(checking: Rig, places: Places) -> None:
    places.ocsp_up = False
    places.crl_extensions = [
        (x509.CRLNumber(7), False),
        point(f"{places.url}/crl", only_contains_user_certs=True),
    ]
    leaf = places.leaf()
    await checking.take(leaf)


@pytest.mark.parametrize("roots", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_roots_that_are_none(roots: bytes) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Certificates(roots=roots)
    assert caught.value.field == ROOTS


def test_intermediates_that_are_none() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Certificates(roots=the_root().pem, intermediates=b"nothing")
    assert caught.value.field == "DIALTONE_CERTIFICATE_INTERMEDIATES"


def test_pem_or_the_path_of_a_file(tmp_path: Path) -> None:
    pem = the_root().pem
    (tmp_path / "roots.pem").write_bytes(pem)
    assert read_pem(ROOTS, pem.decode()) == read_pem(ROOTS, str(tmp_path / "roots.pem")) == pem
    assert read_pem(ROOTS, "host.json") == (ROOT / "host.json").read_bytes()
    for text in (str(tmp_path / "none.pem"), str(tmp_path), "nothing\0"):
        with pytest.raises(ConfigurationError) as caught:
            read_pem(ROOTS, text)
        assert caught.value.field == ROOTS
