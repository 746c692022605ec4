"""TLS over real sockets: what a function sees of the client's certificate, and that no header of a client survives."""

import ipaddress
import json
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from tests.devhost.conftest import ROOT, RunningHost, running
from tests.devhost.test_main import refusal
from tests.functions.authority import Certified, root, the_issuer, the_root
from tests.functions.rig import JSON, conversation

StartHost = Callable[..., RunningHost]


@dataclass
class Files:
    """PEM files of this test: the host's certificate, and two certificates of clients."""

    folder: Path

    def __post_init__(self) -> None:
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        self.host = the_root().issue("localhost", more=[(address, False)])
        self.client = the_issuer().issue("edge.skype.com")
        self.stranger = root("Somebody").issue("edge.skype.com")
        for name in ("host", "client", "stranger"):
            certified: Certified = getattr(self, name)
            (self.folder / f"{name}.pem").write_bytes(certified.pem)
            (self.folder / f"{name}.key").write_bytes(certified.key_pem)
        (self.folder / "ca.pem").write_bytes(the_root().pem + the_issuer().pem)

    @property
    def tls(self) -> list[str]:
        return ["--tls-cert", str(self.folder / "host.pem"), "--tls-key", str(self.folder / "host.key")]

    @property
    def mutual(self) -> list[str]:
        return [*self.tls, "--client-ca", str(self.folder / "ca.pem")]

    def connect(self, host: RunningHost, name: str | None = None) -> httpx.Client:
        context = ssl.create_default_context(cadata=the_root().pem.decode())
        if name:
            context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return httpx.Client(base_url=host.url, verify=context, timeout=30)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def mutual(start_host: StartHost, files: Files) -> RunningHost:
    return start_host("--no-timers", *files.mutual)


FORGED = {"X-ARR-ClientCert": "Zm9yZ2Vk"}


def test_a_function_sees_the_certificate_of_the_handshake_only(mutual: RunningHost, files: Files) -> None:
    assert mutual.url.startswith("https://127.0.0.1:")
    for headers in ({}, FORGED):
        with files.connect(mutual, "client") as client:
            for _ in range(2):
                seen = client.get("/api/echo", headers=headers).json()
                assert seen["headers"]["x-arr-clientcert"] == files.client.header
                assert seen["url"].startswith("https://")
        with files.connect(mutual) as client:
            assert "x-arr-clientcert" not in client.get("/api/echo", headers=headers).json()["headers"]


def test_a_certificate_of_another_authority_does_not_connect(mutual: RunningHost, files: Files) -> None:
    with files.connect(mutual, "stranger") as client, pytest.raises(httpx.TransportError):
        client.get("/api/echo").raise_for_status()


def test_the_app_is_told_whether_the_header_can_be_trusted(start_host: StartHost, files: Files) -> None:
    told = "/api/environment/DEVHOST_CLIENT_CERTIFICATES"
    with files.connect(start_host("--no-timers", *files.mutual)) as client:
        assert client.get(told).json() == "1"


def test_without_an_authority_nothing_can_be_trusted(start_host: StartHost, files: Files) -> None:
    host = start_host("--no-timers", *files.tls, DEVHOST_CLIENT_CERTIFICATES="1")
    with files.connect(host, "client") as client:
        assert client.get("/api/environment/DEVHOST_CLIENT_CERTIFICATES").json() is None
        assert "x-arr-clientcert" not in client.get("/api/echo", headers=FORGED).json()["headers"]


def test_the_functions_take_the_certificate_of_the_platform(tmp_path: Path, files: Files) -> None:
    command = [sys.executable, "-m", "devhost", "--port", "0", "--no-timers", "--worker", "registry", *files.mutual]
    environment = {
        "DIALTONE_AUTH": "certificate",
        "DIALTONE_CERTIFICATE_ROOTS": str(tmp_path / "ca.pem"),
        "DIALTONE_CERTIFICATE_REVOCATION": "allow",
        "DIALTONE_BOT": "bots.reception:bot",
        "DIALTONE_PUBLIC_URL": "https://bot.example.com",
        "DIALTONE_APPSTATE_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
        "DIALTONE_STORAGE": "memory",
    }
    with running(command, tmp_path, **environment) as host:
        forged = {"X-ARR-ClientCert": files.client.header, "Content-Type": JSON}
        with files.connect(host, "client") as client:
            answer = client.post("/api/calls", content=conversation(), headers={"Content-Type": JSON})
            assert (answer.status_code, answer.json()["actions"][0]["action"]) == (200, "answer")
        with files.connect(host) as client:
            answer = client.post("/api/calls", content=conversation("call-8"), headers=forged)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "CERTIFICATE_MISSING")
        assert json.dumps(files.client.header) not in host.log


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--tls-cert", "host.pem", "--tls-key", "client.key"], "TLS cannot be set up"),
        (["--tls-cert", "none.pem", "--tls-key", "host.key"], "TLS cannot be set up"),
        (["--tls-cert", "host.pem", "--tls-key", "host.key", "--client-ca", "host.key"], "TLS cannot be set up"),
    ],
)
def test_files_that_do_not_fit_are_refused(files: Files, arguments: list[str], named: str) -> None:
    (files.folder / "function_app.py").write_text(
        "import azure.functions as func\napp = func.FunctionApp()\n@app.route('x')\ndef f(req): ...\n"
    )
    paths = [str(files.folder / each) if not each.startswith("--") else each for each in arguments]
    assert named in refusal(files.folder, "--worker", "registry", *paths)


@pytest.mark.parametrize("arguments", [["--tls-cert", "a.pem"], ["--tls-key", "a.key"], ["--client-ca", "a.pem"]])
def test_half_of_tls_is_a_wrong_command_line(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "devhost", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "--tls-cert" in ended.stderr
