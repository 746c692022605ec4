"""The local stack: what each program is given, and that none of them is ever left behind."""

import base64
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from dialtone.errors import ConfigurationError, DependencyError
from dialtone.stack import Host, Stack
from tests.fakes import gone, make_app, noted

PROGRAMS = ("azurite", "devhost", "media_worker", "simulator")
FUNC = f"""#!{sys.executable}
import http.server, json, os, pathlib, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Health)
pathlib.Path("func.json").write_text(json.dumps(dict(pid=os.getpid(), argv=sys.argv[1:], environment=dict(os.environ))))
server.serve_forever()
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Azurite and no Core Tools but the test's own."""
    monkeypatch.delenv("AZURITE_BIN", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return make_app(tmp_path)


def make_stack(app: Path, *, bot: str = "bots.hello:bot", host: Host = "devhost", keep: bool = False) -> Stack:
    return Stack(app, bot=bot, host=host, keep=keep, usual_ports=False, environment={"DIALTONE_SWEEP_AFTER": "1"})


def all_gone(app: Path) -> bool:
    return all(gone(noted(app, name)["pid"]) for name in PROGRAMS)


def answers(url: str) -> bool:
    host, port = url.removeprefix("http://").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def test_each_program_gets_what_it_needs(app: Path) -> None:
    with make_stack(app) as stack:
        functions = noted(app, "devhost")["environment"]
        worker = noted(app, "media_worker")
        simulator = noted(app, "simulator")
        storage = noted(app, "azurite")
        assert all(map(answers, [stack.functions_url, stack.worker_url, stack.simulator_url, *stack.storage_urls]))
    assert functions["DIALTONE_BOT"] == "bots.hello:bot"
    assert functions["DIALTONE_PUBLIC_URL"] == stack.functions_url
    assert functions["DIALTONE_AUTH"] == "loopback"
    assert functions["DIALTONE_SWEEP_AFTER"] == "1"
    assert functions["DIALTONE_STORAGE"] == functions["AzureWebJobsStorage"] == stack.connection
    assert len(base64.b64decode(functions["DIALTONE_APPSTATE_KEY"], validate=True)) == 32
    assert len(base64.b64decode(functions["DIALTONE_TICKET_KEY"], validate=True)) == 32
    for shared in ("DIALTONE_TICKET_KEY", "DIALTONE_SIGNAL_KEY", "DIALTONE_PUBLIC_URL"):
        assert functions[shared] == worker["environment"][shared]
    assert functions["DIALTONE_TICKET_KEY"] != functions["DIALTONE_APPSTATE_KEY"]
    assert "127.0.0.1" in functions["NO_PROXY"].split(",")
    assert simulator["argv"][:3] == ["serve", "--bot", stack.calls_url]
    assert stack.calls_url == f"{stack.functions_url}/api/calls"
    assert {"--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"} <= set(storage["argv"])
    assert [storage["argv"][storage["argv"].index(f"--{name}Host") + 1] for name in ("blob", "queue", "table")] == [
        "127.0.0.1"
    ] * 3
    assert (app / ".dialtone" / "logs" / "functions.log").read_text().startswith("devhost: ready")


def test_nothing_is_left_after_a_stop(app: Path) -> None:
    with make_stack(app):
        pass
    assert all_gone(app)


def test_nothing_is_left_after_an_exception(app: Path) -> None:
    with pytest.raises(ZeroDivisionError), make_stack(app):
        _ = 1 / 0
    assert all_gone(app)


def test_functions_that_are_killed_come_back_as_they_were(app: Path) -> None:
    with make_stack(app) as stack:
        before = noted(app, "devhost")
        stack.functions.kill()
        assert not stack.functions.running
        assert gone(before["pid"])
        (address,) = stack.functions.start()
        after = noted(app, "devhost")
        stack.check()
    assert address == stack.functions_url
    assert after["pid"] != before["pid"]
    assert after["argv"] == before["argv"]
    assert after["environment"] == before["environment"]


def test_each_stack_has_keys_of_its_own(app: Path) -> None:
    keys = set()
    for _ in range(2):
        with make_stack(app):
            keys.add(noted(app, "devhost")["environment"]["DIALTONE_APPSTATE_KEY"])
    assert len(keys) == 2


def test_a_program_that_does_not_start_stops_the_others(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "devhost")
    with pytest.raises(DependencyError, match="functions ended with exit code 1 before it was ready") as caught:
        make_stack(app).start()
    assert caught.value.__notes__ == ["devhost is broken"]
    assert gone(noted(app, "azurite")["pid"])


def test_a_program_that_dies_is_noticed(app: Path) -> None:
    with make_stack(app) as stack:
        stack.check()
        os.kill(noted(app, "media_worker")["pid"], 9)
        assert gone(noted(app, "media_worker")["pid"])
        with pytest.raises(DependencyError, match="worker was ended by SIGKILL"):
            stack.check()


def test_a_free_port_is_taken_where_the_usual_one_is_not_free(app: Path) -> None:
    with socket.socket() as other, suppress(OSError):
        # Where this fails, somebody else has it, which is as good.
        other.bind(("127.0.0.1", 7071))
        other.listen()
        with Stack(app, host="devhost", simulator=False) as stack:
            assert stack.functions_url != "http://127.0.0.1:7071"
            assert answers(stack.functions_url)


def test_storage_that_is_kept_is_on_disk(app: Path) -> None:
    with make_stack(app, keep=True):
        storage = noted(app, "azurite")["argv"]
    assert storage[storage.index("--location") + 1] == str(app / ".dialtone" / "storage")
    assert "--inMemoryPersistence" not in storage


def test_core_tools_run_the_functions_where_they_are_installed(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    func = tmp_path / "bin" / "func"
    func.parent.mkdir()
    func.write_text(FUNC)
    func.chmod(0o755)
    monkeypatch.setenv("PATH", f"{func.parent}:/usr/bin:/bin")
    with make_stack(app, host="auto") as stack:
        note = noted(app, "func")
        assert answers(stack.functions_url)
    assert note["argv"] == ["start", "--port", stack.functions_url.rpartition(":")[2]]
    assert note["environment"]["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert note["environment"]["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert gone(note["pid"])
    with make_stack(app, host="devhost"):
        assert noted(app, "devhost")["argv"][0] == "--app-dir"


def test_core_tools_that_are_asked_for_have_to_be_there(app: Path) -> None:
    with pytest.raises(ConfigurationError, match="func is not on the PATH"):
        make_stack(app, host="func").start()
    assert gone(noted(app, "azurite")["pid"])


def test_a_missing_emulator_is_said(app: Path) -> None:
    (app / "node_modules" / ".bin" / "azurite").unlink()
    with pytest.raises(ConfigurationError, match="npm ci"):
        make_stack(app).start()


def test_a_folder_without_an_application_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no function_app\.py"):
        make_stack(tmp_path).start()
    assert not list(tmp_path.iterdir())


def test_storage_may_be_reached_another_way(app: Path) -> None:
    asked: list[str] = []

    def through(addresses: Sequence[str]) -> Sequence[str]:
        asked.extend(addresses)
        return ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"]

    with Stack(app, bot="bots.hello:bot", host="devhost", usual_ports=False, through=through) as stack:
        connection = noted(app, "devhost")["environment"]["DIALTONE_STORAGE"]
        assert asked == list(stack.storage_urls)
    assert "BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;" in connection
    assert all(url in stack.connection for url in asked)


def test_functions_may_keep_everything_in_memory(app: Path) -> None:
    with Stack(app, bot="bots.hello:bot", host="devhost", usual_ports=False, memory=True) as stack:
        environment = noted(app, "devhost")["environment"]
        assert not (app / "azurite.json").exists()
    assert environment["DIALTONE_STORAGE"] == stack.connection == "memory"
    assert "AzureWebJobsStorage" not in environment


def test_functions_may_be_served_over_tls(app: Path) -> None:
    tls = app / "server.pem", app / "server.key"
    with Stack(app, bot="bots.hello:bot", host="devhost", usual_ports=False, tls=tls) as stack:
        note = noted(app, "devhost")
    assert note["argv"][-4:] == ["--tls-cert", str(tls[0]), "--tls-key", str(tls[1])]
    assert stack.calls_url.startswith("https://127.0.0.1:")
    assert note["environment"]["DIALTONE_PUBLIC_URL"] == stack.functions_url
