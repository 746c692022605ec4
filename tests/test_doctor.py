"""`dialtone doctor` against the local stack: everything fine, and each of many things wrong, one at a time."""

import asyncio
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from dialtone.doctor import Finding, outside, read_settings, within
from dialtone.errors import ConfigurationError
from dialtone.stack import Stack
from dialtone.storage import open_storage
from functions.diagnosis import diagnose
from tests.azurite import find_azurite
from tests.fakes import COMMAND, ROOT, environment

KEY = "A" * 43 + "="
NOBODY = "http://127.0.0.1:9"
FINE = ["settings", "bot", "appstate key", "public address", "storage", "prompts"]
FINE_OUTSIDE = ["functions", "clock", "verification", "media worker", "ticket key"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("app")
    for name in ("function_app.py", "host.json", "functions", "bots"):
        (folder / name).symlink_to(ROOT / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURITE_BIN", str(find_azurite()))
        with Stack(folder, host="devhost", simulator=False, usual_ports=False) as stack:
            yield stack


def wrong(found: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.wrong]


def sound(stack: Stack) -> dict[str, str]:
    """Settings with which all is fine."""
    return {
        "DIALTONE_BOT": "bots.reception:bot",
        "DIALTONE_PUBLIC_URL": stack.functions_url,
        "DIALTONE_AUTH": "loopback",
        "DIALTONE_APPSTATE_KEY": KEY,
        "DIALTONE_TICKET_KEY": stack._ticket_key,
        "DIALTONE_STORAGE": stack.connection,
        "DIALTONE_MEDIA_URL": stack.worker_url,
    }


def doctor(stack: Stack, settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "doctor", *arguments]
    return subprocess.run(
        command, cwd=stack.app_dir, env=environment(**settings), capture_output=True, text=True, check=False
    )


@pytest.mark.stack
@pytest.mark.azurite
def test_all_is_fine(stack: Stack) -> None:
    done = doctor(stack, sound(stack))
    assert done.stdout == "".join(f"fine   {check}\n" for check in [*FINE, *FINE_OUTSIDE]), done.stderr
    assert done.returncode == 0


@dataclass
class Seed:
    """Settings that are otherwise than they should be, and what the doctor says of that."""

    name: str
    check: str
    said: str
    fix: str
    settings: dict[str, str] = field(default_factory=dict)


PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
CERTIFICATE = {"DIALTONE_AUTH": "certificate", "DIALTONE_CERTIFICATE_ROOTS": PEM}
JWT = {"DIALTONE_AUTH": "jwt", "DIALTONE_APP_ID": "a"}

SEEDS = [
    Seed("no bot", "settings", "DIALTONE_BOT: the setting is missing", "name the bot", {"DIALTONE_BOT": ""}),
    Seed("a bot that is not there", "bot", "'bots.nowhere:bot' cannot be loaded", "module:attribute",
         {"DIALTONE_BOT": "bots.nowhere:bot"}),
    Seed("a short key", "appstate key", "fewer than 32 bytes", "32 random bytes", {"DIALTONE_APPSTATE_KEY": "QUJD"}),
    Seed("a key of the vault", "settings", "the vault's secret was not put in its place", "Key Vault Secrets User",
         {"DIALTONE_APPSTATE_KEY": "@Microsoft.KeyVault(SecretUri=https://kv.test/secrets/appstate-key)"}),
    Seed("an unknown way", "settings", "'jwts' is no way to verify", "use one of", {"DIALTONE_AUTH": "jwts"}),
    Seed("verification off in public", "public address", "verification is off", "set it to jwt",
         {"DIALTONE_PUBLIC_URL": "https://bot.test"}),
    Seed("calls back by http", "public address", "calls back by http", "use https",
         {"DIALTONE_PUBLIC_URL": "http://bot.test"}),
    Seed("no app id", "settings", "DIALTONE_APP_ID: the setting is missing", "bot's app id", {"DIALTONE_AUTH": "jwt"}),
    Seed("an issuer out of reach", "token issuer", "127.0.0.1:9", "", JWT | {"DIALTONE_JWT_METADATA": f"{NOBODY}/x"}),
    Seed("roots that are none", "client certificates", "DIALTONE_CERTIFICATE_ROOTS", "PEM", CERTIFICATE),
    Seed("a short key of the worker's signals", "signal key", "fewer than 32 bytes", "openssl rand",
         {"DIALTONE_SIGNAL_KEY": "QUJD"}),
    Seed("a canary's key that is none", "canary keys", "DIALTONE_CANARY_KEYS", "openssl pkey",
         {"DIALTONE_CANARY_KEYS": "x"}),
    Seed("no storage", "storage", "", "", {"DIALTONE_STORAGE": ""}),
    Seed("storage out of reach", "storage", "", "is up and can be reached",
         {"DIALTONE_STORAGE": f"AccountName=a;AccountKey={KEY};BlobEndpoint={NOBODY}/a;TableEndpoint={NOBODY}/a"}),
    Seed("a wrong key of storage", "storage", "403", "the roles Storage Table Data Contributor", {}),
]  # fmt: skip


OUTSIDE_SEEDS = [
    Seed("functions that do not run", "functions", "does not answer", "see that it runs", {"target": NOBODY}),
    Seed("a worker that does not run", "media worker", "does not answer", "see that it runs", {"worker": NOBODY}),
    Seed("a worker with another key", "ticket key", "the worker has another key", "alike for both", {"key": KEY}),
    Seed("a ticket key that is none", "ticket key", "not base64", "openssl rand", {"key": "?"}),
    Seed("no route for Event Grid", "event grid", "the handshake is not answered: 404", "deploy a bot with this route",
         {"events": "/api/acs/nothing"}),
]  # fmt: skip


def is_named(seed: Seed, found: Iterable[Finding]) -> None:
    (finding,) = wrong(found)
    assert finding.check == seed.check
    assert seed.said in finding.wrong
    assert seed.fix in finding.fix
    assert finding.fix


@pytest.mark.stack
@pytest.mark.azurite
@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
async def test_what_is_wrong_within_is_named(stack: Stack, seed: Seed) -> None:
    """What the app finds out about itself; that the command passes it on is shown by what is fine, and by prompts."""
    settings = sound(stack) | seed.settings
    if seed.name == "a wrong key of storage":
        settings["DIALTONE_STORAGE"] = re.sub("AccountKey=[^;]+", f"AccountKey={KEY}", stack.connection)
    is_named(seed, [Finding(**asdict(finding)) async for finding in diagnose(settings)])


@pytest.mark.stack
@pytest.mark.azurite
@pytest.mark.parametrize("seed", OUTSIDE_SEEDS, ids=lambda seed: seed.name)
def test_what_is_wrong_outside_is_named(stack: Stack, seed: Seed) -> None:
    given = seed.settings
    events = stack.functions_url + given["events"] if "events" in given else ""
    settings = {"DIALTONE_TICKET_KEY": given.get("key", stack._ticket_key)}
    worker = given.get("worker", stack.worker_url)
    is_named(seed, outside(given.get("target", stack.functions_url), worker, events, settings))


def test_there_are_seeds_enough() -> None:
    assert len(SEEDS) + len(OUTSIDE_SEEDS) >= 12


BAD_PROMPTS = {
    "empty.txt": (b" \n", "the file is empty"),
    "noise.wav": (b"MP3 in disguise", "its name says wav, and it is"),
    "wel come.txt": (b"Welcome", "its name is none of a prompt"),
}


@pytest.mark.stack
@pytest.mark.azurite
def test_prompts_that_are_not_heard_are_named(stack: Stack, azurite_connection: str) -> None:
    async def upload() -> None:
        storage = open_storage(azurite_connection)
        container = storage.backend.container("prompts")
        for name, (data, _) in (BAD_PROMPTS | {"good.txt": (b"Good morning", "")}).items():
            await container.put(name, data, "text/plain", {}, overwrite=True)
        await storage.close()

    asyncio.run(upload())
    done = doctor(stack, sound(stack) | {"DIALTONE_STORAGE": azurite_connection}, "--json")
    wrong = [each["wrong"] for each in json.loads(done.stdout) if each["wrong"]]
    assert len(wrong) == len(BAD_PROMPTS)
    for name, (_, said) in BAD_PROMPTS.items():
        assert any(name in each and said in each for each in wrong)


class Front(BaseHTTPRequestHandler):
    """A front door that answers as it is told."""

    answers: dict[str, tuple[int, Any]] = {}

    def do_GET(self) -> None:
        status, body = self.answers[self.path]
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def front() -> Iterator[str]:
    Front.answers = {"/api/health": (200, {}), "/api/calls": (401, {})}
    with HTTPServer(("127.0.0.1", 0), Front) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_door_that_asks_for_proof(front: str) -> None:
    assert wrong(outside(front, "", "", {})) == []


@pytest.mark.parametrize("status", [200, 204])
def test_a_door_that_stands_open(front: str, status: int) -> None:
    Front.answers["/api/calls"] = (status, {})
    (finding,) = wrong(outside(front, "", "", {}))
    assert (finding.check, finding.wrong) == ("verification", "a callback without any proof is let in")


def test_what_the_functions_say_is_passed_on(front: str) -> None:
    error = {
        "code": "CONFIGURATION",
        "message": "the setting is missing",
        "field": "DIALTONE_BOT",
        "fix": "name the bot",
    }
    Front.answers = {"/api/health": (500, {"error": error}), "/api/calls": (500, {"error": error})}
    functions, door = wrong(outside(front, "", "", {}))
    assert (functions.wrong, functions.fix) == ("DIALTONE_BOT: the setting is missing", "name the bot")
    assert door.check == "verification"


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_a_wrong_clock(front: str, skew: int) -> None:
    (finding,) = wrong(outside(front, "", "", {}, lambda: time.time() + skew))
    assert finding.check == "clock"
    assert f"{skew:+}" in finding.wrong or f"{skew - 1:+}" in finding.wrong or f"{skew + 1:+}" in finding.wrong


def test_an_address_in_the_open_is_not_asked() -> None:
    (finding,) = outside("http://bot.test", "", "", {})
    assert finding.check == "https"


def test_event_grid_is_answered(front: str) -> None:
    Front.answers["/events"] = (200, {"validationResponse": "dialtone-doctor"})
    assert wrong(outside(front, "", f"{front}/events", {})) == []


def test_settings_of_a_deployed_app(tmp_path: Path) -> None:
    listed = tmp_path / "settings.json"
    listed.write_text(json.dumps([{"name": "DIALTONE_BOT", "value": "a:b", "slotSetting": False}]))
    assert read_settings(tmp_path, listed, {"DIALTONE_BOT": "c:d"}) == {"DIALTONE_BOT": "a:b"}
    listed.write_text("{}")
    assert read_settings(tmp_path, listed, {}) == {}
    listed.write_text('{"a": 1}')
    with pytest.raises(ConfigurationError, match="settings"):
        read_settings(tmp_path, listed, {})


def test_local_settings(tmp_path: Path) -> None:
    assert read_settings(tmp_path, None, {"A": "1"}) == {"A": "1"}
    (tmp_path / "local.settings.json").write_text('{"Values": {"A": "2", "B": "3"}}')
    assert read_settings(tmp_path, None, {"A": "1"}) == {"A": "1", "B": "3"}


def test_a_folder_without_an_app(tmp_path: Path) -> None:
    (finding,) = within(tmp_path, {})
    assert finding.wrong == f"there is no function_app.py in {tmp_path}"


def test_an_app_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").touch()
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/__init__.py").write_text("import nothing_of_that_name")
    (finding,) = within(tmp_path, {})
    assert finding.wrong == "it cannot be looked at: ModuleNotFoundError: No module named 'nothing_of_that_name'"


def test_a_look_that_breaks_off_is_said(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").touch()
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions/__init__.py").touch()
    broken = 'print(\'{"check": "settings"}\', flush=True)\nraise TypeError("of our own")\n'
    (tmp_path / "functions/diagnosis.py").write_text(broken)
    settings, app = within(tmp_path, {})
    assert (settings.wrong, app.check, app.wrong) == ("", "app", "it cannot be looked at: TypeError: of our own")
