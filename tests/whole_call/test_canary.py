"""`dialtone canary` over TLS against the functions as devhost runs them: who is let in, and who is not."""

import json
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dialtone.program import free_port
from simulator.canary import MESSAGE_ID, Canary, load_canary_key
from tests.devhost.test_tls import Files
from tests.fakes import COMMAND, environment
from tests.functions.rig import JSON, conversation
from tests.whole_call.line import ROOT
from tests.whole_call.test_verified import APP, running


def new_key(path: Path) -> str:
    """Write a key as openssl does; give its public part as the setting has it."""
    key = Ed25519PrivateKey.generate()
    kind, encryption = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, encryption))
    return b64encode(
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).decode()


@dataclass
class Deployed:
    """A bot behind TLS whose canaries have the keys that it was started with."""

    url: str
    folder: Path

    def canary(self, key: str) -> subprocess.CompletedProcess[str]:
        arguments = ["--target", self.url, "--key", str(self.folder / key), "--tls-ca", str(self.folder / "ca.pem")]
        command = [*COMMAND, "canary", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment(), capture_output=True, text=True, check=False)

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        return httpx.Client(base_url=self.url, verify=context, trust_env=False, timeout=30)


@contextmanager
def deployed(folder: Path, keys: str) -> Iterator[Deployed]:
    files, port = Files(folder), free_port()
    settings = {
        "DIALTONE_BOT": "bots.reception:bot",
        "DIALTONE_PUBLIC_URL": f"https://127.0.0.1:{port}",
        "DIALTONE_AUTH": "jwt",
        "DIALTONE_APP_ID": APP,
        "DIALTONE_APPSTATE_KEY": b64encode(bytes(32)).decode(),
        "DIALTONE_STORAGE": "memory",
        "DIALTONE_CANARY_KEYS": keys,
    }
    command = [sys.executable, "-m", "devhost", "--port", str(port), "--no-timers", "--worker", "registry"]
    log = folder / "log"
    with running("devhost", [*command, *files.tls], ROOT, log, r"devhost: ready (\S+) ", **settings) as url:
        yield Deployed(url, folder)


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A bot in the middle of a rotation of keys: `new.pem` and `old.pem` are known, `older.pem` no more."""
    folder = tmp_path_factory.mktemp("on")
    _, old, new = (new_key(folder / f"{name}.pem") for name in ("older", "old", "new"))
    with deployed(folder, f"{new},{old}") as bot:
        yield bot


def test_a_canary_is_let_in_with_each_key_of_a_rotation(on: Deployed) -> None:
    done = on.canary("old.pem")
    assert done.stdout.startswith("PASS: the bot took call canary-"), done.stdout + done.stderr
    assert ": 3 callbacks, the slowest answered in " in done.stdout
    assert done.returncode == 0
    key = load_canary_key(on.folder / "new.pem")
    headers = Canary(key, on.url).sign({MESSAGE_ID: "m0", "Content-Type": JSON}, conversation("canary-new"))
    with on.client() as client:
        assert client.post("/api/canary", content=conversation("canary-new"), headers=headers).status_code == 200


def test_a_canary_whose_key_was_taken_out_is_told_why_not(on: Deployed) -> None:
    done = on.canary("older.pem")
    assert done.returncode == 1
    assert done.stdout.startswith(
        "FAIL\n  CANARY_UNKNOWN: no key that is known here has signed this request. "
        "Fix: switch the canary on by DIALTONE_CANARY_KEYS, or sign with its key\n"
    )
    assert "\n  the bot answered with status 401 (attempt 1)\n" in done.stdout


def test_what_is_off_answers_as_it_answers_a_stranger(tmp_path: Path) -> None:
    new_key(tmp_path / "key.pem")
    key = load_canary_key(tmp_path / "key.pem")
    with deployed(tmp_path, "") as off, off.client() as client:
        done = off.canary("key.pem")
        assert (done.returncode, "status 401" in done.stdout) == (1, True)
        signed = Canary(key, off.url).sign({MESSAGE_ID: "m0", "Content-Type": JSON}, conversation("canary-1"))
        answers = [
            client.post("/api/canary", content=conversation("canary-1"), headers=headers)
            for headers in (signed, {}, {"Authorization": "Bearer e30.e30.e30"})
        ]
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}


def test_a_token_is_good_for_its_own_request_now_and_here(on: Deployed) -> None:
    key = load_canary_key(on.folder / "new.pem")
    body = conversation("canary-1")

    def signed(content: bytes, number: str = "m0", *, audience: str = on.url, at: float = 0) -> dict[str, str]:
        headers = {MESSAGE_ID: number, "Content-Type": JSON}
        return dict(Canary(key, audience, lambda: time.time() + at).sign(headers, content))

    with on.client() as client:

        def post(content: bytes, headers: dict[str, str]) -> tuple[int, Any]:
            answer = client.post("/api/canary", content=content, headers=headers)
            error = json.loads(answer.content).get("error", {})
            return answer.status_code, error.get("code") or answer.content

        assert post(body, signed(body, at=-3600)) == (401, "CANARY_TIME")
        assert post(body, signed(body, at=3600)) == (401, "CANARY_TIME")
        assert post(body, signed(body, audience="https://other.test")) == (401, "CANARY_AUDIENCE")

        sent = signed(body)
        status, reply = post(body, sent)
        assert (status, b"Press 1." in reply) == (200, True)
        # Replayed: the same request changes nothing, and no other request can be made of its token.
        assert post(body, sent) == (200, reply)
        assert post(conversation("canary-2"), sent) == (401, "CANARY_REQUEST")
        assert post(body, sent | {MESSAGE_ID: "m1"}) == (401, "CANARY_REQUEST")

        # Not even the operator reaches a call that is none of the canary's, or the bot's own door.
        real = conversation("call-7")
        assert post(real, signed(real)) == (403, "CANARY_CALL")
        answer = client.post("/api/calls", content=body, headers=sent)
        assert answer.status_code in (403, 503), answer.text
