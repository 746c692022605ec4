"""The signatures of canaries, and the files of their keys."""

import subprocess
from pathlib import Path

import jwt
import pytest

from dialtone.protocol import canary as rules
from simulator.canary import MESSAGE_ID, Canary, load_canary_key
from simulator.issuer import IssuerError, load_key


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "canary.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(path)], check=True, capture_output=True)
    return path


def test_a_request_is_signed_by_a_key_of_openssl(key: Path) -> None:
    private = load_canary_key(key)
    headers = Canary(private, "https://bot.test", lambda: 1_800_000_000.7).sign(
        {MESSAGE_ID: "m1", "Accept": "*"}, b"{}"
    )
    scheme, _, token = headers["Authorization"].partition(" ")
    told = jwt.decode(
        token,
        private.public_key(),
        algorithms=["EdDSA"],
        options={"verify_aud": False, "verify_exp": False, "verify_iat": False},
    )
    assert (scheme, headers["Accept"]) == ("Bearer", "*")
    assert told == {
        "iss": "dialtone-canary",
        "aud": "https://bot.test",
        "iat": 1_800_000_000,
        "exp": 1_800_000_000 + rules.LIFE_S,
        "jti": "m1",
        "sha": "RBNvo1WzZ4oRRq0W9-hknpT7T8If536DEMBg9hyq_4o",
    }


def test_a_file_without_such_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("nothing")
    load_key(tmp_path / "rsa.pem")
    for name in ("text.pem", "rsa.pem"):
        with pytest.raises(IssuerError, match="openssl genpkey -algorithm ed25519"):
            load_canary_key(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        load_canary_key(tmp_path / "nowhere.pem")
