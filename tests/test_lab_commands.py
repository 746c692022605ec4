"""The experiments of the `dialtone` command, run as a program: on the project's own application, and on tiny ones."""

import json
from pathlib import Path

import pytest

from tests.azurite import find_azurite
from tests.fakes import ROOT, make_app, noted
from tests.ledgers import GOOD
from tests.test_cli import BOT, dialtone

HELLO = "name: Hello\nsteps: [{hear: Watson}]\nexpect: {ended_by: bot}\n"


@pytest.fixture
def real_app(tmp_path: Path) -> Path:
    """The project's own application, in a folder where it leaves nothing of an author's in the way."""
    for name in ("function_app.py", "host.json", "functions", "bots"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "hello.yaml").write_text(HELLO)
    return tmp_path


@pytest.mark.stack
@pytest.mark.azurite
def test_a_storm_over_a_sample_bot(real_app: Path) -> None:
    """Real TLS, real tokens, real storage that fails, a host that is really killed: each third fault at a gap."""
    (real_app / "other.yaml").write_text(HELLO.replace("steps:", "platforms: [acs]\nsteps:", 1))
    scripts = ("--script", "hello.yaml", "--script", "other.yaml")
    arguments = ("storm", "bots.hello:bot", *scripts, "--seed", "7", "--every", "3")
    done = dialtone(real_app, *arguments, AZURITE_BIN=str(find_azurite()))
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert told[-1] == "PASS: all 12 calls stood the storm (seed 7)"
    assert any(" is left out: it is for acs" in line for line in told)
    stood = [line.split("│")[1].strip() for line in told if " ok 1 " in line]
    assert {"storage=1", "kill=before", "bad_token=signature", "skew=240", "no_callback"} <= set(stood)
    assert not (real_app / ".dialtone" / "storm").exists()


@pytest.mark.stack
def test_many_calls_of_a_real_bot_the_same_each_time(real_app: Path) -> None:
    arguments = ("call", "hello.yaml", "--bot-module", "bots.hello:bot", "--times", "30", "--seed", "7", "--json")
    documents = []
    for _ in range(2):
        done = dialtone(real_app, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        documents.append(json.loads(done.stdout))
    assert documents[0]["ok"]
    for document in documents:
        assert (document["summary"]["calls"], document["summary"]["requests"]) == (30, 60)
    another = ("--bot-module", "bots.reception:bot")
    refused = dialtone(real_app, "call", "hello.yaml", "--times", "2", "--seed", "7", *another)
    assert refused.returncode == 1
    assert "  again: dialtone call hello.yaml --seed 8" in refused.stdout.splitlines()


@pytest.mark.stack
@pytest.mark.azurite
@pytest.mark.parametrize(("platform", "more"), [("acs", ()), ("teams", ("--times", "3"))])
def test_calls_and_faults_on_a_platform_of_commands(platform: str, more: tuple[str, ...], real_app: Path) -> None:
    """Tokens both ways, secrets, a real host that is killed: in one call, and in a row of them."""
    arguments = ("call", "hello.yaml", "--platform", platform, "--bot-module", "bots.hello:bot", "--json")
    faults = ("--fault", "kill=before@2", "--fault", "bad_token=missing@0")
    done = dialtone(real_app, *arguments, *faults, *more, AZURITE_BIN=str(find_azurite()))
    assert done.returncode == 0, done.stdout + done.stderr
    refused = dialtone(real_app, *arguments, "--bot", "http://127.0.0.1:1/api/acs/events")
    assert refused.returncode == 2
    assert f"dialtone run --platform {platform}" in refused.stderr


def test_the_simulator_is_told_what_goes_wrong_and_how_to_prove_itself(tmp_path: Path) -> None:
    app = make_app(tmp_path, GOOD)
    more = ("--fault", "drop=1@0", "--fault", "slow=3@1", "--jwt", "my-app", "--client-cert", "call.yaml")
    done = dialtone(app, "call", "call.yaml", *BOT, *more)
    assert done.returncode == 0, done.stderr
    assert noted(app, "call")["argv"][6:] == [
        *("--fault", "drop=1@0", "--fault", "slow=3@1", "--client-cert", str(app / "call.yaml")),
        *("--jwt", "my-app", "--issuer-port", "0"),
    ]


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    done = dialtone(tmp_path, "storm", "--script", "absent.yaml")
    assert done.returncode == 2
    assert "there is no script absent.yaml" in done.stderr


@pytest.mark.stack
def test_a_crowd_rings_a_real_bot(real_app: Path) -> None:
    arguments = ("load", "hello.yaml", "--callers", "10", "--arrivals", "burst", "--for", "1", "--seed", "7")
    done = dialtone(real_app, *arguments, "--bot-module", "bots.hello:bot")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-2:] == [
        "Report: .dialtone/load.html",
        "PASS: all 10 calls ended as expected",
    ]
    assert "10 (burst over 1 s, seed 7)" in done.stdout
    assert "<svg" in (real_app / ".dialtone" / "load.html").read_text()


def test_a_crowd_stays_on_this_machine(real_app: Path) -> None:
    done = dialtone(real_app, "load", "hello.yaml", "--bot", "https://bot.example/api/calls")
    assert done.returncode == 2
    assert "problem: https://bot.example/api/calls is not on this machine; say --remote" in done.stderr


def test_another_bot_needs_a_script(tmp_path: Path) -> None:
    done = dialtone(tmp_path, "storm", "bots.media:bot")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "problem: no scripts come with bots.media:bot [--script]",
        f"    fix: name a script of your own, or keep some in {ROOT / 'simulator' / 'scripts' / 'media'}",
    ]
