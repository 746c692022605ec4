"""Azurite, Microsoft's storage emulator, as a fixture: one process for the whole run, a blank account for each test.

`npm ci` installs it; AZURITE_BIN names another one. Where it is missing, tests that need it are skipped on an author's
machine and fail in CI.
"""

import base64
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
ACCOUNTS = 500

_KEY = base64.b64encode(b"a key for tests").decode()
_LISTENING = re.compile(r"successfully listening at (https?)://127\.0\.0\.1:(\d+)")


class Azurite:
    """An Azurite process. It is killed, not asked to stop: it keeps nothing."""

    def __init__(self, executable: Path, *options: str) -> None:
        self._executable = executable
        self._options = options
        self._ports = ("0", "0", "0")
        self._scheme = "http"
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> None:
        """Start it, on the ports that it had before if it was running before. It is empty then."""
        names = ("blob", "queue", "table")
        ports = [text for name, port in zip(names, self._ports, strict=True) for text in (f"--{name}Port", port)]
        hosts = [text for name in names for text in (f"--{name}Host", "127.0.0.1")]
        accounts = ";".join(f"account{number}:{_KEY}" for number in range(ACCOUNTS))
        # Without --skipApiVersionCheck it refuses every version of the service that is newer than itself.
        flags = ("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry")
        self._folder = tempfile.TemporaryDirectory()
        log = Path(self._folder.name, "log")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(self._executable), *hosts, *ports, *flags, *self._options],
                cwd=self._folder.name,
                env=os.environ | {"AZURITE_ACCOUNTS": accounts},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while len(found := _LISTENING.findall(log.read_text())) < len(names):
            if self._process.poll() is not None or time.monotonic() > deadline:
                output_text = log.read_text()
                self.kill()
                raise RuntimeError(f"Azurite did not start:\n{output_text}")
            time.sleep(0.05)
        self._scheme = found[0][0]
        self._ports = (found[0][1], found[1][1], found[2][1])

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def new_account(self) -> str:
        """The name of an account that nobody has used yet."""
        return f"account{next(self._numbers)}"

    def blob_endpoint(self, account: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self._ports[0]}/{account}"

    def table_endpoint(self, account: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self._ports[2]}/{account}"

    def queue_endpoint(self, account: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self._ports[1]}/{account}"

    def connection_string(self, account: str) -> str:
        return (
            f"AccountName={account};AccountKey={_KEY};"
            f"BlobEndpoint={self.blob_endpoint(account)};TableEndpoint={self.table_endpoint(account)};"
            f"QueueEndpoint={self.queue_endpoint(account)}"
        )


def find_azurite() -> Path:
    """Where Azurite is. Skips the test, or in CI fails it, when it is nowhere."""
    given = os.environ.get("AZURITE_BIN")
    executable = Path(given) if given else ROOT / "node_modules/.bin/azurite"
    if not executable.exists():
        reason = f"Azurite is not at {executable}: run npm ci, or set AZURITE_BIN"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return executable


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """The Azurite of this run."""
    server = Azurite(find_azurite())
    server.start()
    yield server
    server.kill()


@pytest.fixture
def azurite_connection(azurite: Azurite) -> str:
    """The connection string of a blank account."""
    return azurite.connection_string(azurite.new_account())
