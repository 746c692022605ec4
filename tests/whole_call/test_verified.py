"""Other people's bots: calls over real TLS with the simulator's own tokens and a client certificate, and Node's SDK."""

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dialtone.program import Program, free_port
from tests.devhost.test_tls import Files
from tests.functions.authority import the_root
from tests.whole_call.line import ROOT, SCRIPTS

APP = "b0100000-1d00-aaaa-bbbb-cccccccccccc"
NODE_BOT = ROOT / "bench" / "node"
NODE_SCRIPT = ROOT / "tests" / "compliance" / "node" / "leave_a_message.yaml"


def simulate(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run the simulator: its exit code, what it wrote, and what it said besides."""
    command = [sys.executable, "-m", "simulator", "call", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@contextmanager
def running(
    name: str, command: Sequence[str], folder: Path, log: Path, ready: str, **environment: str
) -> Iterator[str]:
    def find(printed: str) -> Sequence[str] | None:
        found = re.search(ready, printed)
        return found.groups() if found else None

    program = Program(name, command, directory=folder, log=log, environment=environment, ready=find)
    (address,) = program.start()
    try:
        yield address
    finally:
        program.stop()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def issuer_port() -> int:
    return free_port()


@pytest.fixture
def bot(files: Files, tmp_path: Path, issuer_port: int) -> Iterator[str]:
    """The reception, which wants a token and a certificate, over TLS."""
    port = free_port()
    command = [sys.executable, "-m", "devhost", "--port", str(port), "--no-timers", "--worker", "registry"]
    environment = {
        "DIALTONE_BOT": "bots.reception:bot",
        "DIALTONE_PUBLIC_URL": f"https://127.0.0.1:{port}",
        "DIALTONE_AUTH": "jwt+certificate",
        "DIALTONE_APP_ID": APP,
        "DIALTONE_JWT_METADATA": f"http://127.0.0.1:{issuer_port}/.well-known/openidconfiguration",
        "DIALTONE_CERTIFICATE_ROOTS": the_root().pem.decode(),
        "DIALTONE_CERTIFICATE_INTERMEDIATES": (tmp_path / "ca.pem").read_text(),
        "DIALTONE_CERTIFICATE_REVOCATION": "allow",
        "DIALTONE_APPSTATE_KEY": b64encode(bytes(32)).decode(),
        "DIALTONE_STORAGE": "memory",
        "DIALTONE_STORAGE_ACCOUNT": "",
    }
    ready = r"devhost: ready (\S+) "
    with running("devhost", [*command, *files.mutual], ROOT, tmp_path / "log", ready, **environment) as address:
        yield f"{address}/api/calls"


def test_a_token_and_a_certificate_over_tls(bot: str, files: Files, tmp_path: Path, issuer_port: int) -> None:
    script = str(SCRIPTS / "reception" / "leave-a-message.yaml")
    call = (script, "--bot", bot, "--time", "virtual", "--tls-ca", str(tmp_path / "ca.pem"))
    tokens = ("--jwt", APP, "--issuer-port", str(issuer_port), "--issuer-key", str(tmp_path / "issuer.pem"))
    certificate = ("--client-cert", str(tmp_path / "client.pem"), "--client-key", str(tmp_path / "client.key"))
    code, ledger, said = simulate(*call, *tokens, *certificate, "--seed", "1", "--fault", "skew=-240@1")
    assert (code, ledger[-1]["reasons"]) == (0, []), said
    assert f"metadata at http://127.0.0.1:{issuer_port}" in said
    for seed, missing in enumerate((tokens, certificate), 2):
        code, ledger, _ = simulate(*call, *missing, "--seed", str(seed))
        statuses = {event["status"] for event in ledger if event["kind"] == "http.reply"}
        assert (code, statuses <= {401, 403}) == (1, True)


@pytest.fixture
def node_bot(tmp_path: Path, issuer_port: int) -> Iterator[str]:
    """A bot on Microsoft's Node SDK, with its own check of the platform's token."""
    node = shutil.which("node")
    if node is None and not os.environ.get("CI"):
        pytest.skip("node was not found: install Node.js 20 or newer to try the simulator on the Node calling SDK")
    assert node is not None, "node was not found"
    metadata = f"http://127.0.0.1:{issuer_port}/.well-known/openidconfiguration"
    environment = {"PORT": "0", "APP_ID": APP, "VERIFY_ENDPOINT": metadata}
    with running("node", [node, "bot.js"], NODE_BOT, tmp_path / "log", r"ready (\d+)\n", **environment) as port:
        yield f"http://127.0.0.1:{port}/api/menu"


def test_the_node_sdk_verifies_our_tokens(node_bot: str, tmp_path: Path, issuer_port: int) -> None:
    call = (str(NODE_SCRIPT), "--bot", node_bot, "--time", "virtual", "--seed", "1")
    assert simulate(*call)[0] == 1
    tokens = ("--jwt", APP, "--issuer-port", str(issuer_port), "--issuer-key", str(tmp_path / "issuer.pem"))
    code, ledger, said = simulate(*call, *tokens)
    assert (code, ledger[-1]["reasons"]) == (0, []), said
    wrong = ("--fault", "bad_token=audience@0", "--fault", "bad_token=expired@1")
    code, ledger, said = simulate(*call, *tokens, *wrong)
    assert (code, ledger[-1]["reasons"]) == (0, []), said
    refused = [event["status"] for event in ledger if event.get("fault") == "bad_token" and "status" in event]
    assert refused == [403, 403]


def test_the_node_sdk_is_driven_by_many_calls(node_bot: str, tmp_path: Path, issuer_port: int) -> None:
    tokens = ("--jwt", APP, "--issuer-port", str(issuer_port), "--issuer-key", str(tmp_path / "issuer.pem"))
    code, lines, said = simulate(
        str(NODE_SCRIPT), "--bot", node_bot, "--time", "virtual", "--seed", "1", "--times", "50", *tokens
    )
    assert code == 0, said
    assert (lines[-1]["calls"], lines[-1]["ok"], lines[-1]["requests"]) == (50, 50, 200)
